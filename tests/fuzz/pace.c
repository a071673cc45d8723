/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Linked with every target by --wrap: an input must be done with in 50 ms. The sanitizers make
 * the code about ten times slower, so ten times as much is allowed here, of CPU time, which a busy
 * machine does not change; what is slow once only, as a first start is, does not count.
 */

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "postern/str.h"

#define PACE_MS 500
#define PACE_TRIES 3

int __real_LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int __wrap_LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static long long pace_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

int __wrap_LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	long long spent = 0;

	for (int i = 0; i < PACE_TRIES; i++) {
		long long began = pace_now();
		int result = __real_LLVMFuzzerTestOneInput(data, size);

		spent = pace_now() - began;
		if (spent <= PACE_MS)
			return result;
	}
	fprintf(stderr, "slow input: %lld ms of CPU, %d allowed\n", spent, PACE_MS);
	abort();
}
