/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parts of messages: each case is a whole message and what is to be found in it, told alike
 * whatever the chunks are in which it comes.
 */

#include <malloc.h>

#include "postern/arena.h"
#include "postern/limits.h"
#include "postern/mime.h"
#include "tests/unit/unit.h"

static struct arena *arena;

/* The fields up to the empty line as an MTA shows them, the rest in chunks of `size`. */
static const struct mime_parts *parts_of(struct str message, size_t size)
{
	struct mime *m = mime_new(arena);
	size_t at = 0;

	while (at < message.n && message.s[at] != '\r') {
		struct str rest = str_sub(message, at, message.n), field;
		size_t end = 0;
		ptrdiff_t colon;

		while (end + 2 < rest.n &&
		       !(rest.s[end] == '\n' && rest.s[end + 1] != ' ' && rest.s[end + 1] != '\t'))
			end++;
		field = str_trim(str_sub(rest, 0, end));
		colon = str_chr(field, ':');
		mime_header(m, str_sub(field, 0, (size_t)colon),
			    str_sub(field, (size_t)colon + 1, field.n));
		at += end + 1;
	}
	mime_eoh(m);
	for (at += 2; at < message.n; at += size)
		if (!mime_body(m, str_sub(message, at, size)))
			break;
	return mime_finish(m);
}

static struct str join(const struct str *texts, size_t count)
{
	struct buf out = {.arena = arena};

	for (size_t i = 0; i < count; i++) {
		buf_puts(&out, i > 0 ? "|" : "");
		buf_add(&out, texts[i]);
	}
	return buf_str(&out);
}

static struct str all_of(const struct mime_parts *parts)
{
	struct buf out = {.arena = arena};

	buf_add(&out, join(parts->types, parts->type_count));
	buf_puts(&out, " ");
	buf_add(&out, join(parts->names, parts->name_count));
	if (parts->trouble)
		buf_printf(&out, " !%s", parts->trouble);
	return buf_str(&out);
}

/* "types names" with "|" between, and " !trouble". */
static void check(const char *what, struct str message, const char *expected)
{
	static const size_t sizes[] = {1, 2, 3, 7, 64, 4096, 65536};
	struct str whole;

	arena = arena_new(NULL);
	whole = all_of(parts_of(message, message.n + 1));
	if (!str_eq(whole, str_of(expected))) {
		unit_bad++;
		printf("%s: '" STR_FMT "', not '%s'\n", what,
		       STR_ARG(str_clean(arena, whole, 2000)), expected);
	}
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		CHECK(str_eq(all_of(parts_of(message, sizes[i])), whole));
	arena_free(&arena);
}

struct sample {
	const char *what, *message, *expected;
};

static void samples(const struct sample *all, size_t count)
{
	for (size_t i = 0; i < count; i++)
		check(all[i].what, str_of(all[i].message), all[i].expected);
}
#define SAMPLES(all) samples(all, sizeof(all) / sizeof(all[0]))

#define MIXED "Content-Type: multipart/mixed; boundary=B\r\n\r\n"
#define PART "--B\r\n"
#define EXE "Content-Disposition: attachment; filename=x.exe\r\n\r\nMZ\r\n"
#define END "--B--\r\n"

