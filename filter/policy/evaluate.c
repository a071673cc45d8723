/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Evaluates conditions over a view: what each may be, and what waiting could make of it. The
 * depth of a condition is bounded by the parser, so recursion here is too.
 */

#include "filter/policy/evaluate.h"
#include "filter/policy/sums.h"

static struct evaluation settled(cond_set value)
{
	return (struct evaluation){value, value};
}

static struct evaluation truth(bool holds)
{
	return settled(holds ? COND_TRUE : COND_FALSE);
}

static cond_set failure_of(const struct slot *slot)
{
	return slot->may_defer ? COND_FAILED_DEFER : COND_FAILED_SKIP;
}

static cond_set may_fail(const struct slot *slot)
{
	return (cond_set)((slot->may_defer ? COND_FAILED_DEFER : 0) |
			  (slot->may_skip ? COND_FAILED_SKIP : 0));
}

/* A slot that is not known: it may make the test anything, also failed. */
static struct evaluation open_slot(struct view *view, unsigned n, struct open_slots *open)
{
	const struct slot *slot = &view->policy->slots[n];
	struct evaluation e = {COND_TRUE | COND_FALSE | may_fail(slot), 0};

	if (open)
		*vec_push(open->arena, &open->slots) = n;
	if ((slot->sum > 0 || view->stage >= slot->stage) && view_awaitable(view, n))
		e.reachable = e.possible;
	return e;
}

static bool is_settled(struct evaluation e, cond_set value)
{
	return e.possible == value && e.reachable == value;
}

/* Nearly always one of two is settled, and decides or changes nothing. */
struct evaluation evaluation_and(struct evaluation a, struct evaluation b)
{
	struct evaluation e;

	if (is_settled(a, COND_TRUE) || is_settled(b, COND_FALSE))
		return b;
	if (is_settled(b, COND_TRUE) || is_settled(a, COND_FALSE))
		return a;
	e = (struct evaluation){cond_and(a.possible, b.possible),
				cond_and(a.reachable, b.reachable)};
	e.reachable |= (cond_set)((a.reachable | b.reachable) & COND_FALSE);
	return e;
}

struct evaluation evaluation_or(struct evaluation a, struct evaluation b)
{
	struct evaluation e;

	if (is_settled(a, COND_FALSE) || is_settled(b, COND_TRUE))
		return b;
	if (is_settled(b, COND_FALSE) || is_settled(a, COND_TRUE))
		return a;
	e = (struct evaluation){cond_or(a.possible, b.possible), cond_or(a.reachable, b.reachable)};
	e.reachable |= (cond_set)((a.reachable | b.reachable) & COND_TRUE);
	return e;
}

/* Recipients may still be added: what holds already may settle it, nothing else does. */
static struct evaluation growing_number(const struct cond *cond, const struct value *left,
					const struct value *right)
{
	static const struct evaluation open = {COND_TRUE | COND_FALSE, 0};
	int order = value_compare(cond->base, left, right);

	switch (cond->op) {
	case OP_GT:
		return order > 0 ? truth(true) : open;
	case OP_GE:
		return order >= 0 ? truth(true) : open;
	case OP_LT:
		return order >= 0 ? truth(false) : open;
	case OP_LE:
	case OP_IS:
		return order > 0 ? truth(false) : open;
	case OP_IN:
		for (size_t i = 0; i < cond->set_count; i++)
			if (value_compare(cond->base, left, &cond->set[i]) <= 0)
				return open;
		return truth(false);
	default:
		return open;
	}
}

static struct evaluation quantified(struct view *view, const struct cond *cond,
				    const struct value *list, const struct value *right)
{
	const struct slot *slot = &view->policy->slots[cond->left];
	bool growing = list->state == FACT_GROWING, all = true, some = false;

	for (size_t i = 0; i < list->count; i++) {
		int holds = compare_test(view, cond, &list->items[i], right);

		if (holds < 0)
			return settled(COND_FAILED_DEFER);
		if (holds)
			some = true;
		else
			all = false;
	}
	/* What is there may settle it; what may still come, or could not be found, leaves it open.
	 */
	if (cond->quantifier == QUANT_EVERY ? all : !some) {
		if (growing)
			return (struct evaluation){COND_TRUE | COND_FALSE, 0};
		if (list->incomplete)
			return settled(slot->may_skip ? failure_of(slot) : COND_FAILED_DEFER);
	}
	switch (cond->quantifier) {
	case QUANT_ANY:
		return truth(some);
	case QUANT_NO:
		return truth(!some);
	default:
		return truth(all && list->count > 0);
	}
}

