/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The body's hashes against those of the tests' own canonicalization, in pieces of every size; what
 * is no CR LF is hashed octet by octet.
 */

#include "filter/auth/arcbody.h"
#include "postern/arena.h"
#include "tests/unit/dkim_signer.h"
#include "tests/unit/unit.h"

static struct arena *arena;

static struct str sha256(struct str text)
{
	return signer_digest(arena, text, "rsa-sha256");
}

static enum arcbody_match compare(struct str body, bool relaxed, size_t chunk, struct str canonical)
{
	struct arcbody *hashes = arcbody_new(arena);
	int number = arcbody_want(hashes, relaxed, false, 0);

	for (size_t at = 0; at < body.n; at += chunk)
		arcbody_add(hashes, str_sub(body, at, chunk));
	arcbody_end(hashes);
	return arcbody_compare(hashes, number, sha256(canonical));
}

static void check(struct str body, bool relaxed, struct str canonical)
{
	for (size_t chunk = 1; chunk <= body.n + 1; chunk++)
		CHECK_INT(compare(body, relaxed, chunk, canonical), ARCBODY_MATCHES);
	CHECK_INT(compare(body, relaxed, 100, STR("other")), ARCBODY_DIFFERS);
}

static void test_canonical_forms(void)
{
	static const char *const bodies[] = {"",
					     "\r\n",
					     "\r\n\r\n",
					     "a",
					     "a\r\n",
					     "a\r\n\r\n",
					     " ",
					     " \r\n",
					     " \r\n\t\r\n",
					     "a \t b\t\r\n \r\n",
					     "a\r\n\r\nb \r\n\t\r\n\r\n",
					     "\r\na",
					     " a",
					     "\t a\r\n b\r\n"};

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		for (int relaxed = 0; relaxed < 2; relaxed++)
			check(str_of(bodies[i]), relaxed,
			      signer_canon_body(arena, str_of(bodies[i]), relaxed));
}

static void test_other_line_ends(void)
{
	check(STR("a\rb\nc\r\n"), true, STR("a\rb\nc\r\n"));
	check(STR("a\rb\nc\r\n"), false, STR("a\rb\nc\r\n"));
	check(STR("a \r\r\n\r\n"), true, STR("a \r\r\n"));
	check(STR("a\r"), true, STR("a\r\r\n"));
	check(STR("a\r"), false, STR("a\r\r\n"));
	check(STR("\r\r\r\n"), false, STR("\r\r\r\n"));
	check(STR("a\n\n"), true, STR("a\n\n\r\n"));
	check(STR("a\0b\r\n"), true, STR("a\0b\r\n"));
}

static void test_only_what_changes_it_is_seen(void)
{
	struct str base = STR("Hello  there \r\nthis is it\r\n");

	for (size_t i = 0; i < base.n; i++) {
		char copy[64];
		bool blank = base.s[i] == ' ' || base.s[i] == '\r' || base.s[i] == '\n';

		memcpy(copy, base.s, base.n);
		copy[i] ^= 1;
		if (!blank)
			CHECK_INT(compare((struct str){copy, base.n}, true, 7,
					  signer_canon_body(arena, base, true)),
				  ARCBODY_DIFFERS);
		CHECK_INT(compare((struct str){copy, base.n}, false, 7, base), ARCBODY_DIFFERS);
	}
}

static void test_part_of_the_body(void)
{
	struct arcbody *body = arcbody_new(arena);
	int part = arcbody_want(body, true, true, 5), whole = arcbody_want(body, true, false, 9);
	int more = arcbody_want(body, true, true, 100);

	CHECK_INT(arcbody_want(body, true, false, 0), whole);
	CHECK_INT(arcbody_want(body, true, true, 5), part);
	CHECK_INT(arcbody_want(body, false, false, 0), -1);
	CHECK(arcbody_wants(body));
	arcbody_add(body, STR("a b"));
	arcbody_add(body, STR("  cdef"));
	arcbody_end(body);
	CHECK_INT(arcbody_compare(body, part, sha256(STR("a b c"))), ARCBODY_MATCHES);
	CHECK_INT(arcbody_compare(body, whole, sha256(STR("a b cdef\r\n"))), ARCBODY_MATCHES);
	CHECK_INT(arcbody_compare(body, more, sha256(STR("a b cdef\r\n"))), ARCBODY_TOO_SHORT);
}

static void test_a_part_wants_no_more(void)
{
	struct arcbody *body = arcbody_new(arena);
	int part = arcbody_want(body, false, true, 5000), none = arcbody_want(body, true, true, 0);
	char text[6000];

	memset(text, 'x', sizeof(text));
	arcbody_add(body, (struct str){text, 4999});
	CHECK(arcbody_wants(body));
	arcbody_add(body, (struct str){text, sizeof(text)});
	CHECK(!arcbody_wants(body));
	arcbody_end(body);
	CHECK_INT(arcbody_compare(body, part, sha256((struct str){text, 5000})), ARCBODY_MATCHES);
	CHECK_INT(arcbody_compare(body, none, sha256(STR(""))), ARCBODY_MATCHES);
}

static void test_size_does_not_cost_memory(void)
{
	struct arcbody *body = arcbody_new(arena);
	char blank[1000];
	size_t before;

	memset(blank, ' ', sizeof(blank));
	for (size_t i = 0; i + 1 < sizeof(blank); i += 10)
		memcpy(blank + i, "\r\n", 2);
	arcbody_want(body, true, false, 0);
	arcbody_want(body, false, false, 0);
	before = arena_size(arena);
	for (int i = 0; i < 10000; i++)
		arcbody_add(body, (struct str){blank, sizeof(blank)});
	arcbody_end(body);
	CHECK_INT(arena_size(arena), before);
}

int main(void)
{
	arena = arena_new(NULL);
	RUN(test_canonical_forms);
	RUN(test_other_line_ends);
	RUN(test_only_what_changes_it_is_seen);
	RUN(test_part_of_the_body);
	RUN(test_a_part_wants_no_more);
	RUN(test_size_does_not_cost_memory);
	arena_free(&arena);
	return unit_done();
}
