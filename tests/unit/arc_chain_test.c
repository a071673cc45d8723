/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Chains sealed here: what is right passes, what was changed fails, a key that cannot be looked up
 * is neither, and only who sealed the message as it is vouches for it.
 */

#include <openssl/rsa.h>

#include "tests/unit/arc_mail.h"
#include "tests/unit/unit.h"

static void test_no_chain(void)
{
	struct arc_verifier *v;

	arc_mail_begin();
	CHECK_INT(arc_mail_result(), ARC_RESULT_NONE);
	CHECK(!arc_mail_verify()->reason);
	v = arc_verifier_new(mail.arena, &mail.options, MAIL_NOW);
	arc_verifier_header(v, STR("From"), STR("x"));
	arc_verifier_eoh(v, mail.lookups);
	arc_verifier_header(v, STR("ARC-Seal"), STR("i=1"));
	CHECK(!arc_verifier_wants_body(v));
	CHECK_INT(lookups_asked(mail.lookups), 0);
	mail_end();
}

static void test_passes(void)
{
	static const char *const canons[] = {
	    NULL,      "simple/simple", "simple/relaxed", "relaxed/simple", "relaxed/relaxed",
	    "relaxed", "simple"};
	static const char *const bodies[] = {"", "\r\n", "a", " \r\n", "a \t b\t\r\n \r\n"};

	arc_mail_begin();
	for (size_t c = 0; c < sizeof(canons) / sizeof(canons[0]); c++) {
		for (size_t b = 0; b < sizeof(bodies) / sizeof(bodies[0]); b++) {
			for (int ed = 0; ed < 2; ed++) {
				struct sealer s = arc_mail_sealer();

				s.by.c = canons[c];
				if (ed) {
					s.by.key = mail_ed25519;
					s.by.a = "ed25519-sha256";
					s.by.s = "ed";
				}
				mail.body = str_of(bodies[b]);
				arc_mail_seal(&s);
				CHECK_INT(arc_mail_result(), ARC_RESULT_PASS);
				CHECK_STR(arc_mail_reason(), "");
				arc_mail_unseal();
			}
		}
	}
	mail_end();
}

static void test_outcome(void)
{
	struct sealer s = arc_mail_sealer();
	const struct arc_outcome *outcome;

	arc_mail_begin();
	arc_mail_seal(&s);
	s.domain = "News.Example.COM";
	mail_publish("s._domainkey.news.example.com", "v=DKIM1; ",
		     signer_public(mail.arena, mail_rsa, false));
	arc_mail_seal(&s);
	outcome = arc_mail_verify();
	CHECK_INT(outcome->result, ARC_RESULT_PASS);
	CHECK_INT(outcome->instance, 2);
	CHECK_INT(outcome->count, 2);
	CHECK_INT(outcome->vouching, 2);
	CHECK_INT(outcome->oldest_pass, 0);
	CHECK(!outcome->vouching_open && !outcome->reason);
	CHECK_STR(outcome->sealers[0], "news.example.com");
	CHECK_STR(outcome->sealers[1], "example.org");
	CHECK_INT(lookups_asked(mail.lookups), 2);
	mail_end();
}

/* Any change of a covered octet makes the chain fail; of any other, it does not. */
static void test_changes_fail(void)
{
	static const char *const covered[] = {"ARC-Seal", "ARC-Message-Signature",
					      "ARC-Authentication-Results", "From", "Subject"};

	arc_mail_begin();
	arc_mail_chain(2);
	mail_add("Comments", STR(" not covered"));
	for (size_t i = 0; i < sizeof(covered) / sizeof(covered[0]); i++) {
		struct str *value = arc_mail_value(covered[i]), before = *value;

		*value = str_printf(mail.arena, STR_FMT "x", STR_ARG(before));
		CHECK_INT(arc_mail_result(), ARC_RESULT_FAIL);
		*value = str_printf(mail.arena, " " STR_FMT, STR_ARG(before));
		CHECK_INT(arc_mail_result(), ARC_RESULT_PASS);
		*value = before;
	}
	*arc_mail_value("Comments") = STR(" changed");
	CHECK_INT(arc_mail_result(), ARC_RESULT_PASS);
	mail.body = STR("changed");
	CHECK_INT(arc_mail_result(), ARC_RESULT_FAIL);
	CHECK_STR(arc_mail_reason(), "ARC-Message-Signature 2: body hash mismatch");
	CHECK_INT(arc_mail_verify()->instance, 2);
	CHECK_INT(arc_mail_verify()->vouching, 0);
	mail_end();
}

