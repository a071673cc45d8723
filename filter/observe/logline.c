/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One line a message: key=value, greppable by the MTA's queue id beside its own lines, or the same
 * as a JSON object. Every value is clean before it gets here; in a line of text one with blanks or
 * quotes stands in double quotes.
 */

#include "postern/observe.h"

#include "postern/arena.h"
#include "postern/log.h"
#include "postern/session.h"

#define RECIPIENTS_MOST 20
/* Of a value in a JSON object, so that all of them together have their place in a line. */
#define VALUE_MOST 1000
#define LIST_MOST 20000

struct line {
	struct buf out;
	bool json;
};

/* What JSON wants escaped, and as elsewhere in the log whatever is not printable ASCII. */
static void put_json(struct buf *out, struct str value)
{
	buf_putc(out, '"');
	for (size_t i = 0; i < value.n && i < VALUE_MOST; i++) {
		unsigned char c = (unsigned char)value.s[i];

		if (c < ' ' || c > '~')
			buf_printf(out, "\\\\x%02X", c);
		else if (c == '"' || c == '\\')
			buf_printf(out, "\\%c", c);
		else
			buf_putc(out, value.s[i]);
	}
	buf_putc(out, '"');
}

static void put_key(struct line *line, const char *key)
{
	buf_puts(&line->out, line->json ? ",\"" : " ");
	buf_puts(&line->out, key);
	buf_puts(&line->out, line->json ? "\":" : "=");
}

static void put(struct line *line, const char *key, struct str value)
{
	bool quote = value.n == 0 || str_chr(value, ' ') >= 0 || str_chr(value, '"') >= 0 ||
		     str_chr(value, '\'') >= 0;

	put_key(line, key);
	if (line->json) {
		put_json(&line->out, value);
		return;
	}
	if (!quote) {
		buf_add(&line->out, value);
		return;
	}
	buf_putc(&line->out, '"');
	for (size_t i = 0; i < value.n; i++) {
		if (value.s[i] == '"')
			buf_putc(&line->out, '\\');
		buf_putc(&line->out, value.s[i]);
	}
	buf_putc(&line->out, '"');
}

static void put_number(struct line *line, const char *key, size_t number)
{
	put_key(line, key);
	buf_printf(&line->out, "%zu", number);
}

static void put_outcome(struct line *line, const struct report_outcome *outcome)
{
	put(line, "verdict", str_of(verdict_name(outcome->verdict)));
	put(line, "stage", str_of(stage_name(outcome->stage)));
	if (outcome->rule || !line->json)
		put(line, "rule", str_of(outcome->rule ? outcome->rule : "-"));
	if (outcome->code != 0)
		put_number(line, "code", (size_t)outcome->code);
	if (outcome->text)
		put(line, "text", str_of(outcome->text));
}

/*
 * The recipients that share a verdict. Nothing where there is none, but for the message's own.
 * Text: <a@b>,<c@d>; JSON: ["a@b","c@d"].
 */
static void put_recipients(struct line *line, const struct report *report, const char *key,
			   enum verdict verdict)
{
	struct buf list = {.arena = line->out.arena};
	size_t from = report->refused < 0 ? 0 : (size_t)report->refused;
	size_t to = report->refused < 0 ? report->recipient_count : from + 1, shown = 0;

	for (size_t i = from; i < to && shown < RECIPIENTS_MOST && list.n < LIST_MOST; i++) {
		const struct report_recipient *recipient = &report->recipients[i];

		/* Those refused on their own have had their line. */
		if (report->refused < 0 && recipient->outcome.verdict != verdict)
			continue;
		if (shown++ > 0)
			buf_putc(&list, ',');
		if (line->json)
			put_json(&list, recipient->address);
		else
			buf_printf(&list, "<" STR_FMT ">", STR_ARG(recipient->address));
	}
	if (list.n == 0 && verdict != report->outcome.verdict)
		return;
	if (!line->json) {
		put(line, key, list.n > 0 ? buf_str(&list) : STR("-"));
		return;
	}
	put_key(line, key);
	buf_printf(&line->out, "[" STR_FMT "]", STR_ARG(buf_str(&list)));
}

