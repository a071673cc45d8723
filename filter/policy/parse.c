/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads a policy's items, one after the other: finds out which one begins, and reads groups and
 * assertions here; rules are in ruleparse.c, declarations in declare.c, tests in testparse.c.
 * Builds the tree and nothing else.
 */

#include "filter/policy/parse.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct item *parse_item(struct parser *p, bool grouped);

struct item *parse_new_item(struct parser *p, enum item_kind kind)
{
	struct item *item = arena_new_of(p->arena, struct item);

	item->kind = kind;
	return item;
}

/* ---- groups ---- */

/* The items of a group up to and with its '}'. `open` is the '{', or where one was forgotten. */
static void parse_body(struct parser *p, struct group *group, struct span open, bool real)
{
	if (!cursor_enter(p, open)) {
		cursor_skip_nested(p, "{", "}");
		return;
	}
	while (!cursor_mark(p, "}")) {
		struct token t = cursor_peek(p, LEX_PLAIN);
		struct item *item;

		if (t.kind == TOKEN_END) {
			if (real)
				diag_error(p->diag, open, "the '{' is not closed, write '}'");
			break;
		}
		item = parse_item(p, true);
		if (item)
			*vec_push(p->arena, &group->items) = item;
	}
	p->depth--;
}

static struct item *parse_group(struct parser *p, const struct token *keyword)
{
	struct item *item = parse_new_item(p, ITEM_GROUP);
	struct group *group = &item->group;
	struct clauses clauses = {0};
	bool outer = p->body;

	p->body = true;
	clauses.when = parse_condition(p);
	parse_clauses(p, &clauses);
	p->body = outer;
	group->condition = clauses.when;
	vec_move(&group->unless, &clauses.unless);
	group->span = cursor_since(p, keyword->span);
	if (cursor_mark(p, "{")) {
		parse_body(p, group, p->last, true);
	} else if (keyword->first) {
		diag_error(p->diag, keyword->span, "the '{' of this 'if' is missing");
		parse_body(p, group, keyword->span, false);
	} else {
		diag_error(p->diag, keyword->span,
			   "'if' begins a group, write 'when' for the condition of a rule");
	}
	return item;
}

/* ---- assertions: their form only ---- */

/*
 * One of the words, by its number in *index_r; false, behind what was to follow, if there is no
 * word at all.
 */
static bool check_word(struct parser *p, const char *const *words, size_t count, const char *what,
		       size_t *index_r, struct span *span_r)
{
	struct token t = cursor_peek(p, LEX_PLAIN);
	const char *nearest;
	int action;

	if (t.kind != TOKEN_WORD || cursor_is_clause(p, &t) ||
	    (parse_at_next_item(p) && !cursor_action(p, &t, &action))) {
		struct clauses rest = {0};

		cursor_missing(p, what);
		cursor_sync(p, SYNC_CLAUSE);
		parse_clauses(p, &rest);
		return false;
	}
	t = cursor_take(p, LEX_PLAIN);
	*span_r = t.span;
	for (*index_r = 0; *index_r < count; ++*index_r)
		if (token_is_word(&t, words[*index_r]))
			return true;
	*index_r = 0;
	nearest = diag_nearest(t.text, words, count);
	if (nearest)
		diag_error(p->diag, t.span, "'" STR_FMT "' is not %s, write '%s'", STR_ARG(t.text),
			   what, nearest);
	else
		diag_error(p->diag, t.span, "'" STR_FMT "' is not %s", STR_ARG(t.text), what);
	return true;
}

static const char *const outcomes[] = {"accept", "reject",  "defer",    "discard",
				       "hold",   "refused", "delivered"};

const char *outcome_name(enum outcome outcome)
{
	return outcomes[outcome];
}

static struct item *parse_assert(struct parser *p)
{
	static const char *const stages[] = {"connect", "helo",    "mail",   "rcpt",
					     "data",    "headers", "message"};
	struct item *item = parse_new_item(p, ITEM_ASSERT);
	struct assertion *assertion = &item->assertion;
	struct clauses clauses = {0};
	struct token t;
	size_t index;

