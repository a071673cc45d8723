/* SPDX-License-Identifier: BSD-2-Clause */
/* Compares every reply and every outcome of a run with what the definition says. */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/policy/property_run.h"

static char why[1024];
static bool failed;

void check_begin(void)
{
	failed = false;
}

void check_fail(const char *fmt, ...)
{
	va_list ap;

	if (failed)
		return;
	failed = true;
	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
}

const char *check_fault(void)
{
	return failed ? why : NULL;
}

/* ---- what is expected ---- */

struct moment run_moment(const struct run *r, enum stage stage, int rcpt)
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
	struct moment m = run_moment(r, STAGE_MESSAGE, a->rcpt);

	if (!a->taken && !a->spoils)
		m.recipients[m.recipient_count++] = a->rcpt;
	m.everything = true;
	return m;
}

const char *const verdict_names[] = {"accept", "reject", "defer", "discard", "hold"};
const char *const reply_names[] = {"continue", "accept", "reject", "tempfail", "discard", "skip"};
const char *const stage_names[] = {"connect", "helo", "mail", "rcpt", "data", "headers", "message"};

bool run_refuses(enum verdict verdict)
{
	return verdict == VERDICT_REJECT || verdict == VERDICT_DEFER;
}

static enum reply_kind reply_of(const struct said *said, enum stage stage, bool early, bool extras)
{
	if (!said->certain)
		return REPLY_CONTINUE;
	if (run_refuses(said->verdict) && said->text_known && (stage > STAGE_CONNECT || early))
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
			check_fail("TEXT: a failure is told where nothing failed");
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
	check_fail("TEXT: at %s no rule that is true says %d %s", stage_names[m->stage],
		   reply->code, reply->text);
}

/* Compares the reply to an event that is judged as a whole with the one that the definition wants.
 */
void check_reply(struct run *r, const struct moment *m, const struct said *said, bool extras,
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
		printf("  %s %s: %s %d %s; wanted %s (%s %s%s, r%d)\n", stage_names[m->stage],
		       m->place.rcpt >= 0 ? addresses[m->place.rcpt] : "", reply_names[reply->kind],
		       reply->code, reply->text ? reply->text : "", reply_names[want],
		       said->certain ? "certain" : "open, last", verdict_names[said->verdict],
		       said->pending ? ", pending" : "", said->rule);
	if (reply->kind != want && !late)
		check_fail("REPLY: at %s %s the reply is %s, wanted is %s", stage_names[m->stage],
			   m->place.rcpt >= 0 ? addresses[m->place.rcpt] : "",
			   reply_names[reply->kind], reply_names[want]);
	else if (m->stage > STAGE_CONNECT &&
		 (reply->kind == REPLY_REJECT || reply->kind == REPLY_TEMPFAIL))
		check_text(r, m, said, reply);
}

struct reply run_felt(const struct run *r, enum stage stage, struct reply reply)
{
	const struct report *report = session_report(r->session);
	const struct report_outcome *o = &report->outcome;

