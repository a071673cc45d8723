/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goes through the rules in order and finds out whether the verdict is certain: every verdict that
 * is still possible must be the same one. Refusals of one verdict are one outcome, whatever their
 * text; an accept or a hold is the same only if no edit stands between.
 */

#include "filter/policy/evaluate.h"
#include "filter/policy/sums.h"

/* What may still come out. */
struct outcomes {
	bool any, several;
	enum verdict verdict;
	size_t edits; /* edits that may happen above it */
};

/* Whose conditions a list of open slots belongs to. */
enum { LIST_VERDICT, LIST_EDITS, LIST_OBSERVED, LISTS };

/* A rule that may still add to a score, and its part of the list of such rules' open slots. */
struct scoring {
	const struct plan_rule *rule;
	size_t from, to;
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
	struct open_slots lists[LISTS], score_slots;
	VEC(struct scoring) scoring;
	struct rest *rests;   /* NULL: none */
	size_t *asked[LISTS]; /* of each sum: by how many of these rules it matters to the list */
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
	if (!actions_ready(w, rule, &w->lists[LIST_EDITS]) || !cond_settled(e.possible))
		w->edits_settled = false;
}

/* The scores among a list's slots from here on rest on all that may still add to them. */
static void ask_scores(struct walk *w, int list, size_t from)
{
	const struct open_slots *open = &w->lists[list];

	for (size_t i = from; i < open->slots.count; i++) {
		const struct slot *slot = &w->view->policy->slots[open->slots.items[i]];

		if (slot->sum > 0)
			w->asked[list][slot->sum - 1] = w->scoring.count;
	}
}

/*
 * What it would do, if it is reached at all, is told at the end; till then nobody waits for it. So
 * all that may decide above it has to be known as well.
 */
static void pass_observed(struct walk *w, const struct plan_rule *rule, struct evaluation e)
{
	struct open_slots *verdict = &w->lists[LIST_VERDICT], *observed = &w->lists[LIST_OBSERVED];
	size_t from = observed->slots.count;

	if (!(e.possible & (COND_TRUE | (rule->decisive ? COND_FAILED_DEFER : 0))))
		return;
	if (!w->verdict_settled)
		w->observed_settled = false;
	for (; w->watched < verdict->slots.count; w->watched++)
		*vec_push(w->arena, &observed->slots) = verdict->slots.items[w->watched];
	ask_scores(w, LIST_OBSERVED, from);
	if (!actions_ready(w, rule, &w->lists[LIST_OBSERVED]) || !cond_settled(e.possible))
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
	scoring = vec_push(w->arena, &w->scoring);
	*scoring = (struct scoring){rule, w->score_slots.slots.count, 0};
	for (size_t i = from; i < to; i++)
		*vec_push(w->arena, &w->score_slots.slots) = open->slots.items[i];
	scoring->to = w->score_slots.slots.count;
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
	w->lists[LIST_VERDICT] = *text;
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

/* Adds what is open of those rules to the slots of a list whose scores rest on them. */
static void add_scoring(struct walk *w, int list)
{
	struct open_slots *open = &w->lists[list];
	size_t *asked = w->asked[list];

	for (size_t i = w->scoring.count; i-- > 0;) {
		const struct scoring *scoring = &w->scoring.items[i];
		bool matters = false;

		if (scoring->rule->observe && list != LIST_OBSERVED)
			continue;
		for (size_t j = 0; j < scoring->rule->score_count && !matters; j++)
			matters = i < asked[scoring->rule->scores[j].sum - 1];
		for (size_t j = scoring->from; matters && j < scoring->to; j++) {
			unsigned slot = w->score_slots.slots.items[j];
			unsigned sum = w->view->policy->slots[slot].sum;

			if (sum > 0 && asked[sum - 1] < i)
				asked[sum - 1] = i;
			*vec_push(w->arena, &open->slots) = slot;
		}
	}
}

/* Does the list still matter, with this decision? */
static bool list_counts(const struct walk *w, int list)
{
	const struct decision *d = w->d;
	bool delivered = d->verdict == VERDICT_ACCEPT || d->verdict == VERDICT_HOLD;

	if (!d->certain)
		return true;
	if (list == LIST_OBSERVED)
		return delivered && (d->pending || d->verdict == VERDICT_HOLD ||
				     w->view->stage == STAGE_MESSAGE);
	return list == LIST_EDITS && d->pending;
}

typedef VEC(unsigned) slots_vec;

/*
 * What a lookup can tell at this stage: the slot itself, or else what it will be computed from, so
 * that the answers are there when the rest is known.
 */
static void need(struct walk *w, unsigned n, bool *seen, slots_vec *needed)
{
	const struct slot *slot = &w->view->policy->slots[n];

	if (seen[n] || !slot->asks)
		return;
	seen[n] = true;
	if (value_known(evaluate_value(w->view, n)))
		return;
	if (w->view->stage >= slot->stage && view_awaitable(w->view, n)) {
		*vec_push(w->arena, needed) = n;
		return;
	}
	for (size_t i = 0; i < slot->input_count + slot->late_count; i++)
		need(w, slot->inputs[i], seen, needed);
}

/* What is not known and matters, and the part of it that a lookup can tell at this stage. */
static void list_needed(struct walk *w)
{
	struct decision *d = w->d;
	slots_vec needed = {0}, open = {0};
	bool *seen = arena_array(w->arena, w->view->policy->all_slot_count, sizeof(*seen));

	for (int l = 0; l < LISTS; l++) {
		if (!list_counts(w, l))
			continue;
		add_scoring(w, l);
		for (size_t i = 0; i < w->lists[l].slots.count; i++) {
			unsigned slot = w->lists[l].slots.items[i];

			if (w->view->policy->slots[slot].sum > 0)
				continue;
			*vec_push(w->arena, &open) = slot;
			if (w->view->policy->slots[slot].asks)
				need(w, slot, seen, &needed);
		}
	}
	d->open = open.items;
	d->open_count = open.count;
	d->needed = needed.items;
	d->needed_count = needed.count;
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
	struct open_slots *open = &w->lists[list], *edits = &w->lists[LIST_EDITS];
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
			 .score_slots = {.arena = arena}};
	const struct notes notes = notes_of(view);
	const struct plan_rule *last = NULL;
	struct evaluation e = {0, 0};

	*d = (struct decision){.end = policy->rule_count};
	for (int l = 0; l < LISTS; l++) {
		w.lists[l].arena = arena;
		w.asked[l] = arena_array(arena, policy->sum_count, sizeof(size_t));
	}
	sums_begin(view);
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct plan_rule *rule = &policy->rules[i];
		struct open_slots *open;
		size_t before;

		if (!visit && noted_false(&notes, &policy->rule_memos[i]))
			continue;
		open = &w.lists[list_of(rule)];
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
	list_needed(&w);
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
