/* SPDX-License-Identifier: BSD-2-Clause */
/* The macros of SPF: grammar, expansion, and that hostile ones cost little. */

#include "filter/auth/spfmacro.h"
#include "postern/arena.h"
#include "tests/unit/unit.h"

static struct arena *arena;
static struct spfmacro_values values;

static void set(char letter, const char *value)
{
	values.of[letter - 'a'] = str_of(value);
}

static struct str name(const char *text)
{
	return spfmacro_name(arena, str_of(text), &values);
}

static struct str text(const char *text)
{
	return spfmacro_text(arena, str_of(text), &values, 400);
}

static bool good(const char *text, enum spfmacro_use use)
{
	return spfmacro_fault(str_of(text), use) == NULL;
}

static void test_grammar_of_names(void)
{
	static const char *const right[] = {
	    "example.com",   "example.com.", "%{d}",
	    "a.%{d2r-}",     "_spf.%{d}",    "%{i1r.-+,/_=}",
	    "foo%%",         "%_",           "a:b/c.example.xn--p1ai",
	    "..example.c0m", "%{d}.x-1",     "%{d127}",
	    "%{l9999r}.x.y"};
	static const char *const wrong[] = {"",
					    "com",
					    "com.",
					    "example.123",
					    "example.-com",
					    "example.com-",
					    "example.",
					    "%",
					    "%{",
					    "%{d",
					    "%{d}com",
					    "%{x}.com",
					    "%(d).com",
					    "%{d0}.com",
					    "%{d10000}.com",
					    "%{d99999999999999999999}.com",
					    "%{dr2}.com",
					    "%{d:}.com",
					    "%{c}.com",
					    "%{r}",
					    "%{t}",
					    "a b.com",
					    "\x80.com",
					    "example.com:25",
					    "%{}.com",
					    "x%"};

	for (size_t i = 0; i < sizeof(right) / sizeof(*right); i++)
		CHECK(good(right[i], SPFMACRO_NAME));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		CHECK(!good(wrong[i], SPFMACRO_NAME));
	CHECK(spfmacro_fault((struct str){"a\0b.com", 7}, SPFMACRO_NAME) != NULL);
}

static void test_grammar_of_texts(void)
{
	CHECK(good("", SPFMACRO_MODIFIER));
	CHECK(good("%{c}:x", SPFMACRO_MODIFIER));
	CHECK(!good("a b", SPFMACRO_MODIFIER));
	CHECK(good("See %{c} at %{T}, 100%%", SPFMACRO_TEXT));
	CHECK(!good("The %{x}-files", SPFMACRO_TEXT));
	CHECK(!good("a\tb", SPFMACRO_TEXT));
	CHECK(!good("\xEF\xBB\xBF", SPFMACRO_TEXT));
}

/* RFC 7208 section 7.4. */
static void test_examples_of_the_rfc(void)
{
	CHECK_STR(text("%{s}"), "strong-bad@email.example.com");
	CHECK_STR(text("%{o}"), "email.example.com");
	CHECK_STR(text("%{d}"), "email.example.com");
	CHECK_STR(text("%{d4}"), "email.example.com");
	CHECK_STR(text("%{d3}"), "email.example.com");
	CHECK_STR(text("%{d2}"), "example.com");
	CHECK_STR(text("%{d1}"), "com");
	CHECK_STR(text("%{dr}"), "com.example.email");
	CHECK_STR(text("%{d2r}"), "example.email");
	CHECK_STR(text("%{l}"), "strong-bad");
	CHECK_STR(text("%{l-}"), "strong.bad");
	CHECK_STR(text("%{lr}"), "strong-bad");
	CHECK_STR(text("%{lr-}"), "bad.strong");
	CHECK_STR(text("%{l1r-}"), "strong");
	CHECK_STR(name("%{ir}.%{v}._spf.%{d2}"), "3.2.0.192.in-addr._spf.example.com");
	CHECK_STR(name("%{lr-}.lp._spf.%{d2}"), "bad.strong.lp._spf.example.com");
	CHECK_STR(name("%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}"),
		  "3.2.0.192.in-addr.strong.lp._spf.example.com");
	CHECK_STR(name("%{d2}.trusted-domains.example.net"),
		  "example.com.trusted-domains.example.net");
}

