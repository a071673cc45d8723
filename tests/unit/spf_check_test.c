/* SPDX-License-Identifier: BSD-2-Clause */
/* The SPF check as a whole: results, limits, deadline, what is asked and in how many rounds. */

#include "postern/spf.h"
#include "tests/auth/spf_dns.h"
#include "tests/unit/unit.h"

static struct arena *arena; /* of one test */
static struct zone zone;
static struct clock clock_manual;
static struct lookups lookups;

static void txt(const char *name, const char *text)
{
	zone_add(&zone, str_of(name), DNS_TXT, str_of(text));
}

static void rr(const char *name, enum dns_type type, const char *data)
{
	zone_add(&zone, str_of(name), (int)type, str_of(data));
}

static void fresh(enum arrival arrival)
{
	clock_manual = (struct clock){.manual = true, .wall = 1700000000};
	lookups = (struct lookups){
	    .arena = arena, .zone = &zone, .arrival = arrival, .clock = &clock_manual};
}

static const struct spf_outcome *finish(struct spf_check *check)
{
	const struct spf_outcome *outcome;

	while (spf_check_step(check, &lookups, &outcome) == STEP_PENDING)
		if (!lookups_wait(&lookups, 0)) {
			CHECK(!"a check that is pending has a pending question");
			break;
		}
	return outcome;
}

static struct spf_request request_of(const char *client, const char *domain)
{
	struct spf_request request = {
	    .local = STR("someone"), .domain = str_of(domain), .helo = STR("mail.example.com")};

	CHECK(ip_parse(str_of(client), &request.ip));
	return request;
}

static const struct spf_outcome *check_with(enum arrival arrival, const char *client,
					    const char *domain)
{
	struct spf_request request = request_of(client, domain);

	fresh(arrival);
	return finish(spf_check_new(arena, &request, &clock_manual));
}

static const struct spf_outcome *check(const char *client, const char *domain)
{
	return check_with(ARRIVE_TOGETHER, client, domain);
}

static bool asked(const char *name, enum dns_type type)
{
	for (size_t i = 0; i < lookups.questions.count; i++)
		if (lookups.questions.items[i]->type == type &&
		    str_caseeq(lookups.questions.items[i]->name, str_of(name)))
			return true;
	return false;
}

/* libspf2 alone keeps 511 bytes of a record and drops the rest without a word. */
static void test_records_over_511_bytes(void)
{
	struct buf text = {.arena = arena};

	buf_puts(&text, "v=spf1");
	for (int i = 0; i < 80; i++)
		buf_printf(&text, " ip4:198.51.100.%d", i);
	for (int i = 0; i < 9; i++)
		buf_printf(&text, " a:%058d.hosts-with-long-names.example.org", i);
	buf_puts(&text, " ip4:192.0.2.7 -all");
	for (int i = 0; i < 9; i++)
		rr(str_printf(arena, "%058d.hosts-with-long-names.example.org", i).s, DNS_A,
		   "203.0.113.1");
	txt("long.example", buf_str(&text).s);
	CHECK(text.n > 1500);
	CHECK_INT(check("192.0.2.9", "long.example")->result, SPF_FAIL_);
	CHECK_INT(check("192.0.2.7", "long.example")->result, SPF_PASS_);
	CHECK_INT(check("198.51.100.79", "long.example")->result, SPF_PASS_);
}

