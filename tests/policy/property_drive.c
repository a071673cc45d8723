/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Drives a session through a case as an MTA and a client with a queue would, and compares every
 * reply and every outcome with what the definition says. Over 600 lines because a dialogue and what
 * is expected at each of its steps are read together.
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/dns.h"
#include "postern/policy.h"
#include "postern/session.h"
#include "tests/policy/property.h"

#define ATTEMPTS_MOST (2 * RCPTS_MOST)

/* What became of one recipient in one transaction. */
struct attempt {
	int rcpt, index; /* address; among the mail's recipients */
	bool taken, put_off, discard;
	bool spoils; /* for its sake the whole message is refused */
	bool settled;
	enum verdict verdict;
	enum stage stage;
};

struct run {
	const struct gen_case *c;
	bool verbose;
	bool slow;    /* a lookup has to be waited for */
	bool lenient; /* lookups take too long for every verdict to come in its time */
	struct policy *policy;
	struct session_needs needs;
	struct clock clock;
	struct resolver *resolver;
	struct session *session;
	struct place place;
	int event, abort_after;
	/* the transaction */
	struct attempt attempts[ATTEMPTS_MOST];
	int count;
	bool over;
	bool refused; /* some recipient was */
	bool held;    /* nobody hears what is said now */
	bool unclear; /* the case ends without a judgement */
};

unsigned drive_late;
static char why[1024];
static bool failed;
static struct arena *sources;
static struct source names;

static void fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void fail(const char *fmt, ...)
{
	va_list ap;

	if (failed)
		return;
	failed = true;
	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
}

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

/* ---- what is expected ---- */

static struct moment moment_at(const struct run *r, enum stage stage, int rcpt)
{
	struct moment m = {.place = r->place, .stage = stage, .waits = stage > STAGE_CONNECT};

	m.place.rcpt = rcpt;
	for (int i = 0; i < r->count; i++) {
		m.attempted[m.attempted_count++] = r->attempts[i].rcpt;
		if (r->attempts[i].taken || r->attempts[i].spoils)
			m.recipients[m.recipient_count++] = r->attempts[i].rcpt;
	}
	return m;
}

/* As the transaction ends up: for one that was refused, it and those that were taken. */
static struct moment moment_end(const struct run *r, const struct attempt *a)
{
	struct moment m = moment_at(r, STAGE_MESSAGE, a->rcpt);

	if (!a->taken && !a->spoils)
		m.recipients[m.recipient_count++] = a->rcpt;
	m.everything = true;
	return m;
}

static const char *const verdicts[] = {"accept", "reject", "defer", "discard", "hold"};
static const char *const replies[] = {"continue", "accept",  "reject",
				      "tempfail", "discard", "skip"};
static const char *const stages[] = {"connect", "helo",    "mail",   "rcpt",
				     "data",    "headers", "message"};

static bool refuses(enum verdict verdict)
{
	return verdict == VERDICT_REJECT || verdict == VERDICT_DEFER;
}

static enum reply_kind reply_of(const struct said *said, enum stage stage, bool early, bool extras)
{
	if (!said->certain)
		return REPLY_CONTINUE;
	if (refuses(said->verdict) && said->text_known && (stage > STAGE_CONNECT || early))
		return said->verdict == VERDICT_REJECT ? REPLY_REJECT : REPLY_TEMPFAIL;
	if (said->verdict == VERDICT_DISCARD && said->text_known && stage != STAGE_CONNECT &&
	    stage != STAGE_RCPT)
		return REPLY_DISCARD;
	if (said->verdict == VERDICT_ACCEPT && !said->pending && stage != STAGE_RCPT && !extras)
		return REPLY_ACCEPT;
	return REPLY_CONTINUE;
}

/*
 * The reply says what a refusal says that is certain and of this verdict. (Which one is the first
 * certain one depends on lookups that need not be made any more.)
 */
