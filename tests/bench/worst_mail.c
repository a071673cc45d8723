/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages of 10 MB, each of them as dear as can be to one part: headers, addresses, signatures,
 * seals, MIME, line ends. One noun, a message; each shape is a function of a few lines.
 */

#include "tests/bench/worst.h"

#include <stdio.h>

#include "postern/limits.h"
#include "postern/mime.h"
#include "tests/unit/arc_mail.h"

static struct letter *letter; /* that is being made */

/* ---- parts ---- */

/* What arc_mail.c and dkim_mail.c publish goes into the letter's zone. */
struct lookups *dkim_lookups_new(struct arena *arena, bool pending)
{
	(void)arena;
	(void)pending;
	return NULL;
}

void dkim_lookups_txt(struct lookups *lookups, const char *name, struct str text)
{
	struct buf line = {.arena = letter->arena};

	(void)lookups;
	buf_printf(&line, "%s. TXT", name);
	for (size_t at = 0; at < text.n; at += 250)
		buf_printf(&line, " \"" STR_FMT "\"", STR_ARG(str_sub(text, at, 250)));
	*vec_push(letter->arena, &letter->zone) = buf_str(&line);
}

static struct str repeated(const char *text, size_t bytes)
{
	size_t n = strlen(text);
	char *out = arena_alloc(letter->arena, bytes + 1);

	for (size_t i = 0; i < bytes; i++)
		out[i] = text[i % n];
	return (struct str){out, bytes};
}

static struct str framed(const char *before, const char *text, size_t bytes, const char *after)
{
	struct buf out = {.arena = letter->arena};

	buf_puts(&out, before);
	buf_add(&out, repeated(text, bytes));
	buf_puts(&out, after);
	return buf_str(&out);
}

static void field(const char *name, struct str value, size_t times)
{
	*vec_push(letter->arena, &letter->fields) =
	    (struct letter_field){str_of(name), value, times};
}

static void usual_header(void)
{
	field("From", STR(" Fred <fred@sender.example>"), 1);
	field("Subject", STR(" What the week has brought"), 1);
}

static void body_of(const char *text)
{
	letter->body = repeated(text, WORST_BYTES);
}

/* Takes over the message that arc_mail.c and dkim_mail.c have signed. */
static void signed_letter(void)
{
	for (size_t i = 0; i < mail.count; i++) {
		struct str value = mail.fields[i].value;
		struct buf unfolded = {.arena = letter->arena};

		for (size_t j = 0; j < value.n; j++)
			if (value.s[j] != '\r')
				buf_add(&unfolded, str_sub(value, j, 1));
		*vec_push(letter->arena, &letter->fields) = (struct letter_field){
		    str_dup(letter->arena, mail.fields[i].name), buf_str(&unfolded), 1};
	}
	letter->body = str_dup(letter->arena, mail.body);
	mail_end();
}

/* ---- headers ---- */

static void text_lines(void)
{
	usual_header();
	body_of(
	    "An ordinary line of text, as long as most of them are in mail that people write\r\n");
}

static void one_field(void)
{
	usual_header();
	field("X-A", repeated(" giant", WORST_BYTES), 1);
}

static void tiny_fields(void)
{
	usual_header();
	field("X-A", STR(" b"), WORST_BYTES / 8);
}

static void kept_fields(void)
{
	usual_header();
	field("X-A", repeated(" win a (", 250), 900);
	field("X-B", repeated(" b", 10000), 1000);
}

static void subjects(void)
{
	field("From", STR(" <fred@sender.example>"), 1);
	field("Subject", repeated(" =?utf-8?q?=61=C3=A4?=", LIMIT_FIELD_BYTES - 1000), 1);
	field("X-A", repeated(" =?iso-2022-jp?b?GyRCJCI=?=", WORST_BYTES / 10), 10);
}

static void patterns(void)
{
	usual_header();
	field("X-A", repeated("winner a aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac", 255), 990);
	field("X-A", repeated("win a", WORST_BYTES), 1);
}

static void forged_results(void)
{
	usual_header();
	field("Authentication-Results",
	      repeated(" mx.example.net; dkim=pass (a(b\\)c)) x.y=z;", 9990), 1000);
}

