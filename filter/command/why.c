/* SPDX-License-Identifier: BSD-2-Clause */
/* postern why: the whole story of a message, from the journal. */

#include <stdio.h>
#include <string.h>

#include "filter/command/history.h"
#include "filter/command/json.h"
#include "postern/arena.h"
#include "postern/clock.h"
#include "postern/diag.h"
#include "postern/policy.h"

#define VALUE_MOST 200

struct why {
	struct history history;
	const struct policy *policy; /* the one of the file, to quote rules from; NULL: none */
	size_t shown;
};

/* The condition of a rule, if the record was made by this very policy. */
static const char *condition_of(const struct policy *policy, const struct record *record,
				const struct record_rule *rule)
{
	if (!policy || !str_eq(record->policy, str_of(policy->id)))
		return "";
	for (size_t i = 0; i < policy->rule_count; i++)
		if (str_eq(policy->rules[i].name, rule->name))
			return policy->rules[i].condition.s ? policy->rules[i].condition.s : "";
	return "";
}

static void print_recipients(struct arena *arena, const struct record *r)
{
	for (size_t i = 0; i < r->recipient_count; i++) {
		if (r->refused >= 0 && (size_t)r->refused != i)
			continue;
		printf("recipient  <" STR_FMT ">: " STR_FMT "\n",
		       STR_ARG(history_text(arena, r->recipients[i].address, VALUE_MOST)),
		       STR_ARG(history_outcome(arena, &r->recipients[i].outcome)));
	}
}

static void print_rules(struct arena *arena, const struct why *why, const struct record *r)
{
	for (size_t i = 0; i < r->rule_count; i++) {
		const char *condition = condition_of(why->policy, r, &r->rules[i]);

		printf("%-10s %-8s " STR_FMT "%s%s%s\n", i == 0 ? "rules" : "",
		       str_clean(arena, r->rules[i].state, 20).s,
		       STR_ARG(str_clean(arena, r->rules[i].name, VALUE_MOST)),
		       r->rules[i].observed ? " (observed)" : "", *condition ? ": " : "",
		       condition);
	}
}

static void print_facts(struct arena *arena, const struct record *r)
{
	bool first = true;
	int shown = -1;

	for (size_t i = 0; i < r->fact_count; i++) {
		const struct record_fact *fact = &r->facts[i];

		/* Those of the first recipient stand for all of its kind. */
		if (shown < 0)
			shown = fact->recipient;
		if (fact->recipient >= 0 && fact->recipient != shown)
			continue;
		printf("%-10s %-20s " STR_FMT "\n", first ? "facts" : "",
		       str_clean(arena, fact->name, VALUE_MOST).s,
		       STR_ARG(record_print(arena, fact)));
		first = false;
	}
}

static void print_questions(struct arena *arena, const struct record *r)
{
	for (size_t i = 0; i < r->question_count; i++) {
		const struct record_question *q = &r->questions[i];

		printf("%-10s " STR_FMT " " STR_FMT ": " STR_FMT, i == 0 ? "dns" : "",
		       STR_ARG(str_clean(arena, q->name, VALUE_MOST)),
		       STR_ARG(str_clean(arena, q->type, 10)),
		       STR_ARG(str_clean(arena, q->answer, RECORD_ANSWER_MOST)));
		if (q->records > 1)
			printf(" (and %u more)", q->records - 1);
		putchar('\n');
	}
}

/* On one line: folds are a blank. */
static struct str unfolded(struct arena *arena, struct str text)
{
	struct buf out = {.arena = arena};

	for (size_t i = 0; i < text.n; i++) {
		if (text.s[i] == '\n')
			continue;
		buf_putc(&out, text.s[i] == '\t' ? ' ' : text.s[i]);
	}
	return str_clean(arena, buf_str(&out), VALUE_MOST);
}

