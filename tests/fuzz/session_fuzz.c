/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whole sessions: events in any order with any bytes. Each is answered with something that the
 * protocol allows at its stage, and what is to be sent to the MTA holds no byte that could end a
 * line early. Authentication-Results say what was found out and no more; what is settled can be
 * logged, and recorded and read again.
 */

#include <stdlib.h>

#include "postern/arc.h"
#include "postern/arena.h"
#include "postern/diag.h"
#include "postern/dkim.h"
#include "postern/dmarc.h"
#include "postern/dns.h"
#include "postern/mime.h"
#include "postern/observe.h"
#include "postern/policy.h"
#include "postern/record.h"
#include "postern/session.h"
#include "postern/spf.h"

#include "tests/fuzz/policies.h"
#include "tests/fuzz/results.h"

#define MACROS_MOST 8

static struct policy *policies[POLICIES];
/* The MTA's macros of this input, "name=value". */
static const char *macros[MACROS_MOST];
static struct resolver *resolver;
static struct clock now = {.manual = true, .wall = 1700000000};

static void start(void)
{
	struct arena *arena = arena_new(NULL);
	struct diag *diag = diag_new(arena);
	struct source zone = {"zone", str_of(policy_records)};
	const char *why = NULL;
	bool ok = true;

	spf_init();
	mime_init();
	for (size_t i = 0; i < POLICIES; i++) {
		struct source source = {"policy", str_of(policy_texts[i])};

		policies[i] = policy_compile(&source, ".", NULL, diag);
		ok = ok && policies[i];
	}
	if (!ok || dkim_verifier_init(&why) < 0 ||
	    resolver_from_source(&zone, &now, diag, &resolver) < 0) {
		diag_print(diag, stderr);
		abort();
	}
	arena_free(&arena);
}

static const char *macro(void *ctx, const char *name)
{
	size_t n = strlen(name);

	(void)ctx;
	for (size_t i = 0; i < MACROS_MOST && macros[i]; i++)
		if (strncmp(macros[i], name, n) == 0 && macros[i][n] == '=')
			return macros[i] + n + 1;
	return NULL;
}

/* ---- what is answered ---- */

static void check_line(const char *text, bool folds)
{
	for (; text && *text; text++)
		require(*text != '\r' &&
			(*text != '\n' || (folds && (text[1] == ' ' || text[1] == '\t'))));
}

static void check_reply(struct reply reply, char event)
{
	bool refusal = reply.kind == REPLY_REJECT || reply.kind == REPLY_TEMPFAIL;

	require(reply.kind <= REPLY_SKIP);
	require(event != 'r' || (reply.kind != REPLY_ACCEPT && reply.kind != REPLY_DISCARD));
	require(event == 'b' || reply.kind != REPLY_SKIP);
	require(!refusal || reply.code / 100 == (reply.kind == REPLY_REJECT ? 5 : 4));
	require(!refusal || !reply.enhanced || reply.enhanced[0] - '0' == reply.code / 100);
	require(!reply.text || strlen(reply.text) <= 900);
	for (const char *c = reply.text; c && *c; c++)
		require(*c >= ' ' && *c <= '~');
}

/* ---- Authentication-Results ---- */

/* What an internal fact points to, or NULL. */
static const void *found(const struct session *s, const char *name)
{
	const struct value *value = session_value(s, name);

	return value && value->state == FACT_PRESENT ? value->opaque : NULL;
}

static bool spf_said(const struct session *s, struct str result)
{
	const struct spf_outcome *mail = found(s, "spf.told"), *helo = found(s, "spf.helo-told");

	return (mail && str_eq(result, str_of(spf_result_name(mail->result)))) ||
	       (helo && str_eq(result, str_of(spf_result_name(helo->result))));
}

/* A pass names a domain whose signature passed. */
static bool dkim_said(const struct session *s, const struct results_one *one)
{
	const struct dkim_outcome *dkim = found(s, "dkim.outcome");

	for (size_t i = 0; dkim && i < dkim->count; i++) {
		const struct dkim_signature *signature = &dkim->signatures[i];
		bool same = true;

		for (size_t j = 0; j < one->properties.count; j++)
			if (str_eq(one->properties.items[j].name, STR("header.d")))
				same = str_eq(one->properties.items[j].value, signature->domain);
		if (same && str_eq(one->result, str_of(dkim_result_name(signature->result))))
			return true;
	}
	return dkim && dkim->count == 0 && str_eq(one->result, STR("none"));
}

static bool was_found(const struct session *s, const struct results_one *one)
{
	const struct dmarc_outcome *dmarc = found(s, "dmarc.told");
	const struct arc_outcome *arc = found(s, "arc.outcome");
	const struct value *user = session_value(s, "auth.user");

	if (str_eq(one->method, STR("spf")))
		return spf_said(s, one->result);
	if (str_eq(one->method, STR("dkim")))
		return dkim_said(s, one);
	if (str_eq(one->method, STR("dmarc")))
		return dmarc &&
		       str_eq(one->result, str_of(dmarc_result_name(dmarc->verdict.result)));
	if (str_eq(one->method, STR("arc")))
		return arc && str_eq(one->result, str_of(arc_result_name(arc->result)));
	return str_eq(one->method, STR("auth")) && str_eq(one->result, STR("pass")) && user &&
	       user->state == FACT_PRESENT;
}

