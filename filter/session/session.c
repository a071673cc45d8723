/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A session's life, and the fence around every event: when memory ends, the event is answered 451
 * and so is all that follows.
 */

#include "filter/session/private.h"
#include "postern/dns.h"
#include "postern/log.h"
#include "postern/meter.h"

static const char *no_macro(void *ctx, const char *name)
{
	(void)ctx;
	(void)name;
	return NULL;
}

static enum mixed mixed_of(const struct policy *policy)
{
	const struct value *mixed = policy_setting_named(policy, "mixed");

	if (mixed->state != FACT_PRESENT)
		return MIXED_DEFER;
	return str_eq(mixed->text, STR("first"))     ? MIXED_FIRST
	       : str_eq(mixed->text, STR("message")) ? MIXED_MESSAGE
						     : MIXED_DEFER;
}

struct cell *cells_new(struct session *s, struct arena *arena, enum scope scope)
{
	return arena_array(arena, engine_cells(s->policy, scope), sizeof(struct cell));
}

void scope_renew(struct session *s, enum scope scope, struct arena **arena)
{
	arena_free(arena);
	*arena = arena_new(s->arena);
	s->view.arenas[scope] = *arena;
	s->view.cells[scope] = s->cells[scope] = cells_new(s, *arena, scope);
}

/* Facts that are given outright, by slot. */
static const struct value *given_values(struct arena *arena, const struct policy *policy,
					const struct session_env *env)
{
	struct value *values;

	if (env->given_count == 0)
		return NULL;
	values = arena_array(arena, policy->slot_count, sizeof(*values));
	for (size_t i = 0; i < env->given_count; i++)
		values[env->given[i].slot] = env->given[i].value;
	return values;
}

static struct session *session_make(struct arena *arena, const struct policy *policy,
				    const struct session_env *env)
{
	struct session *s = arena_new_of(arena, struct session);
	const struct value *early = policy_setting_named(policy, "early");

	s->arena = arena;
	s->policy = policy;
	s->env = *env;
	if (!s->env.macro)
		s->env.macro = no_macro;
	s->mixed_setting = mixed_of(policy);
	s->observing = policy_observes(policy);
	s->early_connect = early->state == FACT_PRESENT && str_eq(early->text, STR("connect"));
	s->keeps_asking =
	    env->references && str_eq(policy_setting_named(policy, "journal")->text, STR("all"));
	needs_replies(policy, &s->hears_connect, &s->hears_data, &s->hears_eoh);
	s->view.policy = policy;
	s->view.clock = env->clock;
	s->view.given = given_values(arena, policy, env);
	s->view.arenas[SCOPE_CONNECTION] = arena;
	s->view.cells[SCOPE_CONNECTION] = s->cells[SCOPE_CONNECTION] =
	    cells_new(s, arena, SCOPE_CONNECTION);
	scope_renew(s, SCOPE_HELO, &s->helo_arena);
	message_reset(s);
	return s;
}

struct session *session_new(const struct policy *policy, const struct session_env *env)
{
	struct arena *volatile arena = arena_try();
	struct arena *rest;
	struct session *s;
	jmp_buf out;

	if (!arena)
		return NULL;
	if (setjmp(out) != 0) {
		rest = arena;
		arena_free(&rest);
		return NULL;
	}
	arena_guard(arena, &out);
	arena_limit(arena, LIMIT_SESSION_BYTES);
	s = session_make(arena, policy, env);
	arena_guard(arena, NULL);
	return s;
}

void session_free(struct session **session)
{
	struct arena *arena;

	if (!*session)
		return;
	arena = (*session)->arena;
	*session = NULL;
	arena_free(&arena);
}

const struct report *session_report(const struct session *s)
{
	return &s->report;
}

