/* SPDX-License-Identifier: BSD-2-Clause */
/* Trouble is told of once a stretch, and that it is over after a minute of calm. */

#include "postern/stretch.h"
#include "tests/unit/unit.h"

static void test_once(void)
{
	struct stretch s = {.lasts = false};
	int64_t now = 1000 * NS_PER_S;

	CHECK(!stretch_over(&s, now));
	CHECK(stretch_failed(&s, now));
	/* It fails and works in turns, every 10 s. */
	for (int i = 0; i < 20; i++) {
		now += 10 * NS_PER_S;
		CHECK(!stretch_over(&s, now));
		CHECK(!stretch_failed(&s, now));
	}
	CHECK(!stretch_over(&s, now + STRETCH_CALM - 1));
	CHECK(stretch_over(&s, now + STRETCH_CALM));
	CHECK(!stretch_over(&s, now + 2 * STRETCH_CALM));
	CHECK(stretch_failed(&s, now + 2 * STRETCH_CALM));
}

int main(void)
{
	RUN(test_once);
	return unit_done();
}
