/* SPDX-License-Identifier: BSD-2-Clause */
/* Durations by classes, and what share of them took how long. */

#include "postern/clock.h"
#include "postern/histogram.h"
#include "tests/unit/unit.h"

static bool near(double a, double b)
{
	return a > b - 1e-9 && a < b + 1e-9;
}

static void test_classes(void)
{
	struct histogram histogram = {0};
	struct histogram_view view;

	histogram_add(&histogram, -5);
	histogram_add(&histogram, 100000);        /* 0.1 ms: a bound belongs to its class */
	histogram_add(&histogram, 100001);        /* the next one */
	histogram_add(&histogram, 60 * NS_PER_S); /* beyond all */
	histogram_read(&histogram, &view);
	CHECK(view.count == 4);
	CHECK(view.classes[0] == 2);
	CHECK(view.classes[1] == 1);
	CHECK(view.classes[HISTOGRAM_BOUNDS] == 1);
	CHECK(near(view.sum, 60.000200001));
}

static void test_quantiles(void)
{
	struct histogram histogram = {0};
	struct histogram_view view;

	histogram_read(&histogram, &view);
	CHECK(near(histogram_quantile(&view, 0.5), 0));
	for (int i = 0; i < 90; i++)
		histogram_add(&histogram, 2 * NS_PER_MS);
	for (int i = 0; i < 10; i++)
		histogram_add(&histogram, 100 * NS_PER_S);
	histogram_read(&histogram, &view);
	/* Of 90 between 1 and 5 ms the 50th is at 50/90 of the way. */
	CHECK(near(histogram_quantile(&view, 0.5), 0.001 + 0.004 * 50 / 90));
	CHECK(near(histogram_quantile(&view, 0.99), histogram_bounds[HISTOGRAM_BOUNDS - 1]));
}

static void test_bounds_ascend(void)
{
	for (int i = 1; i < HISTOGRAM_BOUNDS; i++)
		CHECK(histogram_bounds[i] > histogram_bounds[i - 1]);
}

int main(void)
{
	RUN(test_classes);
	RUN(test_quantiles);
	RUN(test_bounds_ascend);
	return unit_done();
}
