/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * postern replay: the journal's messages decided again by another policy, from the facts that were
 * recorded; what would change, and what cannot be said because a fact was never looked at.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "filter/command/history.h"
#include "filter/command/json.h"
#include "filter/command/recall.h"
#include "postern/arena.h"
#include "postern/clock.h"
#include "postern/diag.h"
#include "postern/policy.h"

#define EXAMPLES 3
#define VALUE_MOST 200
#define GROUPS_MOST 10000

/* Messages that change, or cannot be decided, in the same way. */
struct replay_group {
	struct str before, after; /* "reject by spf-fail"; empty after: not decided */
	struct str missing;       /* the fact that was never looked at */
	uint64_t count;
	struct str examples[EXAMPLES];
};

struct replay {
	struct history history;
	struct arena *arena;
	struct recall *recall;
	uint64_t messages, same, changed, undecided;
	VEC(struct replay_group) groups;
};

static struct str rule_phrase(struct arena *arena, enum verdict verdict, struct str rule)
{
	return rule.n > 0 ? str_printf(arena, "%s by " STR_FMT, verdict_name(verdict),
				       STR_ARG(str_clean(arena, rule, VALUE_MOST)))
			  : str_printf(arena, "%s by no rule", verdict_name(verdict));
}

static struct str example(struct arena *arena, const struct record *r, int recipient)
{
	struct str id = r->queue_id.n > 0 ? r->queue_id : r->reference;
	struct str to = STR("-");

	if (recipient >= 0)
		to = str_printf(
		    arena, "<" STR_FMT ">",
		    STR_ARG(history_text(arena, r->recipients[recipient].address, VALUE_MOST)));
	return str_printf(arena, "%s " STR_FMT " " STR_FMT " to " STR_FMT,
			  history_time(arena, r->time),
			  STR_ARG(id.n > 0 ? str_clean(arena, id, 64) : STR("-")),
			  STR_ARG(history_text(arena, r->sender, VALUE_MOST)), STR_ARG(to));
}

static void group_add(struct replay *replay, struct str before, struct str after,
		      struct str missing, const struct record *record, int recipient)
{
	struct replay_group *group = NULL;

	for (size_t i = 0; i < replay->groups.count && !group; i++) {
		struct replay_group *one = &replay->groups.items[i];

		if (str_eq(one->before, before) && str_eq(one->after, after) &&
		    str_eq(one->missing, missing))
			group = one;
	}
	if (!group) {
		if (replay->groups.count >= GROUPS_MOST)
			return;
		group = vec_push(replay->arena, &replay->groups);
		*group = (struct replay_group){.before = str_dup(replay->arena, before),
					       .after = str_dup(replay->arena, after),
					       .missing = str_dup(replay->arena, missing)};
	}
	if (group->count < EXAMPLES)
		group->examples[group->count] = example(replay->arena, record, recipient);
	group->count++;
}

static void compare(struct replay *replay, struct arena *arena, const struct record *record,
		    int recipient, const struct record_outcome *was)
{
	struct str before = rule_phrase(arena, was->verdict, was->rule), after;
	struct decision d;

	replay->messages++;
	recall_decide(replay->recall, record, recipient, &d);
	if (!d.certain) {
		replay->undecided++;
		group_add(replay, before, STR(""), recall_missing(replay->recall, &d), record,
			  recipient);
		return;
	}
	after = rule_phrase(arena, d.verdict, d.rule ? d.rule->name : STR(""));
	if (d.verdict == was->verdict) {
		replay->same++;
		return;
	}
	replay->changed++;
	group_add(replay, before, after, STR(""), record, recipient);
}

/* Was it refused on its own? Then it has a record of its own. */
static bool refused_alone(const struct record_outcome *outcome)
{
	return outcome->settled && outcome->stage == STAGE_RCPT &&
	       (outcome->verdict == VERDICT_REJECT || outcome->verdict == VERDICT_DEFER);
}

static bool judge(void *ctx, const struct record *record)
{
	struct replay *replay = ctx;
	struct arena *arena = arena_new(NULL);

	if (record->refused >= 0) {
		compare(replay, arena, record, record->refused,
			&record->recipients[record->refused].outcome);
	} else if (record->recipient_count == 0) {
		compare(replay, arena, record, -1, &record->outcome);
	} else {
		for (size_t i = 0; i < record->recipient_count; i++)
			if (!refused_alone(&record->recipients[i].outcome))
				compare(replay, arena, record, (int)i,
					&record->recipients[i].outcome);
	}
	arena_free(&arena);
	return true;
}

/* ---- what came of it ---- */