static void test_structure(void)
{
	static const struct sample all[] = {
	    {"no type", "Subject: x\r\n\r\ntext\r\n", "text/plain "},
	    {"one part", "Content-Type: TEXT/Html; name=a.html\r\n\r\n<p>\r\n", "text/html a.html"},
	    {"mixed", MIXED PART "\r\ntext\r\n" PART EXE END, "text/plain|text/plain x.exe"},
	    {"preamble with fields", MIXED "Content-Type: a/b; name=no.exe\r\n\r\n" PART EXE END,
	     "text/plain x.exe"},
	    {"epilogue with fields",
	     MIXED PART EXE END "Content-Type: a/b; name=no.exe\r\n\r\ntext\r\n",
	     "text/plain x.exe"},
	    {"a part behind the close", MIXED PART "\r\ntext\r\n" END PART EXE,
	     "text/plain|text/plain x.exe"},
	    {"no close", MIXED PART "\r\ntext\r\n" PART EXE, "text/plain|text/plain x.exe"},
	    {"ends in a header", MIXED PART "Content-Disposition: a; filename=x.exe",
	     "text/plain x.exe"},
	    {"no parts", MIXED "text\r\n", " "},
	    {"LF alone",
	     "Content-Type: multipart/mixed;\n boundary=\"B\"\r\n\r\n--B\nContent-Type: a/b;\n "
	     "name=x.exe\n\n--B--\n",
	     "a/b x.exe"},
	    {"white space behind", MIXED "--B \t\r\n" EXE "--B-- \r\n", "text/plain x.exe"},
	    {"boundary ends in a blank",
	     "Content-Type: multipart/mixed; boundary=\"B \"\r\n\r\n" PART EXE END,
	     "text/plain x.exe"},
	    {"folded",
	     MIXED PART "Content-Disposition:\r\n attachment;\r\n\tfilename\r\n =\r\n \"x.exe\"\r\n"
			"\r\n" END,
	     "text/plain x.exe"},
	    {"obsolete colon", MIXED PART "Content-Type : a/b ; name = x.exe\r\n\r\n" END,
	     "a/b x.exe"},
	    {"header ends in a boundary", MIXED PART "Content-Type: a/b; name=x.exe\r\n" PART EXE,
	     "a/b|text/plain x.exe|x.exe"},
	    {"no header, no empty line", MIXED PART "text\r\n" PART EXE,
	     "text/plain|text/plain x.exe"},
	    {"nested",
	     MIXED PART
	     "Content-Type: multipart/alternative; boundary=\"B1\"\r\n\r\n--B1\r\n"
	     "Content-Type: text/plain\r\n\r\nx\r\n--B1\r\nContent-Type: text/html\r\n\r\n"
	     "x\r\n--B1--\r\n" PART EXE END,
	     "text/plain|text/html|text/plain x.exe"},
	    {"nested, not closed",
	     MIXED PART "Content-Type: multipart/related; boundary=C\r\n\r\n--C\r\n" EXE PART
			"Content-Type: a/b; name=y.exe\r\n\r\n" END,
	     "text/plain|a/b x.exe|y.exe"},
	    {"the inner is a prefix of the outer",
	     "Content-Type: multipart/mixed; boundary=ABC\r\n\r\n--ABC\r\n"
	     "Content-Type: multipart/mixed; boundary=AB\r\n\r\n--AB\r\n" EXE
	     "--ABC\r\nContent-Type: a/b; name=y.exe\r\n\r\n--ABC--\r\n",
	     "text/plain|a/b x.exe|y.exe"},
	    {"digest",
	     "Content-Type: multipart/digest; boundary=B\r\n\r\n" PART
	     "\r\nSubject: x\r\nContent-Type: a/b; name=x.exe\r\n\r\nMZ\r\n" END,
	     "message/rfc822|a/b x.exe"},
	    {"message",
	     MIXED PART "Content-Type: message/rfc822\r\n\r\nSubject: x\r\n"
			"Content-Type: multipart/mixed; boundary=C\r\n\r\n--C\r\n" EXE
			"--C--\r\n" PART "Content-Type: a/b\r\n\r\n" END,
	     "message/rfc822|text/plain|a/b x.exe"},
	    {"message at the top",
	     "Content-Type: message/rfc822\r\n\r\nContent-Type: a/b; "
	     "name=x.exe\r\n\r\nMZ\r\n",
	     "message/rfc822|a/b x.exe"},
	    {"message in base64",
	     MIXED PART "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: BASE64\r\n\r\n"
			"Q29udGVudC1UeXBlOiBhL2I7IG5hbWU9eC5leGUNCg0KTVoN\r\nCg==\r\n" PART
			"Content-Type: c/d\r\n\r\n" END,
	     "message/rfc822|a/b|c/d x.exe"},
	    {"message in quoted-printable",
	     MIXED PART
	     "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: "
	     "quoted-printable\r\n\r\nContent-Type: a/b; na=\r\nme=3Dx.exe\r\n\r\nMZ\r\n" END,
	     "message/rfc822|a/b x.exe"},
	    {"multipart that says it is encoded",
	     "Content-Transfer-Encoding: quoted-printable\r\n" MIXED PART EXE END,
	     "text/plain x.exe"},
	    {"octets without a name", "Content-Type: application/octet-stream\r\n\r\nMZ\r\n",
	     "application/octet-stream "},
	};

	SAMPLES(all);
}

