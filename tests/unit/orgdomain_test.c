/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tree walk: the examples of RFC 9989 4.10, its selection rules, failures on the way;
 * alignment; the public suffix list.
 */

#include "postern/arena.h"
#include "postern/dmarc.h"
#include "tests/auth/dkim_lookups.h"
#include "tests/unit/unit.h"

static struct arena *arena;
static struct lookups *lookups;
static bool failed;

static void begin(bool pending)
{
	arena = arena_new(NULL);
	lookups = dkim_lookups_new(arena, pending);
}

static void end(void)
{
	arena_free(&arena);
}

static void record(const char *name, const char *text)
{
	dkim_lookups_txt(lookups, name, str_of(text));
}

static struct str org(const char *domain)
{
	struct str found;

	while (orgdomain_step(arena, str_of(domain), DMARC_TREEWALK, lookups, &found, &failed) ==
	       STEP_PENDING)
		if (!lookups_wait(lookups, 0))
			return STR("stuck");
	return found;
}

static void test_examples(void)
{
	for (int pending = 0; pending < 2; pending++) {
		begin(pending);
		record("_dmarc.mail.example.com", "v=DMARC1; p=none");
		record("_dmarc.example.com", "v=DMARC1; p=reject");
		CHECK_STR(org("a.mail.example.com"), "example.com");
		end();
		begin(pending);
		record("_dmarc.mail.example.com", "v=DMARC1; p=none; psd=n");
		record("_dmarc.example.com", "v=DMARC1; p=reject");
		CHECK_STR(org("a.mail.example.com"), "mail.example.com");
		end();
		begin(pending);
		record("_dmarc.com", "v=DMARC1; p=reject; psd=y");
		CHECK_STR(org("a.mail.example.com"), "example.com");
		end();
		begin(pending);
		CHECK_STR(org("a.mail.example.com"), "a.mail.example.com");
		CHECK(!failed);
		end();
	}
}

static void names_asked(void *ctx, struct str name, enum dns_type type,
			const struct dns_answer *answer)
{
	(void)type;
	(void)answer;
	buf_add(ctx, name);
	buf_putc(ctx, ' ');
}

static void test_queries(void)
{
	struct buf names;

	begin(false);
	org("a.b.c.d.e.f.g.h.i.j.mail.example.com");
	names = (struct buf){.arena = arena};
	lookups_each(lookups, names_asked, &names);
	CHECK_STR(buf_str(&names),
		  "_dmarc.a.b.c.d.e.f.g.h.i.j.mail.example.com "
		  "_dmarc.g.h.i.j.mail.example.com _dmarc.h.i.j.mail.example.com "
		  "_dmarc.i.j.mail.example.com _dmarc.j.mail.example.com _dmarc.mail.example.com "
		  "_dmarc.example.com _dmarc.com ");
	end();
	begin(false);
	org("1.2.3.4.5.6.7.8");
	CHECK_INT(lookups_asked(lookups), 8);
	end();
	begin(false);
	org("com");
	CHECK_INT(lookups_asked(lookups), 1);
	end();
	begin(false);
	CHECK_STR(org(""), "");
	CHECK_INT(lookups_asked(lookups), 0);
	end();
}

static void test_psd(void)
{
	begin(false);
	record("_dmarc.bank", "v=DMARC1; p=reject; psd=y");
	CHECK_STR(org("bank"), "bank"); /* where the walk starts, psd=y does not point below */
	CHECK_STR(org("example.bank"), "example.bank");
	CHECK_STR(org("a.b.c.d.e.f.g.h.i.example.bank"), "example.bank");
	end();
	begin(false);
	record("_dmarc.b.example.org", "v=DMARC1; p=none; psd = Y ");
	record("_dmarc.example.org", "v=DMARC1; p=none");
	CHECK_STR(org("x.a.b.example.org"), "a.b.example.org");
	end();
	begin(false);
	record("_dmarc.example.org", "v=DMARC1; psd=n");
	record("_dmarc.org", "v=DMARC1; psd=y");
	CHECK_STR(org("example.org"), "example.org");
	CHECK_STR(org("x.example.org"), "example.org");
	end();
}

static void test_records_that_do_not_count(void)
{
	static const char *const texts[] = {"v=DMARC2; p=none", "v=dmarc1; p=none",
					    "p=none; v=DMARC1", "v=DMARC1 p=none",
					    "DMARC1",           "",
					    "v=spf1 -all",      "v=DMARC12"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		begin(false);
		record("_dmarc.example.org", texts[i]);
		CHECK_STR(org("a.example.org"), "a.example.org");
		record("_dmarc.example.org", "v = DMARC1 ; p=none");
		CHECK_STR(org("a.example.org"), "example.org");
		end();
	}
	begin(false); /* two of them are none */
	record("_dmarc.example.org", "v=DMARC1; p=none");
	record("_dmarc.example.org", "v=DMARC1; p=reject");
	CHECK_STR(org("a.example.org"), "a.example.org");
	end();
}

static void test_failures(void)
{
	begin(false);
	record("_dmarc.a.example.org", "v=DMARC1; p=none");
	dkim_lookups_fail(lookups, "_dmarc.example.org", "timed out");
	CHECK_INT(org("a.example.org").n, 0);
	CHECK(failed);
	CHECK_STR(org("other.net"), "other.net");
	CHECK(!failed);
	end();
	begin(false); /* a failure above the end of the walk does not matter */
	record("_dmarc.a.example.org", "v=DMARC1; psd=n");
	dkim_lookups_fail(lookups, "_dmarc.example.org", "timed out");
	CHECK_STR(org("x.a.example.org"), "a.example.org");
	CHECK(!failed);
	end();
}

