/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Authentication-Results (RFC 8601). What is written quotes all that could be read as more than
 * a value; what is read decides only whose field it is, and doubts in favour of removing it.
 */

#include "postern/authres.h"

#include "postern/arena.h"
#include "postern/mail.h"

#define LINE_MAX_COLUMNS 78
#define TAB_COLUMNS 8
#define NAME_COLUMNS 24 /* "Authentication-Results: " */
/* A milter packet holds 64 KB, the field's name and our caller's few bytes among them. */
#define FIELD_MAX 65000
/* RFC 5322 2.1.1: a line has at most 998 bytes, and a quoted string stays on one. */
#define VALUE_MAX 900
#define REASON_MAX 256
/* A reader that recurses must not be led deeper than by any honest field. */
#define NESTING_MAX 32

static bool alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* ---- writing ---- */

/* Bytes of the UTF-8 sequence that `s` begins with, control characters excluded; 0: none. */
static size_t sequence(struct str s)
{
	unsigned char first = (unsigned char)s.s[0], second;
	size_t length = first < 0xc2   ? 0
			: first < 0xe0 ? 2
			: first < 0xf0 ? 3
			: first < 0xf5 ? 4
				       : 0;

	if (length == 0 || s.n < length)
		return 0;
	for (size_t i = 1; i < length; i++)
		if (((unsigned char)s.s[i] & 0xc0) != 0x80)
			return 0;
	second = (unsigned char)s.s[1];
	/* C1 controls, overlong forms, surrogates, what lies past U+10FFFF. */
	if ((first == 0xc2 && second < 0xa0) || (first == 0xe0 && second < 0xa0) ||
	    (first == 0xed && second >= 0xa0) || (first == 0xf0 && second < 0x90) ||
	    (first == 0xf4 && second >= 0x90))
		return 0;
	return length;
}

/* Can it stand in a quoted string? Length in bytes of the character at `s`, 0 if it cannot. */
static size_t printable(struct str s, bool utf8)
{
	if (s.s[0] >= ' ' && s.s[0] <= '~')
		return 1;
	return utf8 ? sequence(s) : 0;
}

static bool writable(struct str value, bool utf8)
{
	for (size_t at = 0, length; at < value.n; at += length) {
		length = printable(str_sub(value, at, 4), utf8);
		if (length == 0)
			return false;
	}
	return true;
}

/* Words with single dots between them, of letters, digits, non-ASCII and the bytes in `more`. */
static bool dotted(struct str text, const char *more)
{
	bool after_dot = true;

	for (size_t i = 0; i < text.n; i++) {
		char c = text.s[i];
		bool dot = c == '.';

		if (dot ? after_dot : !alnum(c) && (unsigned char)c < 0x80 && !strchr(more, c))
			return false;
		after_dot = dot;
	}
	return !after_dot;
}

/*
 * Needs no quotes: a token, a domain, an address or "@domain" of RFC 8601's pvalue. Narrower than
 * the grammar, which lets apostrophes and braces stand bare: some readers take them for quotes.
 */
static bool bare(struct str value)
{
	ptrdiff_t at = str_rchr(value, '@');

	if (at < 0)
		return dotted(value, "-_+");
	return (at == 0 || dotted(str_sub(value, 0, (size_t)at), "-_+=")) &&
	       dotted(str_sub(value, (size_t)at + 1, value.n), "-_");
}

static void add_quoted(struct buf *out, struct str value)
{
	buf_putc(out, '"');
	for (size_t i = 0; i < value.n; i++) {
		if (value.s[i] == '"' || value.s[i] == '\\')
			buf_putc(out, '\\');
		buf_putc(out, value.s[i]);
	}
	buf_putc(out, '"');
}

/* At most REASON_MAX bytes, what cannot be written as '?'. */
static struct str clean(struct arena *arena, struct str text, bool utf8)
{
	struct buf out = {.arena = arena};

	for (size_t at = 0; at < text.n;) {
		size_t length = printable(str_sub(text, at, 4), utf8);
		struct str piece = length > 0 ? str_sub(text, at, length) : STR("?");

		if (out.n + piece.n > REASON_MAX)
			break;
		buf_add(&out, piece);
		at += length > 0 ? length : 1;
	}
	return buf_str(&out);
}

/* Keyword of RFC 8601 2.2: letters, digits and hyphens, not at the end. */
static bool keyword(const char *word)
{
	size_t length = word ? strlen(word) : 0;

	for (size_t i = 0; i < length; i++)
		if (!alnum(word[i]) && word[i] != '-')
			return false;
	return length > 0 && length <= LINE_MAX_COLUMNS && word[length - 1] != '-';
}

struct writer {
	struct buf out;
	size_t column;
};

/* Adds a piece after a blank or a fold, if the field has room; a column is kept for a semicolon. */
static void add_piece(struct writer *w, struct str piece, bool new_line)
{
	if (w->out.n + piece.n + 4 > FIELD_MAX)
		return;
	if (new_line || w->column + 1 + piece.n + 1 > LINE_MAX_COLUMNS) {
		buf_puts(&w->out, "\n\t");
		w->column = TAB_COLUMNS;
	} else {
		buf_putc(&w->out, ' ');
		w->column++;
	}
	buf_add(&w->out, piece);
	w->column += piece.n;
}