static void check_text(struct run *r, const struct moment *m, const struct said *said,
		       const struct reply *reply)
{
	const struct gen_policy *p = &r->c->policy;

	/* A refusal of the whole message is told to all in the words in which it was first told. */
	if (m->stage >= STAGE_RCPT && r->refused)
		return;
	if (reply->code == 451 && strcmp(reply->enhanced, "4.4.3") == 0) {
		if (said->verdict != VERDICT_DEFER || !oracle_fails(m))
			fail("TEXT: a failure is told where nothing failed");
		return;
	}
	for (int i = 0; i < p->rule_count; i++) {
		const struct act_row *act = &p->rules[i].acts[p->rules[i].count - 1];
		if (p->rules[i].observe)
			continue;
		int code = act->code ? act->code : act->act == ACT_REJECT ? 550 : 451;

		if ((act->act == ACT_DEFER ? oracle_decides(m, i)
					   : act->act == ACT_REJECT && oracle_true(m, i)) &&
		    reply->code == code && strcmp(reply->text, oracle_text(m, act)) == 0)
			return;
	}
	fail("TEXT: at %s no rule that is true says %d %s", stages[m->stage], reply->code,
	     reply->text);
}

/* Compares the reply to an event that is judged as a whole with the one that the definition wants.
 */
static void check_reply(struct run *r, const struct moment *m, const struct said *said, bool extras,
			const struct reply *reply)
{
	enum reply_kind want = reply_of(said, m->stage, r->c->policy.early, extras);
	/* Nothing is waited for only to say earlier that a message passes. */
	bool late = reply->kind == REPLY_CONTINUE && want != REPLY_CONTINUE &&
		    (r->lenient || r->held || (r->slow && want == REPLY_ACCEPT));

	/* Whether waiting is worth it is a guess: it is to be wrong very rarely. */
	if (r->slow && !late && reply->kind == REPLY_CONTINUE && want != REPLY_CONTINUE) {
		late = true;
		drive_late++;
	}

	if (r->verbose)
		printf("  %s %s: %s %d %s; wanted %s (%s %s%s, r%d)\n", stages[m->stage],
		       m->place.rcpt >= 0 ? addresses[m->place.rcpt] : "", replies[reply->kind],
		       reply->code, reply->text ? reply->text : "", replies[want],
		       said->certain ? "certain" : "open, last", verdicts[said->verdict],
		       said->pending ? ", pending" : "", said->rule);
	if (reply->kind != want && !late)
		fail("REPLY: at %s %s the reply is %s, wanted is %s", stages[m->stage],
		     m->place.rcpt >= 0 ? addresses[m->place.rcpt] : "", replies[reply->kind],
		     replies[want]);
	else if (m->stage > STAGE_CONNECT &&
		 (reply->kind == REPLY_REJECT || reply->kind == REPLY_TEMPFAIL))
		check_text(r, m, said, reply);
}

/*
 * With `set mode observe` nothing is refused; what would have been said stands in the report, and
 * the dialogue goes on as if it had been.
 */
static struct reply felt(const struct run *r, enum stage stage, struct reply reply)
{
	const struct report *report = session_report(r->session);
	const struct report_outcome *o = &report->outcome;

	if (!r->c->policy.observe)
		return reply;
	if (reply.kind != REPLY_CONTINUE && reply.kind != REPLY_SKIP &&
	    (reply.kind != REPLY_ACCEPT || stage == STAGE_RCPT))
		fail("OBSERVE: %s at %s", replies[reply.kind], stages[stage]);
	if (stage == STAGE_RCPT) {
		if (report->refused != r->count - 1)
			return reply;
		o = &report->recipients[report->refused].outcome;
	}
	if (!o->settled || o->stage != stage)
		return reply;
	reply = (struct reply){.code = o->code, .enhanced = o->enhanced, .text = o->text};
	reply.kind = o->verdict == VERDICT_REJECT    ? REPLY_REJECT
		     : o->verdict == VERDICT_DEFER   ? REPLY_TEMPFAIL
		     : o->verdict == VERDICT_DISCARD ? REPLY_DISCARD
		     : stage == STAGE_MESSAGE        ? REPLY_CONTINUE
						     : REPLY_ACCEPT;
	return reply;
}

