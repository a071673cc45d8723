/* SPDX-License-Identifier: BSD-2-Clause */
/* Domain names: their normal form, what has none, and the tree of names. */

#include "postern/arena.h"
#include "postern/mail.h"

#include "tests/unit/unit.h"

static struct arena *arena;

static struct str normal(const char *text)
{
	struct str domain = STR("");

	return domain_normal(arena, str_of(text), &domain) ? domain : STR("(none)");
}

static struct str repeated(const char *piece, size_t times, const char *end)
{
	struct buf out = {.arena = arena};

	for (size_t i = 0; i < times; i++)
		buf_puts(&out, piece);
	buf_puts(&out, end);
	return buf_str(&out);
}

static void ascii_names(void)
{
	CHECK_STR(normal("example.org"), "example.org");
	CHECK_STR(normal("EXAMPLE.Org"), "example.org");
	CHECK_STR(normal("example.org."), "example.org");
	CHECK_STR(normal("localhost"), "localhost");
	CHECK_STR(normal("_dmarc.example.org"), "_dmarc.example.org");
	CHECK_STR(normal("3com.example"), "3com.example");
	CHECK_STR(normal("r3---sn-a.example.net"), "r3---sn-a.example.net");
	CHECK_STR(normal("192.0.2.1"), "192.0.2.1");
}

static void ascii_refused(void)
{
	const char *const bad[] = {"",
				   ".",
				   "..",
				   ".example.org",
				   "example..org",
				   "example.org..",
				   "-bad.example",
				   "bad-.example",
				   "a b.example",
				   " example.org",
				   "example.org ",
				   "a\tb.example",
				   "a\nb.example",
				   "a\x7f.example",
				   "a@b.example",
				   "a(b.example",
				   "a/b.example",
				   "a'b.example",
				   "a\"b.example",
				   "a\\b.example",
				   "[192.0.2.1]",
				   "*.example.org",
				   "a,b.example",
				   "a%b.example"};
	struct str domain;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_STR(normal(bad[i]), "(none)");
	CHECK(!domain_normal(arena, STR("good.example\0"), &domain));
	CHECK(!domain_normal(arena, STR("good\0.example"), &domain));
}

static void lengths(void)
{
	struct str domain;

	CHECK(domain_normal(arena, repeated("a", 63, ".example"), &domain));
	CHECK(!domain_normal(arena, repeated("a", 64, ".example"), &domain));
	CHECK(domain_normal(arena, repeated("a.", 126, "a"), &domain));
	CHECK_INT(domain.n, 253);
	CHECK(domain_normal(arena, repeated("a.", 126, "a."), &domain));
	CHECK(!domain_normal(arena, repeated("a.", 126, "aa"), &domain));
	CHECK(!domain_normal(arena, repeated("a", 100000, ""), &domain));
	CHECK(!domain_normal(arena, repeated(".", 100000, ""), &domain));
	CHECK(!domain_normal(arena, repeated("\xd0\xbf", 400, ".example"), &domain));
	CHECK(!domain_normal(arena, repeated("\xd0\xbf.", 60, "example"), &domain));
	CHECK(!domain_normal(arena, repeated("\xd0\xbf", 100000, ".example"), &domain));
}

static void international_names(void)
{
	CHECK_STR(normal("b\xc3\xbc"
			 "cher.example"),
		  "xn--bcher-kva.example");
	CHECK_STR(normal("B\xc3\x9c"
			 "CHER.Example"),
		  "xn--bcher-kva.example");
	/* Decomposed: u and a combining diaeresis. */
	CHECK_STR(normal("bu\xcc\x88"
			 "cher.example"),
		  "xn--bcher-kva.example");
	/* Not transitional: sharp s stays a letter of its own. */
	CHECK_STR(normal("stra\xc3\x9f"
			 "e.example"),
		  "xn--strae-oqa.example");
	CHECK_STR(normal("r3---sn.\xd0\xbf\xd1\x80\xd0\xb8.example."), "r3---sn.xn--h1and.example");
	/* Full-width letters and an ideographic full stop. */
	CHECK_STR(normal("\xef\xbd\x87\xef\xbd\x8f.example"), "go.example");
	CHECK_STR(normal("\xd0\xbf\xe3\x80\x82"
			 "example"),
		  "xn--o1a.example");
	/* A joiner where a script needs it. */
	CHECK_STR(normal("\xe0\xa4\x95\xe0\xa5\x8d\xe2\x80\x8d\xe0\xa4\xb7.example"),
		  "xn--11b2ezcw70k.example");
}

