/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names without a use, and names that mislead: tables and defines of the policy's own file that
 * nothing names (an included file may hold more than one policy needs), tables without items, and
 * names that are values of an enumeration.
 */

#include "filter/policy/warn.h"

#include <stdlib.h>

/* ---- what is named ---- */

struct names {
	struct arena *arena;
	VEC(struct str) words;  /* sorted when all are there */
	VEC(struct span) texts; /* items kept as text: their words count too */
};

static void add_operand(struct names *names, const struct operand *operand);

static void add_text(struct names *names, const struct text *text)
{
	for (size_t i = 0; i < text->pieces.count; i++)
		if (text->pieces.items[i].fact)
			add_operand(names, text->pieces.items[i].fact);
}

/* The parser bounds how deep operands nest. */
static void add_operand(struct names *names, const struct operand *operand)
{
	if (operand->kind == OPERAND_WORD)
		*vec_push(names->arena, &names->words) = operand->word;
	add_text(names, &operand->text);
	for (size_t i = 0; i < operand->items.count; i++)
		add_operand(names, &operand->items.items[i]);
}

static void add_expr(struct names *names, const struct expr *expr)
{
	if (!expr)
		return;
	add_operand(names, &expr->left);
	add_operand(names, &expr->right);
	for (size_t i = 0; i < expr->parts.count; i++)
		add_expr(names, expr->parts.items[i]);
}

static void add_rule(struct names *names, const struct rule *rule)
{
	add_expr(names, rule->when);
	for (size_t i = 0; i < rule->unless.count; i++)
		add_expr(names, rule->unless.items[i]);
	for (size_t i = 0; i < rule->actions.count; i++)
		for (size_t j = 0; j < rule->actions.items[i].arguments.count; j++)
			add_operand(names, &rule->actions.items[i].arguments.items[j]);
}

static void add_item(struct names *names, const struct item *item)
{
	switch (item->kind) {
	case ITEM_SET:
		for (size_t i = 0; i < item->set.values.count; i++)
			add_operand(names, &item->set.values.items[i]);
		break;
	case ITEM_DEFINE:
		add_expr(names, item->define.value);
		break;
	case ITEM_RULE:
		add_rule(names, &item->rule);
		break;
	case ITEM_GROUP:
		add_expr(names, item->group.condition);
		for (size_t i = 0; i < item->group.unless.count; i++)
			add_expr(names, item->group.unless.items[i]);
		for (size_t i = 0; i < item->group.items.count; i++)
			add_item(names, item->group.items.items[i]);
		break;
	case ITEM_ASSERT:
	case ITEM_TEST:
		*vec_push(names->arena, &names->texts) = item->span;
		break;
	case ITEM_TABLE:
	case ITEM_INCLUDE:
		break;
	}
}

static bool word_byte(struct str text, size_t at)
{
	unsigned char c = at < text.n ? (unsigned char)text.s[at] : ' ';

	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_' || c == '.';
}

static bool in_text(struct span span, struct str word)
{
	struct str text = str_sub(span.source->text, span.from, span.to - span.from);

	for (size_t i = 0; i + word.n <= text.n; i++)
		if (str_starts(str_sub(text, i, word.n), word) && !word_byte(text, i + word.n) &&
		    (i == 0 || !word_byte(text, i - 1)))
			return true;
	return false;
}

static int by_text(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* The words are sorted by now. */
static bool named(const struct names *names, struct str word)
{
	if (names->words.count > 0 &&
	    bsearch(&word, names->words.items, names->words.count, sizeof(word), by_text))
		return true;
	for (size_t i = 0; i < names->texts.count; i++)
		if (in_text(names->texts.items[i], word))
			return true;
	return false;
}

/* ---- the warnings ---- */

static void warn_name(struct checker *checker, const struct names *names, const char *what,
		      struct str name, struct span span)
{
	if (span.source == checker->policy->tree->source && !named(names, name))
		warn_at(checker, "unused", span, "nothing names the %s '" STR_FMT "'", what,
			STR_ARG(name));
}

/* `score NAME N` where nothing asks for the sum, nor for this part of it. */
static void warn_score(struct checker *checker, const struct names *names,
		       const struct action *action)
{
	const struct operand *name =
	    action->arguments.count > 1 ? &action->arguments.items[0] : NULL;

	if (!str_eq(action->name, STR("score")) || !name || name->kind != OPERAND_WORD ||
	    named(names, STR("score")) ||
	    named(names, str_printf(checker->arena, "score." STR_FMT, STR_ARG(name->word))))
		return;
	warn_at(checker, "unused", name->span,
		"nothing asks for 'score." STR_FMT "', nor for 'score'", STR_ARG(name->word));
}

/* After `is` a bare word is a value where the fact has it: never the table or define. */
static void warn_shadow(struct checker *checker, const char *what, struct str name,
			struct span span)
{
	const struct policy *policy = checker->policy;

	for (size_t i = 0; i < policy->slot_count; i++) {
		const struct type *type = &policy->slots[i].def->type;

		for (const char *const *v = type->base == TYPE_ENUM ? type->enumeration->values
								    : NULL;
		     v && *v; v++)
			if (str_eq(name, str_of(*v)))
				warn_at(checker, "shadow", span,
					"'" STR_FMT "' is also a value of '%s': behind 'is' it is "
					"the value, not the %s, take another name",
					STR_ARG(name), policy->slots[i].def->name, what);
	}
}

static void warn_empty(struct checker *checker)
{
	for (size_t i = 0; i < checker->policy->table_count; i++) {
		const struct policy_table *table = &checker->policy->tables[i];

		if (table->def && table_count(table->table) == 0)
			warn_at(checker, "empty", table->def->name_span,
				"the table '" STR_FMT "' is empty: nothing is 'in " STR_FMT "'",
				STR_ARG(table->def->name), STR_ARG(table->def->name));
	}
}

void warn_unused(struct checker *checker)
{
	const struct tree *tree = checker->policy->tree;
	struct names names = {.arena = checker->arena};

	for (size_t i = 0; i < tree->items.count; i++)
		add_item(&names, tree->items.items[i]);
	if (names.words.count > 1)
		qsort(names.words.items, names.words.count, sizeof(struct str), by_text);
	for (size_t i = 0; i < tree->items.count; i++) {
		const struct item *item = tree->items.items[i];

		if (item->kind == ITEM_TABLE) {
			warn_name(checker, &names, "table", item->table.name,
				  item->table.name_span);
			warn_shadow(checker, "table", item->table.name, item->table.name_span);
		} else if (item->kind == ITEM_DEFINE) {
			warn_name(checker, &names, "define", item->define.name,
				  item->define.name_span);
			warn_shadow(checker, "define", item->define.name, item->define.name_span);
		}
	}
	for (size_t i = 0; i < checker->policy->rule_count; i++) {
		const struct rule *rule = checker->policy->rules[i].tree;

		for (size_t j = 0; j < rule->actions.count; j++)
			warn_score(checker, &names, &rule->actions.items[j]);
	}
	warn_empty(checker);
}
