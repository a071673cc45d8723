/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * After a walk down the rules: which of the facts that it met open still matter, and which of
 * those a lookup can tell already. It stands apart from the walk, which only gathers: this comes
 * once a decision, and is where scores are traced back to what they rest on.
 */

#include "filter/policy/awaited.h"

/* Adds what is open of scoring rules to the slots of a list whose scores rest on them. */
static void add_scoring(struct awaited *a, const struct view *view, int list)
{
	struct open_slots *open = &a->lists[list];
	size_t *asked = a->asked[list];

	for (size_t i = a->scoring.count; i-- > 0;) {
		const struct scoring *scoring = &a->scoring.items[i];
		bool matters = false;

		if (scoring->rule->observe && list != LIST_OBSERVED)
			continue;
		for (size_t j = 0; j < scoring->rule->score_count && !matters; j++)
			matters = i < asked[scoring->rule->scores[j].sum - 1];
		for (size_t j = scoring->from; matters && j < scoring->to; j++) {
			unsigned slot = a->score_slots.slots.items[j];
			unsigned sum = view->policy->slots[slot].sum;

			if (sum > 0 && asked[sum - 1] < i)
				asked[sum - 1] = i;
			*vec_push(open->arena, &open->slots) = slot;
		}
	}
}

/* Does the list still matter, with this decision? */
static bool list_counts(const struct view *view, const struct decision *d, int list)
{
	bool delivered = d->verdict == VERDICT_ACCEPT || d->verdict == VERDICT_HOLD;

	if (!d->certain)
		return true;
	if (list == LIST_OBSERVED)
		return delivered &&
		       (d->pending || d->verdict == VERDICT_HOLD || view->stage == STAGE_MESSAGE);
	return list == LIST_EDITS && d->pending;
}

/*
 * What a lookup can tell at this stage: the slot itself, or else what it will be computed from, so
 * that the answers are there when the rest is known.
 */
static void need(struct view *view, unsigned n, bool *seen, struct open_slots *needed)
{
	const struct slot *slot = &view->policy->slots[n];

	if (seen[n] || !slot->asks)
		return;
	seen[n] = true;
	if (value_known(evaluate_value(view, n)))
		return;
	if (view->stage >= slot->stage && view_awaitable(view, n)) {
		*vec_push(needed->arena, &needed->slots) = n;
		return;
	}
	for (size_t i = 0; i < slot->input_count + slot->late_count; i++)
		need(view, slot->inputs[i], seen, needed);
}

void awaited_list(struct awaited *a, struct view *view, struct decision *d)
{
	struct arena *arena = a->score_slots.arena;
	struct open_slots needed = {.arena = arena}, open = {.arena = arena};
	bool *seen = arena_array(arena, view->policy->all_slot_count, sizeof(*seen));

	for (int l = 0; l < LISTS; l++) {
		if (!list_counts(view, d, l))
			continue;
		add_scoring(a, view, l);
		for (size_t i = 0; i < a->lists[l].slots.count; i++) {
			unsigned slot = a->lists[l].slots.items[i];

			if (view->policy->slots[slot].sum > 0)
				continue;
			*vec_push(arena, &open.slots) = slot;
			if (view->policy->slots[slot].asks)
				need(view, slot, seen, &needed);
		}
	}
	d->open = open.slots.items;
	d->open_count = open.slots.count;
	d->needed = needed.slots.items;
	d->needed_count = needed.slots.count;
}
