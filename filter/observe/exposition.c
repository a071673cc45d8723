/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The counters in Prometheus' text format. How many series there are is bounded: verdicts, stages,
 * results and outcomes are enumerations, and of rules there are RULES_MOST.
 */

#include "postern/arena.h"
#include "postern/counters.h"
#include "postern/metrics.h"
#include "postern/value.h"

static void family(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void single(struct buf *out, const char *name, const char *type, const char *help,
		   uint64_t value)
{
	family(out, name, type, help);
	buf_printf(out, "%s %llu\n", name, (unsigned long long)value);
}

/* Bytes that are no printable ASCII come as \xHH, in which the backslash is escaped once more. */
static struct str label(struct arena *arena, const char *text)
{
	struct str clean = str_clean(arena, str_of(text), 4 * RULE_NAME_MOST);
	struct buf out = {.arena = arena};

	for (size_t i = 0; i < clean.n; i++) {
		if (clean.s[i] == '"' || clean.s[i] == '\\')
			buf_putc(&out, '\\');
		buf_putc(&out, clean.s[i]);
	}
	buf_puts(&out, "");
	return buf_str(&out);
}

static void verdicts(struct buf *out, const char *name, const char *help,
		     const atomic_uint_least64_t counts[COUNTERS_VERDICTS][STAGE_COUNT])
{
	family(out, name, "counter", help);
	for (int verdict = 0; verdict < COUNTERS_VERDICTS; verdict++)
		for (int stage = 0; stage < STAGE_COUNT; stage++)
			buf_printf(out, "%s{verdict=\"%s\",stage=\"%s\"} %llu\n", name,
				   verdict_name((enum verdict)verdict),
				   stage_name((enum stage)stage),
				   (unsigned long long)counter_read(&counts[verdict][stage]));
}

static void observed(struct buf *out, const struct counters *counters)
{
	family(out, "postern_observed_total", "counter",
	       "What would have been decided of messages and recipients in 'mode observe'.");
	for (int verdict = 0; verdict < COUNTERS_VERDICTS; verdict++)
		buf_printf(out, "postern_observed_total{verdict=\"%s\"} %llu\n",
			   verdict_name((enum verdict)verdict),
			   (unsigned long long)counter_read(&counters->observed[verdict]));
}

static void results(struct buf *out, const struct counters *counters)
{
	family(out, "postern_results_total", "counter",
	       "Results of SPF, DKIM, DMARC and ARC, of messages for which they were looked at.");
	for (size_t row = 0; row < COUNTERS_METHODS; row++) {
		const struct fact_def *def = counters_method(row);
		const char *const *values = def ? def->type.enumeration->values : NULL;

		for (size_t i = 0; values && values[i] && i < COUNTERS_RESULTS; i++)
			buf_printf(out, "postern_results_total{method=\"%s\",result=\"%s\"} %llu\n",
				   def->name, values[i],
				   (unsigned long long)counter_read(&counters->results[row][i]));
	}
}

/* `labels` ends in a comma or is empty. */
static void histogram(struct buf *out, const char *name, const char *labels,
		      const struct histogram *histogram)
{
	int bare = labels[0] ? (int)strlen(labels) - 1 : 0;
	struct histogram_view view;
	uint64_t below = 0;

	histogram_read(histogram, &view);
	for (size_t i = 0; i < HISTOGRAM_BOUNDS; i++) {
		below += view.classes[i];
		buf_printf(out, "%s_bucket{%sle=\"%g\"} %llu\n", name, labels, histogram_bounds[i],
			   (unsigned long long)below);
	}
	buf_printf(out, "%s_bucket{%sle=\"+Inf\"} %llu\n", name, labels,
		   (unsigned long long)view.count);
	buf_printf(out, "%s_sum{%.*s} %.9g\n%s_count{%.*s} %llu\n", name, bare, labels, view.sum,
		   name, bare, labels, (unsigned long long)view.count);
}

static void stages(struct buf *out, const struct counters *counters)
{
	family(out, "postern_stage_seconds", "histogram",
	       "Time in which the filter answered the mail server, by stage.");
	for (int stage = 0; stage < STAGE_COUNT; stage++) {
		char labels[40];

		snprintf(labels, sizeof(labels), "stage=\"%s\",", stage_name((enum stage)stage));
		histogram(out, "postern_stage_seconds", labels, &counters->stages[stage]);
	}
}

static void lookups(struct buf *out, const struct dns_counts *dns)
{
	family(out, "postern_lookups_total", "counter", "DNS lookups, by what came of them.");
	for (int i = 0; i < DNS_OUTCOMES; i++)
		buf_printf(out, "postern_lookups_total{outcome=\"%s\"} %llu\n",
			   dns_outcome_name((enum dns_outcome)i),
			   (unsigned long long)counter_read(&dns->outcomes[i]));
	single(out, "postern_lookups_cached_total", "counter",
	       "DNS lookups that the filter's own cache answered.", counter_read(&dns->cached));
	family(out, "postern_lookup_seconds", "histogram",
	       "Time from a DNS lookup that was not cached to its answer.");
	histogram(out, "postern_lookup_seconds", "", &dns->waits);
}

struct rules_out {
	struct buf hits, observed, failures, last;
};

static void rule(void *ctx, const struct rule_view *view)
{
	struct rules_out *out = ctx;
	struct str name = label(out->hits.arena, view->name);

	buf_printf(&out->hits, "postern_rule_hits_total{rule=\"" STR_FMT "\"} %llu\n",
		   STR_ARG(name), (unsigned long long)view->hits);
	buf_printf(&out->observed, "postern_rule_observed_total{rule=\"" STR_FMT "\"} %llu\n",
		   STR_ARG(name), (unsigned long long)view->observed);
	buf_printf(&out->failures, "postern_rule_failures_total{rule=\"" STR_FMT "\"} %llu\n",
		   STR_ARG(name), (unsigned long long)view->failures);
	if (view->last != 0)
		buf_printf(&out->last,
			   "postern_rule_last_hit_timestamp_seconds{rule=\"" STR_FMT "\"} %lld\n",
			   STR_ARG(name), (long long)view->last);
}

static void rules(struct buf *out, const struct counters *counters)
{
	struct arena *arena = out->arena;
	struct rules_out lists = {
	    {.arena = arena}, {.arena = arena}, {.arena = arena}, {.arena = arena}};

	counters_each_rule(counters, rule, &lists);
	family(out, "postern_rule_hits_total", "counter",
	       "Times that a rule decided, or that its edits or logs were due.");
	buf_add(out, buf_str(&lists.hits));
	family(out, "postern_rule_observed_total", "counter",
	       "Times that a rule would have been hit, had it not been only observed.");
	buf_add(out, buf_str(&lists.observed));
	family(out, "postern_rule_failures_total", "counter",
	       "Times that a rule put off a message because something could not be found out.");
	buf_add(out, buf_str(&lists.failures));
	family(out, "postern_rule_last_hit_timestamp_seconds", "gauge",
	       "When a rule was last hit, in seconds since 1970.");
	buf_add(out, buf_str(&lists.last));
}

static void journal(struct buf *out, const struct metrics_now *now)
{
	if (!now->journal)
		return;
	single(out, "postern_journal_queued", "gauge", "Records that wait to be written.",
	       now->journal_queued);
	single(out, "postern_journal_written_total", "counter", "Records that were written.",
	       now->journal_written);
	single(out, "postern_journal_dropped_total", "counter",
	       "Records that were lost: the queue was full, or they could not be written.",
	       now->journal_dropped);
}

static void reloads(struct buf *out, const struct counters *counters)
{
	family(out, "postern_reloads_total", "counter", "Reloads that were asked for.");
	buf_printf(out,
		   "postern_reloads_total{result=\"taken\"} %llu\n"
		   "postern_reloads_total{result=\"refused\"} %llu\n",
		   (unsigned long long)counter_read(&counters->reloads_good),
		   (unsigned long long)counter_read(&counters->reloads_bad));
	single(out, "postern_reload_refused", "gauge",
	       "1 if the last reload was refused: the policy file has a mistake.",
	       atomic_load(&counters->reload_refused));
	single(out, "postern_policy_loaded_timestamp_seconds", "gauge",
	       "When the policy in force was loaded, in seconds since 1970.",
	       (uint64_t)atomic_load(&counters->policy_since));
}

static void process(struct buf *out, const struct counters *counters, const struct metrics_now *now)
{
	uint64_t processes = counter_read(&counters->processes);
	struct histogram_view connections;

	family(out, "postern_build_info", "gauge", "The version that runs.");
	buf_printf(out, "postern_build_info{version=\"" STR_FMT "\"} 1\n",
		   STR_ARG(label(out->arena, now->version)));
	family(out, "postern_policy_info", "gauge", "The policy in force.");
	buf_printf(out, "postern_policy_info{policy=\"" STR_FMT "\"} 1\n",
		   STR_ARG(label(out->arena, now->policy)));
	single(out, "postern_start_time_seconds", "gauge",
	       "When the daemon started, in seconds since 1970.", (uint64_t)now->started);
	single(out, "postern_filter_restarts_total", "counter",
	       "Filter processes that were started in the place of one that had crashed.",
	       processes > 0 ? processes - 1 : 0);
	single(out, "postern_sessions", "gauge", "Connections of mail servers that are open.",
	       now->sessions);
	single(out, "postern_sessions_refused_total", "counter",
	       "Connections that were deferred: there were as many as there may be.",
	       now->sessions_refused);
	histogram_read(&counters->stages[STAGE_CONNECT], &connections);
	single(out, "postern_connections_total", "counter",
	       "SMTP clients that mail servers told of.", connections.count);
	single(out, "postern_log_lines_total", "counter", "Log lines that were written.",
	       counter_read(&counters->log.written));
	single(out, "postern_log_lines_dropped_total", "counter",
	       "Log lines that were lost: the log did not take them in time.",
	       counter_read(&counters->log.dropped));
}

struct str metrics_text(struct arena *arena, const struct counters *counters,
			const struct metrics_now *now)
{
	struct buf out = {.arena = arena};

	process(&out, counters, now);
	reloads(&out, counters);
	verdicts(&out, "postern_messages_total", "Messages, by verdict and where it was told.",
		 counters->messages);
	verdicts(&out, "postern_recipients_refused_total",
		 "Recipients that were answered alone, by verdict and where it was told.",
		 counters->recipients);
	observed(&out, counters);
	results(&out, counters);
	rules(&out, counters);
	stages(&out, counters);
	lookups(&out, &counters->dns);
	journal(&out, now);
	return buf_str(&out);
}
