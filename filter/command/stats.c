/* SPDX-License-Identifier: BSD-2-Clause */
/* postern stats: what became of messages since the daemon started, and what each rule did. */

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "filter/command/json.h"
#include "filter/command/talk.h"

static long long number_of(const json_t *object, const char *key)
{
	return (long long)json_integer_value(json_object_get(object, key));
}

static double real_of(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

static const char *text_of(const json_t *object, const char *key, const char *otherwise)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : otherwise;
}

static const char *time_text(long long seconds, char *text, size_t size)
{
	time_t when = (time_t)seconds;
	struct tm tm;

	if (seconds == 0 || !localtime_r(&when, &tm) ||
	    strftime(text, size, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		snprintf(text, size, "-");
	return text;
}

/* "1,234 us", "12.3 ms", "1.20 s" */
static const char *duration_text(double seconds, char *text, size_t size)
{
	if (seconds < 0.001)
		snprintf(text, size, "%.0f us", seconds * 1e6);
	else if (seconds < 1)
		snprintf(text, size, "%.1f ms", seconds * 1e3);
	else
		snprintf(text, size, "%.2f s", seconds);
	return text;
}

/* "reject   12   8.3 %  mail 2, rcpt 10" */
static void print_verdicts(const char *title, json_t *verdicts)
{
	const char *verdict, *stage;
	json_t *row, *count;
	long long sum = 0;

	json_object_foreach(verdicts, verdict, row) sum += number_of(row, "count");
	printf("\n%-12s %12lld\n", title, sum);
	json_object_foreach(verdicts, verdict, row)
	{
		const char *before = "  ";

		if (number_of(row, "count") == 0)
			continue;
		printf("  %-10s %12lld %6.2f %%", verdict, number_of(row, "count"),
		       100.0 * (double)number_of(row, "count") / (double)sum);
		json_object_foreach(json_object_get(row, "stages"), stage, count)
		{
			printf("%s%s %lld", before, stage, (long long)json_integer_value(count));
			before = ", ";
		}
		putchar('\n');
	}
}

static void print_counts(const char *title, json_t *counts)
{
	const char *key, *before = "";
	json_t *count;

	printf("%-12s ", title);
	json_object_foreach(counts, key, count)
	{
		if (json_integer_value(count) == 0)
			continue;
		printf("%s%s %lld", before, key, (long long)json_integer_value(count));
		before = ", ";
	}
	puts(*before ? "" : "none");
}

static void print_rules(json_t *rules)
{
	const json_t *row;
	size_t i;

	printf("\n%-24s %-10s %12s %8s %9s %9s  %s\n", "rules", "verdict", "hits", "share",
	       "observed", "failures", "last hit");
	json_array_foreach(rules, i, row)
	{
		char last[32];

		printf("  %-22s %-10s %12lld %6.2f %% %9lld %9lld  %s%s\n",
		       text_of(row, "rule", "?"), text_of(row, "verdict", "-"),
		       number_of(row, "hits"), 100.0 * real_of(row, "share"),
		       number_of(row, "observed"), number_of(row, "failures"),
		       time_text(number_of(row, "last"), last, sizeof(last)),
		       json_is_true(json_object_get(row, "in_force")) ? ""
								      : "  (not in the policy)");
	}
}

static void print_results(json_t *results)
{
	const char *method;
	json_t *counts;

	putchar('\n');
	json_object_foreach(results, method, counts) print_counts(method, counts);
}

static void print_times(const char *title, const json_t *times)
{
	char mean[32], half[32], most[32], nearly[32];

	if (number_of(times, "count") == 0)
		return;
	printf("  %-10s %12lld %10s %10s %10s %10s\n", title, number_of(times, "count"),
	       duration_text(real_of(times, "mean"), mean, sizeof(mean)),
	       duration_text(real_of(times, "p50"), half, sizeof(half)),
	       duration_text(real_of(times, "p95"), most, sizeof(most)),
	       duration_text(real_of(times, "p99"), nearly, sizeof(nearly)));
}

static void print_latencies(json_t *stages, const json_t *lookups)
{
	const char *stage;
	json_t *times;

	printf("\n%-12s %12s %10s %10s %10s %10s\n", "times", "count", "mean", "half in", "95 % in",
	       "99 % in");
	json_object_foreach(stages, stage, times) print_times(stage, times);
	print_times("lookup", json_object_get(lookups, "seconds"));
}

static void print_stats(const json_t *object)
{
	const json_t *lookups = json_object_get(object, "lookups");
	const json_t *journal = json_object_get(object, "journal");
	const json_t *log = json_object_get(object, "log");
	char since[32];

	printf("since        %s, policy %.8s, %lld restarts of the filter process\n",
	       time_text(number_of(object, "started"), since, sizeof(since)),
	       text_of(object, "policy", "?"), number_of(object, "restarts"));
	print_verdicts("messages", json_object_get(object, "messages"));
	print_verdicts("refused", json_object_get(object, "recipients"));
	if (json_object_size(json_object_get(object, "observed")) > 0) {
		putchar('\n');
		print_counts("not done", json_object_get(object, "observed"));
	}
	print_rules(json_object_get(object, "rules"));
	print_results(json_object_get(object, "results"));
	print_counts("lookups", json_object_get(lookups, "outcomes"));
	printf("%-12s %lld\n", "  cached", number_of(lookups, "cached"));
	if (json_is_object(journal))
		printf("%-12s %lld written, %lld dropped, %lld wait\n", "journal",
		       number_of(journal, "written"), number_of(journal, "dropped"),
		       number_of(journal, "queued"));
	printf("%-12s %lld lines written, %lld dropped\n", "log", number_of(log, "written"),
	       number_of(log, "dropped"));
	print_latencies(json_object_get(object, "stages"), lookups);
}

static int run(const struct command *self, int argc, char **argv)
{
	struct talk talk;
	int status = talk_options(self, argc, argv, &talk);
	json_t *object;

	if (status != EXIT_FINE)
		return status;
	object = talk_ask(self, &talk, "stats");
	if (!object)
		return EXIT_NO;
	if (talk.json) {
		json_print(object);
		return EXIT_FINE;
	}
	print_stats(object);
	json_decref(object);
	return EXIT_FINE;
}

const struct command command_stats = {
    .name = "stats",
    .synopsis = "[-c POLICY | --control PATH] [--json]",
    .help = "what became of messages, what each rule did, and how long it took",
    .options = TALK_OPTIONS,
    .run = run,
};
