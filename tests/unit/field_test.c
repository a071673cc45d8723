/* SPDX-License-Identifier: BSD-2-Clause */
/* Fields: names, unfolding, encoded words, ids. */

#include "postern/arena.h"
#include "postern/mail.h"

#include "tests/unit/unit.h"

#define BAD "\xef\xbf\xbd"

static struct arena *arena;

static struct str decode(const char *value)
{
	return field_decode(arena, str_of(value));
}

static void names(void)
{
	CHECK(field_name_ok(STR("From")));
	CHECK(field_name_ok(STR("X-(!~")));
	CHECK(!field_name_ok(STR("")));
	CHECK(!field_name_ok(STR("From ")));
	CHECK(!field_name_ok(STR("Fr:om")));
	CHECK(!field_name_ok(STR("Fr\tom")));
	CHECK(!field_name_ok(STR("Fr\0om")));
	CHECK(!field_name_ok(STR("Fr\xc3\xb6m")));
	CHECK(!field_name_ok(STR("Fr\x7fom")));
}

static void unfolding(void)
{
	CHECK_STR(field_unfold(arena, STR(" a b ")), "a b");
	CHECK_STR(field_unfold(arena, STR(" a\r\n b\n\tc\r\n  d \r\n")), "a b\tc  d");
	CHECK_STR(field_unfold(arena, STR("\n a\n \n b\n ")), "a  b");
	CHECK_STR(field_unfold(arena, STR("a\nb\r c")), "a\nb\r c");
	CHECK_STR(field_unfold(arena, STR("")), "");
	CHECK_STR(field_unfold(arena, STR("\r\n\r\n")), "");
}

static void encoded_words(void)
{
	CHECK_STR(decode("plain"), "plain");
	CHECK_STR(decode("=?utf-8?q?a_b=C3=BC?="), "a b\xc3\xbc");
	CHECK_STR(decode("=?UTF-8?B?w7w=?= x"), "\xc3\xbc x");
	CHECK_STR(decode("=?utf-8?B?w7w?= x"), "\xc3\xbc x");
	CHECK_STR(decode("=?utf-8*de?Q?x?="), "x");
	CHECK_STR(decode("=?iso-8859-1?q?=FC=e4?="), "\xc3\xbc\xc3\xa4");
	CHECK_STR(decode("=?us-ascii?q?a=41?="), "aA");
	CHECK_STR(decode("x =?utf-8?q?a?=\r\n =?utf-8?q?b?=  =?utf-8?b?Yw==?= y"), "x abc y");
	CHECK_STR(decode("=?utf-8?q?a?= =?koi8-r?q?b?="), "a =?koi8-r?q?b?=");
	/* A character that somebody's encoder cut in two. */
	CHECK_STR(decode("=?utf-8?q?=C3?= =?utf-8?q?=BC?="), "\xc3\xbc");
	CHECK_STR(decode("=?utf-8?q?\?="), "");
}

static void left_as_they_are(void)
{
	const char *const same[] = {"=?",
				    "=?\?",
				    "=?\?=",
				    "=?utf-8?q?a",
				    "=?utf-8?q?a?",
				    "=?utf-8?x?a?=",
				    "=?utf-8?qq?a?=",
				    "=?utf-8?q?=zz?=",
				    "=?utf-8?q?=4?=",
				    "=?utf-8?b?a*b?=",
				    "=?utf-8?q?a b?=",
				    "=?windows-1251?q?a?=",
				    "=?utf 8?q?a?=",
				    "=?=?=?=?=?=?",
				    "a?=b=?c"};

	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		CHECK_STR(decode(same[i]), same[i]);
}

static void bad_bytes(void)
{
	CHECK_STR(decode("a\xff"
			 "b\xc3"),
		  "a" BAD "b" BAD);
	CHECK_STR(decode("=?utf-8?q?=FF?="), BAD);
	CHECK_STR(decode("\xed\xa0\x80"), BAD BAD BAD);
	/* No line end, no NUL comes out of an encoded word. */
	CHECK_STR(decode("=?utf-8?q?a=0D=0AX:_b=00?="), "a" BAD BAD "X: b" BAD);
	CHECK_STR(decode("a\rb"), "a" BAD "b");
	CHECK_STR(decode("a\tb"), "a\tb");
}

static void ids(void)
{
	static const char *const rows[][2] = {
	    {"<a@b>", "a@b"},
	    {"Name <list.example.net>", "list.example.net"},
	    {"\"A <b> \\\" c\" (d <e>) <list.example.net> (x)", "list.example.net"},
	    {"< a@b > ", "a@b"},
	    {"", ""},
	    {"a@b", ""},
	    {"<a@b", ""},
	    {"<", ""},
	    {"<>", ""},
	    {"<a b>", ""},
	    {"<a<b>", ""},
	    {"<a> <b>", ""},
	    {"<a> x", ""},
	    {"<a> (x", ""},
	    {"\"<a>", ""},
	    {"(<a>", ""},
	    {"\\", ""},
	    {"(\\", ""},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		CHECK_STR(field_id(str_of(rows[i][0])), rows[i][1]);
	CHECK_STR(field_id(STR("<a\0b>")), "");
}

int main(void)
{
	arena = arena_new(NULL);
	RUN(names);
	RUN(unfolding);
	RUN(encoded_words);
	RUN(left_as_they_are);
	RUN(bad_bytes);
	RUN(ids);
	arena_free(&arena);
	return unit_done();
}