/* Six records of nine includes each made libspf2 ask 66,430 questions. */
static void test_fan_out_is_bounded(void)
{
	for (int level = 0; level < 6; level++) {
		struct buf text = {.arena = arena};

		buf_puts(&text, "v=spf1");
		for (int i = 0; i < 9; i++)
			buf_printf(&text, " include:n%d.l%d.example", i, level + 1);
		buf_puts(&text, " -all");
		for (int i = 0; i < 9; i++)
			txt(str_printf(arena, "n%d.l%d.example", i, level).s, buf_str(&text).s);
	}
	CHECK_INT(check_with(ARRIVE_AT_ONCE, "192.0.2.1", "n0.l0.example")->result, SPF_PERMERROR_);
	CHECK(lookups.questions.count <= 11);
	CHECK_INT(check_with(ARRIVE_TOGETHER, "192.0.2.1", "n0.l0.example")->result,
		  SPF_PERMERROR_);
	CHECK(lookups.questions.count <= 56);
	CHECK_INT(check_with(ARRIVE_NEWEST_FIRST, "192.0.2.1", "n0.l0.example")->result,
		  SPF_PERMERROR_);
	CHECK(lookups.questions.count <= 56);
}

static void test_three_includes_take_two_rounds(void)
{
	txt("example.com", "v=spf1 include:a.example include:b.example include:c.example -all");
	txt("a.example", "v=spf1 ip4:198.51.100.1 -all");
	txt("b.example", "v=spf1 ip4:198.51.100.2 -all");
	txt("c.example", "v=spf1 ip4:192.0.2.1 -all");
	CHECK_INT(check("192.0.2.1", "example.com")->result, SPF_PASS_);
	CHECK_INT(lookups.rounds, 2);
	CHECK_INT(lookups.questions.count, 4);
	CHECK_INT(check("198.51.100.9", "example.com")->result, SPF_FAIL_);
	CHECK_INT(lookups.rounds, 2);
	/* With the answers at hand nothing is asked that is not needed. */
	CHECK_INT(check_with(ARRIVE_AT_ONCE, "198.51.100.1", "example.com")->result, SPF_PASS_);
	CHECK_INT(lookups.questions.count, 2);
}

/* Of the terms behind one that matches nothing is asked, whatever made it match. */
static void test_nothing_is_asked_behind_a_match(void)
{
	static const char *const first[] = {"a:net.example/24", "mx:mx.example/24//64",
					    "exists:net.example", "include:in.example",
					    "include:re.example"};

	rr("net.example", DNS_A, "192.0.2.200");
	rr("mx.example", DNS_MX, "net.example");
	txt("in.example", "v=spf1 a:net.example/24 -all");
	txt("re.example", "v=spf1 redirect=in.example");
	rr("behind.example", DNS_A, "192.0.2.1");
	for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
		struct str name = str_printf(arena, "d%zu.example", i);

		txt(name.s, str_printf(arena, "v=spf1 %s a:behind.example -all", first[i]).s);
		CHECK_INT(check_with(ARRIVE_AT_ONCE, "192.0.2.1", name.s)->result, SPF_PASS_);
		CHECK(!asked("behind.example", DNS_A));
	}
	/* One bit beyond the network: no match, and the next term is asked. */
	txt("short.example", "v=spf1 a:net.example/25 a:behind.example -all");
	CHECK_INT(check_with(ARRIVE_AT_ONCE, "192.0.2.1", "short.example")->result, SPF_PASS_);
	CHECK(asked("behind.example", DNS_A));
}

/* Rounds go by the depth of the tree, not by its size: mx, includes and redirect side by side. */
static void test_rounds_go_by_depth(void)
{
	txt("example.com", "v=spf1 mx a include:a.example include:b.example redirect=r.example");
	rr("example.com", DNS_MX, "m1.example");
	rr("example.com", DNS_MX, "m2.example");
	rr("example.com", DNS_A, "203.0.113.1");
	rr("m1.example", DNS_A, "203.0.113.2");
	rr("m2.example", DNS_A, "203.0.113.3");
	txt("a.example", "v=spf1 include:aa.example a:h.a.example ?all");
	rr("h.a.example", DNS_A, "203.0.113.4");
	txt("aa.example", "v=spf1 ip4:203.0.113.5 -all");
	txt("b.example", "v=spf1 mx -all");
	rr("b.example", DNS_MX, "m.b.example");
	rr("m.b.example", DNS_A, "203.0.113.6");
	txt("r.example", "v=spf1 exists:%{i}.r.example -all");
	rr("192.0.2.1.r.example", DNS_A, "127.0.0.2");
	CHECK_INT(check("192.0.2.1", "example.com")->result, SPF_PASS_);
	CHECK_INT(lookups.rounds, 4);
	CHECK_INT(check("203.0.113.6", "example.com")->result, SPF_PASS_);
	CHECK_INT(lookups.rounds, 4);
}

