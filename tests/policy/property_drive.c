/* SPDX-License-Identifier: BSD-2-Clause */
/* Drives a session through a case as an MTA and a client with a queue would. */

#include <stdio.h>
#include <string.h>

#include "postern/dns.h"
#include "tests/policy/property_run.h"

unsigned drive_late;
static struct arena *sources;
static struct source names;

void drive_begin(void)
{
	struct buf text = {0};

	sources = arena_new(NULL);
	text.arena = sources;
	buf_puts(&text, "here.example A 192.0.2.1\n");
	for (int f = 0; f < MADE_UP_COUNT; f++)
		for (int i = 0; i < 2; i++)
			buf_printf(&text, "q%d-%d.slow.example TIMEOUT\n", f, i);
	names = (struct source){"names", buf_str(&text)};
}

void drive_end(void)
{
	arena_free(&sources);
}

/* ---- events ---- */

static bool gives_up(struct run *r)
{
	if (!r->abort_after || ++r->event < r->abort_after)
		return false;
	session_abort(r->session);
	return true;
}

static void mail_event(struct run *r)
{
	const struct gen_mail *mail = &r->c->mails[r->place.mail];
	struct moment m = run_moment(r, STAGE_MAIL, -1);
	struct reply reply;
	struct said said;
	char path[64] = "<>";

	if (mail->domain)
		snprintf(path, sizeof(path), "<s%d@%s>", r->place.mail, mail->domain);
	reply = run_felt(r, STAGE_MAIL, session_mail(r->session, str_of(path), NULL));
	oracle_now(&m, &said);
	check_reply(r, &m, &said, false, &reply);
	run_ends(r, &reply, STAGE_MAIL);
}

/*
 * Two that are the same in all that the policy asks of a recipient are of one kind. What is looked
 * up may be known of one and not be needed of the other: there they may differ.
 */
static bool alike(const struct run *r, int a, int b)
{
	const struct gen_policy *p = &r->c->policy;

	for (int f = F_U_FLAG; f < MADE_UP_COUNT; f++)
		if (fact_rows[f].dns && policy_uses(p, f))
			return false;
	if (a == b)
		return true;
	if (policy_uses(p, F_RECIPIENT) || policy_uses(p, F_RECIPIENT_DOMAIN))
		return false;
	for (int f = F_U_FLAG; f < MADE_UP_COUNT; f++) {
		const struct worth *x = &r->c->user[a][f], *y = &r->c->user[b][f];

		if (!policy_uses(p, f))
			continue;
		/* Not known at RCPT: known by whose it is. */
		if (fact_rows[f].stage > STAGE_RCPT || memcmp(x, y, sizeof(*x)) != 0)
			return false;
	}
	return true;
}

static void put_off(struct run *r, struct attempt *a, const struct said *said)
{
	const struct attempt *first = NULL;

	a->put_off = true;
	if (r->c->policy.mixed)
		check_fail("KIND: 452 though kinds may mix");
	if (said->certain && run_refuses(said->verdict) && said->text_known && r->slow)
		drive_late++;
	else if (said->certain && run_refuses(said->verdict) && said->text_known)
		check_fail("REPLY: %s is put off, not refused", addresses[a->rcpt]);
	for (int i = 0; i < r->count && !first; i++)
		if (r->attempts[i].taken && !r->attempts[i].discard)
			first = &r->attempts[i];
	if (first && !r->slow && alike(r, first->rcpt, a->rcpt))
		check_fail("KIND: %s is put off beside %s", addresses[a->rcpt],
			   addresses[first->rcpt]);
}

/*
 * Does the refusal stand for the whole message? Where that rests on lookups that were not needed
 * for the recipient, either is right, and the case ends here.
 */
static bool spoils(struct run *r, const struct moment *judged, enum verdict verdict)
{
	struct moment m = *judged;
	bool with, without;
	struct said said;

	m.place.rcpt = -1;
	oracle_now(&m, &said);
	with = said.certain && said.verdict == verdict && said.text_known;
	m.offline = true;
	oracle_now(&m, &said);
	without = said.certain && said.verdict == verdict && said.text_known;
	r->unclear |= with != without;
	return with && without;
}