static void add_property(struct writer *w, const struct authres_property *property, bool utf8)
{
	struct buf piece = {.arena = w->out.arena};

	/* An empty string would be legal, but readers take what follows it for the value. */
	if (!keyword(property->ptype) || !keyword(property->property) || property->value.n == 0 ||
	    property->value.n > VALUE_MAX || !writable(property->value, utf8))
		return;
	buf_puts(&piece, property->ptype);
	buf_putc(&piece, '.');
	buf_puts(&piece, property->property);
	buf_putc(&piece, '=');
	if (bare(property->value))
		buf_add(&piece, property->value);
	else
		add_quoted(&piece, property->value);
	if (piece.n <= VALUE_MAX)
		add_piece(w, buf_str(&piece), false);
}

static bool commentable(struct str text)
{
	for (size_t i = 0; i < text.n; i++)
		if (!alnum(text.s[i]) && text.s[i] != ' ')
			return false;
	return text.n > 0 && text.n <= LINE_MAX_COLUMNS / 2;
}

/* True if the result was written. */
static bool add_result(struct writer *w, const struct authres_result *result, bool utf8)
{
	struct arena *arena = w->out.arena;
	struct buf piece = {.arena = arena};

	if (!keyword(result->method) || !keyword(result->result) || w->out.n + 256 > FIELD_MAX)
		return false;
	buf_putc(&w->out, ';');
	add_piece(w, str_printf(arena, "%s=%s", result->method, result->result), true);
	if (commentable(result->comment))
		add_piece(w, str_printf(arena, "(" STR_FMT ")", STR_ARG(result->comment)), false);
	if (result->reason.n > 0) {
		buf_puts(&piece, "reason=");
		add_quoted(&piece, clean(arena, result->reason, utf8));
		add_piece(w, buf_str(&piece), false);
	}
	for (size_t i = 0; i < result->count; i++)
		add_property(w, &result->properties[i], utf8);
	return true;
}

struct str authres_write(struct arena *arena, struct str authserv,
			 const struct authres_result *results, size_t count, bool utf8)
{
	struct writer w = {.out = {.arena = arena}};
	struct str id = clean(arena, authserv, utf8);
	bool any = false;

	if (bare(id) && str_chr(id, '@') < 0)
		buf_add(&w.out, id);
	else
		add_quoted(&w.out, id);
	w.column = NAME_COLUMNS + w.out.n;
	for (size_t i = 0; i < count; i++)
		any |= add_result(&w, &results[i], utf8);
	if (!any) {
		buf_putc(&w.out, ';');
		w.column++;
		add_piece(&w, STR("none"), false);
	}
	return buf_str(&w.out);
}

/* ---- whose is it ---- */

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

/*
 * Moves *at past white space, folds and comments. False where these cannot be read: a stray line
 * end or control character, an unclosed or too deep comment.
 */
static bool skip_cfws(struct str value, size_t *at)
{
	size_t depth = 0;

	for (; *at < value.n; ++*at) {
		char c = value.s[*at];

		if (c == '\r' && *at + 1 < value.n && value.s[*at + 1] == '\n')
			c = value.s[++*at];
		if (c == '\n') {
			if (*at + 1 < value.n && !blank(value.s[*at + 1]))
				return false;
		} else if ((c >= '\0' && c < ' ' && c != '\t') || c == 0x7f) {
			return false;
		} else if (c == '(') {
			if (++depth > NESTING_MAX)
				return false;
		} else if (depth == 0) {
			if (!blank(c))
				break;
		} else if (c == ')') {
			depth--;
		} else if (c == '\\') {
			if (++*at >= value.n || (value.s[*at] >= '\0' && value.s[*at] < ' '))
				return false;
		}
	}
	return depth == 0;
}

/* The authserv-id at *at: a token or a quoted string, RFC 2045's "value". */
static bool read_id(struct arena *arena, struct str value, size_t *at, struct str *id_r)
{
	bool quoted = *at < value.n && value.s[*at] == '"', closed = !quoted;
	struct buf id = {.arena = arena};

	*at += quoted;
	for (; *at < value.n; ++*at) {
		char c = value.s[*at];

		if (quoted && c == '"') {
			closed = true;
			++*at;
			break;
		}
		if (quoted && c == '\\' && ++*at < value.n)
			c = value.s[*at];
		if (!quoted && (c == ';' || c == '(' || blank(c) || c == '\r' || c == '\n'))
			break;
		/* Nothing that could hide or split a name, in quotes or not: RFC 2045's tspecials.
		 */
		if (c <= ' ' || c > '~' || strchr("()<>@,;:\\\"/[]?=", c))
			return false;
		buf_putc(&id, c);
	}
	*id_r = buf_str(&id);
	return closed && id.n > 0;
}

enum authres_claim authres_claim(struct arena *arena, struct str value, struct str authserv)
{
	struct str id, ours;
	size_t at = 0, digits = 0;

	if (str_chr(value, '\0') >= 0 || !skip_cfws(value, &at) || !read_id(arena, value, &at, &id))
		return AUTHRES_UNCLEAR;
	if (!domain_normal(arena, authserv, &ours))
		ours = str_lower(arena, str_trim(authserv));
	while (id.n > 0 && id.s[id.n - 1] == '.')
		id.n--;
	if (domain_within(str_lower(arena, id), ours))
		return AUTHRES_OURS;
	/* Somebody else's only if what follows is what may follow an id: a version, then ';'. */
	if (id.n == 0 || !skip_cfws(value, &at))
		return AUTHRES_UNCLEAR;
	while (at < value.n && value.s[at] >= '0' && value.s[at] <= '9') {
		at++;
		digits++;
	}
	if (digits > 0 && !skip_cfws(value, &at))
		return AUTHRES_UNCLEAR;
	return at == value.n || value.s[at] == ';' ? AUTHRES_FOREIGN : AUTHRES_UNCLEAR;
}
