/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_OBSERVE_MAPFAULT_H
#define FILTER_OBSERVE_MAPFAULT_H

/*
 * Reading a file that is mapped into memory raises SIGBUS where the file has been cut off, or the
 * disk does not give it back. What runs in here is left then, and the process lives on.
 */

#include <stdbool.h>

/*
 * Runs call(ctx). False: it was left in the middle, so what it was working on is not to be touched
 * again, and what it had allocated is lost. Not within itself.
 */
bool mapfault_run(void (*call)(void *ctx), void *ctx);
/* Leaves the call that is under way in this thread; returns if there is none. */
void mapfault_leave(void);

#endif
