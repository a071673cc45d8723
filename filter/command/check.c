/* SPDX-License-Identifier: BSD-2-Clause */
/* postern check: compile policies and report everything that is wrong with them. */

#include "filter/command/command.h"

#include <string.h>

#include "filter/command/proofs.h"
#include "postern/arena.h"
#include "postern/diag.h"
#include "postern/policy.h"

static bool check(const char *path)
{
	struct arena *arena = arena_new(NULL);
	struct diag *diag = diag_new(arena);
	struct policy *policy = policy_load(path, NULL, diag);
	const char *fault = policy ? serve_fault(policy) : NULL;
	bool ok = policy && !fault;

	ok = ok && proofs_check(policy, true, diag);
	if (policy)
		proofs_warn(policy, diag);
	diag_print(diag, stderr);
	if (fault)
		fprintf(stderr, "%s: error: %s\n", path, fault);
	else if (ok)
		printf("%s: ok (%zu rules, %zu facts, policy %s)\n", path, policy->rule_count,
		       policy->slot_count, policy->id);
	else
		fprintf(stderr, "%s: %zu error%s\n", path, diag_errors(diag),
			diag_errors(diag) == 1 ? "" : "s");
	policy_free(&policy);
	arena_free(&arena);
	return ok;
}

static int run(const struct command *self, int argc, char **argv)
{
	int status = EXIT_FINE, first = 1;

	if (first < argc && strcmp(argv[first], "--") == 0)
		first++;
	else if (first < argc && argv[first][0] == '-' && argv[first][1])
		return command_usage(self, "no option '%s'", argv[first]);
	if (first == argc)
		return command_usage(self, "which policy?");
	for (int i = first; i < argc; i++)
		if (!check(argv[i]))
			status = EXIT_BROKEN;
	return status;
}

const struct command command_check = {
    .name = "check",
    .synopsis = "POLICY...",
    .help = "compile policies and report everything that is wrong",
    .run = run,
};
