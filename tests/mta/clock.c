/* SPDX-License-Identifier: BSD-2-Clause */
/* Preloaded into a program under test: what time it is, from TEST_TIME (seconds since 1970). */

#include <stdlib.h>
#include <time.h>

time_t time(time_t *now)
{
	const char *text = getenv("TEST_TIME");
	time_t value = text ? (time_t)strtoll(text, NULL, 10) : 0;

	if (now)
		*now = value;
	return value;
}
