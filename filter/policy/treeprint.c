/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Prints a syntax tree, one node a line, indented, each with the place from its first byte to
 * behind its last. Strings are escaped, so that what is printed is plain ASCII whatever was read.
 */

#include "postern/tree.h"

static void print_place(struct span span, FILE *out)
{
	size_t line, column;

	span_place(span, &line, &column);
	fprintf(out, "  @%zu:%zu", line, column);
	span.from = span.to;
	span_place(span, &line, &column);
	fprintf(out, "-%zu:%zu\n", line, column);
}

static void indent(int depth, FILE *out)
{
	fprintf(out, "%*s", depth * 2, "");
}

static void print_bytes(struct str text, FILE *out)
{
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.s[i];

		if (c < ' ' || c >= 0x7f)
			fprintf(out, "\\x%02x", c);
		else if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else
			fputc(c, out);
	}
}

/* A line with a node's name and, if it has one, its text in quotes. */
static void print_node(int depth, const char *name, const struct str *text, struct span span,
		       FILE *out)
{
	indent(depth, out);
	fputs(name, out);
	if (text) {
		fputs(" \"", out);
		print_bytes(*text, out);
		fputc('"', out);
	}
	print_place(span, out);
}

/* ---- operands ---- */

static const char *const kind_names[] = {
    [OPERAND_WORD] = "word",       [OPERAND_STRING] = "string", [OPERAND_ADDRESS] = "address",
    [OPERAND_PATTERN] = "pattern", [OPERAND_NUMBER] = "number", [OPERAND_DURATION] = "duration",
    [OPERAND_SIZE] = "size",       [OPERAND_CODE] = "code",     [OPERAND_IP] = "ip",
    [OPERAND_SET] = "set",
};
static const char *const quantifier_names[] = {
    [QUANT_NONE] = "",
    [QUANT_ANY] = "any ",
    [QUANT_EVERY] = "every ",
    [QUANT_NO] = "no ",
};

static void print_operand(int depth, const struct operand *operand, FILE *out);

static void print_text(int depth, const struct text *text, FILE *out)
{
	for (size_t i = 0; i < text->pieces.count; i++) {
		const struct text_piece *piece = &text->pieces.items[i];

		if (piece->fact) {
			print_operand(depth, piece->fact, out);
			continue;
		}
		indent(depth, out);
		fputs("literal \"", out);
		print_bytes(piece->literal, out);
		fputs("\"\n", out);
	}
}

static void print_operand(int depth, const struct operand *operand, FILE *out)
{
	indent(depth, out);
	fprintf(out, "%s%s", quantifier_names[operand->quantifier], kind_names[operand->kind]);
	if (operand->kind != OPERAND_STRING && operand->kind != OPERAND_SET) {
		fputs(" \"", out);
		print_bytes(operand->word, out);
		fputc('"', out);
	}
	if (operand->kind == OPERAND_PATTERN && operand->flags.n > 0)
		fprintf(out, " flags " STR_FMT, STR_ARG(operand->flags));
	if (operand->kind == OPERAND_NUMBER || operand->kind == OPERAND_DURATION ||
	    operand->kind == OPERAND_SIZE)
		fprintf(out, " = %lld", (long long)operand->number);
	if (operand->called)
		fputs(" called", out);
	print_place(operand->span, out);
	print_text(depth + 1, &operand->text, out);
	for (size_t i = 0; i < operand->items.count; i++)
		print_operand(depth + 1, &operand->items.items[i], out);
}

/* ---- conditions ---- */

static void print_expr(int depth, const struct expr *expr, FILE *out)
{
	static const char *const names[] = {
	    [EXPR_AND] = "and",         [EXPR_OR] = "or",           [EXPR_NOT] = "not",
	    [EXPR_COMPARE] = "compare", [EXPR_BOOLEAN] = "boolean",
	};
	bool broken = expr->kind == EXPR_AND && expr->parts.count == 0;
	struct str op = str_of(compare_op_name(expr->op));

	print_node(depth, broken ? "not understood" : names[expr->kind],
		   expr->kind == EXPR_COMPARE ? &op : NULL, expr->span, out);
	for (size_t i = 0; i < expr->parts.count; i++)
		print_expr(depth + 1, expr->parts.items[i], out);
	if (expr->kind == EXPR_COMPARE || expr->kind == EXPR_BOOLEAN)
		print_operand(depth + 1, &expr->left, out);
	if (expr->kind == EXPR_COMPARE && expr->op != OP_IS_PRESENT && expr->op != OP_IS_ABSENT)
		print_operand(depth + 1, &expr->right, out);
}

static void print_clause(int depth, const char *name, const struct expr *expr, FILE *out)
{
	indent(depth, out);
	fprintf(out, "%s\n", name);
	print_expr(depth + 1, expr, out);
}

/* ---- items ---- */

static void print_rule(int depth, const struct rule *rule, FILE *out)
{
	print_node(depth, rule->observe ? "observed rule" : "rule",
		   rule->label.n > 0 ? &rule->label : NULL, rule->span, out);
	for (size_t i = 0; i < rule->actions.count; i++) {
		const struct action *action = &rule->actions.items[i];

		print_node(depth + 1, "action", &action->name, action->span, out);
		for (size_t j = 0; j < action->arguments.count; j++)
			print_operand(depth + 2, &action->arguments.items[j], out);
	}
	if (rule->when)
		print_clause(depth + 1, "when", rule->when, out);
	for (size_t i = 0; i < rule->unless.count; i++)
		print_clause(depth + 1, "unless", rule->unless.items[i], out);
}