	t = cursor_peek(p, LEX_PLAIN);
	assertion->negated = cursor_word(p, "not");
	if (!assertion->negated && (cursor_word(p, "never") || cursor_word(p, "no"))) {
		diag_error(p->diag, t.span, "an assertion says 'not', not '" STR_FMT "'",
			   STR_ARG(t.text));
		assertion->negated = true;
	}
	if (!check_word(p, outcomes, COUNT(outcomes), "an outcome", &index,
			&assertion->outcome_span))
		return item;
	assertion->outcome = (enum outcome)index;
	t = cursor_peek(p, LEX_PLAIN);
	assertion->by = cursor_word(p, "by");
	if (!assertion->by && token_is_word(&t, "at") && !cursor_is_label(p, &t)) {
		diag_error(p->diag, t.span, "a test says 'at', an assertion 'by' a stage");
		assertion->by = cursor_word(p, "at");
	}
	if (assertion->by) {
		if (!check_word(p, stages, COUNT(stages), "a stage", &index,
				&assertion->stage_span))
			return item;
		assertion->stage = str_of(stages[index]);
	}
	parse_clauses(p, &clauses);
	if (!clauses.when)
		cursor_missing(p, "'when'");
	assertion->when = clauses.when;
	vec_move(&assertion->unless, &clauses.unless);
	return item;
}

/* ---- items ---- */

enum keyword { SET, TABLE, DEFINE, INCLUDE, IF, ASSERT, TEST, KEYWORDS };

static const char *const keywords[KEYWORDS] = {"set", "table",  "define", "include",
					       "if",  "assert", "test"};

static enum keyword keyword_of(struct str word)
{
	enum keyword keyword = SET;

	while (keyword < KEYWORDS && !str_eq(word, str_of(keywords[keyword])))
		keyword++;
	return keyword;
}

/* An item by its keyword, which was taken. */
static struct item *parse_by_keyword(struct parser *p, enum keyword keyword, const struct token *t)
{
	switch (keyword) {
	case SET:
		return parse_set(p);
	case TABLE:
		return parse_table(p);
	case DEFINE:
		return parse_define(p);
	case INCLUDE:
		return parse_include(p);
	case IF:
		return parse_group(p, t);
	case ASSERT:
		return parse_assert(p);
	default:
		return parse_test(p, t);
	}
}

/*
 * What begins no item: a sign, a literal, a condition without an action. The rules of a body
 * that follows are read, so that their mistakes are found too.
 */
static struct item *parse_stray(struct parser *p, const struct token *t)
{
	struct item *item = parse_new_item(p, ITEM_GROUP);
	struct clauses clauses = {0};

	if (token_is_mark(t, ";")) {
		diag_error(p->diag, t->span,
			   t->first ? "a comment begins with '#'" : "nothing ends with ';' here");
		cursor_take(p, LEX_PLAIN);
		while (t->first && !cursor_peek(p, LEX_PLAIN).first &&
		       cursor_peek(p, LEX_PLAIN).kind != TOKEN_END)
			p->at = cursor_peek(p, LEX_PLAIN).span.to;
		return NULL;
	}
	if (t->kind != TOKEN_WORD) {
		cursor_unexpected(p, LEX_PLAIN, "a rule");
		if (!token_is_mark(t, "{"))
			p->at = t->span.to;
		if (t->problem != LEX_COMMENT)
			cursor_sync(p, 0);
		return NULL;
	}
	p->body = true;
	if (token_is_word(t, "else")) {
		cursor_take(p, LEX_PLAIN);
		diag_error(p->diag, t->span, "there is no 'else', write another 'if'");
	} else {
		diag_error(p->diag, t->span, "'" STR_FMT "' stands behind the action of a rule",
			   STR_ARG(t->text));
		parse_clauses(p, &clauses);
	}
	p->body = false;
	if (!cursor_mark(p, "{"))
		return NULL;
	item->group.condition = parse_broken(p, t->span);
	item->group.span = t->span;
	parse_body(p, &item->group, p->last, true);
	item->span = cursor_since(p, t->span);
	return item;
}

