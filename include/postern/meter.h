/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POSTERN_METER_H
#define POSTERN_METER_H

/*
 * CPU time that a message may cost. Whoever works on a message says so with meter_begin(), on the
 * thread that does the work; what may take long, in whatever room, asks meter_over() now and then
 * and gives up with "could not tell". One meter a thread at a time.
 */

#include <stdbool.h>
#include <stdint.h>

/* Nanoseconds of CPU time from now on; none or less: it is over at once. */
void meter_begin(int64_t nanoseconds);
/* The nanoseconds that were spent since. Without meter_begin(): 0. */
int64_t meter_end(void);
/*
 * Has it all been spent? False where no meter runs. Cheap: the CPU clock is a system call, and is
 * read once in a millisecond.
 */
bool meter_over(void);

#endif
