/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_POLICY_STATES_H
#define FILTER_POLICY_STATES_H

/*
 * The states of an enumeration: its values in order, absent, and failed where it may fail. They
 * exclude each other, which a walk down the rules does not see.
 */

#include "filter/policy/evaluate.h"

/* An enumeration of more values is not told apart; two places are for absent and failed. */
#define STATES_MOST 40

/* How many the slot has, at most STATES_MOST; 0: it is no enumeration, or one of more. */
size_t states_of(const struct slot *slot);
/* The first enumeration that is not known and on which the condition still rests; -1: none. */
int states_pick(struct view *view, const struct cond *cond);
/* What the condition may be for each of the `count` states of the slot. */
void states_given(struct view *view, const struct cond *cond, unsigned slot, size_t count,
		  cond_set *sets);

#endif
