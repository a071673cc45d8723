/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads conditions. "and" and "or" bind alike and may not be mixed without parentheses. A part
 * that was not understood becomes an EXPR_AND without parts, and reading goes on at the next
 * joint.
 */

#include "filter/policy/parse.h"

static struct expr *new_expr(struct parser *p, enum expr_kind kind, struct span span)
{
	struct expr *expr = arena_new_of(p->arena, struct expr);

	expr->kind = kind;
	expr->span = span;
	return expr;
}

struct expr *parse_broken(struct parser *p, struct span span)
{
	return new_expr(p, EXPR_AND, span);
}

static bool is_broken(const struct expr *expr)
{
	return expr->kind == EXPR_AND && expr->parts.count == 0;
}

static struct expr *give_up(struct parser *p, struct span span)
{
	cursor_sync(p, SYNC_JOINT | SYNC_CLAUSE);
	return parse_broken(p, span);
}

/* ---- comparisons ---- */

static enum quantifier quantifier_of(const struct token *t)
{
	return token_is_word(t, "any")     ? QUANT_ANY
	       : token_is_word(t, "every") ? QUANT_EVERY
	       : token_is_word(t, "no")    ? QUANT_NO
					   : QUANT_NONE;
}

/* "any", "every" or "no", where a fact follows. */
static enum quantifier take_quantifier(struct parser *p)
{
	struct token t = cursor_peek(p, LEX_PLAIN), next = cursor_after(p, &t, LEX_OPERAND);
	enum quantifier quantifier = quantifier_of(&t);
	bool fact = parse_at_quantified(p, &next);

	if (quantifier == QUANT_NONE ||
	    (!fact && next.kind != TOKEN_STRING && !token_is_mark(&next, "(")))
		return QUANT_NONE;
	cursor_take(p, LEX_PLAIN);
	if (!fact)
		diag_error(p->diag, t.span, "'" STR_FMT "' stands before a fact only%s",
			   STR_ARG(t.text), quantifier == QUANT_NO ? ", write 'not'" : "");
	return quantifier;
}

static struct expr *parse_parenthesis(struct parser *p);

static struct expr *parse_primary(struct parser *p)
{
	size_t errors = diag_errors(p->diag);
	struct token t = cursor_peek(p, LEX_OPERAND);
	struct expr *expr = new_expr(p, EXPR_COMPARE, t.span);
	enum quantifier quantifier = take_quantifier(p);
	struct token left = cursor_peek(p, LEX_PLAIN);
	enum found found;

	if (token_is_mark(&left, "("))
		return parse_parenthesis(p);
	if (!parse_operand(p, &expr->left, "a condition"))
		return give_up(p, t.span);
	expr->left.quantifier = quantifier;
	expr->left.span = span_join(t.span, expr->left.span);
	found = parse_operator(p, expr);
	if (found == FOUND_WRONG)
		return give_up(p, t.span);
	if (found == FOUND_NONE) {
		expr->kind = EXPR_BOOLEAN;
		if (expr->left.kind != OPERAND_WORD && diag_errors(p->diag) > errors)
			return parse_broken(p, t.span);
	} else if (expr->op != OP_IS_PRESENT && expr->op != OP_IS_ABSENT) {
		struct token right = cursor_peek(p, LEX_PLAIN);

		if (take_quantifier(p) != QUANT_NONE)
			diag_error(p->diag, right.span,
				   "'" STR_FMT "' stands on the left side only",
				   STR_ARG(right.text));
		if (!parse_operand(p, &expr->right, "an operand"))
			return give_up(p, t.span);
	}
	expr->span = cursor_since(p, t.span);
	return expr;
}

/* ---- lists of conditions ---- */

static struct expr *parse_chain(struct parser *p);

static struct expr *parse_parenthesis(struct parser *p)
{
	struct token open = cursor_take(p, LEX_PLAIN);
	size_t errors = diag_errors(p->diag);
	struct expr *expr;

	if (!cursor_enter(p, open.span)) {
		cursor_skip_nested(p, "(", ")");
		return parse_broken(p, open.span);
	}
	p->parens++;
	expr = parse_chain(p);
	if (!cursor_mark(p, ")")) {
		if (diag_errors(p->diag) == errors) {
			cursor_unexpected(p, LEX_PLAIN, "')'");
			diag_note(p->diag, open.span, "the '(' that is open stands here");
		}
		cursor_sync(p, SYNC_CLAUSE);
		cursor_mark(p, ")");
	}
	p->parens--;
	p->depth--;
	expr->span = cursor_since(p, open.span);
	return expr;
}

static bool take_not(struct parser *p)
{
	struct token t = cursor_peek(p, LEX_PLAIN), next = cursor_after(p, &t, LEX_PLAIN);

	if (token_is_mark(&t, "!")) {
		cursor_take(p, LEX_PLAIN);
		diag_error(p->diag, t.span, "'!' is no operator, write 'not'");
		return true;
	}
	if (!token_is_word(&t, "not") || token_is_word(&next, "is"))
		return false;
	cursor_take(p, LEX_PLAIN);
	return true;
}

static struct expr *parse_term(struct parser *p)
{
	struct token t = cursor_peek(p, LEX_PLAIN);
	bool negated = take_not(p);
	struct expr *inner, *expr;

