/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The verifier over messages signed here: what is right passes, what was changed fails, keys and
 * times are what RFC 6376 wants, and nothing is done for a message that nobody signed.
 */

#include "tests/unit/dkim_mail.h"
#include "tests/unit/unit.h"

static void test_passes(void)
{
	static const char *const canons[] = {"simple",         "simple/simple",   "simple/relaxed",
					     "relaxed/simple", "relaxed/relaxed", "relaxed"};
	static const char *const bodies[] = {"",
					     "\r\n",
					     "\r\n\r\n",
					     "a",
					     "a\r\n",
					     "a\r\n\r\n",
					     " ",
					     " \r\n",
					     "a \t b\t\r\n \r\n",
					     "no end",
					     "a\r\n\r\nb \r\n\t\r\n\r\n",
					     "\r\na"};

	mail_begin();
	for (size_t c = 0; c < sizeof(canons) / sizeof(canons[0]); c++) {
		for (size_t b = 0; b < sizeof(bodies) / sizeof(bodies[0]); b++) {
			for (int ed = 0; ed < 2; ed++) {
				struct signer s = mail_signer();

				s.c = canons[c];
				if (ed) {
					s.key = mail_ed25519;
					s.a = "ed25519-sha256";
					s.s = "ed";
				}
				mail.body = str_of(bodies[b]);
				mail_sign(&s);
				CHECK_INT(mail_result(), DKIM_RESULT_PASS);
				memmove(mail.fields, mail.fields + 1,
					--mail.count * sizeof(mail.fields[0]));
			}
		}
	}
	mail_end();
}

static void test_outcome(void)
{
	const struct dkim_outcome *outcome;
	struct signer s = mail_signer();

	mail_begin();
	s.d = "Example.ORG";
	s.more = "i=jo.doe@News.example.org";
	mail_sign(&s);
	s = mail_signer();
	s.key = mail_ed25519;
	s.a = "ed25519-sha256";
	s.s = "ed";
	mail_sign(&s);
	outcome = mail_verify();
	CHECK_INT(outcome->count, 2);
	CHECK_INT(outcome->best, DKIM_RESULT_PASS);
	CHECK_STR(outcome->signatures[0].selector, "ed");
	CHECK_STR(outcome->signatures[0].identity, "@example.org");
	CHECK_STR(str_of(outcome->signatures[0].algorithm), "ed25519-sha256");
	CHECK_INT(outcome->signatures[0].bits, 256);
	CHECK_STR(outcome->signatures[1].domain, "example.org");
	CHECK_STR(outcome->signatures[1].identity, "jo.doe@News.example.org");
	CHECK_INT(outcome->signatures[1].bits, 1024);
	CHECK_INT(outcome->signatures[1].b.n, 8);
	CHECK(!outcome->signatures[1].reason && !outcome->signatures[1].partial);
	mail_end();
}

static void test_changes_fail(void)
{
	struct signer s = mail_signer();

	mail_begin();
	mail_sign(&s);
	mail.body = STR("It was  the worst of times,\r\n");
	CHECK_INT(mail_result(), DKIM_RESULT_FAIL);
	CHECK_STR(str_of(mail_reason()), "body hash mismatch");
	mail_end();
	mail_begin();
	mail_sign(&s);
	mail.fields[2].value = STR(" Another tale");
	CHECK_INT(mail_result(), DKIM_RESULT_FAIL);
	CHECK_STR(str_of(mail_reason()), "signature mismatch");
	mail_end();
	mail_begin();
	mail_publish("other._domainkey.example.org", "",
		     signer_public(mail.arena, mail_ed25519, false));
	s.s = "other";
	mail_sign(&s);
	CHECK_INT(mail_result(), DKIM_RESULT_PERMERROR);
	mail_end();
}

static void test_unsigned_costs_nothing(void)
{
	const struct dkim_outcome *outcome;
	bool wanted;

	mail_begin();
	outcome = mail_verify_in(10, &wanted);
	CHECK(!wanted);
	CHECK_INT(outcome->count, 0);
	CHECK_INT(outcome->best, DKIM_RESULT_NONE);
	mail_put_on_top(STR(" v=1; a=rsa-sha256"));
	outcome = mail_verify_in(10, &wanted);
	CHECK(!wanted);
	CHECK_INT(outcome->best, DKIM_RESULT_PERMERROR);
	CHECK_INT(lookups_asked(mail.lookups), 0);
	mail_end();
}

