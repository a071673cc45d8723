/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes a policy in its canonical form: goes through the tree and makes pieces of its items,
 * has them laid out, and then reads the result again. What would not come out the same is not
 * given away: a formatter may fail, but not change a policy.
 */

#include "postern/format.h"
#include "filter/policy/format.h"
#include "filter/policy/loader.h"

/* Actions stand in this column of their block, or behind its longest label. */
#define ACTION_COLUMN 12
/* Longer labels, and longer names, do not count where columns are made. */
#define LABEL_MOST 24
#define NAME_MOST 24

/* How much further in things stand: a block, a clause below its rule. */
#define BLOCK_INDENT 2
#define CLAUSE_INDENT 2
#define IF_INDENT 4

static void space(struct format *f)
{
	format_piece(f, PIECE_SPACE, 0);
}

/* ---- columns ---- */

static bool is_declaration(const struct item *item)
{
	return item->kind == ITEM_SET || item->kind == ITEM_TABLE || item->kind == ITEM_DEFINE;
}

static size_t name_end(const struct item *item)
{
	switch (item->kind) {
	case ITEM_SET:
		return strlen("set ") + item->set.name.n;
	case ITEM_TABLE:
		return strlen("table ") + item->table.name.n;
	default:
		return strlen("define ") + item->define.name.n;
	}
}

static size_t most(size_t a, size_t b)
{
	return a > b ? a : b;
}

/* Where, behind the names of neighbouring declarations, their values begin; and table sources. */
static void declaration_columns(struct item *const *items, size_t count, int *value_r,
				int *source_r)
{
	size_t name = 0, kind = 0;

	for (size_t i = 0; i < count && is_declaration(items[i]); i++) {
		if (name_end(items[i]) <= NAME_MOST)
			name = most(name, name_end(items[i]));
		if (items[i]->kind == ITEM_TABLE && items[i]->table.kind.n <= NAME_MOST)
			kind = most(kind, items[i]->table.kind.n);
	}
	*value_r = (int)name + 1;
	*source_r = (int)(name + 1 + kind) + 1;
}

/* Where the actions of a block begin; at its margin if none of its rules has a label. */
static int action_column(struct item *const *items, size_t count)
{
	size_t label = 0;
	bool any = false;

	for (size_t i = 0; i < count; i++) {
		size_t n = items[i]->kind == ITEM_RULE ? items[i]->rule.label.n : 0;

		any = any || n > 0;
		if (n <= LABEL_MOST)
			label = most(label, n);
	}
	return any ? (int)most(ACTION_COLUMN, label + strlen(": ")) : 0;
}

/* ---- declarations ---- */

static void format_set(struct format *f, const struct set *set, int value)
{
	char c;

	format_take(f);
	space(f);
	format_take(f);
	format_piece(f, PIECE_PAD, value);
	format_next(f, &c);
	if (c == '{')
		format_braces(f, set->values.items, set->values.count);
	else
		format_operand(f, &set->values.items[0]);
}

static void format_table(struct format *f, const struct table_def *table, int value, int source)
{
	format_take(f);
	space(f);
	format_take(f);
	format_piece(f, PIECE_PAD, value);
	format_take(f);
	format_piece(f, PIECE_PAD, source);
	if (table->type.n == 0) {
		format_braces(f, table->items.items, table->items.count);
	} else {
		format_take(f);
		space(f);
		format_copy(f, table->location.span.from, table->location.span.to);
	}
	format_open(f, BLOCK_INDENT, false);
	for (size_t i = 0; i < table->options.count; i++) {
		const struct table_option *option = &table->options.items[i];

		format_piece(f, PIECE_BREAK, 0);
		format_take(f);
		space(f);
		if (str_chr(option->name, ' ') >= 0) {
			format_take(f);
			space(f);
		}
		format_operand(f, &option->value);
	}
	format_piece(f, PIECE_CLOSE, 0);
}