/* ---- outcomes ---- */

static void settle(struct run *r, struct attempt *a, enum verdict verdict, enum stage stage)
{
	(void)r;
	a->settled = true;
	a->verdict = verdict;
	a->stage = stage;
}

static void settle_all(struct run *r, enum verdict verdict, enum stage stage)
{
	r->over = true;
	for (int i = 0; i < r->count; i++)
		if (!r->attempts[i].settled && !r->attempts[i].put_off)
			settle(r, &r->attempts[i], verdict, stage);
}

/* An event's reply that ends the message. */
static bool ends(struct run *r, const struct reply *reply, enum stage stage)
{
	const bool heard[] = {
	    r->needs.connect_reply, false, true, r->needs.rcpt_reply, r->needs.data_reply,
	    r->needs.eoh_reply,     true};

	static const enum verdict meaning[] = {[REPLY_ACCEPT] = VERDICT_ACCEPT,
					       [REPLY_REJECT] = VERDICT_REJECT,
					       [REPLY_TEMPFAIL] = VERDICT_DEFER,
					       [REPLY_DISCARD] = VERDICT_DISCARD};

	if (reply->kind == REPLY_CONTINUE || reply->kind == REPLY_SKIP)
		return false;
	if (!heard[stage])
		fail("NEEDS: nobody waits for the reply at %s", stages[stage]);
	settle_all(r, meaning[reply->kind], stage);
	return true;
}

static int strictness(enum verdict verdict)
{
	static const int order[] = {1, 4, 3, 0, 2};

	return order[verdict];
}

/* With `set mixed`, all that were taken share a fate: the first one's, or the strictest. */
static const struct attempt *spokesman(const struct run *r, const struct attempt *a)
{
	const struct attempt *best = NULL;
	int most = -1;

	if (!r->c->policy.mixed || !a->taken || a->discard)
		return a;
	for (int i = 0; i < r->count; i++) {
		struct moment m = moment_end(r, &r->attempts[i]);
		struct final final;

		if (!r->attempts[i].taken || r->attempts[i].discard)
			continue;
		oracle_final(&m, &final);
		if (strictness(final.verdict) <= most)
			continue;
		best = &r->attempts[i];
		most = strictness(final.verdict);
		if (strcmp(r->c->policy.mixed, "first") == 0)
			break;
	}
	return best ? best : a;
}

/*
 * With `set mixed first`, a discard of the first that is certain at RCPT is his alone. What he is
 * found out to be after the time for that is what all are.
 */
static bool led_away(const struct run *r, const struct attempt *a)
{
	if (!r->lenient || !r->c->policy.mixed || strcmp(r->c->policy.mixed, "first") != 0)
		return false;
	for (const struct attempt *first = r->attempts; first < a; first++)
		if (first->taken && first->discard)
			return a->verdict == VERDICT_DISCARD;
	return false;
}

static void check_outcome(struct run *r, const struct attempt *a)
{
	struct moment m = moment_end(r, spokesman(r, a));
	struct final final;

	oracle_final(&m, &final);
	if (r->verbose)
		printf("  %s: %s at %s; everything known: %s (r%d)\n", addresses[a->rcpt],
		       verdicts[a->verdict], stages[a->stage], verdicts[final.verdict], final.rule);
	/* One to be discarded, among others that are refused, is refused with them. */
	if (a->discard && refuses(a->verdict))
		return;
	if (led_away(r, a))
		return;
	if (a->verdict != final.verdict)
		fail("VERDICT: %s is told %s at %s, everything known it is %s", addresses[a->rcpt],
		     verdicts[a->verdict], stages[a->stage], verdicts[final.verdict]);
}