/* The keyword, or a rule, that begins at `t`; reports a misspelt keyword. */
static enum keyword find_keyword(struct parser *p, const struct token *t)
{
	enum keyword keyword = keyword_of(t->text);
	struct token next;
	struct str written;
	const char *nearest;
	int words;

	if (cursor_is_label(p, t) || cursor_action(p, t, &words) || token_is_word(t, "observe"))
		return KEYWORDS;
	if (keyword < KEYWORDS)
		return keyword;
	next = cursor_after(p, t, LEX_PLAIN);
	next = cursor_after(p, &next, LEX_PLAIN);
	nearest = token_is_mark(&next, "=") ? "define" : parse_nearest(p, t, &written);
	keyword = nearest ? keyword_of(str_of(nearest)) : KEYWORDS;
	if (keyword < KEYWORDS)
		diag_error(p->diag, t->span, "'" STR_FMT "' begins nothing, write '%s'",
			   STR_ARG(t->text), nearest);
	return keyword;
}

static struct item *parse_item(struct parser *p, bool grouped)
{
	struct token t = cursor_peek(p, LEX_PLAIN);
	enum keyword keyword;
	struct item *item;

	p->margin = t.first ? cursor_column(&t) : 1;
	if (t.kind != TOKEN_WORD || cursor_is_clause(p, &t) ||
	    (token_is_word(&t, "else") && !cursor_is_label(p, &t)))
		return parse_stray(p, &t);
	keyword = find_keyword(p, &t);
	if (keyword == KEYWORDS)
		return parse_rule(p);
	t = cursor_take(p, LEX_PLAIN);
	item = parse_by_keyword(p, keyword, &t);
	if (!item)
		return NULL;
	item->span = cursor_since(p, t.span);
	switch (item->kind) {
	case ITEM_SET:
		item->set.span = item->span;
		break;
	case ITEM_TABLE:
		item->table.span = item->span;
		break;
	case ITEM_DEFINE:
		item->define.span = item->span;
		break;
	case ITEM_INCLUDE:
		item->include.span = item->span;
		break;
	case ITEM_ASSERT:
		item->assertion.span = item->span;
		break;
	default:
		break;
	}
	if (!grouped || item->kind == ITEM_GROUP || item->kind == ITEM_INCLUDE)
		return item;
	diag_error(p->diag, t.span, "'%s' stands outside of groups", keywords[keyword]);
	*vec_push(p->arena, &p->tree->items) = item;
	return NULL;
}

/* The words that a misspelt first word of an item may have meant. */
static void gather_starters(struct parser *p)
{
	p->starters = arena_array(p->arena, p->action_count + COUNT(keywords) + 1, sizeof(char *));
	for (size_t i = 0; i < p->action_count; i++)
		p->starters[p->starter_count++] = p->actions[i];
	for (size_t i = 0; i < COUNT(keywords); i++)
		p->starters[p->starter_count++] = keywords[i];
	p->starters[p->starter_count++] = "observe";
}

struct tree *tree_parse(struct arena *arena, const struct source *source,
			const struct tree_words *words, struct diag *diag)
{
	struct parser p = {
	    .arena = arena,
	    .diag = diag,
	    .tree = arena_new_of(arena, struct tree),
	    .lex = {.source = source, .limit = source->text.n},
	    .actions = words->actions,
	    .last = {source, 0, 0},
	};
	struct token t;

	p.tree->source = source;
	while (words->actions[p.action_count])
		p.action_count++;
	gather_starters(&p);
	lex_bytes(source, diag);
	for (t = cursor_peek(&p, LEX_PLAIN); t.kind != TOKEN_END; t = cursor_peek(&p, LEX_PLAIN)) {
		struct item *item;

		if (cursor_mark(&p, "}")) {
			diag_error(diag, t.span, "'}' without '{'");
			continue;
		}
		item = parse_item(&p, false);
		if (item)
			*vec_push(arena, &p.tree->items) = item;
	}
	return p.tree;
}