static void test_lf_folds(void)
{
	struct signer s = mail_signer();

	mail_begin();
	s.c = "simple/simple";
	mail_sign(&s);
	for (size_t i = 0; i < mail.count; i++) {
		struct buf text = {.arena = mail.arena};

		for (size_t j = 0; j < mail.fields[i].value.n; j++)
			if (mail.fields[i].value.s[j] != '\r')
				buf_putc(&text, mail.fields[i].value.s[j]);
		mail.fields[i].value = buf_str(&text);
	}
	CHECK_INT(mail_result(), DKIM_RESULT_PASS);
	mail_end();
}

static void test_signed_signature(void)
{
	struct signer s = mail_signer();

	mail_begin();
	mail_sign(&s);
	s.h = "From:DKIM-Signature:Subject";
	mail_sign(&s);
	CHECK_INT(mail_verify()->signatures[0].result, DKIM_RESULT_PASS);
	CHECK_INT(mail_verify()->signatures[1].result, DKIM_RESULT_PASS);
	mail.options.max_signatures = 1;
	CHECK_INT(mail_verify()->signatures[0].result, DKIM_RESULT_PASS);
	CHECK_INT(mail_verify()->signatures[1].result, DKIM_RESULT_POLICY);
	mail_end();
}

static void test_times(void)
{
	static const struct {
		const char *more;
		enum dkim_result expected;
	} cases[] = {
	    {"t=1699999999", DKIM_RESULT_PASS},
	    {"t=1700000299", DKIM_RESULT_PASS},
	    {"t=1700000301", DKIM_RESULT_PERMERROR},
	    {"x=1700000001", DKIM_RESULT_PASS},
	    {"x=1699999701", DKIM_RESULT_PASS},
	    {"x=1699999700", DKIM_RESULT_PERMERROR},
	    {"t=1699999000; x=1699999999", DKIM_RESULT_PASS},
	    {"x=99999999999", DKIM_RESULT_PASS},
	    {"t=1699999000; x=1699999000", DKIM_RESULT_PERMERROR},
	    {"t=1699999000; x=1699990000", DKIM_RESULT_PERMERROR},
	    {"t=-1", DKIM_RESULT_PERMERROR},
	    {"t=", DKIM_RESULT_PERMERROR},
	    {"x=18446744073709551615", DKIM_RESULT_PERMERROR},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct signer s = mail_signer();

		mail_begin();
		s.more = cases[i].more;
		mail_sign(&s);
		CHECK_INT(mail_result(), cases[i].expected);
		mail_end();
	}
}

static void test_keys_and_policy(void)
{
	struct signer s = mail_signer();

	mail_begin();
	s.key = mail_rsa512;
	s.s = "short";
	mail_publish("short._domainkey.example.org", "",
		     signer_public(mail.arena, mail_rsa512, false));
	mail_sign(&s);
	CHECK_INT(mail_result(), DKIM_RESULT_POLICY);
	CHECK_INT(mail_verify()->signatures[0].bits, 512);
	mail.options.minimum_bits = 512;
	CHECK_INT(mail_result(), DKIM_RESULT_PASS);
	s = mail_signer();
	s.a = "rsa-sha1";
	mail_sign(&s);
	CHECK_INT(mail_result(), DKIM_RESULT_POLICY);
	mail.options.allow_sha1 = true;
	CHECK_INT(mail_result(), DKIM_RESULT_PASS);
	mail_end();
}

static void test_records(void)
{
	static const struct {
		const char *tags;
		enum dkim_result expected;
	} cases[] = {
	    {"", DKIM_RESULT_PASS},
	    {"v=DKIM1; n=notes of all kinds; ", DKIM_RESULT_PASS},
	    {"v=DKIM1; n=caf\xc3\xa9; ", DKIM_RESULT_PASS},
	    {"v=DKIM1; t=y; s=*; h=sha1:sha256; ", DKIM_RESULT_PASS},
	    {"v=DKIM1; s=web; ", DKIM_RESULT_PERMERROR},
	    {"v=DKIM1; h=sha1; ", DKIM_RESULT_PERMERROR},
	    {"v=DKIM1; k=ed25519; ", DKIM_RESULT_PERMERROR},
	    {"v=DKIM1; k=rsa; k=rsa; ", DKIM_RESULT_PERMERROR},
	    {"v=DKIM1; p=; ", DKIM_RESULT_PERMERROR},
	    {"v=DKIM2; ", DKIM_RESULT_PERMERROR},
	    {"g=jo; ", DKIM_RESULT_PASS},
	    {"t=s; ", DKIM_RESULT_PERMERROR},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct signer s = mail_signer();

		mail_begin();
		s.s = "new";
		s.more = "i=jo@sub.example.org";
		mail_publish("new._domainkey.example.org", cases[i].tags,
			     signer_public(mail.arena, mail_rsa, i % 2 == 1));
		mail_sign(&s);
		CHECK_INT(mail_result(), cases[i].expected);
		mail_end();
	}
}