	while (negated && take_not(p))
		diag_error(p->diag, p->last, "a second 'not', write one or none");
	expr = new_expr(p, EXPR_NOT, t.span);
	inner = parse_primary(p);
	if (!negated)
		return inner;
	*vec_push(p->arena, &expr->parts) = inner;
	expr->span = cursor_since(p, expr->span);
	return expr;
}

static void add_source(struct buf *out, struct span span)
{
	buf_add(out, str_sub(span.source->text, span.from, span.to - span.from));
	buf_putc(out, ' ');
}

struct str expr_meant_set(struct arena *arena, const struct expr *list, size_t at, size_t *count_r)
{
	const struct expr *before = at > 0 ? list->parts.items[at - 1] : NULL;
	bool word = list->parts.items[at]->left.kind == OPERAND_WORD;
	struct buf out = {.arena = arena};

	*count_r = 0;
	if (!before || before->kind != EXPR_COMPARE || before->op > OP_NOT_IN)
		return STR("");
	for (; at + *count_r < list->parts.count; ++*count_r) {
		const struct expr *part = list->parts.items[at + *count_r];

		if (part->kind != EXPR_BOOLEAN || part->left.quantifier || part->left.called ||
		    (part->left.kind == OPERAND_WORD) != word)
			break;
	}
	if (*count_r == 0)
		return STR("");
	add_source(&out, before->left.span);
	buf_puts(&out, before->op == OP_IS || before->op == OP_IN ? "in { " : "not in { ");
	if (before->right.kind != OPERAND_SET)
		add_source(&out, before->right.span);
	for (size_t i = 0; i < before->right.items.count; i++)
		add_source(&out, before->right.items.items[i].span);
	for (size_t i = at; i < at + *count_r; i++)
		add_source(&out, list->parts.items[i]->span);
	buf_putc(&out, '}');
	return buf_str(&out);
}

/* Literals that stand where a condition should: "size is 5 or 6", or alone. */
static void check_literals(struct parser *p, struct expr *list)
{
	for (size_t i = 0; i < list->parts.count; i++) {
		struct expr *part = list->parts.items[i];
		struct str meant;
		size_t count;

		if (part->kind != EXPR_BOOLEAN || part->left.kind == OPERAND_WORD)
			continue;
		if (i > 0 && is_broken(list->parts.items[i - 1])) {
			list->parts.items[i] = parse_broken(p, part->span);
			continue;
		}
		meant = expr_meant_set(p->arena, list, i, &count);
		if (meant.n > 0)
			diag_error(p->diag, part->span, "this is no condition, write '" STR_FMT "'",
				   STR_ARG(meant));
		else
			diag_error(p->diag, part->span, "this is no condition but a value");
		list->parts.items[i] = parse_broken(p, part->span);
	}
}

static struct expr *parse_chain(struct parser *p)
{
	struct expr *first = parse_term(p), *list = new_expr(p, EXPR_AND, first->span);
	bool mixed = false;

	*vec_push(p->arena, &list->parts) = first;
	for (;;) {
		struct token t = cursor_peek(p, LEX_PLAIN);
		enum joint joint = cursor_joint(&t);
		enum expr_kind kind = joint == JOINT_AND ? EXPR_AND : EXPR_OR;
		const char *name = joint == JOINT_AND ? "and" : "or";

		if (joint == JOINT_NONE || cursor_is_label(p, &t))
			break;
		cursor_take(p, LEX_PLAIN);
		if (!str_eq(t.text, str_of(name)))
			diag_error(p->diag, t.span, "'" STR_FMT "' is no operator, write '%s'",
				   STR_ARG(t.text), name);
		if (list->parts.count == 1) {
			list->kind = kind;
			list->op_span = t.span;
		} else if (kind != list->kind && !mixed) {
			diag_error(
			    p->diag, t.span,
			    "'and' and 'or' are mixed, write parentheses around one of them");
			diag_note(p->diag, list->op_span, "the other one stands here");
			mixed = true;
		}
		*vec_push(p->arena, &list->parts) = parse_term(p);
	}
	list->span = cursor_since(p, first->span);
	check_literals(p, list);
	return list->parts.count == 1 ? list->parts.items[0] : list;
}

static bool at_end(struct parser *p)
{
	struct token t = cursor_peek(p, LEX_PLAIN);

	return cursor_is_clause(p, &t) || cursor_at_stop(p) || cursor_outdented(p, &t) ||
	       (p->body && token_is_mark(&t, "{"));
}

struct expr *parse_condition(struct parser *p)
{
	struct expr *expr = parse_chain(p);

	while (!at_end(p)) {
		struct token t = cursor_peek(p, LEX_PLAIN);

		if (token_is_mark(&t, ")")) {
			diag_error(p->diag, t.span, "')' without '('");
			p->at = t.span.to;
			t = cursor_peek(p, LEX_PLAIN);
			if (cursor_joint(&t) != JOINT_NONE) {
				cursor_take(p, LEX_PLAIN);
				parse_chain(p);
			}
			continue;
		}
		cursor_unexpected(p, LEX_PLAIN, "'and', 'or', 'unless' or another rule");
		cursor_sync(p, SYNC_CLAUSE);
	}
	return expr;
}
