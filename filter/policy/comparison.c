/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Comparisons become tests: a fact on the left, what it is compared with on the right, both of
 * one type. Every mixture that has no meaning is reported with the way to write what is meant.
 */

#include "filter/policy/right.h"

bool template_of(struct loader *loader, const struct text *text, struct template *template_r)
{
	bool ok = true;

	template_r->pieces =
	    arena_array(loader->arena, text->pieces.count, sizeof(*template_r->pieces));
	template_r->count = text->pieces.count;
	for (size_t i = 0; i < text->pieces.count; i++) {
		const struct text_piece *piece = &text->pieces.items[i];
		int slot;

		if (!piece->fact) {
			template_r->pieces[i].literal = piece->literal;
			continue;
		}
		slot = slot_of_operand(loader, piece->fact, false);
		if (slot < 0)
			ok = false;
		template_r->pieces[i].is_slot = true;
		template_r->pieces[i].slot = slot < 0 ? 0 : (unsigned)slot;
	}
	return ok;
}

/* Is the comparison one that the type of the left side has? */
static bool operator_fits(struct loader *loader, const struct expr *expr,
			  const struct fact_def *def)
{
	enum type_base base = def->type.base;

	switch (expr->op) {
	case OP_MATCHES:
	case OP_CONTAINS:
	case OP_STARTS_WITH:
	case OP_ENDS_WITH:
		if (right_is_text(base))
			return true;
		break;
	case OP_LT:
	case OP_LE:
	case OP_GT:
	case OP_GE:
		if (right_is_number(base))
			return true;
		break;
	default:
		return true;
	}
	loader_error(loader, expr->op_span, "'%s' is " STR_FMT ", which '%s' cannot compare",
		     def->name, STR_ARG(right_type(loader, &def->type)), compare_op_name(expr->op));
	return false;
}

static bool quantifier_fits(struct loader *loader, const struct expr *expr, const struct slot *slot)
{
	bool presence = expr->op == OP_IS_PRESENT || expr->op == OP_IS_ABSENT;

	if (presence && expr->left.quantifier != QUANT_NONE) {
		loader_error(
		    loader, expr->left.span, "'%s' takes no quantifier, write '" STR_FMT " %s'",
		    compare_op_name(expr->op), STR_ARG(slot->text), compare_op_name(expr->op));
		return false;
	}
	if (slot->def->type.list && expr->left.quantifier == QUANT_NONE && !presence) {
		loader_error(loader, expr->left.span,
			     "'%s' is a list, write 'any " STR_FMT "', 'every " STR_FMT
			     "' or 'no " STR_FMT "'",
			     slot->def->name, STR_ARG(slot->text), STR_ARG(slot->text),
			     STR_ARG(slot->text));
		return false;
	}
	if (!slot->def->type.list && expr->left.quantifier != QUANT_NONE) {
		loader_error(loader, expr->left.span,
			     "'%s' is one value, not a list, write it without "
			     "'any', 'every' or 'no'",
			     slot->def->name);
		return false;
	}
	return true;
}

/* What the whole test negates. */
static enum compare_op positive(enum compare_op op)
{
	return op == OP_IS_NOT ? OP_IS : op == OP_NOT_IN ? OP_IN : OP_IS_PRESENT;
}

struct cond *comparison(struct loader *loader, const struct expr *expr)
{
	/* Of a list, each element is compared so; of one value, the whole test is negated. */
	bool each = expr->left.quantifier != QUANT_NONE;
	bool negate =
	    expr->op == OP_IS_ABSENT || (!each && (expr->op == OP_IS_NOT || expr->op == OP_NOT_IN));
	const struct loader_name *name;
	const struct fact_def *def;
	struct cond *cond;
	bool fits, ok;
	int slot;

	if (expr->left.kind != OPERAND_WORD) {
		loader_error(loader, expr->left.span, "a fact stands on the left of a comparison");
		return NULL;
	}
	name = loader_find(loader, expr->left.word);
	if (name && name->kind == NAME_DEFINE && !expr->left.called) {
		loader_error(loader, expr->left.span,
			     "'" STR_FMT "' is a define, true or false by itself",
			     STR_ARG(name->name));
		loader_note(loader, name->span, "defined here");
		return NULL;
	}
	slot = slot_of_operand(loader, &expr->left, expr->left.quantifier != QUANT_NONE);
	if (slot < 0)
		return NULL;
	def = loader->slots.items[slot].def;
	if (!operator_fits(loader, expr, def))
		return NULL;
	fits = quantifier_fits(loader, expr, &loader->slots.items[slot]);
	cond = cond_new(loader, COND_TEST);
	cond->span = expr->span;
	cond->right_span = expr->right.span;
	cond->left = (unsigned)slot;
	cond->quantifier = expr->left.quantifier;
	cond->base = def->type.base;
	cond->op = expr->op;
	switch (expr->op) {
	case OP_IS_PRESENT:
	case OP_IS_ABSENT:
		ok = true;
		break;
	case OP_IN:
	case OP_NOT_IN:
		ok = membership_in(loader, &expr->right, def, cond);
		break;
	case OP_MATCHES:
		ok = right_pattern(loader, &expr->right, cond);
		break;
	default:
		ok = right_value(loader, &expr->right, def, cond);
		break;
	}
	if (negate)
		cond->op = positive(cond->op);
	if (!ok || !fits)
		return NULL;
	return negate ? cond_negate(loader, cond) : cond;
}