static void test_trouble(void)
{
	static const struct sample all[] = {
	    {"no boundary", "Content-Type: multipart/mixed\r\n\r\n--B\r\n" EXE,
	     "  !a multipart without boundary"},
	    {"no semicolon", "Content-Type: multipart/mixed boundary=B\r\n\r\n--B\r\n" EXE,
	     "  !a multipart without boundary"},
	    {"two boundaries",
	     "Content-Type: multipart/mixed; boundary=B; boundary=C\r\n\r\n" PART EXE END,
	     "  !several boundaries"},
	    {"two types", "Content-Type: multipart/mixed; boundary=A\r\n" MIXED PART EXE END,
	     "text/plain x.exe !several boundaries"},
	    {"decoded boundary",
	     "Content-Type: multipart/mixed; boundary=\"=?utf-8?q?B?=\"\r\n\r\n" PART EXE END,
	     "text/plain x.exe !an ambiguous boundary"},
	    {"comment behind the boundary",
	     "Content-Type: multipart/mixed; boundary=B (c)\r\n\r\n" PART EXE END,
	     "  !an ambiguous boundary"},
	    {"nearly a boundary", MIXED PART "\r\nx\r\n--Bjunk\r\n" EXE END,
	     "text/plain  !a line that is nearly a boundary"},
	    {"a boundary behind a CR", MIXED PART "\r\nx\r--B\r\n" EXE END,
	     "text/plain  !a line that is nearly a boundary"},
	    {"a boundary before a CR", MIXED PART "\r\nx\r\n--B\r" EXE END,
	     "text/plain  !a line that is nearly a boundary"},
	    {"a boundary before two CR", MIXED PART "\r\nx\r\n--B\r\r\n" EXE END,
	     "text/plain  !a line that is nearly a boundary"},
	    {"one boundary twice",
	     MIXED PART "Content-Type: multipart/mixed; boundary=B\r\n\r\n" PART EXE END,
	     "text/plain x.exe !a boundary that is used twice"},
	    {"a boundary that closes another",
	     "Content-Type: multipart/mixed; boundary=\"B--\"\r\n\r\n--B--\r\n"
	     "Content-Type: multipart/mixed; boundary=B\r\n\r\n--B--\r\n",
	     "  !a boundary that is used twice"},
	    {"a CR in a field",
	     MIXED PART "Content-Disposition: attachment;\r filename=x.exe\r\n\r\n" END,
	     "text/plain x.exe !a CR alone in a field of a part"},
	    {"a NUL in a name",
	     MIXED PART "Content-Disposition: a; filename*=''x.exe%00.txt\r\n\r\n",
	     "text/plain x.exe !a NUL in a field of a part"},
	    {"a message in nobody knows what",
	     "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: x-uue\r\n\r\nA: b\r\n\r\n",
	     "message/rfc822|text/plain  !a message whose encoding is not clear"},
	    {"a message encoded in two ways",
	     "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n"
	     "Content-Transfer-Encoding: base64\r\n\r\nQTogYg0KDQo=\r\n",
	     "message/rfc822|text/plain  !a message whose encoding is not clear"},
	    {"a message with a boundary",
	     "Content-Type: message/rfc822; boundary=B\r\n\r\n" PART EXE END,
	     "message/rfc822|text/plain|text/plain x.exe !a message with a boundary"},
	};
	static const char nul[] = MIXED PART "Content-Disposition: a; filename=x.e\0xe\r\n\r\n";

	SAMPLES(all);
	check("a NUL", (struct str){nul, sizeof(nul) - 1},
	      "text/plain x.exe !a NUL in a field of a part");
}