static void rcpt_event(struct run *r, int index)
{
	struct attempt *a = &r->attempts[r->count];
	int rcpt = r->c->mails[r->place.mail].rcpts[index];
	struct moment m;
	struct reply reply;
	struct said said;
	char path[64];

	*a = (struct attempt){.rcpt = rcpt, .index = index};
	m = run_moment(r, STAGE_RCPT, rcpt);
	m.recipients[m.recipient_count++] = m.attempted[m.attempted_count++] = rcpt;
	r->count++;
	snprintf(path, sizeof(path), "<%s>", addresses[rcpt]);
	reply = run_felt(r, STAGE_RCPT, session_rcpt(r->session, str_of(path), NULL));
	oracle_now(&m, &said);
	if (reply.kind == REPLY_TEMPFAIL && reply.code == 452 &&
	    strcmp(reply.enhanced, "4.5.3") == 0) {
		if (r->verbose)
			printf("  rcpt %s: put off\n", addresses[rcpt]);
		put_off(r, a, &said);
		return;
	}
	check_reply(r, &m, &said, false, &reply);
	if (reply.kind == REPLY_REJECT || reply.kind == REPLY_TEMPFAIL) {
		r->refused = true;
		a->spoils = spoils(r, &m, said.verdict);
		run_settle(a, reply.kind == REPLY_REJECT ? VERDICT_REJECT : VERDICT_DEFER,
			   STAGE_RCPT);
		return;
	}
	if (reply.kind != REPLY_CONTINUE)
		check_fail("REPLY: %s at RCPT", reply_names[reply.kind]);
	a->taken = true;
	a->discard = said.certain && said.verdict == VERDICT_DISCARD && said.text_known;
}

static bool logs(const struct gen_policy *p)
{
	for (int i = 0; i < p->rule_count; i++)
		for (int a = 0; !p->rules[i].off && a < p->rules[i].count; a++)
			if (p->rules[i].acts[a].act == ACT_LOG)
				return true;
	return false;
}

/* DATA and the end of the header: all that were taken are told at once. */
static void whole_event(struct run *r, enum stage stage, struct reply reply)
{
	struct said first = {0}, said;
	struct moment m;
	bool discards = false, any = false;

	for (int i = 0; i < r->count; i++)
		discards |= r->attempts[i].taken && r->attempts[i].discard;
	for (int i = 0; i < r->count && !r->c->policy.mixed; i++) {
		if (!r->attempts[i].taken || r->attempts[i].discard)
			continue;
		m = run_moment(r, stage, r->attempts[i].rcpt);
		oracle_now(&m, &said);
		if (!any)
			first = said;
		any = true;
		/* Logs are no part of a kind. */
		if (!logs(&r->c->policy) && said.certain != first.certain)
			check_fail("KIND: one recipient is certain before another at %s",
				   stage_names[stage]);
		if (said.certain && first.certain && said.verdict != first.verdict)
			check_fail("KIND: recipients of one transaction differ at %s",
				   stage_names[stage]);
	}
	if (any) {
		check_reply(r, &m, &first, discards, &reply);
	} else if (!r->c->policy.mixed && !r->lenient) {
		m = run_moment(r, stage, -1);
		oracle_now(&m, &said);
		/* Nothing is looked up for it any more. */
		if (reply.kind != REPLY_DISCARD
			? reply.kind != REPLY_CONTINUE ||
			      (!r->held && !run_asks(&r->c->policy) && said.certain &&
			       said.text_known && said.verdict == VERDICT_DISCARD)
			: !said.certain || said.verdict != VERDICT_DISCARD)
			check_fail("REPLY: %s at %s where all are to be discarded",
				   reply_names[reply.kind], stage_names[stage]);
	}
	run_ends(r, &reply, stage);
}

