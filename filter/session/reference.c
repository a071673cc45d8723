/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * References: what a refusal's text ends in, so that one word on the telephone finds it in the
 * journal. Time in milliseconds and a count, without letters that are mistaken for others.
 */

#include <stdatomic.h>
#include <time.h>

#include "filter/session/private.h"

#define LENGTH 11
#define COUNT_BITS 13

const char *reference_new(struct arena *arena)
{
	static const char letters[] = "0123456789abcdefghjkmnpqrstvwxyz";
	static atomic_uint count;
	char text[LENGTH + 1] = {0};
	struct timespec now;
	uint64_t number;

	clock_gettime(CLOCK_REALTIME, &now);
	number = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
	number = number << COUNT_BITS | (atomic_fetch_add(&count, 1) & ((1u << COUNT_BITS) - 1));
	for (int i = LENGTH - 1; i >= 0; i--, number >>= 5)
		text[i] = letters[number & 31];
	return str_dup(arena, str_of(text)).s;
}