static void check_results(const struct session *s, const char *value)
{
	struct arena *arena = arena_new(NULL);
	struct results results = results_read(arena, str_of(value));
	const struct dkim_outcome *dkim = found(s, "dkim.outcome");
	size_t told = 0, passed = 0, spf = 0, once = 0;

	require(str_eq(results.authserv, STR("mx.example.org")));
	for (size_t i = 0; i < results.all.count; i++) {
		const struct results_one *one = &results.all.items[i];

		require(was_found(s, one));
		spf += str_eq(one->method, STR("spf"));
		once += str_eq(one->method, STR("dmarc"));
		told += str_eq(one->method, STR("dkim")) && str_eq(one->result, STR("pass"));
	}
	for (size_t i = 0; dkim && i < dkim->count; i++)
		passed += dkim->signatures[i].result == DKIM_RESULT_PASS;
	require(told == passed && spf <= 2 && once <= 1);
	arena_free(&arena);
}

static void check_edits(const struct session *s, const struct edits *edits)
{
	for (size_t i = 0; i < edits->count; i++) {
		const struct edit *edit = &edits->items[i];

		check_line(edit->value, true);
		check_line(edit->name, false);
		if (edit->kind == EDIT_INSERT_HEADER &&
		    strcmp(edit->name, "Authentication-Results") == 0)
			check_results(s, edit->value);
	}
}

/* ---- what is told ---- */

static void settled(void *ctx, const struct session *s)
{
	struct arena *arena = arena_new(NULL);
	struct record record, back;
	struct str bytes;

	logline_write(ctx, s);
	record_make(arena, s, &record);
	bytes = record_encode(arena, &record);
	require(record_decode(arena, bytes, &back));
	require(str_eq(record_encode(arena, &back), bytes));
	arena_free(&arena);
}

/* ---- the dialogue ---- */

static void add_macro(struct arena *arena, struct str text)
{
	size_t i = 0;

	while (i < MACROS_MOST && macros[i])
		i++;
	if (i < MACROS_MOST)
		macros[i] = str_dup(arena, text).s;
}

static void play(struct session *s, char event, struct str text)
{
	static const char *const parameters[] = {"SIZE=1", "SMTPUTF8", NULL};
	ptrdiff_t colon = str_chr(text, ':');
	struct edits edits = {0};
	struct ip ip = {{[10] = 0xff, [11] = 0xff, [12] = 192, [14] = 2, [15] = 1}};

	switch (event) {
	case 'c':
		check_reply(session_connect(s, text, text.n % 3 ? &ip : NULL, text.n % 2 ? 25 : 0),
			    event);
		break;
	case 'h':
		check_reply(session_helo(s, text), event);
		break;
	case 'm':
		check_reply(session_mail(s, text, parameters), event);
		break;
	case 'r':
		check_reply(session_rcpt(s, text, parameters + 1), event);
		break;
	case 'd':
		check_reply(session_data(s), event);
		break;
	case 'f':
		session_header(s, str_sub(text, 0, colon < 0 ? 0 : (size_t)colon),
			       str_sub(text, colon < 0 ? 0 : (size_t)colon + 1, text.n));
		break;
	case 'e':
		check_reply(session_eoh(s), event);
		break;
	case 'b':
		check_reply(session_body(s, text), event);
		break;
	case '.':
		check_reply(session_eom(s, &edits), event);
		check_edits(s, &edits);
		if (edits.count > 0 && text.n % 2)
			check_reply(session_edit_failed(s, &edits.items[0]), event);
		else
			session_committed(s);
		break;
	case 'a':
		session_abort(s);
		break;
	default:
		break;
	}
}

/*
 * A line is an event: its first byte says which, the rest is its text. One that is "0" to "3" alone
 * chooses the policy, those with 'M' bring the MTA's macros.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = {(const char *)data, size};
	struct session_env env = {
	    .clock = &now, .macro = macro, .settled = settled, .trace = true, .references = true};
	struct arena *arena = arena_new(NULL);
	const struct policy *policy;
	struct session *s;
	unsigned chosen = 0;

	if (!policies[0])
		start();
	memset(macros, 0, sizeof(macros));
	if (rest.n > 1 && rest.s[0] >= '0' && rest.s[0] < '0' + (int)POLICIES && rest.s[1] == '\n')
		chosen = (unsigned)(input_piece(&rest, '\n').s[0] - '0');
	policy = policies[chosen];
	env.resolver = resolver;
	s = session_new(policy, &env);
	while (rest.n > 0) {
		struct str line = input_piece(&rest, '\n');

		if (line.n > 0 && line.s[0] == 'M')
			add_macro(arena, str_sub(line, 1, line.n));
		else if (line.n > 0)
			play(s, line.s[0], str_sub(line, 1, line.n));
	}
	session_free(&s);
	arena_free(&arena);
	return 0;
}
