/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The meter of CPU time. A thread cannot use more of it than time goes by, and to ask what time it
 * is costs no system call: so that is asked first.
 */

#include "postern/meter.h"

#include <time.h>

#include "postern/clock.h"

static _Thread_local struct {
	bool runs, over;
	int64_t begun, until; /* of the thread's CPU clock */
	int64_t looked;       /* when it was read */
} meter;

static int64_t cpu_now(void)
{
	struct timespec now;

	if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) != 0)
		return 0;
	return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

void meter_begin(int64_t nanoseconds)
{
	meter.runs = true;
	meter.over = nanoseconds <= 0;
	meter.begun = cpu_now();
	meter.until = meter.begun + nanoseconds;
	meter.looked = clock_now(&clock_system);
}

int64_t meter_end(void)
{
	if (!meter.runs)
		return 0;
	meter.runs = false;
	return cpu_now() - meter.begun;
}

bool meter_over(void)
{
	int64_t now;

	if (!meter.runs || meter.over)
		return meter.runs;
	now = clock_now(&clock_system);
	if (now - meter.looked < NS_PER_MS)
		return false;
	meter.looked = now;
	meter.over = cpu_now() >= meter.until;
	return meter.over;
}
