/* SPDX-License-Identifier: BSD-2-Clause */
/* postern check: compile policies, report all that is wrong or doubtful, and run their tests. */

#include "filter/command/command.h"

#include <string.h>

#include "filter/command/coverage.h"
#include "filter/command/findings.h"
#include "filter/command/proofs.h"
#include "filter/command/testrun.h"
#include "postern/arena.h"
#include "postern/check.h"
#include "postern/diag.h"
#include "postern/limits.h"
#include "postern/policy.h"

struct options {
	bool json, table, strict, coverage;
	const char *dump; /* what --dump names, or NULL */
	VEC(const char *) silenced;
	bool silent;
	json_t *policies; /* of --json */
};

/* One policy, while it is looked at. */
struct subject {
	const char *path;
	struct arena *arena;
	struct diag *diag;
	struct policy *policy;
	bool ok;
	int status;            /* EXIT_BROKEN unless it compiles */
	size_t passed, failed; /* tests */
};

/* ---- what a policy is made of ---- */

static void dump(const struct options *options, struct subject *subject)
{
	bool tree = strcmp(options->dump, "tree") == 0;

	if (tree)
		dump_tree(subject->path, subject->diag, stdout);
	else
		subject->policy = policy_load(subject->path, NULL, subject->diag);
	if (!tree && subject->policy && strcmp(options->dump, "types") == 0)
		dump_types(subject->policy, stdout);
	else if (!tree && subject->policy)
		dump_plan(subject->policy, stdout);
	subject->ok = diag_errors(subject->diag) == 0;
	diag_print(subject->diag, stderr);
}

/* ---- for people ---- */

static void print_cost(const struct subject *subject)
{
	struct check_cost cost = check_lookups(subject->policy);
	unsigned shared = cost.shared + cost.signature * cost.signatures;

	if (shared == 0 && cost.spf == 0)
		return;
	printf("%s: a message can cost", subject->path);
	if (shared > 0)
		printf(" %u DNS lookups%s", shared, cost.recipients ? " with one recipient" : "");
	if (cost.signature > 0)
		printf(", %u for each of %u DKIM signatures", cost.signature, cost.signatures);
	if (shared > LIMIT_LOOKUPS)
		printf(", of which %d are made", LIMIT_LOOKUPS);
	if (cost.spf > 0)
		printf("%s %u%s for SPF", shared > 0 ? ", and" : "", cost.spf,
		       shared > 0 ? "" : " DNS lookups");
	putchar('\n');
}

static void print_table(const struct subject *subject)
{
	size_t count;
	const struct check_row *rows = check_table(subject->policy, subject->arena, &count);

	printf("%-20s %5s %-8s %-9s %-9s %s\n", "rule", "line", "does", "could at", "answers",
	       "held back by");
	for (size_t i = 0; i < count; i++) {
		const struct plan_rule *rule = rows[i].rule;

		printf("%-20s %5zu %-8s %-9s %-9s %s\n", rule->name.s, rule->line,
		       rule->actions[rule->action_count - 1].def->name, stage_name(rows[i].could),
		       rows[i].above ? "never" : stage_name(rows[i].answers),
		       rows[i].above     ? rows[i].above->name.s
		       : rows[i].held_by ? rows[i].held_by->name.s
					 : "-");
	}
}

static void print_sum(const char *path, size_t count, const char *what)
{
	if (count > 0)
		fprintf(stderr, "%s: %zu %s%s\n", path, count, what, count == 1 ? "" : "s");
}

static void print_text(const struct options *options, const struct subject *subject)
{
	size_t errors = diag_errors(subject->diag), warned = diag_warnings(subject->diag);

	diag_print(subject->diag, stderr);
	if (subject->ok) {
		printf("%s: ok (%zu rules, %zu facts, policy %s)\n", subject->path,
		       subject->policy->rule_count, subject->policy->slot_count,
		       subject->policy->id);
		if (policy_observes(subject->policy))
			printf("%s: 'set mode observe': nothing of it is done, only told\n",
			       subject->path);
		print_cost(subject);
	}
	if (subject->policy && options->table)
		print_table(subject);
	print_sum(subject->path, options->strict ? errors + warned : errors, "error");
	print_sum(subject->path, options->strict ? 0 : warned, "warning");
}

/* ---- for programs ---- */