/* The names in a Content-Disposition of a part. */
static void test_names(void)
{
	static const struct {
		const char *value, *names;
	} all[] = {
	    {"attachment; filename=\"x.EXE\"", "x.EXE"},
	    {"attachment; filename=my report.pdf", "my report.pdf"},
	    {"attachment; filename*=UTF-8''caf%C3%A9%20x.exe", "caf\xc3\xa9 x.exe"},
	    {"attachment; filename*=iso-8859-1'en'caf%E9.exe", "caf\xc3\xa9.exe"},
	    {"attachment; filename*0=\"long \"; filename*1=\"name\"; filename*2=.exe",
	     "long name.exe"},
	    {"attachment; filename*0*=utf-8''caf%C3%A9; filename*1=.exe", "caf\xc3\xa9.exe"},
	    {"attachment; filename*1=.exe; filename*0=x", "x.exe"},
	    {"attachment; filename=\"=?UTF-8?B?eC5leGU=?=\"", "x.exe"},
	    {"attachment; filename==?UTF-8?B?eC5leGU=?=", "x.exe"},
	    {"attachment; filename=\"=?utf-8?Q?caf=C3=A9=2Eexe?=\"", "caf\xc3\xa9.exe"},
	    {"attachment; filename=\"=?utf-8?Q?x=2Eex?=\r\n =?utf-8?Q?e?=\"", "x.exe"},
	    {"attachment; filename=\"=?iso-2022-jp?B?GyRCJUYlOSVIGyhCLmV4ZQ==?=\"",
	     "\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88.exe"},
	    {"attachment; filename=\"=?nonsense?B?eC5leGU=?=\"", "x.exe"},
	    {"attachment; filename*=nonsense''%ff%80.exe", "\xff\x80.exe"},
	    {"attachment; filename=\"\xff\x80.exe\"", "\xff\x80.exe"},
	    {"attachment; filename=a.txt; filename=b.exe", "a.txt|b.exe"},
	    {"attachment; filename*=utf-8''b.exe; filename=a.txt", "b.exe|a.txt"},
	    {"attachment; filename=x.txt; name=y.exe", "x.txt|y.exe"},
	    {"attachment; filename=x.exe (a comment)", "x.exe (a comment)|x.exe"},
	    {"attachment; filename (c) = x.exe", "x.exe"},
	    {"attachment; =x; filename=x.exe", "x.exe"},
	    {"attachment filename=x.exe", "x.exe"},
	    {"attachment, filename=x.exe", "x.exe"},
	    {"filename=x.exe", "x.exe"},
	    {"attachment; filename=\"\"x.exe\"\"", "x.exe\"\"|x.exe"},
	    {"attachment; filename=\"x.exe\" junk; name=y.exe", "x.exe|y.exe"},
	    {"attachment; filename=\"x.exe; a=b", "\"x.exe; a=b"},
	    {"attachment; filename=\"x.exe\\", "\"x.exe"},
	    {"attachment; filename=\"a\\\"b.exe\"", "a\"b.exe"},
	    {"attachment; filename=\"=?utf-8?B?eC5leGU?=\"", "x.e|x.exe"},
	    {"attachment; filename*=\"nonsense'en'it's.exe\"", "it's.exe"},
	    {"attachment; filename*0*=\"nonsense''caf\"; filename*1*=\"%ff.exe\"", "caf\xff.exe"},
	    {"attachment; filename=\"=\\?nonsense?Q?x.exe?=\"", "x.exe"},
	    {"attachment; filename=\"it's.pdf\"; filename*=utf-8''it's.pdf", "it's.pdf"},
	    {"attachment; name=x.txt; filename*(c)=''y.exe", "x.txt !an ambiguous name"},
	    {"attachment; filename=\"\"", ""},
	    {"attachment", ""},
	    {"", ""},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct buf message = {.arena = arena_new(NULL)};
		struct arena *own = message.arena;

		buf_printf(&message, MIXED PART "Content-Disposition: %s\r\n\r\n" END,
			   all[i].value);
		check(all[i].value, buf_str(&message),
		      str_printf(own, "text/plain %s", all[i].names).s);
		arena_free(&own);
	}
	check("two fields, two names",
	      STR(MIXED PART "Content-Type: application/pdf; name=\"a.pdf\"\r\n"
			     "Content-Disposition: inline; filename=\"b.exe\"\r\n\r\n" END),
	      "application/pdf a.pdf|b.exe");
	check("two fields, one name",
	      STR(MIXED PART "Content-Type: application/pdf; name=\"a.pdf\"\r\n"
			     "Content-Disposition: inline; filename=\"a.pdf\"\r\n\r\n" END),
	      "application/pdf a.pdf");
	check("no type", STR("Content-Type: foo; name=x.exe\r\n\r\n"),
	      "application/octet-stream x.exe");
	check("no semicolon", STR("Content-Type: text/plain name=x.exe\r\n\r\n"),
	      "text/plain x.exe");
}