/* What is assumed of a variable; true where there is none. */
static struct evaluation assumed(const struct view *view, uint32_t variable)
{
	return settled(variable == ASSUMED_NOT ? COND_TRUE : view->assumed->states[variable]);
}

struct evaluation evaluate_known(struct view *view, const unsigned *slots, size_t count,
				 struct open_slots *open)
{
	struct evaluation e = settled(COND_TRUE);

	for (size_t i = 0; i < count; i++) {
		const struct slot *slot = &view->policy->slots[slots[i]];
		const struct value *value;

		if (view->assumed) {
			e = evaluation_and(e, assumed(view, view->assumed->slots[slots[i]]));
			continue;
		}
		value = evaluate_value(view, slots[i]);
		if (value->state == FACT_FAILED) {
			e = evaluation_and(e, settled(failure_of(slot)));
		} else if (!value_known(value)) {
			struct evaluation one = open_slot(view, slots[i], open);

			one.possible &= (cond_set)~COND_FALSE;
			one.reachable &= (cond_set)~COND_FALSE;
			e = evaluation_and(e, one);
		}
	}
	return e;
}

static bool right_is_fact(const struct cond *cond)
{
	return cond->right_kind == RIGHT_SLOT || cond->right_kind == RIGHT_TEMPLATE;
}

/*
 * The facts on the right: true when they are there to compare with. While one is not known, the
 * comparison may turn out either way.
 */
static struct evaluation right_known(struct view *view, const struct cond *cond,
				     struct open_slots *open)
{
	struct evaluation e = settled(COND_TRUE);
	bool known = true;

	if (cond->right_kind == RIGHT_SLOT) {
		e = evaluate_known(view, &cond->right, 1, open);
		known = value_known(view_value(view, cond->right));
	}
	for (size_t i = 0; cond->right_kind == RIGHT_TEMPLATE && i < cond->template.count; i++) {
		const struct template_piece *piece = &cond->template.pieces[i];

		if (!piece->is_slot)
			continue;
		e = evaluation_and(e, evaluate_known(view, &piece->slot, 1, open));
		known &= value_known(view_value(view, piece->slot));
	}
	if (!known && e.possible & COND_TRUE)
		e.possible |= COND_FALSE;
	if (!known && e.reachable & COND_TRUE)
		e.reachable |= COND_FALSE;
	return e;
}

static struct evaluation test(struct view *view, const struct cond *cond, struct open_slots *open)
{
	const struct slot *slot = &view->policy->slots[cond->left];
	const struct value *left = evaluate_value(view, cond->left), *right = &cond->value;
	struct evaluation e;
	int holds;

	if (view->sums && sums_test(view, cond, open, &e))
		return e;
	if (left->state == FACT_FAILED)
		return settled(failure_of(slot));
	if (left->state == FACT_UNKNOWN) {
		e = open_slot(view, cond->left, open);
		/* What stands on the right may fail as well. */
		if (right_is_fact(cond))
			e.possible |= right_known(view, cond, open).possible & COND_FAILED;
		if (e.reachable)
			e.reachable = e.possible;
		return e;
	}
	if (cond->op == OP_IS_PRESENT) {
		if (left->state == FACT_GROWING)
			return left->count > 0 ? truth(true)
					       : (struct evaluation){COND_TRUE | COND_FALSE, 0};
		if (left->incomplete && left->count == 0)
			return settled(COND_FAILED_DEFER);
		return truth(left->state == FACT_PRESENT &&
			     (!slot->def->type.list || left->count > 0));
	}
	/* An absent list is an empty one; any other comparison of what is absent is false. */
	if (left->state == FACT_ABSENT)
		return truth(slot->def->type.list && cond->quantifier == QUANT_NO);
	e = right_is_fact(cond) ? right_known(view, cond, open) : settled(COND_TRUE);
	if (e.possible != COND_TRUE) {
		/* What could not be found of the left side may turn out to matter. */
		if (left->incomplete && !cond_settled(e.possible))
			e.possible |= COND_FAILED_DEFER;
		return e;
	}
	if (cond->right_kind == RIGHT_SLOT) {
		right = view_value(view, cond->right);
		if (right->state == FACT_ABSENT)
			right = NULL;
	}
	if (slot->def->type.list)
		return quantified(view, cond, left, right);
	if (left->state == FACT_GROWING && right)
		return growing_number(cond, left, right);
	holds = compare_test(view, cond, left, right);
	return holds < 0 ? settled(COND_FAILED_DEFER) : truth(holds);
}

