/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RCPT: the one place where SMTP can refuse one of several. A recipient's own refusal comes first;
 * one that would be taken must be of the same kind as those taken before, else it is put off with
 * 452 and the client's queue brings it alone.
 */

#include "filter/session/private.h"

static void push_recipient(struct session *s, struct str address)
{
	size_t domain = (size_t)(str_rchr(address, '@') + 1);

	*vec_push(s->message_arena, &s->addresses) = value_text(address);
	*vec_push(s->message_arena, &s->domains) = value_text(str_sub(address, domain, address.n));
}

static void pop_recipient(struct session *s)
{
	s->addresses.count--;
	s->domains.count--;
}

/* Facts over all recipients: those answered 250, and while one is judged that one. */
static void set_counts(struct session *s)
{
	struct value list = value_list(s->addresses.items, s->addresses.count);
	struct value domains = value_list(s->domains.items, s->domains.count);
	struct value number = value_number((int64_t)s->addresses.count * 1000);
	struct value attempted = value_list(s->attempted.items, s->attempted.count);

	if (s->view.stage < STAGE_DATA)
		list.state = domains.state = number.state = attempted.state = FACT_GROWING;
	set_fact(s, "recipients", list);
	set_fact(s, "recipients.domain", domains);
	set_fact(s, "recipient.count", number);
	set_fact(s, "attempted", attempted);
}

void recipients_final(struct session *s)
{
	set_counts(s);
}

/*
 * The recipient is what the MTA makes of the argument ({rcpt_addr}); our own grammar must take it
 * too. A bare local part that the MTA completed is completed; bare postmaster is ours.
 */
static bool recipient_path(struct session *s, struct recipient *recipient, struct str argument,
			   struct path *path_r, const char **why_r)
{
	struct arena *arena = recipient->arena;
	const char *macro = s->env.macro(s->env.ctx, "rcpt_addr");
	struct path seen, bare;
	struct str completed;

	if (!path_parse(arena, argument, true, path_r, why_r)) {
		completed = str_printf(arena, STR_FMT "@invalid", STR_ARG(str_trim(argument)));
		if (argument.n > 1 && argument.s[0] == '<')
			completed = str_printf(arena, STR_FMT "@invalid>",
					       STR_ARG(str_sub(argument, 0, argument.n - 1)));
		if (!macro || !path_parse(arena, completed, true, &bare, why_r) || bare.routed ||
		    !path_parse(arena, str_of(macro), true, path_r, why_r))
			return false;
		return str_caseeq(bare.local, path_r->local) && path_r->domain.n > 0;
	}
	if (path_r->null) {
		*why_r = "the null address is no recipient";
		return false;
	}
	if (macro && path_parse(arena, str_of(macro), true, &seen, why_r) && seen.domain.n > 0 &&
	    !str_caseeq(seen.text, path_r->text)) {
		seen.routed |= path_r->routed;
		*path_r = seen;
	}
	recipient->bare = path_r->domain.n == 0;
	if (recipient->bare) {
		const struct value *authserv = policy_setting_named(s->policy, "authserv");

		path_r->domain =
		    authserv->state == FACT_PRESENT ? authserv->text : STR("localhost");
		path_r->text = str_printf(arena, STR_FMT "@" STR_FMT, STR_ARG(path_r->local),
					  STR_ARG(path_r->domain));
	}
	return true;
}

static void set_recipient(struct session *s, struct recipient *recipient, const struct path *path,
			  const char *const *parameters)
{
	VEC(const char *) copy = {0};
	struct value list = {.state = FACT_PRESENT}, domain = value_text(path->domain);

	settle_recipient(s, recipient);
	set_fact(s, "recipient", value_text(path->text));
	set_fact(s, "recipient.local", value_text(path->local));
	domain.ours = recipient->bare;
	set_fact(s, "recipient.domain", domain);
	set_fact(s, "recipient.tag", path->tag.n > 0 ? value_text(path->tag) : value_absent());
	set_fact(s, "recipient.routed", value_boolean(path->routed));
	for (; parameters && *parameters; parameters++)
		*vec_push(recipient->arena, &copy) =
		    str_dup(recipient->arena, str_of(*parameters)).s;
	*vec_push(recipient->arena, &copy) = NULL;
	list.opaque = copy.items;
	set_fact(s, "recipient.parameters", list);
	set_macros(s, STAGE_RCPT);
}

