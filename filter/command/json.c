/* SPDX-License-Identifier: BSD-2-Clause */
/* JSON for programs that read what a command says. */

#include "filter/command/json.h"

#include <stdio.h>
#include <stdlib.h>

/* Length of the UTF-8 sequence at `s`, or 0 where there is none. */
static size_t sequence(struct str s)
{
	unsigned char c = (unsigned char)s.s[0];
	size_t n = c < 0x80                ? 1
		   : c >= 0xc2 && c < 0xe0 ? 2
		   : c >= 0xe0 && c < 0xf0 ? 3
		   : c >= 0xf0 && c < 0xf5 ? 4
					   : 0;

	if (n == 0 || n > s.n)
		return 0;
	for (size_t i = 1; i < n; i++)
		if (((unsigned char)s.s[i] & 0xc0) != 0x80)
			return 0;
	if ((c == 0xe0 && (unsigned char)s.s[1] < 0xa0) ||
	    (c == 0xed && (unsigned char)s.s[1] > 0x9f) ||
	    (c == 0xf0 && (unsigned char)s.s[1] < 0x90) ||
	    (c == 0xf4 && (unsigned char)s.s[1] > 0x8f))
		return 0;
	return n;
}

json_t *json_str(struct str text, bool or_null)
{
	char *clean;
	size_t n = 0;
	json_t *string;

	if (text.n == 0 && or_null)
		return json_null();
	clean = malloc(3 * text.n + 1);
	if (!clean)
		return NULL;
	while (text.n > 0) {
		size_t length = sequence(text);

		if (length > 0) {
			memcpy(clean + n, text.s, length);
			n += length;
		} else {
			memcpy(clean + n, "\xef\xbf\xbd", 3);
			n += 3;
			length = 1;
		}
		text = str_sub(text, length, text.n);
	}
	string = json_stringn(clean, n);
	free(clean);
	return string;
}

json_t *json_text(const char *text)
{
	return text ? json_str(str_of(text), false) : json_null();
}

void json_print(json_t *object)
{
	json_dumpf(object, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
	putchar('\n');
	json_decref(object);
}
