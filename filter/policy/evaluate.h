/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_POLICY_EVALUATE_H
#define FILTER_POLICY_EVALUATE_H

/* Conditions over a view, for the files of the engine. */

#include "postern/arena.h"
#include "postern/engine.h"

/* Slots that matter and are not known, in the order in which they were met. */
struct open_slots {
	struct arena *arena;
	VEC(unsigned) slots;
};

struct evaluation {
	cond_set possible;  /* what the condition may be, or still become */
	cond_set reachable; /* what waiting for lookups at this stage could make it for certain */
};

/* How a rule was found that nothing can change before another stage; open: NULL, it was not. */
struct rest {
	unsigned *open;
	unsigned one; /* what `open` points at where it is one, as it mostly is */
	size_t count;
	enum stage until;
	struct evaluation evaluation;
};

/* Where that is noted, by the number that the rule has for it; NULL: nowhere. */
struct rest *memo_rests(const struct view *view);
/* Notes it, if what is open can only be known at a later stage. */
void memo_note_rest(const struct view *view, struct rest *rest, struct evaluation e,
		    const unsigned *open, size_t count);

/*
 * Evaluates a condition (NULL: true). Slots whose values could still matter are added to `open`,
 * which may be NULL.
 */
struct evaluation evaluate(struct view *view, const struct cond *cond, struct open_slots *open);

/*
 * Where it is noted that a condition is settled: 0 until it is. NULL: nowhere. At place 0, which
 * no condition has, nothing is ever noted.
 */
static inline cond_set *memo_of(const struct view *view, const struct memo *memo)
{
	struct cell *cells = view->cells[memo->scope];

	if (!cells || view->assumed || (memo->growing && view->stage < STAGE_DATA))
		return NULL;
	return (cond_set *)(cells + view->policy->cells[memo->scope]) + memo->at;
}

/* view_value(), without a call for what is known, or cannot be at this stage. */
static inline const struct value *evaluate_value(struct view *view, unsigned n)
{
	const struct slot *slot = &view->policy->slots[n];
	const struct cell *cells = view->cells[slot->scope];

	if (slot->sum == 0 && cells && !view->given &&
	    (cells[slot->index].value.state != FACT_UNKNOWN || view->stage < slot->stage))
		return &cells[slot->index].value;
	return view_value(view, n);
}

/* What a text needs: true if all its facts are known; adds those that are not to `open`. */
struct evaluation evaluate_known(struct view *view, const unsigned *slots, size_t count,
				 struct open_slots *open);

/* The same for all that a rule's texts need, but for the log of one that decides. */
struct evaluation evaluate_texts(struct view *view, const struct plan_rule *rule,
				 struct open_slots *open);
/* Where the condition is true, the facts in the rule's texts must be known as well. */
struct evaluation evaluation_with_texts(struct view *view, const struct plan_rule *rule,
					struct evaluation e, struct open_slots *open);
/* A rule's condition with its texts; what it asks of a score is read as it sees it. */
struct evaluation evaluate_rule(struct view *view, const struct plan_rule *rule,
				struct open_slots *open);

struct evaluation evaluation_and(struct evaluation a, struct evaluation b);
struct evaluation evaluation_or(struct evaluation a, struct evaluation b);

/*
 * Scalars, both present (`right` NULL: it is absent): does the comparison of this test hold? -1: it
 * could not be made.
 */
int compare_test(struct view *view, const struct cond *cond, const struct value *left,
		 const struct value *right);

#endif
