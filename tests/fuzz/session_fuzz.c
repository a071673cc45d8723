/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whole sessions: events in any order with any bytes. Each is answered with something that the
 * protocol allows at its stage, and what is to be sent to the MTA holds no byte that could end a
 * line early.
 */

#include <stdlib.h>

#include "postern/arena.h"
#include "postern/dkim.h"
#include "postern/dns.h"
#include "postern/mime.h"
#include "postern/policy.h"
#include "postern/session.h"
#include "postern/spf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char policy_text[] =
    "set authserv \"mx.example.org\"\n"
    "table local domains { example.org }\n"
    "table aliases map { \"a b@example.org c@example.org\" \"b x\" }\n"
    "table words patterns { /^(a+)+$/ /b/i } on failure skip\n"
    "relay: reject \"Relaying ${recipient} for ${helo.name} denied\" when recipient.domain not in "
    "local unless auth.user is present or recipient.count > 3\n"
    "reject \"${spf.explanation}\" when spf is fail unless dkim.aligned\n"
    "discard \"x\" when recipient.tag is \"void\"\n"
    "hold \"y\" when subject contains \"hold\" or from.address is absent\n"
    "redirect \"${aliases(recipient.local)}\" unless sender in aliases(recipient.local)\n"
    "redirect \"${recipient.local}@example.com\" when subject in words\n"
    "add recipient \"${recipient.tag}@${recipient.domain}\" when any header(\"X-A\") in words\n"
    "remove recipient when recipient.local is \"gone\"\n"
    "add authentication-results, add header \"X-All: ${subject} ${sender} ${client.name}\"\n"
    "prefix subject \"[x] \" when any header(\"X-A\") matches /a+b/i\n"
    "replace header \"X-R: ${from} ${header.trouble}\", remove header \"X-B\" when hops > 2\n"
    "defer \"later\" when any dkim.domain is \"example.net\" and helo.literal\n"
    "accept when message.id is absent and list.id is present\n";

static const char records[] =
    "example.net TXT \"v=spf1 a mx include:b.example ?exists:%{l}.c.example -all exp=e.example\"\n"
    "b.example TXT \"v=spf1 ip4:192.0.2.0/24 ptr ~all\"\n"
    "e.example TXT \"%{s} is not %{h}\"\n"
    "slow.example TIMEOUT\n"
    "s._domainkey.example.net TXT \"v=DKIM1; p=\"\n";

static struct policy *policy;
static struct resolver *resolver;
static struct clock now = {.manual = true, .wall = 1700000000};

static void start(void)
{
	struct arena *arena = arena_new(NULL);
	struct diag *diag = diag_new(arena);
	static const struct source source = {"policy", {policy_text, sizeof(policy_text) - 1}};
	static const struct source zone = {"zone", {records, sizeof(records) - 1}};
	const char *why = NULL;

	spf_init();
	mime_init();
	policy = policy_compile(&source, ".", NULL, diag);
	if (!policy || dkim_verifier_init(&why) < 0 ||
	    resolver_from_source(&zone, &now, diag, &resolver) < 0) {
		diag_print(diag, stderr);
		abort();
	}
	arena_free(&arena);
}

static void check_line(const char *text, bool folds)
{
	for (; text && *text; text++) {
		if (*text == '\r' ||
		    (*text == '\n' && (!folds || (text[1] != ' ' && text[1] != '\t'))))
			abort();
	}
}

static void check_reply(struct reply reply, char event)
{
	bool refusal = reply.kind == REPLY_REJECT || reply.kind == REPLY_TEMPFAIL;

	if (event == 'r' && (reply.kind == REPLY_ACCEPT || reply.kind == REPLY_DISCARD))
		abort();
	if (refusal && reply.code / 100 != (reply.kind == REPLY_REJECT ? 5 : 4))
		abort();
	check_line(reply.text, false);
	for (const char *c = reply.text; c && *c; c++)
		if (*c < ' ' || *c > '~')
			abort();
}

static void check_edits(const struct edits *edits)
{
	for (size_t i = 0; i < edits->count; i++) {
		check_line(edits->items[i].value, true);
		check_line(edits->items[i].name, false);
	}
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
		check_edits(&edits);
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

/* A line is an event: its first byte says which, the rest is its text. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = {(const char *)data, size};
	struct session_env env = {.clock = &now, .trace = true};
	struct session *s;

	if (!policy)
		start();
	env.resolver = resolver;
	s = session_new(policy, &env);
	while (rest.n > 0) {
		ptrdiff_t end = str_chr(rest, '\n');
		struct str line = str_sub(rest, 0, end < 0 ? rest.n : (size_t)end);

		if (line.n > 0)
			play(s, line.s[0], str_sub(line, 1, line.n));
		rest = str_sub(rest, line.n + 1, rest.n);
	}
	session_free(&s);
	return 0;
}
