/* SPDX-License-Identifier: BSD-2-Clause */
/* What became of messages, added up. */

#include "postern/counters.h"

#include <sys/mman.h>

#include "filter/observe/rulecounts.h"
#include "postern/clock.h"
#include "postern/policy.h"
#include "postern/session.h"

struct counters *counters_new(void)
{
	struct counters *counters = mmap(NULL, sizeof(*counters), PROT_READ | PROT_WRITE,
					 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (counters == MAP_FAILED)
		return NULL;
	counters->rules = rulecounts_new();
	return counters->rules ? counters : NULL;
}

void counters_begin(struct counters *counters)
{
	counter_add(&counters->processes);
	rulecounts_begin(counters->rules);
}

void counters_adopt(struct counters *counters, const struct policy *policy)
{
	rulecounts_adopt(counters->rules, policy);
	atomic_store(&counters->policy_since, clock_time(&clock_system));
}

const struct fact_def *counters_method(size_t row)
{
	static const char *const names[COUNTERS_METHODS] = {"spf", "dkim", "dmarc", "arc"};
	const struct fact_def *def = registry_fact(str_of(names[row]));

	return def && def->type.base == TYPE_ENUM && !def->type.list ? def : NULL;
}

static void count_results(struct counters *counters, const struct session *session)
{
	for (size_t i = 0; i < COUNTERS_METHODS; i++) {
		const struct fact_def *def = counters_method(i);
		const struct value *value = def ? session_value(session, def->name) : NULL;

		if (value && value->state == FACT_PRESENT && value->number < COUNTERS_RESULTS)
			counter_add(&counters->results[i][value->number]);
	}
}

struct visit {
	struct counters *counters;
	const struct report_outcome *outcome;
	bool failed; /* the rule that is named could not be decided */
	enum rule_event hit;
};

/* Edits are made of what is delivered; a log is written whatever the verdict. */
static void visit_rule(void *ctx, const struct plan_rule *rule, const char *state)
{
	struct visit *v = ctx;
	bool delivered =
	    v->outcome->verdict == VERDICT_ACCEPT || v->outcome->verdict == VERDICT_HOLD;

	/* What those would have done stands in the report. */
	if (rule->observe)
		return;
	if (rule->decisive) {
		if (v->outcome->rule && str_eq(rule->name, str_of(v->outcome->rule)))
			v->failed = strcmp(state, "failed") == 0;
	} else if (strcmp(state, "true") == 0 && (delivered || !rule->edits)) {
		rulecounts_add(v->counters->rules, rule->name, v->hit);
	}
}

/* Recipients that were taken out of a message that others got. */
static void count_discarded(struct counters *counters, const struct report *report,
			    enum rule_event event)
{
	for (size_t i = 0; i < report->recipient_count; i++) {
		const struct report_outcome *outcome = &report->recipients[i].outcome;

		if (outcome->settled && outcome->rule && outcome->verdict == VERDICT_DISCARD &&
		    report->outcome.verdict != VERDICT_DISCARD)
			rulecounts_add(counters->rules, str_of(outcome->rule), event);
	}
}

void counters_settled(struct counters *counters, const struct session *session)
{
	const struct report *report = session_report(session);
	bool message = report->refused < 0;
	struct visit v = {.counters = counters,
			  .hit = report->observing ? RULE_OBSERVED : RULE_HIT};
	enum verdict done;

	v.outcome = message ? &report->outcome : &report->recipients[report->refused].outcome;
	/* In `mode observe` the MTA is told nothing but to go on. */
	done = report->observing ? VERDICT_ACCEPT : v.outcome->verdict;
	if (message || !report->observing)
		counter_add(
		    &(message ? counters->messages : counters->recipients)[done][v.outcome->stage]);
	if (report->observing)
		counter_add(&counters->observed[v.outcome->verdict]);
	if (message) {
		count_results(counters, session);
		count_discarded(counters, report, v.hit);
	}
	session_each_rule(session, visit_rule, &v);
	if (v.outcome->rule)
		rulecounts_add(counters->rules, str_of(v.outcome->rule),
			       v.failed ? RULE_FAILURE : v.hit);
	for (size_t i = 0; i < report->observed_count; i++)
		rulecounts_add(counters->rules, str_of(report->observed[i].rule), RULE_OBSERVED);
}
