/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Is every parser linear? Each reads hostile texts of n and 2n bytes, up to 10 MB or what takes
 * 0.3 s, and the times are compared. Where the longer text leaves a cache of the processor that the
 * shorter one fits in, that step alone is steeper: so the mean of the ratios from 320 KB on is told
 * too, and an '!' marks what is above 2.2 in both. A parser that gives up at a limit shows no time
 * at any length, and so no ratio ("-").
 *
 *   linear [WORD]    all, or those with that word in their name
 *
 * Status 1 where one is not linear.
 */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "filter/auth/arcbody.h"
#include "filter/auth/dkimsig.h"
#include "filter/auth/dkimtag.h"
#include "filter/auth/spfrecord.h"
#include "filter/dns/master.h"
#include "postern/arc.h"
#include "postern/authres.h"
#include "postern/diag.h"
#include "postern/dkim.h"
#include "postern/dmarc.h"
#include "postern/format.h"
#include "postern/ip.h"
#include "postern/mail.h"
#include "postern/mime.h"
#include "postern/record.h"
#include "postern/tree.h"

#define BYTES_MOST ((size_t)10 << 20)
#define RATIO_MOST 2.2
#define TRIES 3
#define LONG_MS 300    /* longer texts are not tried */
#define NOTHING_MS 1.0 /* below, a time says nothing */

static void addresses(struct arena *arena, struct str text)
{
	struct mailboxes list;

	address_list_parse(arena, text, &list);
}

static void path(struct arena *arena, struct str text)
{
	struct path out;
	const char *why;

	path_parse(arena, text, true, &out, &why);
}

static void domain(struct arena *arena, struct str text)
{
	struct str out;

	domain_normal(arena, text, &out);
}

static void field(struct arena *arena, struct str text)
{
	field_decode(arena, text);
	field_id(field_unfold(arena, text));
}

static void received(struct arena *arena, struct str text)
{
	struct received out;

	(void)arena;
	received_parse(text, &out);
}

static void authres(struct arena *arena, struct str text)
{
	authres_claim(arena, text, STR("mx.example"));
}

static void signature(struct arena *arena, struct str text)
{
	struct dkimsig out;
	const char *why;

	dkimsig_read(arena, text, 1600000000, &out, &why);
}

static void base64(struct arena *arena, struct str text)
{
	struct str out;

	dkimtag_base64(arena, dkimtag_compact(arena, text), &out);
}

/* A text of many fields: each 40 bytes of it are one. */
static void fields(struct arena *arena, struct str text)
{
	struct dkim_options options = {.minimum_bits = 1024, .max_signatures = 10};
	struct arc_verifier *arc = arc_verifier_new(arena, &options, 1600000000);
	struct dkim_verifier *dkim = dkim_verifier_new(arena, &options, 1600000000);

	for (size_t at = 0; at < text.n; at += 40) {
		arc_verifier_header(arc, STR("ARC-Seal"), str_sub(text, at, 40));
		dkim_verifier_header(dkim, STR("DKIM-Signature"), str_sub(text, at, 40));
	}
}

static void body(struct arena *arena, struct str text)
{
	struct arcbody *out = arcbody_new(arena);

	arcbody_want(out, true, false, 0);
	arcbody_want(out, false, false, 0);
	for (size_t at = 0; at < text.n; at += 65535)
		arcbody_add(out, str_sub(text, at, 65535));
	arcbody_end(out);
}

static void dmarc(struct arena *arena, struct str text)
{
	struct dmarc_record out;

	(void)arena;
	dmarc_record_parse(text, &out);
}

static void spf(struct arena *arena, struct str text)
{
	struct spfrecord out;
	struct ip ip = {{0}};
	struct str why;

	spfrecord_parse(arena, text, &ip, &out, &why);
}

static void mime(struct arena *arena, struct str text)
{
	struct mime *out = mime_new(arena);

	mime_header(out, STR("Content-Type"), STR(" multipart/mixed; boundary=b"));
	mime_eoh(out);
	for (size_t at = 0; at < text.n; at += 65535)
		mime_body(out, str_sub(text, at, 65535));
	mime_finish(out);
}

static void mime_value(struct arena *arena, struct str text)
{
	struct mime *out = mime_new(arena);

	mime_header(out, STR("Content-Disposition"), text);
	mime_eoh(out);
	mime_finish(out);
}

