/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes pieces of operands and conditions. Parentheses are the author's: none is added, none
 * taken away. A condition that is too long is broken before "and" and "or", outermost first.
 */

#include "filter/policy/format.h"

/* How much further in stands what is broken off. */
#define FURTHER 2

/* ---- operands ---- */

void format_braces(struct format *f, const struct operand *items, size_t count)
{
	format_open(f, FURTHER, false);
	format_take(f);
	for (size_t i = 0; i < count; i++) {
		format_piece(f, i == 0 ? PIECE_BREAK : PIECE_FILL, 0);
		format_copy(f, items[i].span.from, items[i].span.to);
	}
	format_piece(f, PIECE_BREAK, -FURTHER);
	format_take(f);
	format_piece(f, PIECE_CLOSE, 0);
}

/* name(arguments); "10 per 1h" is three of them without commas. */
static void call(struct format *f, size_t from, const struct operand *operand)
{
	char c;

	format_open(f, FURTHER, false);
	format_copy(f, from, from + operand->word.n);
	format_take(f);
	for (size_t i = 0; i < operand->items.count; i++) {
		format_next(f, &c);
		if (c == ',')
			format_take(f);
		if (i > 0)
			format_piece(f, c == ',' ? PIECE_BREAK : PIECE_SPACE, 0);
		format_operand(f, &operand->items.items[i]);
	}
	format_take(f);
	format_piece(f, PIECE_CLOSE, 0);
}

void format_operand(struct format *f, const struct operand *operand)
{
	size_t from = operand->span.from;
	char c;

	if (operand->quantifier != QUANT_NONE) {
		format_take(f);
		format_piece(f, PIECE_SPACE, 0);
		from = format_next(f, &c);
	}
	if (operand->kind == OPERAND_SET)
		format_braces(f, operand->items.items, operand->items.count);
	else if (operand->called)
		call(f, from, operand);
	else
		format_copy(f, from, operand->span.to);
}

/* ---- conditions ---- */

static void compare(struct format *f, const struct expr *expr)
{
	format_operand(f, &expr->left);
	if (expr->kind == EXPR_BOOLEAN)
		return;
	format_piece(f, PIECE_SPACE, 0);
	format_word(f, expr->op_span.to, str_of(compare_op_name(expr->op)));
	if (expr->op == OP_IS_PRESENT || expr->op == OP_IS_ABSENT)
		return;
	format_piece(f, PIECE_SPACE, 0);
	format_operand(f, &expr->right);
}

/* The parentheses around the expression itself, not those of its first part; how many. */
static size_t open_parentheses(struct format *f, const struct expr *expr)
{
	bool list = expr->kind == EXPR_AND || expr->kind == EXPR_OR;
	size_t count = 0, at;
	char c;

	for (at = format_next(f, &c); c == '('; at = format_next(f, &c)) {
		if (list && at >= expr->parts.items[0]->span.from)
			break;
		format_open(f, FURTHER, false);
		format_take(f);
		count++;
	}
	return count;
}

void format_condition(struct format *f, const struct expr *expr)
{
	size_t parentheses = open_parentheses(f, expr);

	switch (expr->kind) {
	case EXPR_AND:
	case EXPR_OR:
		for (size_t i = 0; i < expr->parts.count; i++) {
			if (i > 0) {
				format_piece(f, PIECE_BREAK, 0);
				format_take(f);
				format_piece(f, PIECE_SPACE, 0);
			}
			format_condition(f, expr->parts.items[i]);
		}
		break;
	case EXPR_NOT:
		format_take(f);
		format_piece(f, PIECE_SPACE, 0);
		format_condition(f, expr->parts.items[0]);
		break;
	case EXPR_COMPARE:
	case EXPR_BOOLEAN:
		compare(f, expr);
		break;
	}
	for (; parentheses > 0; parentheses--) {
		format_take(f);
		format_piece(f, PIECE_CLOSE, 0);
	}
}

/* The word before a condition, and the condition. */
static void clause(struct format *f, int indent, const struct expr *expr)
{
	format_take(f);
	format_piece(f, PIECE_SPACE, 0);
	format_open(f, indent, false);
	format_condition(f, expr);
	format_piece(f, PIECE_CLOSE, 0);
}

void format_clauses(struct format *f, int indent, int further, const struct expr *when,
		    struct expr *const *unless, size_t count)
{
	format_open(f, indent, false);
	if (when)
		clause(f, further, when);
	for (size_t i = 0; i < count; i++) {
		if (when || i > 0)
			format_piece(f, PIECE_BREAK, 0);
		clause(f, FURTHER, unless[i]);
	}
	format_piece(f, PIECE_CLOSE, 0);
}