static int by_count(const void *left, const void *right)
{
	const struct replay_group *a = left, *b = right;

	return (a->count < b->count) - (a->count > b->count);
}

static void print_groups(const struct replay *replay, bool decided, const char *head)
{
	bool first = true;

	for (size_t i = 0; i < replay->groups.count; i++) {
		const struct replay_group *group = &replay->groups.items[i];

		if ((group->after.n > 0) != decided)
			continue;
		if (first)
			printf("\n%s\n", head);
		first = false;
		if (decided)
			printf("%8llu  " STR_FMT " becomes " STR_FMT "\n",
			       (unsigned long long)group->count, STR_ARG(group->before),
			       STR_ARG(group->after));
		else
			printf("%8llu  " STR_FMT ": '" STR_FMT "' was never looked at\n",
			       (unsigned long long)group->count, STR_ARG(group->before),
			       STR_ARG(group->missing));
		for (size_t j = 0; j < EXAMPLES && j < group->count; j++)
			printf("          " STR_FMT "\n", STR_ARG(group->examples[j]));
	}
}

static void print_text(const struct replay *replay)
{
	printf("decided again: %llu, one for each recipient\n"
	       "the same:      %llu\n"
	       "changed:       %llu\n"
	       "not decided:   %llu\n",
	       (unsigned long long)replay->messages, (unsigned long long)replay->same,
	       (unsigned long long)replay->changed, (unsigned long long)replay->undecided);
	print_groups(replay, true, "What would change");
	print_groups(replay, false, "What cannot be said");
}

static void print_json(const struct replay *replay)
{
	json_t *object = json_object(), *groups = json_array();

	json_object_set_new(object, "messages", json_integer((json_int_t)replay->messages));
	json_object_set_new(object, "same", json_integer((json_int_t)replay->same));
	json_object_set_new(object, "changed", json_integer((json_int_t)replay->changed));
	json_object_set_new(object, "undecided", json_integer((json_int_t)replay->undecided));
	for (size_t i = 0; i < replay->groups.count; i++) {
		const struct replay_group *group = &replay->groups.items[i];
		json_t *one = json_object(), *examples = json_array();

		json_object_set_new(one, "before", json_str(group->before, false));
		json_object_set_new(one, "after", json_str(group->after, true));
		json_object_set_new(one, "missing", json_str(group->missing, true));
		json_object_set_new(one, "count", json_integer((json_int_t)group->count));
		for (size_t j = 0; j < EXAMPLES && j < group->count; j++)
			json_array_append_new(examples, json_str(group->examples[j], false));
		json_object_set_new(one, "examples", examples);
		json_array_append_new(groups, one);
	}
	json_object_set_new(object, "groups", groups);
	json_print(object);
}

static int replay_all(const struct command *self, struct replay *replay, const char *path)
{
	struct diag *diag = diag_new(replay->arena);
	struct policy *policy = policy_load(path, NULL, diag);
	struct journal *journal;
	const char *fault = NULL;

	diag_print(diag, stderr);
	if (!policy)
		return EXIT_BROKEN;
	journal = history_open(replay->arena, self, &replay->history);
	if (!journal) {
		policy_free(&policy);
		return EXIT_NO;
	}
	replay->recall = recall_new(replay->arena, policy);
	if (!journal_each(journal, replay->history.since, judge, replay, &fault))
		fprintf(stderr, "postern replay: the journal cannot be read: %s\n", fault);
	journal_close(&journal);
	if (replay->groups.count > 0)
		qsort(replay->groups.items, replay->groups.count, sizeof(struct replay_group),
		      by_count);
	if (!fault && replay->history.json)
		print_json(replay);
	else if (!fault)
		print_text(replay);
	policy_free(&policy);
	return fault ? EXIT_NO : EXIT_FINE;
}

static int run(const struct command *self, int argc, char **argv)
{
	struct replay replay = {.arena = NULL};
	int status = history_options(self, argc, argv, NULL, NULL, NULL, &replay.history);

	if (status != EXIT_FINE)
		return status;
	if (optind + 1 != argc)
		return command_usage(self, "which policy?");
	replay.arena = arena_new(NULL);
	status = replay_all(self, &replay, argv[optind]);
	arena_free(&replay.arena);
	return status;
}

const struct command command_replay = {
    .name = "replay",
    .synopsis = "[-c POLICY | --journal DIR] [--since T] [--json] NEW.policy",
    .help = "what another policy would have said of the journal's messages",
    .options = "  --since T       only from then on: 2h, 7d, 2026-11-23, \"2026-11-23 "
	       "14:00\"\n" HISTORY_OPTIONS,
    .run = run,
};