static void test_a_list_changes_the_message(void)
{
	const struct arc_outcome *outcome;

	arc_mail_begin();
	arc_mail_chain(2);
	mail.body = STR("changed\r\n");
	arc_mail_chain(2);
	outcome = arc_mail_verify();
	CHECK_INT(outcome->result, ARC_RESULT_PASS);
	CHECK_INT(outcome->count, 4);
	CHECK_INT(outcome->vouching, 2);
	CHECK_INT(outcome->oldest_pass, 3);
	CHECK_STR(str_of(outcome->reason), "ARC-Message-Signature 2: body hash mismatch");
	mail_end();
}

static void test_an_older_signature_expires(void)
{
	struct sealer s = arc_mail_sealer();
	const struct arc_outcome *outcome;

	arc_mail_begin();
	s.by.more = "x=1600000000";
	arc_mail_seal(&s);
	arc_mail_chain(1);
	outcome = arc_mail_verify();
	CHECK_INT(outcome->result, ARC_RESULT_PASS);
	CHECK_INT(outcome->oldest_pass, 2);
	CHECK_INT(outcome->vouching, 1);
	CHECK_STR(str_of(outcome->reason), "ARC-Message-Signature 1: signature expired");
	mail_end();
}

static void test_keys(void)
{
	struct sealer s = arc_mail_sealer();

	EVP_PKEY *other = EVP_RSA_gen(1024);

	arc_mail_begin();
	mail_publish("short._domainkey.example.org", "v=DKIM1; ",
		     signer_public(mail.arena, mail_rsa512, false));
	mail_publish("other._domainkey.example.org", "v=DKIM1; ",
		     signer_public(mail.arena, other, false));
	mail_publish("bare._domainkey.example.org", "v=DKIM1; ",
		     signer_public(mail.arena, mail_rsa, true));
	mail_publish("revoked._domainkey.example.org", "v=DKIM1; ", STR(""));
	s.by.s = "short";
	s.by.key = mail_rsa512;
	arc_mail_seal(&s);
	CHECK_STR(arc_mail_reason(), "ARC-Message-Signature 1: key too short");
	mail.options.minimum_bits = 512;
	CHECK_INT(arc_mail_result(), ARC_RESULT_PASS);
	arc_mail_unseal();
	s = arc_mail_sealer();
	s.by.s = "bare";
	arc_mail_seal(&s);
	CHECK_INT(arc_mail_result(), ARC_RESULT_PASS);
	arc_mail_unseal();
	s = arc_mail_sealer();
	s.selector = "other";
	arc_mail_seal(&s);
	CHECK_STR(arc_mail_reason(), "ARC-Seal 1: signature mismatch");
	arc_mail_unseal();
	s.selector = "revoked";
	arc_mail_seal(&s);
	CHECK_STR(arc_mail_reason(), "ARC-Seal 1: key revoked");
	arc_mail_unseal();
	s.selector = "ed";
	arc_mail_seal(&s);
	CHECK_STR(arc_mail_reason(), "ARC-Seal 1: key of another type");
	mail_end();
	EVP_PKEY_free(other);
}

static void test_part_of_the_body(void)
{
	struct sealer s = arc_mail_sealer();

	arc_mail_begin();
	s.by.l = "5";
	s.by.signed_body = 5;
	arc_mail_seal(&s);
	CHECK_STR(arc_mail_reason(), "ARC-Message-Signature 1: signs a part of the body only");
	mail.options.allow_partial = true;
	CHECK_INT(arc_mail_result(), ARC_RESULT_PASS);
	mail.body = STR("It was changed");
	CHECK_INT(arc_mail_result(), ARC_RESULT_PASS);
	mail.body = STR("It");
	CHECK_STR(arc_mail_reason(), "ARC-Message-Signature 1: l= is longer than the body");
	mail_end();
}

