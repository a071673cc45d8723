/* SPDX-License-Identifier: BSD-2-Clause */
/* The parser of SPF records: the grammar, and what it keeps for one client. */

#include "filter/auth/spfrecord.h"
#include "postern/arena.h"
#include "tests/unit/unit.h"

static struct arena *arena;
static struct spfrecord record;
static struct str why;

static bool parse_for(const char *client, struct str text)
{
	struct ip ip;

	CHECK(ip_parse(str_of(client), &ip));
	why = STR("");
	return spfrecord_parse(arena, text, &ip, &record, &why);
}

static bool parse(const char *text)
{
	return parse_for("192.0.2.3", str_of(text));
}

static void test_what_is_a_record(void)
{
	CHECK(spfrecord_is(STR("v=spf1")));
	CHECK(spfrecord_is(STR("V=SPF1 -all")));
	CHECK(!spfrecord_is(STR("v=spf10")));
	CHECK(!spfrecord_is(STR("v=spf1\t-all")));
	CHECK(!spfrecord_is(STR("v=spf")));
	CHECK(!spfrecord_is(STR(" v=spf1")));
}

static void test_terms(void)
{
	CHECK(parse("v=spf1  a MX:%{d}/24//64 ?include:x.example ~exists:%{i}.example ptr "
		    "redirect=y.example exp=e.example x-y.z=%{c} "));
	CHECK_INT(record.count, 6);
	CHECK_INT(record.terms[0].kind, SPFRECORD_A);
	CHECK_INT(record.terms[0].prefix, 32);
	CHECK_INT(record.terms[0].name.n, 0);
	CHECK_INT(record.terms[1].kind, SPFRECORD_MX);
	CHECK_INT(record.terms[1].prefix, 24);
	CHECK_STR(record.terms[1].name, "%{d}");
	CHECK_INT(record.terms[2].qualifier, '?');
	CHECK_STR(record.terms[2].name, "x.example");
	CHECK_INT(record.terms[3].kind, SPFRECORD_EXISTS);
	CHECK_INT(record.terms[4].kind, SPFRECORD_PTR);
	CHECK_INT(record.terms[5].kind, SPFRECORD_REDIRECT);
	CHECK_STR(record.exp, "e.example");
}

/* What can no longer matter is gone; what is wrong behind it still counts. */
static void test_only_what_matters_is_kept(void)
{
	CHECK(parse("v=spf1 ip4:198.51.100.0/24 a -all mx redirect=y.example"));
	CHECK_INT(record.count, 2);
	CHECK_INT(record.terms[1].kind, SPFRECORD_ALL);
	CHECK_INT(record.terms[1].qualifier, '-');
	CHECK(parse("v=spf1 a ?ip4:192.0.2.0/24 mx -all"));
	CHECK_INT(record.count, 2);
	CHECK_INT(record.terms[1].kind, SPFRECORD_ALL);
	CHECK_INT(record.terms[1].qualifier, '?');
	CHECK(!parse("v=spf1 -all moo"));
	CHECK_STR(why, "an unknown mechanism in 'moo'");
	CHECK(parse("v=spf1 a a a a a a a a a a a a a a redirect=y.example"));
	CHECK_INT(record.count, SPFRECORD_TERMS);
	CHECK(parse("v=spf1 a a a a a a a a a a redirect=y.example"));
	CHECK_INT(record.count, SPFRECORD_TERMS);
	CHECK_INT(record.terms[10].kind, SPFRECORD_REDIRECT);
}

static bool matches(const char *client, const char *term)
{
	struct str text = str_printf(arena, "v=spf1 %s", term);

	CHECK(parse_for(client, text));
	return record.count == 1;
}

