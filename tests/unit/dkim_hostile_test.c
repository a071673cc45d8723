/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The verifier over what libopendkim alone gets wrong, dies of or spends too long on: one test for
 * each.
 */

#include <time.h>

#include "tests/unit/dkim_mail.h"
#include "tests/unit/unit.h"

/*
 * An h= that selects every field and names one more writes past libopendkim's array. What a
 * signature that names itself covers is not what was signed (3.7), so it may fail; the others pass.
 */
static void test_more_in_h_than_there_is(void)
{
	static const char *const lists[] = {"from:subject:x:y:z",
					    "from:from:from:from:subject:subject",
					    "from:subject:dkim-signature:nothere",
					    "dkim-signature:subject:from:from:from",
					    "from:dkim-signature:dkim-signature:subject:x",
					    "from:from:from:subject:subject:dkim-signature"};

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct signer s = mail_signer();

		mail_begin();
		s.h = lists[i];
		mail_sign(&s);
		if (i < 2)
			CHECK_INT(mail_result(), DKIM_RESULT_PASS);
		else
			CHECK(mail_result() != DKIM_RESULT_PERMERROR);
		mail_end();
	}
	mail_begin();
	struct signer s = mail_signer();
	s.h = "from:subject:X X";
	mail_sign(&s);
	CHECK_STR(str_of(mail_reason()), "h= is malformed");
	mail_end();
}

static void test_query_methods(void)
{
	struct signer s = mail_signer();

	mail_begin();
	s.more = "q=foo";
	mail_sign(&s);
	CHECK_INT(mail_result(), DKIM_RESULT_PERMERROR);
	CHECK_INT(lookups_asked(mail.lookups), 0);
	s.more = "q=dns/foo";
	mail_sign(&s);
	CHECK_INT(mail_result(), DKIM_RESULT_PERMERROR);
	s.more = "q=foo : dns/txt";
	mail_sign(&s);
	CHECK_INT(mail_result(), DKIM_RESULT_PASS);
	mail_end();
}

static void test_failed_lookup_is_its_own(void)
{
	const struct dkim_outcome *outcome;
	struct signer s = mail_signer();

	mail_begin();
	mail_sign(&s);
	s.s = "slow";
	mail_sign(&s);
	s.s = "missing";
	mail_sign(&s);
	dkim_lookups_fail(mail.lookups, "slow._domainkey.example.org", "timed out");
	outcome = mail_verify();
	CHECK_INT(outcome->signatures[0].result, DKIM_RESULT_PERMERROR);
	CHECK_INT(outcome->signatures[1].result, DKIM_RESULT_TEMPERROR);
	CHECK_STR(str_of(outcome->signatures[1].reason), "key lookup failed: timed out");
	CHECK_INT(outcome->signatures[2].result, DKIM_RESULT_PASS);
	CHECK_INT(outcome->best, DKIM_RESULT_PASS);
	mail.body = STR("changed");
	CHECK_INT(mail_verify()->best, DKIM_RESULT_TEMPERROR);
	mail_end();
}

static void test_duplicate_tags(void)
{
	static const char *const twice[] = {"d=example.net", "D=example.net", "bh=AAAA",
					    "t=1; t=2"};

	for (size_t i = 0; i < sizeof(twice) / sizeof(twice[0]); i++) {
		struct signer s = mail_signer();

		mail_begin();
		s.more = twice[i];
		mail_sign(&s);
		CHECK_INT(mail_result(), DKIM_RESULT_PERMERROR);
		CHECK_STR(str_of(mail_reason()), "a tag stands twice");
		mail_end();
	}
}