static void format_define(struct format *f, const struct define *define, int value)
{
	format_take(f);
	space(f);
	format_take(f);
	format_piece(f, PIECE_PAD, value);
	format_open(f, value, false);
	format_take(f);
	space(f);
	format_condition(f, define->value);
	format_piece(f, PIECE_CLOSE, 0);
}

/* ---- rules ---- */

static void format_action(struct format *f, const struct action *action)
{
	format_take(f);
	if (str_chr(action->name, ' ') >= 0) {
		space(f);
		format_take(f);
	}
	for (size_t i = 0; i < action->arguments.count; i++) {
		space(f);
		format_operand(f, &action->arguments.items[i]);
	}
}

/* Clauses stand on lines of their own below several actions, and below a text. */
static bool has_text(const struct rule *rule)
{
	const struct action *action = &rule->actions.items[0];

	for (size_t i = 0; i < action->arguments.count; i++)
		if (action->arguments.items[i].kind == OPERAND_STRING)
			return true;
	return rule->actions.count > 1;
}

static void format_label(struct format *f, const struct rule *rule)
{
	struct token colon = lex_token(&f->lex, rule->label_span.to, LEX_PLAIN);

	format_word(f, colon.span.to, str_printf(f->arena, STR_FMT ":", STR_ARG(rule->label)));
}

static void format_rule(struct format *f, const struct rule *rule, int action)
{
	bool clauses = rule->when || rule->unless.count > 0;

	if (rule->label.n > 0)
		format_label(f, rule);
	format_piece(f, PIECE_PAD, f->indent + action);
	format_open(f, action, clauses && has_text(rule));
	format_open(f, 0, false);
	if (rule->observe) {
		format_take(f);
		space(f);
	}
	for (size_t i = 0; i < rule->actions.count; i++) {
		if (i > 0) {
			format_take(f);
			format_piece(f, PIECE_BREAK, 0);
		}
		format_action(f, &rule->actions.items[i]);
	}
	format_piece(f, PIECE_CLOSE, 0);
	if (clauses) {
		format_piece(f, PIECE_BREAK, CLAUSE_INDENT);
		format_clauses(f, CLAUSE_INDENT, CLAUSE_INDENT, rule->when, rule->unless.items,
			       rule->unless.count);
	}
	format_piece(f, PIECE_CLOSE, 0);
}

/* ---- blocks ---- */

static void format_items(struct format *f, struct item *const *items, size_t count);

static void format_group(struct format *f, const struct group *group, size_t end)
{
	format_clauses(f, IF_INDENT, 0, group->condition, group->unless.items, group->unless.count);
	space(f);
	format_take(f);
	format_end(f);
	f->indent += BLOCK_INDENT;
	f->fresh = true;
	format_open(f, BLOCK_INDENT, true);
	format_items(f, group->items.items, group->items.count);
	format_between(f, end - 1);
	format_piece(f, PIECE_CLOSE, 0);
	format_piece(f, PIECE_LINE, 0);
	f->indent -= BLOCK_INDENT;
	format_take(f);
}

/* Takes the next word if it is this one. */
static bool format_keyword(struct format *f, const char *keyword)
{
	struct token token = lex_token(&f->lex, f->at, LEX_PLAIN);

	if (!token_is_word(&token, keyword))
		return false;
	space(f);
	format_take(f);
	return true;
}

static void format_assertion(struct format *f, const struct assertion *assertion)
{
	format_open(f, 0, false);
	format_take(f);
	format_keyword(f, "not");
	space(f);
	format_take(f);
	if (format_keyword(f, "by")) {
		space(f);
		format_take(f);
	}
	format_piece(f, PIECE_BREAK, CLAUSE_INDENT);
	format_clauses(f, CLAUSE_INDENT, CLAUSE_INDENT, assertion->when, assertion->unless.items,
		       assertion->unless.count);
	format_piece(f, PIECE_CLOSE, 0);
}

