/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engine's decision at a moment of the dialogue, of which the frame says more than a mail
 * server has told by then. It stands apart from the fates: what is known when follows from the
 * slots alone, whoever the verdict is for.
 */

#include "filter/policy/prove.h"

static bool looked_up(const struct policy *policy, unsigned slot)
{
	const struct slot *of = &policy->slots[slot];

	if (of->def->cost >= COST_DNS)
		return true;
	for (size_t i = 0; i < of->input_count + of->late_count; i++)
		if (looked_up(policy, of->inputs[i]))
			return true;
	for (size_t i = 0; i < of->argument_count; i++)
		if (of->arguments[i].is_slot && looked_up(policy, of->arguments[i].slot))
			return true;
	return false;
}

static bool slot_late(const struct prover *p, unsigned slot, const struct moment *moment)
{
	const struct slot *of = &p->policy->slots[slot];
	bool growing = of->stage == STAGE_RCPT && of->scope < SCOPE_RECIPIENT;

	/* What may become known later as well is known for sure then. */
	return of->stages >> moment->stage > 1 || (growing && moment->stage < STAGE_DATA) ||
	       (moment->stage < STAGE_MAIL && of->scope != SCOPE_CONNECTION) ||
	       (!moment->lookups && looked_up(p->policy, slot)) ||
	       (!moment->recipient && of->scope == SCOPE_RECIPIENT);
}

static bool is_late(const struct prover *p, const struct elementary *one,
		    const struct moment *moment)
{
	if (slot_late(p, one->slot, moment))
		return true;
	if (one->test && one->test->right_kind == RIGHT_SLOT &&
	    slot_late(p, one->test->right, moment))
		return true;
	for (size_t i = 0;
	     one->test && one->test->right_kind == RIGHT_TEMPLATE && i < one->test->template.count;
	     i++)
		if (one->test->template.pieces[i].is_slot &&
		    slot_late(p, one->test->template.pieces[i].slot, moment))
			return true;
	return false;
}

struct decision moment_over(struct prover *p, unsigned side)
{
	struct arena *scratch = arena_new(p->arena);
	struct decision d;

	p->steps += p->policy->rule_count / 4 + 1;
	engine_decide(&p->views[side], scratch, NULL, NULL, &d);
	d.needed = d.open = NULL;
	arena_free(&scratch);
	return d;
}

struct decision moment_decide(struct prover *p, unsigned side, const struct moment *moment,
			      uint32_t *variable_r)
{
	const cond_set *states = p->frames.items[p->depth].states;
	struct decision d;

	*variable_r = ASSUMED_NOT;
	for (size_t i = 0; i < p->elementary.count; i++) {
		const struct elementary *one = &p->elementary.items[i];

		p->masked[i] = is_late(p, one, moment) ? p->all[i] : states[i];
	}
	p->assumed[side].states = p->masked;
	d = moment_over(p, side);
	p->assumed[side].states = states;
	for (size_t i = 0; !d.certain && i < p->elementary.count; i++)
		if (!cond_settled(states[i]) && !is_late(p, &p->elementary.items[i], moment) &&
		    p->elementary.items[i].constraints.count > 0)
			*variable_r = (uint32_t)i;
	return d;
}

bool moment_words_late(const struct prover *p, const struct decision *d,
		       const struct moment *moment)
{
	const struct plan_action *last;

	if (!d->certain || !d->rule || d->verdict == VERDICT_ACCEPT || d->failure)
		return false;
	last = &d->rule->actions[d->rule->action_count - 1];
	for (size_t i = 0; i < last->text.count; i++)
		if (last->text.pieces[i].is_slot && slot_late(p, last->text.pieces[i].slot, moment))
			return true;
	return false;
}
