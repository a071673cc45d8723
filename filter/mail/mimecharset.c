/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which names of charsets GMime gets to see, and where in a field they stand (RFC 2047, RFC 2231).
 * It stands apart from the reading of fields, which it guards: GMime keeps every name of a charset
 * it ever met, for good, so senders could fill the memory.
 */

#include "filter/mail/mimecharset.h"

#include <string.h>

/* Pieces of parameters (RFC 2231 3) in a field; for real names ten are many. */
#define STARS_MAX 200

const char *const mimecharset_names[MIMECHARSETS] = {
    "utf-8",        "us-ascii",     "iso-8859-1",   "iso-8859-2",   "iso-8859-3",   "iso-8859-4",
    "iso-8859-5",   "iso-8859-6",   "iso-8859-7",   "iso-8859-8",   "iso-8859-9",   "iso-8859-10",
    "iso-8859-11",  "iso-8859-13",  "iso-8859-14",  "iso-8859-15",  "iso-8859-16",  "windows-1250",
    "windows-1251", "windows-1252", "windows-1253", "windows-1254", "windows-1255", "windows-1256",
    "windows-1257", "windows-1258", "windows-874",  "koi8-r",       "koi8-u",       "iso-2022-jp",
    "shift_jis",    "euc-jp",       "gb2312",       "gbk",          "gb18030",      "big5",
    "euc-kr",       "iso-2022-kr",  "tis-620",      "utf-7",
};

static void add_charset(struct buf *out, struct str name)
{
	for (size_t i = 0; i < MIMECHARSETS; i++) {
		if (str_caseeq(name, str_of(mimecharset_names[i]))) {
			buf_add(out, name);
			return;
		}
	}
	buf_puts(out, "us-ascii");
}

/* What stands from `at` to the first of `ends`; false where none of them follows. */
static bool until(struct str text, size_t at, const char *ends, struct str *part_r)
{
	for (size_t end = at; end < text.n; end++) {
		if (strchr(ends, text.s[end])) {
			*part_r = str_sub(text, at, end - at);
			return true;
		}
	}
	return false;
}

/* The charset of an extended value (RFC 2231 4) that begins at `at`; false where it has none. */
static bool extended_charset(struct str text, size_t at, struct str *charset_r)
{
	bool quoted = at < text.n && text.s[at] == '"';

	for (size_t end = at += quoted; end < text.n; end++) {
		if (text.s[end] == '\'') {
			*charset_r = str_sub(text, at, end - at);
			return true;
		}
		if (text.s[end] == (quoted ? '"' : ';'))
			return false;
		if (quoted && text.s[end] == '\\')
			end++;
	}
	return false;
}

static size_t skip(struct str text, size_t at, const char *what)
{
	while (at < text.n && strchr(what, text.s[at]))
		at++;
	return at;
}

struct str mimecharset_known(struct arena *arena, struct str text, const char **trouble_r)
{
	struct buf out = {.arena = arena};
	struct str charset;
	size_t done = 0, stars = 0;

	for (size_t at = 0; at < text.n; at++) {
		size_t from = text.n;

		if (at < done)
			continue;
		if (str_starts(str_sub(text, at, 2), STR("=?")) &&
		    until(text, at + 2, "?*", &charset))
			from = at + 2;
		if (text.s[at] == '*') {
			size_t equals = skip(text, at, "* \t0123456789");
			size_t value = skip(text, equals + 1, " \t");

			if (++stars > STARS_MAX || (equals < text.n && text.s[equals] == '(') ||
			    (value < text.n && text.s[value] == '(')) {
				/* Comments here only hide something; real names have few pieces. */
				*trouble_r = "an ambiguous name";
				text.n = at;
				break;
			}
			if (equals < text.n && text.s[equals] == '=' &&
			    extended_charset(text, value, &charset))
				from = (size_t)(charset.s - text.s);
		}
		if (from == text.n)
			continue;
		buf_add(&out, str_sub(text, done, from - done));
		add_charset(&out, charset);
		done = from + charset.n;
	}
	buf_add(&out, str_sub(text, done, text.n));
	return str_dup(arena, buf_str(&out));
}
