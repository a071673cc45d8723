/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The orderly end: counts the messages in progress, lets no new one in once the filter is to
 * stop, and waits for the rest. libmilter's own stop would drop them.
 */

#include "filter/milter/process.h"

#include <errno.h>
#include <time.h>

#include "postern/clock.h"

bool drain_init(struct drain *drain)
{
	pthread_condattr_t attr;
	bool ok;

	*drain = (struct drain){.messages = 0};
	if (pthread_condattr_init(&attr) != 0)
		return false;
	ok = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0 &&
	     pthread_cond_init(&drain->idle, &attr) == 0 &&
	     pthread_mutex_init(&drain->lock, NULL) == 0;
	pthread_condattr_destroy(&attr);
	return ok;
}

bool drain_enter(struct drain *drain)
{
	bool ok;

	pthread_mutex_lock(&drain->lock);
	ok = !drain->stopping;
	if (ok)
		drain->messages++;
	pthread_mutex_unlock(&drain->lock);
	return ok;
}

void drain_leave(struct drain *drain)
{
	pthread_mutex_lock(&drain->lock);
	if (--drain->messages == 0)
		pthread_cond_signal(&drain->idle);
	pthread_mutex_unlock(&drain->lock);
}

bool drain_wait(struct drain *drain, int64_t deadline)
{
	struct timespec until = {.tv_sec = (time_t)(deadline / NS_PER_S),
				 .tv_nsec = (long)(deadline % NS_PER_S)};
	int error = 0;
	bool ended;

	pthread_mutex_lock(&drain->lock);
	drain->stopping = true;
	while (drain->messages > 0 && error != ETIMEDOUT)
		error = pthread_cond_timedwait(&drain->idle, &drain->lock, &until);
	ended = drain->messages == 0;
	pthread_mutex_unlock(&drain->lock);
	return ended;
}
