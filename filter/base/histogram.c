/* SPDX-License-Identifier: BSD-2-Clause */
/* Durations by classes. */

#include "postern/histogram.h"

#include "postern/clock.h"

const double histogram_bounds[HISTOGRAM_BOUNDS] = {0.0001, 0.0005, 0.001, 0.005, 0.01, 0.025, 0.05,
						   0.1,    0.25,   0.5,   1,     2.5,  5,     10};

void histogram_add(struct histogram *histogram, int64_t nanoseconds)
{
	uint64_t time = nanoseconds > 0 ? (uint64_t)nanoseconds : 0;
	double seconds = (double)time / (double)NS_PER_S;
	size_t i = 0;

	while (i < HISTOGRAM_BOUNDS && seconds > histogram_bounds[i])
		i++;
	atomic_fetch_add_explicit(&histogram->classes[i], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&histogram->sum, time, memory_order_relaxed);
}

void histogram_read(const struct histogram *histogram, struct histogram_view *view_r)
{
	view_r->count = 0;
	for (size_t i = 0; i <= HISTOGRAM_BOUNDS; i++) {
		view_r->classes[i] =
		    atomic_load_explicit(&histogram->classes[i], memory_order_relaxed);
		view_r->count += view_r->classes[i];
	}
	view_r->sum =
	    (double)atomic_load_explicit(&histogram->sum, memory_order_relaxed) / (double)NS_PER_S;
}

double histogram_quantile(const struct histogram_view *view, double share)
{
	double wanted = share * (double)view->count, below = 0, from = 0;

	if (view->count == 0)
		return 0;
	for (size_t i = 0; i < HISTOGRAM_BOUNDS; i++) {
		double here = (double)view->classes[i];

		if (here > 0 && below + here >= wanted)
			return from + (histogram_bounds[i] - from) * (wanted - below) / here;
		below += here;
		from = histogram_bounds[i];
	}
	return histogram_bounds[HISTOGRAM_BOUNDS - 1];
}