static void test_lengths(void)
{
	static const struct {
		const char *l;
		long octets;
		enum dkim_result expected;
	} cases[] = {
	    {"14", 14, DKIM_RESULT_PASS},
	    {"0", 0, DKIM_RESULT_PASS},
	    {"014", 14, DKIM_RESULT_PASS},
	    {"+14", 14, DKIM_RESULT_PERMERROR},
	    {"-1", -1, DKIM_RESULT_PERMERROR},
	    {"", -1, DKIM_RESULT_PERMERROR},
	    {"18446744073709551614", -1, DKIM_RESULT_PERMERROR},
	    {"1 4", 14, DKIM_RESULT_PERMERROR},
	    {"14x", 14, DKIM_RESULT_PERMERROR},
	    {"999999", -1, DKIM_RESULT_PERMERROR},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct signer s = mail_signer();
		const struct dkim_signature *signature;

		mail_begin();
		s.l = cases[i].l;
		s.signed_body = cases[i].octets;
		mail_sign(&s);
		signature = &mail_verify()->signatures[0];
		CHECK_INT(signature->result, cases[i].expected);
		CHECK(signature->partial);
		if (cases[i].expected == DKIM_RESULT_PASS) {
			CHECK_STR(str_of(mail_reason()), "partial");
			mail.body = str_printf(mail.arena, STR_FMT "more", STR_ARG(mail.body));
			CHECK_INT(mail_result(), DKIM_RESULT_PASS);
		}
		mail_end();
	}
}

static void test_no_body_for_length_zero(void)
{
	struct signer s = mail_signer();
	bool wanted;

	mail_begin();
	s.l = "0";
	s.signed_body = 0;
	mail_sign(&s);
	CHECK_INT(mail_verify_in(10, &wanted)->best, DKIM_RESULT_PASS);
	CHECK(!wanted);
	mail_end();
}

/* A signed message, one of whose places is changed to `changed`: nothing may pass. */
static void changed_body_fails(const char *c, const char *body, const char *changed)
{
	struct signer s = mail_signer();

	mail_begin();
	s.c = c;
	mail.body = str_of(body);
	mail_sign(&s);
	CHECK_INT(mail_result(), DKIM_RESULT_PASS);
	mail.body = str_of(changed);
	CHECK(mail_result() != DKIM_RESULT_PASS);
	mail_end();
}

static void test_line_ends_in_the_body(void)
{
	static const char *const canons[] = {"relaxed/relaxed", "relaxed/simple"};

	for (size_t i = 0; i < 2; i++) {
		changed_body_fails(canons[i], "ab\r\ncd\r\n", "a\rb\r\ncd\r\n");
		changed_body_fails(canons[i], "ab\r\ncd\r\n", "ab\r\r\ncd\r\n");
		changed_body_fails(canons[i], "ab\r\ncd\r\n", "ab\r\ncd\r\n\r");
		changed_body_fails(canons[i], "ab\r\n\r\ncd\r\n", "ab\r\n\r\r\ncd\r\n");
		changed_body_fails(canons[i], "\r\nab\r\n", "\r\r\nab\r\n");
		changed_body_fails(canons[i], "ab\r\n", "ab\r\n\r\n\r\r\r\n");
		changed_body_fails(canons[i], "ab\r\ncd\r\n", "ab\ncd\r\n");
		changed_body_fails(canons[i], "ab\r\ncd\r\n", "ab\rcd\r\n");
		changed_body_fails(canons[i], "ab\r\ncd\r\n", "abX\ncd\r\n");
		changed_body_fails(canons[i], "a b\r\n", "a\vb\r\n");
		changed_body_fails(canons[i], "a b\r\n", "a \vb\r\n");
		changed_body_fails(canons[i], "a b\r\n", "a b\f\r\n");
		changed_body_fails(canons[i], "a b\r\n", "a b\r\n\v\r\n");
	}
}

static void test_many_cr(void)
{
	struct signer s = mail_signer();
	char crs[300];

	mail_begin();
	memset(crs, '\r', sizeof(crs));
	mail.body = (struct str){crs, sizeof(crs)};
	s.c = "simple/simple";
	mail_sign(&s);
	CHECK(mail_result() != DKIM_RESULT_PASS);
	mail_end();
}

/* libopendkim's hash of these rests on where the pieces end: mail_verify() tries several. */
static void test_line_ends_in_pieces(void)
{
	struct signer s = mail_signer();
	char crs[100];

	mail_begin();
	mail.body = STR("x256\ne; ");
	s.c = "relaxed/simple";
	s.signed_body = 5;
	s.l = "5";
	mail_sign(&s);
	CHECK_INT(mail_result(), DKIM_RESULT_NEUTRAL);
	CHECK_STR(str_of(mail_reason()), "bare LF in the body");
	mail_end();
	/* Of too many CRs some are dropped: the body is shorter then than it was signed. */
	mail_begin();
	memset(crs, '\r', sizeof(crs));
	mail.body = (struct str){crs, sizeof(crs)};
	s.c = "simple/simple";
	s.signed_body = 90;
	s.l = "90";
	mail_sign(&s);
	CHECK_INT(mail_result(), DKIM_RESULT_NEUTRAL);
	mail_end();
}