static void check_report(struct run *r)
{
	const struct report *report = session_report(r->session);
	int rows = (int)report->recipient_count;

	for (int i = 0; i < r->count && i < rows; i++) {
		const struct attempt *a = &r->attempts[i];
		const struct report_outcome *o = &report->recipients[i].outcome;

		if (a->put_off ? o->code != 452 || o->stage != STAGE_RCPT
			       : o->verdict != a->verdict || o->stage != a->stage || !o->settled)
			fail("REPORT: %s is reported %s at %s, it was %s at %s", addresses[a->rcpt],
			     verdicts[o->verdict], stages[o->stage],
			     a->put_off ? "put off" : verdicts[a->verdict],
			     stages[a->put_off ? STAGE_RCPT : a->stage]);
	}
}

/* ---- the end of a message ---- */

static const struct edit *edit_of(const struct edits *edits, enum edit_kind kind, const char *value)
{
	for (size_t i = 0; i < edits->count; i++)
		if (edits->items[i].kind == kind &&
		    (!value || strncmp(edits->items[i].value + 1, value, strlen(value)) == 0))
			return &edits->items[i];
	return NULL;
}

/* Another rule than the first may be named, if its verdict and the edits are the same. */
static void check_rule(const struct run *r, const struct moment *m, const struct final *final,
		       const struct edit *hold)
{
	const char *name = session_report(r->session)->outcome.rule;
	int rule = name ? atoi(name + 1) : -1;
	const struct act_row *act;

	if (rule < 0 && final->verdict == VERDICT_HOLD)
		fail("RULE: none is named");
	if (rule < 0)
		return;
	act = &r->c->policy.rules[rule].acts[r->c->policy.rules[rule].count - 1];
	if (act->act != (hold ? ACT_HOLD : ACT_ACCEPT) || !oracle_true(m, rule))
		fail("RULE: r%d is named", rule);
	if (hold && strcmp(hold->value, oracle_text(m, act)) != 0)
		fail("EDITS: held because '%s'", hold->value);
}

/*
 * The logs that apply, in their order. For the log of a rule that decides nothing is looked up: it
 * may be missing, or be written where another rule of the same verdict came first.
 */
static void check_logs(struct run *r, const struct moment *m, const struct final *final)
{
	const struct report *report = session_report(r->session);
	const struct gen_policy *p = &r->c->policy;
	bool exact = true;
	size_t n = 0;

	for (int i = 0; i < p->rule_count; i++) {
		bool decides = !p->rules[i].observe &&
			       act_decisive(p->rules[i].acts[p->rules[i].count - 1].act);

		for (int a = 0; a < p->rules[i].count; a++) {
			const struct act_row *act = &p->rules[i].acts[a];

			if (act->act != ACT_LOG)
				continue;
			exact &= !decides;
			if (decides || p->rules[i].observe || !final->applies[i])
				continue;
			while (!exact && n < report->log_count &&
			       strcmp(report->logs[n], oracle_text(m, act)) != 0)
				n++;
			if (n == report->log_count ||
			    strcmp(report->logs[n++], oracle_text(m, act)) != 0) {
				fail("LOGS: '%s' of r%d is missing", oracle_text(m, act), i);
				return;
			}
		}
	}
	if (exact && n != report->log_count)
		fail("LOGS: %zu lines instead of %zu", report->log_count, n);
}

static bool asks(const struct gen_policy *p)
{
	for (int f = 0; f < MADE_UP_COUNT; f++)
		if (fact_rows[f].dns && policy_uses(p, f))
			return true;
	return false;
}