/* What was asked ahead and not used does not count. */
static void test_asking_ahead_changes_no_result(void)
{
	txt("example.com", "v=spf1 include:a.example a:v1.example a:v2.example a:v3.example -all");
	txt("a.example", "v=spf1 ip4:192.0.2.1 -all");
	CHECK_INT(check("192.0.2.1", "example.com")->result, SPF_PASS_);
	CHECK(asked("v3.example", DNS_A));
	CHECK_INT(check("192.0.2.2", "example.com")->result, SPF_PERMERROR_);

	txt("ten.example", "v=spf1 a:h1.example a:h1.example a:h1.example a:h1.example "
			   "a:h1.example a:h1.example a:h1.example a:h1.example a:h1.example "
			   "a:h10.example a:h11.example a:h12.example -all");
	rr("h1.example", DNS_A, "203.0.113.1");
	rr("h10.example", DNS_A, "192.0.2.1");
	CHECK_INT(check("192.0.2.1", "ten.example")->result, SPF_PASS_);
	CHECK(asked("h10.example", DNS_A));
	CHECK(!asked("h11.example", DNS_A));

	txt("ip.example", "v=spf1 a:h1.example ip4:192.0.2.0/24 a:h12.example -all");
	CHECK_INT(check("192.0.2.1", "ip.example")->result, SPF_PASS_);
	CHECK(!asked("h12.example", DNS_A));
}

/* A broken record that comes while another is waited for counts only when its turn comes. */
static void test_broken_record_met_ahead(void)
{
	txt("example.com", "v=spf1 include:a.example include:b.example -all");
	txt("a.example", "v=spf1 include:aa.example -all");
	txt("aa.example", "v=spf1 ip4:192.0.2.1 -all");
	txt("b.example", "v=spf1 a:h.example mx junk");
	for (int i = ARRIVE_AT_ONCE; i <= ARRIVE_NEWEST_FIRST; i++) {
		CHECK_INT(check_with((enum arrival)i, "192.0.2.1", "example.com")->result,
			  SPF_PASS_);
		CHECK_INT(check_with((enum arrival)i, "192.0.2.2", "example.com")->result,
			  SPF_PERMERROR_);
		CHECK(!asked("h.example", DNS_A));
	}
}

/* The redirect is known before it is known whether it is followed. */
static void test_redirect_asked_ahead_gives_no_explanation(void)
{
	txt("example.com", "v=spf1 -a:h.example redirect=r.example exp=e.example");
	txt("r.example", "v=spf1 -all exp=er.example");
	rr("h.example", DNS_A, "192.0.2.1");
	txt("e.example", "own");
	txt("er.example", "redirected");
	for (int i = ARRIVE_AT_ONCE; i <= ARRIVE_NEWEST_FIRST; i++) {
		CHECK_STR(check_with((enum arrival)i, "192.0.2.1", "example.com")->explanation,
			  "own");
		CHECK_STR(check_with((enum arrival)i, "192.0.2.2", "example.com")->explanation,
			  "redirected");
	}
}

