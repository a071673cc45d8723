/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What bytes a policy may be made of: UTF-8 without control characters, so that what a person
 * reads is what the lexer reads.
 */

#include "filter/policy/lex.h"

size_t lex_utf8(const char *s, size_t n)
{
	const unsigned char *b = (const unsigned char *)s;
	size_t length;
	uint32_t code;

	if (n == 0)
		return 0;
	if (b[0] < 0x80)
		return 1;
	length = b[0] >= 0xf0 ? 4 : b[0] >= 0xe0 ? 3 : 2;
	if (b[0] < 0xc2 || b[0] > 0xf4 || length > n)
		return 0;
	code = b[0] & (0x7fu >> length);
	for (size_t i = 1; i < length; i++) {
		if ((b[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (b[i] & 0x3f);
	}
	if ((length == 3 && code < 0x800) || (length == 4 && code < 0x10000) || code > 0x10ffff ||
	    (code >= 0xd800 && code <= 0xdfff))
		return 0;
	return length;
}

size_t lex_unfit(struct str text, size_t at)
{
	const unsigned char *b = (const unsigned char *)text.s + at;
	size_t length = lex_utf8(text.s + at, text.n - at);

	if (length == 0)
		return 1;
	if (length == 1) {
		if (b[0] == '\r')
			return at + 1 < text.n && b[1] == '\n' ? 0 : 1;
		return (b[0] < ' ' && b[0] != '\t' && b[0] != '\n') || b[0] == 0x7f;
	}
	if (b[0] == 0xc2 && b[1] < 0xa0)
		return length;
	if (b[0] == 0xe2 && ((b[1] == 0x80 && b[2] >= 0xaa && b[2] <= 0xae) ||
			     (b[1] == 0x81 && b[2] >= 0xa6 && b[2] <= 0xa9)))
		return length;
	return 0;
}

void lex_bytes(const struct source *source, struct diag *diag)
{
	struct str text = source->text;
	size_t n;

	for (size_t i = 0; i < text.n; i++) {
		struct span span = {source, i, i};
		unsigned char c = (unsigned char)text.s[i];

		while (span.to < text.n && (n = lex_unfit(text, span.to)) > 0)
			span.to += n;
		if (span.to == i) {
			i += lex_utf8(text.s + i, text.n - i) - 1;
			continue;
		}
		if (c < 0x80)
			diag_error(diag, span, "control character 0x%02x in the policy", c);
		else if (lex_utf8(text.s + i, text.n - i) == 0)
			diag_error(diag, span, "the byte 0x%02x is not UTF-8", c);
		else
			diag_error(diag, span, "invisible control character in the policy");
		i = span.to - 1;
	}
}