/* One that is noted: does it say what the rule would have done? */
static bool observed_right(const struct run *r, const struct moment *m, int rule, bool fails,
			   const struct report_observed *o)
{
	static const enum verdict meaning[] = {VERDICT_ACCEPT, VERDICT_REJECT, VERDICT_DEFER,
					       VERDICT_DISCARD, VERDICT_HOLD};
	const struct gen_rule *made = &r->c->policy.rules[rule];
	const struct act_row *last = &made->acts[made->count - 1];
	struct header have, want;
	struct final alone = {0};

	if (atoi(o->rule + 1) != rule || o->decides != act_decisive(last->act))
		return false;
	if (fails)
		return o->verdict == VERDICT_DEFER && o->code == 451;
	if (o->decides && o->verdict != meaning[last->act])
		return false;
	if ((o->text != NULL) != (last->act == ACT_LOG || (o->decides && last->act != ACT_ACCEPT)))
		return false;
	if (o->text && strcmp(o->text, oracle_text(m, last)) != 0)
		return false;
	header_of(&r->c->mails[r->place.mail], &have);
	want = have;
	alone.applies[rule] = true;
	header_expected(m, &alone, &want);
	return header_apply(&have, &o->edits) && header_equal(&have, &want);
}

/* Each observed rule above the decision that is true, in its order. */
static void check_observed(struct run *r, const struct moment *m, const struct final *final)
{
	const struct report *report = session_report(r->session);
	const struct gen_policy *p = &r->c->policy;
	bool soft = false;
	size_t n = 0;

	for (int i = 0; i < p->rule_count && (final->rule < 0 || i < final->rule); i++) {
		const struct gen_rule *rule = &p->rules[i];
		enum act act = rule->acts[rule->count - 1].act;
		int value = rule->off ? 0 : oracle_value(m, i);
		bool harsh = act == ACT_REJECT || act == ACT_DISCARD, fails;

		if (rule->off || !rule->observe) {
			soft |= value == -2 && act_decisive(act) && !harsh && act != ACT_DEFER;
			soft |= value == -2 && act == ACT_DISCARD;
			continue;
		}
		fails = act_decisive(act) && (value == -1 || (value == 1 && harsh && soft));
		if (value != 1 && !fails)
			continue;
		if (n == report->observed_count ||
		    !observed_right(r, m, i, fails, &report->observed[n++])) {
			fail("OBSERVED: r%d is not told, or not what it would have done", i);
			return;
		}
	}
	if (n < report->observed_count)
		fail("OBSERVED: %s is told", report->observed[n].rule);
	/* Nothing is looked up for a score that nobody asks for. */
	if (!asks(p) && report->outcome.rule && atoi(report->outcome.rule + 1) == final->rule &&
	    report->score != final->score)
		fail("SCORE: %lld is reported, it is %ld", (long long)report->score, final->score);
}

/* What is delivered at the end is edited as the definition says. */
static void check_edits(struct run *r, const struct attempt *a, const struct edits *edits)
{
	const struct gen_mail *mail = &r->c->mails[r->place.mail];
	struct moment m = moment_end(r, spokesman(r, a));
	const struct edit *hold = edit_of(edits, EDIT_HOLD, NULL);
	struct header have, want;
	struct final final;

	oracle_final(&m, &final);
	if (final.verdict != VERDICT_ACCEPT && final.verdict != VERDICT_HOLD)
		return;
	header_of(mail, &have);
	header_of(mail, &want);
	header_expected(&m, &final, &want);
	if (!header_apply(&have, edits))
		fail("EDITS: one that cannot be made");
	if (r->verbose && !header_equal(&have, &want)) {
		printf("    header wanted:\n");
		header_print(&want);
		printf("    header made:\n");
		header_print(&have);
	}
	if (!header_equal(&have, &want))
		fail("EDITS: %s gets another header", addresses[a->rcpt]);
	check_rule(r, &m, &final, hold);
	check_logs(r, &m, &final);
	check_observed(r, &m, &final);
}

