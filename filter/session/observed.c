/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rules that are only tried: what each would have done is noted beside what was done. Each is taken
 * for itself, as if it alone were in force.
 */

#include "filter/session/private.h"

/* One in force that could not be judged, and that might have let the message pass (or drop it). */
static bool passed_over(const struct plan_rule *rule, cond_set state)
{
	return rule->decisive && state == COND_FAILED_SKIP &&
	       (rule->verdict == VERDICT_ACCEPT || rule->verdict == VERDICT_DISCARD ||
		rule->verdict == VERDICT_HOLD);
}

static struct edits edits_of(struct session *s, const struct plan_rule *rule)
{
	struct edit_list *edits = edits_new(s->message_arena, &s->message_fields);

	message_commit(s, edits, rule);
	envelope_try(s, edits, rule);
	return edits_finish(edits, s->message_arena);
}

static void add(struct session *s, const struct plan_rule *rule, bool failed, bool delivered)
{
	const struct plan_action *last = &rule->actions[rule->action_count - 1];
	struct report_observed *o = vec_push(s->message_arena, &s->observed);

	*o = (struct report_observed){
	    .rule = rule->name.s, .decides = rule->decisive, .verdict = rule->verdict};
	if (failed) {
		struct decision d = {.failure = true};
		struct reply reply = tell_refusal(s, &d);

		o->verdict = VERDICT_DEFER;
		o->code = reply.code;
		o->enhanced = reply.enhanced;
		o->text = reply.text;
		return;
	}
	if (rule->edits && delivered)
		o->edits = edits_of(s, rule);
	if (last->text.count > 0 && (rule->decisive || last->def->class == ACTION_LOG))
		o->text = engine_text(&s->view, s->message_arena, &last->text).s;
	if (rule->decisive && tell_is_refusal(rule->verdict)) {
		o->code = last->code;
		o->enhanced = last->enhanced.s;
	}
}

void observed_note(struct session *s, const struct decision *d)
{
	bool delivered = s->view.stage == STAGE_MESSAGE &&
			 (d->verdict == VERDICT_ACCEPT || d->verdict == VERDICT_HOLD);
	bool soft = false;

	memset(&s->observed, 0, sizeof(s->observed));
	engine_rewind(&s->view);
	for (size_t i = 0; i < s->policy->rule_count && i < d->end && s->policy->observes; i++) {
		const struct plan_rule *rule = &s->policy->rules[i];
		cond_set state = engine_rule(&s->view, rule);
		bool harsh = rule->verdict == VERDICT_REJECT || rule->verdict == VERDICT_DISCARD;

		if (!rule->observe)
			soft |= passed_over(rule, state);
		else if (rule->decisive &&
			 (state == COND_FAILED_DEFER || (state == COND_TRUE && harsh && soft)))
			add(s, rule, true, delivered);
		else if (state == COND_TRUE && (rule->decisive || delivered || !rule->edits))
			add(s, rule, false, delivered);
	}
	s->report.observed = s->observed.items;
	s->report.observed_count = s->observed.count;
}

struct str report_would_have(struct arena *arena, const struct report_observed *o)
{
	struct buf out = {.arena = arena};

	buf_printf(&out, "%s would have ", o->rule);
	if (o->decides)
		buf_printf(&out, "been %s", verdict_name(o->verdict));
	else if (o->text)
		buf_puts(&out, "logged");
	else if (o->edits.count > 0)
		buf_printf(&out, "made %zu edit%s", o->edits.count, o->edits.count == 1 ? "" : "s");
	else
		buf_puts(&out, "applied");
	if (o->code != 0)
		buf_printf(&out, " %d %s", o->code, o->enhanced);
	if (o->text)
		buf_printf(&out, " \"%s\"", o->text);
	return buf_str(&out);
}

struct str report_score(struct arena *arena, const struct report *report)
{
	static const struct type number = {TYPE_NUMBER, false, NULL};
	struct value value = value_number(report->score);

	return value_print(arena, &number, &value);
}

struct reply observed_reply(struct reply reply, bool goes_on)
{
	switch (reply.kind) {
	case REPLY_CONTINUE:
	case REPLY_SKIP:
		return reply;
	default:
		/* ACCEPT would be of the whole message. */
		return tell_plain(goes_on ? REPLY_CONTINUE : REPLY_ACCEPT);
	}
}
