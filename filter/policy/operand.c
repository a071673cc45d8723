/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads operands: names and calls, literals, sets in braces, and the pieces of strings. Names
 * stay names here; what they mean is settled when they are resolved.
 */

#include "filter/policy/parse.h"

static bool is_one_of(const struct token *t, const char *const *words)
{
	for (; *words; words++)
		if (token_is_word(t, *words))
			return true;
	return false;
}

static bool is_operator(const struct token *t)
{
	static const char *const words[] = {"is",       "in",     "not",  "matches",
					    "contains", "starts", "ends", NULL};

	return is_one_of(t, words) || (t->kind == TOKEN_MARK && strchr("<>=!", t->text.s[0]));
}

/* Can the token stand behind an operand that ends a comparison? */
static bool is_follower(const struct parser *p, const struct token *t)
{
	if (token_is_mark(t, "{"))
		return p->body;
	if (t->kind == TOKEN_MARK)
		return !strchr("([:", t->text.s[0]);
	return t->kind == TOKEN_END || cursor_joint(t) != JOINT_NONE ||
	       token_is_word(t, "unless") || cursor_looks_item(p, t);
}

bool parse_at_operand(const struct parser *p, const struct token *t)
{
	static const char *const joints[] = {"and", "or",   "not",    "is",
					     "in",  "when", "unless", NULL};
	struct token next = cursor_after(p, t, LEX_PLAIN);
	bool joint = is_one_of(t, joints);

	if (cursor_is_label(p, t))
		return false;
	if (is_operator(&next) && !(joint && token_is_word(&next, "not")))
		return true;
	if (joint)
		return is_follower(p, &next);
	return !cursor_looks_item(p, t) || (!t->first && next.first) || is_follower(p, &next);
}

bool parse_at_quantified(const struct parser *p, const struct token *t)
{
	struct token next = cursor_after(p, t, LEX_PLAIN);

	return t->kind == TOKEN_WORD && parse_at_operand(p, t) &&
	       (is_operator(&next) || (!is_operator(t) && !cursor_joint(t) &&
				       !cursor_is_clause(p, t) && !cursor_looks_item(p, t)));
}

/* ---- strings ---- */

static void push_literal(struct parser *p, struct text *text, struct str literal)
{
	if (literal.n > 0)
		*vec_push(p->arena, &text->pieces) = (struct text_piece){.literal = literal};
}

static void parse_name(struct parser *p, const struct token *t, struct operand *operand);

/* The fact of the "${" at `at`; returns where its "}" ends. */
static size_t parse_fact(struct parser *p, size_t at, size_t end, struct text *text)
{
	struct parser saved = *p;
	struct span open = {p->lex.source, at, at + 2};
	struct operand *fact = arena_new_of(p->arena, struct operand);
	size_t errors = diag_errors(p->diag);
	struct token t;

	if (!cursor_enter(p, open))
		return end;
	p->lex.limit = end;
	p->lex.inside = true;
	p->at = open.to;
	p->last = open;
	p->parens = 0;
	t = cursor_peek(p, LEX_OPERAND);
	if (t.kind == TOKEN_WORD) {
		t = cursor_take(p, LEX_OPERAND);
		parse_name(p, &t, fact);
		(*vec_push(p->arena, &text->pieces)).fact = fact;
	} else {
		cursor_unexpected(p, LEX_OPERAND, "a fact");
	}
	if (!cursor_mark(p, "}")) {
		if (diag_errors(p->diag) == errors)
			cursor_unexpected(p, LEX_PLAIN, "'}'");
		while (p->at < end && p->lex.source->text.s[p->at] != '}')
			p->at++;
		p->at += p->at < end;
	}
	at = p->at;
	saved.lost = p->lost;
	*p = saved;
	return at;
}

