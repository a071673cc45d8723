/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fields of a header: names, folds, and encoded words (RFC 2047) for people and patterns. What
 * is decoded here is never parsed for addresses: those are read from the bytes as they came.
 */

#include "postern/mail.h"

#include "filter/mail/scan.h"

/* The longest charset name that is looked at; IANA's have at most 45 bytes. */
#define CHARSET_MAX 64
#define REPLACEMENT "\xef\xbf\xbd"

bool field_name_ok(struct str name)
{
	for (size_t i = 0; i < name.n; i++)
		if (name.s[i] < '!' || name.s[i] > '~' || name.s[i] == ':')
			return false;
	return name.n > 0;
}

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

struct str field_unfold(struct arena *arena, struct str value)
{
	struct buf out = {.arena = arena};
	size_t start = 0;

	value = str_trim(value);
	for (size_t at = 0; at + 1 < value.n; at++) {
		if (value.s[at] != '\n' || !blank(value.s[at + 1]))
			continue;
		buf_add(&out, str_sub(value, start,
				      at - start - (at > start && value.s[at - 1] == '\r')));
		start = at + 1;
	}
	if (start == 0)
		return value;
	buf_add(&out, str_sub(value, start, value.n));
	return buf_str(&out);
}

/* The value of a digit of base64 (RFC 4648 4), or -1. */
static int base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static bool decode_b(struct str text, struct buf *out)
{
	unsigned bits = 0, have = 0;

	while (text.n > 0 && text.s[text.n - 1] == '=')
		text.n--;
	for (size_t i = 0; i < text.n; i++) {
		int digit = base64_digit(text.s[i]);

		if (digit < 0)
			return false;
		bits = (bits << 6 | (unsigned)digit) & 0xfff;
		have += 6;
		if (have >= 8) {
			have -= 8;
			buf_putc(out, (char)(bits >> have & 0xff));
		}
	}
	return true;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool decode_q(struct str text, struct buf *out)
{
	for (size_t i = 0; i < text.n; i++) {
		int high, low;

		if (text.s[i] != '=') {
			buf_putc(out, text.s[i] == '_' ? ' ' : text.s[i]);
			continue;
		}
		if (text.n - i < 3)
			return false;
		high = hex_digit(text.s[i + 1]);
		low = hex_digit(text.s[i + 2]);
		if (high < 0 || low < 0)
			return false;
		buf_putc(out, (char)(high * 16 + low));
		i += 2;
	}
	return true;
}

static bool decode_bytes(struct str encoding, struct str text, struct buf *out)
{
	if (str_caseeq(encoding, STR("b")))
		return decode_b(text, out);
	return str_caseeq(encoding, STR("q")) && decode_q(text, out);
}

/* What stands before the next '?', at most `max` printable bytes; false where there is none. */
static bool take_part(struct str text, size_t *at, size_t max, struct str *part_r)
{
	size_t start = *at;

	while (*at < text.n && *at - start < max && text.s[*at] != '?') {
		if (text.s[*at] <= ' ' && text.s[*at] >= '\0')
			return false;
		++*at;
	}
	if (*at >= text.n || text.s[*at] != '?')
		return false;
	*part_r = str_sub(text, start, *at - start);
	++*at;
	return true;
}

/* Decodes the encoded word that `text` begins with; its length, 0 where there is none. */
static size_t decode_word(struct arena *arena, struct str text, struct buf *out)
{
	struct buf bytes = {.arena = arena};
	struct str charset, encoding, encoded;
	size_t at = 2;
	ptrdiff_t star;
	bool latin1;

	if (!str_starts(text, STR("=?")) || !take_part(text, &at, CHARSET_MAX, &charset) ||
	    !take_part(text, &at, 1, &encoding) || !take_part(text, &at, text.n, &encoded) ||
	    at >= text.n || text.s[at] != '=')
		return 0;
	star = str_chr(charset, '*'); /* a language may follow: RFC 2231 5 */
	if (star >= 0)
		charset = str_sub(charset, 0, (size_t)star);
	latin1 = str_caseeq(charset, STR("iso-8859-1"));
	if (!latin1 && !str_caseeq(charset, STR("utf-8")) && !str_caseeq(charset, STR("us-ascii")))
		return 0;
	if (!decode_bytes(encoding, encoded, &bytes))
		return 0;
	for (size_t i = 0; i < bytes.n; i++) {
		unsigned char c = (unsigned char)bytes.s[i];

		if (latin1 && c >= 0x80) {
			buf_putc(out, (char)(0xc0 | c >> 6));
			c = 0x80 | (c & 0x3f);
		}
		buf_putc(out, (char)c);
	}
	return at + 1;
}

/* Of ASCII. */
static bool printable(char c)
{
	return c >= ' ' && c <= '~';
}

/*
 * Well-formed UTF-8 without control characters: an encoded line end must not become a real one
 * where the text is used again.
 */
static struct str repair(struct arena *arena, struct str text)
{
	struct buf out = {.arena = arena};
	uint32_t code = 0;

	for (size_t at = 0, run; at < text.n;) {
		size_t length;

		for (run = 0; at + run < text.n && printable(text.s[at + run]);)
			run++;
		buf_add(&out, str_sub(text, at, run));
		at += run;
		if (at == text.n)
			break;
		length = scan_utf8(str_sub(text, at, 4), &code);
		if (length == 0 || (code < ' ' && code != '\t') || code == 0x7f)
			buf_puts(&out, REPLACEMENT);
		else
			buf_add(&out, str_sub(text, at, length));
		at += length > 0 ? length : 1;
	}
	return buf_str(&out);
}

struct str field_decode(struct arena *arena, struct str value)
{
	struct str text = field_unfold(arena, value);
	struct buf out = {.arena = arena};
	size_t at = 0, blanks;

	/* Most hold no encoded word. */
	if (!str_has(text, STR("=?")))
		return repair(arena, text);
	while (at < text.n) {
		size_t length = decode_word(arena, str_sub(text, at, text.n), &out);

		if (length == 0) {
			buf_putc(&out, text.s[at++]);
			continue;
		}
		/* White space between two encoded words is no part of the text (RFC 2047 6.2). */
		do {
			at += length;
			for (blanks = 0; at + blanks < text.n && blank(text.s[at + blanks]);)
				blanks++;
			length = decode_word(arena, str_sub(text, at + blanks, text.n), &out);
			if (length > 0)
				at += blanks;
		} while (length > 0);
		buf_add(&out, str_sub(text, at, blanks));
		at += blanks;
	}
	return repair(arena, buf_str(&out));
}

/*
 * Where `text`, from `at`, goes on with something else than blanks and comments, and, where it is
 * a phrase, other than words and quoted strings. Past its end where a comment or quote is open.
 */
static size_t skip_aside(struct str text, size_t at, bool phrase)
{
	size_t depth = 0;
	bool quoted = false;

	for (; at < text.n; at++) {
		char c = text.s[at];

		if (c == '\\' && (depth > 0 || quoted)) {
			at++;
		} else if (quoted) {
			quoted = c != '"';
		} else if (c == '(') {
			depth++;
		} else if (depth > 0) {
			if (c == ')')
				depth--;
		} else if (phrase ? c == '<' : !blank(c)) {
			return at;
		} else if (c == '"') {
			quoted = true;
		}
	}
	return text.n + (depth > 0 || quoted);
}

struct str field_id(struct str unfolded)
{
	size_t open = skip_aside(unfolded, 0, true), close;
	struct str id;

	if (open >= unfolded.n)
		return STR("");
	id = str_sub(unfolded, open + 1, unfolded.n);
	close = (size_t)(str_chr(id, '>') + 1);
	if (close == 0 || skip_aside(id, close, false) != id.n)
		return STR("");
	id = str_trim(str_sub(id, 0, close - 1));
	for (size_t i = 0; i < id.n; i++)
		if ((id.s[i] >= '\0' && id.s[i] <= ' ') || id.s[i] == '<' || id.s[i] == 0x7f)
			return STR("");
	return id;
}
