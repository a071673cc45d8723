/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POSTERN_COUNTERS_H
#define POSTERN_COUNTERS_H

/*
 * What the daemon counts, for metrics and `postern stats`: in memory that the parent shares with
 * its filter processes, so that the counts go on when one has crashed. Numbers are added up
 * without locks; who reads sees each of them as it is, and not all at one moment.
 *
 * Rules are counted by name, beyond reloads: a rule that keeps its name keeps its counts. There is
 * room for RULES_MOST names; those of the policy in force come first, others go when theirs is
 * needed, and what finds none is counted as "(other)".
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "postern/dns.h"
#include "postern/fact.h"
#include "postern/histogram.h"
#include "postern/journal.h"
#include "postern/log.h"

struct policy;
struct rule_counts;
struct session;

#define COUNTERS_VERDICTS (VERDICT_HOLD + 1)
/* SPF, DKIM, DMARC, ARC; of each as many values as it may have. */
#define COUNTERS_METHODS 4
#define COUNTERS_RESULTS 10

struct counters {
	atomic_uint_least64_t messages[COUNTERS_VERDICTS][STAGE_COUNT];
	atomic_uint_least64_t recipients[COUNTERS_VERDICTS][STAGE_COUNT]; /* refused alone */
	atomic_uint_least64_t observed[COUNTERS_VERDICTS]; /* `mode observe`: not carried out */
	atomic_uint_least64_t results[COUNTERS_METHODS][COUNTERS_RESULTS];
	atomic_uint_least64_t processes; /* filter processes that were started */
	atomic_uint_least64_t reloads_good, reloads_bad;
	atomic_bool reload_refused;           /* the last one was */
	atomic_int_least64_t policy_since;    /* wall clock */
	struct histogram stages[STAGE_COUNT]; /* how long the MTA waited for an answer */
	struct dns_counts dns;
	struct keeper_counts journal; /* under the keeper's lock */
	struct log_counts log;
	struct rule_counts *rules;
};

/* Once, in the parent. NULL: memory ended. */
struct counters *counters_new(void);
/* In each filter process, before its threads. */
void counters_begin(struct counters *counters);
/* A policy is put in force; one at a time. */
void counters_adopt(struct counters *counters, const struct policy *policy);
/* From any thread: session_env.settled. */
void counters_settled(struct counters *counters, const struct session *session);

static inline void counter_add(atomic_uint_least64_t *counter)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}
static inline uint64_t counter_read(const atomic_uint_least64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

/* The fact whose results are counted in this row; NULL: this version does not have it. */
const struct fact_def *counters_method(size_t row);

/* ---- rules: filter/observe/rulecounts.c ---- */

#define RULES_MOST 1000
#define RULE_NAME_MOST 128

struct rule_view {
	char name[RULE_NAME_MOST]; /* as it is in the policy: any bytes */
	bool in_force;
	bool decides;
	enum verdict verdict; /* of one that decides */
	uint64_t hits;        /* times that it decided, or that its actions were due */
	uint64_t observed;    /* times that it would have, had it not been only observed */
	uint64_t failures;    /* times that it put off a message for want of an answer */
	int64_t last;         /* wall clock, of a hit; 0: never */
};

/* Those in force first, in their order. Only in a process that has called counters_begin(). */
void counters_each_rule(const struct counters *counters,
			void (*visit)(void *ctx, const struct rule_view *rule), void *ctx);

#endif