static json_t *table_json(const struct subject *subject)
{
	size_t count;
	const struct check_row *rows = check_table(subject->policy, subject->arena, &count);
	json_t *table = json_array();

	for (size_t i = 0; i < count; i++) {
		const struct plan_rule *rule = rows[i].rule;
		const struct plan_rule *by = rows[i].above ? rows[i].above : rows[i].held_by;

		json_array_append_new(
		    table, json_pack("{s:o, s:I, s:s, s:s, s:o, s:o}", "rule",
				     json_str(rule->name, false), "line", (json_int_t)rule->line,
				     "does", rule->actions[rule->action_count - 1].def->name,
				     "could", stage_name(rows[i].could), "answers",
				     json_text(rows[i].above ? NULL : stage_name(rows[i].answers)),
				     "held_back_by", by ? json_str(by->name, false) : json_null()));
	}
	return table;
}

static json_t *cost_json(const struct policy *policy)
{
	struct check_cost cost = check_lookups(policy);

	return json_pack("{s:i, s:i, s:i, s:i, s:b, s:i}", "shared", (int)cost.shared,
			 "each_signature", (int)cost.signature, "signatures", (int)cost.signatures,
			 "spf", (int)cost.spf, "each_recipient", (int)cost.recipients, "limit",
			 LIMIT_LOOKUPS);
}

static void add_json(const struct options *options, const struct subject *subject)
{
	const struct policy *policy = subject->policy;

	json_array_append_new(
	    options->policies,
	    json_pack("{s:o, s:b, s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:o}", "path",
		      json_text(subject->path), "ok", (int)subject->ok, "policy",
		      json_text(policy ? policy->id : NULL), "observe",
		      policy && policy_observes(policy), "rules",
		      policy ? json_integer((json_int_t)policy->rule_count) : json_null(), "facts",
		      policy ? json_integer((json_int_t)policy->slot_count) : json_null(),
		      "lookups", policy ? cost_json(policy) : json_null(), "findings",
		      findings_json(subject->diag), "table",
		      policy ? table_json(subject) : json_null(), "tests",
		      json_pack("{s:I, s:I}", "passed", (json_int_t)subject->passed, "failed",
				(json_int_t)subject->failed)));
}

/* ---- the tests in it ---- */

static void print_failed(void *ctx, const struct test_result *result)
{
	const struct options *options = ctx;

	if (result->faults.count > 0 && !options->json)
		testrun_print(result);
}

/* The tests of a policy that compiles. True if all pass and, if that is asked, reach all rules. */
static bool check_tests(const struct options *options, struct subject *subject)
{
	struct testrun tests = {.told = print_failed, .ctx = (void *)(uintptr_t)options};
	bool ok;

	if (!options->coverage && subject->policy->test_count == 0)
		return true;
	if (!testrun_begin())
		return false;
	if (options->coverage)
		tests.coverage = coverage_new(subject->arena, subject->policy);
	testrun_policy(&tests, subject->policy);
	subject->passed = tests.passed;
	subject->failed = tests.failed;
	ok = tests.failed == 0;
	if (!options->json)
		printf("%s: tests: %zu passed, %zu failed\n", subject->path, tests.passed,
		       tests.failed);
	if (options->coverage)
		ok &= coverage_print(tests.coverage, subject->path);
	return ok;
}

/* ---- the command ---- */

static void look(const struct options *options, struct subject *subject)
{
	subject->policy = policy_load(subject->path, NULL, subject->diag);
	if (subject->policy) {
		serve_check(subject->policy, subject->diag);
		check_policy(subject->policy, subject->diag);
		proofs_check(subject->policy, true, subject->diag);
		proofs_warn(subject->policy, subject->diag);
	}
	subject->ok = diag_errors(subject->diag) == 0 &&
		      !(options->strict && diag_warnings(subject->diag) > 0);
	if (!options->json)
		print_text(options, subject);
	if (subject->ok)
		subject->status = check_tests(options, subject) ? EXIT_FINE : EXIT_NO;
	if (options->json)
		add_json(options, subject);
}

/* One policy; an exit status. */
static int check(const struct options *options, const char *path)
{
	struct arena *arena = arena_new(NULL);
	struct subject subject = {
	    .path = path, .arena = arena, .diag = diag_new(arena), .status = EXIT_BROKEN};

	if (options->strict)
		diag_strict(subject.diag);
	if (options->silent)
		diag_silence(subject.diag, NULL);
	for (size_t i = 0; i < options->silenced.count; i++)
		diag_silence(subject.diag, options->silenced.items[i]);
	if (options->dump)
		dump(options, &subject);
	else
		look(options, &subject);
	if (options->dump && subject.ok)
		subject.status = EXIT_FINE;
	policy_free(&subject.policy);
	arena_free(&arena);
	return subject.status;
}

