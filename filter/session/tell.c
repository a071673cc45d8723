/* SPDX-License-Identifier: BSD-2-Clause */
/* From a decision to the reply that tells it, and the note of what was told. */

#include "filter/session/private.h"
#include "postern/meter.h"
#include "postern/dns.h"

/* One line of a reply (RFC 5321 4.5.3.1.5 and what MTAs take). */
#define REPLY_MOST 900

bool tell_is_refusal(enum verdict verdict)
{
	return verdict == VERDICT_REJECT || verdict == VERDICT_DEFER;
}

struct reply tell_plain(enum reply_kind kind)
{
	return (struct reply){.kind = kind};
}

struct reply tell_refuse(int code, const char *enhanced, const char *text)
{
	return (struct reply){
	    .kind = code >= 500 ? REPLY_REJECT : REPLY_TEMPFAIL,
	    .code = code,
	    .enhanced = enhanced,
	    .text = text,
	};
}

/* What the client's postmaster can ask ours about. */
static const char *with_reference(struct session *s, struct str text)
{
	if (!s->env.references)
		return str_dup(s->message_arena, text).s;
	s->reference = reference_new(s->message_arena);
	return str_printf(s->message_arena, STR_FMT " (%s)", STR_ARG(text), s->reference).s;
}

struct reply tell_refusal(struct session *s, const struct decision *d)
{
	const struct plan_action *action;
	struct str text;

	if (d->failure && meter_over())
		return tell_refuse(
		    451, "4.3.0",
		    with_reference(s, STR("This takes too long to check, please try again later")));
	if (d->failure)
		return tell_refuse(
		    451, "4.4.3",
		    with_reference(s, STR("A lookup failed, please try again later")));
	action = &d->rule->actions[d->rule->action_count - 1];
	engine_place(&s->view, d->rule);
	text = engine_text(&s->view, s->message_arena, &action->text);
	return tell_refuse(action->code, action->enhanced.s,
			   with_reference(s, str_sub(text, 0, REPLY_MOST)));
}

static void note(struct session *s, struct report_outcome *outcome, const struct decision *d,
		 struct reply reply)
{
	*outcome = (struct report_outcome){
	    .settled = true,
	    .verdict = d->verdict,
	    .stage = s->view.stage,
	    .rule = d->rule ? d->rule->name.s : NULL,
	    .code = reply.code,
	    .enhanced = reply.enhanced,
	    .text = reply.text,
	};
}

/* The log actions that stand above the decision and apply, and the score by then. */
static void add_passed(struct session *s, const struct decision *d)
{
	memset(&s->logs, 0, sizeof(s->logs));
	s->report.score = 0;
	engine_rewind(&s->view);
	for (size_t i = 0; i < s->policy->rule_count && i <= d->end; i++) {
		const struct plan_rule *rule = &s->policy->rules[i];

		if (rule->observe || !(rule->logs || rule->score_count > 0) ||
		    engine_rule(&s->view, rule) != COND_TRUE)
			continue;
		if (rule->score_count > 0)
			s->report.score += rule->scores[0].points;
		for (size_t j = 0; j < rule->action_count; j++) {
			if (rule->actions[j].def->class != ACTION_LOG)
				continue;
			*vec_push(s->message_arena, &s->logs) =
			    engine_text(&s->view, s->message_arena, &rule->actions[j].text).s;
		}
	}
	s->report.logs = s->logs.items;
	s->report.log_count = s->logs.count;
	observed_note(s, d);
}

static bool refused(const struct session *s)
{
	return s->report.refused >= 0 || tell_is_refusal(s->report.outcome.verdict);
}

static void publish(struct session *s)
{
	s->report.recipients = s->report_recipients.items;
	s->report.recipient_count = s->report_recipients.count;
	s->report.trace = s->trace.items;
	s->report.trace_count = s->trace.count;
	s->report.lookups = s->view.lookups ? lookups_asked(s->view.lookups) : 0;
	s->report.queue_id = s->env.macro(s->env.ctx, "i");
	s->report.policy = s->policy->id;
	s->report.reference = refused(s) ? s->reference : NULL;
	s->report.arena = s->message_arena;
	s->report.sender = s->sender_text;
	if (s->env.settled)
		s->env.settled(s->env.ctx, s);
}

void tell_note(struct session *s, const struct decision *d, struct reply reply)
{
	note(s, &s->report.outcome, d, reply);
	/* With the whole message answered, nobody is left out of it at the end. */
	for (size_t i = 0; i < s->recipients.count && reply.kind != REPLY_CONTINUE; i++) {
		struct report_outcome *outcome =
		    &s->report_recipients.items[s->recipients.items[i].report].outcome;

		if (!s->recipients.items[i].discard)
			continue;
		outcome->stage = s->view.stage;
		outcome->settled = reply.kind == REPLY_DISCARD;
	}
	/* A recipient that was not refused on its own shares the message's fate. */
	for (size_t i = 0; i < s->report_recipients.count; i++)
		if (!s->report_recipients.items[i].outcome.settled)
			note(s, &s->report_recipients.items[i].outcome, d, reply);
	s->report.refused = -1;
	s->over = true;
	add_passed(s, d);
	if (meter_over())
		s->report.problem = "it costs too much CPU time: not all of it was looked at";
}

struct reply tell_message(struct session *s, const struct decision *d, struct reply reply)
{
	tell_note(s, d, reply);
	publish(s);
	return reply;
}

void tell_discarded(struct session *s, size_t row, const struct decision *d)
{
	struct report_outcome *outcome = &s->report_recipients.items[row].outcome;

	note(s, outcome, d, tell_plain(REPLY_DISCARD));
	outcome->stage = STAGE_MESSAGE; /* when it is carried out */
}

struct reply event_committed(struct session *s, const struct event *event)
{
	(void)event;
	if (s->uncommitted) {
		s->uncommitted = false;
		publish(s);
	}
	return tell_plain(REPLY_CONTINUE);
}

void tell_recipient(struct session *s, size_t row, const struct decision *d, struct reply reply)
{
	note(s, &s->report_recipients.items[row].outcome, d, reply);
	s->report.refused = (int)row;
	add_passed(s, d);
	publish(s);
}