/* 4.6.4 counts terms: an mx of three hosts without AAAA is one, not three. */
static void test_voids_count_by_term(void)
{
	txt("example.com", "v=spf1 mx a:v1.example ip6:2001:db8::1 -all");
	rr("example.com", DNS_MX, "m1.example");
	rr("example.com", DNS_MX, "m2.example");
	rr("example.com", DNS_MX, "m3.example");
	CHECK_INT(check("2001:db8::1", "example.com")->result, SPF_PASS_);
	CHECK_INT(check("2001:db8::2", "example.com")->result, SPF_FAIL_);
	/* What no DNS message can hold is not looked up at all. */
	txt("odd.example", "v=spf1 a:a..b.example a:c..b.example mx:d..b.example -all");
	CHECK_INT(check("192.0.2.1", "odd.example")->result, SPF_FAIL_);
	txt("three.example", "v=spf1 mx exists:v2.example ptr -all");
	rr("three.example", DNS_MX, "m1.example");
	CHECK_INT(check("192.0.2.1", "three.example")->result, SPF_PERMERROR_);
	CHECK_STR(check("192.0.2.1", "three.example")->problem,
		  "the lookups of more than 2 terms found nothing");
}

static void test_hosts_of_an_mx(void)
{
	txt("ten.example", "v=spf1 mx -all");
	txt("eleven.example", "v=spf1 mx -all");
	for (int i = 0; i < 11; i++) {
		const char *host = str_printf(arena, "m%d.example", i).s;

		if (i < 10)
			rr("ten.example", DNS_MX, host);
		rr("eleven.example", DNS_MX, host);
		rr(host, DNS_A, str_printf(arena, "192.0.2.%d", i).s);
	}
	CHECK_INT(check("192.0.2.9", "ten.example")->result, SPF_PASS_);
	CHECK_INT(lookups.rounds, 3);
	CHECK_INT(check("192.0.2.99", "ten.example")->result, SPF_FAIL_);
	CHECK_INT(check("192.0.2.0", "eleven.example")->result, SPF_PERMERROR_);
	CHECK_INT(lookups.questions.count, 2);
}

/* The shapes of CVE-2021-20314, CVE-2021-33912, CVE-2021-33913 and CVE-2023-42118. */
static void test_probes_of_known_holes(void)
{
	struct buf literal = {.arena = arena}, macros = {.arena = arena};
	struct spf_request request = request_of("192.0.2.1", "exp.example");
	const struct spf_outcome *outcome;

	for (int i = 0; i < 5000; i++)
		buf_putc(&literal, 'x');
	for (int i = 0; i < 127; i++)
		buf_puts(&macros, "%{d}");
	txt("exp.example", "v=spf1 -all exp=text.exp.example");
	txt("text.exp.example", str_printf(arena, "%s12345678901234567890", macros.s).s);
	outcome = check("192.0.2.1", "exp.example");
	CHECK_INT(outcome->result, SPF_FAIL_);
	CHECK(outcome->explanation.n > 0 && outcome->explanation.n <= 403);

	txt("mech.example", str_printf(arena, "v=spf1 a:%s%s.example -all", macros.s, literal.s).s);
	CHECK_INT(check("192.0.2.1", "mech.example")->result, SPF_FAIL_);
	txt("mod.example", str_printf(arena, "v=spf1 m=%s%s -all", macros.s, literal.s).s);
	CHECK_INT(check("192.0.2.1", "mod.example")->result, SPF_FAIL_);
	txt("lit.example", str_printf(arena, "v=spf1 exp=%s.example -all", literal.s).s);
	CHECK_INT(check("192.0.2.1", "lit.example")->result, SPF_FAIL_);

	txt("high.example", "v=spf1 exists:%{L}.%{H}.high.example -all exp=text.high.example");
	txt("text.high.example", "%{L} %{l} %{lr-} %{S} %{H9r.-+,/_=}");
	request.domain = STR("high.example");
	request.local = STR("\xff\xfe-\x80\n\r\x1b");
	request.helo = (struct str){"a\0\xff-b", 5};
	fresh(ARRIVE_TOGETHER);
	outcome = finish(spf_check_new(arena, &request, &clock_manual));
	CHECK_INT(outcome->result, SPF_FAIL_);
	CHECK(outcome->explanation.n > 0);
	for (size_t i = 0; i < outcome->explanation.n; i++)
		CHECK(outcome->explanation.s[i] >= ' ' && outcome->explanation.s[i] <= '~');
}

