/* SPDX-License-Identifier: BSD-2-Clause */
/* DMARC records by tables: which texts are one, what their tags say, what is left of bad ones. */

#include "postern/arena.h"
#include "postern/dmarc.h"
#include "tests/unit/unit.h"

static struct arena *arena;

/* "-": no record; "no": one that does not apply; else what it says, the defaults left out. */
static struct str read(struct str text)
{
	struct buf out = {.arena = arena};
	struct dmarc_record r;

	if (!dmarc_record_parse(text, &r))
		return STR("-");
	if (!r.applies)
		return r.psd == 'u' ? STR("no") : str_printf(arena, "no psd=%c", r.psd);
	buf_puts(&out, dmarc_policy_name(r.p));
	if (r.sp != r.p)
		buf_printf(&out, " sp=%s", dmarc_policy_name(r.sp));
	if (r.has_np)
		buf_printf(&out, " np=%s", dmarc_policy_name(r.np));
	if (r.psd != 'u')
		buf_printf(&out, " psd=%c", r.psd);
	buf_puts(&out, r.testing ? " t" : "");
	buf_puts(&out, r.strict_dkim ? " adkim" : "");
	buf_puts(&out, r.strict_spf ? " aspf" : "");
	return buf_str(&out);
}

struct row {
	const char *text, *said;
};

static void check(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		CHECK_STR(read(str_of(rows[i].text)), rows[i].said);
}

#define ROWS(...)                                                                                  \
	do {                                                                                       \
		static const struct row rows[] = {__VA_ARGS__};                                    \
		check(rows, sizeof(rows) / sizeof(rows[0]));                                       \
	} while (0)

static void test_version(void)
{
	ROWS({"v=DMARC1; p=none", "none"}, {"v=DMARC1;p=none;", "none"}, {"v=DMARC1", "no"},
	     {"V = DMARC1 ; p=reject", "reject"}, {"v=DMARC1\t;\tp=reject", "reject"},
	     {"v=dmarc1; p=reject", "-"}, {"v=DMARC2; p=reject", "-"}, {"v=DMARC12; p=reject", "-"},
	     {"v=DMARC1 p=reject", "-"}, {"v=DMARC1, p=reject", "-"}, {" v=DMARC1; p=reject", "-"},
	     {"p=reject; v=DMARC1", "-"}, {"; v=DMARC1; p=reject", "-"}, {"DMARC1; p=reject", "-"},
	     {"vv=DMARC1; p=reject", "-"}, {"v=; p=reject", "-"}, {"v", "-"}, {"", "-"},
	     {"v=spf1 -all", "-"}, {"v=\nDMARC1; p=reject", "-"}, {"\"v=DMARC1\"; p=reject", "-"});
	CHECK_STR(read((struct str){"v=DMARC1\0; p=reject", 19}), "-");
}

static void test_policies(void)
{
	ROWS({"v=DMARC1; p=quarantine", "quarantine"}, {"v=DMARC1; p=Reject", "reject"},
	     {"v=DMARC1; p = reject ", "reject"}, {"v=DMARC1; sp=none; p=reject", "reject sp=none"},
	     {"v=DMARC1; p=none; sp=reject; np=quarantine", "none sp=reject np=quarantine"},
	     {"v=DMARC1; p=reject; np=none", "reject np=none"},
	     {"v=DMARC1; p=reject; psd=y", "reject psd=y"},
	     {"v=DMARC1; p=reject; psd=N", "reject psd=n"}, {"v=DMARC1; p=reject; psd=u", "reject"},
	     {"v=DMARC1; p=reject; psd=x", "reject"}, {"v=DMARC1; p=reject; t=y", "reject t"},
	     {"v=DMARC1; p=reject; t=n", "reject"}, {"v=DMARC1; p=reject; t=yes", "reject"},
	     {"v=DMARC1; p=reject; adkim=s; aspf=S", "reject adkim aspf"},
	     {"v=DMARC1; p=reject; adkim=r; aspf=strict", "reject"},
	     {"v=DMARC1; p=reject; pct=0; ri=1; rf=iodef; fo=1:d", "reject"},
	     {"v=DMARC1; p=reject; adkim=s; ADKIM=r", "reject adkim"},
	     {"v=DMARC1; P=reject", "no"});
}

