/* SPDX-License-Identifier: BSD-2-Clause */
/* Counted strings: comparisons by bytes, no read past an end, escapes that keep to their limit. */

#include "postern/str.h"

#include <stdlib.h>

#include "postern/arena.h"
#include "tests/unit/unit.h"

static struct arena *arena;

static const struct str empty = {NULL, 0};

/* Bytes right before the end of their memory: a sanitizer sees a read past it. */
static struct str tight(const char *bytes, size_t n)
{
	char *copy = malloc(n ? n : 1);

	if (!copy)
		abort();
	memcpy(copy, bytes, n);
	arena_cleanup(arena, free, copy);
	return (struct str){copy, n};
}

static void test_equality(void)
{
	CHECK(str_eq(STR("a"), tight("a", 1)));
	CHECK(!str_eq(STR("a"), STR("ab")));
	CHECK(!str_eq(STR("a"), STR("A")));
	CHECK(str_eq(empty, STR("")));
	CHECK(str_eq((struct str){"a\0b", 3}, (struct str){"a\0b", 3}));
	CHECK(!str_eq((struct str){"a\0b", 3}, (struct str){"a\0c", 3}));
	CHECK(str_caseeq(STR("aZ09-"), tight("Az09-", 5)));
	/* ASCII alone: neither the neighbours of the letters nor Latin-1 fold. */
	CHECK(!str_caseeq(STR("@["), STR("`{")));
	CHECK(!str_caseeq(STR("\xC4"), STR("\xE4")));
	CHECK(str_caseeq(empty, empty));
}

static void test_parts(void)
{
	CHECK(str_starts(STR("abc"), STR("ab")));
	CHECK(!str_starts(tight("ab", 2), STR("abc")));
	CHECK(str_ends(STR("abc"), STR("bc")));
	CHECK(!str_ends(tight("bc", 2), STR("abc")));
	CHECK(str_starts(empty, empty) && str_ends(empty, STR("")));
	CHECK(str_casestarts(STR("ABC"), STR("ab")));
	CHECK(str_has(STR("abc"), STR("b")) && str_has(STR("abc"), STR("")) &&
	      str_has(empty, empty));
	CHECK(!str_has(STR("abc"), STR("cd")));
	CHECK(str_has((struct str){"a\0b", 3}, (struct str){"\0b", 2}));
	CHECK_INT(str_chr(STR("abca"), 'a'), 0);
	CHECK_INT(str_rchr(STR("abca"), 'a'), 3);
	CHECK_INT(str_chr(STR("abca"), 'x'), -1);
	CHECK_INT(str_chr(empty, 'x'), -1);
	CHECK_INT(str_rchr(tight("a\0", 2), '\0'), 1);
	CHECK_STR(str_sub(STR("hello"), 1, 3), "ell");
	CHECK_STR(str_sub(STR("hello"), 3, SIZE_MAX), "lo");
	CHECK_STR(str_sub(STR("hello"), 9, 1), "");
	CHECK_STR(str_sub(empty, 1, 1), "");
	CHECK_STR(str_trim(STR(" \t\r\n a b \n")), "a b");
	CHECK_STR(str_trim(STR(" \t ")), "");
	CHECK_INT(str_trim(empty).n, 0);
}

static void test_order(void)
{
	CHECK(str_cmp(STR("a"), STR("b")) < 0);
	CHECK(str_cmp(STR("ab"), STR("a")) > 0);
	CHECK(str_cmp(STR("a"), STR("ab")) < 0);
	CHECK(str_cmp(STR("\xff"), STR("a")) > 0);
	CHECK_INT(str_cmp(empty, STR("")), 0);
}

static void test_copies(void)
{
	struct str copy = str_dup(arena, tight("a\0b", 3));

	CHECK_INT(copy.n, 3);
	CHECK(memcmp(copy.s, "a\0b\0", 4) == 0);
	CHECK(str_dup(arena, empty).s[0] == '\0');
	CHECK_STR(str_lower(arena, STR("AbC@[\xC4Z")), "abc@[\xC4z");
	CHECK_STR(str_of(NULL), "");
	CHECK_STR(str_printf(arena, "%s %d " STR_FMT, "x", 7, STR_ARG(STR("yz"))), "x 7 yz");
	CHECK_STR(str_printf(arena, "%s", ""), "");
}

