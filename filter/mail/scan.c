/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The characters of mail and the few pieces that envelope paths and header addresses have in
 * common: local parts, address literals, the canonical address.
 */

#include "filter/mail/scan.h"

#include "postern/ip.h"

size_t scan_utf8(struct str s, uint32_t *code_r)
{
	/* The least code point of each length: anything below is an overlong form. */
	static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned char first = s.n > 0 ? (unsigned char)s.s[0] : 0xff;
	size_t length;
	uint32_t code;

	if (first < 0x80)
		length = 1, code = first;
	else if (first >= 0xc2 && first <= 0xdf)
		length = 2, code = first & 0x1f;
	else if ((first & 0xf0) == 0xe0)
		length = 3, code = first & 0x0f;
	else if (first >= 0xf0 && first <= 0xf4)
		length = 4, code = first & 0x07;
	else
		return 0;
	if (s.n < length)
		return 0;
	for (size_t i = 1; i < length; i++) {
		unsigned char c = (unsigned char)s.s[i];

		if ((c & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (c & 0x3f);
	}
	if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	*code_r = code;
	return length;
}

bool scan_atext(char c)
{
	unsigned char byte = (unsigned char)c;

	if (byte >= 0x80)
		return true;
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
		return true;
	return c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL;
}

bool scan_invisible(uint32_t code)
{
	static const struct {
		uint32_t from, to;
	} ranges[] = {
	    {0x80, 0xa0},       {0xad, 0xad},       {0x34f, 0x34f},   {0x61c, 0x61c},
	    {0x115f, 0x1160},   {0x1680, 0x1680},   {0x17b4, 0x17b5}, {0x180b, 0x180f},
	    {0x2000, 0x200b},   {0x200e, 0x200f},   {0x2028, 0x202f}, {0x205f, 0x206f},
	    {0x2800, 0x2800},   {0x3000, 0x3000},   {0x3164, 0x3164}, {0xfe00, 0xfe0f},
	    {0xfeff, 0xfeff},   {0xffa0, 0xffa0},   {0xfff0, 0xfffb}, {0x1bca0, 0x1bca3},
	    {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (code >= ranges[i].from && code <= ranges[i].to)
			return true;
	return false;
}

/* A line end is a fold, and nothing else, where a blank or tab follows it. */
static bool fold_at(struct str text, size_t at)
{
	if (text.s[at] == '\r')
		at++;
	return at + 1 < text.n && text.s[at] == '\n' &&
	       (text.s[at + 1] == ' ' || text.s[at + 1] == '\t');
}

const char *scan_trouble(struct str text)
{
	uint32_t code;

	for (size_t at = 0, length; at < text.n; at += length) {
		length = scan_utf8(str_sub(text, at, 4), &code);
		if (length == 0)
			return "bad UTF-8";
		if (code >= ' ' && code != 0x7f)
			continue;
		if (code == '\0')
			return "a NUL";
		if (code != '\t' && !((code == '\r' || code == '\n') && fold_at(text, at)))
			return "a control character";
	}
	return NULL;
}

const char *scan_local_trouble(struct str local)
{
	uint32_t code;

	if (local.n > SCAN_LOCAL_MAX)
		return "a local part that is too long";
	for (size_t at = 0, length; at < local.n; at += length) {
		length = scan_utf8(str_sub(local, at, 4), &code);
		if (length == 0)
			return "bad UTF-8";
		if (code < ' ' || code == 0x7f)
			return "a control character";
		if (scan_invisible(code))
			return "an invisible character";
	}
	return NULL;
}

bool scan_literal(struct arena *arena, struct str text, struct str *literal_r)
{
	struct str inside = str_sub(text, 1, text.n - 2);
	char buf[IP_TEXT_MAX];
	struct ip ip;
	bool six;

	if (text.n < 3 || text.s[0] != '[' || text.s[text.n - 1] != ']')
		return false;
	six = str_casestarts(inside, STR("IPv6:"));
	if (six)
		inside = str_sub(inside, 5, inside.n);
	if (!ip_parse(inside, &ip) || six != (str_chr(inside, ':') >= 0))
		return false;
	/* An IPv4 address written as IPv6 stays what it was written as. */
	*literal_r = str_printf(arena, "[%s%s%s]", six ? "IPv6:" : "",
				six && ip_is_v4(&ip) ? "::ffff:" : "", ip_text(&ip, buf));
	return true;
}

static bool dot_atom(struct str text)
{
	bool after_dot = true;

	for (size_t i = 0; i < text.n; i++) {
		bool dot = text.s[i] == '.';

		if (dot ? after_dot : !scan_atext(text.s[i]))
			return false;
		after_dot = dot;
	}
	return !after_dot;
}

struct str scan_address(struct arena *arena, struct str local, struct str domain)
{
	struct buf out = {.arena = arena};

	if (dot_atom(local)) {
		buf_add(&out, local);
	} else {
		buf_putc(&out, '"');
		for (size_t i = 0; i < local.n; i++) {
			if (local.s[i] == '"' || local.s[i] == '\\')
				buf_putc(&out, '\\');
			buf_putc(&out, local.s[i]);
		}
		buf_putc(&out, '"');
	}
	if (domain.n > 0) {
		buf_putc(&out, '@');
		buf_add(&out, domain);
	}
	return buf_str(&out);
}
