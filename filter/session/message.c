/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The message from DATA to its end: fields and body pass to those who must see them, the verdict
 * is told as soon as it is certain, the edits are made at the end.
 */

#include "filter/session/private.h"
#include "postern/dns.h"

void message_reset(struct session *s)
{
	struct cell *lasting[] = {s->cells[SCOPE_CONNECTION], s->cells[SCOPE_HELO]};

	/* A lookup on its way belonged to the last message; what failed is tried afresh. */
	for (size_t i = 0; i < 2; i++) {
		for (unsigned j = 0; j < s->policy->cells[i]; j++) {
			struct cell *cell = &lasting[i][j];

			cell->task = NULL;
			cell->started = false;
			if (cell->value.state == FACT_FAILED)
				cell->value.state = FACT_UNKNOWN;
		}
	}
	scope_renew(s, SCOPE_MESSAGE, &s->message_arena);
	settle_recipient(s, NULL);
	s->view.lookups =
	    s->env.resolver ? lookups_new(s->message_arena, s->env.resolver, s->env.clock) : NULL;
	s->in_message = s->over = s->has_latch = s->split = s->uncommitted = false;
	s->sender = (struct path){0};
	s->rcpt_commands = 0;
	s->field_bytes = s->results_kept = 0;
	s->cpu_spent = 0;
	memset(&s->recipients, 0, sizeof(s->recipients));
	memset(&s->attempted, 0, sizeof(s->attempted));
	memset(&s->addresses, 0, sizeof(s->addresses));
	memset(&s->domains, 0, sizeof(s->domains));
	memset(&s->fields, 0, sizeof(s->fields));
	memset(&s->streams, 0, sizeof(s->streams));
	memset(&s->aheads, 0, sizeof(s->aheads));
	memset(&s->trace, 0, sizeof(s->trace));
	memset(&s->report_recipients, 0, sizeof(s->report_recipients));
	memset(&s->logs, 0, sizeof(s->logs));
	s->message_fields = (struct fields){0};
	memset(&s->observed, 0, sizeof(s->observed));
	s->report =
	    (struct report){.refused = -1, .observing = s->observing, .scores = s->policy->scores};
	s->reference = NULL;
	s->began = 0;
	s->pristine = true;
	s->trace_last = NULL;
	if (s->env.trace) {
		s->trace_last =
		    arena_array(s->message_arena, s->policy->rule_count + 1, sizeof(int));
		for (size_t i = 0; i < s->policy->rule_count; i++)
			s->trace_last[i] = -1;
	}
}

void message_begin(struct session *s)
{
	/* Nothing may have happened since HELO that has to be forgotten. */
	if (!s->pristine || s->over || s->env.trace ||
	    (s->view.lookups && lookups_asked(s->view.lookups) > 0))
		message_reset(s);
	s->pristine = false;
	s->in_message = true;
}

static int strictness(enum verdict verdict)
{
	static const int order[] = {
	    [VERDICT_DISCARD] = 0, [VERDICT_ACCEPT] = 1, [VERDICT_HOLD] = 2,
	    [VERDICT_DEFER] = 3,   [VERDICT_REJECT] = 4,
	};

	return order[verdict];
}

/*
 * The verdict on the message. All recipients that were taken are of one kind, so the first one
 * speaks for all; where kinds mix, each is judged and the strictest verdict holds.
 */
static void decide(struct session *s, int64_t deadline, bool whole, struct decision *d)
{
	struct recipient *chosen = NULL;
	struct decision one;
	bool certain = true;

	if (s->recipients.count == 0) {
		settle_recipient(s, NULL);
		settle(s, deadline, whole, d);
		return;
	}
	/* What is left if every recipient was to be discarded. */
	*d = (struct decision){.certain = true, .verdict = VERDICT_DISCARD};
	d->rule = s->recipients.items[0].discard_rule;
	d->end = s->recipients.items[0].discard_end;
	for (size_t i = 0; i < s->recipients.count; i++) {
		struct recipient *recipient = &s->recipients.items[i];

		if (recipient->discard)
			continue;
		settle_recipient(s, recipient);
		settle(s, deadline, whole, &one);
		certain &= one.certain;
		if (one.certain && (!chosen || strictness(one.verdict) > strictness(d->verdict))) {
			chosen = recipient;
			*d = one;
		}
		if (s->mixed != MIXED_MESSAGE)
			break;
	}
	/* A reject can be outdone by nothing; anything else waits for the last recipient. */
	d->certain = certain || (chosen && d->verdict == VERDICT_REJECT);
	settle_recipient(s, chosen);
}

