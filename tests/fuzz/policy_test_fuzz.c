/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a policy with tests, which are run as `postern test` runs them: each passes or tells
 * what came instead. The policy stands in memory, so that its tests can load it anew with settings
 * of their own.
 */

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "filter/command/explain.h"
#include "filter/command/testrun.h"
#include "postern/arena.h"
#include "postern/diag.h"

#include "tests/fuzz/input.h"

/* Each may load the policy once or twice more. */
#define TESTS_MOST 6

static void told(void *ctx, const struct test_result *result)
{
	size_t *faults = ctx;

	require(result->report || result->faults.count == 1);
	for (size_t i = 0; i < result->faults.count; i++)
		require(result->faults.items[i].came != NULL);
	*faults += result->faults.count > 0;
}

static void run(const char *path)
{
	struct arena *arena = arena_new(NULL);
	struct diag *diag = diag_new(arena);
	struct policy *policy = policy_load(path, NULL, diag);
	size_t faults = 0;
	struct testrun tests = {.told = told, .ctx = &faults};

	require(policy || diag_errors(diag) > 0);
	if (policy && policy->test_count <= TESTS_MOST) {
		testrun_policy(&tests, policy);
		require(tests.failed == faults &&
			tests.passed + tests.failed == policy->test_count);
	}
	policy_free(&policy);
	arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool begun;
	char path[64];
	int fd = memfd_create("policy", MFD_CLOEXEC);

	begun = begun || testrun_begin();
	require(begun && fd >= 0 && write(fd, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	run(path);
	close(fd);
	return 0;
}