static void received(void)
{
	usual_header();
	field("Received",
	      repeated(" from a (b [192.0.2.1]) by c with d id e; Mon, 1 Jan 2024 00:00:00 +0000",
		       250),
	      WORST_BYTES / 250);
}

/* ---- addresses ---- */

static void address_field(struct str value)
{
	field("From", value, 1);
	field("Subject", STR(" s"), 1);
	body_of("text\r\n");
}

static void address_groups(void)
{
	address_field(repeated(" g:a@b.example;,", LIMIT_FIELD_BYTES - 1000));
}

static void address_list(void)
{
	address_field(repeated(" \"q\\\"q\" <a.b@c.example>,", LIMIT_FIELD_BYTES - 1000));
}

static void address_comments(void)
{
	address_field(framed(" ", "(", LIMIT_FIELD_BYTES - 1000, "a@b.example"));
}

static void address_words(void)
{
	address_field(
	    framed(" ", " =?utf-8?b?w6TDpA==?=", LIMIT_FIELD_BYTES - 1000, " <a@b.example>"));
}

static void many_recipients(void)
{
	usual_header();
	letter->recipients = 1000;
	body_of("text\r\n");
}

/* ---- signatures and seals ---- */

static const char *const whitespace = " \t a  \t  b \t \t\r\n";

static void begin_signed(const char *text)
{
	arc_mail_begin();
	mail.body = repeated(text, WORST_BYTES);
}

static void sign(size_t count, bool long_fields)
{
	static const char *const ways[] = {"relaxed/relaxed", "relaxed/simple", "simple/relaxed"};
	struct buf h = {.arena = letter->arena};
	struct signer signer = mail_signer();

	buf_puts(&h, "From:Subject");
	for (int i = 0; i < 150; i++)
		buf_puts(&h, ":X-A");
	if (long_fields)
		signer.h = buf_str(&h).s;
	for (size_t i = 0; i < count; i++) {
		signer.c = ways[i % 3];
		if (i % 3 == 2) {
			signer.l = "1000000";
			signer.signed_body = 1000000;
		} else {
			signer.l = NULL;
			signer.signed_body = -1;
		}
		mail_sign(&signer);
	}
}

static void signatures(void)
{
	begin_signed(whitespace);
	sign(20, false);
	signed_letter();
}

static void signatures_of_fields(void)
{
	begin_signed("\r\n");
	for (int i = 0; i < 150; i++)
		mail_add("X-A", repeated(" \t a", 1600));
	sign(20, true);
	signed_letter();
}

static void many_signatures(void)
{
	begin_signed("text\r\n");
	sign(1, false);
	for (int i = 0; i < 900; i++)
		mail_put_on_top(mail.fields[0].value);
	signed_letter();
}

static void seal(unsigned count)
{
	static const char *const ways[] = {"relaxed/relaxed", "relaxed/simple", "simple/relaxed"};
	struct sealer sealer = arc_mail_sealer();

	for (unsigned i = 0; i < count; i++) {
		sealer.by.c = ways[i % 3];
		arc_mail_seal(&sealer);
	}
}

static void seals(void)
{
	begin_signed(whitespace);
	seal(LIMIT_ARC_SETS);
	signed_letter();
}

/* ---- MIME ---- */

static void mime(const char *type, struct str body)
{
	usual_header();
	field("MIME-Version", STR(" 1.0"), 1);
	field("Content-Type", str_of(type), 1);
	letter->body = body;
}

static void in_mime_parts(void)
{
	mime(" multipart/mixed; boundary=b",
	     repeated("--b\r\nContent-Type: a/b; name=c\r\n\r\n", WORST_BYTES));
}

static void in_mime_nesting(void)
{
	struct buf out = {.arena = letter->arena};

	for (int i = 0; out.n < WORST_BYTES; i++)
		buf_printf(&out, "--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n", i,
			   i + 1);
	mime(" multipart/mixed; boundary=b0", buf_str(&out));
}

static void in_mime_near_boundaries(void)
{
	struct buf type = {.arena = letter->arena};

	buf_puts(&type, " multipart/mixed; boundary=\"");
	buf_add(&type, repeated("-", 69));
	buf_puts(&type, "b\"");
	mime(buf_str(&type).s,
	     repeated("----------------------------------------------\r\n", WORST_BYTES));
}

