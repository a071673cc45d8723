/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When a crashed filter process is started again: at once for the first few crashes in a while,
 * then later and later, until one has lived for as long as that while.
 */

#include "filter/milter/process.h"

#include "postern/clock.h"

int64_t restart_delay(struct restart *restart, int64_t now, int64_t lived)
{
	/* The oldest of the last crashes: when that was long ago, this one is among the first. */
	int64_t oldest = restart->crashes[restart->next];
	bool many = restart->count == RESTART_FREE && now - oldest < RESTART_WINDOW;

	restart->crashes[restart->next] = now;
	restart->next = (restart->next + 1) % RESTART_FREE;
	if (restart->count < RESTART_FREE)
		restart->count++;
	if (lived >= RESTART_WINDOW)
		restart->delay = 0;
	if (restart->delay > 0)
		restart->delay =
		    restart->delay * 2 < RESTART_MOST ? restart->delay * 2 : RESTART_MOST;
	else if (many)
		restart->delay = RESTART_FIRST;
	return restart->delay;
}