static void print_assertion(int depth, const struct assertion *assertion, struct span span,
			    FILE *out)
{
	struct str outcome = str_of(outcome_name(assertion->outcome));

	print_node(depth, "assert", NULL, span, out);
	if (assertion->outcome_span.source)
		print_node(depth + 1, assertion->negated ? "outcome not" : "outcome", &outcome,
			   assertion->outcome_span, out);
	if (assertion->stage_span.source)
		print_node(depth + 1, "by", &assertion->stage, assertion->stage_span, out);
	if (assertion->when)
		print_clause(depth + 1, "when", assertion->when, out);
	for (size_t i = 0; i < assertion->unless.count; i++)
		print_clause(depth + 1, "unless", assertion->unless.items[i], out);
}

static void print_table(int depth, const struct table_def *table, FILE *out)
{
	print_node(depth, "table", &table->name, table->span, out);
	if (table->kind.n > 0)
		print_node(depth + 1, "kind", &table->kind, table->kind_span, out);
	if (table->type.n > 0)
		print_node(depth + 1, "type", &table->type, table->type_span, out);
	if (table->location.span.source) {
		print_node(depth + 1, "location", NULL, table->location.span, out);
		print_text(depth + 2, &table->location, out);
	}
	for (size_t i = 0; i < table->items.count; i++)
		print_operand(depth + 1, &table->items.items[i], out);
	for (size_t i = 0; i < table->options.count; i++) {
		const struct table_option *option = &table->options.items[i];

		print_node(depth + 1, "option", &option->name, option->span, out);
		print_operand(depth + 2, &option->value, out);
	}
}

static void print_expect(int depth, const struct test_expect *expect, FILE *out)
{
	static const char *const names[] = {
	    [EXPECT_VERDICT] = "verdict", [EXPECT_RULE] = "rule",    [EXPECT_STAGE] = "stage",
	    [EXPECT_CODE] = "code",       [EXPECT_TEXT] = "text",    [EXPECT_EDIT] = "edit",
	    [EXPECT_SCORE] = "score",     [EXPECT_SAME] = "same as",
	};

	indent(depth, out);
	fprintf(out, "expect %s%s", expect->negated ? "no " : "", names[expect->kind]);
	if (expect->word.n > 0)
		fprintf(out, " " STR_FMT, STR_ARG(expect->word));
	if (expect->contains)
		fputs(" contains", out);
	if (expect->stage.n > 0)
		fprintf(out, " at " STR_FMT, STR_ARG(expect->stage));
	print_place(expect->span, out);
	for (size_t i = 0; i < expect->values.count; i++)
		print_operand(depth + 1, &expect->values.items[i], out);
	if (expect->single) {
		indent(depth + 1, out);
		fputs("for\n", out);
		print_operand(depth + 2, &expect->recipient, out);
	}
}

static void print_test(int depth, const struct item *item, FILE *out)
{
	const struct test_block *test = &item->test;

	print_node(depth, "test", NULL, item->span, out);
	print_text(depth + 1, &test->name, out);
	for (size_t i = 0; i < test->givens.count; i++) {
		const struct test_given *given = &test->givens.items[i];

		print_node(depth + 1, test_given_word(given->kind), NULL, given->span, out);
		for (size_t j = 0; j < given->values.count; j++)
			print_operand(depth + 2, &given->values.items[j], out);
	}
	for (size_t i = 0; i < test->expects.count; i++)
		print_expect(depth + 1, &test->expects.items[i], out);
}

static void print_item(int depth, const struct item *item, FILE *out)
{
	switch (item->kind) {
	case ITEM_SET:
		print_node(depth, "set", &item->set.name, item->span, out);
		for (size_t i = 0; i < item->set.values.count; i++)
			print_operand(depth + 1, &item->set.values.items[i], out);
		break;
	case ITEM_TABLE:
		print_table(depth, &item->table, out);
		break;
	case ITEM_DEFINE:
		print_node(depth, "define", &item->define.name, item->span, out);
		print_expr(depth + 1, item->define.value, out);
		break;
	case ITEM_INCLUDE:
		print_node(depth, "include", NULL, item->span, out);
		print_text(depth + 1, &item->include.path, out);
		break;
	case ITEM_RULE:
		print_rule(depth, &item->rule, out);
		break;
	case ITEM_GROUP:
		print_node(depth, "group", NULL, item->group.span, out);
		print_clause(depth + 1, "if", item->group.condition, out);
		for (size_t i = 0; i < item->group.unless.count; i++)
			print_clause(depth + 1, "unless", item->group.unless.items[i], out);
		for (size_t i = 0; i < item->group.items.count; i++)
			print_item(depth + 1, item->group.items.items[i], out);
		break;
	case ITEM_ASSERT:
		print_assertion(depth, &item->assertion, item->span, out);
		break;
	case ITEM_TEST:
		print_test(depth, item, out);
		break;
	}
}

void tree_print(const struct tree *tree, FILE *out)
{
	for (size_t i = 0; i < tree->items.count; i++)
		print_item(0, tree->items.items[i], out);
}