static void test_details(void)
{
	CHECK_STR(text("%%%_%-."), "% %20.");
	CHECK_STR(text("%{S}"), "strong-bad%40email.example.com");
	CHECK_STR(text("%{L1R-}"), "strong");
	CHECK_STR(text("%{d9999}"), "email.example.com");
	CHECK_STR(text("%{h}|"), "|");
	CHECK_STR(text("%{h2r-}|"), "|");
	CHECK_STR(name("a.%{d}."), "a.email.example.com");
	CHECK_STR(name("%{l+-=}"), "strong.bad");
	CHECK(spfmacro_asks_client(STR("x.%{P2}.example")));
	CHECK(!spfmacro_asks_client(STR("%%{p}.%{d}")));
}

/* RFC 7208 section 7.3: whole labels go from the left until 253 bytes are left. */
static void test_long_names_are_cut(void)
{
	struct buf spec = {.arena = arena};
	struct str cut;

	for (int i = 0; i < 100; i++)
		buf_puts(&spec, "%{d}.");
	buf_puts(&spec, "example.net");
	cut = spfmacro_name(arena, buf_str(&spec), &values);
	CHECK(cut.n <= 253 && cut.n > 253 - 8);
	CHECK(str_ends(cut, STR("email.example.com.example.net")));
	CHECK(cut.s[0] != '.');
}

/* 16,384 macros of a value with 600 parts: linear time, a small window of memory. */
static void test_cost_is_bounded(void)
{
	struct buf spec = {.arena = arena}, value = {.arena = arena};
	struct arena *own = arena_new(NULL);
	struct spfmacro_values many = values;

	for (int i = 0; i < 16384; i++)
		buf_puts(&spec, "%{lr}");
	for (int i = 0; i < 600; i++)
		buf_puts(&value, "a.");
	many.of['l' - 'a'] = buf_str(&value);
	CHECK(spfmacro_name(own, buf_str(&spec), &many).n <= 253);
	CHECK(arena_size(own) < 100000);
	CHECK_INT(spfmacro_text(own, buf_str(&spec), &many, 400).n, 400);
	arena_free(&own);
}

/*
 * What broke libspf2 (CVE-2021-33912, CVE-2021-33913): escaping of bytes with the high bit,
 * reversal and truncation of values with few parts.
 */
static void test_bytes_of_every_kind(void)
{
	set('l', "\xff\x80 \x01%\xc3\xa9");
	CHECK_STR(text("%{L}"), "%FF%80%20%01%25%C3%A9");
	CHECK_STR(text("%{L9r.-+,/_=}"), "%FF%80%20%01%25%C3%A9");
	set('l', "-a--b-");
	CHECK_STR(text("%{lr-}"), ".b..a.");
	CHECK_STR(text("%{l2r-}"), "a.");
	CHECK_STR(text("%{l2-}"), "b.");
	set('l', "strong-bad");
}

int main(void)
{
	arena = arena_new(NULL);
	set('l', "strong-bad");
	set('o', "email.example.com");
	set('s', "strong-bad@email.example.com");
	set('d', "email.example.com");
	set('i', "192.0.2.3");
	set('v', "in-addr");
	RUN(test_grammar_of_names);
	RUN(test_grammar_of_texts);
	RUN(test_examples_of_the_rfc);
	RUN(test_details);
	RUN(test_long_names_are_cut);
	RUN(test_cost_is_bounded);
	RUN(test_bytes_of_every_kind);
	arena_free(&arena);
	return unit_done();
}
