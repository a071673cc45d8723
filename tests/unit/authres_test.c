/* SPDX-License-Identifier: BSD-2-Clause */
/* Authentication-Results: what is written, and whose a field is, however it is disguised. */

#include "postern/arena.h"
#include "postern/authres.h"

#include "tests/unit/unit.h"

static struct arena *arena;

static struct str write_property(struct str value, bool utf8)
{
	struct authres_property property = {"smtp", "mailfrom", value};
	struct authres_result result = {
	    .method = "spf", .result = "pass", .properties = &property, .count = 1};

	return authres_write(arena, STR("mx.example.org"), &result, 1, utf8);
}

static struct str write_reason(struct str reason, bool utf8)
{
	struct authres_result result = {.method = "spf", .result = "fail", .reason = reason};

	return authres_write(arena, STR("mx.example.org"), &result, 1, utf8);
}

static void written(void)
{
	static const struct authres_property spf[] = {{"smtp", "mailfrom", {"a@example.org", 13}},
						      {"smtp", "helo", {"mail.example.org", 16}}};
	static const struct authres_property dkim[] = {{"header", "d", {"example.org", 11}},
						       {"header", "i", {"@example.org", 12}},
						       {"header", "b", {"aB/+9=", 6}}};
	const struct authres_result results[] = {
	    {.method = "spf", .result = "pass", .properties = spf, .count = 2},
	    {.method = "dkim",
	     .result = "fail",
	     .reason = STR("bad \"hash\""),
	     .properties = dkim,
	     .count = 3},
	    {.method = "dmarc", .result = "none"},
	};

	CHECK_STR(authres_write(arena, STR("mx.example.org"), NULL, 0, false),
		  "mx.example.org; none");
	CHECK_STR(authres_write(arena, STR("mx.example.org"), results, 3, false),
		  "mx.example.org;\n"
		  "\tspf=pass smtp.mailfrom=a@example.org smtp.helo=mail.example.org;\n"
		  "\tdkim=fail reason=\"bad \\\"hash\\\"\" header.d=example.org\n"
		  "\theader.i=@example.org header.b=\"aB/+9=\";\n"
		  "\tdmarc=none");
	CHECK_STR(authres_write(arena, STR("my host"), NULL, 0, false), "\"my host\"; none");
	CHECK_STR(authres_write(arena, STR("a\nb"), NULL, 0, false), "\"a?b\"; none");
}