static struct evaluation part(struct view *view, const struct cond *cond, struct open_slots *open)
{
	size_t before = open ? open->slots.count : 0;
	struct evaluation e;

	switch (cond->kind) {
	case COND_TEST:
		if (view->assumed && view->assumed->tests[cond->number] != ASSUMED_NOT)
			return assumed(view, view->assumed->tests[cond->number]);
		return test(view, cond, open);
	case COND_NOT:
		e = evaluate(view, cond->parts[0], open);
		e.possible = cond_not(e.possible);
		e.reachable = cond_not(e.reachable);
		return e;
	case COND_AND:
	case COND_OR:
		e = settled(cond->kind == COND_AND ? COND_TRUE : COND_FALSE);
		for (size_t i = 0; i < cond->count; i++) {
			struct evaluation one = evaluate(view, cond->parts[i], open);

			e = cond->kind == COND_AND ? evaluation_and(e, one) : evaluation_or(e, one);
			if (e.possible == (cond->kind == COND_AND ? COND_FALSE : COND_TRUE))
				break;
		}
		break;
	}
	/* What was met on the way to a settled condition does not matter any more. */
	if (open && cond_settled(e.possible))
		open->slots.count = before;
	return e;
}

struct evaluation evaluate(struct view *view, const struct cond *cond, struct open_slots *open)
{
	cond_set *memo = cond && cond->memo.at > 0 ? memo_of(view, &cond->memo) : NULL;
	struct evaluation e;

	if (!cond)
		return settled(COND_TRUE);
	if (memo && *memo)
		return settled(*memo);
	e = part(view, cond, open);
	if (memo && cond_settled(e.possible))
		*memo = e.possible;
	return e;
}

struct evaluation evaluate_texts(struct view *view, const struct plan_rule *rule,
				 struct open_slots *open)
{
	struct evaluation e = {COND_TRUE, COND_TRUE};

	for (size_t i = 0; rule->text_slot_count > 0 && i < rule->action_count; i++) {
		const struct plan_action *action = &rule->actions[i];

		/* The log of a rule that decides is no reason to decide otherwise, or later. */
		if (rule->decisive && action->def->class == ACTION_LOG)
			continue;
		for (size_t j = 0; j < action->text.count; j++)
			if (action->text.pieces[j].is_slot)
				e = evaluation_and(
				    e, evaluate_known(view, &action->text.pieces[j].slot, 1, open));
	}
	return e;
}

struct evaluation evaluation_with_texts(struct view *view, const struct plan_rule *rule,
					struct evaluation e, struct open_slots *open)
{
	struct evaluation texts;

	/* Where the condition is not true, nobody will write them. */
	if (!(e.possible & COND_TRUE))
		return e;
	texts = evaluate_texts(view, rule, open);
	e.possible = (cond_set)((e.possible & ~COND_TRUE) | texts.possible);
	if (e.reachable & COND_TRUE)
		e.reachable = (cond_set)((e.reachable & ~COND_TRUE) | texts.reachable);
	return e;
}

struct evaluation evaluate_rule(struct view *view, const struct plan_rule *rule,
				struct open_slots *open)
{
	if (view->sums)
		sums_read(view, rule->observe);
	return evaluation_with_texts(view, rule, evaluate(view, rule->cond, open), open);
}
