/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's clocks, and one that is turned by hand. */

#include "postern/clock.h"

#include <time.h>

const struct clock clock_system;

int64_t clock_now(const struct clock *clock)
{
	struct timespec ts;

	if (clock->manual)
		return clock->monotonic;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

int64_t clock_time(const struct clock *clock)
{
	if (clock->manual || clock->wall != 0)
		return clock->wall;
	return (int64_t)time(NULL);
}

void clock_advance(struct clock *clock, int64_t nanoseconds)
{
	int64_t before = clock->monotonic / NS_PER_S;

	if (!clock->manual || nanoseconds <= 0)
		return;
	clock->monotonic += nanoseconds;
	clock->wall += clock->monotonic / NS_PER_S - before;
}