void parse_text(struct parser *p, const struct token *token, struct text *text)
{
	struct str all = p->lex.source->text;
	size_t i = (size_t)(token->text.s - all.s), end = i + token->text.n;
	struct buf literal = {.arena = p->arena};

	*text = (struct text){.span = token->span};
	if (token->problem == LEX_FACT_OPEN || token->problem == LEX_FACT_DEEP) {
		end = token->problem_at;
	} else if (token->problem != LEX_FINE) {
		push_literal(p, text, token->text);
		return;
	}
	while (i < end) {
		char c = all.s[i], next = i + 1 < end ? all.s[i + 1] : '\0';
		struct span span = {p->lex.source, i, i + 2};

		if (c == '$' && next == '{') {
			push_literal(p, text, buf_str(&literal));
			literal = (struct buf){.arena = p->arena};
			i = parse_fact(p, i, end, text);
			continue;
		}
		if (c == '$' && next != '$') {
			span.to--;
			diag_error(p->diag, span, "a single '$', write '$$' for a dollar");
		} else if (c == '\\' && next != '"' && next != '\\') {
			diag_error(
			    p->diag, span,
			    "a backslash stands before '\"' and '\\' only, write '\\\\' for one");
		} else if (c == '$' || c == '\\') {
			i++;
		}
		buf_putc(&literal, all.s[i++]);
	}
	push_literal(p, text, buf_str(&literal));
}

/* ---- other literals ---- */

/* "\/" is a slash; every other escape is the pattern's own. */
static struct str undo_slashes(struct parser *p, struct str text)
{
	struct buf out = {.arena = p->arena};

	for (size_t i = 0; i < text.n; i++) {
		if (text.s[i] == '\\' && i + 1 < text.n) {
			if (text.s[i + 1] != '/')
				buf_putc(&out, '\\');
			i++;
		}
		buf_putc(&out, text.s[i]);
	}
	return buf_str(&out);
}

static struct str check_flags(struct parser *p, const struct token *token)
{
	struct str flags = token->flags;
	size_t from = token->span.to - flags.n;

	for (size_t i = 0; i < flags.n; i++) {
		struct span span = {token->span.source, from + i, from + i + 1};

		if (flags.s[i] != 'i')
			diag_error(p->diag, span, "unknown flag '%c', a pattern knows only 'i'",
				   flags.s[i]);
	}
	return str_chr(flags, 'i') >= 0 ? STR("i") : STR("");
}

void parse_literal(struct parser *p, const struct token *token, struct operand *operand)
{
	static const enum operand_kind kinds[] = {
	    [TOKEN_WORD] = OPERAND_WORD,       [TOKEN_STRING] = OPERAND_STRING,
	    [TOKEN_ADDRESS] = OPERAND_ADDRESS, [TOKEN_PATTERN] = OPERAND_PATTERN,
	    [TOKEN_NUMBER] = OPERAND_NUMBER,   [TOKEN_DURATION] = OPERAND_DURATION,
	    [TOKEN_SIZE] = OPERAND_SIZE,       [TOKEN_CODE] = OPERAND_CODE,
	    [TOKEN_IP] = OPERAND_IP,
	};

	*operand = (struct operand){.kind = kinds[token->kind], .span = token->span};
	operand->number = token->number;
	switch (token->kind) {
	case TOKEN_STRING:
		parse_text(p, token, &operand->text);
		break;
	case TOKEN_PATTERN:
		operand->word = undo_slashes(p, token->text);
		operand->flags = check_flags(p, token);
		break;
	default:
		operand->word = token->text;
		break;
	}
}

/* ---- sets ---- */

void parse_braces(struct parser *p, struct operand *set)
{
	struct span open = p->last;
	size_t end, levels = 1;
	enum braces how = cursor_braces(p, p->at, &end);
	bool told = false;

	*set = (struct operand){.kind = OPERAND_SET, .span = open};
	while (levels > 0) {
		struct token t = cursor_peek(p, LEX_ITEM);
		bool brace = token_is_mark(&t, "{") || token_is_mark(&t, "}");

		if (how == BRACES_OPEN && t.span.from >= end) {
			diag_error(p->diag, open,
				   "the '{' is not closed, write '}' behind the last item");
			break;
		}
		if (t.kind == TOKEN_MARK && !told && !token_is_mark(&t, "}")) {
			if (token_is_mark(&t, "{"))
				diag_error(p->diag, t.span, "braces do not stand inside a set");
			else if (token_is_mark(&t, ","))
				diag_error(p->diag, t.span, "items stand without commas in braces");
			else
				cursor_unexpected(p, LEX_ITEM, "an item");
			told = true;
		}
		t = cursor_take(p, LEX_ITEM);
		if (brace) {
			levels = token_is_mark(&t, "{") ? levels + 1 : levels - 1;
			if (levels > 0)
				how = cursor_braces(p, p->at, &end);
		} else if (t.kind != TOKEN_MARK && t.kind != TOKEN_WRONG) {
			parse_literal(p, &t, vec_push(p->arena, &set->items));
		}
	}
	set->span = cursor_since(p, open);
}

