/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tag lists, read strictly: libopendkim takes the last of several equal tags and finds them
 * without regard to case, where RFC 6376 3.2 takes the whole list for invalid.
 */

#include "filter/auth/dkimtag.h"

#include "postern/arena.h"

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

const struct str *dkimtag_get(const struct dkimtag_list *list, const char *name)
{
	struct str wanted = str_of(name);

	for (size_t i = 0; i < list->count; i++)
		if (str_eq(list->items[i].name, wanted))
			return &list->items[i].value;
	return NULL;
}

static bool tag_name_ok(struct str name)
{
	if (name.n == 0 || !is_alpha(name.s[0]))
		return false;
	for (size_t i = 1; i < name.n; i++)
		if (!is_alpha(name.s[i]) && !is_digit(name.s[i]) && name.s[i] != '_')
			return false;
	return true;
}

bool dkimtag_split(struct arena *arena, struct str text, struct dkimtag_list *list_r,
		   const char **why_r)
{
	VEC(struct dkimtag) tags = {0};
	size_t at = 0;

	*list_r = (struct dkimtag_list){0};
	while (at < text.n) {
		struct str rest = str_sub(text, at, text.n), spec;
		ptrdiff_t end = str_chr(rest, ';'), equals;
		struct dkimtag tag;

		spec = end < 0 ? rest : str_sub(rest, 0, (size_t)end);
		at += spec.n + 1;
		if (str_trim(spec).n == 0 && at >= text.n)
			break;
		equals = str_chr(spec, '=');
		tag.name = str_trim(str_sub(spec, 0, equals < 0 ? 0 : (size_t)equals));
		if (!tag_name_ok(tag.name)) {
			*why_r = "not a tag list";
			return false;
		}
		tag.value = str_trim(str_sub(spec, (size_t)equals + 1, spec.n));
		for (size_t i = 0; i < tags.count; i++) {
			if (str_caseeq(tags.items[i].name, tag.name)) {
				*why_r = "a tag stands twice";
				return false;
			}
		}
		if (tags.count == DKIMTAG_COUNT_MAX) {
			*why_r = "too many tags";
			return false;
		}
		*vec_push(arena, &tags) = tag;
	}
	*list_r = (struct dkimtag_list){tags.items, tags.count};
	return true;
}

struct str dkimtag_compact(struct arena *arena, struct str value)
{
	char *out = arena_alloc(arena, value.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < value.n; i++)
		if (!is_space(value.s[i]))
			out[n++] = value.s[i];
	return (struct str){out, n};
}

static int base64_digit(char c)
{
	/* From ' ' on; one more than the digit's value, 0 where it is none. */
	static const signed char digits[96] = {
	    0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  63, 0,  0,  0,  64, 53, 54, 55, 56,
	    57, 58, 59, 60, 61, 62, 0,  0,  0,  0,  0,  0,  0,  1,  2,  3,  4,  5,  6,  7,
	    8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 0,
	    0,  0,  0,  0,  0,  27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41,
	    42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 0,  0,  0,  0,  0,
	};
	unsigned at = (unsigned char)c - 32U;

	return at < sizeof(digits) ? digits[at] - 1 : -1;
}

bool dkimtag_base64(struct arena *arena, struct str text, struct str *bytes_r)
{
	unsigned char *out = arena_alloc(arena, text.n / 4 * 3 + 3);
	size_t n = 0, digits = text.n;
	unsigned bits = 0;

	while (digits > 0 && text.n - digits < 2 && text.s[digits - 1] == '=')
		digits--;
	if (digits % 4 == 1)
		return false;
	for (size_t i = 0; i < digits; i++) {
		int digit = base64_digit(text.s[i]);

		if (digit < 0)
			return false;
		bits = bits << 6 | (unsigned)digit;
		if (i % 4 != 0)
			out[n++] = (unsigned char)(bits >> (6 - 2 * (i % 4)));
	}
	*bytes_r = (struct str){(const char *)out, n};
	return true;
}

static int hex_digit(char c)
{
	return is_digit(c) ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool dkimtag_unquote(struct arena *arena, struct str text, struct str *out_r)
{
	char *out = arena_alloc(arena, text.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++) {
		int high, low;

		if (text.s[i] != '=') {
			out[n++] = text.s[i];
			continue;
		}
		high = i + 2 < text.n ? hex_digit(text.s[i + 1]) : -1;
		low = high >= 0 ? hex_digit(text.s[i + 2]) : -1;
		if (low < 0)
			return false;
		out[n++] = (char)(high << 4 | low);
		i += 2;
	}
	*out_r = (struct str){out, n};
	return true;
}

bool dkimtag_has(struct arena *arena, struct str value, const char *word)
{
	struct str list = dkimtag_compact(arena, value), wanted = str_of(word);

	for (size_t at = 0; at <= list.n;) {
		struct str rest = str_sub(list, at, list.n);
		ptrdiff_t colon = str_chr(rest, ':');
		struct str one = colon < 0 ? rest : str_sub(rest, 0, (size_t)colon);

		if (str_caseeq(one, wanted))
			return true;
		at += one.n + 1;
	}
	return false;
}