static size_t discards(const struct session *s)
{
	size_t count = 0;

	for (size_t i = 0; i < s->recipients.count; i++)
		count += s->recipients.items[i].discard;
	return count;
}

static struct reply tell_refused_message(struct session *s, const struct decision *d,
					 struct reply reply)
{
	const struct recipient *first = recipient_first(s);

	if (d->verdict == VERDICT_DEFER && s->split && first)
		turn_deferred(s->turn, first->kind, clock_now(s->env.clock));
	return tell_message(s, d, reply);
}

/* Is the message discarded whoever it is for, by what is known without another lookup? */
static bool discarded(struct session *s, struct decision *d)
{
	struct arena *scratch = arena_new(s->message_arena);

	settle_recipient(s, NULL);
	engine_decide(&s->view, scratch, NULL, NULL, d);
	d->needed = d->open = NULL; /* stood in the scratch arena */
	d->needed_count = d->open_count = 0;
	arena_free(&scratch);
	return d->certain && d->verdict == VERDICT_DISCARD;
}

/* What is certain before the end of the message and can be told now, if the MTA hears it. */
static struct reply tell_early(struct session *s, bool heard)
{
	struct decision d;
	int64_t deadline = settle_deadline(s, heard ? LIMIT_COMMAND_SECONDS : 0);

	if (s->has_latch)
		return heard ? tell_refused_message(s, &s->latch_decision, s->latch)
			     : tell_plain(REPLY_CONTINUE);
	if (s->recipients.count == discards(s)) {
		if (heard && s->recipients.count > 0 && discarded(s, &d))
			return tell_message(s, &d, tell_plain(REPLY_DISCARD));
		return tell_plain(REPLY_CONTINUE);
	}
	decide(s, deadline, false, &d);
	if (!d.certain || !heard)
		return tell_plain(REPLY_CONTINUE);
	if (tell_is_refusal(d.verdict))
		return tell_refused_message(s, &d, tell_refusal(s, &d));
	if (d.verdict == VERDICT_DISCARD)
		return tell_message(s, &d, tell_plain(REPLY_DISCARD));
	if (d.verdict == VERDICT_ACCEPT && !d.pending && !s->keeps_asking && discards(s) == 0 &&
	    !envelope_pending(s))
		return tell_message(s, &d, tell_plain(REPLY_ACCEPT));
	return tell_plain(REPLY_CONTINUE);
}

/* Some MTAs do not show DATA: what belongs to it is done at the first sign of content. */
static void begin_content(struct session *s)
{
	if (s->view.stage >= STAGE_DATA)
		return;
	/* In force, nobody would be left to bring the message for. */
	if (s->observing && s->recipients.count == 0 && s->report_recipients.count > 0)
		s->over = true;
	s->view.stage = STAGE_DATA;
	recipients_final(s);
	set_macros(s, STAGE_DATA);
	streams_open(s);
}

struct reply event_data(struct session *s, const struct event *event)
{
	(void)event;
	if (!s->in_message || s->over)
		return tell_plain(REPLY_CONTINUE);
	begin_content(s);
	if (s->over)
		return tell_plain(s->hears_data ? REPLY_ACCEPT : REPLY_CONTINUE);
	return tell_early(s, s->hears_data);
}

/*
 * Fields beyond the limits are not kept, but for Authentication-Results: a forged one must not
 * hide behind a thousand others. Whose it is stands at its beginning.
 */
