/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How many sessions there may be at once: as many as there are descriptors for, and never more
 * than the limit. Those beyond are deferred by a reply, which libmilter, out of descriptors, could
 * not give; the log says so once, and again when it is over.
 */

#include "filter/milter/process.h"

#include <sys/resource.h>

#include "postern/limits.h"
#include "postern/log.h"

/* Descriptors for all that is not a session: files, the log, the control socket, libunbound. */
#define DESCRIPTORS_OTHER 48
#define DESCRIPTORS_DNS 4096
#define SESSIONS_LEAST 8

static struct {
	unsigned most;
	atomic_bool full;
	atomic_uint_least64_t refused;
} crowd;

unsigned crowd_most(uint64_t descriptors)
{
	uint64_t dns = descriptors / 2 < DESCRIPTORS_DNS ? descriptors / 2 : DESCRIPTORS_DNS;
	uint64_t taken = dns + DESCRIPTORS_OTHER;
	uint64_t most = descriptors > taken ? descriptors - taken : 0;

	if (most > LIMIT_SESSIONS)
		return LIMIT_SESSIONS;
	return most < SESSIONS_LEAST ? SESSIONS_LEAST : (unsigned)most;
}

void crowd_begin(void)
{
	struct rlimit limit;

	crowd.most =
	    getrlimit(RLIMIT_NOFILE, &limit) == 0 ? crowd_most(limit.rlim_cur) : SESSIONS_LEAST;
}

bool crowd_admits(unsigned open)
{
	if (open <= crowd.most)
		return true;
	atomic_fetch_add(&crowd.refused, 1);
	if (!atomic_exchange(&crowd.full, true))
		log_line(LOG_LEVEL_WARNING,
			 "%u sessions at once are all that there may be: more are deferred",
			 crowd.most);
	return false;
}

void crowd_closed(unsigned open)
{
	if (!atomic_load(&crowd.full) || open > crowd.most - crowd.most / 8)
		return;
	if (atomic_exchange(&crowd.full, false))
		log_line(LOG_LEVEL_INFO, "sessions are let in again; %llu were deferred so far",
			 (unsigned long long)atomic_load(&crowd.refused));
}

uint64_t milter_sessions_refused(void)
{
	return atomic_load(&crowd.refused);
}