const struct value *session_value(const struct session *session, const char *name)
{
	/* Looking computes what is at hand; nothing is looked up that was not begun. */
	struct session *s = (struct session *)(uintptr_t)session;
	int slot = policy_slot(s->policy, name);

	return slot < 0 ? NULL : view_value(&s->view, (unsigned)slot);
}

struct str session_fact(const struct session *s, struct arena *arena, const char *name)
{
	const struct value *value = session_value(s, name);

	if (!value)
		return STR("-");
	return value_print(arena, &s->policy->slots[policy_slot(s->policy, name)].def->type, value);
}

/* ---- the fence ---- */

static struct reply out_of_memory(struct session *s)
{
	if (!s->broken && arena_limited(s->arena))
		log_line(LOG_LEVEL_WARNING,
			 "a session wants more than %zu MB of memory: its mail is deferred",
			 LIMIT_SESSION_BYTES >> 20);
	s->broken = true;
	if (s->observing)
		return tell_plain(REPLY_CONTINUE);
	return tell_refuse(451, "4.3.0", "Out of memory, please try again later");
}

/* Runs an event with the arena's way out set. */
static struct reply guarded(struct session *s,
			    struct reply (*handle)(struct session *s, const struct event *event),
			    const struct event *event)
{
	bool begins = handle == event_helo || handle == event_mail;
	jmp_buf out;
	struct reply reply;

	if (s->broken)
		return out_of_memory(s);
	if (setjmp(out) != 0) {
		arena_guard(s->arena, NULL);
		meter_end();
		return out_of_memory(s);
	}
	arena_guard(s->arena, &out);
	/*
	 * A field is only put aside, and there may be very many. What the message before has spent
	 * is forgotten within the event that begins the next.
	 */
	if (s->env.cpu > 0 && handle != event_header)
		meter_begin(s->env.cpu - (begins ? 0 : s->cpu_spent));
	reply = handle(s, event);
	s->cpu_spent += meter_end();
	arena_guard(s->arena, NULL);
	return s->observing ? observed_reply(reply, handle == event_rcpt || handle == event_eom)
			    : reply;
}

struct reply session_connect(struct session *s, struct str name, const struct ip *ip, unsigned port)
{
	return guarded(s, event_connect, &(struct event){.text = name, .ip = ip, .port = port});
}

struct reply session_helo(struct session *s, struct str name)
{
	return guarded(s, event_helo, &(struct event){.text = name});
}

struct reply session_mail(struct session *s, struct str path, const char *const *parameters)
{
	return guarded(s, event_mail, &(struct event){.text = path, .parameters = parameters});
}

struct reply session_rcpt(struct session *s, struct str path, const char *const *parameters)
{
	return guarded(s, event_rcpt, &(struct event){.text = path, .parameters = parameters});
}

struct reply session_data(struct session *s)
{
	return guarded(s, event_data, &(struct event){0});
}

void session_header(struct session *s, struct str name, struct str value)
{
	guarded(s, event_header, &(struct event){.name = name, .text = value});
}

struct reply session_eoh(struct session *s)
{
	return guarded(s, event_eoh, &(struct event){0});
}

struct reply session_body(struct session *s, struct str chunk)
{
	return guarded(s, event_body, &(struct event){.text = chunk});
}

struct reply session_eom(struct session *s, struct edits *edits_r)
{
	*edits_r = (struct edits){0};
	return guarded(s, event_eom, &(struct event){.edits = edits_r});
}

void session_committed(struct session *s)
{
	guarded(s, event_committed, &(struct event){0});
}

struct reply session_edit_failed(struct session *s, const struct edit *edit)
{
	return guarded(s, event_edit_failed, &(struct event){.edit = edit});
}

static struct reply event_abort(struct session *s, const struct event *event)
{
	(void)event;
	message_reset(s);
	return tell_plain(REPLY_CONTINUE);
}

void session_postpone(struct session *s, bool on)
{
	s->postponed = on;
}

void session_abort(struct session *s)
{
	guarded(s, event_abort, &(struct event){0});
}