struct recipient *recipient_first(struct session *s)
{
	for (size_t i = 0; i < s->recipients.count; i++)
		if (!s->recipients.items[i].discard)
			return &s->recipients.items[i];
	return NULL;
}

/* Would the recipient be of another kind than those taken so far, or is it not its turn? */
static bool other_kind(struct session *s, struct recipient *recipient)
{
	struct recipient *first = recipient_first(s);
	struct arena *scratch;
	struct str mine;
	bool other;

	/* Most messages are for one recipient, whose kind nobody needs to know. */
	if (s->mixed != MIXED_DEFER || (!first && s->waiting_kind == 0))
		return false;
	scratch = arena_new(s->message_arena);
	mine = engine_residue(&s->view, scratch);
	if (!first) {
		recipient->kind = turn_kind(s->turn, mine);
		other = s->waiting_kind == recipient->kind;
	} else {
		struct str theirs;

		settle_recipient(s, first);
		theirs = engine_residue(&s->view, scratch);
		settle_recipient(s, recipient);
		if (first->kind == 0)
			first->kind = turn_kind(s->turn, theirs);
		other = !str_eq(mine, theirs);
	}
	arena_free(&scratch);
	return other;
}

/* Does the refusal stand for the whole message, whoever the recipient is? */
static bool latches(struct session *s, const struct decision *own)
{
	struct arena *scratch = arena_new(s->message_arena);
	struct decision d;
	bool same;

	settle_recipient(s, NULL);
	engine_decide(&s->view, scratch, NULL, NULL, &d);
	same = d.certain && d.verdict == own->verdict;
	if (same) {
		s->latch = tell_refusal(s, &d);
		s->has_latch = true;
		s->latch_decision = d;
		s->latch_decision.needed = s->latch_decision.open = NULL; /* of the scratch */
		s->latch_decision.needed_count = s->latch_decision.open_count = 0;
	}
	arena_free(&scratch);
	return same;
}

static struct reply refuse_other_kind(struct session *s, size_t row)
{
	struct decision d = {.certain = true, .verdict = VERDICT_DEFER};
	struct reply reply = tell_refuse(
	    452, "4.5.3", "This recipient is handled differently, please send it separately");

	s->split = true;
	tell_recipient(s, row, &d, reply);
	return reply;
}

static struct reply take(struct session *s, struct recipient *recipient, const struct decision *d,
			 size_t row)
{
	recipient->discard = d->certain && d->verdict == VERDICT_DISCARD;
	if (recipient->discard) {
		recipient->discard_rule = d->rule;
		recipient->discard_end = d->end;
		tell_discarded(s, row, d);
	}
	recipient->report = row;
	*vec_push(s->message_arena, &s->recipients) = *recipient;
	return tell_plain(REPLY_CONTINUE);
}

static struct reply judge(struct session *s, struct recipient *recipient, size_t row)
{
	struct decision d;
	struct reply reply;

	settle(s, settle_deadline(s, LIMIT_COMMAND_SECONDS), false, &d);
	if (d.certain && tell_is_refusal(d.verdict) && !s->local_submission) {
		reply = tell_refusal(s, &d);
		tell_recipient(s, row, &d, reply);
		latches(s, &d);
		return reply;
	}
	if (!(d.certain && d.verdict == VERDICT_DISCARD) && other_kind(s, recipient))
		return refuse_other_kind(s, row);
	return take(s, recipient, &d, row);
}

static size_t report_row(struct session *s, struct str address)
{
	struct report_recipient *row = vec_push(s->message_arena, &s->report_recipients);

	*row = (struct report_recipient){.address = address};
	return s->report_recipients.count - 1;
}

/* The argument of RCPT for reports, which put addresses into brackets themselves. */
static struct str row_text(struct session *s, struct str argument)
{
	if (argument.n >= 2 && argument.s[0] == '<' && argument.s[argument.n - 1] == '>')
		argument = str_sub(argument, 1, argument.n - 2);
	return str_clean(s->message_arena, argument, 300);
}

