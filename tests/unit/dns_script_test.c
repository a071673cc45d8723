/* SPDX-License-Identifier: BSD-2-Clause */
/* Answers from a file of records: what can be written, what is answered, what is a mistake. */

#include "tests/unit/unit.h"

#include <stdlib.h>

#include "filter/dns/script.h"
#include "postern/arena.h"
#include "postern/diag.h"

static struct arena *arena;

static struct script *read_records(const char *text)
{
	struct source *source = arena_new_of(arena, struct source);
	struct diag *diag = diag_new(arena);
	struct script *script;

	*source = (struct source){"zone", str_of(text)};
	script = script_new(source, diag);
	if (!script)
		diag_print(diag, stdout);
	CHECK(script != NULL);
	return script;
}

static const struct answer *ask(const struct script *script, const char *name, enum dns_type type)
{
	struct dns_key key = {.type = type};

	CHECK(name_from_text(str_of(name), &key.name));
	return script_answer(script, &key);
}

static void check_status(const struct script *script, const char *name, enum dns_type type,
			 enum dns_status expected)
{
	const struct answer *answer = ask(script, name, type);

	CHECK(answer != NULL);
	if (answer && answer->public.status != expected)
		printf("%s %s\n", name, dns_type_name(type));
	if (answer)
		CHECK_INT(answer->public.status, expected);
	answer_drop(answer);
}

static void check_data(const struct script *script, const char *name, enum dns_type type,
		       const char *expected)
{
	const struct answer *answer = ask(script, name, type);

	CHECK(answer && answer->public.status == DNS_FOUND && answer->public.count == 1);
	if (answer && answer->public.count == 1)
		CHECK_STR(answer->public.records[0].data, expected);
	answer_drop(answer);
}

static void check_problem(const struct script *script, const char *name, const char *expected)
{
	const struct answer *answer = ask(script, name, DNS_A);

	CHECK(answer && answer->public.status == DNS_FAILED);
	if (answer)
		CHECK_STR(str_of(answer->public.problem), expected);
	answer_drop(answer);
}

static void test_records(void)
{
	struct script *script = read_records("; a comment\n"
					     "# another\n"
					     "\n"
					     "example.org TXT \"v=spf1 -all\"   ; mine\r\n"
					     "EXAMPLE.org. 300 IN MX 10 Mx.Example.ORG.\n"
					     "example.org IN 60 MX 0 .\n"
					     "example.org A 192.0.2.1\n"
					     "\texample.org AAAA 2001:db8::1  # indented\n"
					     "example.org AAAA ::ffff:192.0.2.9\n"
					     "example.org NS ns.example.org\n"
					     "example.org SOA ns h ( 1 2 3 4 5 )\n"
					     "4.3.2.1.in-addr.arpa PTR Host.Example.\n"
					     "_a._b.deep.example.net TXT x \"y z\" \\065\\\"\n"
					     "strings.example TXT \"a;b\" \"\" \"\\000\\\\\"\n"
					     "odd\\.dot.example A 192.0.2.2\n");
	const struct answer *answer;

	check_data(script, "example.org", DNS_TXT, "v=spf1 -all");
	check_status(script, "Example.ORG.", DNS_A, DNS_FOUND);
	check_data(script, "4.3.2.1.in-addr.arpa", DNS_PTR, "host.example");
	check_data(script, "_a._b.deep.example.net", DNS_TXT, "xy zA\"");
	answer = ask(script, "example.org", DNS_MX);
	CHECK_INT(answer->public.count, 2);
	CHECK_INT(answer->public.ttl, 60);
	CHECK_INT(answer->public.records[0].preference, 10);
	CHECK_STR(answer->public.records[0].data, "mx.example.org");
	CHECK_STR(answer->public.records[1].data, "");
	answer_drop(answer);
	answer = ask(script, "example.org", DNS_AAAA);
	CHECK_INT(answer->public.count, 2);
	CHECK_INT(answer->public.records[1].data.n, 16);
	answer_drop(answer);
	answer = ask(script, "strings.example", DNS_TXT);
	CHECK_INT(answer->public.records[0].data.n, 5);
	CHECK(memcmp(answer->public.records[0].data.s, "a;b\0\\", 5) == 0);
	answer_drop(answer);
	check_status(script, "odd.dot.example", DNS_A, DNS_NXDOMAIN);
	script_free(&script);
}

static void test_existence(void)
{
	struct script *script = read_records("a.b.example TXT x\n"
					     "empty.example NODATA\n"
					     "spf.example SPF \"v=spf1 -all\"\n"
					     "ab.example2 A 192.0.2.1\n");

	check_status(script, "a.b.example", DNS_A, DNS_NODATA);
	check_status(script, "b.example", DNS_A, DNS_NODATA);
	check_status(script, "example", DNS_A, DNS_NODATA);
	check_status(script, "empty.example", DNS_TXT, DNS_NODATA);
	check_status(script, "spf.example", DNS_TXT, DNS_NODATA);
	check_status(script, "x.a.b.example", DNS_A, DNS_NXDOMAIN);
	check_status(script, "a.example", DNS_A, DNS_NXDOMAIN);
	check_status(script, "b.example2", DNS_A, DNS_NXDOMAIN);
	check_status(script, "zz", DNS_A, DNS_NXDOMAIN);
	script_free(&script);
	script = read_records("");
	check_status(script, "example", DNS_A, DNS_NXDOMAIN);
	script_free(&script);
}

