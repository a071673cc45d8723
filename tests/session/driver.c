/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Plays session scripts against the session itself: no socket, no threads, time by hand. Every
 * reply and every edit must be as the script says, and no name may be looked up that it does not
 * mention.
 */

#include <stdio.h>

#include "filter/session/private.h"
#include "postern/dkim.h"
#include "postern/dns.h"
#include "postern/mime.h"
#include "postern/policy.h"
#include "postern/spf.h"
#include "tests/session/script.h"

struct macro {
	struct str name, value;
};

struct player {
	struct arena *arena;
	const char *path;
	const struct script *script;
	const struct policy *policy;
	struct resolver *resolver;
	struct clock clock;
	struct session *session;
	VEC(struct macro) macros;
	uint64_t refused_edit;
	struct str refused_reply;
	size_t settled, progress;
	bool failed;
};

static void complain(struct player *p, const struct move *move, const char *what, struct str is,
		     struct str expected)
{
	p->failed = true;
	printf("%s:%zu: %s is '" STR_FMT "', not '" STR_FMT "'\n", p->path, move->line, what,
	       STR_ARG(is), STR_ARG(expected));
}

static void expect(struct player *p, const struct move *move, const char *what, struct str is,
		   struct str expected)
{
	if (!script_match(expected, is))
		complain(p, move, what, is, expected);
}

/* ---- what the session asks of its MTA ---- */

static const char *get_macro(void *ctx, const char *name)
{
	const struct player *p = ctx;

	for (size_t i = p->macros.count; i-- > 0;)
		if (str_eq(p->macros.items[i].name, str_of(name)))
			return p->macros.items[i].value.s;
	return NULL;
}

static void count_settled(void *ctx, const struct session *session)
{
	struct player *p = ctx;

	(void)session;
	p->settled++;
}

static void count_progress(void *ctx)
{
	struct player *p = ctx;

	p->progress++;
}

/* ---- replies and edits as a script writes them ---- */

/* Folds are shown; a raw byte, which nothing may hold, in a way that no script expects. */
static struct str visible(struct arena *arena, const char *text)
{
	struct buf out = {.arena = arena};

	for (; text && *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '\n')
			buf_puts(&out, "\\n");
		else if (c == '\t')
			buf_puts(&out, "\\t");
		else if (c >= ' ' && c <= '~')
			buf_putc(&out, (char)c);
		else
			buf_printf(&out, "[RAW %02X]", c);
	}
	return buf_str(&out);
}

static struct str reply_as_text(struct player *p, struct reply reply, bool texts)
{
	static const char *const kinds[] = {
	    [REPLY_CONTINUE] = "continue", [REPLY_ACCEPT] = "accept",   [REPLY_REJECT] = "reject",
	    [REPLY_TEMPFAIL] = "defer",    [REPLY_DISCARD] = "discard", [REPLY_SKIP] = "skip"};

	if (!texts || (reply.kind != REPLY_REJECT && reply.kind != REPLY_TEMPFAIL))
		return str_of(kinds[reply.kind]);
	return str_printf(p->arena, "%s %d %s \"" STR_FMT "\"", kinds[reply.kind], reply.code,
			  reply.enhanced ? reply.enhanced : "-",
			  STR_ARG(visible(p->arena, reply.text)));
}

static struct str edit_as_text(struct player *p, const struct edit *edit)
{
	struct str value = visible(p->arena, edit->value);

	switch (edit->kind) {
	case EDIT_REMOVE_HEADER:
		return str_printf(p->arena, "remove %s %d", edit->name, edit->index);
	case EDIT_REPLACE_HEADER:
		return str_printf(p->arena, "replace %s %d: " STR_FMT, edit->name, edit->index,
				  STR_ARG(value));
	case EDIT_ADD_HEADER:
		return str_printf(p->arena, "add %s: " STR_FMT, edit->name, STR_ARG(value));
	case EDIT_INSERT_HEADER:
		return str_printf(p->arena, "insert %s: " STR_FMT, edit->name, STR_ARG(value));
	case EDIT_REMOVE_RECIPIENT:
		return str_printf(p->arena, "drop " STR_FMT, STR_ARG(value));
	case EDIT_HOLD:
		return str_printf(p->arena, "hold " STR_FMT, STR_ARG(value));
	case EDIT_ADD_RECIPIENT:
		return str_printf(p->arena, "join " STR_FMT, STR_ARG(value));
	}
	return STR("an edit that no action makes");
}

static void expect_edits(struct player *p, const struct move *move, const struct edits *edits)
{
	for (size_t i = 0; i < edits->count || i < move->edits.count; i++) {
		struct str is = i < edits->count ? edit_as_text(p, &edits->items[i]) : STR("");
		struct str expected = i < move->edits.count ? move->edits.items[i] : STR("");

		expect(p, move, "an edit", is, expected);
	}
}