static bool keep_field(struct session *s, struct str name, struct str value)
{
	struct field *field;
	bool results;
	int index = 1;

	/* "From :" is an obsolete form of "From:", and MTAs that pass it on mean the same field. */
	while (name.n > 0 && (name.s[name.n - 1] == ' ' || name.s[name.n - 1] == '\t'))
		name.n--;
	results = str_caseeq(name, STR("Authentication-Results"));
	if (results && s->results_kept <= LIMIT_REMOVALS) {
		value = str_sub(value, 0, LIMIT_PATH);
		s->results_kept++;
	} else if (s->fields.count >= LIMIT_FIELDS) {
		s->message_fields.trouble = "too many fields";
		return false;
	} else if (s->field_bytes + name.n + value.n > LIMIT_FIELD_BYTES) {
		s->message_fields.trouble = "header too large";
		return false;
	}
	s->field_bytes += name.n + value.n;
	for (size_t i = s->fields.count; i-- > 0;) {
		if (str_caseeq(s->fields.items[i].name, name)) {
			index = s->fields.items[i].index + 1;
			break;
		}
	}
	field = vec_push(s->message_arena, &s->fields);
	*field = (struct field){str_dup(s->message_arena, name), str_dup(s->message_arena, value),
				index};
	return true;
}

struct reply event_header(struct session *s, const struct event *event)
{
	bool kept;

	if (!s->in_message || s->over)
		return tell_plain(REPLY_CONTINUE);
	begin_content(s);
	if (s->view.stage >= STAGE_HEADERS)
		return tell_plain(REPLY_CONTINUE); /* after the header's end it is no field */
	kept = keep_field(s, event->name, event->text);
	streams_header(s, event->name, event->text);
	if (kept)
		streams_ahead(s, event->name, event->text);
	return tell_plain(REPLY_CONTINUE);
}

static void begin_body(struct session *s)
{
	struct value fields = {.state = FACT_PRESENT};

	if (s->view.stage >= STAGE_HEADERS)
		return;
	s->view.stage = STAGE_HEADERS;
	s->message_fields.items = s->fields.items;
	s->message_fields.count = s->fields.count;
	fields.opaque = &s->message_fields;
	set_fact(s, "message.fields", fields);
	streams_eoh(s);
}

struct reply event_eoh(struct session *s, const struct event *event)
{
	(void)event;
	if (!s->in_message || s->over)
		return tell_plain(REPLY_CONTINUE);
	begin_content(s);
	if (s->over)
		return tell_plain(s->hears_eoh ? REPLY_ACCEPT : REPLY_CONTINUE);
	begin_body(s);
	return tell_early(s, s->hears_eoh);
}

struct reply event_body(struct session *s, const struct event *event)
{
	if (!s->in_message || s->over)
		return tell_plain(REPLY_CONTINUE);
	begin_content(s);
	begin_body(s);
	return tell_plain(streams_body(s, event->text) ? REPLY_CONTINUE : REPLY_SKIP);
}

void message_commit(struct session *s, struct edit_list *edits, const struct plan_rule *rule)
{
	for (size_t i = 0; i < rule->action_count; i++) {
		const struct plan_action *action = &rule->actions[i];
		const struct value *inputs[16];
		struct action_call call = {
		    .arena = s->message_arena,
		    .policy = s->policy,
		    .inputs = inputs,
		    .name = action->name,
		    .edits = edits,
		};

		if (action->def->class != ACTION_EDIT)
			continue;
		for (size_t j = 0; j < action->input_count && j < 16; j++)
			inputs[j] = view_value(&s->view, action->inputs[j]);
		call.text = engine_text(&s->view, s->message_arena, &action->text);
		action->def->commit(&call);
	}
}