/* The columns that the items of a block have in common. */
struct columns {
	int action, value, source;
};

static void format_item(struct format *f, const struct item *item, const struct columns *columns)
{
	switch (item->kind) {
	case ITEM_SET:
		format_set(f, &item->set, columns->value);
		break;
	case ITEM_TABLE:
		format_table(f, &item->table, columns->value, columns->source);
		break;
	case ITEM_DEFINE:
		format_define(f, &item->define, columns->value);
		break;
	case ITEM_INCLUDE:
		format_take(f);
		space(f);
		format_take(f);
		break;
	case ITEM_RULE:
		format_rule(f, &item->rule, columns->action);
		break;
	case ITEM_GROUP:
		format_group(f, &item->group, item->span.to);
		break;
	case ITEM_ASSERT:
		format_assertion(f, &item->assertion);
		break;
	case ITEM_TEST:
		format_test(f, &item->test, item->span.to);
		break;
	}
}

static void format_items(struct format *f, struct item *const *items, size_t count)
{
	struct columns columns = {.action = action_column(items, count)};

	for (size_t i = 0; i < count; i++) {
		bool blank = format_between(f, items[i]->span.from);

		if (is_declaration(items[i]) && (i == 0 || !is_declaration(items[i - 1])))
			declaration_columns(items + i, count - i, &columns.value, &columns.source);
		*vec_push(f->arena, &f->out) = (struct piece){.kind = PIECE_LINE, .blank = blank};
		format_item(f, items[i], &columns);
		format_end(f);
	}
}

/* ---- the whole ---- */

/* The pieces of a policy; false if it has mistakes. */
static bool read_policy(struct arena *arena, const struct source *source, struct diag *diag,
			pieces *out_r)
{
	struct format f = {
	    .arena = arena,
	    .lex = {.source = source, .limit = source->text.n},
	    .fresh = true,
	};
	struct tree_words words = {loader_actions(arena)};
	size_t before = diag_errors(diag);
	const struct tree *tree = tree_parse(arena, source, &words, diag);

	if (diag_errors(diag) > before)
		return false;
	format_open(&f, 0, true);
	format_items(&f, tree->items.items, tree->items.count);
	format_between(&f, source->text.n);
	format_piece(&f, PIECE_CLOSE, 0);
	*out_r = f.out;
	return true;
}

/* The first piece that is not the same; `a->count` if all are. */
static size_t first_difference(const pieces *a, const pieces *b)
{
	size_t i = 0;

	for (; i < a->count && i < b->count; i++) {
		const struct piece *p = &a->items[i], *q = &b->items[i];

		if (p->kind != q->kind || !str_eq(p->text, q->text) || p->place != q->place ||
		    p->n != q->n || p->broken != q->broken || p->blank != q->blank)
			return i;
	}
	return a->count == b->count ? i : i - (i == a->count);
}

/* Where the last word before the piece `at`, or the piece itself, stands in the source. */
static struct span piece_span(const struct source *source, const pieces *list, size_t at)
{
	for (; at > 0; at--) {
		struct str text = list->items[at].text;
		uintptr_t from = (uintptr_t)text.s - (uintptr_t)source->text.s;

		if (text.s && from < source->text.n)
			return (struct span){source, from, from + text.n};
	}
	return (struct span){source, 0, 0};
}

bool format_policy(struct arena *arena, const struct source *source, struct diag *diag,
		   struct str *text_r)
{
	struct source result = {.name = source->name};
	struct diag *mistakes = diag_new(arena);
	pieces before, after = {0};
	size_t at;

	if (!read_policy(arena, source, diag, &before))
		return false;
	result.text = layout(arena, before.items, before.count);
	read_policy(arena, &result, mistakes, &after);
	at = first_difference(&before, &after);
	if (at < before.count) {
		diag_error(diag, piece_span(source, &before, at),
			   "this cannot be laid out without a change of what it means");
		return false;
	}
	*text_r = result.text;
	return true;
}