static void print_edits(struct arena *arena, const struct record *r)
{
	for (size_t i = 0; i < r->edit_count; i++)
		printf("%-10s " STR_FMT " " STR_FMT ": " STR_FMT "\n", i == 0 ? "edits" : "",
		       STR_ARG(str_clean(arena, r->edits[i].edit, 30)),
		       STR_ARG(str_clean(arena, r->edits[i].name, VALUE_MOST)),
		       STR_ARG(unfolded(arena, r->edits[i].value)));
}

static void print_story(struct arena *arena, const struct why *why, const struct record *r)
{
	if (why->shown > 0)
		putchar('\n');
	printf("message    %s", history_time(arena, r->time));
	if (r->queue_id.n > 0)
		printf("  " STR_FMT, STR_ARG(str_clean(arena, r->queue_id, 64)));
	if (r->message_id.n > 0)
		printf("  <" STR_FMT ">", STR_ARG(str_clean(arena, r->message_id, VALUE_MOST)));
	printf("\nsender     " STR_FMT "\n", STR_ARG(history_text(arena, r->sender, VALUE_MOST)));
	if (r->refused < 0)
		printf("verdict    " STR_FMT "\n", STR_ARG(history_outcome(arena, &r->outcome)));
	print_recipients(arena, r);
	printf("policy     %.8s, %llu lookups, %lld ms\n", str_clean(arena, r->policy, 16).s,
	       (unsigned long long)r->lookups, (long long)(r->duration / 1000));
	if (r->problem.n > 0)
		printf("problem    " STR_FMT "\n",
		       STR_ARG(history_text(arena, r->problem, VALUE_MOST)));
	print_rules(arena, why, r);
	print_facts(arena, r);
	print_questions(arena, r);
	print_edits(arena, r);
}

static bool show(void *ctx, const struct record *record)
{
	struct why *why = ctx;
	struct arena *arena;

	if (record->time < why->history.since)
		return true;
	arena = arena_new(NULL);
	if (why->history.json)
		json_print(history_json(arena, record));
	else
		print_story(arena, why, record);
	arena_free(&arena);
	why->shown++;
	return true;
}

static int tell(const struct command *self, struct arena *arena, struct why *why, const char *id)
{
	const char *fault = NULL;
	struct journal *journal = history_open(arena, self, &why->history);
	struct policy *policy;

	if (!journal)
		return EXIT_NO;
	policy = policy_load(why->history.policy, NULL, diag_new(arena));
	why->policy = policy;
	if (!journal_find(journal, str_of(history_address(arena, id)), show, why, &fault))
		fprintf(stderr, "postern why: the journal cannot be read: %s\n", fault);
	else if (why->shown == 0)
		fprintf(stderr,
			"postern why: nothing in the journal about '%s': neither a queue id, a "
			"reference, a Message-ID nor a recipient%s\n",
			id, why->history.since ? " since then" : "");
	policy_free(&policy);
	journal_close(&journal);
	return why->shown > 0 ? EXIT_FINE : EXIT_NO;
}

static int run(const struct command *self, int argc, char **argv)
{
	struct why why = {.shown = 0};
	struct arena *arena;
	int status = history_options(self, argc, argv, NULL, NULL, NULL, &why.history);

	if (status != EXIT_FINE)
		return status;
	if (optind + 1 != argc)
		return command_usage(self, "which message? A queue id, reference, Message-ID or "
					   "recipient");
	arena = arena_new(NULL);
	status = tell(self, arena, &why, argv[optind]);
	arena_free(&arena);
	return status;
}

const struct command command_why = {
    .name = "why",
    .synopsis = "[-c POLICY | --journal DIR] [--since T] [--json] ID",
    .help = "what was decided about a message, and why, from the journal",
    .options = "  ID              queue id, reference of a refusal, Message-ID or recipient\n"
	       "  --since T       only from then on: 2h, 7d, 2026-11-23, \"2026-11-23 "
	       "14:00\"\n" HISTORY_OPTIONS,
    .run = run,
};
