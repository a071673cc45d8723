/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goes through the rules in order and finds out whether the verdict is certain: every verdict that
 * is still possible must be the same one. Refusals of one verdict are one outcome, whatever their
 * text; an accept or a hold is the same only if no edit stands between.
 */

#include "filter/policy/awaited.h"
#include "filter/policy/evaluate.h"
#include "filter/policy/sums.h"

/* What may still come out. */
struct outcomes {
	bool any, several;
	enum verdict verdict;
	size_t edits; /* edits that may happen above it */
};

struct walk {
	struct view *view;
	struct arena *arena;
	struct decision *d;
	struct outcomes outcomes;
	unsigned blocked; /* bits of verdicts in rules above that waiting cannot make pass */
	bool worth_waiting;
	size_t edits;
	bool edits_settled, observed_settled;
	bool verdict_settled; /* of all that may decide, passed so far */
	size_t watched;       /* how many open slots of verdicts the observed rules need too */
	bool soft, soft_sure; /* an accept, discard or hold may have been, was, passed over */
	struct awaited awaited;
	struct rest *rests; /* NULL: none */
};

static void outcome_add(struct walk *w, enum verdict verdict)
{
	struct outcomes *o = &w->outcomes;
	size_t edits = verdict == VERDICT_ACCEPT || verdict == VERDICT_HOLD ? w->edits : 0;

	w->d->outcomes |= 1u << verdict;
	if (!o->any) {
		*o = (struct outcomes){.any = true, .verdict = verdict, .edits = edits};
	} else if (o->verdict != verdict || o->edits != edits) {
		o->several = true;
	}
}