/* ---- names and operands ---- */

/* The arguments behind a "(" that was taken, up to and with its ")". */
static void parse_arguments(struct parser *p, struct operand *call)
{
	struct span open = p->last;
	size_t errors = diag_errors(p->diag);

	if (!cursor_enter(p, open)) {
		cursor_skip_nested(p, "(", ")");
		return;
	}
	p->parens++;
	while (!cursor_mark(p, ")")) {
		struct operand argument;
		size_t before = p->at;

		if (parse_operand(p, &argument, "an argument"))
			*vec_push(p->arena, &call->items) = argument;
		else
			cursor_sync(p, SYNC_COMMA | SYNC_CLAUSE);
		if (cursor_word(p, "per")) {
			*vec_push(p->arena, &call->items) = (struct operand){
			    .kind = OPERAND_WORD, .span = p->last, .word = STR("per")};
			continue;
		}
		if (cursor_mark(p, ",")) {
			struct token t = cursor_peek(p, LEX_PLAIN);

			if (token_is_mark(&t, ")"))
				cursor_missing(p, "an argument");
			continue;
		}
		if (cursor_mark(p, ")"))
			break;
		if (diag_errors(p->diag) == errors) {
			cursor_unexpected(p, LEX_PLAIN, "',' or ')'");
			diag_note(p->diag, open, "the '(' that is open stands here");
		}
		cursor_sync(p, SYNC_COMMA | SYNC_CLAUSE);
		if (p->at == before || !cursor_mark(p, ",")) {
			cursor_mark(p, ")");
			break;
		}
	}
	p->parens--;
	p->depth--;
}

static void parse_name(struct parser *p, const struct token *t, struct operand *operand)
{
	*operand = (struct operand){.kind = OPERAND_WORD, .span = t->span, .word = t->text};
	if (!cursor_mark(p, "("))
		return;
	operand->called = true;
	parse_arguments(p, operand);
	operand->span = cursor_since(p, t->span);
}

/* "5 MB": the unit is meant to touch its number. */
static void join_unit(struct parser *p, struct operand *operand)
{
	struct token t = cursor_peek(p, LEX_PLAIN);
	struct str joined =
	    str_printf(p->arena, STR_FMT STR_FMT, STR_ARG(operand->word), STR_ARG(t.text));
	enum lex_problem problem;
	enum token_kind kind;
	int64_t number;
	size_t at;

	if (t.kind != TOKEN_WORD || t.first || cursor_is_label(p, &t))
		return;
	kind = literal_classify(joined, &number, &problem, &at);
	if (kind != TOKEN_DURATION && kind != TOKEN_SIZE)
		return;
	cursor_take(p, LEX_PLAIN);
	operand->span = span_join(operand->span, t.span);
	diag_error(p->diag, operand->span, "a unit touches its number, write '" STR_FMT "'",
		   STR_ARG(joined));
	operand->kind = kind == TOKEN_SIZE ? OPERAND_SIZE : OPERAND_DURATION;
	operand->number = number;
}

bool parse_operand(struct parser *p, struct operand *operand, const char *what)
{
	struct token t = cursor_peek(p, LEX_OPERAND);

	if (t.kind == TOKEN_WRONG) {
		cursor_take(p, LEX_OPERAND);
		return false;
	}
	if (t.kind == TOKEN_END || (t.kind == TOKEN_WORD && !parse_at_operand(p, &t)) ||
	    (t.kind == TOKEN_MARK && t.text.s[0] != '{' && t.text.s[0] != '[') ||
	    (token_is_mark(&t, "{") && p->body && cursor_begins_body(p, &t))) {
		cursor_missing(p, what);
		return false;
	}
	t = cursor_take(p, LEX_OPERAND);
	if (t.kind == TOKEN_WORD) {
		parse_name(p, &t, operand);
	} else if (token_is_mark(&t, "{")) {
		parse_braces(p, operand);
	} else if (t.kind == TOKEN_MARK) {
		diag_error(p->diag, t.span, "a set stands in braces, write '{ ... }'");
		while (!cursor_mark(p, "]") && !cursor_at_stop(p))
			p->at = cursor_peek(p, LEX_PLAIN).span.to;
		*operand = (struct operand){.kind = OPERAND_SET, .span = cursor_since(p, t.span)};
	} else {
		parse_literal(p, &t, operand);
		if (operand->kind == OPERAND_NUMBER)
			join_unit(p, operand);
	}
	return true;
}
