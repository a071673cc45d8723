/* SPDX-License-Identifier: BSD-2-Clause */
/* Tag lists and the tags of a signature, by tables. */

#include "filter/auth/dkimsig.h"
#include "postern/arena.h"
#include "tests/unit/unit.h"

#define NOW 1700000000
#define REST "v=1; a=rsa-sha256; d=example.org; s=s; h=from; bh=AAAA; b=AAAA"

static struct arena *arena;
static struct dkimsig sig;

static const char *fault(const char *text)
{
	const char *why = NULL;
	bool ok = dkimsig_read(arena, str_of(text), NOW, &sig, &why);

	return ok ? "" : why;
}

static void test_faults(void)
{
	static const struct {
		const char *text, *fault;
	} cases[] = {
	    {REST, ""},
	    {" \r\n\t" REST " ; \r\n ", ""},
	    {REST "; z=From:a=20b; unknown_tag1=a=b=c; r=y", ""},
	    {"a=rsa-sha256; d=e.org; s=s; h=from; bh=AAAA; b=AAAA", "v= is missing"},
	    {"v=1; d=e.org; s=s; h=from; bh=AAAA; b=AAAA", "a= is missing"},
	    {"v=1; a=rsa-sha256; s=s; h=from; bh=AAAA; b=AAAA", "d= is missing"},
	    {"v=1; a=rsa-sha256; d=e.org; h=from; bh=AAAA; b=AAAA", "s= is missing"},
	    {"v=1; a=rsa-sha256; d=e.org; s=s; bh=AAAA; b=AAAA", "h= is missing"},
	    {"v=1; a=rsa-sha256; d=e.org; s=s; h=from; b=AAAA", "b= or bh= is missing"},
	    {"v=1; a=rsa-sha256; d=e.org; s=s; h=from; bh=AAAA", "b= or bh= is missing"},
	    {"v=2; a=rsa-sha256; d=e.org; s=s; h=from; bh=AAAA; b=AAAA", "unknown version"},
	    {"v=1; a=rsa-md5; d=e.org; s=s; h=from; bh=AAAA; b=AAAA", "unknown algorithm"},
	    {"v=1; a=rsa-sha256; d=e.org; s=s; h=from; bh=; b=AAAA", "b= or bh= is malformed"},
	    {"v=1; a=rsa-sha256; d=e.org; s=s; h=from; bh=AAAA; b=A!AA", "b= or bh= is malformed"},
	    {"v=1; a=rsa-sha256; d=org; s=s; h=from; bh=AAAA; b=AAAA", "d= is not a domain name"},
	    {"v=1; a=rsa-sha256; d=e(.org; s=s; h=from; bh=AAAA; b=AAAA",
	     "d= is not a domain name"},
	    {"v=1; a=rsa-sha256; d=e..org; s=s; h=from; bh=AAAA; b=AAAA",
	     "d= is not a domain name"},
	    {"v=1; a=rsa-sha256; d=e.org.; s=s; h=from; bh=AAAA; b=AAAA",
	     "d= is not a domain name"},
	    {"v=1; a=rsa-sha256; d=e. org; s=s; h=from; bh=AAAA; b=AAAA",
	     "d= is not a domain name"},
	    {"v=1; a=rsa-sha256; d=e.org; s=.; h=from; bh=AAAA; b=AAAA", "s= is not a selector"},
	    {"v=1; a=rsa-sha256; d=e.org; s=s; h=to; bh=AAAA; b=AAAA", "From is not signed"},
	    {"v=1; a=rsa-sha256; d=e.org; s=s; h=from:; bh=AAAA; b=AAAA", "h= is malformed"},
	    {"v=1; a=rsa-sha256; d=e.org; s=s; h=fr om; bh=AAAA; b=AAAA", "h= is malformed"},
	    {REST "; c=relaxed", ""},
	    {REST "; c=relaxed/", "unknown canonicalization"},
	    {REST "; c=nowsp/simple", "unknown canonicalization"},
	    {REST "; q=dns", "unknown query method"},
	    {REST "; i=@example.org", ""},
	    {REST "; i=a@b.Example.org", ""},
	    {REST "; i=a=40b.example.org", ""},
	    {REST "; i=a@example.org=", "i= is malformed"},
	    {REST "; i=a@example.org=4", "i= is malformed"},
	    {REST "; i=a=4g@example.org", "i= is malformed"},
	    {REST "; i=example.org", "i= is malformed"},
	    {REST "; i=a@xexample.org", "i= is not within d="},
	    {REST "; i=a@example.net", "i= is not within d="},
	    {REST "; i=a@b@example.org", "i= is malformed"},
	    {REST "; l=+1", "l= is malformed"},
	    {REST "; l=1 0", "l= is malformed"},
	    {REST "; l=1234567890123", "l= is malformed"},
	    {REST ";; l=1", "not a tag list"},
	    {REST "; l", "not a tag list"},
	    {REST "; =1", "not a tag list"},
	    {REST "; 1l=1", "not a tag list"},
	    {REST "; l l=1", "not a tag list"},
	    {REST "; D=example.net", "a tag stands twice"},
	    {"", "d= is missing"},
	    {REST "; n=\x80", "an octet that cannot stand in a signature"},
	    {REST "; n=\x0b", "an octet that cannot stand in a signature"},
	    {REST "; n=a\nb", "an octet that cannot stand in a signature"},
	    {REST "; n=a\rb", "an octet that cannot stand in a signature"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		arena = arena_new(NULL);
		CHECK_STR(str_of(fault(cases[i].text)), cases[i].fault);
		arena_free(&arena);
	}
}

static void test_values(void)
{
	arena = arena_new(NULL);
	CHECK_STR(str_of(fault("v=1; a=Ed25519-SHA256; c=Relaxed/simple; d=Example.ORG; s=S1.x;"
			       " h=From : To:\r\n\tSubject; bh=A A\r\n AA; b=AAAABB==; l=12; "
			       "i=j=2Ed@News.example.org")),
		  "");
	CHECK_STR(sig.domain, "example.org");
	CHECK_STR(sig.selector, "s1.x");
	CHECK_STR(sig.identity, "j.d@News.example.org");
	CHECK_STR(sig.identity_domain, "news.example.org");
	CHECK_STR(sig.b, "AAAABB==");
	CHECK_STR(str_of(dkimsig_algorithm_name(sig.algorithm)), "ed25519-sha256");
	CHECK_INT(sig.header_count, 3);
	CHECK(dkimsig_covers(&sig, STR("SUBJECT")) && !dkimsig_covers(&sig, STR("Sub")));
	CHECK(sig.relaxed_header && !sig.relaxed_body && sig.partial && sig.length == 12);
	CHECK(sig.safe && !sig.awkward);
	CHECK_STR(str_of(fault(REST "; i=\"a b\"@example.org")), "");
	CHECK_INT(sig.identity.n, 0); /* not to be printed as it is */
	CHECK_STR(str_of(fault(REST "; ab=1")), "");
	CHECK(sig.awkward);
	CHECK_STR(str_of(fault(REST "; x=1")), "signature expired");
	CHECK(sig.safe);
	CHECK_STR(sig.domain, "example.org");
	arena_free(&arena);
}

static void test_limits(void)
{
	struct buf text;

	arena = arena_new(NULL);
	text = (struct buf){.arena = arena};
	buf_puts(&text, REST);
	for (int i = 0; i < 100; i++)
		buf_printf(&text, "; t%d=1", i);
	CHECK_STR(str_of(fault(buf_str(&text).s)), "too many tags");
	text.n = 0;
	buf_puts(&text, "v=1; a=rsa-sha256; d=e.org; s=s; bh=AAAA; b=AAAA; h=from");
	for (int i = 0; i < 300; i++)
		buf_puts(&text, ":x");
	CHECK_STR(str_of(fault(buf_str(&text).s)), "h= names too many fields");
	CHECK_STR(str_of(fault(str_printf(arena, REST "; i=%0300d@example.org", 0).s)),
		  "i= is malformed");
	CHECK_STR(
	    str_of(fault(
		str_printf(arena, "v=1; a=rsa-sha256; d=e.org; s=s; h=from; bh=AAAA; b=%04000d", 0)
		    .s)),
	    "b= or bh= is malformed");
	CHECK_STR(
	    str_of(fault(
		str_printf(arena,
			   "v=1; a=rsa-sha256; d=e.org; s=s; h=from:%05000d; bh=AAAA; b=AAAA", 0)
		    .s)),
	    "h= is too long");
	CHECK_STR(
	    str_of(fault(
		str_printf(arena, "v=1; a=rsa-sha256; d=e.org; s=%064d; h=from; bh=AAAA; b=AAAA", 0)
		    .s)),
	    "s= is not a selector");
	arena_free(&arena);
}

static void test_base64(void)
{
	static const struct {
		const char *text, *bytes;
	} good[] = {{"", ""}, {"YQ==", "a"}, {"YQ", "a"}, {"YWI=", "ab"}, {"YWJj", "abc"}};
	static const char *const bad[] = {"Y", "YQ===", "YWJjY", "Y*==", "=", "YQ=a"};
	struct str bytes;

	arena = arena_new(NULL);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		CHECK(dkimtag_base64(arena, str_of(good[i].text), &bytes));
		CHECK_STR(bytes, good[i].bytes);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(!dkimtag_base64(arena, str_of(bad[i]), &bytes) || bytes.n == 0);
	arena_free(&arena);
}

int main(void)
{
	RUN(test_faults);
	RUN(test_values);
	RUN(test_limits);
	RUN(test_base64);
	return unit_done();
}
