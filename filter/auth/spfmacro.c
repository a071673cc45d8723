/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The macros of SPF (RFC 7208 section 7). One scanner serves both the check of the grammar and
 * the expansion. Time is linear in the text and what it expands to, and no intermediate text is
 * longer than a window of NAME_WINDOW bytes, or the maximum of an explanation, plus one value.
 */

#include "filter/auth/spfmacro.h"

#include "postern/arena.h"

#define NAME_MAX_BYTES 253
/* Of a name that grows too long only the right end is kept while it is built. */
#define NAME_WINDOW 1024
/* RFC 7208 7.3 wants 127, as many as a name can have; more than this is no honest number. */
#define PARTS_MOST 9999

struct macro {
	char letter; /* lower case; or % _ - of the three literal macros */
	bool escape; /* the letter was upper case: URL-escape */
	bool reverse;
	size_t keep; /* how many parts on the right; 0: all */
	struct str delimiters;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || is_upper(c);
}

/* How many bytes of `text`, which starts with '%', the macro there takes; 0: it is none. */
static size_t scan(struct str text, struct macro *macro)
{
	struct str left = str_sub(text, 1, text.n);
	size_t from;

	*macro = (struct macro){.delimiters = STR(".")};
	if (left.n == 0)
		return 0;
	if (str_chr(STR("%_-"), left.s[0]) >= 0) {
		macro->letter = left.s[0];
		return 2;
	}
	if (left.n < 3 || left.s[0] != '{' || !is_alpha(left.s[1]))
		return 0;
	macro->escape = is_upper(left.s[1]);
	macro->letter = (char)(left.s[1] | 0x20);
	if (str_chr(STR("slodiphcrtv"), macro->letter) < 0)
		return 0;
	from = 2;
	if (is_digit(left.s[from])) {
		for (; from < left.n && is_digit(left.s[from]); from++)
			if (macro->keep <= PARTS_MOST)
				macro->keep = macro->keep * 10 + (size_t)(left.s[from] - '0');
		if (macro->keep == 0 || macro->keep > PARTS_MOST)
			return 0;
	}
	if (from < left.n && (left.s[from] | 0x20) == 'r') {
		macro->reverse = true;
		from++;
	}
	left = str_sub(left, from, left.n);
	from = 0;
	while (from < left.n && str_chr(STR(".-+,/_="), left.s[from]) >= 0)
		from++;
	if (from == left.n || left.s[from] != '}')
		return 0;
	if (from > 0)
		macro->delimiters = str_sub(left, 0, from);
	return text.n - left.n + from + 1;
}

/* toplabel of RFC 7208 section 7.1: letters, digits and inner hyphens, not digits alone. */
static bool is_top_label(struct str label)
{
	bool digits = true;

	if (label.n == 0 || label.s[0] == '-' || label.s[label.n - 1] == '-')
		return false;
	for (size_t i = 0; i < label.n; i++) {
		if (!is_alpha(label.s[i]) && !is_digit(label.s[i]) && label.s[i] != '-')
			return false;
		digits = digits && is_digit(label.s[i]);
	}
	return !digits;
}

/* A domain-spec that does not end in a macro ends in "." toplabel [ "." ]. */
static bool ends_in_top_label(struct str text)
{
	ptrdiff_t dot;

	if (text.n > 0 && text.s[text.n - 1] == '.')
		text.n--;
	dot = str_rchr(text, '.');
	return dot >= 0 && is_top_label(str_sub(text, (size_t)dot + 1, text.n));
}

const char *spfmacro_fault(struct str text, enum spfmacro_use use)
{
	bool macro_last = false;
	struct macro macro;
	size_t n;

	if (use == SPFMACRO_NAME && text.n == 0)
		return "a domain is missing";
	for (size_t i = 0; i < text.n; i += n) {
		char c = text.s[i];

		n = 1;
		macro_last = c == '%';
		if (c == '%') {
			n = scan(str_sub(text, i, text.n), &macro);
			if (n == 0)
				return "a macro is malformed";
			if (use == SPFMACRO_NAME && str_chr(STR("crt"), macro.letter) >= 0)
				return "a macro is for explanations only";
		} else if ((c < '!' || c > '~') && !(c == ' ' && use == SPFMACRO_TEXT)) {
			return "a byte is not printable ASCII";
		}
	}
	if (use == SPFMACRO_NAME && !macro_last && !ends_in_top_label(text))
		return "a domain has no valid top label";
	return NULL;
}

