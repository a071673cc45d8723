/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What follows from policy and alignment: every combination for one author, held against what each
 * failed or missing answer might still turn into; then several authors.
 */

#include "postern/arena.h"
#include "postern/dmarc.h"
#include "tests/unit/unit.h"

static const struct dmarc_author reject = {.domain = {"r.example", 9},
					   .found = true,
					   .source = {"r.example", 9},
					   .policy = DMARC_POLICY_REJECT},
				 quarantine = {.domain = {"q.example", 9},
					       .found = true,
					       .policy = DMARC_POLICY_QUARANTINE},
				 mild = {.domain = {"n.example", 9}, .found = true},
				 absent = {.domain = {"a.example", 9}},
				 failed = {.domain = {"f.example", 9}, .failed = true},
				 unsure = {.domain = {"u.example", 9},
					   .found = true,
					   .policy = DMARC_POLICY_REJECT,
					   .policy_unsure = true};

/* "RESULT DISPOSITION", "?" where it is open, "!" where it failed. */
static struct str said(struct arena *arena, const struct dmarc_author *authors, size_t count,
		       const enum dmarc_alignment *spf, const enum dmarc_alignment *dkim)
{
	struct dmarc_verdict v;

	dmarc_judge(authors, count, spf, dkim, &v);
	return str_printf(
	    arena, "%s %s", v.result_settled == DMARC_OPEN ? "?" : dmarc_result_name(v.result),
	    v.disposition_settled == DMARC_OPEN     ? "?"
	    : v.disposition_settled == DMARC_FAILED ? "!"
						    : dmarc_policy_name(v.disposition));
}

#define OPEN ((enum dmarc_alignment)9)

static void test_one_author(void)
{
	static const struct {
		const struct dmarc_author *author;
		enum dmarc_alignment spf, dkim;
		const char *said;
	} rows[] = {
	    {&reject, DMARC_ALIGNED, DMARC_UNALIGNED, "pass none"},
	    {&reject, DMARC_UNALIGNED, DMARC_ALIGNED, "pass none"},
	    {&reject, DMARC_ALIGNED, DMARC_UNSURE, "pass none"},
	    {&reject, DMARC_UNSURE, DMARC_ALIGNED, "pass none"},
	    {&reject, DMARC_ALIGNED, OPEN, "pass none"},
	    {&reject, DMARC_UNALIGNED, DMARC_UNALIGNED, "fail reject"},
	    {&reject, DMARC_UNALIGNED, DMARC_UNSURE, "temperror !"},
	    {&reject, DMARC_UNSURE, DMARC_UNALIGNED, "temperror !"},
	    {&reject, DMARC_UNALIGNED, OPEN, "? ?"},
	    {&reject, DMARC_UNSURE, OPEN, "? ?"},
	    {&quarantine, DMARC_UNALIGNED, DMARC_UNALIGNED, "fail quarantine"},
	    {&mild, DMARC_UNALIGNED, DMARC_UNALIGNED, "fail none"},
	    {&mild, DMARC_UNALIGNED, DMARC_UNSURE, "temperror none"},
	    {&mild, DMARC_UNALIGNED, OPEN, "? none"},
	    {&absent, DMARC_UNALIGNED, DMARC_UNALIGNED, "none none"},
	    {&absent, DMARC_UNALIGNED, OPEN, "none none"},
	    {&failed, DMARC_UNSURE, DMARC_UNSURE, "temperror !"},
	    {&failed, DMARC_UNSURE, OPEN, "temperror !"},
	    {&unsure, DMARC_UNALIGNED, DMARC_UNALIGNED, "fail !"},
	    {&unsure, DMARC_UNALIGNED, DMARC_ALIGNED, "pass none"},
	};
	struct arena *arena = arena_new(NULL);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		CHECK_STR(said(arena, rows[i].author, 1, &rows[i].spf,
			       rows[i].dkim == OPEN ? NULL : &rows[i].dkim),
			  rows[i].said);
	arena_free(&arena);
}

/* Two authors of which the first passes by SPF: the other decides; in either order. */
static void test_two_authors(void)
{
	static const struct {
		const struct dmarc_author *other;
		enum dmarc_alignment dkim;
		const char *said, *early;
	} rows[] = {
	    {&reject, DMARC_UNALIGNED, "fail reject", "? ?"},
	    {&reject, DMARC_ALIGNED, "pass none", "? ?"},
	    {&reject, DMARC_UNSURE, "temperror !", "? ?"},
	    {&mild, DMARC_UNALIGNED, "fail none", "? none"},
	    {&mild, DMARC_UNSURE, "temperror none", "? none"},
	    {&absent, DMARC_UNALIGNED, "none none", "none none"},
	    {&failed, DMARC_UNSURE, "temperror !", "temperror !"},
	};
	struct arena *arena = arena_new(NULL);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dmarc_author a[] = {quarantine, *rows[i].other}, b[] = {a[1], a[0]};
		enum dmarc_alignment spf[] = {DMARC_ALIGNED, DMARC_UNALIGNED},
				     fps[] = {spf[1], spf[0]};
		enum dmarc_alignment dkim[] = {DMARC_UNALIGNED, rows[i].dkim},
				     mikd[] = {dkim[1], dkim[0]};

		CHECK_STR(said(arena, a, 2, spf, dkim), rows[i].said);
		CHECK_STR(said(arena, b, 2, fps, mikd), rows[i].said);
		CHECK_STR(said(arena, a, 2, spf, NULL), rows[i].early);
	}
	arena_free(&arena);
}

/* A fail that asks for less does not hide that another may ask for more; the most makes it sure. */
static void test_three_authors(void)
{
	struct dmarc_author authors[] = {quarantine, failed, mild};
	enum dmarc_alignment none[] = {DMARC_UNALIGNED, DMARC_UNSURE, DMARC_UNALIGNED};
	struct arena *arena = arena_new(NULL);
	struct dmarc_verdict v;

	CHECK_STR(said(arena, authors, 3, none, none), "fail !");
	authors[2] = reject;
	CHECK_STR(said(arena, authors, 3, none, none), "fail reject");
	dmarc_judge(authors, 3, none, none, &v);
	CHECK(v.author == &authors[2]);
	dmarc_judge(authors, 3, none, NULL, &v);
	CHECK(!v.author);
	dmarc_judge(&authors[2], 1, none, NULL, &v);
	CHECK(v.author == &authors[2]);
	arena_free(&arena);
}

int main(void)
{
	RUN(test_one_author);
	RUN(test_two_authors);
	RUN(test_three_authors);
	return unit_done();
}
