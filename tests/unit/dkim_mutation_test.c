/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Signed messages out of few, awkward octets, then changed at one place: whatever still passes
 * must have the canonical form that was signed. The canonicalization compared with is the test
 * signer's own. The sequence of random numbers is fixed.
 */

#include <stdlib.h>

#include <openssl/rsa.h>

#include "postern/arena.h"
#include "postern/dkim.h"
#include "tests/auth/dkim_lookups.h"
#include "tests/unit/dkim_signer.h"
#include "tests/unit/unit.h"

#define ROUNDS 600
#define LENGTH_MAX 14

static EVP_PKEY *key;
static unsigned seed = 1;

static size_t pick(size_t below)
{
	return (size_t)rand_r(&seed) % below;
}

static struct str random_text(struct arena *arena, const char *octets, size_t most)
{
	size_t n = pick(most + 1), kinds = strlen(octets);
	char *text = arena_alloc(arena, n + 1);

	for (size_t i = 0; i < n; i++)
		text[i] = octets[pick(kinds)];
	return (struct str){text, n};
}

/* Every lone LF becomes CRLF: line ends of a body, folds of a field as the MTA passes them. */
static struct str with_crlf(struct arena *arena, struct str text)
{
	struct buf out = {.arena = arena};

	buf_puts(&out, "");
	for (size_t i = 0; i < text.n; i++) {
		if (text.s[i] == '\n' && (i == 0 || text.s[i - 1] != '\r'))
			buf_putc(&out, '\r');
		buf_putc(&out, text.s[i]);
	}
	return buf_str(&out);
}

/* One or two octets are inserted, taken away or exchanged. */
static struct str mutate(struct arena *arena, struct str text, const char *octets)
{
	struct str out = text;

	for (size_t turns = 1 + pick(2); turns > 0; turns--) {
		size_t at = pick(out.n + 1), gone = pick(2) && at < out.n;
		struct str new = pick(4) ? (struct str){octets + pick(strlen(octets)), 1} : STR("");

		out = str_printf(arena, STR_FMT STR_FMT STR_FMT, STR_ARG(str_sub(out, 0, at)),
				 STR_ARG(new), STR_ARG(str_sub(out, at + gone, out.n)));
	}
	return out;
}

static bool passes(struct arena *arena, const struct signer_field *fields, struct str body,
		   size_t chunk)
{
	struct dkim_options options = {.minimum_bits = 1024, .max_signatures = 10};
	struct lookups *lookups = dkim_lookups_new(arena, false);
	struct dkim_verifier *v = dkim_verifier_new(arena, &options, 1700000000);
	const struct dkim_outcome *outcome;

	dkim_lookups_txt(
	    lookups, "s._domainkey.example.org",
	    str_printf(arena, "p=" STR_FMT, STR_ARG(signer_public(arena, key, false))));
	for (size_t i = 0; i < 3; i++)
		dkim_verifier_header(v, fields[i].name, fields[i].value);
	dkim_verifier_eoh(v, lookups);
	for (size_t at = 0; at < body.n; at += chunk)
		dkim_verifier_body(v, str_sub(body, at, chunk));
	return dkim_verifier_finish(v, lookups, &outcome) == STEP_DONE &&
	       outcome->best == DKIM_RESULT_PASS;
}

static struct signer signer_for(bool relaxed)
{
	return (struct signer){.key = key,
			       .a = "rsa-sha256",
			       .d = "example.org",
			       .s = "s",
			       .c = relaxed ? "relaxed/relaxed" : "simple/simple",
			       .h = "from:x",
			       .signed_body = -1};
}

static void mutate_bodies(bool relaxed)
{
	static const char octets[] = "ab \t\n\n\n\v\r";
	struct signer s = signer_for(relaxed);
	size_t passed = 0;

	for (int i = 0; i < ROUNDS; i++) {
		struct arena *arena = arena_new(NULL);
		struct signer_field fields[3] = {
		    {{0}, {0}}, {STR("From"), STR(" a@example.org")}, {STR("X"), STR(" y")}};
		struct str body = with_crlf(arena, random_text(arena, "ab \t\n\n\n", LENGTH_MAX));
		struct str other = mutate(arena, body, octets);

		fields[0].name = STR("DKIM-Signature");
		fields[0].value = signer_sign(arena, &s, fields + 1, 2, body);
		CHECK(passes(arena, fields, body, 1 + pick(4)));
		if (passes(arena, fields, other, 1 + pick(4))) {
			passed++;
			CHECK(str_eq(signer_canon_body(arena, body, relaxed),
				     signer_canon_body(arena, other, relaxed)));
		}
		arena_free(&arena);
	}
	CHECK(passed > 10);
}

static void mutate_fields(bool relaxed)
{
	static const char octets[] = "ab \t\v\f\r:";
	struct signer s = signer_for(relaxed);
	size_t passed = 0;

	for (int i = 0; i < ROUNDS; i++) {
		struct arena *arena = arena_new(NULL);
		struct str value = str_printf(arena, " " STR_FMT "\r\n\t" STR_FMT,
					      STR_ARG(random_text(arena, "ab \t", LENGTH_MAX)),
					      STR_ARG(random_text(arena, "ab \t", LENGTH_MAX)));
		struct signer_field fields[3] = {
		    {{0}, {0}}, {STR("From"), STR(" a@example.org")}, {STR("X"), value}};
		struct str other = mutate(arena, value, octets);

		fields[0].name = STR("DKIM-Signature");
		fields[0].value = signer_sign(arena, &s, fields + 1, 2, STR("body\r\n"));
		CHECK(passes(arena, fields, STR("body\r\n"), 100));
		fields[2].value = other;
		if (passes(arena, fields, STR("body\r\n"), 100)) {
			passed++;
			other = with_crlf(arena, other);
			CHECK(str_eq(signer_canon_field(arena, STR("X"), value, relaxed),
				     signer_canon_field(arena, STR("X"), other, relaxed)));
		}
		arena_free(&arena);
	}
	CHECK(passed > 10);
}

static void test_relaxed_bodies(void)
{
	mutate_bodies(true);
}

static void test_simple_bodies(void)
{
	mutate_bodies(false);
}

static void test_relaxed_fields(void)
{
	mutate_fields(true);
}

static void test_simple_fields(void)
{
	mutate_fields(false);
}

int main(void)
{
	const char *why = "";

	if (dkim_verifier_init(&why) != 0) {
		printf("%s\n", why);
		return 1;
	}
	key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024);
	RUN(test_relaxed_bodies);
	RUN(test_simple_bodies);
	RUN(test_relaxed_fields);
	RUN(test_simple_fields);
	EVP_PKEY_free(key);
	return unit_done();
}