static struct source *source_of(struct arena *arena, struct str text)
{
	struct source *source = arena_new_of(arena, struct source);

	*source = (struct source){"text", text};
	return source;
}

static void policy(struct arena *arena, struct str text)
{
	static const char *const actions[] = {"reject", "accept", NULL};
	const struct tree_words words = {.actions = actions};

	tree_parse(arena, source_of(arena, text), &words, diag_new(arena));
}

static void format(struct arena *arena, struct str text)
{
	struct str out;

	format_policy(arena, source_of(arena, text), diag_new(arena), &out);
}

static void given(struct arena *arena, struct str text)
{
	struct operand fact, value;

	tree_parse_given(arena, source_of(arena, text), diag_new(arena), &fact, &value);
}

static void records(struct arena *arena, struct str text)
{
	struct entries out = {{0}};

	master_read(source_of(arena, text), diag_new(arena), arena, &out);
}

static void journal(struct arena *arena, struct str text)
{
	struct record out;

	record_decode(arena, text, &out);
}

static const struct {
	const char *name;
	void (*parse)(struct arena *arena, struct str text);
	const char *begins, *repeats;
} shapes[] = {
    {"addresses, list", addresses, " ", "a@b.example, "},
    {"addresses, groups", addresses, " ", "g:a@b.example,c@d.example;,"},
    {"addresses, comments in comments", addresses, " ", "("},
    {"addresses, comments", addresses, " ", "(a)"},
    {"addresses, quoted pairs", addresses, " \"", "\\\""},
    {"addresses, words", addresses, " ", "a "},
    {"addresses, dots", addresses, " ", "a."},
    {"addresses, routes", addresses, " <", "@a.example,"},
    {"addresses, commas", addresses, " ", ","},
    {"addresses, encoded words", addresses, " ", "=?utf-8?q?=61?= "},
    {"path, local part", path, "<", "a."},
    {"path, quoted", path, "<\"", "\\a"},
    {"path, route", path, "<", "@a.example,"},
    {"domain, labels", domain, "", "a."},
    {"domain, not ASCII", domain, "", "\xc3\xa4."},
    {"field, encoded words", field, " ", "=?utf-8?q?=61=C3=A4?= "},
    {"field, base64 words", field, " ", "=?utf-8?b?w6TDpA==?= "},
    {"field, beginnings of words", field, " ", "=?"},
    {"field, half words", field, " ", "=?a?q?"},
    {"field, folds", field, " ", "a\n "},
    {"field, angles", field, " ", "<"},
    {"Received, comments", received, " from a ", "("},
    {"Received, clauses", received, " ", "from a (b [192.0.2.1]) by c with d; "},
    {"Received, brackets", received, " from a (", "["},
    {"results, comments", authres, " ", "("},
    {"results, methods", authres, " mx.example; ", "spf=pass (a) smtp.mailfrom=b; "},
    {"results, quoted", authres, " \"", "\\a"},
    {"DKIM, tags", signature, " ", "a=b; "},
    {"DKIM, h=", signature, " v=1; a=rsa-sha256; h=", "From:"},
    {"DKIM, b=", signature, " v=1; a=rsa-sha256; b=", "YWJj\n "},
    {"DKIM, blanks", signature, " v", " \n\t"},
    {"base64", base64, "", "YWJj \t"},
    {"fields of ARC and DKIM", fields, "", " i=1; a=rsa-sha256; d=a.example; s=s;  "},
    {"body, bare CR", body, "", "\r\r \r"},
    {"body, blank lines", body, "", "\r\n"},
    {"body, blanks", body, "", " \t"},
    {"DMARC, tags", dmarc, "v=DMARC1; ", "p=none; "},
    {"DMARC, rua=", dmarc, "v=DMARC1; rua=", "mailto:a@b.example,"},
    {"SPF, terms", spf, "v=spf1 ", "ip4:192.0.2.0/24 "},
    {"SPF, alias records", spf, "v=spf1 ", "include:a.example "},
    {"SPF, macros", spf, "v=spf1 exists:", "%{d1r.}"},
    {"MIME, parts", mime, "", "--b\r\nContent-Type: a/b\r\n\r\n"},
    {"MIME, boundaries", mime, "", "--b\r\n"},
    {"MIME, nearly boundaries", mime, "", "\r\n--"},
    {"MIME, long line", mime, "", "a"},
    {"MIME, header of a part", mime, "--b\r\n", "A: b\r\n"},
    {"MIME, folds", mime, "--b\r\nContent-Type: a/b;", "\r\n name=c;"},
    {"MIME, parameters", mime_value, " attachment; ", "filename*0*=utf-8''a; "},
    {"MIME, quoted", mime_value, " attachment; filename=\"", "\\\""},
    {"policy, rules", policy, "", "a: reject \"b\" when subject is \"c\"\n"},
    {"policy, braces", policy, "table t domains ", "{ "},
    {"policy, parentheses", policy, "reject \"a\" when ", "("},
    {"policy, not", policy, "reject \"a\" when ", "not "},
    {"policy, or", policy, "reject \"a\" when subject is \"a\"", " or subject is \"a\""},
    {"policy, set", policy, "table t domains { ", "a.example "},
    {"policy, quotes", policy, "", "\"\n"},
    {"policy, one string", policy, "reject \"", "a\\\""},
    {"policy, interpolation", policy, "reject \"", "${a"},
    {"policy, pattern", policy, "reject \"a\" when subject matches /", "\\/"},
    {"policy, comments", policy, "", "#a\n"},
    {"policy, bytes", policy, "", "\xff"},
    {"policy, labels", policy, "", "a: "},
    {"policy, words", policy, "", "a "},
    {"format, rules", format, "", "a: reject \"b\" when subject is \"c\"\n"},
    {"format, or", format, "reject \"a\" when subject is \"a\"", " or subject is \"a\""},
    {"format, set", format, "table t domains { ", "a.example "},
    {"format, comments", format, "accept", " #a\n"},
    {"format, expectations", format, "test \"a\" { ", "expect accept "},
    {"given, list", given, "dkim.domain=", "a.example "},
    {"given, brackets", given, "dkim.domain=", "{"},
    {"records", records, "", "a.example A 192.0.2.1\n"},
    {"records, strings", records, "a.example TXT ", "\"a\" "},
    {"records, mistakes", records, "", "a b\n"},
    {"journal, bytes", journal, "", "\x01"},
    {"journal, zeros", journal, "", "\x7f\x02"},
};