static void finish(struct run *r)
{
	struct edits edits;
	struct reply reply = run_felt(r, STAGE_MESSAGE, session_eom(r->session, &edits));
	const struct attempt *kept = NULL;
	enum verdict verdict;

	if (run_ends(r, &reply, STAGE_MESSAGE))
		return;
	if (r->c->policy.observe && edits.count > 0)
		check_fail("OBSERVE: an edit is made");
	if (r->c->policy.observe)
		edits = session_report(r->session)->edits;
	verdict = run_edit(&edits, EDIT_HOLD, NULL) ? VERDICT_HOLD : VERDICT_ACCEPT;
	for (size_t i = 0; i < edits.count; i++) {
		enum edit_kind kind = edits.items[i].kind;

		if (r->c->policy.observe)
			break;
		if (kind == EDIT_HOLD               ? !r->needs.holds
		    : kind == EDIT_REMOVE_RECIPIENT ? !r->needs.edits_recipients
						    : !r->needs.edits_headers)
			check_fail("NEEDS: the MTA was not asked to let such edits be made");
	}
	for (int i = 0; i < r->count; i++) {
		struct attempt *a = &r->attempts[i];
		bool removed = run_edit(&edits, EDIT_REMOVE_RECIPIENT, addresses[a->rcpt]) != NULL;

		if (!a->taken || a->settled)
			continue;
		/* With `set mixed`, a twin may be taken for another reason. */
		if (r->c->policy.mixed)
			removed &= a->discard;
		if (removed != a->discard && !r->lenient && !r->c->policy.mixed)
			check_fail("DISCARD: %s is %sdeleted", addresses[a->rcpt],
				   removed ? "" : "not ");
		a->discard = removed;
		run_settle(a, removed ? VERDICT_DISCARD : verdict, STAGE_MESSAGE);
		if (!removed && !kept)
			kept = a;
	}
	r->over = true;
	session_committed(r->session);
	if (kept)
		check_edits(r, kept, &edits);
}

static void content(struct run *r)
{
	const struct gen_mail *mail = &r->c->mails[r->place.mail];
	struct header header;

	if (!mail->hides_data)
		whole_event(r, STAGE_DATA, run_felt(r, STAGE_DATA, session_data(r->session)));
	if (r->over || gives_up(r))
		return;
	header_of(mail, &header);
	for (int i = 0; i < header.count && r->needs.headers; i++) {
		char value[420];

		snprintf(value, sizeof(value), " %s", header.lines[i].value);
		session_header(r->session, str_of(header.lines[i].name), str_of(value));
	}
	/* What was held back at DATA, which this MTA does not show, is told at the end. */
	r->held = mail->hides_data && !r->needs.eoh_reply;
	if (r->needs.eoh)
		whole_event(r, STAGE_HEADERS, run_felt(r, STAGE_HEADERS, session_eoh(r->session)));
	if (r->over || gives_up(r))
		return;
	if (r->needs.body)
		session_body(r->session, STR("text\r\n"));
	if (!gives_up(r))
		finish(r);
}

static void helo(struct run *r)
{
	static const char *const said[HELOS] = {"red", "green", "mail.red"};
	struct reply reply;

	r->place.helo++;
	place_now = r->place;
	if (!r->needs.helo)
		return;
	reply = session_helo(r->session, str_of(said[r->place.helo % HELOS]));
	if (reply.kind != REPLY_CONTINUE)
		check_fail("REPLY: %s at HELO", reply_names[reply.kind]);
}

/* One transaction for some of a mail's recipients. */
static void transaction(struct run *r, const int *list, int count)
{
	bool any = false;

	r->count = 0;
	r->over = r->refused = r->held = false;
	place_now = r->place;
	mail_event(r);
	if (r->over) {
		/* All that it would have been for share the fate. */
		for (int i = 0; i < count; i++) {
			r->attempts[i] =
			    (struct attempt){.index = list[i],
					     .taken = true,
					     .rcpt = r->c->mails[r->place.mail].rcpts[list[i]],
					     .settled = true,
					     .verdict = session_report(r->session)->outcome.verdict,
					     .stage = STAGE_MAIL};
			r->count++;
		}
	}
	if (!r->over && gives_up(r)) {
		r->count = 0;
		return;
	}
	for (int i = 0; i < count && !r->over && !check_fault(); i++) {
		rcpt_event(r, list[i]);
		any |= r->attempts[r->count - 1].taken;
		if (r->unclear || gives_up(r)) {
			r->count = 0;
			return;
		}
	}
	if (!check_fault() && any)
		content(r);
	else if (!check_fault() && !r->over)
		session_abort(r->session);
	if (any && !r->over)
		r->count = 0; /* given up */
	else if (!check_fault())
		check_report(r);
	for (int i = 0; i < r->count && !check_fault(); i++)
		if (r->attempts[i].settled)
			check_outcome(r, &r->attempts[i]);
}

