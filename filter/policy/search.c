/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looks for facts that meet all constraints: narrows, chooses a condition that matters in the
 * constraint with the fewest open ones, tries each of its states. No recursion: the frames are
 * the stack.
 */

#include "filter/policy/prove.h"

static cond_set state_of(const struct prover *p, uint32_t variable)
{
	return p->frames.items[p->depth].states[variable];
}

/* ---- what to try ---- */

struct choice {
	uint32_t variable;
	size_t open, weight;
};

static void consider(struct prover *p, uint32_t variable, struct choice *choice)
{
	size_t weight;

	if (variable == ASSUMED_NOT || cond_settled(state_of(p, variable)))
		return;
	weight = p->elementary.items[variable].constraints.count;
	choice->open++;
	if (choice->variable == ASSUMED_NOT || weight > choice->weight) {
		choice->variable = variable;
		choice->weight = weight;
	}
}

static void consider_cond(struct prover *p, unsigned side, const struct cond *cond,
			  struct choice *choice);

/* On which a score rests: the conditions of all rules that add to one, and ask for none. */
static void consider_scores(struct prover *p, unsigned side, struct choice *choice)
{
	for (size_t i = 0; i < p->policy->rule_count; i++) {
		const struct constraint *constraint = prover_rule(p, side, i);

		if (constraint->rule->score_count > 0 && constraint->cond && !constraint->sums)
			consider_cond(p, side, constraint->cond, choice);
	}
}

/* The open tests of a condition that still matter to it. */
static void consider_cond(struct prover *p, unsigned side, const struct cond *cond,
			  struct choice *choice)
{
	if (cond->kind == COND_TEST && p->tests[side][cond->number] != ASSUMED_NOT) {
		consider(p, p->tests[side][cond->number], choice);
		return;
	}
	if (cond->kind == COND_TEST) {
		consider_scores(p, side, choice);
		return;
	}
	if (cond_settled(evaluate(&p->views[side], cond, NULL).possible))
		return;
	for (size_t i = 0; i < cond->count; i++)
		consider_cond(p, side, cond->parts[i], choice);
}

static struct choice choice_in(struct prover *p, const struct constraint *constraint)
{
	struct choice choice = {.variable = ASSUMED_NOT};

	if (constraint->cond)
		consider_cond(p, constraint->side, constraint->cond, &choice);
	for (size_t i = 0; constraint->rule && i < constraint->rule->text_slot_count; i++)
		consider(p, p->texts[constraint->side][constraint->rule->text_slots[i]], &choice);
	return choice;
}

/* In the tightest constraint that is not met yet; ASSUMED_NOT: all are. */
static uint32_t choose(struct prover *p, cond_set *first_r)
{
	struct choice best = {.variable = ASSUMED_NOT};

	for (size_t i = 0; i < p->constraint_count; i++) {
		const struct constraint *constraint = &p->constraints[i];
		struct choice choice;

		if (constraint->wanted == 0 ||
		    (narrow_state(p, constraint) & ~constraint->wanted) == 0)
			continue;
		choice = choice_in(p, constraint);
		if (choice.variable != ASSUMED_NOT &&
		    (best.variable == ASSUMED_NOT || choice.open < best.open)) {
			best = choice;
			*first_r = constraint->wanted & COND_TRUE ? COND_TRUE : COND_FALSE;
		}
		if (best.open == 1)
			break;
	}
	return best.variable;
}

uint32_t search_open(struct prover *p, unsigned side, const struct cond *cond)
{
	struct choice choice = {.variable = ASSUMED_NOT};

	if (cond)
		consider_cond(p, side, cond, &choice);
	return choice.variable;
}

uint32_t search_open_rules(struct prover *p, unsigned side, size_t end)
{
	for (size_t i = 0; i < p->policy->rule_count && i <= end; i++) {
		const struct plan_rule *rule = &p->policy->rules[i];
		struct constraint constraint = *prover_rule(p, side, i);
		struct choice choice;

		if ((!prover_decides(rule) && !fate_removes(rule)) ||
		    cond_settled(narrow_state(p, &constraint)))
			continue;
		choice = choice_in(p, &constraint);
		if (choice.variable != ASSUMED_NOT)
			return choice.variable;
	}
	return ASSUMED_NOT;
}

/* ---- the search ---- */

/* The next state to try; 0: there is none. */
static cond_set next_state(struct frame *frame)
{
	static const cond_set order[] = {COND_FALSE, COND_TRUE, COND_FAILED_SKIP,
					 COND_FAILED_DEFER};
	cond_set one = frame->untried & frame->first;

	for (size_t i = 0; i < 4 && one == 0; i++)
		one = frame->untried & order[i];
	frame->untried &= (cond_set)~one;
	return one;
}

/* Goes on with a state of the variable that was chosen in the top frame; false: none is left. */
static bool descend(struct prover *p)
{
	size_t at = p->depth;
	cond_set one;

	while ((one = next_state(&p->frames.items[at])) != 0) {
		uint32_t variable = p->frames.items[at].variable;

		narrow_push(p);
		if (narrow_variable(p, variable, one) && narrow(p))
			return true;
		narrow_pop(p);
	}
	return false;
}

/* Up to a frame with something left to try; false: back where the search began. */
static bool backtrack(struct prover *p, size_t base)
{
	while (p->depth > base) {
		narrow_pop(p);
		if (descend(p))
			return true;
	}
	return false;
}

enum found search(struct prover *p, bool (*hopeless)(void *ctx),
		  enum leaf (*leaf)(void *ctx, uint32_t *variable_r), void *ctx)
{
	size_t base = p->depth;

	for (;;) {
		struct frame *frame;
		uint32_t variable;
		cond_set first = COND_FALSE;
		enum leaf what = LEAF_OPEN;

		if (p->steps > p->most) {
			while (p->depth > base)
				narrow_pop(p);
			return SEARCH_OUT;
		}
		variable = choose(p, &first);
		if (hopeless && hopeless(ctx))
			what = LEAF_NO;
		else if (variable == ASSUMED_NOT)
			what = leaf(ctx, &variable);
		if (what == LEAF_YES)
			return SEARCH_FOUND;
		if (what == LEAF_OPEN) {
			frame = &p->frames.items[p->depth];
			frame->variable = variable;
			frame->untried = frame->states[variable];
			frame->first = first;
			if (descend(p))
				continue;
		}
		if (!backtrack(p, base))
			return SEARCH_NOTHING;
	}
}
