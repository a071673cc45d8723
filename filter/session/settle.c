/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Brings the engine and the lookups together: decide, begin the lookups that matter, wait only
 * where waiting could make the verdict certain, decide again.
 */

#include "filter/session/private.h"
#include "postern/dns.h"

int64_t settle_deadline(const struct session *s, int64_t seconds)
{
	return clock_now(s->env.clock) + seconds * NS_PER_S;
}

static void trace_rule(void *ctx, const struct plan_rule *rule, cond_set state)
{
	struct session *s = ctx;
	size_t n = (size_t)(rule - s->policy->rules);
	struct report_trace *entry;

	if (s->trace_last[n] == (int)state)
		return;
	s->trace_last[n] = (int)state;
	entry = vec_push(s->message_arena, &s->trace);
	*entry = (struct report_trace){
	    .stage = s->view.stage,
	    .rule = rule->name.s,
	    .line = rule->line,
	    .condition = rule->condition.s,
	    .value = cond_name(state),
	};
}

static void decide(struct session *s, struct arena *scratch, struct decision *d)
{
	bool trace = s->env.trace && s->trace_last;

	engine_decide(&s->view, scratch, trace ? trace_rule : NULL, s, d);
}

/*
 * Begins all lookups that matter. True if one of them was known at once, or turned out to hang on
 * what this stage cannot tell.
 */
static bool start(struct session *s, const struct decision *d)
{
	bool news = false;

	if (s->postponed)
		return false;
	for (size_t i = 0; i < d->needed_count; i++)
		news |=
		    view_start(&s->view, d->needed[i]) || !view_awaitable(&s->view, d->needed[i]);
	return news;
}

void settle_progressed(struct session *s)
{
	s->progress_due = clock_now(s->env.clock) + LIMIT_PROGRESS_SECONDS * NS_PER_S;
}

/* However many answers come, the MTA hears of progress before it gives us up. */
static void tell_progress(struct session *s)
{
	if (clock_now(s->env.clock) < s->progress_due)
		return;
	if (s->env.progress)
		s->env.progress(s->env.ctx);
	settle_progressed(s);
}

/* Waits for the next answer. False: nothing came. */
static bool wait_answer(struct session *s, int64_t deadline, bool whole)
{
	while (lookups_pending(s->view.lookups) > 0) {
		int64_t until = whole && s->progress_due < deadline ? s->progress_due : deadline;
		bool came = lookups_wait(s->view.lookups, until);

		if (whole)
			tell_progress(s);
		if (came)
			return true;
		if (clock_now(s->env.clock) >= deadline)
			return false;
	}
	return false;
}

/* At the very end what is still missing has failed: a lookup that never came is no answer. */
static bool fail_rest(struct session *s, const struct decision *d)
{
	for (size_t i = 0; i < d->needed_count; i++) {
		const struct slot *slot = &s->policy->slots[d->needed[i]];
		struct cell *cells = s->view.cells[slot->scope];

		cells[slot->index].value = value_failed("no answer in time");
	}
	return d->needed_count > 0;
}

void settle(struct session *s, int64_t deadline, bool whole, struct decision *d)
{
	struct arena *scratch = arena_new(s->arena);

	for (;;) {
		arena_free(&scratch);
		scratch = arena_new(s->arena);
		decide(s, scratch, d);
		if (start(s, d))
			continue;
		if (d->certain && !(whole && !d->settled))
			break;
		if (!whole && !d->worth_waiting)
			break;
		if (d->needed_count == 0)
			break;
		if (!wait_answer(s, deadline, whole) && !(whole && fail_rest(s, d)))
			break;
	}
	d->needed = NULL; /* stood in the scratch arena */
	d->needed_count = 0;
	arena_free(&scratch);
}

void settle_start(struct session *s)
{
	struct arena *scratch = arena_new(s->arena);
	struct decision d;

	do {
		engine_decide(&s->view, scratch, NULL, NULL, &d);
	} while (start(s, &d));
	arena_free(&scratch);
}

/* The slot and what it rests on; inputs and arguments come before it, so this comes to an end. */
static void mark(const struct view *view, unsigned n, bool *marks)
{
	const struct slot *slot = &view->policy->slots[n];

	if (marks[n])
		return;
	marks[n] = true;
	if (view->given && view->given[n].state != FACT_UNKNOWN)
		return;
	for (size_t i = 0; i < slot->input_count + slot->late_count; i++)
		mark(view, slot->inputs[i], marks);
	for (size_t i = 0; i < slot->argument_count; i++)
		if (slot->arguments[i].is_slot)
			mark(view, slot->arguments[i].slot, marks);
}

void settle_mark(struct session *s, bool *marks)
{
	struct arena *scratch = arena_new(s->arena);
	struct decision d;

	engine_decide(&s->view, scratch, NULL, NULL, &d);
	for (size_t i = 0; i < d.open_count; i++)
		mark(&s->view, d.open[i], marks);
	arena_free(&scratch);
}

void settle_recipient(struct session *s, struct recipient *recipient)
{
	s->view.cells[SCOPE_RECIPIENT] = recipient ? recipient->cells : NULL;
	s->view.arenas[SCOPE_RECIPIENT] = recipient ? recipient->arena : NULL;
}