/* A name that doubles with each include ends at 253 bytes. */
static void test_doubling_names(void)
{
	txt("d.example", "v=spf1 include:%{d}.%{d} -all");
	txt("d.example.d.example", "v=spf1 include:%{d}.%{d} -all");
	CHECK_INT(check("192.0.2.1", "d.example")->result, SPF_PERMERROR_);
	for (size_t i = 0; i < lookups.questions.count; i++)
		CHECK(lookups.questions.items[i]->name.n <= 253);
}

static void test_mapped_and_local_clients(void)
{
	txt("example.com", "v=spf1 ip4:192.0.2.1 a:h.example -all");
	rr("h.example", DNS_A, "192.0.2.2");
	CHECK_INT(check("::ffff:192.0.2.1", "example.com")->result, SPF_PASS_);
	CHECK_INT(check("::ffff:192.0.2.2", "example.com")->result, SPF_PASS_);
	CHECK_INT(check("::ffff:192.0.2.3", "example.com")->result, SPF_FAIL_);
	CHECK_INT(check("127.0.0.1", "example.com")->result, SPF_FAIL_);
	CHECK_INT(check("::1", "example.com")->result, SPF_FAIL_);
}

static void test_null_sender(void)
{
	struct spf_request request = request_of("192.0.2.1", "mail.example.com");

	txt("mail.example.com", "v=spf1 exists:%{l}.%{o}.%{h}.x.example -all");
	rr("postmaster.mail.example.com.mail.example.com.x.example", DNS_A, "127.0.0.2");
	request.local = STR("");
	request.helo_scope = true;
	fresh(ARRIVE_TOGETHER);
	CHECK_INT(finish(spf_check_new(arena, &request, &clock_manual))->result, SPF_PASS_);
}

static void test_helo_in_unicode(void)
{
	struct spf_request request = request_of("192.0.2.1", "u.example");

	txt("u.example", "v=spf1 exists:%{h}.x.example -all");
	rr("xn--bcher-kva.example.x.example", DNS_A, "127.0.0.2");
	request.helo = STR("b\xc3\xbc\x63her.example");
	fresh(ARRIVE_TOGETHER);
	CHECK_INT(finish(spf_check_new(arena, &request, &clock_manual))->result, SPF_PASS_);
	request.helo = STR("\xff.example");
	fresh(ARRIVE_TOGETHER);
	CHECK_INT(finish(spf_check_new(arena, &request, &clock_manual))->result, SPF_FAIL_);
}

