/* SPDX-License-Identifier: BSD-2-Clause */
/* Records of the journal, found, and put into words. */

#include "filter/command/history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "filter/command/json.h"
#include "postern/arena.h"
#include "postern/clock.h"
#include "postern/mail.h"
#include "postern/policy.h"

#define MICROSECONDS 1000000
#define TEXT_MOST 500

int history_options(const struct command *self, int argc, char **argv, const struct option *more,
		    history_take *take, void *ctx, struct history *history_r)
{
	static const struct option shared[] = {{"policy", required_argument, NULL, 'c'},
					       {"journal", required_argument, NULL, 'd'},
					       {"since", required_argument, NULL, 's'},
					       {"json", no_argument, NULL, 'j'}};
	const size_t count = sizeof(shared) / sizeof(shared[0]);
	struct option options[sizeof(shared) / sizeof(shared[0]) + HISTORY_MORE + 1] = {0};
	int option, status = EXIT_FINE;

	memcpy(options, shared, sizeof(shared));
	for (size_t i = 0; more && more[i].name && i < HISTORY_MORE; i++)
		options[count + i] = more[i];
	*history_r = (struct history){.policy = DEFAULT_POLICY};
	opterr = 0;
	while (status == EXIT_FINE &&
	       (option = getopt_long(argc, argv, ":c:", options, NULL)) != -1) {
		if (option == 'c')
			history_r->policy = optarg;
		else if (option == 'd')
			history_r->path = optarg;
		else if (option == 'j')
			history_r->json = true;
		else if (option == ':')
			return command_usage(self, "'%s' wants a value", argv[optind - 1]);
		else if (option == '?')
			return command_usage(self, "no option '%s'", argv[optind - 1]);
		else if (option != 's')
			status = take(ctx, self, option, optarg);
		else if (!history_moment(optarg, clock_time(&clock_system), &history_r->since))
			return command_usage(self, "'%s' is no time, say 2h or 2026-11-23 14:00",
					     optarg);
	}
	return status;
}

struct journal *history_open(struct arena *arena, const struct command *self,
			     const struct history *history)
{
	const char *path = history->path, *why = NULL;
	struct journal *journal;

	if (!path)
		path = policy_peek(arena, history->policy, "journal.path");
	if (journal_open_to_read(arena, path, &journal, &why))
		return journal;
	fprintf(stderr, "postern %s: no journal: %s\n", self->name, why);
	return NULL;
}

static bool ago(const char *text, int64_t now, int64_t *moment_r)
{
	static const struct {
		char unit;
		int64_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};
	char *end;
	long long count = strtoll(text, &end, 10);

	if (end == text || count < 0 || count > 1000000000)
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (end[0] == units[i].unit && end[1] == '\0') {
			*moment_r = (now - count * units[i].seconds) * MICROSECONDS;
			return true;
		}
	}
	return false;
}

bool history_moment(const char *text, int64_t now, int64_t *moment_r)
{
	static const char *const forms[] = {"%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S",
					    "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d"};
	uint64_t seconds;

	if (str_uint(str_of(text), (uint64_t)INT64_MAX / MICROSECONDS, &seconds)) {
		*moment_r = (int64_t)seconds * MICROSECONDS;
		return true;
	}
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct tm tm = {.tm_isdst = -1};
		const char *end = strptime(text, forms[i], &tm);

		if (end && *end == '\0') {
			*moment_r = (int64_t)mktime(&tm) * MICROSECONDS;
			return true;
		}
	}
	return ago(text, now, moment_r);
}

const char *history_time(struct arena *arena, int64_t microseconds)
{
	time_t seconds = (time_t)(microseconds / MICROSECONDS);
	char text[64];
	struct tm tm;

	if (!localtime_r(&seconds, &tm) ||
	    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm) == 0)
		return "?";
	return str_dup(arena, str_of(text)).s;
}

static bool is_ascii(struct str text)
{
	for (size_t i = 0; i < text.n; i++)
		if ((unsigned char)text.s[i] >= 0x7f)
			return false;
	return true;
}

static bool is_plain(struct str text)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.s[i] < ' ')
			return false;
	return is_ascii(text);
}

struct str history_text(struct arena *arena, struct str text, size_t max)
{
	if (!is_plain(text))
		return str_clean(arena, text, max);
	if (text.n <= max)
		return text;
	return str_printf(arena, STR_FMT "...", STR_ARG(str_sub(text, 0, max - 3)));
}

const char *history_address(struct arena *arena, const char *typed)
{
	struct str text = str_of(typed), domain;
	ptrdiff_t at = str_rchr(text, '@');

	if (is_ascii(text))
		return typed;
	/* A word alone is of a local part. */
	if ((at < 0 && str_chr(text, '.') < 0) ||
	    !domain_normal(arena, str_sub(text, (size_t)(at + 1), text.n), &domain))
		return str_clean(arena, text, TEXT_MOST).s;
	text = at < 0 ? STR("") : str_sub(text, 0, (size_t)at + 1);
	return str_printf(arena, STR_FMT STR_FMT, STR_ARG(str_clean(arena, text, TEXT_MOST)),
			  STR_ARG(domain))
	    .s;
}

struct str history_outcome(struct arena *arena, const struct record_outcome *outcome)
{
	struct buf out = {.arena = arena};