static void test_names_that_repeat(void)
{
	struct sealer s = arc_mail_sealer();

	arc_mail_begin();
	mail_add("Received", STR(" from a"));
	mail_add("Received", STR(" from b"));
	s.by.h = "from:received:received:received:subject:arc-message-signature";
	arc_mail_seal(&s);
	CHECK_INT(arc_mail_result(), ARC_RESULT_PASS);
	arc_mail_seal(&s);
	/* The first signed that there is no other ARC-Message-Signature. */
	CHECK_INT(arc_mail_verify()->vouching, 1);
	arc_mail_value("Received")->s = " from c";
	CHECK_INT(arc_mail_result(), ARC_RESULT_FAIL);
	arc_mail_value("Received")->s = " from a";
	mail_add("Received", STR(" from d"));
	CHECK_INT(arc_mail_result(), ARC_RESULT_FAIL);
	mail_end();
}

static void test_blanks_around_b(void)
{
	struct sealer s = arc_mail_sealer();

	arc_mail_begin();
	s.by.q = " ; xb=AA; b =";
	s.more = "ab=1";
	arc_mail_seal(&s);
	CHECK_INT(arc_mail_result(), ARC_RESULT_PASS);
	s.by.q = ";\r\n\tb=\r\n\t ";
	arc_mail_seal(&s);
	CHECK_INT(arc_mail_result(), ARC_RESULT_PASS);
	CHECK_INT(arc_mail_verify()->vouching, 2);
	mail_end();
}

/* ---- keys that cannot be looked up ---- */

static void test_failed_lookup(void)
{
	struct sealer s = arc_mail_sealer();

	arc_mail_begin();
	dkim_lookups_fail(mail.lookups, "slow._domainkey.example.org", "timed out");
	s.selector = "slow";
	arc_mail_seal(&s);
	CHECK_INT(arc_mail_result(), ARC_RESULT_TEMPERROR);
	CHECK_STR(arc_mail_reason(), "ARC-Seal 1: key lookup failed: timed out");
	CHECK_INT(arc_mail_verify()->vouching, 0);
	mail.body = STR("changed");
	CHECK_INT(arc_mail_result(), ARC_RESULT_FAIL);
	mail_end();
}

/* Of several findings a fail is final, wherever it stands. */
static void test_failed_lookup_beside_a_fail(void)
{
	struct sealer s = arc_mail_sealer();

	arc_mail_begin();
	dkim_lookups_fail(mail.lookups, "slow._domainkey.example.org", "timed out");
	s.selector = "slow";
	arc_mail_seal(&s);
	s.selector = "missing";
	arc_mail_seal(&s);
	CHECK_STR(arc_mail_reason(), "ARC-Seal 2: no key");
	CHECK_INT(arc_mail_result(), ARC_RESULT_FAIL);
	mail_end();
}

/* An older message signature whose key fails leaves open who vouches, and nothing else. */
static void test_failed_lookup_of_an_older_message(void)
{
	struct sealer s = arc_mail_sealer();
	const struct arc_outcome *outcome;

	arc_mail_begin();
	dkim_lookups_fail(mail.lookups, "slow._domainkey.example.org", "timed out");
	s.by.s = "slow";
	s.selector = "s";
	arc_mail_seal(&s);
	arc_mail_chain(1);
	outcome = arc_mail_verify();
	CHECK_INT(outcome->result, ARC_RESULT_PASS);
	CHECK(outcome->vouching_open);
	CHECK_INT(outcome->vouching, 1);
	CHECK_INT(outcome->count, 2);
	mail_end();
}

/* All keys are asked for at the end of the header, and a changed body waits for none of them. */
static void test_pending(void)
{
	struct sealer s = arc_mail_sealer();
	const struct arc_outcome *outcome;
	struct lookups *pending;
	struct arc_verifier *v[2];

	arc_mail_begin();
	s.selector = "second";
	arc_mail_seal(&s);
	pending = dkim_lookups_new(mail.arena, true);
	for (int i = 0; i < 2; i++) {
		v[i] = arc_verifier_new(mail.arena, &mail.options, MAIL_NOW);
		for (size_t j = 0; j < mail.count; j++)
			arc_verifier_header(v[i], mail.fields[j].name, mail.fields[j].value);
		arc_verifier_eoh(v[i], pending);
	}
	CHECK_INT(lookups_asked(pending), 2);
	arc_verifier_body(v[0], mail.body);
	arc_verifier_body(v[1], STR("changed"));
	CHECK_INT(arc_verifier_finish(v[1], pending, &outcome), STEP_DONE);
	CHECK_INT(outcome->result, ARC_RESULT_FAIL);
	CHECK_INT(arc_verifier_finish(v[0], pending, &outcome), STEP_PENDING);
	CHECK(lookups_wait(pending, 0));
	CHECK_INT(arc_verifier_finish(v[0], pending, &outcome), STEP_PENDING);
	CHECK(lookups_wait(pending, 0));
	CHECK_INT(arc_verifier_finish(v[0], pending, &outcome), STEP_DONE);
	CHECK_STR(str_of(outcome->reason), "ARC-Message-Signature 1: no key");
	mail_end();
}

