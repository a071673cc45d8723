/* SPDX-License-Identifier: BSD-2-Clause */
/* postern test: run the tests that stand in policies. */

#include <getopt.h>

#include "filter/command/command.h"
#include "filter/command/explain.h"
#include "filter/command/testrun.h"
#include "postern/diag.h"

/* The language of tests, where who writes one finds it. */
#define WORDS                                                                                      \
	"\nA test stands in a policy: test \"NAME\" { what is given, then what is expected }\n"    \
	"\n"                                                                                       \
	"  client IP [NAME]           the SMTP client\n"                                           \
	"  helo NAME                  what it says in HELO\n"                                      \
	"  sender <a@b>               envelope sender; <> where there is none\n"                   \
	"  recipient <a@b>            a recipient; may repeat\n"                                   \
	"  auth USER                  logged in as USER\n"                                         \
	"  macro NAME VALUE           a macro of the MTA\n"                                        \
	"  header \"Name: value\"       a field of the header; may repeat\n"                       \
	"  body \"TEXT\"                a line of the body; may repeat\n"                          \
	"  message \"FILE\"             a message; 'header' adds fields on top of it\n"            \
	"  dns \"RECORD\"               all that is in the DNS, as in --dns files; may repeat\n"   \
	"  dns file \"FILE\"            the same from a file\n"                                    \
	"  set NAME VALUE             a setting of the policy\n"                                   \
	"  time SECONDS               the time to judge at, since 1970\n"                          \
	"  given FACT VALUE           a fact taken for granted; { VALUE ... }, absent, failed\n"   \
	"\n"                                                                                       \
	"  expect VERDICT [RULE] [at STAGE] [for <a@b>]\n"                                         \
	"                             accept reject defer discard hold; told at that stage;\n"     \
	"                             of one of several recipients\n"                              \
	"  expect rule RULE, no rule  which rule decided\n"                                        \
	"  expect stage STAGE         connect helo mail rcpt data headers message\n"               \
	"  expect code N [N.N.N]      of the reply, with its enhanced code\n"                      \
	"  expect text [contains] \"TEXT\"\n"                                                      \
	"  expect [no] edit add|insert|replace|remove header \"Name[: value]\" [contains "         \
	"\"TEXT\"]\n"                                                                              \
	"  expect [no] edit add|remove recipient <a@b>\n"                                          \
	"  expect no edits\n"                                                                      \
	"  expect score N             the sum of the scores that applied\n"                        \
	"  expect same as \"POLICY\"    another policy replies and edits the same\n"

static void print_failed(void *ctx, const struct test_result *result)
{
	(void)ctx;
	if (result->faults.count > 0)
		testrun_print(result);
}

static void collect(void *ctx, const struct test_result *result)
{
	json_t *list = ctx, *faults = json_array();

	for (size_t i = 0; i < result->faults.count; i++) {
		const struct test_fault *fault = &result->faults.items[i];
		const struct expectation *expected = fault->expectation;

		json_array_append_new(
		    faults,
		    json_pack("{s:o, s:o, s:o}", "expected",
			      json_text(expected ? expected->written : NULL), "line",
			      expected ? json_integer((json_int_t)expected->line) : json_null(),
			      "came", json_text(fault->came)));
	}
	json_array_append_new(
	    list,
	    json_pack("{s:o, s:i, s:o, s:b, s:o, s:o}", "file", json_text(result->test->file),
		      "line", (int)result->test->line, "name", json_text(result->test->name),
		      "passed", result->faults.count == 0, "faults", faults, "outcome",
		      result->report && result->faults.count > 0 ? explain_json(result->report)
								 : json_null()));
}

/* False: the policy has mistakes. */
static bool test_file(struct testrun *run, const char *path)
{
	struct arena *arena = arena_new(NULL);
	struct diag *diag = diag_new(arena);
	struct policy *policy = policy_load(path, NULL, diag);
	bool ok = policy != NULL;

	diag_print(diag, stderr);
	if (!ok)
		fprintf(stderr, "%s: not tested, it has mistakes\n", path);
	else if (policy->test_count == 0)
		fprintf(stderr, "%s: no tests\n", path);
	else
		testrun_policy(run, policy);
	policy_free(&policy);
	arena_free(&arena);
	return ok;
}

static int test_files(const struct command *self, struct testrun *run, char **paths, bool json)
{
	json_t *list = json ? json_array() : NULL;
	bool ok = true;

	run->told = json ? collect : print_failed;
	run->ctx = list;
	for (; *paths; paths++)
		ok &= test_file(run, *paths);
	if (json)
		json_print(json_pack("{s:i, s:i, s:o}", "passed", (int)run->passed, "failed",
				     (int)run->failed, "tests", list));
	else
		printf("%zu passed, %zu failed\n", run->passed, run->failed);
	if (!ok)
		return EXIT_BROKEN;
	if (run->pattern && run->passed + run->failed == 0)
		return command_usage(self, "no test is called '%s'", run->pattern);
	return run->failed > 0 ? EXIT_NO : EXIT_FINE;
}

static int run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = {{"run", required_argument, NULL, 'r'},
						{"json", no_argument, NULL, 'j'},
						{NULL, 0, NULL, 0}};
	struct testrun tests = {0};
	bool json = false;
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (option == 'r')
			tests.pattern = optarg;
		else if (option == 'j')
			json = true;
		else if (option == ':')
			return command_usage(self, "'%s' wants a value", argv[optind - 1]);
		else
			return command_usage(self, "no option '%s'", argv[optind - 1]);
	}
	if (optind == argc)
		return command_usage(self, "which policy?");
	if (!testrun_begin())
		return EXIT_NO;
	return test_files(self, &tests, argv + optind, json);
}

const struct command command_test = {
    .name = "test",
    .synopsis = "[--run NAME] [--json] POLICY...",
    .help = "run the tests in policies, show each that failed with its trace",
    .options = "  --run NAME  only tests whose name has NAME in it, or matches it where it has "
	       "* ? [\n"
	       "  --json      print JSON\n" WORDS,
    .run = run,
};