	buf_puts(&out, verdict_name(outcome->verdict));
	if (outcome->code != 0)
		buf_printf(&out, " %d", outcome->code);
	if (outcome->enhanced.n > 0)
		buf_printf(&out, " " STR_FMT, STR_ARG(str_clean(arena, outcome->enhanced, 20)));
	if (outcome->text.n > 0)
		buf_printf(&out, " \"" STR_FMT "\"",
			   STR_ARG(history_text(arena, outcome->text, TEXT_MOST)));
	buf_printf(&out, ", at %s", stage_name(outcome->stage));
	if (outcome->rule.n > 0)
		buf_printf(&out, ", by " STR_FMT, STR_ARG(str_clean(arena, outcome->rule, 200)));
	else
		buf_puts(&out, ", by no rule");
	return buf_str(&out);
}

bool history_elsewhere(const struct record *r, size_t recipient)
{
	const struct record_outcome *own = &r->recipients[recipient].outcome;

	if (r->refused >= 0)
		return (size_t)r->refused != recipient;
	return own->settled && own->verdict != r->outcome.verdict &&
	       (own->verdict == VERDICT_REJECT || own->verdict == VERDICT_DEFER);
}

const struct record_outcome *history_settled(const struct record *record)
{
	return record->refused < 0 ? &record->outcome
				   : &record->recipients[record->refused].outcome;
}

static void put_outcome(json_t *object, const struct record_outcome *outcome)
{
	json_object_set_new(object, "verdict", json_text(verdict_name(outcome->verdict)));
	json_object_set_new(object, "stage", json_text(stage_name(outcome->stage)));
	json_object_set_new(object, "rule", json_str(outcome->rule, true));
	json_object_set_new(object, "code",
			    outcome->code ? json_integer(outcome->code) : json_null());
	json_object_set_new(object, "enhanced", json_str(outcome->enhanced, true));
	json_object_set_new(object, "text", json_str(outcome->text, true));
}

json_t *history_json(struct arena *arena, const struct record *r)
{
	json_t *object = json_object(), *recipients = json_array(), *edits = json_array();
	json_t *facts = json_array(), *rules = json_array(), *questions = json_array();

	json_object_set_new(object, "time", json_real((double)r->time / MICROSECONDS));
	json_object_set_new(object, "queue_id", json_str(r->queue_id, true));
	json_object_set_new(object, "message_id", json_str(r->message_id, true));
	json_object_set_new(object, "reference", json_str(r->reference, true));
	json_object_set_new(object, "policy", json_str(r->policy, true));
	json_object_set_new(object, "sender", json_str(r->sender, true));
	put_outcome(object, history_settled(r));
	json_object_set_new(object, "problem", json_str(r->problem, true));
	json_object_set_new(object, "duration", json_real((double)r->duration / MICROSECONDS));
	json_object_set_new(object, "lookups", json_integer((json_int_t)r->lookups));
	for (size_t i = 0; i < r->recipient_count; i++) {
		json_t *one = json_object();

		if (r->refused >= 0 && (size_t)r->refused != i) {
			json_decref(one);
			continue;
		}
		json_object_set_new(one, "address", json_str(r->recipients[i].address, false));
		put_outcome(one, &r->recipients[i].outcome);
		json_array_append_new(recipients, one);
	}
	for (size_t i = 0; i < r->edit_count; i++) {
		json_t *one = json_object();

		json_object_set_new(one, "edit", json_str(r->edits[i].edit, false));
		json_object_set_new(one, "name", json_str(r->edits[i].name, true));
		json_object_set_new(one, "value", json_str(r->edits[i].value, true));
		json_array_append_new(edits, one);
	}
	for (size_t i = 0; i < r->fact_count; i++) {
		json_t *one = json_object();

		json_object_set_new(one, "fact", json_str(r->facts[i].name, false));
		json_object_set_new(
		    one, "recipient",
		    r->facts[i].recipient < 0 || (size_t)r->facts[i].recipient >= r->recipient_count
			? json_null()
			: json_str(r->recipients[r->facts[i].recipient].address, false));
		json_object_set_new(one, "value",
				    json_str(record_print(arena, &r->facts[i]), false));
		json_array_append_new(facts, one);
	}
	for (size_t i = 0; i < r->question_count; i++) {
		json_t *one = json_object();

		json_object_set_new(one, "name", json_str(r->questions[i].name, false));
		json_object_set_new(one, "type", json_str(r->questions[i].type, false));
		json_object_set_new(one, "answer", json_str(r->questions[i].answer, false));
		json_object_set_new(one, "records", json_integer(r->questions[i].records));
		json_array_append_new(questions, one);
	}
	for (size_t i = 0; i < r->rule_count; i++) {
		json_t *one = json_object();

		json_object_set_new(one, "rule", json_str(r->rules[i].name, false));
		json_object_set_new(one, "line", json_integer(r->rules[i].line));
		json_object_set_new(one, "value", json_str(r->rules[i].state, false));
		json_array_append_new(rules, one);
	}
	json_object_set_new(object, "recipients", recipients);
	json_object_set_new(object, "edits", edits);
	json_object_set_new(object, "facts", facts);
	json_object_set_new(object, "dns", questions);
	json_object_set_new(object, "rules", rules);
	return object;
}
