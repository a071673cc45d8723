/* SPDX-License-Identifier: BSD-2-Clause */
/* What the daemon has counted, as `postern stats` gets it: one JSON object. */

#include "filter/command/server.h"

#include <stdio.h>
#include <stdlib.h>

#include "config.h"
#include "filter/command/json.h"
#include "postern/arena.h"
#include "postern/counters.h"
#include "postern/metrics.h"

void statistics_now(void *ctx, struct metrics_now *now_r)
{
	const struct server *server = ctx;
	struct keeper_counts counts = {0};
	struct reloads reloads;

	reload_state(&reloads);
	*now_r = (struct metrics_now){.version = PACKAGE_VERSION,
				      .started = server->started,
				      .sessions = milter_sessions(),
				      .sessions_refused = milter_sessions_refused(),
				      .journal = server->keeper != NULL};
	snprintf(now_r->policy, sizeof(now_r->policy), "%s", reloads.policy);
	free(reloads.last_text);
	if (server->keeper)
		keeper_counts(server->keeper, &counts);
	now_r->journal_queued = counts.queued;
	now_r->journal_written = counts.written;
	now_r->journal_dropped = counts.dropped;
}

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

/* {"reject":{"count":3,"stages":{"rcpt":3}}, ...}: stages where there was none are left out. */
static json_t *verdicts(const atomic_uint_least64_t counts[COUNTERS_VERDICTS][STAGE_COUNT])
{
	json_t *object = json_object();

	for (int verdict = 0; verdict < COUNTERS_VERDICTS; verdict++) {
		json_t *stages = json_object();
		uint64_t sum = 0;

		for (int stage = 0; stage < STAGE_COUNT; stage++) {
			uint64_t count = counter_read(&counts[verdict][stage]);

			sum += count;
			if (count > 0)
				json_object_set_new(stages, stage_name((enum stage)stage),
						    number(count));
		}
		json_object_set_new(object, verdict_name((enum verdict)verdict),
				    json_pack("{s:o,s:o}", "count", number(sum), "stages", stages));
	}
	return object;
}

/* {"reject":3}: what `mode observe` did not do. */
static json_t *observed(const struct counters *counters)
{
	json_t *object = json_object();

	for (int verdict = 0; verdict < COUNTERS_VERDICTS; verdict++)
		if (counter_read(&counters->observed[verdict]) > 0)
			json_object_set_new(object, verdict_name((enum verdict)verdict),
					    number(counter_read(&counters->observed[verdict])));
	return object;
}

static uint64_t total(const atomic_uint_least64_t counts[COUNTERS_VERDICTS][STAGE_COUNT])
{
	uint64_t sum = 0;

	for (int verdict = 0; verdict < COUNTERS_VERDICTS; verdict++)
		for (int stage = 0; stage < STAGE_COUNT; stage++)
			sum += counter_read(&counts[verdict][stage]);
	return sum;
}

struct rules {
	json_t *list;
	uint64_t decided; /* messages, and recipients that were answered alone */
};

struct rule_name {
	const char *raw;
	json_t *name;
};

static void clean_name(void *ctx)
{
	struct rule_name *rule = ctx;
	struct arena *arena = arena_new(NULL);

	rule->name = json_str(str_clean(arena, str_of(rule->raw), 4 * RULE_NAME_MOST), false);
	arena_free(&arena);
}

static void rule(void *ctx, const struct rule_view *view)
{
	const struct rules *rules = ctx;
	double share = rules->decided > 0 ? (double)view->hits / (double)rules->decided : 0;
	struct rule_name name = {.raw = view->name};
	json_t *verdict = view->decides ? json_text(verdict_name(view->verdict)) : json_null();

	(void)arena_attempt(clean_name, &name);
	json_array_append_new(
	    rules->list,
	    json_pack("{s:o,s:b,s:o,s:o,s:f,s:o,s:o,s:o}", "rule", name.name, "in_force",
		      view->in_force, "verdict", verdict, "hits", number(view->hits), "share",
		      share, "observed", number(view->observed), "failures", number(view->failures),
		      "last", view->last != 0 ? json_integer(view->last) : json_null()));
}

static json_t *rules_list(const struct counters *counters)
{
	struct rules rules = {.list = json_array()};

	rules.decided = total(counters->messages) + total(counters->recipients);
	counters_each_rule(counters, rule, &rules);
	return rules.list;
}

/* {"spf":{"pass":3,"fail":1}, ...}: results that did not occur are left out. */
static json_t *results(const struct counters *counters)
{
	json_t *object = json_object();

	for (size_t row = 0; row < COUNTERS_METHODS; row++) {
		const struct fact_def *def = counters_method(row);
		const char *const *values = def ? def->type.enumeration->values : NULL;
		json_t *method = def ? json_object() : NULL;

		for (size_t i = 0; values && values[i] && i < COUNTERS_RESULTS; i++) {
			uint64_t count = counter_read(&counters->results[row][i]);

			if (count > 0)
				json_object_set_new(method, values[i], number(count));
		}
		if (def)
			json_object_set_new(object, def->name, method);
	}
	return object;
}

static json_t *times(const struct histogram *histogram)
{
	struct histogram_view view;

	histogram_read(histogram, &view);
	return json_pack("{s:o,s:f,s:f,s:f,s:f}", "count", number(view.count), "mean",
			 view.count > 0 ? view.sum / (double)view.count : 0.0, "p50",
			 histogram_quantile(&view, 0.5), "p95", histogram_quantile(&view, 0.95),
			 "p99", histogram_quantile(&view, 0.99));
}

static json_t *stages(const struct counters *counters)
{
	json_t *object = json_object();

	for (int stage = 0; stage < STAGE_COUNT; stage++)
		json_object_set_new(object, stage_name((enum stage)stage),
				    times(&counters->stages[stage]));
	return object;
}

static json_t *lookups(const struct dns_counts *dns)
{
	json_t *outcomes = json_object();

	for (int i = 0; i < DNS_OUTCOMES; i++)
		json_object_set_new(outcomes, dns_outcome_name((enum dns_outcome)i),
				    number(counter_read(&dns->outcomes[i])));
	return json_pack("{s:o,s:o,s:o}", "outcomes", outcomes, "cached",
			 number(counter_read(&dns->cached)), "seconds", times(&dns->waits));
}

json_t *statistics_object(const struct server *server)
{
	const struct counters *counters = server->counters;
	uint64_t processes = counter_read(&counters->processes);
	json_t *journal = json_null();
	struct metrics_now now;

	statistics_now((void *)(uintptr_t)server, &now);
	if (now.journal)
		journal =
		    json_pack("{s:o,s:o,s:o}", "written", number(now.journal_written), "dropped",
			      number(now.journal_dropped), "queued", number(now.journal_queued));
	return json_pack(
	    "{s:s,s:I,s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "version", now.version,
	    "started", (json_int_t)now.started, "policy", now.policy, "sessions",
	    number(now.sessions), "restarts", number(processes > 0 ? processes - 1 : 0), "messages",
	    verdicts(counters->messages), "recipients", verdicts(counters->recipients), "observed",
	    observed(counters), "rules", rules_list(counters), "results", results(counters),
	    "lookups", lookups(&counters->dns), "stages", stages(counters), "journal", journal,
	    "log",
	    json_pack("{s:o,s:o}", "written", number(counter_read(&counters->log.written)),
		      "dropped", number(counter_read(&counters->log.dropped))));
}
