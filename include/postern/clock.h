/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POSTERN_CLOCK_H
#define POSTERN_CLOCK_H

/*
 * Time, behind a small struct so that tests and `postern explain` can turn it by hand.
 * Deadlines use the monotonic clock (nanoseconds); signatures and log lines the wall clock
 * (seconds since 1970).
 */

#include <stdbool.h>
#include <stdint.h>

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)

struct clock {
	bool manual;       /* time moves only by clock_advance() */
	int64_t monotonic; /* nanoseconds; of a manual clock */
	int64_t wall;      /* seconds since 1970; of a manual clock, or a fixed time if not 0 */
};

/* The clock of the machine. */
extern const struct clock clock_system;

int64_t clock_now(const struct clock *clock);  /* nanoseconds, monotonic */
int64_t clock_time(const struct clock *clock); /* seconds since 1970 */
/* Moves a manual clock on; its wall time follows. Never backwards. */
void clock_advance(struct clock *clock, int64_t nanoseconds);

#endif
