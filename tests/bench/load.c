/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load - drives a milter, or a chain of them, as Postfix would, and says how fast it is. The
 * other parts are described in load.h; how to use it, in README.md.
 */
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "load.h"

static const char load_usage[] =
    "usage: load -s SOCKET [-s SOCKET]... -l LIST [OPTION]...\n"
    "  -s, --socket SOCKET      unix:PATH, inet:PORT@ADDRESS; several are a chain\n"
    "  -l, --list LIST          messages: file, client address, client name, HELO,\n"
    "                           sender, recipients, separated by tabs\n"
    "  -c, --connections N      sessions at a time (1)\n"
    "  -n, --messages N         messages to measure (1000)\n"
    "  -w, --warmup N           messages before that (0)\n"
    "  -m, --per-session N      messages a session; all from one client (1)\n"
    "  -g, --text TEXT          count added header fields that contain TEXT; may repeat\n"
    "  -p, --pid PID            a daemon whose processor time and memory, with its children's,\n"
    "                           are reported; may repeat\n"
    "  -t, --timeout SECONDS    give up when nothing has answered for so long (60)\n"
    "  -z, --pause MS           wait so long before each session (0)\n"
    "  -j, --json               print one JSON object\n";

static const char *const verdict_names[VERDICT_COUNT] = {"accept", "reject", "tempfail", "discard",
							 "broken"};

void load_die(const char *format, ...)
{
	va_list arguments;

	fputs("load: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(2);
}

void *load_resize(void *bytes, size_t size)
{
	bytes = realloc(bytes, size ? size : 1);
	if (!bytes)
		load_die("out of memory");
	return bytes;
}

uint64_t load_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static volatile sig_atomic_t stopped;

static void load_stop(int number)
{
	(void)number;
	stopped = 1;
}

/* ---- options ---- */

static size_t load_number(const char *text, const char *option, size_t least, size_t most)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	if (end == text || *end || *text == '-' || number < least || number > most)
		load_die("%s: '%s' is not a number from %zu to %zu", option, text, least, most);
	return number;
}

static const char *load_options(int argc, char **argv, struct plan *plan, bool *json_r)
{
	static const struct option options[] = {
	    {"socket", required_argument, NULL, 's'},
	    {"list", required_argument, NULL, 'l'},
	    {"connections", required_argument, NULL, 'c'},
	    {"messages", required_argument, NULL, 'n'},
	    {"warmup", required_argument, NULL, 'w'},
	    {"per-session", required_argument, NULL, 'm'},
	    {"text", required_argument, NULL, 'g'},
	    {"pid", required_argument, NULL, 'p'},
	    {"timeout", required_argument, NULL, 't'},
	    {"pause", required_argument, NULL, 'z'},
	    {"json", no_argument, NULL, 'j'},
	    {"help", no_argument, NULL, 'h'},
	    {NULL, 0, NULL, 0},
	};
	const char *list = NULL;
	int option;

	while ((option = getopt_long(argc, argv, "s:l:c:n:w:m:g:p:t:z:jh", options, NULL)) != -1) {
		switch (option) {
		case 's':
			if (plan->milter_count == LOAD_MILTERS_MAX)
				load_die("more than %d sockets", LOAD_MILTERS_MAX);
			endpoint_parse(&plan->milters[plan->milter_count++], optarg);
			break;
		case 'l':
			list = optarg;
			break;
		case 'c':
			plan->connections = load_number(optarg, "-c", 1, 60000);
			break;
		case 'n':
			plan->messages = load_number(optarg, "-n", 1, 1000000000);
			break;
		case 'w':
			plan->warmup = load_number(optarg, "-w", 0, 1000000000);
			break;
		case 'm':
			plan->per_session = load_number(optarg, "-m", 1, 1000000000);
			break;
		case 'g':
			if (plan->text_count == LOAD_TEXTS_MAX)
				load_die("more than %d texts", LOAD_TEXTS_MAX);
			plan->texts[plan->text_count++] = optarg;
			break;
		case 'p':
			if (plan->pid_count == LOAD_PIDS_MAX)
				load_die("more than %d processes", LOAD_PIDS_MAX);
			plan->pids[plan->pid_count++] =
			    (pid_t)load_number(optarg, "-p", 1, INT_MAX);
			break;
		case 't':
			plan->timeout = (unsigned)load_number(optarg, "-t", 1, 86400);
			break;
		case 'z':
			plan->pause = load_number(optarg, "-z", 1, 3600000) * UINT64_C(1000000);
			break;
		case 'j':
			*json_r = true;
			break;
		case 'h':
			fputs(load_usage, stdout);
			exit(0);
		default:
			fputs(load_usage, stderr);
			exit(2);
		}
	}
	if (plan->milter_count == 0 || !list || optind != argc) {
		fputs(load_usage, stderr);
		exit(2);
	}
	return list;
}

/* ---- the report ---- */

static int load_compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

static void load_sort(struct series *series)
{
	if (series->count)
		qsort(series->values, series->count, sizeof(*series->values), load_compare);
}

/* Nearest rank; the series is sorted. */
static double load_percentile(const struct series *series, double percent)
{
	size_t rank = (size_t)(percent / 100 * (double)series->count + 0.999999);

	if (series->count == 0)
		return 0;
	return series->values[rank > 0 ? rank - 1 : 0];
}

