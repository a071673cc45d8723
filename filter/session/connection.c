/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connect, HELO and MAIL: sets the base facts that these show and tells what is certain. Nothing
 * is told at HELO, which may come again.
 */

#include "filter/session/private.h"

void set_fact(struct session *s, const char *fact, struct value value)
{
	view_set(&s->view, fact, value);
}

static bool macro_value(struct session *s, const struct slot *slot, struct value *value_r)
{
	const char *text = s->env.macro(s->env.ctx, slot->def->macro), *why;
	struct arena *arena = s->view.arenas[slot->scope];
	uint64_t number;

	if (!text || !*text)
		return false;
	if (slot->def->type.base != TYPE_NUMBER)
		return value_parse(arena, &slot->def->type, str_of(text), value_r, &why);
	if (!str_uint(str_of(text), UINT32_MAX, &number))
		return false;
	*value_r = value_number((int64_t)number * 1000);
	return true;
}

void set_macros(struct session *s, enum stage stage)
{
	for (size_t i = 0; i < s->policy->slot_count; i++) {
		const struct slot *slot = &s->policy->slots[i];
		struct value value;
		struct cell *cell;

		if (!slot->def->macro || slot->def->stage > stage || !s->view.cells[slot->scope])
			continue;
		cell = &s->view.cells[slot->scope][slot->index];
		if (cell->value.state != FACT_UNKNOWN)
			continue;
		/* STARTTLS and AUTH may still come: their absence is settled at MAIL. */
		if (macro_value(s, slot, &value))
			cell->value = value;
		else if (stage >= STAGE_MAIL || slot->scope == SCOPE_CONNECTION)
			cell->value = value_absent();
	}
}

static const struct table *submitters(const struct policy *policy)
{
	return policy_setting_table(policy, "submitters");
}

struct reply event_connect(struct session *s, const struct event *event)
{
	struct decision d;

	s->connected = true;
	s->view.stage = STAGE_CONNECT;
	set_fact(s, "client.ip", event->ip ? value_ip(event->ip) : value_absent());
	set_fact(s, "client.reported-name",
		 value_text(str_dup(s->arena, str_sub(event->text, 0, LIMIT_PATH))));
	set_fact(s, "client.port",
		 event->port != 0 ? value_number((int64_t)event->port * 1000) : value_absent());
	/* Postfix shows local submission as a client on loopback that has no port. */
	s->local_submission = event->port == 0 && (!event->ip || ip_is_loopback(event->ip));
	if (event->ip && submitters(s->policy))
		s->submitter = table_has_ip(submitters(s->policy), event->ip);
	set_macros(s, STAGE_CONNECT);
	settle(s, clock_now(s->env.clock), false, &d);
	if (!d.certain || !s->hears_connect)
		return tell_plain(REPLY_CONTINUE);
	if (d.verdict == VERDICT_ACCEPT && !d.pending && !s->keeps_asking)
		return tell_message(s, &d, tell_plain(REPLY_ACCEPT));
	if (tell_is_refusal(d.verdict) && s->early_connect)
		return tell_message(s, &d, tell_refusal(s, &d));
	return tell_plain(REPLY_CONTINUE);
}

struct reply event_helo(struct session *s, const struct event *event)
{
	message_reset(s);
	scope_renew(s, SCOPE_HELO, &s->helo_arena);
	s->view.stage = STAGE_HELO;
	set_fact(s, "helo.name",
		 value_text(str_lower(s->helo_arena, str_sub(event->text, 0, LIMIT_PATH))));
	set_macros(s, STAGE_HELO);
	settle_start(s);
	return tell_plain(REPLY_CONTINUE);
}

/* ---- MAIL ---- */

/*
 * The sender is what the MTA makes of the argument ({mail_addr}), checked by our own grammar. If
 * the argument itself says something else, or nothing that can be parsed, the sender is ambiguous.
 */
static void set_sender(struct session *s, struct str argument)
{
	const char *macro = s->env.macro(s->env.ctx, "mail_addr"), *why = NULL;
	struct path raw = {0}, seen = {0};
	bool raw_ok, seen_ok;

	argument = str_sub(argument, 0, LIMIT_PATH);
	raw_ok = path_parse(s->message_arena, argument, false, &raw, &why);
	seen = raw;
	seen_ok = raw_ok;
	if (macro)
		seen_ok = path_parse(s->message_arena, *macro ? str_of(macro) : STR("<>"), false,
				     &seen, &why);
	s->sender = seen_ok ? seen : (struct path){0};
	s->sender_text = str_clean(
	    s->message_arena,
	    seen_ok ? str_printf(s->message_arena, "<" STR_FMT ">", STR_ARG(seen.text)) : argument,
	    300);
	set_fact(s, "sender", seen_ok ? value_text(seen.text) : value_absent());
	set_fact(s, "sender.local",
		 seen_ok && !seen.null ? value_text(seen.local) : value_absent());
	set_fact(s, "sender.domain",
		 seen_ok && !seen.null ? value_text(seen.domain) : value_absent());
	set_fact(s, "sender.ambiguous",
		 value_boolean(!raw_ok || !seen_ok || !str_caseeq(raw.text, seen.text)));
}

static const char **copy_parameters(struct arena *arena, const char *const *parameters)
{
	VEC(const char *) copy = {0};

	for (; parameters && *parameters; parameters++)
		*vec_push(arena, &copy) = str_dup(arena, str_of(*parameters)).s;
	*vec_push(arena, &copy) = NULL;
	return copy.items;
}

/* Whoever has no queue cannot bring a recipient again: its message is judged as one. */
static enum mixed mixed_now(struct session *s)
{
	const char *user = s->env.macro(s->env.ctx, "auth_authen");

	if (s->mixed_setting == MIXED_DEFER &&
	    (s->local_submission || (user && *user) || s->submitter))
		return MIXED_MESSAGE;
	return s->mixed_setting;
}

struct reply event_mail(struct session *s, const struct event *event)
{
	struct decision d;
	struct value parameters = {.state = FACT_PRESENT};

	message_begin(s);
	s->began = clock_now(s->env.clock);
	s->view.stage = STAGE_MAIL;
	parameters.opaque = copy_parameters(s->message_arena, event->parameters);
	set_sender(s, event->text);
	set_fact(s, "sender.parameters", parameters);
	if (s->view.cells[SCOPE_HELO]) {
		int helo = policy_slot(s->policy, "helo.name");

		if (helo >= 0 && view_value(&s->view, (unsigned)helo)->state == FACT_UNKNOWN)
			set_fact(s, "helo.name", value_absent());
	}
	set_macros(s, STAGE_MAIL);
	s->mixed = mixed_now(s);
	s->turn = turn_key(s);
	s->waiting_kind = turn_take(s->turn, clock_now(s->env.clock));
	for (const char *const *p = parameters.opaque; *p; p++)
		if (str_caseeq(str_of(*p), STR("SMTPUTF8")))
			s->message_fields.utf8 = true;
	settle(s, settle_deadline(s, LIMIT_COMMAND_SECONDS), false, &d);
	if (!d.certain)
		return tell_plain(REPLY_CONTINUE);
	if (tell_is_refusal(d.verdict))
		return tell_message(s, &d, tell_refusal(s, &d));
	if (d.verdict == VERDICT_DISCARD)
		return tell_message(s, &d, tell_plain(REPLY_DISCARD));
	if (d.verdict == VERDICT_ACCEPT && !d.pending && !s->keeps_asking)
		return tell_message(s, &d, tell_plain(REPLY_ACCEPT));
	return tell_plain(REPLY_CONTINUE);
}
