/* SPDX-License-Identifier: BSD-2-Clause */
/* Which messages a crash is laid to, whatever else was in hand. */

#include "filter/milter/process.h"
#include "tests/unit/unit.h"

/* As many as are noted at a time. */
#define OTHERS 1023
#define CULPRIT 7777777

static struct suspects *suspects;

/* The culprit is in hand, and so many others, of which none comes again. */
static void crash(uint64_t first, unsigned others)
{
	static const uint64_t beginnings[SUSPECT_BEGINNINGS];

	CHECK(suspects_enter(suspects, CULPRIT, beginnings) >= 0);
	for (unsigned i = 0; i < others; i++)
		CHECK(suspects_enter(suspects, first + i, beginnings) >= 0);
	suspects_crashed(suspects);
}

static enum suspicion of(uint64_t fingerprint)
{
	bool first;

	return suspects_suspicion(suspects, fingerprint, &first);
}

static void culprit(unsigned others)
{
	suspects = suspects_new();
	CHECK(suspects != NULL);
	CHECK_INT(of(CULPRIT), SUSPICION_NONE);
	crash(100000, others);
	CHECK_INT(of(CULPRIT), SUSPICION_NONE);
	crash(200000, others);
	CHECK_INT(of(CULPRIT), SUSPICION_DEFER);
	CHECK_INT(of(100000), SUSPICION_NONE);
	/* It is remembered as long as others crash for the first time. */
	crash(300000, others);
	CHECK_INT(of(CULPRIT), SUSPICION_DEFER);
	CHECK_INT(of(300000), SUSPICION_NONE);
	suspects_free(&suspects);
}

static void alone(void)
{
	culprit(0);
}

static void in_a_crowd(void)
{
	culprit(OTHERS);
}

static void who_is_done_is_not_suspected(void)
{
	static const uint64_t beginnings[SUSPECT_BEGINNINGS];

	suspects = suspects_new();
	for (int i = 0; i < 3; i++) {
		suspects_leave(suspects, suspects_enter(suspects, 42, beginnings));
		crash(100000, 1);
	}
	CHECK_INT(of(42), SUSPICION_NONE);
	CHECK_INT(of(100000), SUSPICION_DEFER);
	suspects_free(&suspects);
}

int main(void)
{
	RUN(alone);
	RUN(in_a_crowd);
	RUN(who_is_done_is_not_suspected);
	return unit_done();
}