/* Milliseconds a message. */
static double load_each(const struct result *r, double seconds)
{
	return r->measured ? seconds * 1e3 / (double)r->measured : 0;
}

static void load_quote(const char *text)
{
	putchar('"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			printf("\\%c", *text);
		else if ((unsigned char)*text < ' ')
			printf("\\u%04x", (unsigned)*text);
		else
			putchar(*text);
	}
	putchar('"');
}

static void load_print_json(const struct plan *plan, const struct result *r)
{
	double count = (double)r->measured;

	printf("{\"messages\":%zu,\"connections\":%zu,\"seconds\":%.6f,\"rate\":%.2f,", r->measured,
	       plan->connections, r->seconds, count / r->seconds);
	printf("\"reply_ms\":{\"p50\":%.4f,\"p99\":%.4f,\"max\":%.4f},",
	       load_percentile(&r->reply_ms, 50), load_percentile(&r->reply_ms, 99),
	       load_percentile(&r->reply_ms, 100));
	printf("\"message_ms\":{\"p50\":%.4f,\"p90\":%.4f,\"p99\":%.4f,\"max\":%.4f},",
	       load_percentile(&r->message_ms, 50), load_percentile(&r->message_ms, 90),
	       load_percentile(&r->message_ms, 99), load_percentile(&r->message_ms, 100));
	printf("\"setup_ms\":{\"p50\":%.4f,\"p99\":%.4f},\"verdicts\":{",
	       load_percentile(&r->setup_ms, 50), load_percentile(&r->setup_ms, 99));
	for (size_t i = 0; i < VERDICT_COUNT; i++)
		printf("%s\"%s\":%zu", i ? "," : "", verdict_names[i], r->verdicts[i]);
	printf("},\"recipients_refused\":%zu,\"fields_added\":%zu,\"fields_changed\":%zu,"
	       "\"other_edits\":%zu,\"texts\":{",
	       r->recipients_refused, r->fields_added, r->fields_changed, r->other_edits);
	for (size_t i = 0; i < plan->text_count; i++) {
		fputs(i ? "," : "", stdout);
		load_quote(plan->texts[i]);
		printf(":%zu", r->texts[i]);
	}
	if (plan->pid_count)
		printf("},\"cpu_ms\":%.5f,\"resident_bytes\":%zu,", load_each(r, r->cpu_seconds),
		       r->resident_bytes);
	else
		printf("},\"cpu_ms\":null,\"resident_bytes\":null,");
	printf("\"own_cpu_ms\":%.5f}\n", load_each(r, r->own_cpu_seconds));
}

static void load_print(const struct plan *plan, const struct result *r)
{
	double count = (double)r->measured;

	printf("%zu messages in %.3f s over %zu connections: %.0f messages/s\n", r->measured,
	       r->seconds, plan->connections, count / r->seconds);
	printf("message  p50 %.2f  p90 %.2f  p99 %.2f  max %.2f ms\n",
	       load_percentile(&r->message_ms, 50), load_percentile(&r->message_ms, 90),
	       load_percentile(&r->message_ms, 99), load_percentile(&r->message_ms, 100));
	printf("setup    p50 %.2f  p99 %.2f ms\n", load_percentile(&r->setup_ms, 50),
	       load_percentile(&r->setup_ms, 99));
	printf("command  p50 %.2f  p99 %.2f  max %.2f ms\n", load_percentile(&r->reply_ms, 50),
	       load_percentile(&r->reply_ms, 99), load_percentile(&r->reply_ms, 100));
	fputs("verdicts", stdout);
	for (size_t i = 0; i < VERDICT_COUNT; i++)
		printf("  %s %zu", verdict_names[i], r->verdicts[i]);
	printf("  recipients refused %zu\n", r->recipients_refused);
	printf("edits    fields added %zu, changed %zu; others %zu\n", r->fields_added,
	       r->fields_changed, r->other_edits);
	for (size_t i = 0; i < plan->text_count; i++)
		printf("         with '%s': %zu\n", plan->texts[i], r->texts[i]);
	if (plan->pid_count)
		printf("daemon   %.4f ms of CPU a message, %.1f MB resident\n",
		       load_each(r, r->cpu_seconds), (double)r->resident_bytes / 1e6);
	printf("load     %.4f ms of CPU a message\n", load_each(r, r->own_cpu_seconds));
}

int main(int argc, char **argv)
{
	struct plan plan = {.connections = 1, .messages = 1000, .per_session = 1, .timeout = 60};
	static struct mail mail;
	static struct result result;
	bool json = false;
	const char *list = load_options(argc, argv, &plan, &json);

	plan.stop = &stopped;
	signal(SIGTERM, load_stop);
	signal(SIGPIPE, SIG_IGN);
	mail_read(&mail, list);
	drive_run(&plan, &mail, &result);
	load_sort(&result.message_ms);
	load_sort(&result.setup_ms);
	load_sort(&result.reply_ms);
	if (json)
		load_print_json(&plan, &result);
	else
		load_print(&plan, &result);
	return result.verdicts[VERDICT_BROKEN] > 0;
}
