/* SPDX-License-Identifier: BSD-2-Clause */
/* Envelope paths: canonical addresses, routes, literals, and what RFC 5321 does not allow. */

#include "postern/arena.h"
#include "postern/limits.h"
#include "postern/mail.h"

#include "tests/unit/unit.h"

static struct arena *arena;

/* The canonical text, "(null)" for <>, or why it was refused in brackets. */
static struct str parsed(const char *text, bool recipient, struct path *path)
{
	const char *why = "?";

	if (!path_parse(arena, str_of(text), recipient, path, &why))
		return str_printf(arena, "[%s]", why);
	return path->null ? STR("(null)") : path->text;
}

static struct str sender(const char *text)
{
	struct path path;

	return parsed(text, false, &path);
}

static struct str recipient(const char *text)
{
	struct path path;

	return parsed(text, true, &path);
}

static struct str filled(const char *before, char c, size_t times, const char *after)
{
	struct buf out = {.arena = arena};

	buf_puts(&out, before);
	for (size_t i = 0; i < times; i++)
		buf_putc(&out, c);
	buf_puts(&out, after);
	return buf_str(&out);
}

static void plain(void)
{
	struct path path;

	CHECK_STR(parsed("<A.b+tag+x@EXAMPLE.Org>", false, &path), "A.b+tag+x@example.org");
	CHECK_STR(path.local, "A.b+tag+x");
	CHECK_STR(path.domain, "example.org");
	CHECK_STR(path.tag, "tag+x");
	CHECK(!path.routed && !path.null);
	CHECK_STR(parsed("a@localhost", false, &path), "a@localhost");
	CHECK_STR(path.tag, "");
	CHECK_STR(sender("<!#$&'*+-/=?^_`{|}~@example.org>"), "!#$&'*+-/=?^_`{|}~@example.org");
	CHECK_STR(sender("<\xd0\xbf@\xd0\xbf\xd1\x80\xd0\xb8.example>"),
		  "\xd0\xbf@xn--h1and.example");
}

static void null_path(void)
{
	struct path path;

	CHECK_STR(parsed("<>", false, &path), "(null)");
	CHECK(path.null && !path.routed && path.local.n == 0 && path.domain.n == 0);
	CHECK_STR(path.text, "");
	CHECK_STR(sender(""), "(null)");
	CHECK_STR(recipient("<>"), "[no address]");
	CHECK_STR(recipient(""), "[no address]");
}

static void quotes(void)
{
	struct path path;

	CHECK_STR(sender("<\"a.b\"@example.org>"), "a.b@example.org");
	CHECK_STR(parsed("<\"a b\"@example.org>", false, &path), "\"a b\"@example.org");
	CHECK_STR(path.local, "a b");
	CHECK_STR(parsed("<\"a\\\"b\\\\c\\d\"@example.org>", false, &path),
		  "\"a\\\"b\\\\cd\"@example.org");
	CHECK_STR(path.local, "a\"b\\cd");
	CHECK_STR(sender("<\"a..b\"@example.org>"), "\"a..b\"@example.org");
	CHECK_STR(sender("<\".a\"@example.org>"), "\".a\"@example.org");
	CHECK_STR(sender("<\"\"@example.org>"), "\"\"@example.org");
	CHECK_STR(sender("<\"a>\"@example.org>"), "\"a>\"@example.org");
	CHECK_STR(sender("<\"a@example.org>"), "[an unclosed quote]");
	CHECK_STR(sender("<\"a\\\"@example.org>"), "[an unclosed quote]");
	CHECK_STR(sender("<\"a\\>"), "[an unclosed quote]");
	CHECK_STR(sender("<\"a\"b@example.org>"), "[text after the closing quote]");
	CHECK_STR(sender("<a\"b\"@example.org>"), "[a character that must be quoted]");
	CHECK_STR(sender("<\"a\tb\"@example.org>"), "[a control character]");
	CHECK_STR(sender("<\"a\n b\"@example.org>"), "[a control character]");
}

static void routed(void)
{
	static const struct {
		const char *text, *expected;
		bool routed;
	} rows[] = {
	    {"<@a.example,@b.example:c@d.example>", "c@d.example", true},
	    {"<@a.example:c@d.example>", "c@d.example", true},
	    {"<a%b.example@d.example>", "a%b.example@d.example", true},
	    {"<b.example!a@d.example>", "b.example!a@d.example", true},
	    {"<\"a@b.example\"@d.example>", "\"a@b.example\"@d.example", true},
	    {"<\"a%b\"@d.example>", "a%b@d.example", true},
	    {"<a+b@d.example>", "a+b@d.example", false},
	};
	struct path path;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CHECK_STR(parsed(rows[i].text, true, &path), rows[i].expected);
		CHECK_INT(path.routed, rows[i].routed);
	}
	CHECK_STR(sender("<@a.example:>"), "[no local part]");
	CHECK_STR(sender("<@a.example>"), "[no local part]");
	CHECK_STR(sender("<@a.example,b.example:c@d.example>"),
		  "[a source route that cannot be read]");
	CHECK_STR(sender("<@a.example,:c@d.example>"), "[a source route that cannot be read]");
	CHECK_STR(sender("<@:c@d.example>"), "[a source route that cannot be read]");
	CHECK_STR(sender("<@a.example.:c@d.example>"), "[a source route that cannot be read]");
}