/* Octets between CRLFs are the signer's own business where canonicalization keeps them. */
static void test_signed_bare_cr(void)
{
	struct signer s = mail_signer();

	mail_begin();
	s.c = "simple/simple";
	mail.body = STR("a\rb\r\rc\r\n");
	mail_sign(&s);
	CHECK_INT(mail_result(), DKIM_RESULT_PASS);
	s.c = "relaxed/relaxed";
	mail.body = STR("a\nb\r\n");
	mail_sign(&s);
	CHECK_INT(mail_result(), DKIM_RESULT_PASS);
	mail_end();
}

static void test_nul_in_the_body(void)
{
	struct signer s = mail_signer();

	mail_begin();
	mail.body = (struct str){"a\0b\r\n", 5};
	mail_sign(&s);
	CHECK_INT(mail_result(), DKIM_RESULT_PASS);
	mail.body = (struct str){"a\0c\r\n", 5};
	CHECK_INT(mail_result(), DKIM_RESULT_FAIL);
	mail_end();
}

/* RFC 6376 8.15: what was added above a signed field is what readers show. */
static void test_added_fields(void)
{
	static const struct {
		const char *name, *h;
		enum dkim_result result;
		bool added;
	} cases[] = {
	    {"Subject", "from:subject", DKIM_RESULT_PASS, true},
	    {"sUBJECT", "from:subject", DKIM_RESULT_PASS, true},
	    {"From", "from", DKIM_RESULT_PASS, true},
	    {"To", "from:to:to", DKIM_RESULT_PASS, true},
	    {"To", "from:to:to:to", DKIM_RESULT_FAIL, false},
	    {"Cc", "from:cc:cc", DKIM_RESULT_FAIL, false},
	    {"Subject", "from:to:to", DKIM_RESULT_PASS, false},
	    {"Received", "from:received", DKIM_RESULT_PASS, false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct signer s = mail_signer();
		const struct dkim_outcome *outcome;

		mail_begin();
		mail_add("To", STR(" a@example.net"));
		mail_add("To", STR(" b@example.net"));
		mail_add("Cc", STR(" c@example.net"));
		mail_add("Received", STR(" by one.example; now"));
		s.h = cases[i].h;
		mail_sign(&s);
		outcome = mail_verify();
		CHECK_INT(outcome->signatures[0].result, DKIM_RESULT_PASS);
		CHECK(!outcome->signatures[0].added);
		mail_put_on_top(STR(" something <else@example.com>"));
		mail.fields[0].name = str_of(cases[i].name);
		outcome = mail_verify();
		CHECK_INT(outcome->signatures[0].result, cases[i].result);
		CHECK_INT(outcome->signatures[0].added, cases[i].added);
		CHECK_INT(outcome->signatures[0].reason != NULL,
			  cases[i].added || cases[i].result == DKIM_RESULT_FAIL);
		mail_end();
	}
}

static void test_copied_fields(void)
{
	struct signer s = mail_signer();

	mail_begin();
	mail_add("MIME-Version", STR(" 1.0"));
	s.h = "from:mime-version";
	mail_sign(&s);
	mail_put_on_top(STR("1.0 "));
	mail.fields[0].name = STR("MIME-Version");
	CHECK(!mail_verify()->signatures[0].added);
	mail.fields[0].value = STR(" 1.1");
	CHECK(mail_verify()->signatures[0].added);
	mail_end();
}

static void test_odd_octets_in_a_field(void)
{
	static const struct str subjects[] = {
	    {" A  tale\r\n\tof two  cities \0and more", 34},
	    {" A  tale\r\n\tof two\0  cities ", 26},
	    {" A  tale\r\n\tof two \v cities ", 27},
	    {" A  tale\r\n\tof two \f cities ", 27},
	    {" A  tale\r\n\tof two \r cities ", 27},
	    {" A  tale\r\n\tof two\vcities ", 25},
	};
	static const char *const canons[] = {"relaxed/relaxed", "simple/relaxed"};

	for (size_t c = 0; c < 2; c++) {
		for (size_t i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++) {
			struct signer s = mail_signer();

			mail_begin();
			s.c = canons[c];
			mail_sign(&s);
			mail.fields[2].value = subjects[i];
			CHECK(mail_result() != DKIM_RESULT_PASS);
			mail_end();
		}
	}
	mail_begin(); /* a field that nobody signed does no harm */
	struct signer s = mail_signer();
	mail_sign(&s);
	mail_add("X-Other", (struct str){" a\0b", 4});
	CHECK_INT(mail_result(), DKIM_RESULT_PASS);
	mail_end();
}

static void test_octets_in_the_signature(void)
{
	static const char *const octets[] = {"n=\x01", "n=caf\xc3\xa9", "n=a\rb", "n=a\nb", "n=\v"};

	for (size_t i = 0; i < sizeof(octets) / sizeof(octets[0]); i++) {
		struct signer s = mail_signer();

		mail_begin();
		s.more = octets[i];
		mail_sign(&s);
		CHECK_INT(mail_result(), DKIM_RESULT_PERMERROR);
		mail_end();
	}
}

static void test_from(void)
{
	static const char *const values[] = {" Group:;", " no at sign",
					     " \"unbalanced <jo@example.org>", ""};
	struct signer s = mail_signer();

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		mail_begin();
		mail.fields[0].value = str_of(values[i]);
		mail_sign(&s);
		CHECK_INT(mail_result(), DKIM_RESULT_PASS);
		mail_end();
	}
	mail_begin();
	mail.fields[0].name = STR("X-From");
	mail_sign(&s);
	CHECK_INT(mail_result(), DKIM_RESULT_PASS); /* what is not there is signed as that */
	mail_end();
	mail_begin();
	s.h = "Subject:X-From";
	mail_sign(&s);
	CHECK_INT(mail_result(), DKIM_RESULT_PERMERROR);
	CHECK_STR(str_of(mail_reason()), "From is not signed");
	mail_end();
}

