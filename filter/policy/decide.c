/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goes through the rules in order and finds out whether the verdict is certain: every verdict that
 * is still possible must be the same one. Refusals of one verdict are one outcome, whatever their
 * text; an accept or a hold is the same only if no edit stands between.
 */

#include "filter/policy/evaluate.h"

/* What may still come out. */
struct outcomes {
	bool any, several;
	enum verdict verdict;
	size_t edits; /* edits that may happen above it */
};

struct walk {
	struct view *view;
	struct decision *d;
	struct outcomes outcomes;
	unsigned blocked; /* bits of verdicts in rules above that waiting cannot make pass */
	bool worth_waiting;
	size_t edits;
	bool edits_settled;
	bool soft, soft_sure; /* an accept, discard or hold may have been, was, passed over */
	struct open_slots verdict_slots, edit_slots;
};

static void outcome_add(struct walk *w, enum verdict verdict)
{
	struct outcomes *o = &w->outcomes;
	size_t edits = verdict == VERDICT_ACCEPT || verdict == VERDICT_HOLD ? w->edits : 0;

	if (!o->any) {
		*o = (struct outcomes){.any = true, .verdict = verdict, .edits = edits};
	} else if (o->verdict != verdict || o->edits != edits) {
		o->several = true;
	}
}

static bool refusal_or_discard(enum verdict verdict)
{
	return verdict == VERDICT_REJECT || verdict == VERDICT_DISCARD;
}

static void reachable_add(struct walk *w, enum verdict verdict)
{
	if ((w->blocked & ~(1u << verdict)) == 0)
		w->worth_waiting = true;
}

/* An edit or a log: it happens if the message is delivered and the condition is true then. */
static void pass_edit(struct walk *w, const struct plan_rule *rule, struct evaluation e)
{
	if (!(e.possible & COND_TRUE))
		return;
	w->edits++;
	w->d->pending = true;
	if (!cond_settled(e.possible))
		w->edits_settled = false;
	for (size_t i = 0; i < rule->text_slot_count; i++)
		if (!value_known(view_value(w->view, rule->text_slots[i])))
			w->edits_settled = false;
	for (size_t i = 0; i < rule->action_count; i++) {
		const struct plan_action *action = &rule->actions[i];

		for (size_t j = 0; j < action->input_count; j++) {
			if (value_known(view_value(w->view, action->inputs[j])))
				continue;
			w->edits_settled = false;
			*vec_push(w->edit_slots.arena, &w->edit_slots.slots) = action->inputs[j];
		}
	}
}

/* A decisive rule whose condition is not false. Returns true if nothing below it can apply. */
static bool pass_decisive(struct walk *w, const struct plan_rule *rule, struct evaluation e)
{
	bool passable = e.possible & (COND_FALSE | COND_FAILED_SKIP);
	enum verdict verdict = rule->verdict;

	if (e.possible & COND_TRUE) {
		/* Where an accept could not be judged, a refusal for good would be rash. */
		if (refusal_or_discard(rule->verdict) && w->soft)
			outcome_add(w, VERDICT_DEFER);
		if (!refusal_or_discard(rule->verdict) || !w->soft_sure)
			outcome_add(w, rule->verdict);
	}
	if (e.possible & COND_FAILED_DEFER)
		outcome_add(w, VERDICT_DEFER);
	if (refusal_or_discard(rule->verdict) && w->soft_sure)
		verdict = VERDICT_DEFER;
	if (e.reachable & COND_TRUE)
		reachable_add(w, verdict);
	if (e.reachable & COND_FAILED_DEFER)
		reachable_add(w, VERDICT_DEFER);
	if (!(e.reachable & (COND_FALSE | COND_FAILED_SKIP)))
		w->blocked |= 1u << (e.possible & COND_TRUE ? verdict : VERDICT_DEFER);
	if (e.possible & COND_FAILED_SKIP &&
	    (rule->verdict == VERDICT_ACCEPT || rule->verdict == VERDICT_DISCARD ||
	     rule->verdict == VERDICT_HOLD)) {
		w->soft = true;
		if (!(e.possible & COND_FALSE))
			w->soft_sure = true;
	}
	return !passable;
}

/*
 * The facts that must be known to say or do what the rule says. The log of a rule that decides is
 * no reason to decide otherwise, or later.
 */
static struct evaluation texts_known(struct view *view, const struct plan_rule *rule,
				     struct open_slots *open)
{
	struct evaluation e = {COND_TRUE, COND_TRUE};

	for (size_t i = 0; rule->text_slot_count > 0 && i < rule->action_count; i++) {
		const struct plan_action *action = &rule->actions[i];

		if (rule->decisive && action->def->class == ACTION_LOG)
			continue;
		for (size_t j = 0; j < action->text.count; j++)
			if (action->text.pieces[j].is_slot)
				e = evaluation_and(
				    e, evaluate_known(view, &action->text.pieces[j].slot, 1, open));
	}
	return e;
}

/*
 * Where the condition is true, the facts in the rule's texts must be known as well: one that
 * failed makes the rule failed. Where it is not, nobody will write them.
 */
