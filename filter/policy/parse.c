/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads a policy's items: settings, tables, defines, includes, groups, assertions, tests; rules
 * are in ruleparse.c. Builds the tree and nothing else.
 */

#include "filter/policy/parse.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct item *parse_item(struct parser *p, bool grouped);

static struct item *new_item(struct parser *p, enum item_kind kind)
{
	struct item *item = arena_new_of(p->arena, struct item);

	item->kind = kind;
	return item;
}

/* Is the next thing another item, so that what was expected here is missing? */
static bool at_next_item(const struct parser *p)
{
	struct token t = cursor_peek(p, LEX_OPERAND), next = cursor_after(p, &t, LEX_PLAIN);

	return t.first && !next.first && cursor_looks_item(p, &t) && !token_is_mark(&next, "=");
}

/* A name that is the author's own: without dots, since those are the vocabulary's. */
static bool parse_own_name(struct parser *p, const char *what, struct str *name, struct span *span)
{
	struct token t = cursor_peek(p, LEX_PLAIN);

	if (t.kind != TOKEN_WORD || at_next_item(p)) {
		if (t.problem != LEX_FINE)
			cursor_unexpected(p, LEX_PLAIN, what);
		else
			cursor_missing(p, what);
		return false;
	}
	t = cursor_take(p, LEX_PLAIN);
	*name = t.text;
	*span = t.span;
	if (str_chr(t.text, '.') >= 0)
		diag_error(p->diag, t.span,
		    "'" STR_FMT "' has a dot, which only the names of facts have",
		    STR_ARG(t.text));
	return true;
}

static bool parse_string(struct parser *p, const char *what, struct text *text)
{
	struct token t = cursor_peek(p, LEX_OPERAND);

	if (t.kind != TOKEN_STRING) {
		cursor_missing(p, what);
		return false;
	}
	t = cursor_take(p, LEX_OPERAND);
	parse_text(p, &t, text);
	return true;
}

/* ---- settings ---- */

/* A sign that other languages write between a setting and its value. */
static void skip_sign(struct parser *p, struct str name)
{
	struct token t = cursor_peek(p, LEX_PLAIN);

	if (!token_is_mark(&t, "=") && !token_is_mark(&t, ":") && !token_is_mark(&t, "=="))
		return;
	diag_error(p->diag, t.span, "a setting has no '" STR_FMT "', write 'set " STR_FMT " VALUE'",
	    STR_ARG(t.text), STR_ARG(name));
	p->at = t.span.to;
}

/* A second value on the line, which only braces may hold. */
static void refuse_more_values(struct parser *p, const struct set *set)
{
	struct token t = cursor_peek(p, LEX_ITEM);

	if (t.first || t.kind == TOKEN_END || t.kind == TOKEN_MARK || cursor_at_stop(p))
		return;
	diag_error(p->diag, t.span,
	    "a second value, write 'set " STR_FMT " { ... }' if several are meant",
	    STR_ARG(set->name));
	cursor_sync(p, 0);
}

static struct item *parse_set(struct parser *p)
{
	struct item *item = new_item(p, ITEM_SET);
	struct set *set = &item->set;
	struct token t = cursor_peek(p, LEX_PLAIN);
	struct operand values;

	if (t.kind != TOKEN_WORD || at_next_item(p)) {
		cursor_missing(p, "the name of a setting");
		cursor_sync(p, 0);
		return NULL;
	}
	t = cursor_take(p, LEX_PLAIN);
	set->name = t.text;
	set->name_span = t.span;
	skip_sign(p, set->name);
	t = cursor_peek(p, LEX_ITEM);
	if (token_is_mark(&t, "{")) {
		cursor_take(p, LEX_ITEM);
		parse_braces(p, &values);
		vec_move(&set->values, &values.items);
		return item;
	}
	if (t.kind == TOKEN_END || t.kind == TOKEN_MARK || at_next_item(p)) {
		cursor_missing(p, "a value");
		cursor_sync(p, 0);
		return NULL;
	}
	t = cursor_take(p, LEX_ITEM);
	if (t.kind == TOKEN_WRONG) {
		cursor_sync(p, 0);
		return NULL;
	}
	if (t.kind == TOKEN_PATTERN && t.problem == LEX_FINE)
		diag_error(p->diag, t.span, "a setting takes no pattern, write a path as \"...\"");
	parse_literal(p, &t, vec_push(p->arena, &set->values));
	refuse_more_values(p, set);
	return item;
}