static void test_networks(void)
{
	CHECK(matches("192.0.2.3", "ip4:192.0.2.3"));
	CHECK(matches("192.0.2.3", "ip4:192.0.2.255/24"));
	CHECK(matches("192.0.2.3", "ip4:192.0.2.2/31"));
	CHECK(!matches("192.0.2.3", "ip4:192.0.2.4/31"));
	CHECK(matches("192.0.2.3", "ip4:0.0.0.0/0"));
	CHECK(matches("::ffff:192.0.2.3", "ip4:192.0.2.3"));
	CHECK(!matches("192.0.2.3", "ip6:::/0"));
	CHECK(!matches("192.0.2.3", "ip6:::ffff:192.0.2.3"));
	CHECK(matches("2001:db8::1", "ip6:::/0"));
	CHECK(matches("2001:db8::1", "ip6:2001:DB8:8000::/32"));
	CHECK(!matches("2001:db8::1", "ip6:2001:db8:8000::/33"));
	CHECK(!matches("2001:db8::1", "ip4:0.0.0.0/0"));
}

static void test_faults(void)
{
	static const char *const wrong[] = {"ip4",
					    "ip4:",
					    "ip4:1.2.3",
					    "ip4:1.2.3.4:25",
					    "ip4:1.2.3.4/33",
					    "ip4:1.2.3.4/032",
					    "ip4:1.2.3.4//32",
					    "ip4:1.2.3.4/",
					    "ip4:01.2.3.4",
					    "ip4:::1",
					    "ip6",
					    "ip6:1.2.3.4",
					    "ip6:::1/129",
					    "ip6:::1//33",
					    "ip6::CAFE::BABE",
					    "all:",
					    "all/8",
					    "-all.",
					    "--all",
					    "+",
					    "a/33",
					    "a//129",
					    "a/24/64",
					    "a/",
					    "a//",
					    "a:/24",
					    "a:x.example/24/64",
					    "a:x.example/024",
					    "mx:",
					    "ptr/0",
					    "ptr:",
					    "include",
					    "include:",
					    "include:x.example/24",
					    "exists",
					    "exists:x.example/24",
					    "redirect:x.example",
					    "redirect=",
					    "exp=",
					    "exp=-all",
					    "redirect=x.example redirect=x.example",
					    "exp=x.example exp=x.example",
					    "1up=foo",
					    "=all",
					    "-redirect=x.example",
					    "moo.cow/far=x",
					    "foo=%abc",
					    "foo",
					    "a:x.example\tmx",
					    "a:x.example\r",
					    "\x80",
					    "a:%{c}.example",
					    "ip4:4294967296.0.0.0",
					    "ip4:1.2.3.4/99999999999999999999"};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct str text = str_printf(arena, "v=spf1 %s -all", wrong[i]);
		bool taken = parse_for("192.0.2.3", text);

		if (taken)
			printf("taken: %s\n", wrong[i]);
		CHECK(!taken);
		CHECK(why.n > 0);
	}
	CHECK(!parse_for("192.0.2.3", (struct str){"v=spf1 a:x.example\0 -all", 23}));
	CHECK(!parse("v=spf1 \x1b[31m"));
	CHECK_STR(why, "an unknown mechanism in '\\x1B[31m'");
}

/* No record is too long: the last term of 64 KB counts. */
static void test_long_records(void)
{
	struct buf text = {.arena = arena};

	buf_puts(&text, "v=spf1");
	for (int i = 0; text.n < 65000; i++)
		buf_printf(&text, " ip4:198.51.%d.%d a:h%d.example", i / 256 % 256, i % 256, i);
	buf_puts(&text, " ip4:192.0.2.3");
	CHECK(parse_for("192.0.2.3", buf_str(&text)));
	CHECK_INT(record.count, SPFRECORD_TERMS);
	buf_puts(&text, " moo");
	CHECK(!parse_for("192.0.2.3", buf_str(&text)));
}

int main(void)
{
	arena = arena_new(NULL);
	RUN(test_what_is_a_record);
	RUN(test_terms);
	RUN(test_only_what_matters_is_kept);
	RUN(test_networks);
	RUN(test_faults);
	RUN(test_long_records);
	arena_free(&arena);
	return unit_done();
}