/* 4.10.1: without a valid p, or with a wrong sp or np, only who wants reports is spoken of. */
static void test_policies_that_are_wrong(void)
{
	ROWS({"v=DMARC1; p=bogus", "no"}, {"v=DMARC1; p=", "no"}, {"v=DMARC1; p=rej", "no"},
	     {"v=DMARC1; p=reject; sp=bogus", "no"}, {"v=DMARC1; p=reject; np=", "no"},
	     {"v=DMARC1; psd=y", "no psd=y"}, {"v=DMARC1; p=reject; p=none", "no"},
	     {"v=DMARC1; p=reject; p=reject", "no"},
	     {"v=DMARC1; p=bogus; rua=mailto:a@example.org", "none"},
	     {"v=DMARC1; p=reject; sp=bogus; np=reject; rua=mailto:a@example.org", "none"},
	     {"v=DMARC1; rua=mailto:a@example.org; psd=n; adkim=s", "none psd=n adkim"},
	     {"v=DMARC1; p=reject none", "no"}, {"v=DMARC1; p=reject\n", "no"});
}

static void test_reporting_addresses(void)
{
	ROWS({"v=DMARC1; rua=mailto:a@x", "none"}, {"v=DMARC1; rua=mailto:a@x!10m", "none"},
	     {"v=DMARC1; rua=nonsense , mailto:a@x", "none"},
	     {"v=DMARC1; rua=https://example.org/r", "none"}, {"v=DMARC1; rua=mailto:", "no"},
	     {"v=DMARC1; rua=mailto:a", "no"}, {"v=DMARC1; rua=mailto:@x", "no"},
	     {"v=DMARC1; rua=mailto:a@", "no"}, {"v=DMARC1; rua=a@x", "no"},
	     {"v=DMARC1; rua=:a@x", "no"}, {"v=DMARC1; rua=1:a@x", "no"},
	     {"v=DMARC1; rua=mailto:a@x!", "no"}, {"v=DMARC1; rua=mailto:a@x!10q", "no"},
	     {"v=DMARC1; rua=mailto:a b@x", "no"}, {"v=DMARC1; rua=", "no"},
	     {"v=DMARC1; rua=,,,", "no"}, {"v=DMARC1; ruf=mailto:a@x", "no"});
}

/* What is not understood is passed over, and takes nothing else with it. */
static void test_noise(void)
{
	ROWS({"v=DMARC1;;;p=reject;;", "reject"}, {"v=DMARC1; nonsense; p=reject", "reject"},
	     {"v=DMARC1; =x; p=reject; x=", "reject"}, {"v=DMARC1; v=DMARC2; p=reject", "reject"},
	     {"v=DMARC1; x=p=none; p=reject", "reject"},
	     {"v=DMARC1; \xc3\xa4=\xff; p=reject", "reject"},
	     {"v=DMARC1; p=reject; rua=mailto:a@x; rua=mailto:b@x", "reject"});
}

static void test_long_ones(void)
{
	struct buf text = {.arena = arena};

	buf_puts(&text, "v=DMARC1; p=none; sp=reject");
	while (text.n < 4090)
		buf_puts(&text, "; x=y");
	CHECK_STR(read(buf_str(&text)), "none sp=reject");
	/* The last tag stands beyond the limit: the second np would be one too many. */
	text.n = 4080;
	buf_puts(&text, ";np=quarantine; np=reject");
	CHECK_STR(read(buf_str(&text)), "none sp=reject np=quarantine");
	text.n = 0;
	buf_puts(&text, "v=DMARC1");
	while (text.n < 70000)
		buf_putc(&text, ' ');
	CHECK_STR(read(buf_str(&text)), "-");
}

int main(void)
{
	arena = arena_new(NULL);
	RUN(test_version);
	RUN(test_policies);
	RUN(test_policies_that_are_wrong);
	RUN(test_reporting_addresses);
	RUN(test_noise);
	RUN(test_long_ones);
	arena_free(&arena);
	return unit_done();
}