static void finish(struct run *r)
{
	struct edits edits;
	struct reply reply = felt(r, STAGE_MESSAGE, session_eom(r->session, &edits));
	const struct attempt *kept = NULL;
	enum verdict verdict;

	if (ends(r, &reply, STAGE_MESSAGE))
		return;
	if (r->c->policy.observe && edits.count > 0)
		fail("OBSERVE: an edit is made");
	if (r->c->policy.observe)
		edits = session_report(r->session)->edits;
	verdict = edit_of(&edits, EDIT_HOLD, NULL) ? VERDICT_HOLD : VERDICT_ACCEPT;
	for (size_t i = 0; i < edits.count; i++) {
		enum edit_kind kind = edits.items[i].kind;

		if (r->c->policy.observe)
			break;
		if (kind == EDIT_HOLD               ? !r->needs.holds
		    : kind == EDIT_REMOVE_RECIPIENT ? !r->needs.edits_recipients
						    : !r->needs.edits_headers)
			fail("NEEDS: the MTA was not asked to let such edits be made");
	}
	for (int i = 0; i < r->count; i++) {
		struct attempt *a = &r->attempts[i];
		bool removed = edit_of(&edits, EDIT_REMOVE_RECIPIENT, addresses[a->rcpt]) != NULL;

		if (!a->taken || a->settled)
			continue;
		/* With `set mixed`, a twin may be taken for another reason. */
		if (r->c->policy.mixed)
			removed &= a->discard;
		if (removed != a->discard && !r->lenient && !r->c->policy.mixed)
			fail("DISCARD: %s is %sdeleted", addresses[a->rcpt], removed ? "" : "not ");
		a->discard = removed;
		settle(r, a, removed ? VERDICT_DISCARD : verdict, STAGE_MESSAGE);
		if (!removed && !kept)
			kept = a;
	}
	r->over = true;
	session_committed(r->session);
	if (kept)
		check_edits(r, kept, &edits);
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
	struct moment m = moment_at(r, STAGE_MAIL, -1);
	struct reply reply;
	struct said said;
	char path[64] = "<>";

	if (mail->domain)
		snprintf(path, sizeof(path), "<s%d@%s>", r->place.mail, mail->domain);
	reply = felt(r, STAGE_MAIL, session_mail(r->session, str_of(path), NULL));
	oracle_now(&m, &said);
	check_reply(r, &m, &said, false, &reply);
	ends(r, &reply, STAGE_MAIL);
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
		fail("KIND: 452 though kinds may mix");
	if (said->certain && refuses(said->verdict) && said->text_known && r->slow)
		drive_late++;
	else if (said->certain && refuses(said->verdict) && said->text_known)
		fail("REPLY: %s is put off, not refused", addresses[a->rcpt]);
	for (int i = 0; i < r->count && !first; i++)
		if (r->attempts[i].taken && !r->attempts[i].discard)
			first = &r->attempts[i];
	if (first && !r->slow && alike(r, first->rcpt, a->rcpt))
		fail("KIND: %s is put off beside %s", addresses[a->rcpt], addresses[first->rcpt]);
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
	m = moment_at(r, STAGE_RCPT, rcpt);
	m.recipients[m.recipient_count++] = m.attempted[m.attempted_count++] = rcpt;
	r->count++;
	snprintf(path, sizeof(path), "<%s>", addresses[rcpt]);
	reply = felt(r, STAGE_RCPT, session_rcpt(r->session, str_of(path), NULL));
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
		settle(r, a, reply.kind == REPLY_REJECT ? VERDICT_REJECT : VERDICT_DEFER,
		       STAGE_RCPT);
		return;
	}
	if (reply.kind != REPLY_CONTINUE)
		fail("REPLY: %s at RCPT", replies[reply.kind]);
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
		m = moment_at(r, stage, r->attempts[i].rcpt);
		oracle_now(&m, &said);
		if (!any)
			first = said;
		any = true;
		/* Logs are no part of a kind. */
		if (!logs(&r->c->policy) && said.certain != first.certain)
			fail("KIND: one recipient is certain before another at %s", stages[stage]);
		if (said.certain && first.certain && said.verdict != first.verdict)
			fail("KIND: recipients of one transaction differ at %s", stages[stage]);
	}
	if (any) {
		check_reply(r, &m, &first, discards, &reply);
	} else if (!r->c->policy.mixed && !r->lenient) {
		m = moment_at(r, stage, -1);
		oracle_now(&m, &said);
		/* Nothing is looked up for it any more. */
		if (reply.kind != REPLY_DISCARD
			? reply.kind != REPLY_CONTINUE ||
			      (!r->held && !asks(&r->c->policy) && said.certain &&
			       said.text_known && said.verdict == VERDICT_DISCARD)
			: !said.certain || said.verdict != VERDICT_DISCARD)
			fail("REPLY: %s at %s where all are to be discarded", replies[reply.kind],
			     stages[stage]);
	}
	ends(r, &reply, stage);
}