#define SHAPES (sizeof(shapes) / sizeof(shapes[0]))

static double cpu_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static double measure(size_t shape, const char *text, size_t n)
{
	double least = 1e9;

	for (int i = 0; i < TRIES; i++) {
		struct arena *arena = arena_new(NULL);
		double took = cpu_ms();

		shapes[shape].parse(arena, (struct str){text, n});
		took = cpu_ms() - took;
		if (took < least)
			least = took;
		arena_free(&arena);
	}
	return least;
}

static bool linear(size_t shape, char *text)
{
	size_t n = BYTES_MOST / 32;
	double first = measure(shape, text, n), half = first, whole, mean;
	int doublings = 1;
	bool good;

	for (;; doublings++) {
		n *= 2;
		whole = measure(shape, text, n);
		if (n >= BYTES_MOST || whole > LONG_MS)
			break;
		half = whole;
	}
	printf("%-32s %6.2f %10.2f %10.2f ", shapes[shape].name, (double)n / (1 << 20), half,
	       whole);
	if (whole < NOTHING_MS) {
		printf("%7s %7s\n", "-", "-");
		return true;
	}
	mean = pow(whole / first, 1.0 / doublings);
	good = whole / half <= RATIO_MOST || mean <= RATIO_MOST;
	printf("%7.2f %7.2f%s\n", whole / half, mean, good ? "" : " !");
	fflush(stdout);
	return good;
}

int main(int argc, char **argv)
{
	char *text = malloc(BYTES_MOST + 1);
	const char *why = NULL;
	bool all = true;

	if (!text || dkim_verifier_init(&why) < 0)
		return 2;
	mime_init();
	printf("%-32s %6s %10s %10s %7s %7s\n", "", "2n, MB", "ms at n", "at 2n", "ratio", "mean");
	for (size_t i = 0; i < SHAPES; i++) {
		size_t begins = strlen(shapes[i].begins), n = strlen(shapes[i].repeats);

		if (argc > 1 && !strstr(shapes[i].name, argv[1]))
			continue;
		memcpy(text, shapes[i].begins, begins);
		for (size_t at = begins; at < BYTES_MOST; at++)
			text[at] = shapes[i].repeats[(at - begins) % n];
		text[BYTES_MOST] = '\0';
		all &= linear(i, text);
	}
	free(text);
	return all ? 0 : 1;
}
