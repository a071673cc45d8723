/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_POLICY_SUMS_H
#define FILTER_POLICY_SUMS_H

/*
 * The sums of the score actions that were passed on the way down the rules, each as an interval:
 * what is sure, and what is still possible. There are two of each: what is in force adds to both,
 * an observed rule to the one that observed rules read.
 */

#include "filter/policy/evaluate.h"

/* In thousandths. */
struct bounds {
	int64_t least, most;
	int64_t best, worst; /* the highest `least`, the lowest `most` that waiting could reach */
};

/* At the first rule; before it nothing has been added. */
void sums_begin(struct view *view);
/* Nothing is read any more of what was added: the next who seeks begins anew. */
void sums_end(struct view *view);
/* The rule was passed, with this result. */
void sums_add(struct view *view, const struct plan_rule *rule, struct evaluation e);
/* Adds all that stands above the rule, from where the last one asked for stood. */
void sums_seek(struct view *view, const struct plan_rule *rule);
/* Which of the sums are read from now on: as an observed rule sees them? */
void sums_read(struct view *view, bool observed);

/* The sum of a score's slot; a number that is present once nothing can change it any more. */
const struct value *sums_value(struct view *view, const struct slot *slot);
const struct bounds *sums_bounds(struct view *view, const struct slot *slot);
/* Could waiting settle it? */
bool sums_awaitable(struct view *view, const struct slot *slot);

/*
 * A comparison in which a sum may still change, judged by its bounds. False: it is none, or what
 * it is compared with is not known. Sums that leave it undecided are added to `open`.
 */
bool sums_test(struct view *view, const struct cond *cond, struct open_slots *open,
	       struct evaluation *e_r);

/* For a policy that is complete: which comparisons of scores are settled from the start? */
void sums_check(struct policy *policy);

#endif