/* RFC 8616 section 4: a local part that is not ASCII is no part of a name, so nothing matches. */
static void test_local_part_that_is_not_ascii(void)
{
	static const struct {
		const char *record;
		enum spf_result result, ascii;
	} cases[] = {
	    {"v=spf1 exists:%{l}.x.example ~all", SPF_SOFTFAIL_, SPF_PASS_},
	    {"v=spf1 -exists:%{s}.x.example +all", SPF_PASS_, SPF_FAIL_},
	    {"v=spf1 a:%{l}.x.example ~all", SPF_SOFTFAIL_, SPF_PASS_},
	    {"v=spf1 mx:%{L}.x.example ~all", SPF_SOFTFAIL_, SPF_PASS_},
	    {"v=spf1 ptr:%{l}.x.example ~all", SPF_SOFTFAIL_, SPF_SOFTFAIL_},
	    {"v=spf1 include:%{l}.x.example ~all", SPF_SOFTFAIL_, SPF_PASS_},
	    {"v=spf1 redirect=%{l}.x.example", SPF_PERMERROR_, SPF_PASS_},
	    {"v=spf1 a:%{l}.1.x a:%{l}.2.x a:%{l}.3.x +all", SPF_PASS_, SPF_PERMERROR_},
	    {"v=spf1 exists:%{o}.x.example ~all", SPF_PASS_, SPF_PASS_},
	    {"v=spf1 -all exp=%{l}.x.example", SPF_FAIL_, SPF_FAIL_},
	};
	static const char *const locals[] = {"someone", "s\xc3\xb6meone"};
	size_t shared;

	for (size_t i = 0; i < 2; i++) {
		const char *name = str_printf(arena, "%s.x.example", locals[i]).s;

		rr(name, DNS_A, "192.0.2.1");
		rr(name, DNS_MX, "host.example");
		txt(name, "v=spf1 +all");
		rr(str_printf(arena, "%s@u.example.x.example", locals[i]).s, DNS_A, "192.0.2.1");
	}
	rr("host.example", DNS_A, "192.0.2.1");
	rr("u.example.x.example", DNS_A, "192.0.2.1");
	shared = zone.records.count;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct spf_request request = request_of("192.0.2.1", "u.example");

		zone.records.count = shared;
		txt("u.example", cases[i].record);
		for (size_t ascii = 0; ascii < 2; ascii++) {
			const struct spf_outcome *outcome;

			request.local = str_of(locals[!ascii]);
			fresh(ARRIVE_TOGETHER);
			outcome = finish(spf_check_new(arena, &request, &clock_manual));
			CHECK_INT(outcome->result, ascii ? cases[i].ascii : cases[i].result);
			CHECK_INT(outcome->explanation.n > 0, ascii && i == 9);
		}
	}
}

static void test_domains_without_a_check(void)
{
	static const char *const domains[] = {"",
					      "localhost",
					      "[192.0.2.1]",
					      "a..example",
					      ".example.com",
					      "a b.example",
					      "a\x80.example",
					      "."};

	for (size_t i = 0; i < sizeof(domains) / sizeof(*domains); i++) {
		const struct spf_outcome *outcome = check("192.0.2.1", domains[i]);

		CHECK_INT(outcome->result, SPF_NONE_);
		CHECK(outcome->problem.n > 0);
		CHECK_INT(lookups.questions.count, 0);
	}
	CHECK_INT(check("192.0.2.1", "nothing.example")->result, SPF_NONE_);
	CHECK_STR(check("192.0.2.1", "nothing.example")->problem,
		  "nothing.example has no SPF record");
}

static void test_failed_lookups(void)
{
	struct buf large = {.arena = arena};

	buf_puts(&large, "v=spf1");
	while (large.n < TXT_MOST)
		buf_puts(&large, " ip4:192.0.2.1");
	rr("slow.example", 0, "");
	txt("example.com", "v=spf1 include:slow.example -all");
	txt("a.example", "v=spf1 a:slow.example -all");
	txt("p.example", "v=spf1 ptr -all");
	rr("1.2.0.192.in-addr.arpa", 0, "");
	CHECK_INT(check("192.0.2.1", "slow.example")->result, SPF_TEMPERROR_);
	CHECK_INT(check("192.0.2.1", "example.com")->result, SPF_TEMPERROR_);
	CHECK_STR(check("192.0.2.1", "example.com")->problem,
		  "cannot look up slow.example TXT: timed out");
	CHECK_STR(check("192.0.2.1", "a.example")->problem,
		  "cannot look up slow.example A: timed out");
	/* What came and is beyond all use will not be better the next time. */
	txt("large.example", large.s);
	txt("b.example", "v=spf1 include:large.example -all");
	CHECK_INT(check("192.0.2.1", "large.example")->result, SPF_PERMERROR_);
	CHECK_INT(check("192.0.2.1", "b.example")->result, SPF_PERMERROR_);
	CHECK_STR(check("192.0.2.1", "large.example")->problem,
		  "cannot look up large.example TXT: answer too large");
	/* 5.5: a failing PTR is no match. */
	CHECK_INT(check("192.0.2.1", "p.example")->result, SPF_FAIL_);
}