/*
 * A refusal before any rule. Local submission has no way to hear of a recipient's: there the
 * message is refused as a whole when its content comes.
 */
static struct reply refuse_plainly(struct session *s, struct str argument, struct reply reply)
{
	struct decision d = {.certain = true,
			     .verdict =
				 reply.kind == REPLY_REJECT ? VERDICT_REJECT : VERDICT_DEFER};

	if (s->local_submission) {
		report_row(s, row_text(s, argument));
		s->latch = reply;
		s->latch_decision = d;
		s->has_latch = true;
		return tell_plain(REPLY_CONTINUE);
	}
	tell_recipient(s, report_row(s, row_text(s, argument)), &d, reply);
	return reply;
}

static struct reply refuse_syntax(struct session *s, struct str argument, const char *why)
{
	return refuse_plainly(
	    s, argument,
	    tell_refuse(553, "5.1.3",
			str_printf(s->message_arena, "Bad recipient address: %s", why).s));
}

/* Shown to us although the MTA has refused it: it counts as attempted, nothing else. */
static bool refused_by_mta(struct session *s)
{
	const char *mailer = s->env.macro(s->env.ctx, "rcpt_mailer");

	return mailer && strcmp(mailer, "error") == 0;
}

/* Reads the address and opens the recipient's memory. False: *reply_r says why it is refused. */
static bool begin_recipient(struct session *s, struct str argument, struct recipient *recipient_r,
			    struct path *path_r, struct reply *reply_r)
{
	const char *why = "not an address";
	bool ok;

	recipient_r->arena = arena_new(s->message_arena);
	ok = argument.n <= LIMIT_PATH && recipient_path(s, recipient_r, argument, path_r, &why);
	recipient_r->address =
	    str_dup(s->message_arena, ok ? path_r->text : str_sub(argument, 0, LIMIT_PATH));
	*vec_push(s->message_arena, &s->attempted) = value_text(recipient_r->address);
	if (!ok) {
		*reply_r = refuse_syntax(s, recipient_r->address, why);
		arena_free(&recipient_r->arena);
		return false;
	}
	recipient_r->original = str_dup(s->message_arena, argument);
	recipient_r->cells = cells_new(s, recipient_r->arena, SCOPE_RECIPIENT);
	return true;
}

struct reply event_rcpt(struct session *s, const struct event *event)
{
	struct recipient recipient = {0};
	struct path path = {0};
	struct reply reply;
	size_t row, taken = s->recipients.count;

	if (!s->in_message)
		return tell_refuse(503, "5.5.1", "Need MAIL before RCPT");
	if (s->over)
		return tell_plain(REPLY_CONTINUE);
	if (s->view.stage >= STAGE_DATA)
		return tell_refuse(503, "5.5.1", "No RCPT after DATA");
	if (++s->rcpt_commands > LIMIT_RECIPIENTS ||
	    arena_total(s->arena) > LIMIT_SESSION_BYTES / 4 * 3)
		return refuse_plainly(s, event->text,
				      tell_refuse(452, "4.5.3", "Too many recipients"));
	s->view.stage = STAGE_RCPT;
	if (!begin_recipient(s, event->text, &recipient, &path, &reply))
		return reply;
	if (refused_by_mta(s)) {
		arena_free(&recipient.arena);
		return tell_plain(REPLY_CONTINUE);
	}
	row = report_row(s, str_clean(s->message_arena, recipient.address, 300));
	if (s->has_latch && !s->local_submission) {
		arena_free(&recipient.arena);
		tell_recipient(s, row, &s->latch_decision, s->latch);
		return s->latch;
	}
	push_recipient(s, recipient.address);
	set_counts(s);
	set_recipient(s, &recipient, &path, event->parameters);
	reply = judge(s, &recipient, row);
	settle_recipient(s, NULL);
	if (s->recipients.count == taken) {
		pop_recipient(s);
		arena_free(&recipient.arena);
	}
	set_counts(s);
	return reply;
}
