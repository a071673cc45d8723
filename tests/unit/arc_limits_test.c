/* SPDX-License-Identifier: BSD-2-Clause */
/* Chains that are to keep a verifier busy: sets, fields, keys, bodies and headers without end. */

#include <time.h>

#include "postern/limits.h"
#include "tests/unit/arc_mail.h"
#include "tests/unit/unit.h"

static void test_fifty_sets(void)
{
	const struct arc_outcome *outcome;

	arc_mail_begin();
	arc_mail_chain(LIMIT_ARC_SETS);
	outcome = arc_mail_verify();
	CHECK_INT(outcome->result, ARC_RESULT_PASS);
	CHECK_INT(outcome->instance, LIMIT_ARC_SETS);
	CHECK_INT(outcome->count, LIMIT_ARC_SETS);
	CHECK_INT(outcome->vouching, LIMIT_ARC_SETS);
	CHECK_INT(lookups_asked(mail.lookups), 1);
	arc_mail_chain(1);
	CHECK_INT(arc_mail_result(), ARC_RESULT_FAIL);
	CHECK_STR(arc_mail_reason(), "too many ARC fields");
	mail_end();
	arc_mail_begin();
	for (unsigned i = 1; i <= 2; i++) {
		struct sealer s = arc_mail_sealer();

		s.instance = i == 1 ? 1 : LIMIT_ARC_SETS + 1;
		arc_mail_seal(&s);
	}
	CHECK_STR(arc_mail_reason(), "ARC-Seal: i= is over 50");
	CHECK_INT(lookups_asked(mail.lookups), 0);
	mail_end();
}

/* Fields by the thousand are counted and not kept. */
static void test_ten_thousand_fields(void)
{
	static const char *const names[] = {"ARC-Seal", "ARC-Message-Signature",
					    "arc-authentication-results"};
	const struct arc_outcome *outcome;
	struct arena *arena = arena_new(NULL);
	struct dkim_options options = {.minimum_bits = 1024};
	struct arc_verifier *v = arc_verifier_new(arena, &options, MAIL_NOW);
	struct lookups *lookups = dkim_lookups_new(arena, false);
	char value[1000];
	clock_t start = clock();

	memset(value, 'x', sizeof(value));
	for (size_t i = 0; i < 10000; i++)
		arc_verifier_header(v, str_of(names[i % 3]), (struct str){value, sizeof(value)});
	arc_verifier_eoh(v, lookups);
	CHECK(!arc_verifier_wants_body(v));
	CHECK_INT(arc_verifier_finish(v, lookups, &outcome), STEP_DONE);
	CHECK_INT(outcome->result, ARC_RESULT_FAIL);
	CHECK_STR(str_of(outcome->reason), "too many ARC fields");
	CHECK_INT(lookups_asked(lookups), 0);
	CHECK(arena_size(arena) < 1000000);
	CHECK(clock() - start < CLOCKS_PER_SEC);
	arena_free(&arena);
}

/* A field that had no room might have been covered. */
static void test_header_too_large(void)
{
	static char value[LIMIT_FIELD_BYTES];

	arc_mail_begin();
	memset(value, 'x', sizeof(value));
	arc_mail_chain(1);
	mail_add("X", (struct str){value, sizeof(value)});
	CHECK_STR(arc_mail_reason(), "header too large");
	CHECK_INT(lookups_asked(mail.lookups), 0);
	mail_end();
	arc_mail_begin();
	for (int i = 0; i < LIMIT_FIELDS; i++)
		mail_add("X", STR("y"));
	CHECK_INT(arc_mail_result(), ARC_RESULT_NONE);
	mail_end();
}

static void publish(const char *selector)
{
	mail_publish(str_printf(mail.arena, "%s._domainkey.example.org", selector).s, "v=DKIM1; ",
		     signer_public(mail.arena, mail_rsa, false));
}

/* Every set by keys of its own: those of the seals are needed, the others as far as there is room.
 */
static void test_keys(void)
{
	const struct arc_outcome *outcome;

	arc_mail_begin();
	for (int i = 1; i <= LIMIT_ARC_KEYS; i++) {
		struct sealer s = arc_mail_sealer();

		s.by.s = str_printf(mail.arena, "m%d", i).s;
		s.selector = str_printf(mail.arena, "s%d", i).s;
		publish(s.by.s);
		publish(s.selector);
		arc_mail_seal(&s);
		if (i == LIMIT_ARC_KEYS - 1) {
			outcome = arc_mail_verify();
			CHECK_INT(outcome->result, ARC_RESULT_PASS);
			CHECK_INT(outcome->vouching, 1);
			CHECK_STR(str_of(outcome->reason),
				  "ARC-Message-Signature 18: not looked at");
			CHECK_INT(lookups_asked(mail.lookups), LIMIT_ARC_KEYS);
		}
	}
	CHECK_STR(arc_mail_reason(), "too many keys");
	mail_end();
	arc_mail_begin();
	for (int i = 1; i <= 12; i++) {
		struct sealer s = arc_mail_sealer();

		s.by.s = str_printf(mail.arena, "m%d", i).s;
		s.selector = str_printf(mail.arena, "s%d", i).s;
		publish(s.by.s);
		publish(s.selector);
		arc_mail_seal(&s);
	}
	CHECK_INT(arc_mail_verify()->vouching, 8);
	CHECK_INT(lookups_asked(mail.lookups), LIMIT_ARC_KEYS);
	mail_end();
}

/* Each other part of the body is one more hash. */
static void test_bodies(void)
{
	static const char *const lengths[] = {"1", "2", "3", "4"};

	arc_mail_begin();
	mail.options.allow_partial = true;
	for (int i = 0; i < 4; i++) {
		struct sealer s = arc_mail_sealer();

		s.by.l = lengths[i];
		s.by.signed_body = i + 1;
		arc_mail_seal(&s);
	}
	CHECK_INT(arc_mail_result(), ARC_RESULT_PASS);
	CHECK_INT(arc_mail_verify()->vouching, LIMIT_ARC_BODIES);
	CHECK_INT(arc_mail_verify()->oldest_pass, 2);
	mail_end();
}

/* The most that a message can ask for: fifty sets that all pass and each cover a full header. */
static void test_time(void)
{
	static char value[2000];
	struct sealer s = arc_mail_sealer();
	clock_t start;

	arc_mail_begin();
	memset(value, 'x', sizeof(value));
	for (size_t i = 0; i < sizeof(value); i += 2)
		value[i] = ' ';
	for (int i = 0; i < 100; i++)
		mail_add(str_printf(mail.arena, "X%d", i).s, (struct str){value, sizeof(value)});
	s.by.h = "from:subject";
	for (int i = 0; i < 100; i++)
		s.by.h = str_printf(mail.arena, "%s:x%d", s.by.h, i).s;
	for (int i = 0; i < 20; i++)
		arc_mail_seal(&s);
	start = clock();
	CHECK_INT(arc_mail_verify()->vouching, 20);
	CHECK(clock() - start < 2 * CLOCKS_PER_SEC);
	mail_end();
}

int main(void)
{
	if (!mail_init()) {
		SKIP("no keys can be made");
		return unit_done();
	}
	RUN(test_fifty_sets);
	RUN(test_ten_thousand_fields);
	RUN(test_header_too_large);
	RUN(test_keys);
	RUN(test_bodies);
	RUN(test_time);
	mail_close();
	return unit_done();
}