/* ---- lookups: only of names that the script mentions ---- */

struct visit {
	struct player *player;
	const struct move *move;
};

static void check_name(void *ctx, struct str name, enum dns_type type,
		       const struct dns_answer *answer)
{
	struct visit *v = ctx;
	const struct script *script = v->player->script;

	(void)answer;
	if (name.n > 1 && name.s[name.n - 1] == '.')
		name.n--;
	for (size_t i = 0; i < script->names.count; i++)
		if (str_caseeq(script->names.items[i], name))
			return;
	v->player->failed = true;
	printf("%s:%zu: looks up " STR_FMT " %s, of which the script says nothing\n",
	       v->player->path, v->move->line, STR_ARG(str_clean(v->player->arena, name, 300)),
	       dns_type_name(type));
}

static void check_names(struct player *p, const struct move *move)
{
	if (p->session && p->session->view.lookups)
		lookups_each(p->session->view.lookups, check_name, &(struct visit){p, move});
}

/* ---- moves ---- */

static void play_eom(struct player *p, const struct move *move)
{
	struct edits edits;
	struct reply reply = session_eom(p->session, &edits);

	expect(p, move, "the reply", reply_as_text(p, reply, true), move->expected);
	expect_edits(p, move, &edits);
	if (p->refused_edit > edits.count) {
		complain(p, move, "the edit to refuse", STR("missing"), STR("there"));
	} else if (p->refused_edit > 0) {
		reply = session_edit_failed(p->session, &edits.items[p->refused_edit - 1]);
		expect(p, move, "the reply to a refused edit", reply_as_text(p, reply, true),
		       p->refused_reply);
	} else {
		session_committed(p->session);
	}
	p->refused_edit = 0;
}

static void play_connect(struct player *p, const struct move *move)
{
	struct session_env env = {.resolver = p->resolver,
				  .clock = &p->clock,
				  .macro = get_macro,
				  .ctx = p,
				  .settled = count_settled,
				  .progress = count_progress,
				  .trace = true};
	struct reply reply;

	session_free(&p->session);
	p->settled = p->progress = 0;
	p->session = session_new(p->policy, &env);
	reply = session_connect(p->session, move->name, move->has_ip ? &move->ip : NULL,
				(unsigned)move->number);
	expect(p, move, "the reply", reply_as_text(p, reply, false), move->expected);
}

static struct reply event(struct player *p, const struct move *move)
{
	struct session *s = p->session;

	switch (move->kind) {
	case MOVE_HELO:
		return session_helo(s, move->text);
	case MOVE_MAIL:
		return session_mail(s, move->text, move->parameters);
	case MOVE_RCPT:
		return session_rcpt(s, move->text, move->parameters);
	case MOVE_DATA:
		return session_data(s);
	case MOVE_EOH:
		return session_eoh(s);
	case MOVE_BODY:
		return session_body(s, move->text);
	case MOVE_ABORT:
		session_abort(s);
		break;
	default:
		session_header(s, move->name, move->text);
		break;
	}
	return (struct reply){.kind = REPLY_CONTINUE};
}

static void play_event(struct player *p, const struct move *move)
{
	struct reply reply = event(p, move);

	if (move->expected.n > 0)
		expect(p, move, "the reply", reply_as_text(p, reply, true), move->expected);
	else if (reply.kind != REPLY_CONTINUE && reply.kind != REPLY_SKIP)
		complain(p, move, "the reply", reply_as_text(p, reply, true), STR("continue"));
}

/* ---- what was decided ---- */

static struct str outcome_as_text(struct player *p, struct str address,
				  const struct report_outcome *o)
{
	return str_printf(p->arena, STR_FMT "%s%s at %s by %s", STR_ARG(address),
			  address.n > 0 ? " " : "", verdict_name(o->verdict), stage_name(o->stage),
			  o->rule ? o->rule : "no rule");
}

static void play_told(struct player *p, const struct move *move)
{
	const struct report *report = session_report(p->session);
	struct str all = STR(""), one;

	if (report->outcome.settled) {
		all = outcome_as_text(p, STR(""), &report->outcome);
		if (script_match(move->text, all))
			return;
	}
	for (size_t i = 0; i < report->recipient_count; i++) {
		if (!report->recipients[i].outcome.settled)
			continue;
		one = outcome_as_text(p, report->recipients[i].address,
				      &report->recipients[i].outcome);
		if (script_match(move->text, one))
			return;
		all = str_printf(p->arena, STR_FMT "; " STR_FMT, STR_ARG(all), STR_ARG(one));
	}
	complain(p, move, "what was told", all, move->text);
}

static void play_logged(struct player *p, const struct move *move)
{
	const struct report *report = session_report(p->session);

	for (size_t i = 0; i < report->log_count; i++)
		if (script_match(move->text, str_of(report->logs[i])))
			return;
	complain(p, move, "the last log text",
		 str_of(report->log_count > 0 ? report->logs[report->log_count - 1] : "-"),
		 move->text);
}