static void test_many_signatures(void)
{
	struct signer s = mail_signer();
	const struct dkim_outcome *outcome;
	size_t policy = 0;
	clock_t start;
	bool wanted;

	mail_begin();
	mail_sign(&s);
	for (int i = 0; i < 200; i++)
		mail_put_on_top(
		    str_printf(mail.arena,
			       " v=1; a=rsa-sha256; c=relaxed/relaxed; d=d%d.example; s=s;"
			       " h=from:dkim-signature; l=%d; bh=AAAA; b=AAAA",
			       i, i));
	mail.body = str_printf(mail.arena, "%0100000d\r\n", 0);
	start = clock();
	outcome = mail_verify_in((size_t)1 << 20, &wanted);
	CHECK((clock() - start) * 10 < CLOCKS_PER_SEC * 20);
	CHECK_INT(outcome->count, 201);
	CHECK_INT(outcome->signatures[200].result, DKIM_RESULT_FAIL); /* tried: another body */
	for (size_t i = 0; i < 200; i++)
		policy += outcome->signatures[i].result == DKIM_RESULT_POLICY;
	CHECK_INT(policy, 198); /* two more body hashes */
	CHECK_INT(outcome->best, DKIM_RESULT_FAIL);
	CHECK_INT(lookups_asked(mail.lookups), 3);
	mail_end();
}

static void test_limit_of_signatures(void)
{
	struct signer s = mail_signer();
	const struct dkim_outcome *outcome;

	mail_begin();
	mail_sign(&s);
	s.d = "example.net";
	for (int i = 0; i < 12; i++)
		mail_sign(&s);
	outcome = mail_verify();
	CHECK_INT(outcome->signatures[12].result, DKIM_RESULT_PASS);
	for (size_t i = 0; i < 9; i++)
		CHECK_INT(outcome->signatures[i].result, DKIM_RESULT_PERMERROR);
	for (size_t i = 9; i < 12; i++)
		CHECK_STR(str_of(outcome->signatures[i].reason), "not tried: too many signatures");
	mail_end();
}

/* No setting makes more of them tried. */
static void test_most_signatures(void)
{
	struct signer s = mail_signer();
	const struct dkim_outcome *outcome;
	size_t tried = 0;

	mail_begin();
	mail.options.max_signatures = LIMIT_SIGNATURES + 5;
	for (int i = 0; i < LIMIT_SIGNATURES + 2; i++)
		mail_sign(&s);
	outcome = mail_verify();
	CHECK_INT(outcome->count, LIMIT_SIGNATURES + 2);
	for (size_t i = 0; i < outcome->count; i++)
		tried += outcome->signatures[i].result == DKIM_RESULT_PASS;
	CHECK_INT(tried, LIMIT_SIGNATURES);
	mail_end();
}

