/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counts what tests do with each rule: look at its condition, find it true, let the rule decide. A
 * rule that decides is reached by a test whose outcome it gave; any other by one in which it
 * applied.
 */

#include "filter/command/coverage.h"

#include <stdio.h>

struct tally {
	size_t evaluated, held, decided;
};

struct coverage {
	const struct policy *policy;
	struct tally *tallies;                        /* by rule */
	enum { UNSEEN, SEEN, HELD, DECIDED } * marks; /* of the present test */
};

struct coverage *coverage_new(struct arena *arena, const struct policy *policy)
{
	struct coverage *coverage = arena_new_of(arena, struct coverage);

	coverage->policy = policy;
	coverage->tallies = arena_array(arena, policy->rule_count + 1, sizeof(*coverage->tallies));
	coverage->marks = arena_array(arena, policy->rule_count + 1, sizeof(*coverage->marks));
	return coverage;
}

/* Names are the same in a policy that was loaded again with other settings. */
static size_t rule_of(const struct coverage *coverage, const char *name)
{
	size_t i = 0;

	while (i < coverage->policy->rule_count &&
	       strcmp(coverage->policy->rules[i].name.s, name) != 0)
		i++;
	return i;
}

static void decided(struct coverage *coverage, const struct report_outcome *outcome)
{
	if (outcome->rule)
		coverage->marks[rule_of(coverage, outcome->rule)] = DECIDED;
}

void coverage_add(struct coverage *coverage, const struct report *report)
{
	size_t count = coverage->policy->rule_count;

	for (size_t i = 0; i <= count; i++)
		coverage->marks[i] = UNSEEN;
	for (size_t i = 0; i < report->trace_count; i++) {
		size_t rule = rule_of(coverage, report->trace[i].rule);

		if (strcmp(report->trace[i].value, "true") == 0)
			coverage->marks[rule] = HELD;
		else if (coverage->marks[rule] == UNSEEN)
			coverage->marks[rule] = SEEN;
	}
	decided(coverage, &report->outcome);
	for (size_t i = 0; i < report->recipient_count; i++)
		decided(coverage, &report->recipients[i].outcome);
	for (size_t i = 0; i < count; i++) {
		coverage->tallies[i].evaluated += coverage->marks[i] >= SEEN;
		coverage->tallies[i].held += coverage->marks[i] >= HELD;
		coverage->tallies[i].decided += coverage->marks[i] == DECIDED;
	}
}

static bool reached(const struct coverage *coverage, size_t rule)
{
	const struct tally *tally = &coverage->tallies[rule];

	const struct plan_rule *plan = &coverage->policy->rules[rule];

	/* What is only observed decides nothing. */
	return plan->decisive && !plan->observe ? tally->decided > 0 : tally->held > 0;
}

static const char *plural(size_t count)
{
	return count == 1 ? "" : "s";
}

bool coverage_print(const struct coverage *coverage, const char *path)
{
	const struct policy *policy = coverage->policy;
	size_t count = 0;

	for (size_t i = 0; i < policy->rule_count; i++)
		count += reached(coverage, i);
	printf("%s: tests reach %zu of %zu rules%s\n", path, count, policy->rule_count,
	       count == policy->rule_count ? ", coverage is complete" : "");
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct plan_rule *rule = &policy->rules[i];
		const struct tally *tally = &coverage->tallies[i];

		if (reached(coverage, i))
			continue;
		printf("%s:%zu: rule '%s' ", rule->span.source->name, rule->line, rule->name.s);
		if (tally->evaluated == 0)
			printf("is evaluated in no test\n");
		else if (tally->held == 0)
			printf("is evaluated in %zu test%s, and true in none\n", tally->evaluated,
			       plural(tally->evaluated));
		else
			printf("is true in %zu test%s, and decides none\n", tally->held,
			       plural(tally->held));
	}
	return count == policy->rule_count;
}