static void test_failures(void)
{
	struct script *script = read_records("slow.example TIMEOUT\n"
					     "half.example TIMEOUT TXT\n"
					     "half.example A 192.0.2.1\n"
					     "broken.example SERVFAIL\n"
					     "broken.example A 192.0.2.1\n"
					     "bogus.example BOGUS\n"
					     "txt.example SERVFAIL TXT\n");

	CHECK(ask(script, "slow.example", DNS_A) == NULL);
	CHECK(ask(script, "half.example", DNS_TXT) == NULL);
	check_status(script, "half.example", DNS_A, DNS_FOUND);
	check_problem(script, "broken.example", "SERVFAIL");
	check_problem(script, "bogus.example", "bogus");
	check_status(script, "txt.example", DNS_A, DNS_NODATA);
	check_status(script, "txt.example", DNS_TXT, DNS_FAILED);
	script_free(&script);
}

static void test_aliases(void)
{
	struct script *script =
	    read_records("www.example CNAME web.example.\n"
			 "web.example A 192.0.2.1\n"
			 "gone.example CNAME nowhere.invalid\n"
			 "stuck.example CNAME dead.example\n"
			 "dead.example TIMEOUT\n"
			 "loop.example CNAME loop.example\n"
			 "c0.example CNAME c1.example\nc1.example CNAME c2.example\n"
			 "c2.example CNAME c3.example\nc3.example CNAME c4.example\n"
			 "c4.example CNAME c5.example\nc5.example CNAME c6.example\n"
			 "c6.example CNAME c7.example\nc7.example CNAME c8.example\n"
			 "c8.example CNAME c9.example\nc9.example CNAME c10.example\n"
			 "c10.example CNAME c11.example\nc11.example CNAME web.example\n");

	check_status(script, "www.example", DNS_A, DNS_FOUND);
	check_data(script, "www.example", DNS_CNAME, "web.example");
	check_status(script, "www.example", DNS_TXT, DNS_NODATA);
	check_status(script, "gone.example", DNS_A, DNS_NXDOMAIN);
	CHECK(ask(script, "stuck.example", DNS_A) == NULL);
	check_problem(script, "loop.example", "too many CNAMEs");
	check_status(script, "c1.example", DNS_A, DNS_FOUND);
	check_problem(script, "c0.example", "too many CNAMEs");
	script_free(&script);
}

static void check_mistake(const char *text, const char *expected)
{
	struct source source = {"zone", str_of(text)};
	struct diag *diag = diag_new(arena);
	struct script *script = script_new(&source, diag);
	char *printed = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&printed, &size);

	CHECK(script == NULL);
	script_free(&script);
	diag_print(diag, out);
	fclose(out);
	if (!strstr(printed, expected))
		printf("for '%s': %s", text, printed);
	CHECK(strstr(printed, expected) != NULL);
	free(printed);
}

static void test_mistakes(void)
{
	check_mistake("\nexample.org\n", "zone:2:12: error: the type of the record is missing");
	check_mistake("a..b A 192.0.2.1", "zone:1:1: error: not a domain name");
	check_mistake("example A 192.0.2", "zone:1:11: error: not an IPv4 address");
	check_mistake("example A ::1", "not an IPv4 address");
	check_mistake("example AAAA 192.0.2.1", "not an IPv6 address");
	check_mistake("example A 192.0.2.1 x",
		      "zone:1:21: error: this is more than the record needs");
	check_mistake("example MX mx.example", "zone:1:12: error: not a preference");
	check_mistake("example MX 70000 mx.example", "not a preference");
	check_mistake("example MX 10", "the name of the mail exchanger is missing");
	check_mistake("example TXT", "the record's data are missing");
	check_mistake("example TXT \"abc", "a quotation mark is missing");
	check_mistake("example TXT \"a\\300\"", "an escape is");
	check_mistake("example TIMOUT", "unknown record type 'TIMOUT', did you mean 'TIMEOUT'?");
	check_mistake("example FOOBARBAZ x", "unknown record type 'FOOBARBAZ'");
	check_mistake("example TIMEOUT BOGUS", "a type of record is meant");
	check_mistake("example TIMEOUT A A", "a type is all that may stand here");
	check_mistake("$ORIGIN example.", "directives are not understood");
	check_mistake("a..b A x\nb A y\nc A 192.0.2.1\n", "zone:2:5");
}

static void test_large_text(void)
{
	char *zone = malloc(40000), *at = zone;
	struct script *script;

	for (int i = 0; i < 17; i++) {
		at += sprintf(at, "big.example TXT \"");
		memset(at, 'x', 1000);
		at += 1000;
		at += sprintf(at, "\"\n");
	}
	script = read_records(zone);
	check_status(script, "big.example", DNS_TXT, DNS_FAILED);
	script_free(&script);
	free(zone);
}

int main(void)
{
	arena = arena_new(NULL);
	RUN(test_records);
	RUN(test_existence);
	RUN(test_failures);
	RUN(test_aliases);
	RUN(test_mistakes);
	RUN(test_large_text);
	arena_free(&arena);
	return unit_done();
}