static void test_body_hashes(void)
{
	static const char *const lengths[] = {"1", "2", "3", "4"};
	struct signer s = mail_signer();
	const struct dkim_outcome *outcome;

	mail_begin();
	for (size_t i = 0; i < 4; i++) {
		s.l = lengths[i];
		s.signed_body = (long)i + 1;
		mail_sign(&s);
	}
	outcome = mail_verify();
	for (size_t i = 0; i < 3; i++)
		CHECK_INT(outcome->signatures[i].result, DKIM_RESULT_PASS);
	CHECK_INT(outcome->signatures[3].result, DKIM_RESULT_POLICY);
	mail_end();
}

static void test_huge_signature(void)
{
	struct signer s = mail_signer();
	const struct dkim_outcome *outcome;

	mail_begin();
	mail_sign(&s);
	mail_put_on_top(str_printf(mail.arena,
				   " v=1; a=rsa-sha256; d=example.org; s=s; h=from; bh=AAAA;"
				   " n=%070000d; b=AAAA",
				   0));
	outcome = mail_verify();
	CHECK_STR(str_of(outcome->signatures[0].reason), "signature too long");
	CHECK_INT(outcome->signatures[1].result, DKIM_RESULT_PASS);
	mail_end();
}

static void test_huge_header(void)
{
	struct signer s = mail_signer();

	mail_begin();
	for (int i = 0; i < 1100; i++)
		mail_add("X-Many", STR(" x"));
	mail_sign(&s);
	CHECK_INT(mail_result(), DKIM_RESULT_PERMERROR);
	CHECK_STR(str_of(mail_reason()), "header too large");
	mail_end();
	mail_begin();
	mail_sign(&s);
	mail_add("X-Large", str_printf(mail.arena, "%0300000d", 0));
	mail_put_on_top(mail.fields[0].value);
	CHECK_STR(str_of(mail_reason()), "header too large");
	CHECK_INT(mail_verify()->count, 2);
	mail_end();
	mail_begin();
	for (int i = 0; i < 1100; i++)
		mail_add("DKIM-Signature", STR(" v=1"));
	CHECK_INT(mail_verify()->count, 1000);
	mail_end();
}

static void test_tab_before_the_colon(void)
{
	struct signer s = mail_signer();

	mail_begin();
	mail_sign(&s);
	mail.fields[2].name = STR("Subject\t");
	CHECK_INT(mail_result(), DKIM_RESULT_PASS);
	mail.fields[0].name = STR("dkim-Signature ");
	CHECK_INT(mail_result(), DKIM_RESULT_PASS);
	mail_end();
}

static void test_layout_of_b(void)
{
	struct signer s = mail_signer();

	mail_begin();
	s.q = "; b =";
	mail_sign(&s);
	CHECK_INT(mail_result(), DKIM_RESULT_NEUTRAL);
	s = mail_signer();
	s.more = "xb=1";
	mail_sign(&s);
	CHECK_INT(mail_result(), DKIM_RESULT_NEUTRAL);
	mail_end();
}

int main(void)
{
	if (!mail_init())
		return 1;
	RUN(test_more_in_h_than_there_is);
	RUN(test_query_methods);
	RUN(test_failed_lookup_is_its_own);
	RUN(test_duplicate_tags);
	RUN(test_lengths);
	RUN(test_no_body_for_length_zero);
	RUN(test_line_ends_in_the_body);
	RUN(test_many_cr);
	RUN(test_line_ends_in_pieces);
	RUN(test_signed_bare_cr);
	RUN(test_nul_in_the_body);
	RUN(test_added_fields);
	RUN(test_copied_fields);
	RUN(test_odd_octets_in_a_field);
	RUN(test_octets_in_the_signature);
	RUN(test_from);
	RUN(test_many_signatures);
	RUN(test_limit_of_signatures);
	RUN(test_most_signatures);
	RUN(test_body_hashes);
	RUN(test_huge_signature);
	RUN(test_huge_header);
	RUN(test_tab_before_the_colon);
	RUN(test_layout_of_b);
	mail_close();
	return unit_done();
}
