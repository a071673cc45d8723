/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parser's place in the source: looks ahead, takes tokens, tells where an item begins, and
 * finds the way back to firm ground after a mistake. Keywords are contextual, so an item's first
 * word counts only with what follows it.
 */

#include "filter/policy/parse.h"

/* A message's name for a token: quoted text of at most 40 bytes. */
#define NAME_SIZE 64

struct keyword {
	const char *word;
	enum token_kind next; /* what follows where the word begins an item; END: anything */
};

static const struct keyword keywords[] = {
    {"set", TOKEN_WORD}, {"table", TOKEN_WORD},  {"define", TOKEN_WORD}, {"include", TOKEN_STRING},
    {"if", TOKEN_END},   {"assert", TOKEN_WORD}, {"test", TOKEN_STRING}, {"observe", TOKEN_WORD},
};

struct token cursor_peek(const struct parser *p, enum lex_mode mode)
{
	return lex_token(&p->lex, p->at, mode);
}

struct token cursor_after(const struct parser *p, const struct token *token, enum lex_mode mode)
{
	return lex_token(&p->lex, token->span.to, mode);
}

struct token cursor_take(struct parser *p, enum lex_mode mode)
{
	struct token token = cursor_peek(p, mode);

	token_report(&token, p->diag);
	p->at = token.span.to;
	p->last = token.span;
	return token;
}

bool cursor_word(struct parser *p, const char *word)
{
	struct token token = cursor_peek(p, LEX_PLAIN);

	if (!token_is_word(&token, word))
		return false;
	cursor_take(p, LEX_PLAIN);
	return true;
}

bool cursor_mark(struct parser *p, const char *mark)
{
	struct token token = cursor_peek(p, LEX_PLAIN);

	if (!token_is_mark(&token, mark))
		return false;
	cursor_take(p, LEX_PLAIN);
	return true;
}

struct span cursor_since(const struct parser *p, struct span from)
{
	return span_join(from, p->last);
}

size_t cursor_column(const struct token *token)
{
	const char *s = token->span.source->text.s;
	size_t start = token->span.from;

	while (start > 0 && s[start - 1] != '\n')
		start--;
	return token->span.from - start + 1;
}

/* ---- where items begin ---- */

const char *cursor_action(const struct parser *p, const struct token *t, int *words_r)
{
	struct token next = cursor_after(p, t, LEX_PLAIN);
	const char *single = NULL;

	if (t->kind != TOKEN_WORD)
		return NULL;
	for (size_t i = 0; i < p->action_count; i++) {
		struct str name = str_of(p->actions[i]);

		if (str_eq(name, t->text)) {
			single = p->actions[i];
		} else if (next.kind == TOKEN_WORD && name.n == t->text.n + 1 + next.text.n &&
			   str_starts(name, t->text) && name.s[t->text.n] == ' ' &&
			   str_ends(name, next.text)) {
			*words_r = 2;
			return p->actions[i];
		}
	}
	*words_r = 1;
	return single;
}

bool cursor_known(const struct parser *p, const char *name)
{
	size_t i = 0;

	while (i < p->action_count && strcmp(p->actions[i], name) != 0)
		i++;
	return i < p->action_count;
}

/* Is the word the first of an action of two, as "add" of "add header"? */
static bool begins_pair(const struct parser *p, struct str word)
{
	for (size_t i = 0; i < p->action_count; i++) {
		struct str name = str_of(p->actions[i]);

		if (name.n > word.n && str_starts(name, word) && name.s[word.n] == ' ')
			return true;
	}
	return false;
}

/*
 * A misspelt action begins an item too, where the layout says so: first on its line, not
 * indented deeper than the item before, and with something behind it on the line. No policy
 * that is right depends on this but one with an argument that looks like an action and that
 * stands so.
 */
static bool looks_misspelt(const struct parser *p, const struct token *t)
{
	struct token next = cursor_after(p, t, LEX_PLAIN);

	if (!cursor_outdented(p, t) || next.first)
		return false;
	if (next.kind == TOKEN_WORD &&
	    diag_nearest(str_sub(t->span.source->text, t->span.from, next.span.to - t->span.from),
			 p->actions, p->action_count))
		return true;
	return begins_pair(p, t->text) ||
	       diag_nearest(t->text, (const char *const *)p->starters, p->starter_count);
}

bool cursor_is_label(const struct parser *p, const struct token *t)
{
	struct token next = cursor_after(p, t, LEX_OPERAND);

	return t->kind == TOKEN_WORD && token_is_mark(&next, ":");
}

bool cursor_is_clause(const struct parser *p, const struct token *t)
{
	return (token_is_word(t, "when") || token_is_word(t, "unless")) && !cursor_is_label(p, t);
}

