/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One line a message: key=value, greppable by the MTA's queue id beside its own lines. Every value
 * is clean before it gets here; one with blanks or quotes stands in double quotes.
 */

#include "postern/observe.h"

#include "postern/arena.h"
#include "postern/log.h"
#include "postern/session.h"

#define RECIPIENTS_MOST 20

static void put(struct buf *line, const char *key, struct str value)
{
	bool quote = value.n == 0 || str_chr(value, ' ') >= 0 || str_chr(value, '"') >= 0 ||
		     str_chr(value, '\'') >= 0;

	buf_putc(line, ' ');
	buf_puts(line, key);
	buf_putc(line, '=');
	if (!quote) {
		buf_add(line, value);
		return;
	}
	buf_putc(line, '"');
	for (size_t i = 0; i < value.n; i++) {
		if (value.s[i] == '"')
			buf_putc(line, '\\');
		buf_putc(line, value.s[i]);
	}
	buf_putc(line, '"');
}

static void put_outcome(struct buf *line, const struct report_outcome *outcome)
{
	put(line, "verdict", str_of(verdict_name(outcome->verdict)));
	put(line, "stage", str_of(stage_name(outcome->stage)));
	put(line, "rule", str_of(outcome->rule ? outcome->rule : "-"));
	if (outcome->code != 0)
		buf_printf(line, " code=%d", outcome->code);
	if (outcome->text)
		put(line, "text", str_of(outcome->text));
}

/* The recipients that share a verdict. Nothing where there is none, but for the message's own. */
static void put_recipients(struct buf *line, const struct report *report, const char *key,
			   enum verdict verdict)
{
	struct buf list = {.arena = line->arena};
	size_t from = report->refused < 0 ? 0 : (size_t)report->refused;
	size_t to = report->refused < 0 ? report->recipient_count : from + 1, shown = 0;

	for (size_t i = from; i < to && shown < RECIPIENTS_MOST; i++) {
		const struct report_recipient *recipient = &report->recipients[i];

		/* Those refused on their own have had their line. */
		if (report->refused < 0 && recipient->outcome.verdict != verdict)
			continue;
		if (shown++ > 0)
			buf_putc(&list, ',');
		buf_putc(&list, '<');
		buf_add(&list, recipient->address);
		buf_putc(&list, '>');
	}
	if (list.n > 0 || verdict == report->outcome.verdict)
		put(line, key, list.n > 0 ? buf_str(&list) : STR("-"));
}

static void put_fact(struct buf *line, const struct session *session, const char *key,
		     const char *fact)
{
	struct str value = session_fact(session, line->arena, fact);

	if (!str_eq(value, STR("-")))
		put(line, key, value);
}

/* Rules that are tried, each with the verdict that it would have given. */
static void put_observed(struct buf *line, const struct report *report)
{
	struct buf list = {.arena = line->arena};

	for (size_t i = 0; i < report->observed_count; i++) {
		const struct report_observed *o = &report->observed[i];

		buf_printf(&list, "%s%s", i > 0 ? "," : "", o->rule);
		if (o->decides)
			buf_printf(&list, ":%s", verdict_name(o->verdict));
	}
	put(line, "observed", buf_str(&list));
}

/* Behind relays of ours the client says little. */
static void put_origin(struct buf *line, const struct session *session)
{
	struct str client = session_fact(session, line->arena, "client.ip");
	struct str origin = session_fact(session, line->arena, "origin.ip");

	if (!str_eq(origin, STR("-")) && !str_eq(origin, client))
		put(line, "origin", origin);
}

void logline_write(void *ctx, const struct session *session)
{
	const struct report *report = session_report(session);
	struct arena *arena = arena_new(report->arena);
	struct buf line = {.arena = arena};
	const struct report_outcome *outcome =
	    report->refused < 0 ? &report->outcome : &report->recipients[report->refused].outcome;

	const char *id = report->queue_id ? str_clean(arena, str_of(report->queue_id), 64).s : "-";

	(void)ctx;
	buf_puts(&line, id);
	buf_putc(&line, ':');
	put_outcome(&line, outcome);
	if (report->reference)
		put(&line, "ref", str_of(report->reference));
	put_fact(&line, session, "client", "client.ip");
	put_fact(&line, session, "helo", "helo.name");
	put_origin(&line, session);
	put_fact(&line, session, "user", "auth.user");
	put(&line, "sender", report->sender);
	put_recipients(&line, report, "recipients", report->outcome.verdict);
	if (report->refused < 0 && report->outcome.verdict != VERDICT_DISCARD)
		put_recipients(&line, report, "discarded", VERDICT_DISCARD);
	put_fact(&line, session, "from", "from.domain");
	put_fact(&line, session, "spf", "spf");
	put_fact(&line, session, "dkim", "dkim");
	put_fact(&line, session, "dmarc", "dmarc");
	put_fact(&line, session, "arc", "arc");
	put_fact(&line, session, "message-id", "message.id");
	if (report->refused < 0)
		buf_printf(&line, " edits=%zu", report->edits.count);
	if (report->scores)
		put(&line, "score", report_score(arena, report));
	if (report->observed_count > 0)
		put_observed(&line, report);
	buf_printf(&line, " lookups=%zu policy=%.8s", report->lookups, report->policy);
	if (report->problem)
		put(&line, "problem", str_of(report->problem));
	if (report->observing)
		put(&line, "mode", STR("observe"));
	log_line(LOG_LEVEL_INFO, "%s", buf_str(&line).s);
	for (size_t i = 0; i < report->log_count; i++)
		log_line(LOG_LEVEL_INFO, "%s: log: %s", id, report->logs[i]);
	for (size_t i = 0; i < report->observed_count; i++)
		log_line(LOG_LEVEL_INFO, "%s: observed: %s", id,
			 report_would_have(arena, &report->observed[i]).s);
	if (report->observing)
		log_line(LOG_LEVEL_INFO, "%s: mode observe: %s would have been %s, nothing is done",
			 id, report->refused < 0 ? "the message" : "the recipient",
			 verdict_name(outcome->verdict));
	arena_free(&arena);
}
