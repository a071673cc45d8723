/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_POLICY_AWAITED_H
#define FILTER_POLICY_AWAITED_H

/* What a walk down the rules (decide.c) meets open, and what of it is waited for. */

#include "filter/policy/evaluate.h"

/* Whose conditions a list of open slots belongs to. */
enum { LIST_VERDICT, LIST_EDITS, LIST_OBSERVED, LISTS };

/* A rule that may still add to a score, and its part of the list of such rules' open slots. */
struct scoring {
	const struct plan_rule *rule;
	size_t from, to;
};

/* Zeroed, with an arena in each list of slots, and in `asked` a number for each sum. */
struct awaited {
	struct open_slots lists[LISTS], score_slots;
	VEC(struct scoring) scoring; /* in the order of the rules */
	size_t *asked[LISTS]; /* of each sum: by how many of these rules it matters to the list */
};

/*
 * Sets d->open, what is not known and matters, and d->needed, the part of it that a lookup can
 * tell at this stage; the rest of the decision is made. Once a walk: it adds to the lists.
 */
void awaited_list(struct awaited *awaited, struct view *view, struct decision *d);

#endif