bool cursor_looks_item(const struct parser *p, const struct token *t)
{
	struct token next = cursor_after(p, t, LEX_PLAIN);
	int words;

	if (t->kind != TOKEN_WORD || t->problem != LEX_FINE)
		return false;
	if (cursor_is_label(p, t))
		return true;
	/* "greylist remember 36d", "score(x)": no action begins with a duration, or is called. */
	if (cursor_action(p, t, &words))
		return next.kind != TOKEN_DURATION && !token_is_mark(&next, "(");
	for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++)
		if (token_is_word(t, keywords[i].word))
			return keywords[i].next == TOKEN_END || keywords[i].next == next.kind;
	return false;
}

bool cursor_begins_item(const struct parser *p, size_t at)
{
	struct token t = lex_token(&p->lex, at, LEX_OPERAND);

	return cursor_looks_item(p, &t) || looks_misspelt(p, &t);
}

bool cursor_outdented(const struct parser *p, const struct token *t)
{
	return t->kind == TOKEN_WORD && t->first && cursor_column(t) <= p->margin;
}

bool cursor_begins_body(const struct parser *p, const struct token *brace)
{
	struct token next = cursor_after(p, brace, LEX_PLAIN);

	return token_is_mark(&next, "}") || cursor_begins_item(p, brace->span.to);
}

bool cursor_at_stop(const struct parser *p)
{
	struct token t = cursor_peek(p, LEX_OPERAND);

	return t.kind == TOKEN_END || token_is_mark(&t, "}") || token_is_mark(&t, ";") ||
	       cursor_begins_item(p, p->at);
}

enum braces cursor_braces(const struct parser *p, size_t at, size_t *end_r)
{
	size_t item = 0; /* where the first line begins that looks like an item */

	for (;;) {
		struct token t = lex_token(&p->lex, at, LEX_ITEM);

		*end_r = t.span.from;
		if (token_is_mark(&t, "}"))
			return BRACES_CLOSED;
		if (token_is_mark(&t, "{") && item == 0)
			return BRACES_NESTED;
		if (t.kind == TOKEN_END || token_is_mark(&t, "{")) {
			if (item > 0)
				*end_r = item;
			return BRACES_OPEN;
		}
		if (item == 0 && t.first && cursor_begins_item(p, at))
			item = at;
		at = t.span.to;
	}
}

enum joint cursor_joint(const struct token *t)
{
	if (token_is_mark(t, "&&") || token_is_mark(t, "&"))
		return JOINT_AND;
	if (token_is_mark(t, "||") || token_is_mark(t, "|"))
		return JOINT_OR;
	if (t->kind != TOKEN_WORD)
		return JOINT_NONE;
	return str_caseeq(t->text, STR("and"))  ? JOINT_AND
	       : str_caseeq(t->text, STR("or")) ? JOINT_OR
						: JOINT_NONE;
}

/* ---- mistakes ---- */

void cursor_unexpected(struct parser *p, enum lex_mode mode, const char *what)
{
	struct token token = cursor_peek(p, mode);
	char buf[NAME_SIZE];

	if (token.problem != LEX_FINE)
		token_report(&token, p->diag);
	else
		diag_error(p->diag, token.span, "%s is expected, not %s", what,
			   token_describe(&token, buf, sizeof(buf)));
}

void cursor_missing(struct parser *p, const char *what)
{
	struct token last = {.kind = TOKEN_WORD, .span = p->last};
	char buf[NAME_SIZE];

	diag_error(p->diag, p->last, "%s is missing behind %s", what,
		   token_describe(&last, buf, sizeof(buf)));
}

void cursor_sync(struct parser *p, unsigned where)
{
	while (!cursor_at_stop(p)) {
		struct token t = cursor_peek(p, LEX_OPERAND);
		size_t end;

		if ((where & SYNC_JOINT) && cursor_joint(&t) != JOINT_NONE)
			return;
		if ((where & SYNC_CLAUSE) && (cursor_is_clause(p, &t) || cursor_outdented(p, &t)))
			return;
		if ((where & SYNC_COMMA) && token_is_mark(&t, ","))
			return;
		if (p->parens > 0 && token_is_mark(&t, ")"))
			return;
		if (token_is_mark(&t, "{")) {
			if (p->body && cursor_begins_body(p, &t))
				return;
			p->at = cursor_braces(p, t.span.to, &end) == BRACES_CLOSED ? end + 1 : end;
			continue;
		}
		/* A string that is not closed is a mistake of its own wherever it stands. */
		if (t.kind == TOKEN_STRING)
			token_report(&t, p->diag);
		p->at = t.span.to;
	}
}

bool cursor_enter(struct parser *p, struct span span)
{
	if (p->depth < PARSE_DEPTH) {
		p->depth++;
		return true;
	}
	diag_error(p->diag, span, "nested deeper than %d levels", PARSE_DEPTH);
	return false;
}

void cursor_skip_nested(struct parser *p, const char *open, const char *close)
{
	size_t levels = 1;

	while (levels > 0) {
		struct token t = cursor_peek(p, LEX_OPERAND);

		if (t.kind == TOKEN_END)
			return;
		levels += token_is_mark(&t, open);
		levels -= token_is_mark(&t, close);
		p->at = t.span.to;
		p->last = t.span;
	}
}