static void test_deadline(void)
{
	struct spf_request request = request_of("192.0.2.1", "d0.example");
	const struct spf_outcome *outcome, *again;
	struct spf_check *task;

	for (int i = 0; i < 9; i++)
		txt(str_printf(arena, "d%d.example", i).s,
		    str_printf(arena, "v=spf1 redirect=d%d.example", i + 1).s);
	txt("d9.example", "v=spf1 -all exp=text.example");
	txt("text.example", "late");
	fresh(ARRIVE_TOGETHER);
	lookups.latency = 3 * NS_PER_S;
	task = spf_check_new(arena, &request, &clock_manual);
	outcome = finish(task);
	CHECK_INT(outcome->result, SPF_TEMPERROR_);
	CHECK_STR(outcome->problem, "the lookups took too long");
	CHECK_INT(lookups.rounds, 4);
	/* Done is done. */
	lookups.latency = 0;
	CHECK_INT(spf_check_step(task, &lookups, &again), STEP_DONE);
	CHECK(again == outcome && again->result == SPF_TEMPERROR_);

	/* A fail that is certain is not given up for its explanation. */
	request.domain = STR("d9.example");
	fresh(ARRIVE_TOGETHER);
	lookups.latency = 10 * NS_PER_S;
	outcome = finish(spf_check_new(arena, &request, &clock_manual));
	CHECK_INT(outcome->result, SPF_FAIL_);
	CHECK_INT(outcome->explanation.n, 0);
}

static void test_problems_are_printable(void)
{
	zone_add(&zone, STR("bad.example"), DNS_TXT, STR("v=spf1 \x1b]0;x\a -all"));
	CHECK_STR(
	    check("192.0.2.1", "bad.example")->problem,
	    "the SPF record of bad.example is broken: an unknown mechanism in '\\x1B]0;x\\x07'");
	txt("two.example", "v=spf1 -all");
	txt("two.example", "v=spf1 +all");
	CHECK_INT(check("192.0.2.1", "two.example")->result, SPF_PERMERROR_);
	CHECK_STR(check("192.0.2.1", "two.example")->problem,
		  "two.example has several SPF records");
}

static void test_result_names(void)
{
	CHECK_STR(str_of(spf_result_name(SPF_NONE_)), "none");
	CHECK_STR(str_of(spf_result_name(SPF_PERMERROR_)), "permerror");
}

static void begin(void)
{
	arena = arena_new(NULL);
	zone = (struct zone){.arena = arena};
}

static void end(void)
{
	arena_free(&arena);
}

#define RUN_FRESH(test)                                                                            \
	do {                                                                                       \
		begin();                                                                           \
		RUN(test);                                                                         \
		end();                                                                             \
	} while (0)

int main(void)
{
	spf_init();
	RUN_FRESH(test_records_over_511_bytes);
	RUN_FRESH(test_fan_out_is_bounded);
	RUN_FRESH(test_three_includes_take_two_rounds);
	RUN_FRESH(test_nothing_is_asked_behind_a_match);
	RUN_FRESH(test_rounds_go_by_depth);
	RUN_FRESH(test_asking_ahead_changes_no_result);
	RUN_FRESH(test_broken_record_met_ahead);
	RUN_FRESH(test_redirect_asked_ahead_gives_no_explanation);
	RUN_FRESH(test_voids_count_by_term);
	RUN_FRESH(test_hosts_of_an_mx);
	RUN_FRESH(test_probes_of_known_holes);
	RUN_FRESH(test_doubling_names);
	RUN_FRESH(test_mapped_and_local_clients);
	RUN_FRESH(test_null_sender);
	RUN_FRESH(test_helo_in_unicode);
	RUN_FRESH(test_local_part_that_is_not_ascii);
	RUN_FRESH(test_domains_without_a_check);
	RUN_FRESH(test_failed_lookups);
	RUN_FRESH(test_deadline);
	RUN_FRESH(test_problems_are_printable);
	RUN_FRESH(test_result_names);
	return unit_done();
}