/* Does a macro of one of these letters stand in it? */
static bool uses(struct str text, struct str letters)
{
	struct macro macro;
	size_t n;

	for (size_t i = 0; i < text.n; i += n) {
		n = text.s[i] == '%' ? scan(str_sub(text, i, text.n), &macro) : 1;
		if (n == 0)
			return false;
		if (n > 1 && str_chr(letters, macro.letter) >= 0)
			return true;
	}
	return false;
}

bool spfmacro_asks_client(struct str text)
{
	return uses(text, STR("p"));
}

bool spfmacro_names_sender(struct str text)
{
	return uses(text, STR("sl"));
}

static void put(struct buf *out, const struct macro *macro, struct str part)
{
	for (size_t i = 0; i < part.n; i++) {
		char c = part.s[i];

		if (str_chr(macro->delimiters, c) >= 0)
			buf_putc(out, '.');
		else if (macro->escape && !is_alpha(c) && !is_digit(c) &&
			 str_chr(STR("-._~"), c) < 0)
			buf_printf(out, "%%%02X", (unsigned char)c);
		else
			buf_putc(out, c);
	}
}

/* Splits the value, reverses the parts, keeps those on the right, joins with dots (7.3). */
static void put_value(struct buf *out, const struct macro *macro, struct str value)
{
	size_t parts = 1, drop, from = 0, to = value.n;

	for (size_t i = 0; i < value.n; i++)
		if (str_chr(macro->delimiters, value.s[i]) >= 0)
			parts++;
	drop = macro->keep > 0 && parts > macro->keep ? parts - macro->keep : 0;
	if (!macro->reverse) {
		while (drop > 0)
			if (str_chr(macro->delimiters, value.s[from++]) >= 0)
				drop--;
		put(out, macro, str_sub(value, from, value.n));
		return;
	}
	/* The right end of the reversed list is the left end of the value. */
	while (drop > 0)
		if (str_chr(macro->delimiters, value.s[--to]) >= 0)
			drop--;
	for (;;) {
		from = to;
		while (from > 0 && str_chr(macro->delimiters, value.s[from - 1]) < 0)
			from--;
		put(out, macro, str_sub(value, from, to - from));
		if (from == 0)
			return;
		buf_putc(out, '.');
		to = from - 1;
	}
}

/* Appends what stands at the start of `text` and returns how much of it that was. */
static size_t expand(struct buf *out, struct str text, const struct spfmacro_values *values)
{
	struct macro macro;
	ptrdiff_t literal = str_chr(text, '%');
	size_t n;

	if (literal != 0) {
		n = literal < 0 ? text.n : (size_t)literal;
		buf_add(out, str_sub(text, 0, n));
		return n;
	}
	n = scan(text, &macro);
	if (macro.letter == '%')
		buf_putc(out, '%');
	else if (macro.letter == '_')
		buf_putc(out, ' ');
	else if (macro.letter == '-')
		buf_puts(out, "%20");
	else if (n > 0)
		put_value(out, &macro, values->of[macro.letter - 'a']);
	return n > 0 ? n : text.n;
}

struct str spfmacro_name(struct arena *arena, struct str text, const struct spfmacro_values *values)
{
	struct buf out = {.arena = arena};
	struct str name;
	ptrdiff_t dot;

	while (text.n > 0) {
		text = str_sub(text, expand(&out, text, values), text.n);
		if (out.n > NAME_WINDOW) {
			memmove(out.s, out.s + out.n - NAME_WINDOW, NAME_WINDOW);
			out.n = NAME_WINDOW;
		}
	}
	name = buf_str(&out);
	if (name.n > 0 && name.s[name.n - 1] == '.')
		name.n--;
	while (name.n > NAME_MAX_BYTES && (dot = str_chr(name, '.')) >= 0)
		name = str_sub(name, (size_t)dot + 1, name.n);
	return name;
}

struct str spfmacro_text(struct arena *arena, struct str text, const struct spfmacro_values *values,
			 size_t max)
{
	struct buf out = {.arena = arena};

	while (text.n > 0 && out.n < max)
		text = str_sub(text, expand(&out, text, values), text.n);
	return str_sub(buf_str(&out), 0, max);
}