/* ---- tables ---- */

/* One option behind a table's source; false if there is none. */
static bool parse_option(struct parser *p, struct table_def *table)
{
	struct token t = cursor_peek(p, LEX_PLAIN), next = cursor_after(p, &t, LEX_OPERAND);
	struct table_option option = {.name = t.text};
	bool on = token_is_word(&t, "on");

	if (t.kind != TOKEN_WORD || cursor_at_stop(p) ||
	    (!on && next.kind != TOKEN_STRING && next.kind != TOKEN_NUMBER &&
		next.kind != TOKEN_DURATION && next.kind != TOKEN_SIZE &&
		!token_is_word(&t, "query")))
		return false;
	cursor_take(p, LEX_PLAIN);
	if (on) {
		option.name = STR("on failure");
		if (!cursor_word(p, "failure")) {
			diag_error(p->diag, t.span, "'on' begins no option, write 'on failure'");
			if (next.kind == TOKEN_WORD && !cursor_looks_item(p, &next))
				p->at = next.span.to;
		}
	}
	next = cursor_peek(p, LEX_PLAIN);
	if (on && next.kind == TOKEN_STRING) {
		diag_error(p->diag, next.span, "'on failure' takes a word, not a string");
		p->at = next.span.to;
		return true;
	}
	if ((next.kind == TOKEN_WORD) != on || at_next_item(p) || next.kind == TOKEN_END) {
		cursor_missing(p, on ? "'defer' or 'skip'" : "a string");
		return true;
	}
	next = cursor_take(p, LEX_OPERAND);
	parse_literal(p, &next, &option.value);
	option.span = cursor_since(p, t.span);
	*vec_push(p->arena, &table->options) = option;
	return true;
}

/* The source: items in braces, or a type and where it is. */
static void parse_source(struct parser *p, struct table_def *table)
{
	struct token t = cursor_peek(p, LEX_PLAIN);
	struct operand items;

	if (cursor_mark(p, "{")) {
		parse_braces(p, &items);
		vec_move(&table->items, &items.items);
		return;
	}
	if (t.kind != TOKEN_WORD || at_next_item(p)) {
		cursor_missing(p, "'{' or a type, as 'file',");
		cursor_sync(p, 0);
		return;
	}
	cursor_take(p, LEX_PLAIN);
	table->type = t.text;
	table->type_span = t.span;
	if (!parse_string(p, "a string with the place of the table", &table->location))
		cursor_sync(p, 0);
}

static struct item *parse_table(struct parser *p)
{
	struct item *item = new_item(p, ITEM_TABLE);
	struct table_def *table = &item->table;
	struct token t, next;

	if (!parse_own_name(p, "the name of the table", &table->name, &table->name_span)) {
		cursor_sync(p, 0);
		return NULL;
	}
	t = cursor_peek(p, LEX_PLAIN);
	next = cursor_after(p, &t, LEX_PLAIN);
	if (t.kind == TOKEN_WORD && next.kind == TOKEN_STRING && !at_next_item(p)) {
		cursor_missing(p, "a kind, as 'networks' or 'domains',");
	} else if (t.kind != TOKEN_WORD || at_next_item(p)) {
		cursor_missing(p, "a kind, as 'networks' or 'domains',");
		if (!token_is_mark(&t, "{")) {
			cursor_sync(p, 0);
			return item;
		}
	} else {
		cursor_take(p, LEX_PLAIN);
		table->kind = t.text;
		table->kind_span = t.span;
	}
	parse_source(p, table);
	while (parse_option(p, table))
		;
	return item;
}

/* ---- defines, includes ---- */

static struct item *parse_define(struct parser *p)
{
	struct item *item = new_item(p, ITEM_DEFINE);
	struct define *define = &item->define;
	struct token t;

	if (!parse_own_name(p, "a name", &define->name, &define->name_span)) {
		cursor_sync(p, 0);
		return NULL;
	}
	t = cursor_peek(p, LEX_PLAIN);
	if (!cursor_mark(p, "=")) {
		cursor_missing(p, "'='");
		if (token_is_mark(&t, ":") || token_is_mark(&t, "==") || token_is_word(&t, "as"))
			p->at = t.span.to;
		if (at_next_item(p)) {
			define->value = parse_broken(p, p->last);
			return item;
		}
	}
	define->value = parse_condition(p);
	return item;
}