/* The set of another message below one of the attacker's own: passes, and vouches for nothing. */
static void test_copied_set(void)
{
	struct sealer s = arc_mail_sealer();
	const struct arc_outcome *outcome;

	arc_mail_begin();
	arc_mail_seal(&s);
	mail.body = STR("Send money.\r\n");
	*arc_mail_value("From") = STR(" boss@example.com");
	mail_publish("s._domainkey.attacker.example", "v=DKIM1; ",
		     signer_public(mail.arena, mail_rsa, false));
	s.by.d = "attacker.example";
	arc_mail_seal(&s);
	outcome = arc_mail_verify();
	CHECK_INT(outcome->result, ARC_RESULT_PASS);
	CHECK_INT(outcome->vouching, 1);
	CHECK_STR(outcome->sealers[0], "attacker.example");
	CHECK_INT(outcome->oldest_pass, 2);
	mail_end();
}

/* What a seal does not cover its sealer does not vouch for, though the chain is whole. */
static void test_added_fields(void)
{
	static const struct {
		const char *h, *added;
		size_t vouching;
	} cases[] = {
	    {"from:subject", NULL, 2},
	    {"from:subject", "Subject", 0},
	    {"from:subject", "MIME-Version", 2},
	    {"from:subject", "X-Note", 2},
	    {"from:subject:subject", NULL, 2},
	    {"from:from:subject", "To", 2},
	    {"subject", NULL, 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct sealer s = arc_mail_sealer();
		const struct arc_outcome *outcome;

		arc_mail_begin();
		s.by.h = cases[i].h;
		arc_mail_seal(&s);
		arc_mail_seal(&s);
		if (cases[i].added) {
			mail_put_on_top(STR(" Send money"));
			mail.fields[0].name = str_of(cases[i].added);
		}
		outcome = arc_mail_verify();
		CHECK_INT(outcome->result, ARC_RESULT_PASS);
		CHECK_INT(outcome->vouching, cases[i].vouching);
		mail_end();
	}
}

/* Added between two seals, and covered by the second only. */
static void test_field_added_on_the_way(void)
{
	struct sealer s = arc_mail_sealer();
	const struct arc_outcome *outcome;

	arc_mail_begin();
	s.by.h = "from:subject";
	arc_mail_seal(&s);
	mail_put_on_top(STR(" Send money"));
	mail.fields[0].name = STR("Subject");
	s.by.h = "from:subject:subject";
	arc_mail_seal(&s);
	outcome = arc_mail_verify();
	CHECK_INT(outcome->result, ARC_RESULT_PASS);
	CHECK_INT(outcome->oldest_pass, 0);
	CHECK_INT(outcome->vouching, 1);
	mail_end();
}

int main(void)
{
	if (!mail_init()) {
		SKIP("no keys can be made");
		return unit_done();
	}
	RUN(test_no_chain);
	RUN(test_passes);
	RUN(test_outcome);
	RUN(test_changes_fail);
	RUN(test_a_list_changes_the_message);
	RUN(test_an_older_signature_expires);
	RUN(test_keys);
	RUN(test_part_of_the_body);
	RUN(test_names_that_repeat);
	RUN(test_blanks_around_b);
	RUN(test_failed_lookup);
	RUN(test_failed_lookup_beside_a_fail);
	RUN(test_failed_lookup_of_an_older_message);
	RUN(test_pending);
	RUN(test_copied_set);
	RUN(test_added_fields);
	RUN(test_field_added_on_the_way);
	mail_close();
	return unit_done();
}
