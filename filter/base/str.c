/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counted strings and the builder that makes them. Everything is by bytes; case folding is
 * ASCII's alone, whatever the locale.
 */

#include "postern/str.h"

#include <stdio.h>
#include <stdlib.h>

#include "postern/arena.h"

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

struct str str_of(const char *s)
{
	return s ? (struct str){s, strlen(s)} : (struct str){"", 0};
}

bool str_eq(struct str a, struct str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.s, b.s, a.n) == 0);
}

bool str_caseeq(struct str a, struct str b)
{
	return a.n == b.n && str_casestarts(a, b);
}

bool str_starts(struct str s, struct str prefix)
{
	return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.s, prefix.s, prefix.n) == 0);
}

bool str_ends(struct str s, struct str suffix)
{
	return s.n >= suffix.n &&
	       (suffix.n == 0 || memcmp(s.s + s.n - suffix.n, suffix.s, suffix.n) == 0);
}

bool str_casestarts(struct str s, struct str prefix)
{
	if (s.n < prefix.n)
		return false;
	for (size_t i = 0; i < prefix.n; i++)
		if (s.s[i] != prefix.s[i] && lower(s.s[i]) != lower(prefix.s[i]))
			return false;
	return true;
}

uint64_t str_hash(struct str s)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)lower(s.s[i])) * UINT64_C(0x100000001b3);
	return h ^ h >> 32;
}

bool str_has(struct str s, struct str part)
{
	return part.n == 0 || (s.n >= part.n && memmem(s.s, s.n, part.s, part.n) != NULL);
}

int str_cmp(struct str a, struct str b)
{
	size_t shorter = a.n < b.n ? a.n : b.n;
	int order = shorter == 0 ? 0 : memcmp(a.s, b.s, shorter);

	if (order != 0)
		return order;
	return a.n < b.n ? -1 : a.n > b.n;
}

ptrdiff_t str_chr(struct str s, char c)
{
	const char *found = s.n == 0 ? NULL : memchr(s.s, c, s.n);

	return found ? found - s.s : -1;
}

ptrdiff_t str_rchr(struct str s, char c)
{
	const char *found = s.n == 0 ? NULL : memrchr(s.s, c, s.n);

	return found ? found - s.s : -1;
}

struct str str_sub(struct str s, size_t from, size_t n)
{
	if (from > s.n)
		from = s.n;
	if (n > s.n - from)
		n = s.n - from;
	return (struct str){s.s ? s.s + from : "", n};
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str str_trim(struct str s)
{
	while (s.n > 0 && blank(s.s[0])) {
		s.s++;
		s.n--;
	}
	while (s.n > 0 && blank(s.s[s.n - 1]))
		s.n--;
	return s;
}

struct str str_dup(struct arena *arena, struct str s)
{
	char *copy = arena_alloc(arena, s.n + 1);

	if (s.n > 0)
		memcpy(copy, s.s, s.n);
	return (struct str){copy, s.n};
}

struct str str_lower(struct arena *arena, struct str s)
{
	char *copy = arena_alloc(arena, s.n + 1);

	for (size_t i = 0; i < s.n; i++)
		copy[i] = lower(s.s[i]);
	return (struct str){copy, s.n};
}

/* Most texts are short: those are written once, and copied. */
#define PRINTED_SHORT 160

struct str str_printf(struct arena *arena, const char *fmt, ...)
{
	char shorter[PRINTED_SHORT], *text;
	va_list args, again;
	int length;

	va_start(args, fmt);
	va_copy(again, args);
	length = vsnprintf(shorter, sizeof(shorter), fmt, args);
	va_end(args);
	if (length < 0)
		length = 0;
	text = arena_alloc(arena, (size_t)length + 1);
	if ((size_t)length < sizeof(shorter))
		memcpy(text, shorter, (size_t)length);
	else
		vsnprintf(text, (size_t)length + 1, fmt, again);
	va_end(again);
	return (struct str){text, (size_t)length};
}

static bool printable(char c)
{
	return c >= ' ' && c <= '~' && c != '\\';
}

struct str str_clean(struct arena *arena, struct str s, size_t max)
{
	struct buf out = {.arena = arena};
	size_t whole = 0, room = max;

	for (size_t i = 0; i < s.n && whole <= max; i++)
		whole += printable(s.s[i]) ? 1 : 4;
	if (whole > max)
		room = max > 3 ? max - 3 : 0;
	for (size_t i = 0; i < s.n && out.n + (printable(s.s[i]) ? 1 : 4) <= room; i++) {
		if (printable(s.s[i]))
			buf_putc(&out, s.s[i]);
		else
			buf_printf(&out, "\\x%02X", (unsigned char)s.s[i]);
	}
	if (whole > max)
		buf_add(&out, str_sub(STR("..."), 0, max));
	return buf_str(&out);
}

bool str_uint(struct str s, uint64_t max, uint64_t *value_r)
{
	uint64_t value = 0;

	if (s.n == 0)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		unsigned digit = (unsigned char)s.s[i] - (unsigned)'0';

		if (digit > 9 || value > (max - digit) / 10 || digit > max)
			return false;
		value = value * 10 + digit;
	}
	*value_r = value;
	return true;
}

static void buf_room(struct buf *buf, size_t more)
{
	size_t size = buf->size ? buf->size : 64;
	char *bigger;

	if (buf->s && buf->size - buf->n > more)
		return;
	while (size - buf->n <= more)
		size *= 2;
	bigger = arena_alloc(buf->arena, size);
	if (buf->n > 0)
		memcpy(bigger, buf->s, buf->n);
	buf->s = bigger;
	buf->size = size;
}

void buf_add(struct buf *buf, struct str s)
{
	buf_room(buf, s.n);
	if (s.n > 0)
		memcpy(buf->s + buf->n, s.s, s.n);
	buf->n += s.n;
	buf->s[buf->n] = '\0';
}

void buf_puts(struct buf *buf, const char *s)
{
	buf_add(buf, str_of(s));
}

void buf_putc(struct buf *buf, char c)
{
	if (!buf->s || buf->size - buf->n <= 1)
		buf_room(buf, 1);
	buf->s[buf->n++] = c;
	buf->s[buf->n] = '\0';
}

void buf_printf(struct buf *buf, const char *fmt, ...)
{
	va_list args, again;
	int length;
	size_t left;

	buf_room(buf, 1);
	left = buf->size - buf->n;
	va_start(args, fmt);
	va_copy(again, args);
	length = vsnprintf(buf->s + buf->n, left, fmt, args);
	va_end(args);
	if (length > 0 && (size_t)length >= left) {
		buf_room(buf, (size_t)length);
		vsnprintf(buf->s + buf->n, (size_t)length + 1, fmt, again);
	}
	if (length > 0)
		buf->n += (size_t)length;
	buf->s[buf->n] = '\0';
	va_end(again);
}

struct str buf_str(const struct buf *buf)
{
	return buf->s ? (struct str){buf->s, buf->n} : (struct str){"", 0};
}