static struct item *parse_include(struct parser *p)
{
	struct item *item = new_item(p, ITEM_INCLUDE);

	if (parse_string(p, "a string with the name of a file", &item->include.path))
		return item;
	cursor_sync(p, 0);
	return NULL;
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
	struct item *item = new_item(p, ITEM_GROUP);
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

/* ---- assertions and tests: their form only ---- */

/* One of the words; false, behind what was to follow, if there is no word at all. */
static bool check_word(struct parser *p, const char *const *words, size_t count, const char *what)
{
	struct token t = cursor_peek(p, LEX_PLAIN);
	const char *nearest;
	int action;

	if (t.kind != TOKEN_WORD || cursor_is_clause(p, &t) ||
	    (at_next_item(p) && !cursor_action(p, &t, &action))) {
		struct clauses rest = {0};

		cursor_missing(p, what);
		cursor_sync(p, SYNC_CLAUSE);
		parse_clauses(p, &rest);
		return false;
	}
	t = cursor_take(p, LEX_PLAIN);
	for (size_t i = 0; i < count; i++)
		if (token_is_word(&t, words[i]))
			return true;
	nearest = diag_nearest(t.text, words, count);
	if (nearest)
		diag_error(p->diag, t.span, "'" STR_FMT "' is not %s, write '%s'", STR_ARG(t.text),
		    what, nearest);
	else
		diag_error(p->diag, t.span, "'" STR_FMT "' is not %s", STR_ARG(t.text), what);
	return true;
}

static struct item *parse_assert(struct parser *p)
{
	static const char *const outcomes[] = {"accept", "reject", "defer", "discard", "hold",
	    "refused", "delivered"};
	static const char *const stages[] = {"connect", "helo", "mail", "rcpt", "data", "headers",
	    "message"};
	struct item *item = new_item(p, ITEM_ASSERT);
	struct clauses clauses = {0};

	cursor_word(p, "not");
	if (!check_word(p, outcomes, COUNT(outcomes), "an outcome"))
		return item;
	if (cursor_word(p, "by") && !check_word(p, stages, COUNT(stages), "a stage"))
		return item;
	parse_clauses(p, &clauses);
	if (!clauses.when)
		cursor_missing(p, "'when'");
	return item;
}

/* A test's text, up to and with the '}' that closes it. */
static struct item *parse_test(struct parser *p, const struct token *keyword)
{
	struct item *item = new_item(p, ITEM_TEST);
	size_t levels = 1, lines = 0, column = keyword->first ? cursor_column(keyword) : 1;
	struct text name;
	struct span open;

	if (!parse_string(p, "the name of the test", &name) || !cursor_mark(p, "{")) {
		if (p->last.from != keyword->span.from)
			cursor_missing(p, "'{'");
		cursor_sync(p, 0);
		return item;
	}
	open = p->last;
	while (levels > 0) {
		struct token t = cursor_peek(p, LEX_ITEM);

		if (t.kind == TOKEN_END)
			break;
		/* Where a line looks as if the next item began there, in case '}' is missing. */
		if (lines == 0 && t.first && cursor_column(&t) <= column &&
		    cursor_begins_item(p, p->at))
			lines = p->at;
		levels += token_is_mark(&t, "{");
		levels -= token_is_mark(&t, "}");
		p->at = t.span.to;
		p->last = t.span;
	}
	if (levels > 0) {
		diag_error(p->diag, open, "the '{' is not closed, write '}'");
		/* Once only: to look ahead to the end for each of many would take too long. */
		if (lines > 0 && !p->lost)
			p->at = lines;
		p->lost = true;
	}
	return item;
}

/* ---- items ---- */

enum keyword { SET, TABLE, DEFINE, INCLUDE, IF, ASSERT, TEST, KEYWORDS };

static const char *const keywords[KEYWORDS] = {"set", "table", "define", "include", "if", "assert",
    "test"};

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
	struct item *item = new_item(p, ITEM_GROUP);
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
	if (t.kind != TOKEN_WORD ||
	    cursor_is_clause(p, &t) || (token_is_word(&t, "else") && !cursor_is_label(p, &t)))
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
