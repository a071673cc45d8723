/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_OBSERVE_RULECOUNTS_H
#define FILTER_OBSERVE_RULECOUNTS_H

/* The counts of rules, by name, in shared memory. */

#include "postern/counters.h"

struct rule_counts *rulecounts_new(void);
/* In a new process: what the last one left half done is cleared. */
void rulecounts_begin(struct rule_counts *rules);
void rulecounts_adopt(struct rule_counts *rules, const struct policy *policy);

enum rule_event { RULE_HIT, RULE_OBSERVED, RULE_FAILURE };
void rulecounts_add(struct rule_counts *rules, struct str name, enum rule_event event);

#endif