/* An Ed25519 signature wants a key that says so; one key may serve several signatures. */
static void test_key_types_are_not_mixed(void)
{
	struct signer s = mail_signer();
	const struct dkim_outcome *outcome;

	mail_begin();
	s.key = mail_ed25519;
	s.a = "ed25519-sha256";
	s.s = "untyped";
	mail_publish("untyped._domainkey.example.org", "",
		     signer_public(mail.arena, mail_ed25519, false));
	mail_sign(&s);
	CHECK_INT(mail_result(), DKIM_RESULT_PERMERROR);
	s = mail_signer();
	mail_sign(&s);
	s.more = "z=1";
	mail_sign(&s);
	s.more = "z=2";
	mail_sign(&s);
	outcome = mail_verify();
	for (size_t i = 0; i < 3; i++)
		CHECK_INT(outcome->signatures[i].result, DKIM_RESULT_PASS);
	mail_end();
}

static void test_pending_keys(void)
{
	struct signer s = mail_signer();
	const struct dkim_outcome *outcome;
	struct dkim_verifier *v;
	int steps = 0;

	mail_begin();
	mail.lookups = dkim_lookups_new(mail.arena, true);
	mail_publish("s._domainkey.example.org", "", signer_public(mail.arena, mail_rsa, false));
	mail_sign(&s);
	s.s = "missing";
	mail_sign(&s);
	v = dkim_verifier_new(mail.arena, &mail.options, MAIL_NOW);
	for (size_t i = 0; i < mail.count; i++)
		dkim_verifier_header(v, mail.fields[i].name, mail.fields[i].value);
	dkim_verifier_eoh(v, mail.lookups);
	CHECK_INT(lookups_asked(mail.lookups), 2);
	dkim_verifier_body(v, mail.body);
	while (dkim_verifier_finish(v, mail.lookups, &outcome) == STEP_PENDING &&
	       lookups_wait(mail.lookups, 0))
		steps++;
	CHECK_INT(steps, 2);
	CHECK_INT(outcome->signatures[1].result, DKIM_RESULT_PASS);
	CHECK_INT(dkim_verifier_finish(v, mail.lookups, &outcome), STEP_DONE);
	mail_end();
}

/* A message that ends early, as when the client goes away: nothing may leak. */
static void test_abandoned(void)
{
	struct signer s = mail_signer();
	struct dkim_verifier *v;

	mail_begin();
	mail_sign(&s);
	v = dkim_verifier_new(mail.arena, &mail.options, MAIL_NOW);
	for (size_t i = 0; i < mail.count; i++)
		dkim_verifier_header(v, mail.fields[i].name, mail.fields[i].value);
	dkim_verifier_eoh(v, mail.lookups);
	dkim_verifier_body(v, STR("half of it\r"));
	mail_end();
}

/* What comes after the end of the header is no field, whoever says so. */
static void test_late_field(void)
{
	const struct dkim_outcome *outcome;
	struct dkim_verifier *v;

	mail_begin();
	v = dkim_verifier_new(mail.arena, &mail.options, MAIL_NOW);
	dkim_verifier_eoh(v, mail.lookups);
	dkim_verifier_header(
	    v, STR("DKIM-Signature"),
	    STR(" v=1; a=rsa-sha256; d=example.org; s=s; h=From; bh=AAAA; b=AAAA"));
	dkim_verifier_eoh(v, mail.lookups);
	CHECK_INT(dkim_verifier_finish(v, mail.lookups, &outcome), STEP_DONE);
	CHECK_INT(outcome->count, 0);
	CHECK_INT(outcome->best, DKIM_RESULT_NONE);
	mail_end();
}

int main(void)
{
	if (!mail_init())
		return 1;
	RUN(test_passes);
	RUN(test_outcome);
	RUN(test_changes_fail);
	RUN(test_unsigned_costs_nothing);
	RUN(test_lf_folds);
	RUN(test_signed_signature);
	RUN(test_times);
	RUN(test_keys_and_policy);
	RUN(test_records);
	RUN(test_key_types_are_not_mixed);
	RUN(test_pending_keys);
	RUN(test_abandoned);
	RUN(test_late_field);
	mail_close();
	return unit_done();
}