/* A client's queue: what was put off comes again, until everybody has an answer. */
static void mail_run(struct run *r)
{
	const struct gen_mail *mail = &r->c->mails[r->place.mail];
	bool done[RCPTS_MOST] = {0}, deferred[RCPTS_MOST] = {0};
	int left = mail->rcpt_count;

	for (int i = 0; i < mail->helo + mail->helo_again; i++)
		helo(r);
	r->abort_after = mail->abort_after;
	r->event = 0;
	for (int tries = 0; left > 0 && !check_fault() && !r->unclear; tries++) {
		int list[RCPTS_MOST], count = 0;

		if (tries > 4 * RCPTS_MOST) {
			check_fail("LOST: a recipient is put off for ever");
			return;
		}
		for (int i = 0; i < mail->rcpt_count; i++)
			if (!done[i] || (tries > 0 && deferred[i] && mail->brings_deferred &&
					 !mail->one_by_one))
				list[count++] = i;
		if (tries > 0 && mail->one_by_one)
			count = 1;
		if (r->verbose)
			printf("  --- mail %d, transaction %d, %d recipients\n", r->place.mail,
			       r->place.transaction, count);
		transaction(r, list, count);
		for (int i = 0; i < r->count; i++) {
			const struct attempt *a = &r->attempts[i];

			if (!a->settled && !a->put_off)
				check_fail("LOST: %s has no answer", addresses[a->rcpt]);
			if (a->settled && !done[a->index]) {
				done[a->index] = true;
				left--;
			}
			deferred[a->index] = a->settled && a->verdict == VERDICT_DEFER;
		}
		r->abort_after = 0;
		r->place.transaction++;
	}
}

/* ---- a case ---- */

static bool connect_run(struct run *r)
{
	struct moment m = run_moment(r, STAGE_CONNECT, -1);
	struct reply reply;
	struct said said;
	struct ip ip;

	ip_parse(STR("192.0.2.7"), &ip);
	place_now = r->place;
	reply = run_felt(r, STAGE_CONNECT,
			 session_connect(r->session, STR("client.example"), &ip, 2525));
	oracle_now(&m, &said);
	check_reply(r, &m, &said, false, &reply);
	if (reply.kind == REPLY_CONTINUE)
		return true;
	/* The first mail shows whether it was right. */
	for (int i = 0; i < r->c->mails[0].rcpt_count; i++)
		r->attempts[r->count++] =
		    (struct attempt){.taken = true, .rcpt = r->c->mails[0].rcpts[i]};
	run_ends(r, &reply, STAGE_CONNECT);
	for (int i = 0; i < r->count; i++)
		check_outcome(r, &r->attempts[i]);
	return false;
}

static int slow_facts(const struct gen_case *c)
{
	int count = 0;

	for (int f = 0; f < MADE_UP_COUNT; f++)
		if (c->delays[f] > 0 && policy_uses(&c->policy, f))
			count += c->delays[f];
	return count;
}

static struct policy *compile(const struct gen_case *c, bool verbose)
{
	static unsigned runs;
	struct arena *arena = arena_new(NULL);
	struct diag *diag = diag_new(arena);
	struct buf text = {.arena = arena};
	struct source source = {.name = "made-up.policy"};
	struct policy *policy;

	/* What the session remembers between transactions must not outlive the case. */
	buf_printf(&text, "# %u\n%s", runs++, policy_text(&c->policy));
	source.text = buf_str(&text);
	policy = policy_compile(&source, ".", NULL, diag);
	if (!policy) {
		check_fail("COMPILE: the policy does not compile");
		if (verbose)
			diag_print(diag, stdout);
	}
	arena_free(&arena);
	return policy;
}

const char *case_run(const struct gen_case *c, bool verbose)
{
	struct run r = {.c = c, .verbose = verbose, .clock = {true, NS_PER_S, 1000000}};
	struct session_env env = {.clock = &r.clock, .trace = false};
	struct arena *arena = arena_new(NULL);

	check_begin();
	r.place = (struct place){.c = c, .helo = -1, .rcpt = -1};
	r.slow = slow_facts(c) > 0;
	r.lenient = slow_facts(c) > 1;
	r.policy = compile(c, verbose);
	if (r.policy && resolver_from_source(&names, &r.clock, diag_new(arena), &r.resolver) < 0)
		check_fail("RESOLVER: its names cannot be read");
	if (check_fault()) {
		policy_free(&r.policy);
		arena_free(&arena);
		return check_fault();
	}
	env.resolver = r.resolver;
	session_needs(r.policy, &r.needs);
	r.session = session_new(r.policy, &env);
	if (connect_run(&r))
		for (int i = 0; i < c->mail_count && !check_fault() && !r.unclear; i++) {
			r.place.mail = i;
			mail_run(&r);
		}
	session_free(&r.session);
	resolver_free(&r.resolver);
	policy_free(&r.policy);
	arena_free(&arena);
	return check_fault();
}
