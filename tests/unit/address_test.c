/* SPDX-License-Identifier: BSD-2-Clause */
/* From fields: whom they name, and which name nobody who can be trusted. */

#include "postern/arena.h"
#include "postern/mail.h"

#include "tests/unit/unit.h"

static struct arena *arena;

/* All addresses with a blank between them, or in brackets why there are none. */
static struct str parse_bytes(struct str value)
{
	struct buf out = {.arena = arena};
	struct mailboxes list = {0};
	const char *why = address_list_parse(arena, value, &list);

	if (why)
		return str_printf(arena, "[%s]", why);
	for (size_t i = 0; i < list.count; i++) {
		if (i > 0)
			buf_putc(&out, ' ');
		buf_add(&out, list.items[i].text);
	}
	return buf_str(&out);
}

static struct str parse(const char *value)
{
	return parse_bytes(str_of(value));
}

static struct str repeated(const char *before, const char *piece, size_t times, const char *after)
{
	struct buf out = {.arena = arena};

	buf_puts(&out, before);
	for (size_t i = 0; i < times; i++)
		buf_puts(&out, piece);
	buf_puts(&out, after);
	return buf_str(&out);
}

static void mailboxes(void)
{
	CHECK_STR(parse("a@good.example"), "a@good.example");
	CHECK_STR(parse(" A <a@Good.Example> "), "a@good.example");
	CHECK_STR(parse("<a@good.example>"), "a@good.example");
	CHECK_STR(parse("\"Doe, J\" <a@good.example>"), "a@good.example");
	CHECK_STR(parse("a@b.example, C <c@d.example>,\n\te@f.example"),
		  "a@b.example c@d.example e@f.example");
	CHECK_STR(parse("John Q. Public <a@b.example>"), "a@b.example");
	CHECK_STR(parse("a@[192.0.2.1]"), "a@[192.0.2.1]");
	CHECK_STR(parse("a@[IPv6:2001:DB8::1]"), "a@[IPv6:2001:db8::1]");
	CHECK_STR(parse("\xd0\xbf <\xd0\xbf@\xd0\xbf\xd1\x80\xd0\xb8.example>"),
		  "\xd0\xbf@xn--h1and.example");
	CHECK_STR(parse("=?utf-8?B?Y2VvQGJhbmsuZXhhbXBsZQ==?= <a@b.example>"), "a@b.example");
}

static void comments_and_folds(void)
{
	CHECK_STR(parse("a@b.example (x@evil.example)"), "a@b.example");
	CHECK_STR(parse("(a (b (c\\)) \")) a (d) @ (e) b (f) . (g) example (h)"), "a@b.example");
	CHECK_STR(parse("a\r\n @\n\tb.example"), "a@b.example");
	CHECK_STR(parse("A\r\n (c\n d) < a@b.example\r\n >"), "a@b.example");
	CHECK_STR(parse("a . b@c . example"), "a.b@c.example");
	CHECK_STR(parse("(a"), "[an unclosed comment]");
	CHECK_STR(parse("(a\\"), "[an unclosed comment]");
	CHECK_STR(parse("a)@b.example"), "[a character that must be quoted]");
	CHECK_STR(parse_bytes(repeated("", "(", 32, "))))))))))))))))))))))))))))))))a@b.example")),
		  "a@b.example");
	CHECK_STR(parse_bytes(repeated("", "(", 33, "")), "[comments nested too deep]");
}

