/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POSTERN_METRICS_H
#define POSTERN_METRICS_H

/*
 * The counters as Prometheus reads them (text format 0.0.4): as a text, and over HTTP on a socket
 * that the parent opened. Names begin with postern_, times are in seconds.
 */

#include <stdbool.h>
#include <stdint.h>

#include "postern/str.h"

struct arena;
struct counters;

/* What no counter tells: how things are now. */
struct metrics_now {
	const char *version;
	char policy[17]; /* id */
	int64_t started; /* wall clock */
	unsigned sessions;
	uint64_t sessions_refused;
	bool journal; /* there is one, and this is how many records wait: */
	uint64_t journal_queued, journal_written, journal_dropped;
};

struct str metrics_text(struct arena *arena, const struct counters *counters,
			const struct metrics_now *now);

/*
 * Answers GET /metrics at the listening socket, in a thread of its own, until the process ends.
 * `now` is called for each. False: there is no thread.
 */
bool metrics_start(int listening, const struct counters *counters,
		   void (*now)(void *ctx, struct metrics_now *now_r), void *ctx);

#endif
