/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POSTERN_STRETCH_H
#define POSTERN_STRETCH_H

/*
 * A stretch of trouble, to be told of once: where something fails now and succeeds then, as writing
 * to a full disk does, the log would otherwise hear of every turn. One thread at a time.
 *
 *	if (stretch_failed(&s, now))
 *		log_line(LOG_LEVEL_ERROR, "...");
 */

#include <stdbool.h>
#include <stdint.h>

#include "postern/clock.h"

/* Without a failure for as long, a stretch is over. */
#define STRETCH_CALM (60 * NS_PER_S)

/* All zero: there is no trouble. */
struct stretch {
	bool lasts;
	int64_t failed; /* clock_now() of the last failure */
};

/* It failed at `now` (clock_now()). True: that is news. */
bool stretch_failed(struct stretch *stretch, int64_t now);
/* It works at `now`. True: it is news that the stretch is over. */
bool stretch_over(struct stretch *stretch, int64_t now);

#endif
