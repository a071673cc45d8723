/* SPDX-License-Identifier: BSD-2-Clause */
/* postern log: the journal, a line a message, filtered. */

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "filter/command/history.h"
#include "filter/command/json.h"
#include "postern/arena.h"
#include "postern/clock.h"

#define VALUE_MOST 200
#define FOLLOW_PAUSE (250 * NS_PER_MS)

struct listing {
	struct history history;
	const char *rule, *sender, *recipient, *verdict;
	bool follow;
};

/* Does an address contain this text, without regard to case? "@example.org" finds a domain. */
static bool address_has(struct arena *arena, struct str address, const char *part)
{
	struct str in = str_lower(arena, address), of = str_lower(arena, str_of(part));

	for (size_t i = 0; i + of.n <= in.n; i++)
		if (memcmp(in.s + i, of.s, of.n) == 0)
			return true;
	return false;
}

static bool recipient_wanted(struct arena *arena, const struct record *r, const char *part)
{
	for (size_t i = 0; i < r->recipient_count; i++)
		if (!history_elsewhere(r, i) && address_has(arena, r->recipients[i].address, part))
			return true;
	return false;
}

static bool wanted(struct arena *arena, const struct listing *l, const struct record *r)
{
	const struct record_outcome *outcome = history_settled(r);

	return (!l->rule || str_eq(outcome->rule, str_of(l->rule))) &&
	       (!l->verdict || strcmp(verdict_name(outcome->verdict), l->verdict) == 0) &&
	       (!l->sender || address_has(arena, r->sender, l->sender)) &&
	       (!l->recipient || recipient_wanted(arena, r, l->recipient));
}

static void print_recipients(struct arena *arena, const struct record *r)
{
	enum verdict verdict = history_settled(r)->verdict;
	bool first = true;

	for (size_t i = 0; i < r->recipient_count; i++) {
		const struct record_recipient *one = &r->recipients[i];

		if (history_elsewhere(r, i))
			continue;
		printf("%s<" STR_FMT ">", first ? "" : ",",
		       STR_ARG(history_text(arena, one->address, VALUE_MOST)));
		/* Taken out of a message that others get. */
		if (r->refused < 0 && one->outcome.settled && one->outcome.verdict != verdict)
			printf(" (%s)", verdict_name(one->outcome.verdict));
		first = false;
	}
	if (first)
		putchar('-');
}

static void print_line(struct arena *arena, const struct record *r)
{
	struct str id = r->queue_id.n > 0 ? str_clean(arena, r->queue_id, 64) : STR("-");

	printf("%s " STR_FMT " " STR_FMT " to ", history_time(arena, r->time), STR_ARG(id),
	       STR_ARG(history_text(arena, r->sender, VALUE_MOST)));
	print_recipients(arena, r);
	printf(": " STR_FMT "\n", STR_ARG(history_outcome(arena, history_settled(r))));
}

static bool show(void *ctx, const struct record *record)
{
	struct listing *l = ctx;
	struct arena *arena = arena_new(NULL);

	if (wanted(arena, l, record)) {
		if (l->history.json)
			json_print(history_json(arena, record));
		else
			print_line(arena, record);
	}
	l->history.since = record->time + 1;
	arena_free(&arena);
	return !ferror(stdout);
}

static int list(const struct command *self, struct listing *l)
{
	struct timespec pause = {.tv_nsec = FOLLOW_PAUSE};
	struct arena *arena = arena_new(NULL);
	struct journal *journal = history_open(arena, self, &l->history);
	const char *fault = NULL;

	if (!journal) {
		arena_free(&arena);
		return EXIT_NO;
	}
	l->sender = l->sender ? history_address(arena, l->sender) : NULL;
	l->recipient = l->recipient ? history_address(arena, l->recipient) : NULL;
	while (journal_each(journal, l->history.since, show, l, &fault) && l->follow &&
	       !ferror(stdout)) {
		fflush(stdout);
		nanosleep(&pause, NULL);
	}
	if (fault)
		fprintf(stderr, "postern log: the journal cannot be read: %s\n", fault);
	journal_close(&journal);
	arena_free(&arena);
	return fault ? EXIT_NO : EXIT_FINE;
}

static bool is_verdict(const char *word)
{
	for (int verdict = VERDICT_ACCEPT; verdict <= VERDICT_HOLD; verdict++)
		if (strcmp(verdict_name((enum verdict)verdict), word) == 0)
			return true;
	return false;
}

static int take(void *ctx, const struct command *self, int option, const char *value)
{
	struct listing *l = ctx;

	if (option == 'r')
		l->rule = value;
	else if (option == 'f')
		l->sender = value;
	else if (option == 't')
		l->recipient = value;
	else if (option == 'F')
		l->follow = true;
	else if (!is_verdict(value))
		return command_usage(self,
				     "'%s' is no verdict, say accept, reject, defer, discard or "
				     "quarantine",
				     value);
	else
		l->verdict = value;
	return EXIT_FINE;
}

static int run(const struct command *self, int argc, char **argv)
{
	static const struct option own[] = {
	    {"rule", required_argument, NULL, 'r'},      {"sender", required_argument, NULL, 'f'},
	    {"recipient", required_argument, NULL, 't'}, {"verdict", required_argument, NULL, 'v'},
	    {"follow", no_argument, NULL, 'F'},          {NULL, 0, NULL, 0}};
	struct listing l = {.follow = false};
	int status = history_options(self, argc, argv, own, take, &l, &l.history);

	if (status != EXIT_FINE)
		return status;
	if (optind < argc)
		return command_usage(self, "'%s' is one word too many", argv[optind]);
	return list(self, &l);
}

const struct command command_log = {
    .name = "log",
    .synopsis = "[-c POLICY | --journal DIR] [--since T] [--rule RULE] [--sender PART] "
		"[--recipient PART] [--verdict V] [--follow] [--json]",
    .help = "the journal, a line a message",
    .options = "  --since T         only from then on: 2h, 7d, 2026-11-23, \"2026-11-23 14:00\"\n"
	       "  --rule RULE       what this rule decided\n"
	       "  --sender PART     whose envelope sender has this text in it\n"
	       "  --recipient PART  that has a recipient with this text in it\n"
	       "  --verdict V       accept, reject, defer, discard or quarantine\n"
	       "  --follow          go on with what comes\n" HISTORY_OPTIONS,
    .run = run,
};
