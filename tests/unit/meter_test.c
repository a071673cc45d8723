/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The meter of CPU time, and what becomes of a message that costs too much: what was not found out
 * has failed, and where that decides, the message is deferred. A limit that is used up at once
 * stands for one that is used up in time.
 */

#include "postern/meter.h"

#include <stdlib.h>

#include "filter/session/private.h"
#include "postern/dkim.h"
#include "postern/dns.h"
#include "postern/mime.h"
#include "postern/policy.h"
#include "tests/unit/unit.h"

#define NO_HASH "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="

static struct arena *arena;
static struct clock now = {.manual = true, .wall = 1600000000, .monotonic = NS_PER_S};
static struct resolver *resolver;

static void test_meter(void)
{
	const int64_t limit = 3 * NS_PER_MS;
	int64_t begun = clock_now(&clock_system);

	CHECK(!meter_over());
	CHECK_INT(meter_end(), 0);
	meter_begin(0);
	CHECK(meter_over());
	meter_begin(60 * NS_PER_S);
	CHECK(!meter_over());
	CHECK(meter_end() < NS_PER_S);
	CHECK(!meter_over());
	meter_begin(limit);
	while (!meter_over() && clock_now(&clock_system) - begun < 60 * NS_PER_S)
		;
	CHECK(meter_over());
	CHECK(meter_end() >= limit);
	CHECK(!meter_over());
}

static struct session *session_of(const struct policy *policy, int64_t cpu)
{
	struct session_env env = {.resolver = resolver, .clock = &now, .cpu = cpu};
	struct session *s = session_new(policy, &env);
	struct ip ip;

	CHECK(ip_parse(STR("203.0.113.9"), &ip));
	session_connect(s, STR("unknown"), &ip, 25252);
	session_helo(s, STR("a.example"));
	return s;
}

static struct reply deliver(struct session *s)
{
	struct edits edits;
	struct reply reply, end;

	session_mail(s, STR("<a@example.net>"), NULL);
	session_rcpt(s, STR("<b@example.org>"), NULL);
	session_data(s);
	session_header(s, STR("ARC-Seal"),
		       STR(" i=1; a=rsa-sha256; cv=none; d=example.org; s=s; b=YWJj"));
	session_header(s, STR("ARC-Message-Signature"),
		       STR(" i=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=s; h=From;\n"
			   "\tbh=" NO_HASH "; b=YWJj"));
	session_header(s, STR("ARC-Authentication-Results"), STR(" i=1; example.org; spf=pass"));
	session_header(s, STR("DKIM-Signature"),
		       STR(" v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=s; h=From;\n"
			   "\tbh=" NO_HASH "; b=YWJj"));
	session_header(s, STR("From"), STR(" <a@example.org>"));
	session_header(s, STR("Content-Type"), STR(" multipart/mixed; boundary=b"));
	session_header(s, STR("Subject"), STR(" hello"));
	reply = session_eoh(s);
	session_body(s, STR("text\r\n"));
	end = session_eom(s, &edits);
	session_committed(s);
	return reply.kind == REPLY_CONTINUE ? end : reply;
}

/* The reply under a limit that is no limit, one that is spent at once, and none. */
static void expect(const char *text, int code_within, int code_beyond)
{
	static const int64_t limits[] = {NS_PER_S * 3600, 1, 0};
	struct diag *diag = diag_new(arena);
	struct source *source = arena_new_of(arena, struct source);
	struct policy *policy;

	*source = (struct source){"policy", str_of(text)};
	policy = policy_compile(source, ".", NULL, diag);
	diag_print(diag, stdout);
	if (!policy)
		exit(1);
	for (size_t i = 0; i < 3; i++) {
		struct session *s = session_of(policy, limits[i]);

		/* The next message has a meter of its own. */
		for (int j = 0; j < 2; j++) {
			struct reply reply = deliver(s);
			const struct report *report = session_report(s);

			CHECK_INT(reply.code, i == 1 ? code_beyond : code_within);
			CHECK(report->outcome.settled);
			CHECK((report->problem != NULL) == (i == 1));
			if (i == 1 && code_beyond == 451)
				CHECK_STR(str_of(reply.enhanced), "4.3.0");
		}
		session_free(&s);
	}
	policy_free(&policy);
}

static void test_patterns(void)
{
	expect("table t patterns { /ell/ }\nreject 550 \"no\" when subject in t", 550, 451);
	expect("reject 550 \"no\" when subject matches /ell/", 550, 451);
	expect("accept when subject is \"hello\"\nreject 550 \"no\" when subject matches /e/", 0,
	       0);
}

/* Spends what there is, while it is told to. */
static const char *spend(void *ctx, const char *name)
{
	(void)name;
	while (*(bool *)ctx && !meter_over())
		;
	return NULL;
}

/* All that the first message may cost is spent on it, and the next is looked at from MAIL on. */
static void test_next_message(void)
{
	bool spending = false;
	struct session_env env = {.resolver = resolver,
				  .clock = &now,
				  .cpu = 50 * NS_PER_MS,
				  .macro = spend,
				  .ctx = &spending};
	struct diag *diag = diag_new(arena);
	struct source *source = arena_new_of(arena, struct source);
	struct policy *policy;
	struct session *s;

	*source =
	    (struct source){"policy", STR("reject 550 \"no\" when sender.local matches /^x/")};
	policy = policy_compile(source, ".", NULL, diag);
	CHECK(policy != NULL);
	s = session_new(policy, &env);
	session_connect(s, STR("unknown"), NULL, 25252);
	session_helo(s, STR("a.example"));
	spending = true;
	CHECK_INT(session_mail(s, STR("<x@example.net>"), NULL).code, 451);
	spending = false;
	CHECK_INT(session_mail(s, STR("<x@example.net>"), NULL).code, 550);
	session_free(&s);
	policy_free(&policy);
}

static void test_body(void)
{
	expect("reject 550 \"no\" when line.longest >= 1", 550, 550);
	expect("reject 550 \"no\" when dkim is permerror", 550, 0);
	expect("reject 550 \"no\" when dkim is temperror", 0, 550);
	expect("reject 550 \"no\" when arc is fail", 550, 0);
	expect("reject 550 \"no\" when arc is temperror", 0, 550);
	expect("reject 550 \"no\" when no attachment.name is \"a.exe\"", 550, 451);
	expect("reject 550 \"no\" when subject is \"hello\"", 550, 550);
	expect("add header \"X-Longest: ${line.longest}\"", 0, 0);
}

int main(void)
{
	static const struct source records = {"dns", {"", 0}};
	const char *why;

	arena = arena_new(NULL);
	mime_init();
	if (dkim_verifier_init(&why) < 0)
		return 1;
	if (resolver_from_source(&records, &now, diag_new(arena), &resolver) < 0)
		return 1;
	RUN(test_meter);
	RUN(test_patterns);
	RUN(test_next_message);
	RUN(test_body);
	resolver_free(&resolver);
	arena_free(&arena);
	return unit_done();
}