static void properties(void)
{
#define BEFORE "mx.example.org;\n\tspf=pass"
	static const char *const rows[][2] = {
	    {"a+b=c@example.org", " smtp.mailfrom=a+b=c@example.org"},
	    {"", ""},
	    {"a b", " smtp.mailfrom=\"a b\""},
	    {"x; dmarc=pass", " smtp.mailfrom=\"x; dmarc=pass\""},
	    {"a\"b\\", " smtp.mailfrom=\"a\\\"b\\\\\""},
	    {"\"a b\"@example.org", " smtp.mailfrom=\"\\\"a b\\\"@example.org\""},
	    {"a'b", " smtp.mailfrom=\"a'b\""},
	    {"a(b", " smtp.mailfrom=\"a(b\""},
	    {"%{s}", " smtp.mailfrom=\"%{s}\""},
	    {"2001:db8::1", " smtp.mailfrom=\"2001:db8::1\""},
	    {"a=b", " smtp.mailfrom=\"a=b\""},
	    {"a..b", " smtp.mailfrom=\"a..b\""},
	    {"a@b@c", " smtp.mailfrom=\"a@b@c\""},
	    {"@", " smtp.mailfrom=\"@\""},
	    {"a\nb", ""},
	    {"a\tb", ""},
	    {"a\x7f", ""},
	    {"\xc3\xbc@example.org", ""},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		CHECK_STR(write_property(str_of(rows[i][0]), false),
			  str_printf(arena, "%s%s", BEFORE, rows[i][1]).s);
	CHECK_STR(write_property(STR("a\0b"), false), BEFORE);
	CHECK_STR(write_property(STR("\xc3\xbc@example.org"), true),
		  BEFORE " smtp.mailfrom=\xc3\xbc@example.org");
	CHECK_STR(write_property(STR("\xc3\xbc ;"), true), BEFORE " smtp.mailfrom=\"\xc3\xbc ;\"");
	CHECK_STR(write_property(STR("a\xc3"), true), BEFORE);
	CHECK_STR(write_property(STR("a\xc2\x85"), true), BEFORE);
	CHECK_STR(write_property(STR("a\xed\xa0\x80"), true), BEFORE);
#undef BEFORE
}

static void reasons(void)
{
	CHECK_STR(write_reason(STR("a\r\nb\xff\\"), false),
		  "mx.example.org;\n\tspf=fail reason=\"a??b?\\\\\"");
	CHECK_STR(write_reason(STR("\xc3\xbc\xc3"), true),
		  "mx.example.org;\n\tspf=fail reason=\"\xc3\xbc?\"");
}

static void words_of_ours(void)
{
	static const struct authres_property properties[] = {
	    {"smtp", "bad name", {"x", 1}}, {"", "x", {"x", 1}}, {"smtp", "ok", {"x", 1}}};
	const struct authres_result results[] = {
	    {.method = "sp f", .result = "pass"},
	    {.method = "spf", .result = "pa;ss"},
	    {.method = "spf", .result = NULL},
	    {.method = "spf", .result = "pass", .properties = properties, .count = 3},
	};

	CHECK_STR(authres_write(arena, STR("mx"), results, 3, false), "mx; none");
	CHECK_STR(authres_write(arena, STR("mx"), results, 4, false), "mx;\n\tspf=pass smtp.ok=x");
}

static void bounded(void)
{
	enum { MANY = 2000 };
	struct authres_property *property = arena_array(arena, MANY, sizeof(*property));
	struct authres_result *results = arena_array(arena, MANY, sizeof(*results));
	struct buf value = {.arena = arena};
	struct str out;

	for (size_t i = 0; i < 850; i++)
		buf_putc(&value, 'a');
	for (size_t i = 0; i < MANY; i++) {
		property[i] = (struct authres_property){"smtp", "helo", buf_str(&value)};
		results[i] = (struct authres_result){
		    .method = "spf", .result = "pass", .properties = property, .count = 3};
	}
	out = authres_write(arena, STR("mx"), results, MANY, false);
	CHECK(out.n > 60000 && out.n <= 65000);
	results[0].count = MANY;
	out = authres_write(arena, STR("mx"), results, 1, false);
	CHECK(out.n > 60000 && out.n <= 65000);
	for (size_t i = 0; i < 100; i++)
		buf_putc(&value, 'a');
	CHECK_STR(write_property(buf_str(&value), false), "mx.example.org;\n\tspf=pass");
}

static void claims_of(const char *const *values, enum authres_claim expected)
{
	for (; *values; values++) {
		enum authres_claim claim =
		    authres_claim(arena, str_of(*values), STR("mx.example.org"));

		if (claim != expected)
			printf("claimed %d: '%s'\n", claim, *values);
		CHECK_INT(claim, expected);
	}
}

static void ours(void)
{
	static const char *const values[] = {"mx.example.org; spf=pass",
					     " MX.Example.ORG;spf=pass",
					     "mx.example.org",
					     "mx.example.org 1; spf=pass",
					     "mx.example.org 99 ; spf=pass",
					     "mx.example.org.; none",
					     "mx.example.org..; none",
					     "x.mx.example.org; none",
					     "-.mx.example.org; none",
					     "\"mx.example.org\"; none",
					     "\"mx.exa\\mple.org\"; none",
					     "\"MX.example.org.\" 1; none",
					     "(c) mx.example.org; none",
					     "(c (d) \\) ;) \r\n\tmx.example.org (e)\n ; none",
					     "mx.example.org(c);none",
					     "mx.example.org\n ; none",
					     "mx.example.org\r\n\t1; none",
					     "mx.example.org dmarc=pass",
					     "mx.example.org x; none",
					     "mx.example.org (unclosed",
					     "mx.example.org\t;",
					     "\"mx.example.org\"x",
					     NULL};

	claims_of(values, AUTHRES_OURS);
}

static void foreign(void)
{
	static const char *const values[] = {"notmx.example.org; spf=pass",
					     "example.org; none",
					     "mx.example.org.evil.example; none",
					     "mx.example.com 1; none",
					     "\"a.example\" ; none",
					     "(mx.example.org) a.example; none",
					     "a.example (c) 1 (d); none",
					     "a.example",
					     "mx; none",
					     "a.example\n\t; none",
					     NULL};

	claims_of(values, AUTHRES_FOREIGN);
}

static void unclear(void)
{
	static const char *const values[] = {"",
					     " ",
					     "; none",
					     "(c)",
					     "(mx.example.org; none",
					     "=?utf-8?Q?mx.example.org?=; none",
					     "mx.ex\xc3\xa4mple.org; none",
					     "\xef\xbd\x8dx.example.org; none",
					     "\"mx.example.org; none",
					     "\"\"; none",
					     "...; none",
					     "\" mx.example.org\"; none",
					     "\"mx.example.org \"; none",
					     "\"mx.example.org;\"; none",
					     "mx.example.org/1; none",
					     "mx.example.org:25; none",
					     "<mx.example.org>; none",
					     "spf=pass smtp.mailfrom=a.example",
					     "i=1; mx.example.org",
					     "a.example mx.example.org; none",
					     "mx. example.org; none",
					     "mx.(c)example.org; none",
					     "mx.exam\n ple.org; none",
					     "a.example (unclosed",
					     "a.example\nmx.example.org; none",
					     "a.example\rmx.example.org",
					     "\x01mx.example.org; none",
					     "mx.example\x01.org; none",
					     "a.example 1x; none",
					     "(\\",
					     "\"a\\",
					     "a.example \x80; none",
					     NULL};

	claims_of(values, AUTHRES_UNCLEAR);
	CHECK_INT(authres_claim(arena, STR("mx.example.org\0; none"), STR("mx.example.org")),
		  AUTHRES_UNCLEAR);
	CHECK_INT(authres_claim(arena, STR("a.example\0; none"), STR("mx.example.org")),
		  AUTHRES_UNCLEAR);
}

static void own_names(void)
{
	CHECK_INT(authres_claim(arena, STR("xn--h1and.example;none"),
				STR("\xd0\xbf\xd1\x80\xd0\xb8.Example.")),
		  AUTHRES_OURS);
	CHECK_INT(authres_claim(arena, STR("MAILHOST; none"), STR("mailhost")), AUTHRES_OURS);
	CHECK_INT(authres_claim(arena, STR("my_host!; none"), STR("My_Host!")), AUTHRES_OURS);
}

static void deep_comments(void)
{
	for (size_t depth = 32; depth <= 33; depth++) {
		struct buf value = {.arena = arena};

		for (size_t i = 0; i < depth; i++)
			buf_putc(&value, '(');
		for (size_t i = 0; i < depth; i++)
			buf_putc(&value, ')');
		buf_puts(&value, "a.example; none");
		CHECK_INT(authres_claim(arena, buf_str(&value), STR("mx.example.org")),
			  depth == 32 ? AUTHRES_FOREIGN : AUTHRES_UNCLEAR);
	}
}

int main(void)
{
	arena = arena_new(NULL);
	RUN(written);
	RUN(properties);
	RUN(reasons);
	RUN(words_of_ours);
	RUN(bounded);
	RUN(ours);
	RUN(foreign);
	RUN(unclear);
	RUN(own_names);
	RUN(deep_comments);
	arena_free(&arena);
	return unit_done();
}