static struct evaluation with_texts(struct view *view, const struct plan_rule *rule,
				    struct evaluation e, struct open_slots *open)
{
	struct evaluation texts;

	if (!(e.possible & COND_TRUE))
		return e;
	texts = texts_known(view, rule, open);
	e.possible = (cond_set)((e.possible & ~COND_TRUE) | texts.possible);
	if (e.reachable & COND_TRUE)
		e.reachable = (cond_set)((e.reachable & ~COND_TRUE) | texts.reachable);
	return e;
}

/* The rule that ends the walk answers; its text must be known. */
static void conclude(struct walk *w, const struct plan_rule *rule, struct evaluation e,
		     struct arena *arena)
{
	struct decision *d = w->d;
	bool delivered =
	    w->outcomes.verdict == VERDICT_ACCEPT || w->outcomes.verdict == VERDICT_HOLD;

	d->certain = !w->outcomes.several;
	d->verdict = w->outcomes.verdict;
	d->rule = rule;
	d->worth_waiting = w->worth_waiting;
	d->pending = d->pending && delivered;
	d->settled = w->edits_settled;
	if (d->certain && rule && d->verdict == VERDICT_DEFER &&
	    (rule->verdict != VERDICT_DEFER || !(e.possible & COND_TRUE)))
		d->failure = true;
	if (d->certain && rule && d->verdict != VERDICT_ACCEPT && !d->failure) {
		struct open_slots text = {.arena = arena};

		texts_known(w->view, rule, &text);
		if (text.slots.count > 0) {
			d->certain = false;
			w->verdict_slots = text;
			for (size_t i = 0; i < text.slots.count; i++)
				if (view_awaitable(w->view, text.slots.items[i]))
					d->worth_waiting = true;
		}
	}
}

typedef VEC(unsigned) slots_vec;

/*
 * What a lookup can tell at this stage: the slot itself, or else what it will be computed from, so
 * that the answers are there when the rest is known.
 */
static void need(struct view *view, struct arena *arena, unsigned n, slots_vec *needed)
{
	const struct slot *slot = &view->policy->slots[n];

	if (value_known(view_value(view, n)))
		return;
	if (!view_awaitable(view, n)) {
		for (size_t i = 0; i < slot->input_count + slot->late_count; i++)
			need(view, arena, slot->inputs[i], needed);
		return;
	}
	for (size_t i = 0; i < needed->count; i++)
		if (needed->items[i] == n)
			return;
	*vec_push(arena, needed) = n;
}

/* What is not known and matters, and the part of it that a lookup can tell at this stage. */
static void list_needed(struct walk *w, struct arena *arena)
{
	struct decision *d = w->d;
	slots_vec needed = {0}, open = {0};
	const struct open_slots *lists[2] = {&w->verdict_slots, &w->edit_slots};

	for (size_t l = d->certain ? 1 : 0; l < 2; l++) {
		if (l == 1 && d->certain && !d->pending)
			break;
		for (size_t i = 0; i < lists[l]->slots.count; i++) {
			unsigned slot = lists[l]->slots.items[i];

			*vec_push(arena, &open) = slot;
			need(w->view, arena, slot, &needed);
		}
	}
	d->open = open.items;
	d->open_count = open.count;
	d->needed = needed.items;
	d->needed_count = needed.count;
}

void engine_decide(struct view *view, struct arena *arena,
		   void (*visit)(void *ctx, const struct plan_rule *rule, cond_set state),
		   void *ctx, struct decision *d)
{
	const struct policy *policy = view->policy;
	struct walk w = {.view = view, .d = d, .edits_settled = true};
	const struct plan_rule *last = NULL;
	struct evaluation e = {0, 0};

	*d = (struct decision){.end = policy->rule_count};
	w.verdict_slots.arena = w.edit_slots.arena = arena;
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct plan_rule *rule = &policy->rules[i];
		struct open_slots *open = rule->decisive ? &w.verdict_slots : &w.edit_slots;
		size_t before = open->slots.count;

		e = evaluate(view, rule->cond, open);
		e = with_texts(view, rule, e, open);
		if (visit)
			visit(ctx, rule, e.possible);
		if (e.possible == COND_FALSE)
			continue;
		/* Where the verdict is certain, the edits of such a rule may still be open. */
		for (size_t j = before; rule->edits && rule->decisive && j < open->slots.count; j++)
			*vec_push(arena, &w.edit_slots.slots) = open->slots.items[j];
		if (rule->edits || !rule->decisive)
			pass_edit(&w, rule, e);
		if (rule->decisive && pass_decisive(&w, rule, e)) {
			d->end = i;
			last = rule;
			break;
		}
	}
	if (!last) {
		outcome_add(&w, VERDICT_ACCEPT);
		reachable_add(&w, VERDICT_ACCEPT);
	}
	conclude(&w, last, e, arena);
	list_needed(&w, arena);
}

cond_set engine_rule(struct view *view, const struct plan_rule *rule)
{
	return with_texts(view, rule, evaluate(view, rule->cond, NULL), NULL).possible;
}