static void test_extension(void)
{
	static const char *const all[][2] = {
	    {"x.exe", "exe"},
	    {"x.EXE", "exe"},
	    {"x.tar.gz", "gz"},
	    {"x.exe .", "exe"},
	    {"x.exe. . ", "exe"},
	    {"x.exe\"\"", "exe"},
	    {"x", ""},
	    {"", ""},
	    {"...", ""},
	    {".profile", "profile"},
	    {"a.b/c", ""},
	    {"c:\\a.b\\x.exe", "exe"},
	    {"x.exe\t", "exe"},
	    {"x.txt.exe", "exe"},
	};

	arena = arena_new(NULL);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		CHECK_STR(mime_extension(arena, str_of(all[i][0])), all[i][1]);
	arena_free(&arena);
}

/* ---- hostile ones ---- */

static struct str nested(struct arena *own, size_t depth)
{
	struct buf out = {.arena = own};

	for (size_t i = 0; i < depth; i++)
		buf_printf(&out, "Content-Type: multipart/mixed; boundary=b%zu.\r\n\r\n--b%zu.\r\n",
			   i, i);
	buf_puts(&out, EXE);
	return buf_str(&out);
}

static void test_nesting(void)
{
	struct arena *own = arena_new(NULL);
	struct buf messages = {.arena = own};

	check("32 deep", nested(own, LIMIT_MIME_NESTING), "text/plain x.exe");
	check("33 deep", nested(own, LIMIT_MIME_NESTING + 1), "  !parts nested too deep");
	check("2000 deep", nested(own, 2000), "  !parts nested too deep");
	for (int i = 0; i < 40; i++)
		buf_puts(&messages, "Content-Type: message/rfc822\r\n\r\n");
	arena = own;
	CHECK_STR(str_of(parts_of(buf_str(&messages), 100)->trouble), "parts nested too deep");
	arena_free(&own);
}

static struct str base64(struct arena *own, struct str text)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	struct buf out = {.arena = own};

	for (size_t i = 0; i < text.n; i += 3) {
		unsigned bits = (unsigned)(unsigned char)text.s[i] << 16;

		bits |= i + 1 < text.n ? (unsigned)(unsigned char)text.s[i + 1] << 8 : 0;
		bits |= i + 2 < text.n ? (unsigned char)text.s[i + 2] : 0;
		for (int j = 0; j < 4; j++)
			buf_putc(&out,
				 i + (size_t)j > text.n ? '=' : digits[bits >> (18 - 6 * j) & 63]);
	}
	return buf_str(&out);
}

static void test_encoded(void)
{
	struct arena *own = arena_new(NULL);
	struct str message = STR(MIXED PART EXE END);

	for (int i = 0; i < LIMIT_MIME_ENCODED; i++)
		message = str_printf(own,
				     "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: "
				     "base64\r\n\r\n" STR_FMT "\r\n",
				     STR_ARG(base64(own, message)));
	check("encoded four times", message,
	      "message/rfc822|message/rfc822|message/rfc822|message/rfc822|text/plain x.exe");
	message = str_printf(
	    own,
	    "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n" STR_FMT
	    "\r\n",
	    STR_ARG(base64(own, message)));
	arena = own;
	CHECK_STR(str_of(parts_of(message, 100)->trouble), "messages encoded too deep");
	arena_free(&own);
}

static void test_many(void)
{
	struct arena *own = arena = arena_new(NULL);
	struct buf many = {.arena = own}, names = {.arena = own}, fields = {.arena = own};
	struct buf parted = {.arena = own};
	const struct mime_parts *parts;

	buf_puts(&many, MIXED);
	for (int i = 0; i < 10000; i++)
		buf_printf(&many, PART "Content-Type: a/b; name=%d.txt\r\n\r\nx\r\n", i);
	parts = parts_of(buf_str(&many), 65536);
	CHECK_STR(str_of(parts->trouble), "too many parts");
	CHECK_INT(parts->name_count, LIMIT_MIME_PARTS - 1);
	CHECK_INT(parts_of(buf_str(&many), 1)->name_count, LIMIT_MIME_PARTS - 1);

	buf_puts(&names, MIXED PART "Content-Disposition: a");
	for (int i = 0; i < 100; i++)
		buf_printf(&names, "; name=%d.txt", i);
	buf_puts(&names, "\r\n\r\n");
	parts = parts_of(buf_str(&names), 65536);
	CHECK_STR(str_of(parts->trouble), "a part with too many names");
	CHECK_INT(parts->name_count, LIMIT_MIME_PART_NAMES);

	/* In no part too many, and in all of them. */
	buf_puts(&parted, MIXED);
	for (int i = 0; i < 60; i++) {
		buf_puts(&parted, PART "Content-Disposition: a");
		for (int j = 0; j < 40; j++)
			buf_printf(&parted, "; name=%d-%d.txt", i, j);
		buf_puts(&parted, "\r\n\r\n");
	}
	parts = parts_of(buf_str(&parted), 65536);
	CHECK_STR(str_of(parts->trouble), "too many names");
	CHECK_INT(parts->name_count, LIMIT_MIME_NAMES);

	buf_puts(&fields, MIXED);
	for (int i = 0; i < LIMIT_MIME_PARTS - 100; i++)
		buf_printf(&fields, PART "Content-Disposition: a; name=n%0400d.txt\r\n\r\n", i);
	parts = parts_of(buf_str(&fields), 65536);
	CHECK_STR(str_of(parts->trouble), "too much header in parts");
	CHECK(arena_size(own) < (8 << 20));
	arena_free(&own);
}