static const char *aligned(const char *author, const char *identifier, enum dmarc_discovery how)
{
	static const char *const names[] = {"no", "yes", "unsure"};
	enum dmarc_alignment found;

	while (orgdomain_aligned(arena, str_of(author), str_of(identifier), how, lookups, &found) ==
	       STEP_PENDING)
		if (!lookups_wait(lookups, 0))
			return "stuck";
	return names[found];
}

#define CHECK_ALIGNED(author, identifier, expected)                                                \
	do {                                                                                       \
		CHECK_STR(str_of(aligned(author, identifier, DMARC_TREEWALK)), expected);          \
		CHECK_STR(str_of(aligned(identifier, author, DMARC_TREEWALK)), expected);          \
	} while (0)

static void test_alignment(void)
{
	for (int pending = 0; pending < 2; pending++) {
		begin(pending);
		record("_dmarc.example.org", "v=DMARC1; p=none");
		record("_dmarc.unit.example.org", "v=DMARC1; psd=n");
		record("_dmarc.bank", "v=DMARC1; psd=y");
		CHECK_ALIGNED("a.example.org", "b.c.example.org", "yes");
		CHECK_ALIGNED("a.example.org", "unit.example.org", "no");
		CHECK_ALIGNED("a.unit.example.org", "unit.example.org", "yes");
		CHECK_ALIGNED("example.org", "org", "no");
		CHECK_ALIGNED("a.example.bank", "b.example.bank", "yes");
		CHECK_ALIGNED("one.bank", "two.bank", "no");
		CHECK_ALIGNED("a.none.net", "none.net", "no");
		CHECK_ALIGNED("none.net", "none.net", "yes");
		CHECK_ALIGNED("example.org", "example.net", "no");
		end();
	}
}

/* Two names may have the same organization, whatever the failed answer is; or may not. */
static void test_alignment_with_failures(void)
{
	begin(false);
	record("_dmarc.example.org", "v=DMARC1; p=none");
	dkim_lookups_fail(lookups, "_dmarc.org", "timed out");
	dkim_lookups_fail(lookups, "_dmarc.x.example.org", "timed out");
	CHECK_ALIGNED("a.example.org", "b.example.org", "yes");
	CHECK_ALIGNED("a.example.org", "x.example.org", "unsure");
	/* psd=y makes two organizations of them, every other answer one. */
	CHECK_ALIGNED("a.x.example.org", "b.x.example.org", "unsure");
	CHECK_ALIGNED("a.example.org", "b.other.org", "unsure");
	CHECK_ALIGNED("a.example.org", "a.example.net", "no");
	end();
	begin(false); /* more than can be tried out */
	record("_dmarc.org", "v=DMARC1; psd=y");
	dkim_lookups_fail(lookups, "_dmarc.e.d.c.b.a.org", "timed out");
	dkim_lookups_fail(lookups, "_dmarc.d.c.b.a.org", "timed out");
	dkim_lookups_fail(lookups, "_dmarc.c.b.a.org", "timed out");
	dkim_lookups_fail(lookups, "_dmarc.b.a.org", "timed out");
	CHECK_ALIGNED("e.d.c.b.a.org", "z.org", "no");
	dkim_lookups_fail(lookups, "_dmarc.a.org", "timed out");
	CHECK_ALIGNED("e.d.c.b.a.org", "a.org", "unsure");
	end();
}

static void test_public_suffixes(void)
{
	static const struct {
		const char *domain, *org;
	} rows[] = {{"a.b.example.co.uk", "example.co.uk"},
		    {"example.co.uk", "example.co.uk"},
		    {"co.uk", "co.uk"},
		    {"uk", "uk"},
		    {"a.www.ck", "www.ck"}, /* an exception of *.ck */
		    {"a.b.other.ck", "b.other.ck"},
		    {"a.unknown-tld", "a.unknown-tld"},
		    {"b.a.unknown-tld", "a.unknown-tld"},
		    {"www.xn--85x722f.xn--55qx5d.cn", "xn--85x722f.xn--55qx5d.cn"}};

	begin(false);
	record("_dmarc.uk", "v=DMARC1; p=none");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct str found;

		CHECK_INT(orgdomain_step(arena, str_of(rows[i].domain), DMARC_PSL, lookups, &found,
					 &failed),
			  STEP_DONE);
		CHECK_STR(found, rows[i].org);
		CHECK(!failed);
	}
	CHECK_STR(str_of(aligned("a.example.co.uk", "b.example.co.uk", DMARC_PSL)), "yes");
	CHECK_STR(str_of(aligned("example.co.uk", "other.co.uk", DMARC_PSL)), "no");
	CHECK_STR(str_of(aligned("github.io", "attacker.github.io", DMARC_PSL)), "no");
	CHECK_INT(lookups_asked(lookups), 0);
	end();
}

int main(void)
{
	RUN(test_examples);
	RUN(test_queries);
	RUN(test_psd);
	RUN(test_records_that_do_not_count);
	RUN(test_failures);
	RUN(test_alignment);
	RUN(test_alignment_with_failures);
	RUN(test_public_suffixes);
	return unit_done();
}