static void test_clean(void)
{
	CHECK_STR(str_clean(arena, STR("plain text ~"), 100), "plain text ~");
	CHECK_STR(str_clean(arena, (struct str){"a\0\r\n\t\x1b\x7f\xff\\", 9}, 100),
		  "a\\x00\\x0D\\x0A\\x09\\x1B\\x7F\\xFF\\x5C");
	CHECK_STR(str_clean(arena, empty, 100), "");
	CHECK_STR(str_clean(arena, STR("\xC3\xA9"), 100), "\\xC3\\xA9");
}

static bool printable(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.s[i] < ' ' || s.s[i] > '~')
			return false;
	return true;
}

/* Whatever stands around the limit: never more bytes than it, and cut ones end in dots. */
static void test_clean_keeps_its_limit(void)
{
	char text[64];
	size_t longer = 0, raw = 0, unmarked = 0;

	for (unsigned pattern = 0; pattern < 1024; pattern++) {
		for (size_t n = 0; n < sizeof(text); n++)
			text[n] = pattern >> n % 10 & 1 ? '\xff' : 'a';
		for (size_t n = 0; n <= sizeof(text); n += 3) {
			struct str cut = str_clean(arena, tight(text, n), 30);

			longer += cut.n > 30;
			raw += !printable(cut);
			unmarked += !str_ends(cut, STR("...")) &&
				    !str_eq(cut, str_clean(arena, (struct str){text, n}, 1000));
		}
	}
	CHECK_INT(longer, 0);
	CHECK_INT(raw, 0);
	CHECK_INT(unmarked, 0);
	CHECK_STR(str_clean(arena, STR("0123456789"), 9), "012345...");
}

/* What fits is not cut. */
static void test_clean_leaves_what_fits(void)
{
	CHECK_STR(str_clean(arena, STR("0123456789"), 10), "0123456789");
	CHECK_STR(str_clean(arena, STR("012345\xff"), 10), "012345\\xFF");
}

static void test_numbers(void)
{
	uint64_t value = 7;

	CHECK(str_uint(STR("0"), 0, &value) && value == 0);
	CHECK(str_uint(STR("255"), 255, &value) && value == 255);
	CHECK(!str_uint(STR("256"), 255, &value));
	CHECK(str_uint(STR("007"), 9, &value) && value == 7);
	CHECK(str_uint(STR("18446744073709551615"), UINT64_MAX, &value) && value == UINT64_MAX);
	CHECK(!str_uint(STR("18446744073709551616"), UINT64_MAX, &value));
	CHECK(!str_uint(STR("99999999999999999999999"), UINT64_MAX, &value));
	CHECK(!str_uint(STR("5"), 4, &value));
	CHECK(!str_uint(empty, 9, &value));
	CHECK(!str_uint(STR("-1"), 9, &value) && !str_uint(STR("+1"), 9, &value));
	CHECK(!str_uint(STR(" 1"), 9, &value) && !str_uint(STR("1 "), 9, &value));
	CHECK(!str_uint((struct str){"1\0", 2}, 99, &value));
	CHECK_INT(value == UINT64_MAX, 1);
}

static void test_builder(void)
{
	struct buf buf = {.arena = arena};
	struct str text;

	CHECK_STR(buf_str(&buf), "");
	for (int i = 0; i < 1000; i++) {
		buf_puts(&buf, "ab");
		buf_putc(&buf, 'c');
		buf_printf(&buf, "%d,", i);
		buf_add(&buf, empty);
		CHECK(buf.s[buf.n] == '\0');
	}
	text = buf_str(&buf);
	CHECK(str_starts(text, STR("abc0,abc1,abc2,")));
	CHECK(str_ends(text, STR("abc998,abc999,")));
	CHECK_INT(text.n, 4 * 1000 + 10 + 180 + 2700);
	buf = (struct buf){.arena = arena};
	buf_add(&buf, (struct str){"\0\0", 2});
	CHECK_INT(buf_str(&buf).n, 2);
	/* Exactly full, and one more. */
	for (size_t n = 60; n < 70; n++) {
		char block[70];

		memset(block, 'x', sizeof(block));
		buf = (struct buf){.arena = arena};
		buf_add(&buf, tight(block, n));
		buf_putc(&buf, '!');
		CHECK(buf.n == n + 1 && buf.s[n] == '!' && buf.s[n + 1] == '\0');
	}
}

int main(void)
{
	arena = arena_new(NULL);
	RUN(test_equality);
	RUN(test_parts);
	RUN(test_order);
	RUN(test_copies);
	RUN(test_clean);
	RUN(test_clean_keeps_its_limit);
	RUN(test_clean_leaves_what_fits);
	RUN(test_numbers);
	RUN(test_builder);
	arena_free(&arena);
	return unit_done();
}
