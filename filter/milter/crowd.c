/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How many sessions there may be at once. Those beyond are deferred by a reply: the log says so
 * once, and again when it is over. Where descriptors end before, stead.c lets new ones wait.
 */

#include "filter/milter/process.h"

#include "postern/limits.h"
#include "postern/log.h"

static struct {
	atomic_bool full;
	atomic_uint_least64_t refused;
} crowd;

bool crowd_admits(unsigned open)
{
	if (open <= LIMIT_SESSIONS)
		return true;
	atomic_fetch_add(&crowd.refused, 1);
	if (!atomic_exchange(&crowd.full, true))
		log_line(LOG_LEVEL_WARNING,
			 "%u sessions at once are all that there may be: more are deferred",
			 LIMIT_SESSIONS);
	return false;
}

void crowd_closed(unsigned open)
{
	if (!atomic_load(&crowd.full) || open > LIMIT_SESSIONS - LIMIT_SESSIONS / 8)
		return;
	if (atomic_exchange(&crowd.full, false))
		log_line(LOG_LEVEL_INFO, "sessions are let in again; %llu were deferred so far",
			 (unsigned long long)atomic_load(&crowd.refused));
}

uint64_t milter_sessions_refused(void)
{
	return atomic_load(&crowd.refused);
}