static void test_long(void)
{
	struct arena *own = arena = arena_new(NULL);
	struct buf name = {.arena = own}, boundary = {.arena = own};

	/* A field that is cut, a header line that no buffer holds, and what stands behind them. */
	buf_puts(&name, MIXED PART "X-Long: ");
	for (int i = 0; i < 100000; i++)
		buf_putc(&name, 'x');
	buf_puts(&name, "\r\nContent-Disposition: a; filename=\"");
	for (int i = 0; i < 5000; i++)
		buf_putc(&name, 'y');
	buf_puts(&name, ".exe\"\r\n" EXE END);
	CHECK_STR(str_of(parts_of(buf_str(&name), 1)->trouble),
		  "a field of a part that is too long");
	CHECK_INT(parts_of(buf_str(&name), 65536)->name_count, 2);

	buf_puts(&boundary, "Content-Type: multipart/mixed; boundary=");
	for (int i = 0; i < 999; i++)
		buf_putc(&boundary, 'b');
	buf_puts(&boundary, "\r\n\r\n");
	CHECK_STR(str_of(parts_of(buf_str(&boundary), 1)->trouble), "a boundary that is too long");
	arena_free(&own);
}

static void test_large(void)
{
	struct arena *own = arena_new(NULL);
	struct buf out = {.arena = own};
	unsigned random = 1;

	buf_puts(&out, MIXED PART "\r\n");
	while (out.n < 10u << 20) {
		random = random * 1103515245 + 12345;
		buf_putc(&out, random >> 24 < 5   ? '\n'
			       : random >> 24 < 8 ? '\r'
						  : (char)(random >> 24));
	}
	buf_puts(&out, "\r\n" PART EXE END);
	check("10 MB", buf_str(&out), "text/plain|text/plain x.exe");
	arena_free(&own);
}

/* GMime keeps the names of charsets that it meets; what it meets is not for the sender to say. */
static void test_charsets(void)
{
	size_t before = 0;

	for (int i = 0; i < 3000; i++) {
		struct arena *own = arena = arena_new(NULL);

		parts_of(str_printf(own,
				    "Content-Type: a/b; name=\"=?x%d?q?=e9?=\"; name*=y%d''%%e9; "
				    "name*0*=\"z%d'en'\"; name*1=a\r\n\r\n",
				    i, i, i),
			 1);
		arena_free(&own);
		if (i == 999)
			before = mallinfo2().uordblks;
	}
	CHECK(mallinfo2().uordblks < before + 65536);
}

static void test_wants_body(void)
{
	struct mime *m;

	arena = arena_new(NULL);
	m = mime_new(arena);
	mime_header(m, STR("Content-Type"), STR(" text/html"));
	mime_eoh(m);
	CHECK(!mime_wants_body(m));
	m = mime_new(arena);
	mime_header(m, STR("Content-Type"), STR(" multipart/mixed;\n\tboundary=B"));
	mime_eoh(m);
	CHECK(mime_wants_body(m));
	CHECK(mime_body(m, STR("x")));
	arena_free(&arena);
}

int main(void)
{
	mime_init();
	RUN(test_structure);
	RUN(test_trouble);
	RUN(test_names);
	RUN(test_extension);
	RUN(test_nesting);
	RUN(test_encoded);
	RUN(test_many);
	RUN(test_long);
	RUN(test_large);
	RUN(test_charsets);
	RUN(test_wants_body);
	return unit_done();
}
