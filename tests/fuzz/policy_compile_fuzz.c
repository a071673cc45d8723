/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a policy, through the whole compile, and what is accepted through the checker:
 * errors or a policy, never a crash.
 */

#include "postern/arena.h"
#include "postern/check.h"
#include "postern/policy.h"

#include "tests/fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new(NULL);
	struct diag *diag = diag_new(arena);
	struct source source = {"fuzz", {(const char *)data, size}};
	struct policy *policy = policy_compile(&source, "/nonexistent", NULL, diag);
	FILE *nowhere = fopen("/dev/null", "w");

	if (!policy && diag_errors(diag) == 0)
		__builtin_trap();
	if (policy)
		check_policy(policy, diag);
	if (nowhere) {
		if (policy) {
			dump_types(policy, nowhere);
			dump_plan(policy, nowhere);
		}
		diag_print(diag, nowhere);
		fclose(nowhere);
	}
	policy_free(&policy);
	arena_free(&arena);
	return 0;
}
