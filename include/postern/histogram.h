/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POSTERN_HISTOGRAM_H
#define POSTERN_HISTOGRAM_H

/*
 * How long something took, counted by classes, from any thread and, in shared memory, from any
 * process. Zeroed memory is an empty one.
 */

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* From what is only computed up to the longest wait for DNS; the last class has no bound. */
#define HISTOGRAM_BOUNDS 14
extern const double histogram_bounds[HISTOGRAM_BOUNDS]; /* seconds, inclusive, ascending */

struct histogram {
	atomic_uint_least64_t classes[HISTOGRAM_BOUNDS + 1];
	atomic_uint_least64_t sum; /* nanoseconds */
};

void histogram_add(struct histogram *histogram, int64_t nanoseconds);

/* What it was at one moment. */
struct histogram_view {
	uint64_t classes[HISTOGRAM_BOUNDS + 1];
	uint64_t count;
	double sum; /* seconds */
};
void histogram_read(const struct histogram *histogram, struct histogram_view *view_r);
/*
 * Seconds that this share of them (0 to 1) did not exceed: the bound of a class, between bounds by
 * proportion; the last bound for what is beyond. 0 if there are none.
 */
double histogram_quantile(const struct histogram_view *view, double share);

#endif