static void play_observed(struct player *p, const struct move *move)
{
	const struct report *report = session_report(p->session);
	struct str all = STR("-"), one;

	for (size_t i = 0; i < report->observed_count; i++) {
		one = report_would_have(p->arena, &report->observed[i]);
		if (script_match(move->text, one))
			return;
		all = i == 0
			  ? one
			  : str_printf(p->arena, STR_FMT "; " STR_FMT, STR_ARG(all), STR_ARG(one));
	}
	expect(p, move, "what was observed", all, move->text);
}

static void expect_number(struct player *p, const struct move *move, const char *what, size_t is)
{
	if (is != move->number) {
		p->failed = true;
		printf("%s:%zu: %s: %zu, not %llu\n", p->path, move->line, what, is,
		       (unsigned long long)move->number);
	}
}

/* Every wait is for answers of one latency: what overlaps is waited for once. */
static size_t rounds(const struct player *p)
{
	const struct lookups *lookups = p->session->view.lookups;

	return lookups && p->script->latency > 0
		   ? (size_t)(lookups_time(lookups) / p->script->latency)
		   : 0;
}

static void play(struct player *p, const struct move *move)
{
	if (!p->session && move->kind != MOVE_CONNECT && move->kind != MOVE_MACRO) {
		complain(p, move, "the connection", STR("missing"), STR("there"));
		return;
	}
	switch (move->kind) {
	case MOVE_CONNECT:
		play_connect(p, move);
		break;
	case MOVE_EOM:
		play_eom(p, move);
		break;
	case MOVE_CLOSE:
		session_free(&p->session);
		break;
	case MOVE_MACRO:
		*vec_push(p->arena, &p->macros) = (struct macro){move->name, move->text};
		break;
	case MOVE_WAIT:
		clock_advance(&p->clock, (int64_t)move->number * NS_PER_S);
		break;
	case MOVE_REFUSE:
		p->refused_edit = move->number;
		p->refused_reply = move->expected;
		break;
	case MOVE_TOLD:
		play_told(p, move);
		break;
	case MOVE_LOGGED:
		play_logged(p, move);
		break;
	case MOVE_OBSERVED:
		play_observed(p, move);
		break;
	case MOVE_SCORE:
		expect(p, move, "the score", report_score(p->arena, session_report(p->session)),
		       move->text);
		break;
	case MOVE_PROBLEM:
		expect(p, move, "the problem", str_of(session_report(p->session)->problem),
		       move->text);
		break;
	case MOVE_SETTLED:
		expect_number(p, move, "outcomes told", p->settled);
		break;
	case MOVE_LOOKUPS:
		expect_number(p, move, "lookups",
			      p->session->view.lookups ? lookups_asked(p->session->view.lookups)
						       : 0);
		break;
	case MOVE_ROUNDS:
		expect_number(p, move, "rounds", rounds(p));
		break;
	case MOVE_PROGRESS:
		expect_number(p, move, "signs of life", p->progress);
		break;
	default:
		play_event(p, move);
		break;
	}
	check_names(p, move);
}

static bool run(const char *path)
{
	struct arena *arena = arena_new(NULL);
	struct diag *diag = diag_new(arena);
	struct script script;
	struct player p = {.arena = arena, .path = path, .script = &script};
	struct policy *policy = NULL;
	bool ok = script_read(arena, path, &script);

	if (ok) {
		p.clock =
		    (struct clock){.manual = true, .wall = script.clock, .monotonic = NS_PER_S};
		policy = policy_compile(script.policy, ".", NULL, diag);
		p.policy = policy;
		ok = policy &&
		     resolver_from_source(script.records, &p.clock, diag, &p.resolver) == 0;
		diag_print(diag, stdout);
	}
	if (ok) {
		resolver_delay(p.resolver, script.latency);
		for (size_t i = 0; i < script.moves.count && !p.failed; i++)
			for (uint64_t j = 0; j < script.moves.items[i].repeat && !p.failed; j++)
				play(&p, &script.moves.items[i]);
		ok = !p.failed;
	}
	session_free(&p.session);
	resolver_free(&p.resolver);
	policy_free(&policy);
	arena_free(&arena);
	return ok;
}

int main(int argc, char **argv)
{
	const char *why = NULL;
	int passed = 0, failed = 0;

	spf_init();
	mime_init();
	if (dkim_verifier_init(&why) < 0) {
		printf("libopendkim does not start: %s\n", why);
		return 1;
	}
	for (int i = 1; i < argc; i++) {
		bool ok = run(argv[i]);

		passed += ok;
		failed += !ok;
		if (!ok)
			printf("FAILED: %s\n", argv[i]);
	}
	printf("%d passed, %d failed\n", passed, failed);
	return failed > 0;
}