/* A defer because of what could not be found out. */
static void outcome_failure(struct walk *w)
{
	unsigned before = w->d->outcomes;

	outcome_add(w, VERDICT_DEFER);
	w->d->outcomes = before | OUTCOME_FAILURE;
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

/* Is all known that the rule's actions need? What is not is added to the list. */
static bool actions_ready(struct walk *w, const struct plan_rule *rule, struct open_slots *open)
{
	bool ready = true;

	for (size_t i = 0; i < rule->text_slot_count; i++)
		if (!value_known(evaluate_value(w->view, rule->text_slots[i])))
			ready = false;
	for (size_t i = 0; i < rule->action_count; i++) {
		const struct plan_action *action = &rule->actions[i];

		for (size_t j = 0; j < action->input_count; j++) {
			if (value_known(view_value(w->view, action->inputs[j])))
				continue;
			ready = false;
			*vec_push(w->arena, &open->slots) = action->inputs[j];
		}
	}
	return ready;
}

/* An edit or a log: it happens if the message is delivered and the condition is true then. */
static void pass_edit(struct walk *w, const struct plan_rule *rule, struct evaluation e)
{
	if (!(e.possible & COND_TRUE))
		return;
	w->edits++;
	w->d->pending = true;
	if (!actions_ready(w, rule, &w->awaited.lists[LIST_EDITS]) || !cond_settled(e.possible))
		w->edits_settled = false;
}

/* The scores among a list's slots from here on rest on all that may still add to them. */
static void ask_scores(struct walk *w, int list, size_t from)
{
	const struct open_slots *open = &w->awaited.lists[list];

	for (size_t i = from; i < open->slots.count; i++) {
		const struct slot *slot = &w->view->policy->slots[open->slots.items[i]];

		if (slot->sum > 0)
			w->awaited.asked[list][slot->sum - 1] = w->awaited.scoring.count;
	}
}

/*
 * What it would do, if it is reached at all, is told at the end; till then nobody waits for it. So
 * all that may decide above it has to be known as well.
 */
static void pass_observed(struct walk *w, const struct plan_rule *rule, struct evaluation e)
{
	struct open_slots *verdict = &w->awaited.lists[LIST_VERDICT],
			  *observed = &w->awaited.lists[LIST_OBSERVED];
	size_t from = observed->slots.count;

	if (!(e.possible & (COND_TRUE | (rule->decisive ? COND_FAILED_DEFER : 0))))
		return;
	if (!w->verdict_settled)
		w->observed_settled = false;
	for (; w->watched < verdict->slots.count; w->watched++)
		*vec_push(w->arena, &observed->slots) = verdict->slots.items[w->watched];
	ask_scores(w, LIST_OBSERVED, from);
	if (!actions_ready(w, rule, &w->awaited.lists[LIST_OBSERVED]) || !cond_settled(e.possible))
		w->observed_settled = false;
}

/* Its condition's open slots stand in `open`, from one place to another. */
static void pass_score(struct walk *w, const struct plan_rule *rule, struct evaluation e,
		       const struct open_slots *open, size_t from, size_t to)
{
	struct scoring *scoring;

	sums_add(w->view, rule, e);
	if (rule->decisive || cond_settled(e.possible) || !(e.possible & COND_TRUE))
		return;
	scoring = vec_push(w->arena, &w->awaited.scoring);
	*scoring = (struct scoring){rule, w->awaited.score_slots.slots.count, 0};
	for (size_t i = from; i < to; i++)
		*vec_push(w->arena, &w->awaited.score_slots.slots) = open->slots.items[i];
	scoring->to = w->awaited.score_slots.slots.count;
}

/* A decisive rule whose condition is not false. Returns true if nothing below it can apply. */
static bool pass_decisive(struct walk *w, const struct plan_rule *rule, struct evaluation e)
{
	bool passable = e.possible & (COND_FALSE | COND_FAILED_SKIP);
	enum verdict verdict = rule->verdict;

	if (e.possible & COND_TRUE) {
		/* Where an accept could not be judged, a refusal for good would be rash. */
		if (refusal_or_discard(rule->verdict) && w->soft)
			outcome_failure(w);
		if (!refusal_or_discard(rule->verdict) || !w->soft_sure)
			outcome_add(w, rule->verdict);
	}
	if (e.possible & COND_FAILED_DEFER)
		outcome_failure(w);
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
 * The verdict is certain, and its words are not. If they can be known at this stage, nothing else
 * is wanted; if not, a rule above may have its words ready.
 */
static void want_text(struct walk *w, const struct open_slots *text)
{
	struct decision *d = w->d;
	bool at_hand = true;

	d->certain = false;
	for (size_t i = 0; i < text->slots.count; i++)
		at_hand &= view_awaitable(w->view, text->slots.items[i]);
	if (!at_hand)
		return;
	d->worth_waiting = true;
	w->awaited.lists[LIST_VERDICT] = *text;
	ask_scores(w, LIST_VERDICT, 0);
}

/* The rule that ends the walk answers; its text must be known. */
static void conclude(struct walk *w, const struct plan_rule *rule, struct evaluation e)
{
	struct decision *d = w->d;
	bool delivered =
	    w->outcomes.verdict == VERDICT_ACCEPT || w->outcomes.verdict == VERDICT_HOLD;

	d->certain = !w->outcomes.several;
	d->verdict = w->outcomes.verdict;
	d->rule = rule;
	d->worth_waiting = w->worth_waiting;
	d->pending = d->pending && delivered;
	d->settled = !delivered || (w->edits_settled && w->observed_settled);
	if (d->certain && rule && d->verdict == VERDICT_DEFER &&
	    (rule->verdict != VERDICT_DEFER || !(e.possible & COND_TRUE)))
		d->failure = true;
	if (d->certain && rule && d->verdict != VERDICT_ACCEPT && !d->failure) {
		struct open_slots text = {.arena = w->arena};

		sums_read(w->view, false);
		evaluate_texts(w->view, rule, &text);
		if (text.slots.count > 0)
			want_text(w, &text);
	}
}

/* Where in the walk a rule's open slots are gathered. */
static int list_of(const struct plan_rule *rule)
{
	return rule->observe ? LIST_OBSERVED : rule->decisive ? LIST_VERDICT : LIST_EDITS;
}

/* One rule of the walk. True if nothing below it can apply. */
static bool pass(struct walk *w, const struct plan_rule *rule, struct evaluation e, size_t before)
{
	int list = list_of(rule);
	struct open_slots *open = &w->awaited.lists[list], *edits = &w->awaited.lists[LIST_EDITS];
	size_t after = open->slots.count, edits_before = edits->slots.count;
	bool scores_only = !rule->observe && !rule->decisive && !rule->edits && !rule->logs;

	/* Where the verdict is certain, the edits of such a rule may still be open. */
	for (size_t j = before; rule->edits && list == LIST_VERDICT && j < after; j++)
		*vec_push(w->arena, &edits->slots) = open->slots.items[j];
	if (rule->observe)
		pass_observed(w, rule, e);
	else if (rule->edits || (rule->logs && !rule->decisive))
		pass_edit(w, rule, e);
	if (w->view->sums && !scores_only)
		ask_scores(w, list, before);
	if (w->view->sums && list == LIST_VERDICT)
		ask_scores(w, LIST_EDITS, edits_before);
	if (rule->score_count > 0)
		pass_score(w, rule, e, open, before, after);
	/* What only adds to a score matters where that is asked for. */
	if (scores_only)
		open->slots.count = before;
	if (list == LIST_VERDICT && !cond_settled(e.possible))
		w->verdict_settled = false;
	return list == LIST_VERDICT && pass_decisive(w, rule, e);
}

static struct evaluation look(struct walk *w, const struct plan_rule *rule, struct open_slots *open)
{
	struct rest *rest = w->rests && rule->rest > 0 ? &w->rests[rule->rest - 1] : NULL;
	size_t before = open->slots.count;
	struct evaluation e;

	if (rest && w->view->stage < rest->until) {
		sums_read(w->view, rule->observe);
		for (size_t i = 0; i < rest->count; i++)
			*vec_push(w->arena, &open->slots) = rest->open[i];
		return rest->evaluation;
	}
	e = evaluate_rule(w->view, rule, open);
	if (rest)
		memo_note_rest(w->view, rest, e,
			       open->slots.count > before ? open->slots.items + before : NULL,
			       open->slots.count - before);
	return e;
}

/* What is noted of conditions, by scope; NULL: nothing that holds at this stage. */
struct notes {
	const cond_set *settled[SCOPE_COUNT], *growing[SCOPE_COUNT];
};

static struct notes notes_of(const struct view *view)
{
	struct notes notes = {0};

	for (unsigned scope = 0; scope < SCOPE_COUNT; scope++) {
		notes.settled[scope] = memo_of(view, &(struct memo){.scope = (uint8_t)scope});
		notes.growing[scope] =
		    memo_of(view, &(struct memo){.scope = (uint8_t)scope, .growing = true});
	}
	return notes;
}

/* Most rules are settled early in a message, and most of them are false. */
static bool noted_false(const struct notes *notes, const struct memo *memo)
{
	const cond_set *settled =
	    memo->growing ? notes->growing[memo->scope] : notes->settled[memo->scope];

	return settled && settled[memo->at] == COND_FALSE;
}

void engine_decide(struct view *view, struct arena *arena,
		   void (*visit)(void *ctx, const struct plan_rule *rule, cond_set state),
		   void *ctx, struct decision *d)
{
	const struct policy *policy = view->policy;
	struct walk w = {.view = view,
			 .arena = arena,
			 .d = d,
			 .edits_settled = true,
			 .observed_settled = true,
			 .verdict_settled = true,
			 .rests = memo_rests(view),
			 .awaited.score_slots.arena = arena};
	const struct notes notes = notes_of(view);
	const struct plan_rule *last = NULL;
	struct evaluation e = {0, 0};

	*d = (struct decision){.end = policy->rule_count};
	for (int l = 0; l < LISTS; l++) {
		w.awaited.lists[l].arena = arena;
		w.awaited.asked[l] = arena_array(arena, policy->sum_count, sizeof(size_t));
	}
	sums_begin(view);
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct plan_rule *rule = &policy->rules[i];
		struct open_slots *open;
		size_t before;

		if (!visit && noted_false(&notes, &policy->rule_memos[i]))
			continue;
		open = &w.awaited.lists[list_of(rule)];
		before = open->slots.count;
		e = look(&w, rule, open);
		if (visit)
			visit(ctx, rule, e.possible);
		if (e.possible == COND_FALSE)
			continue;
		if (pass(&w, rule, e, before)) {
			d->end = i;
			last = rule;
			break;
		}
	}
	if (!last) {
		outcome_add(&w, VERDICT_ACCEPT);
		reachable_add(&w, VERDICT_ACCEPT);
	}
	conclude(&w, last, e);
	awaited_list(&w.awaited, view, d);
	sums_end(view);
}

cond_set engine_rule(struct view *view, const struct plan_rule *rule)
{
	sums_seek(view, rule);
	return evaluate_rule(view, rule, NULL).possible;
}

void engine_rewind(struct view *view)
{
	sums_end(view);
}

void engine_place(struct view *view, const struct plan_rule *rule)
{
	sums_end(view);
	sums_seek(view, rule);
}
