/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes for a policy: the parser must come to an end, every place must be in the source, and
 * tree and reports must print.
 */

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "postern/arena.h"
#include "postern/diag.h"
#include "postern/tree.h"

#include "tests/policy/words.h"

#include "tests/fuzz/input.h"

static void check_span(struct span span, const struct source *source)
{
	assert(span.source == source);
	assert(span.from <= span.to && span.to <= source->text.n);
}

static void check_operand(const struct operand *operand, const struct source *source)
{
	check_span(operand->span, source);
	for (size_t i = 0; i < operand->items.count; i++)
		check_operand(&operand->items.items[i], source);
	for (size_t i = 0; i < operand->text.pieces.count; i++)
		if (operand->text.pieces.items[i].fact)
			check_operand(operand->text.pieces.items[i].fact, source);
}

static void check_expr(const struct expr *expr, const struct source *source)
{
	check_span(expr->span, source);
	for (size_t i = 0; i < expr->parts.count; i++)
		check_expr(expr->parts.items[i], source);
	if (expr->kind == EXPR_COMPARE || expr->kind == EXPR_BOOLEAN)
		check_operand(&expr->left, source);
	if (expr->kind == EXPR_COMPARE) {
		check_span(expr->op_span, source);
		if (expr->op != OP_IS_PRESENT && expr->op != OP_IS_ABSENT)
			check_operand(&expr->right, source);
	}
}

static void check_item(const struct item *item, const struct source *source)
{
	check_span(item->span, source);
	if (item->kind == ITEM_DEFINE)
		check_expr(item->define.value, source);
	if (item->kind == ITEM_RULE) {
		check_span(item->rule.span, source);
		for (size_t i = 0; i < item->rule.actions.count; i++) {
			const struct action *action = &item->rule.actions.items[i];

			check_span(action->span, source);
			check_span(action->name_span, source);
			for (size_t j = 0; j < action->arguments.count; j++)
				check_operand(&action->arguments.items[j], source);
		}
		if (item->rule.when)
			check_expr(item->rule.when, source);
		for (size_t i = 0; i < item->rule.unless.count; i++)
			check_expr(item->rule.unless.items[i], source);
	}
	if (item->kind == ITEM_GROUP) {
		check_span(item->group.span, source);
		check_expr(item->group.condition, source);
		for (size_t i = 0; i < item->group.items.count; i++)
			check_item(item->group.items.items[i], source);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new(NULL);
	struct diag *diag = diag_new(arena);
	struct source source = {"fuzz.policy", {(const char *)data, size}};
	struct tree *tree = tree_parse(arena, &source, &test_words, diag);
	char *printed = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&printed, &n);

	for (size_t i = 0; i < tree->items.count; i++)
		check_item(tree->items.items[i], &source);
	tree_print(tree, out);
	diag_print(diag, out);
	fclose(out);
	free(printed);
	arena_free(&arena);
	return 0;
}