static void international_refused(void)
{
	CHECK_STR(normal("\xff\xfe.example"), "(none)");
	CHECK_STR(normal("\xc3(.example"), "(none)");
	CHECK_STR(normal("go\xe2\x80\x8bod.example"), "(none)"); /* zero-width space */
	CHECK_STR(normal("go\xc2\xadod.example"), "(none)");     /* soft hyphen */
	CHECK_STR(normal("\xe2\x80\xaegood.example"), "(none)"); /* right-to-left override */
	CHECK_STR(normal("a\xe2\x80\x8d"
			 "b.example"),
		  "(none)");                                 /* a joiner that joins nothing */
	CHECK_STR(normal("\xe2\x84\x80.example"), "(none)"); /* maps to a/c */
	CHECK_STR(normal("\xe2\x9d\xa4.example"), "(none)"); /* not a letter of IDNA 2008 */
	CHECK_STR(normal("\xd0\xbf\xd1\x80..example"), "(none)");
	CHECK_STR(normal("example\xe3\x80\x82"), "(none)"); /* a full stop at the end */
	CHECK_STR(normal("-\xd0\xbf.example"), "(none)");
}

static void a_labels(void)
{
	CHECK_STR(normal("XN--BCHER-KVA.example"), "xn--bcher-kva.example");
	CHECK_STR(normal("xn--strae-oqa.example"), "xn--strae-oqa.example");
	CHECK_STR(normal("xn--.example"), "(none)");
	CHECK_STR(normal("xn--abc-.example"), "(none)");
	CHECK_STR(normal("xn--abc.example"), "(none)");
	CHECK_STR(normal("xn--a.example"), "(none)");
	CHECK_STR(normal("xn--a-0.example"), "(none)");
	CHECK_STR(normal("xn--qei.example"), "(none)"); /* a heart */
	CHECK_STR(normal("\xef\xbd\x98\xef\xbd\x8e--a.example"), "(none)");
}

static void tree_of_names(void)
{
	CHECK(domain_within(STR("example.org"), STR("example.org")));
	CHECK(domain_within(STR("a.b.example.org"), STR("example.org")));
	CHECK(!domain_within(STR("badexample.org"), STR("example.org")));
	CHECK(!domain_within(STR("example.org"), STR("a.example.org")));
	CHECK(!domain_within(STR("org"), STR("example.org")));
	CHECK(!domain_within(STR("example.org"), STR("")));
	CHECK(!domain_within(STR(""), STR("")));
	CHECK(domain_within(STR("[192.0.2.1]"), STR("[192.0.2.1]")));
	CHECK_STR(domain_parent(STR("a.example.org")), "example.org");
	CHECK_STR(domain_parent(STR("org")), "");
	CHECK_STR(domain_parent(STR("")), "");
}

static void shown(void)
{
	CHECK_STR(domain_display(arena, STR("example.org")), "example.org");
	CHECK_STR(domain_display(arena, STR("xn--bcher-kva.example")), "b\xc3\xbc"
								       "cher.example");
	CHECK_STR(domain_display(arena, STR("xn--a.example")), "xn--a.example");
	CHECK_STR(domain_display(arena, STR("xn--qei.example")), "xn--qei.example");
	CHECK_STR(domain_display(arena, STR("[192.0.2.1]")), "[192.0.2.1]");
	CHECK_STR(domain_display(arena, STR("")), "");
}

int main(void)
{
	arena = arena_new(NULL);
	RUN(ascii_names);
	RUN(ascii_refused);
	RUN(lengths);
	RUN(international_names);
	RUN(international_refused);
	RUN(a_labels);
	RUN(tree_of_names);
	RUN(shown);
	arena_free(&arena);
	return unit_done();
}