	if (!r->c->policy.observe)
		return reply;
	if (reply.kind != REPLY_CONTINUE && reply.kind != REPLY_SKIP &&
	    (reply.kind != REPLY_ACCEPT || stage == STAGE_RCPT))
		check_fail("OBSERVE: %s at %s", reply_names[reply.kind], stage_names[stage]);
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

void run_settle(struct attempt *a, enum verdict verdict, enum stage stage)
{
	a->settled = true;
	a->verdict = verdict;
	a->stage = stage;
}

static void settle_all(struct run *r, enum verdict verdict, enum stage stage)
{
	r->over = true;
	for (int i = 0; i < r->count; i++)
		if (!r->attempts[i].settled && !r->attempts[i].put_off)
			run_settle(&r->attempts[i], verdict, stage);
}

bool run_ends(struct run *r, const struct reply *reply, enum stage stage)
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
		check_fail("NEEDS: nobody waits for the reply at %s", stage_names[stage]);
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

void check_outcome(struct run *r, const struct attempt *a)
{
	struct moment m = moment_end(r, spokesman(r, a));
	struct final final;

	oracle_final(&m, &final);
	if (r->verbose)
		printf("  %s: %s at %s; everything known: %s (r%d)\n", addresses[a->rcpt],
		       verdict_names[a->verdict], stage_names[a->stage],
		       verdict_names[final.verdict], final.rule);
	/* One to be discarded, among others that are refused, is refused with them. */
	if (a->discard && run_refuses(a->verdict))
		return;
	if (led_away(r, a))
		return;
	if (a->verdict != final.verdict)
		check_fail("VERDICT: %s is told %s at %s, everything known it is %s",
			   addresses[a->rcpt], verdict_names[a->verdict], stage_names[a->stage],
			   verdict_names[final.verdict]);
}

void check_report(struct run *r)
{
	const struct report *report = session_report(r->session);
	int rows = (int)report->recipient_count;

	for (int i = 0; i < r->count && i < rows; i++) {
		const struct attempt *a = &r->attempts[i];
		const struct report_outcome *o = &report->recipients[i].outcome;

		if (a->put_off ? o->code != 452 || o->stage != STAGE_RCPT
			       : o->verdict != a->verdict || o->stage != a->stage || !o->settled)
			check_fail("REPORT: %s is reported %s at %s, it was %s at %s",
				   addresses[a->rcpt], verdict_names[o->verdict],
				   stage_names[o->stage],
				   a->put_off ? "put off" : verdict_names[a->verdict],
				   stage_names[a->put_off ? STAGE_RCPT : a->stage]);
	}
}

/* ---- the end of a message ---- */

const struct edit *run_edit(const struct edits *edits, enum edit_kind kind, const char *value)
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
		check_fail("RULE: none is named");
	if (rule < 0)
		return;
	act = &r->c->policy.rules[rule].acts[r->c->policy.rules[rule].count - 1];
	if (act->act != (hold ? ACT_HOLD : ACT_ACCEPT) || !oracle_true(m, rule))
		check_fail("RULE: r%d is named", rule);
	if (hold && strcmp(hold->value, oracle_text(m, act)) != 0)
		check_fail("EDITS: held because '%s'", hold->value);
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
				check_fail("LOGS: '%s' of r%d is missing", oracle_text(m, act), i);
				return;
			}
		}
	}
	if (exact && n != report->log_count)
		check_fail("LOGS: %zu lines instead of %zu", report->log_count, n);
}

bool run_asks(const struct gen_policy *p)
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
			check_fail("OBSERVED: r%d is not told, or not what it would have done", i);
			return;
		}
	}
	if (n < report->observed_count)
		check_fail("OBSERVED: %s is told", report->observed[n].rule);
	/* Nothing is looked up for a score that nobody asks for. */
	if (!run_asks(p) && report->outcome.rule && atoi(report->outcome.rule + 1) == final->rule &&
	    report->score != final->score)
		check_fail("SCORE: %lld is reported, it is %ld", (long long)report->score,
			   final->score);
}

void check_edits(struct run *r, const struct attempt *a, const struct edits *edits)
{
	const struct gen_mail *mail = &r->c->mails[r->place.mail];
	struct moment m = moment_end(r, spokesman(r, a));
	const struct edit *hold = run_edit(edits, EDIT_HOLD, NULL);
	struct header have, want;
	struct final final;

	oracle_final(&m, &final);
	if (final.verdict != VERDICT_ACCEPT && final.verdict != VERDICT_HOLD)
		return;
	header_of(mail, &have);
	header_of(mail, &want);
	header_expected(&m, &final, &want);
	if (!header_apply(&have, edits))
		check_fail("EDITS: one that cannot be made");
	if (r->verbose && !header_equal(&have, &want)) {
		printf("    header wanted:\n");
		header_print(&want);
		printf("    header made:\n");
		header_print(&have);
	}
	if (!header_equal(&have, &want))
		check_fail("EDITS: %s gets another header", addresses[a->rcpt]);
	check_rule(r, &m, &final, hold);
	check_logs(r, &m, &final);
	check_observed(r, &m, &final);
}