static void put_fact(struct line *line, const struct session *session, const char *key,
		     const char *fact)
{
	struct str value = session_fact(session, line->out.arena, fact);

	if (!str_eq(value, STR("-")))
		put(line, key, value);
}

/* Rules that are tried, each with the verdict that it would have given. */
static void put_observed(struct line *line, const struct report *report)
{
	struct buf list = {.arena = line->out.arena};

	for (size_t i = 0; i < report->observed_count; i++) {
		const struct report_observed *o = &report->observed[i];

		buf_printf(&list, "%s%s", i > 0 ? "," : "", o->rule);
		if (o->decides)
			buf_printf(&list, ":%s", verdict_name(o->verdict));
	}
	put(line, "observed", buf_str(&list));
}

/* Behind relays of ours the client says little. */
static void put_origin(struct line *line, const struct session *session)
{
	struct str client = session_fact(session, line->out.arena, "client.ip");
	struct str origin = session_fact(session, line->out.arena, "origin.ip");

	if (!str_eq(origin, STR("-")) && !str_eq(origin, client))
		put(line, "origin", origin);
}

/* The MTA's queue id begins a line, so that it can be searched for beside the MTA's own. */
static void put_id(struct line *line, const struct report *report)
{
	struct str id =
	    report->queue_id ? str_clean(line->out.arena, str_of(report->queue_id), 64) : STR("-");

	if (line->json) {
		buf_puts(&line->out, "\"id\":");
		put_json(&line->out, id);
	} else {
		buf_printf(&line->out, STR_FMT ":", STR_ARG(id));
	}
}

static void send(const struct line *line)
{
	if (line->json)
		log_object(LOG_LEVEL_INFO, buf_str(&line->out));
	else
		log_line(LOG_LEVEL_INFO, "%s", buf_str(&line->out).s);
}

/* A line of its own about the same message. */
static void write_further(const struct report *report, struct arena *arena, const char *key,
			  struct str text)
{
	struct line line = {.out = {.arena = arena}, .json = log_is_json()};

	put_id(&line, report);
	if (line.json)
		put(&line, key, text);
	else
		buf_printf(&line.out, " %s: " STR_FMT, key, STR_ARG(text));
	send(&line);
}

void logline_write(void *ctx, const struct session *session)
{
	const struct report *report = session_report(session);
	struct arena *arena = arena_new(report->arena);
	struct line line = {.out = {.arena = arena}, .json = log_is_json()};
	const struct report_outcome *outcome =
	    report->refused < 0 ? &report->outcome : &report->recipients[report->refused].outcome;

	(void)ctx;
	put_id(&line, report);
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
		put_number(&line, "edits", report->edits.count);
	if (report->scores)
		put(&line, "score", report_score(arena, report));
	if (report->observed_count > 0)
		put_observed(&line, report);
	put_number(&line, "lookups", report->lookups);
	put(&line, "policy", str_sub(str_of(report->policy), 0, 8));
	if (report->problem)
		put(&line, "problem", str_of(report->problem));
	if (report->observing)
		put(&line, "mode", STR("observe"));
	send(&line);
	for (size_t i = 0; i < report->log_count; i++)
		write_further(report, arena, "log", str_of(report->logs[i]));
	for (size_t i = 0; i < report->observed_count; i++)
		write_further(report, arena, "observed",
			      report_would_have(arena, &report->observed[i]));
	if (report->observing)
		write_further(report, arena, "mode observe",
			      str_printf(arena, "%s would have been %s, nothing is done",
					 report->refused < 0 ? "the message" : "the recipient",
					 verdict_name(outcome->verdict)));
	arena_free(&arena);
}