static void content(struct run *r)
{
	const struct gen_mail *mail = &r->c->mails[r->place.mail];
	struct header header;

	if (!mail->hides_data)
		whole_event(r, STAGE_DATA, felt(r, STAGE_DATA, session_data(r->session)));
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
		whole_event(r, STAGE_HEADERS, felt(r, STAGE_HEADERS, session_eoh(r->session)));
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
		fail("REPLY: %s at HELO", replies[reply.kind]);
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
	for (int i = 0; i < count && !r->over && !failed; i++) {
		rcpt_event(r, list[i]);
		any |= r->attempts[r->count - 1].taken;
		if (r->unclear || gives_up(r)) {
			r->count = 0;
			return;
		}
	}
	if (!failed && any)
		content(r);
	else if (!failed && !r->over)
		session_abort(r->session);
	if (any && !r->over)
		r->count = 0; /* given up */
	else if (!failed)
		check_report(r);
	for (int i = 0; i < r->count && !failed; i++)
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
	for (int tries = 0; left > 0 && !failed && !r->unclear; tries++) {
		int list[RCPTS_MOST], count = 0;

		if (tries > 4 * RCPTS_MOST) {
			fail("LOST: a recipient is put off for ever");
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
				fail("LOST: %s has no answer", addresses[a->rcpt]);
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
	struct moment m = moment_at(r, STAGE_CONNECT, -1);
	struct reply reply;
	struct said said;
	struct ip ip;

	ip_parse(STR("192.0.2.7"), &ip);
	place_now = r->place;
	reply =
	    felt(r, STAGE_CONNECT, session_connect(r->session, STR("client.example"), &ip, 2525));
	oracle_now(&m, &said);
	check_reply(r, &m, &said, false, &reply);
	if (reply.kind == REPLY_CONTINUE)
		return true;
	/* The first mail shows whether it was right. */
	for (int i = 0; i < r->c->mails[0].rcpt_count; i++)
		r->attempts[r->count++] =
		    (struct attempt){.taken = true, .rcpt = r->c->mails[0].rcpts[i]};
	ends(r, &reply, STAGE_CONNECT);
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
		fail("COMPILE: the policy does not compile");
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

	failed = false;
	r.place = (struct place){.c = c, .helo = -1, .rcpt = -1};
	r.slow = slow_facts(c) > 0;
	r.lenient = slow_facts(c) > 1;
	r.policy = compile(c, verbose);
	if (!r.policy || resolver_from_source(&names, &r.clock, diag_new(arena), &r.resolver) < 0) {
		policy_free(&r.policy);
		arena_free(&arena);
		return why;
	}
	env.resolver = r.resolver;
	session_needs(r.policy, &r.needs);
	r.session = session_new(r.policy, &env);
	if (connect_run(&r))
		for (int i = 0; i < c->mail_count && !failed && !r.unclear; i++) {
			r.place.mail = i;
			mail_run(&r);
		}
	session_free(&r.session);
	resolver_free(&r.resolver);
	policy_free(&r.policy);
	arena_free(&arena);
	return failed ? why : NULL;
}
