/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Message files. A file whose first line ends in CRLF is taken octet by octet; one with LF line
 * ends is what MTAs store, and gets its CRLFs back.
 */

#include "filter/command/eml.h"

#include "postern/diag.h"
#include "postern/mail.h"

#define MESSAGE_MOST ((size_t)256 << 20)

struct reader {
	struct arena *arena;
	struct str text;
	size_t at;
	bool crlf;
};

/* The next line without its end; false at the end of the text. */
static bool next_line(struct reader *r, struct str *line_r)
{
	struct str rest = str_sub(r->text, r->at, r->text.n);
	size_t n = 0;

	if (rest.n == 0)
		return false;
	while (n < rest.n && !(rest.s[n] == '\n' && (!r->crlf || (n > 0 && rest.s[n - 1] == '\r'))))
		n++;
	r->at += n < rest.n ? n + 1 : n;
	*line_r = str_sub(rest, 0, r->crlf && n < rest.n ? n - 1 : n);
	return true;
}

static bool continues(const struct reader *r)
{
	return r->at < r->text.n && (r->text.s[r->at] == ' ' || r->text.s[r->at] == '\t');
}

static struct str value_of(struct reader *r, struct str first)
{
	struct buf value = {.arena = r->arena};
	struct str line;

	buf_add(&value, first);
	while (continues(r) && next_line(r, &line)) {
		buf_putc(&value, '\n');
		buf_add(&value, line);
	}
	return buf_str(&value);
}

static struct str with_crlf(struct arena *arena, struct str body)
{
	struct buf out = {.arena = arena};
	size_t from = 0;

	for (size_t i = 0; i < body.n; i++) {
		if (body.s[i] != '\n')
			continue;
		buf_add(&out, str_sub(body, from, i - from));
		buf_puts(&out, "\r\n");
		from = i + 1;
	}
	buf_add(&out, str_sub(body, from, body.n));
	return buf_str(&out);
}

bool eml_8bit(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.s[i] > 127)
			return true;
	return false;
}

/* Blanks between a name and its colon are an obsolete form that MTAs still take. */
static struct str without_blanks(struct str s)
{
	while (s.n > 0 && (s.s[s.n - 1] == ' ' || s.s[s.n - 1] == '\t'))
		s.n--;
	return s;
}

bool eml_read(struct arena *arena, const char *path, struct eml *eml_r, const char **why_r)
{
	struct reader r = {.arena = arena};
	VEC(struct field) fields = {0};
	struct source *source;
	struct str line;
	ptrdiff_t newline;

	if (!source_read(arena, strcmp(path, "-") == 0 ? "/dev/stdin" : path, MESSAGE_MOST, &source,
			 why_r))
		return false;
	r.text = source->text;
	newline = str_chr(r.text, '\n');
	r.crlf = newline > 0 && r.text.s[newline - 1] == '\r';
	if (str_starts(r.text, STR("From ")))
		next_line(&r, &line); /* the envelope line of a mailbox file */
	for (;;) {
		size_t before = r.at;
		ptrdiff_t colon;

		if (!next_line(&r, &line) || line.n == 0)
			break;
		colon = str_chr(line, ':');
		if (colon <= 0 || !field_name_ok(without_blanks(str_sub(line, 0, (size_t)colon)))) {
			r.at = before; /* no field: as for an MTA, the body begins here */
			break;
		}
		*vec_push(arena, &fields) = (struct field){
		    .name = str_sub(line, 0, (size_t)colon),
		    .value = value_of(&r, str_sub(line, (size_t)colon + 1, line.n)),
		};
	}
	eml_r->utf8 = eml_8bit(str_sub(r.text, 0, r.at));
	eml_r->fields = fields.items;
	eml_r->field_count = fields.count;
	eml_r->body = str_sub(r.text, r.at, r.text.n);
	if (!r.crlf)
		eml_r->body = with_crlf(arena, eml_r->body);
	return true;
}
