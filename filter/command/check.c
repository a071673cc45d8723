/* SPDX-License-Identifier: BSD-2-Clause */
/* postern check: compile policies, report everything that is wrong, and run their tests. */

#include "filter/command/command.h"

#include <string.h>

#include "filter/command/coverage.h"
#include "filter/command/testrun.h"
#include "postern/arena.h"
#include "postern/diag.h"
#include "postern/policy.h"

static void print_failed(void *ctx, const struct test_result *result)
{
	(void)ctx;
	if (result->faults.count > 0)
		testrun_print(result);
}

/* The tests of a policy that compiles. True if all pass and, if that is asked, reach all rules. */
static bool check_tests(struct arena *arena, const struct policy *policy, bool coverage)
{
	struct testrun tests = {.told = print_failed};
	bool ok;

	if (!coverage && policy->test_count == 0)
		return true;
	if (!testrun_begin())
		return false;
	if (coverage)
		tests.coverage = coverage_new(arena, policy);
	testrun_policy(&tests, policy);
	ok = tests.failed == 0;
	printf("%s: tests: %zu passed, %zu failed\n", policy->path, tests.passed, tests.failed);
	if (coverage)
		ok &= coverage_print(tests.coverage, policy->path);
	return ok;
}

/* An exit status. */
static int check(const char *path, bool coverage)
{
	int status = EXIT_BROKEN;
	struct arena *arena = arena_new(NULL);
	struct diag *diag = diag_new(arena);
	struct policy *policy = policy_load(path, NULL, diag);
	const char *fault = policy ? serve_fault(policy) : NULL;
	bool ok = policy && !fault;

	diag_print(diag, stderr);
	if (fault)
		fprintf(stderr, "%s: error: %s\n", path, fault);
	else if (ok)
		printf("%s: ok (%zu rules, %zu facts, policy %s)\n", path, policy->rule_count,
		       policy->slot_count, policy->id);
	else
		fprintf(stderr, "%s: %zu error%s\n", path, diag_errors(diag),
			diag_errors(diag) == 1 ? "" : "s");
	if (ok)
		status = check_tests(arena, policy, coverage) ? EXIT_FINE : EXIT_NO;
	policy_free(&policy);
	arena_free(&arena);
	return status;
}

static int run(const struct command *self, int argc, char **argv)
{
	int status = EXIT_FINE, first = 1, one;
	bool coverage = first < argc && strcmp(argv[first], "--coverage") == 0;

	first += coverage;
	if (first < argc && strcmp(argv[first], "--") == 0)
		first++;
	else if (first < argc && argv[first][0] == '-' && argv[first][1])
		return command_usage(self, "no option '%s'", argv[first]);
	if (first == argc)
		return command_usage(self, "which policy?");
	for (int i = first; i < argc; i++) {
		one = check(argv[i], coverage);
		status = one > status ? one : status;
	}
	return status;
}

const struct command command_check = {
    .name = "check",
    .synopsis = "[--coverage] POLICY...",
    .help = "compile policies, report everything that is wrong, run their tests",
    .options = "  --coverage  name the rules that no test reaches; there must be none\n",
    .run = run,
};