/* "error", "none", "no-NAME". */
static int take_warning(const struct command *self, struct arena *arena, struct options *options,
			const char *word)
{
	const char *name = strncmp(word, "no-", 3) == 0 ? word + 3 : "";
	VEC(const char *) names = {0};
	const char *nearest;

	if (strcmp(word, "error") == 0) {
		options->strict = true;
		return 0;
	}
	if (strcmp(word, "none") == 0) {
		options->silent = true;
		return 0;
	}
	for (const struct warning_def *def = warnings; def->name; def++) {
		*vec_push(arena, &names) = def->name;
		if (strcmp(def->name, name) != 0)
			continue;
		*vec_push(arena, &options->silenced) = def->name;
		return 0;
	}
	nearest = diag_nearest(str_of(name[0] ? name : word), names.items, names.count);
	if (nearest)
		return command_usage(self, "-W: no '%s', is 'no-%s' meant?", word, nearest);
	return command_usage(self, "-W: no '%s', write 'error', 'none' or 'no-NAME'", word);
}

static int take_dump(const struct command *self, struct options *options, const char *what)
{
	if (strcmp(what, "tree") != 0 && strcmp(what, "types") != 0 && strcmp(what, "plan") != 0)
		return command_usage(self, "--dump: no '%s', write 'tree', 'types' or 'plan'",
				     what);
	options->dump = what;
	return 0;
}

/* The options before the first policy; *first_r is the policy's place. Returns 0, or a status. */
static int parse(const struct command *self, struct arena *arena, struct options *options, int argc,
		 char **argv, int *first_r)
{
	int i = 1, status = 0;

	for (; i < argc && argv[i][0] == '-' && argv[i][1] && status == 0; i++) {
		const char *word = argv[i];
		bool warning = strncmp(word, "-W", 2) == 0, dumps = strcmp(word, "--dump") == 0;

		if (strcmp(word, "--") == 0) {
			i++;
			break;
		}
		if (((warning && !word[2]) || dumps) && ++i == argc)
			return command_usage(self, "'%s' wants a value", word);
		if (warning)
			status = take_warning(self, arena, options, word[2] ? word + 2 : argv[i]);
		else if (dumps)
			status = take_dump(self, options, argv[i]);
		else if (strcmp(word, "--json") == 0)
			options->json = true;
		else if (strcmp(word, "--table") == 0)
			options->table = true;
		else if (strcmp(word, "--coverage") == 0)
			options->coverage = true;
		else
			return command_usage(self, "no option '%s'", word);
	}
	if (status == 0 && i == argc)
		return command_usage(self, "which policy?");
	if (status == 0 && options->dump && options->json)
		return command_usage(self, "--dump and --json exclude each other");
	if (status == 0 && options->coverage && options->json)
		return command_usage(self, "--coverage and --json exclude each other");
	*first_r = i;
	return status;
}

static int run(const struct command *self, int argc, char **argv)
{
	struct arena *arena = arena_new(NULL);
	struct options options = {0};
	int first = 1, usage = parse(self, arena, &options, argc, argv, &first), status = usage;

	if (usage == 0 && options.json)
		options.policies = json_array();
	for (int i = first; usage == 0 && i < argc; i++) {
		int one = check(&options, argv[i]);

		status = one > status ? one : status;
	}
	if (options.json && options.policies)
		json_print(json_pack("{s:o}", "policies", options.policies));
	arena_free(&arena);
	return status;
}

static void further(FILE *out)
{
	fputs("\nWarnings:\n", out);
	for (const struct warning_def *def = warnings; def->name; def++)
		fprintf(out, "  %-16s %s\n", def->name, def->help);
}

const struct command command_check = {
    .name = "check",
    .synopsis = "[-W WHAT] [--table] [--coverage] [--json] POLICY... | --dump WHAT POLICY...",
    .help = "compile policies, report all that is wrong or doubtful, run their tests",
    .options = "  -W error     take warnings for errors\n"
	       "  -W no-NAME   leave out the warnings of this name\n"
	       "  -W none      leave out all warnings\n"
	       "  --table      print when each rule could answer, and when it does\n"
	       "  --coverage   name the rules that no test reaches; there must be none\n"
	       "  --json       print findings, table and lookups as JSON\n"
	       "  --dump WHAT  print the syntax tree (tree), the facts in use (types), or the\n"
	       "               rules with all names resolved (plan), and check no further\n",
    .run = run,
    .further = further,
};