static void in_mime_names(void)
{
	struct buf out = {.arena = letter->arena};

	for (int i = 0; out.n < WORST_BYTES; i++) {
		buf_puts(&out, "--b\r\nContent-Disposition: attachment");
		for (int j = 0; j < 150; j++)
			buf_printf(&out, ";\r\n filename*%d*=utf-8''%%C3%%A4%d", j, i);
		buf_puts(&out, "\r\n\r\n");
	}
	mime(" multipart/mixed; boundary=b", buf_str(&out));
}

static void in_mime_base64(void)
{
	mime(" application/pdf; name=\"a.pdf\"\n\tContent-Transfer-Encoding: base64",
	     repeated("QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5\r\n",
		      WORST_BYTES));
}

static void in_mime_fields(void)
{
	mime(" multipart/mixed; boundary=b",
	     framed("--b\r\n", "Content-Type: a/b;\r\n", WORST_BYTES, "\r\n"));
}

/* ---- line ends ---- */

static void line_ends(const char *text)
{
	begin_signed(text);
	sign(20, false);
	seal(LIMIT_ARC_SETS);
	signed_letter();
}

static void bare_cr(void)
{
	line_ends("\r\r\r\r \r");
}

static void bare_lf(void)
{
	line_ends("\n \n");
}

static void crlf_only(void)
{
	line_ends("\r\n");
}

static void one_line(void)
{
	line_ends("a b");
}

static void spaces(void)
{
	line_ends(" \t");
}

/* ---- all of it ---- */

static void everything(void)
{
	begin_signed("--b\r\nContent-Type: a/b; name=\" \t c \t \"\r\n\r\n \t \t \r\n");
	mail_add("MIME-Version", STR(" 1.0"));
	mail_add("Content-Type", STR(" multipart/mixed; boundary=b"));
	mail_add("Subject", repeated(" =?utf-8?q?=61=C3=A4?=", 20000));
	for (int i = 0; i < 100; i++)
		mail_add("X-B", repeated(" \t a", 300));
	sign(20, true);
	seal(LIMIT_ARC_SETS - 1);
	signed_letter();
	letter->recipients = 100;
	field("Authentication-Results", repeated(" mx.example.net; dkim=pass (a)", 900), 50);
}

static const struct {
	const char *name;
	void (*make)(void);
} shapes[] = {
    {"lines of text", text_lines},
    {"one field", one_field},
    {"tiny fields", tiny_fields},
    {"fields kept", kept_fields},
    {"encoded words", subjects},
    {"texts for patterns", patterns},
    {"forged results", forged_results},
    {"Received fields", received},
    {"From: groups", address_groups},
    {"From: addresses", address_list},
    {"From: nested comments", address_comments},
    {"From: encoded words", address_words},
    {"1000 recipients", many_recipients},
    {"20 signatures, 3 hashes", signatures},
    {"20 signatures, long header", signatures_of_fields},
    {"900 signatures", many_signatures},
    {"50 ARC sets, 3 hashes", seals},
    {"MIME parts", in_mime_parts},
    {"MIME nesting", in_mime_nesting},
    {"MIME near-boundaries", in_mime_near_boundaries},
    {"MIME names in pieces", in_mime_names},
    {"MIME base64", in_mime_base64},
    {"MIME header", in_mime_fields},
    {"bare CRs, signed, sealed", bare_cr},
    {"bare LFs, signed, sealed", bare_lf},
    {"empty lines, signed, sealed", crlf_only},
    {"one line, signed, sealed", one_line},
    {"blanks, signed, sealed", spaces},
    {"everything at once", everything},
};

bool letter_make(size_t n, const char *only, struct letter *letter_r)
{
	if (n >= sizeof(shapes) / sizeof(shapes[0]))
		return false;
	*letter_r = (struct letter){.name = shapes[n].name, .recipients = 1};
	if (only && !strstr(shapes[n].name, only))
		return true;
	letter_r->arena = arena_new(NULL);
	letter = letter_r;
	shapes[n].make();
	return true;
}

void letter_free(struct letter *l)
{
	arena_free(&l->arena);
}

bool letters_begin(void)
{
	return mail_init();
}

void letters_end(void)
{
	mail_close();
}
