/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_COMMAND_RECALL_H
#define FILTER_COMMAND_RECALL_H

/*
 * A message of the journal judged by a policy, from the facts that were recorded. What was not
 * looked at then is not known now: no lookup is made, and nothing is guessed.
 */

#include "postern/engine.h"
#include "postern/record.h"

struct recall;

/* The policy is borrowed. */
struct recall *recall_new(struct arena *arena, const struct policy *policy);

/*
 * What the policy says for one recipient of the record (its row), or -1: for a message without any.
 * The decision's lists live until the next call.
 */
void recall_decide(struct recall *recall, const struct record *record, int recipient,
		   struct decision *d_r);

/* What is missing to decide, as a policy writes it; the decision is not certain. */
struct str recall_missing(const struct recall *recall, const struct decision *d);

#endif