static void literals(void)
{
	struct path path;

	CHECK_STR(parsed("<a@[192.0.2.1]>", true, &path), "a@[192.0.2.1]");
	CHECK_STR(path.domain, "[192.0.2.1]");
	CHECK_STR(sender("<a@[IPv6:2001:DB8::1]>"), "a@[IPv6:2001:db8::1]");
	CHECK_STR(sender("<a@[ipv6:2001:db8:0:0::1]>"), "a@[IPv6:2001:db8::1]");
	CHECK_STR(sender("<a@[IPv6:::ffff:192.0.2.1]>"), "a@[IPv6:::ffff:192.0.2.1]");
	CHECK_STR(sender("<a@[192.0.2.256]>"), "[not an address literal]");
	CHECK_STR(sender("<a@[2001:db8::1]>"), "[not an address literal]");
	CHECK_STR(sender("<a@[IPv6:192.0.2.1]>"), "[not an address literal]");
	CHECK_STR(sender("<a@[tag:content]>"), "[not an address literal]");
	CHECK_STR(sender("<a@[]>"), "[not an address literal]");
	CHECK_STR(sender("<a@[>"), "[not an address literal]");
	CHECK_STR(sender("<a@[192.0.2.1].example>"), "[not an address literal]");
}

static void postmaster(void)
{
	struct path path;

	CHECK_STR(parsed("<PostMaster>", true, &path), "PostMaster");
	CHECK_STR(path.local, "PostMaster");
	CHECK(path.domain.n == 0 && !path.null && !path.routed);
	CHECK_STR(sender("<postmaster>"), "[no domain]");
	CHECK_STR(recipient("<postmaster1>"), "[no domain]");
	CHECK_STR(recipient("<\"postmaster\">"), "[no domain]");
	CHECK_STR(recipient("<@a.example:postmaster>"), "[no domain]");
	CHECK_STR(recipient("<a>"), "[no domain]");
	CHECK_STR(recipient("<postmaster@>"), "[not a domain]");
}

static void refused(void)
{
	const char *const bad[] = {"<a@x",
				   "a@x>",
				   "<<a@x>>",
				   "<a@x>b",
				   " <a@x>",
				   "<a@x> ",
				   "<a @x>",
				   "<a@ x>",
				   "<a@b@c>",
				   "<a@x.>",
				   "<a@x..y>",
				   "<a@-x.y>",
				   "<a@>",
				   "<.a@x>",
				   "<a.@x>",
				   "<a..b@x>",
				   "<a(c)@x>",
				   "<(any@legit>",
				   "<any@legit(a.attack>",
				   "<any@legit'a.attack>",
				   "<a,b@x>",
				   "<a;b@x>",
				   "<a:b@x>",
				   "<a\\b@x>",
				   "<a@x;dmarc=pass>",
				   "<a\tb@x>",
				   "<a\x01@x>",
				   "<a\x7f@x>",
				   "<a\xc3(@x>",
				   "<a\xff@x>",
				   "<a@\xff.x>",
				   "<a\xe2\x80\x8b@x>",
				   "<a\xc2\x85@x>",
				   "<",
				   ">",
				   "<@",
				   "@",
				   "\"",
				   "<a@[x",
				   "<a\r\n@x>"};
	struct path path;
	const char *why = NULL;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		why = NULL;
		if (path_parse(arena, str_of(bad[i]), true, &path, &why))
			printf("parsed: %s\n", bad[i]);
		CHECK(why != NULL);
	}
	CHECK(!path_parse(arena, STR("<a\0b@x>"), true, &path, &why));
	CHECK(!path_parse(arena, STR("<a@x\0>"), true, &path, &why));
}

/* "<@h,@h...:a@x>", of so many bytes. */
static struct str routed_path(size_t n)
{
	struct buf out = {.arena = arena};

	buf_puts(&out, "<@h");
	while (out.n + strlen(",@h:a@x>") <= n)
		buf_puts(&out, ",@h");
	while (out.n + strlen(":a@x>") < n)
		buf_putc(&out, 'h');
	buf_puts(&out, ":a@x>");
	CHECK_INT(out.n, n);
	return buf_str(&out);
}

static void lengths(void)
{
	struct path path;
	const char *why;

	CHECK(path_parse(arena, filled("<", 'a', 255, "@x>"), true, &path, &why));
	CHECK(!path_parse(arena, filled("<", 'a', 256, "@x>"), true, &path, &why));
	CHECK(!path_parse(arena, filled("<\"", ' ', 256, "\"@x>"), true, &path, &why));
	CHECK(!path_parse(arena, filled("<a@", 'a', 5000, ">"), true, &path, &why));
	CHECK(!path_parse(arena, filled("<", '@', 4000, ":a@x>"), true, &path, &why));
	CHECK(!path_parse(arena, filled("<", '<', 1000000, ">"), true, &path, &why));
	/* All of it, a source route as well. */
	CHECK(path_parse(arena, routed_path(LIMIT_PATH), true, &path, &why));
	CHECK_STR(path.text, "a@x");
	CHECK(!path_parse(arena, routed_path(LIMIT_PATH + 1), true, &path, &why));
	CHECK_STR(str_of(why), "too long");
}

int main(void)
{
	arena = arena_new(NULL);
	RUN(plain);
	RUN(null_path);
	RUN(quotes);
	RUN(routed);
	RUN(literals);
	RUN(postmaster);
	RUN(refused);
	RUN(lengths);
	arena_free(&arena);
	return unit_done();
}