static void names(void)
{
	static const struct {
		const char *value, *name, *local;
	} rows[] = {
	    {"a@b.example", "", "a"},
	    {"a@b.example (Name)", "", "a"},
	    {"A  B\n C <a@b.example>", "A B C", "a"},
	    {"\"A  \\\"B\\\"\" (x) C. <a@b.example>", "A  \"B\" C.", "a"},
	    {"(x)A(y)B <a@b.example>", "A B", "a"},
	    {"\"ceo@bank.example\" <a@b.example>", "ceo@bank.example", "a"},
	    {"=?utf-8?q?A?= <a@b.example>", "=?utf-8?q?A?=", "a"},
	    {"\"\" <a@b.example>", "", "a"},
	    {"<\"a b\"@b.example>", "", "a b"},
	    {"\"x\".y.\"z\"@b.example", "", "x.y.z"},
	    {"\"a\\\\b\"@b.example", "", "a\\b"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct mailboxes list = {0};

		CHECK(address_list_parse(arena, str_of(rows[i].value), &list) == NULL);
		CHECK_INT(list.count, 1);
		if (list.count != 1)
			continue;
		CHECK_STR(list.items[0].name, rows[i].name);
		CHECK_STR(list.items[0].local, rows[i].local);
		CHECK_STR(list.items[0].domain, "b.example");
	}
}

static void quoted_locals(void)
{
	CHECK_STR(parse("\"a b\"@good.example"), "\"a b\"@good.example");
	CHECK_STR(parse("\"ab\"@good.example"), "ab@good.example");
	CHECK_STR(parse("\"x@evil.example\"@good.example"), "\"x@evil.example\"@good.example");
	CHECK_STR(parse("\"a\\\"b\"@good.example"), "\"a\\\"b\"@good.example");
	CHECK_STR(parse("\"a\tb\"@good.example"), "[a control character]");
	CHECK_STR(parse("\"a@good.example"), "[an unclosed quote]");
	CHECK_STR(parse("\"a\\"), "[an unclosed quote]");
}

static void groups(void)
{
	CHECK_STR(parse("g: a@b.example, c@d.example;"), "a@b.example c@d.example");
	CHECK_STR(parse("g: a@b.example; (x)"), "a@b.example");
	CHECK_STR(parse("\"a g\" x: <a@b.example>;, c@d.example"), "a@b.example c@d.example");
	CHECK_STR(parse("c@d.example, g:;"), "c@d.example");
	CHECK_STR(parse("g:;"), "[no address]");
	CHECK_STR(parse("g: (nobody) ;"), "[no address]");
	CHECK_STR(parse("g: a@b.example"), "[an unclosed group]");
	CHECK_STR(parse("g:"), "[an address is missing]");
	CHECK_STR(parse("g: h: a@b.example;;"), "[a word that is no address]");
	CHECK_STR(parse("g: a@b.example;;"), "[text after an address]");
	CHECK_STR(parse("g: a@b.example; c@d.example"), "[text after an address]");
	CHECK_STR(parse("g: a@b.example,;"), "[an address is missing]");
	CHECK_STR(parse(": a@b.example;"), "[an address is missing]");
	CHECK_STR(parse("a@b.example;"), "[text after an address]");
}

static void routes(void)
{
	CHECK_STR(parse("<@x.example,@y.example:a@b.example>"), "a@b.example");
	CHECK_STR(parse("<@x.example,,(c)@y.example : a@b.example>"), "a@b.example");
	CHECK_STR(parse("<@x.example @y.example:a@b.example>"), "[a route that cannot be read]");
	CHECK_STR(parse("<@x.example>"), "[a route that cannot be read]");
	CHECK_STR(parse("<@x.example:>"), "[no address between the angle brackets]");
	CHECK_STR(parse("@x.example:a@b.example"), "[no local part]");
}

static void not_trusted(void)
{
	static const struct {
		const char *value, *why;
	} rows[] = {
	    {"", "no address"},
	    {" \r\n ", "no address"},
	    {"(c)", "no address"},
	    {"a", "a word that is no address"},
	    {"<>", "no address between the angle brackets"},
	    {"A <>", "no address between the angle brackets"},
	    {"A <a>", "no address between the angle brackets"},
	    {"@good.example", "no local part"},
	    {"a@", "not a domain"},
	    {"a@@good.example", "not a domain"},
	    {"a@b@good.example", "a domain of one label"},
	    {"a b@good.example", "a local part of several words"},
	    {"a.@good.example", "a local part of several words"},
	    {"a..b@good.example", "a local part of several words"},
	    {".a@good.example", "a dot that is out of place"},
	    {"a@good.example.", "not a domain"},
	    {"a@good..example", "not a domain"},
	    {"a@-bad.example", "not a domain"},
	    {"a@x_y!.example", "not a domain"},
	    {"a@localhost", "a domain of one label"},
	    {"a@[x]", "not an address literal"},
	    {"a@[192.0.2.1", "an unclosed bracket"},
	    {"a@good.example>", "text after an address"},
	    {"<a@good.example", "an unclosed angle bracket"},
	    {"<a@good.example><b@evil.example>", "text after the angle bracket"},
	    {"<any@attack.com>admin@legitimate.com", "text after the angle bracket"},
	    {"<admin@legitimate.com>\\,<second@attack.com>", "a character that must be quoted"},
	    {"a@good.example <b@evil.example>", "text after an address"},
	    {"a@good.example b@evil.example", "text after an address"},
	    {"a@good.example,", "an address is missing"},
	    {",a@good.example", "an address is missing"},
	    {"a@good.example,,b@good.example", "an address is missing"},
	    {"=?utf-8?B?PGFkbWluQGxlZ2l0aW1hdGUuY29tPg==?=,<b@c.example>",
	     "a word that is no address"},
	    {"=?utf-8?q?a?=@good.example", "an encoded word where an address stands"},
	    {"<=?utf-8?q?a?=@good.example>", "an encoded word where an address stands"},
	    {"\"=?utf-8?q?a?=\"@good.example", "an encoded word where an address stands"},
	    {"a@=?utf-8?q?good.example?=", "not a domain"},
	    {"a@good.example\r b@evil.example", "a control character"},
	    {"a@good.example\nb@evil.example", "a control character"},
	    {"a@good.example\x01", "a control character"},
	    {"\"a\x07\" <a@good.example>", "a control character"},
	    {"a\xc3(@good.example", "bad UTF-8"},
	    {"a@\xff\xfe.example", "bad UTF-8"},
	    {"\"\xed\xa0\x80\" <a@good.example>", "bad UTF-8"},
	    {"a\xe2\x80\x8b@good.example", "an invisible character"},
	    /* Blanks other than the one: they push the domain out of sight. */
	    {"a\xef\xbc\xa0good.example\xe3\x80\x80@evil.example", "an invisible character"},
	    {"a\xc2\xa0@good.example", "an invisible character"},
	    {"a\xe2\x80\x83@good.example", "an invisible character"},
	    {"a\xe2\xa0\x80@good.example", "an invisible character"},
	    {"a@go\xe2\x80\x8bod.example", "not a domain"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct mailboxes list;
		const char *why = address_list_parse(arena, str_of(rows[i].value), &list);

		if (!why || strcmp(why, rows[i].why) != 0)
			printf("'%s': %s\n", rows[i].value, why ? why : "parsed");
		CHECK(why && strcmp(why, rows[i].why) == 0);
	}
	CHECK_STR(parse_bytes(STR("a@good.example\0")), "[a NUL]");
	CHECK_STR(parse_bytes(STR("a@good.example (\0)")), "[a NUL]");
}

static void limits(void)
{
	struct mailboxes list;

	CHECK(address_list_parse(arena, repeated("", "a@b.example,", 999, "a@b.example"), &list) ==
	      NULL);
	CHECK_INT(list.count, 1000);
	CHECK_STR(parse_bytes(repeated("", "a@b.example,", 1000, "a@b.example")),
		  "[too many addresses]");
	CHECK_STR(parse_bytes(repeated("\"", "a", 60000, "\" <a@b.example>")), "a@b.example");
	CHECK_STR(parse_bytes(repeated("", "a", 256, "@b.example")),
		  "[a local part that is too long]");
	CHECK_STR(parse_bytes(repeated("a@", "a.", 2000, "b")), "[not a domain]");
}

int main(void)
{
	arena = arena_new(NULL);
	RUN(mailboxes);
	RUN(comments_and_folds);
	RUN(names);
	RUN(quoted_locals);
	RUN(groups);
	RUN(routes);
	RUN(not_trusted);
	RUN(limits);
	arena_free(&arena);
	return unit_done();
}
