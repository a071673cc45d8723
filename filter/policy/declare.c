/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads what a policy declares before its rules: settings, tables, defines, includes.
 */

#include "filter/policy/parse.h"
#include "postern/table.h"

bool parse_at_next_item(const struct parser *p)
{
	struct token t = cursor_peek(p, LEX_OPERAND), next = cursor_after(p, &t, LEX_PLAIN);

	return t.first && !next.first && cursor_looks_item(p, &t) && !token_is_mark(&next, "=");
}

/*
 * The value of a setting, though it looks like the first word of an item on the next line: then
 * what follows it begins one.
 */
static bool is_value(const struct parser *p, const struct token *t)
{
	struct token next = cursor_after(p, t, LEX_OPERAND);

	return t->kind == TOKEN_WORD && cursor_looks_item(p, &next);
}

/* The name of a table that looks so: behind it stand a kind and '{', or a type and a string. */
static bool is_table_name(const struct parser *p, const struct token *t)
{
	struct token kind = cursor_after(p, t, LEX_PLAIN);
	struct token open = cursor_after(p, &kind, LEX_PLAIN);
	struct token string = cursor_after(p, &open, LEX_PLAIN);

	return t->kind == TOKEN_WORD && kind.kind == TOKEN_WORD &&
	       (token_is_mark(&open, "{") ||
		(open.kind == TOKEN_WORD && string.kind == TOKEN_STRING));
}

/* A name that is the author's own: without dots, since those are the vocabulary's. */
static bool parse_own_name(struct parser *p, const char *what, struct str *name, struct span *span)
{
	struct token t = cursor_peek(p, LEX_PLAIN);

	if (t.kind != TOKEN_WORD || (parse_at_next_item(p) && !is_table_name(p, &t))) {
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

bool parse_string(struct parser *p, const char *what, struct text *text)
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

struct item *parse_set(struct parser *p)
{
	struct item *item = parse_new_item(p, ITEM_SET);
	struct set *set = &item->set;
	struct token t = cursor_peek(p, LEX_PLAIN);
	struct operand values;

	if (t.kind != TOKEN_WORD || parse_at_next_item(p)) {
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
	if (t.kind == TOKEN_END || t.kind == TOKEN_MARK ||
	    (parse_at_next_item(p) && !is_value(p, &t))) {
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
	bool on = token_is_word(&t, "on"), value;

	if (t.kind != TOKEN_WORD || cursor_at_stop(p) ||
	    (!on && next.kind != TOKEN_STRING && next.kind != TOKEN_NUMBER &&
	     next.kind != TOKEN_DURATION && next.kind != TOKEN_SIZE && !token_is_word(&t, "query")))
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
	/* `defer` begins a rule as well, but not here, whatever line it stands on. */
	value = on && (token_is_word(&next, "defer") || token_is_word(&next, "skip"));
	if ((next.kind == TOKEN_WORD) != on || next.kind == TOKEN_END ||
	    (!value && parse_at_next_item(p))) {
		cursor_missing(p, on ? "'defer' or 'skip'" : "a string");
		return true;
	}
	next = cursor_peek(p, LEX_OPERAND);
	if (next.kind == TOKEN_MARK) {
		cursor_missing(p, "a string");
		return true;
	}
	cursor_take(p, LEX_OPERAND);
	if (next.kind == TOKEN_WRONG)
		return true;
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
	if (t.kind != TOKEN_WORD || parse_at_next_item(p)) {
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

struct item *parse_table(struct parser *p)
{
	struct item *item = parse_new_item(p, ITEM_TABLE);
	struct table_def *table = &item->table;
	struct token t, next;

	if (!parse_own_name(p, "the name of the table", &table->name, &table->name_span)) {
		cursor_sync(p, 0);
		return NULL;
	}
	t = cursor_peek(p, LEX_PLAIN);
	next = cursor_after(p, &t, LEX_PLAIN);
	if (t.kind == TOKEN_WORD && next.kind == TOKEN_STRING && !parse_at_next_item(p)) {
		if (table_kind_of(t.text) < 0) {
			cursor_missing(p, "a kind, as 'networks' or 'domains',");
		} else {
			diag_error(p->diag, t.span,
				   "where the items are is missing, write '" STR_FMT
				   " file \"...\"'",
				   STR_ARG(t.text));
			cursor_sync(p, 0);
			return item;
		}
	} else if (token_is_mark(&t, "=")) {
		diag_error(p->diag, t.span, "a table has no '=', write 'table NAME KIND { ... }'");
		cursor_sync(p, 0);
		return item;
	} else if (t.kind != TOKEN_WORD || parse_at_next_item(p)) {
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

struct item *parse_define(struct parser *p)
{
	struct item *item = parse_new_item(p, ITEM_DEFINE);
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
		if (parse_at_next_item(p)) {
			define->value = parse_broken(p, p->last);
			return item;
		}
	}
	define->value = parse_condition(p);
	return item;
}

struct item *parse_include(struct parser *p)
{
	struct item *item = parse_new_item(p, ITEM_INCLUDE);

	if (parse_string(p, "a string with the name of a file", &item->include.path))
		return item;
	cursor_sync(p, 0);
	return NULL;
}