/* All edits above the rule that delivered, and those of that rule itself. */
static void make_edits(struct session *s, const struct decision *d)
{
	engine_rewind(&s->view);
	for (size_t i = 0; i < s->policy->rule_count && i <= d->end; i++) {
		const struct plan_rule *rule = &s->policy->rules[i];
		cond_set state;

		if (rule->observe || !(rule->edits || rule->score_count > 0))
			continue;
		state = engine_rule(&s->view, rule);
		if (state == COND_TRUE && rule->edits)
			message_commit(s, s->edits, rule);
		else if (state & COND_FAILED)
			s->report.problem =
			    str_printf(s->message_arena,
				       "%s '" STR_FMT
				       "' skipped: its condition could not be found out",
				       rule->edits ? "edit" : "score", STR_ARG(rule->name))
				.s;
	}
	if (d->verdict != VERDICT_HOLD)
		return;
	engine_place(&s->view, d->rule);
	edits_hold(s->edits, engine_text(&s->view, s->message_arena,
					 &d->rule->actions[d->rule->action_count - 1].text));
}

static struct reply deliver(struct session *s, const struct decision *d, int64_t deadline,
			    struct edits *edits_r)
{
	struct decision discard = {.certain = true, .verdict = VERDICT_DISCARD, .end = d->end};

	s->edits = edits_new(s->message_arena, &s->message_fields);
	make_edits(s, d);
	if (edits_too_many(s->edits)) {
		struct decision reject = {.certain = true, .verdict = VERDICT_REJECT};

		return tell_message(
		    s, &reject,
		    tell_refuse(552, "5.3.4", "Too many forged Authentication-Results fields"));
	}
	/* MTAs drop a message that has lost its last recipient: then let it be said. */
	if (!envelope_commit(s, deadline, &discard.rule))
		return tell_message(s, &discard, tell_plain(REPLY_DISCARD));
	s->report.edits = edits_finish(s->edits, s->message_arena);
	if (!s->observing)
		*edits_r = s->report.edits;
	tell_note(s, d, tell_plain(REPLY_CONTINUE));
	s->uncommitted = true;
	return tell_plain(REPLY_CONTINUE);
}

/* Everything is here: what the streams saw becomes facts. */
static void whole_message(struct session *s)
{
	begin_content(s);
	begin_body(s);
	s->view.stage = STAGE_MESSAGE;
	set_macros(s, STAGE_MESSAGE);
	streams_end(s);
}

struct reply event_eom(struct session *s, const struct event *event)
{
	struct decision d;
	int64_t deadline;

	if (!s->in_message)
		return tell_refuse(451, "4.3.0", "No message was begun");
	if (s->over)
		return s->has_latch ? s->latch : tell_plain(REPLY_CONTINUE);
	whole_message(s);
	if (s->over)
		return tell_plain(REPLY_CONTINUE);
	if (s->has_latch)
		return tell_refused_message(s, &s->latch_decision, s->latch);
	deadline = settle_deadline(s, LIMIT_MESSAGE_SECONDS);
	settle_progressed(s);
	decide(s, deadline, true, &d);
	if (!d.certain) {
		/* Cannot be: at the end all is known or failed. A defer loses nothing. */
		d = (struct decision){.certain = true, .verdict = VERDICT_DEFER, .failure = true};
	}
	if (tell_is_refusal(d.verdict))
		return tell_refused_message(s, &d, tell_refusal(s, &d));
	if (d.verdict == VERDICT_DISCARD)
		return tell_message(s, &d, tell_plain(REPLY_DISCARD));
	return deliver(s, &d, deadline, event->edits);
}

struct reply event_edit_failed(struct session *s, const struct event *event)
{
	struct decision d = {.certain = true, .verdict = VERDICT_DEFER};

	s->uncommitted = false;
	for (size_t i = 0; i < s->recipients.count; i++)
		if (!s->recipients.items[i].discard)
			s->report_recipients.items[s->recipients.items[i].report].outcome.settled =
			    false;
	s->report.problem = event->edit->kind == EDIT_HOLD ? "the MTA refused to hold the message"
							   : "the MTA refused an edit";
	return tell_message(
	    s, &d,
	    tell_refuse(451, "4.3.0", "The message could not be marked, please try again later"));
}
