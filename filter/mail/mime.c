/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The structure of a message, found while it streams by: lines, and of these the headers of
 * parts. Where it is open which reading is right, the one that shows more parts is taken, and
 * trouble is noted if neither shows all.
 */

#include "postern/mime.h"

#include "filter/mail/mimefield.h"
#include "filter/mail/mimefound.h"
#include "filter/mail/mimelevels.h"
#include "postern/arena.h"
#include "postern/limits.h"

/* What is kept of a line at a time: a field, or a boundary and white space. */
#define LINE_MAX_KEPT LIMIT_MIME_FIELD_BYTES

enum field_kind { FIELD_OTHER, FIELD_TYPE, FIELD_DISPOSITION, FIELD_ENCODING };

/* The part whose header is read. */
struct part {
	bool digest; /* its type is message/rfc822 if it names none (RFC 2046 5.1.5) */
	bool typed, message;
	bool odd; /* some programs may read its header in another way */
	size_t boundaries;
	size_t first_name;
	char encoding[32];
	size_t encoding_length;
};

struct mime {
	struct arena *arena;
	struct mimefield_parser *parser;
	struct mimefound *found;
	struct mimelevels levels;
	bool in_header;
	struct part part;

	/* The line that is read, as far as it is kept. */
	char line[LINE_MAX_KEPT];
	size_t kept;
	bool later;    /* its beginning was looked at, this is a later piece */
	bool skip;     /* nothing of it matters */
	bool loose;    /* it begins behind a CR alone */
	bool after_cr; /* which may be a CR alone or half of a line end */

	/* The field that is read. */
	enum field_kind kind;
	char field[LIMIT_MIME_FIELD_BYTES];
	size_t field_length;

	/* A message in base64 or the like. */
	struct mimefield_decoder *decoder;
	struct mime *inner;
	size_t encoded; /* how many were decoded to get here */
	bool decoding;
};

static struct mime *mime_make(struct arena *arena, struct mimefield_parser *parser,
			      struct mimefound *found)
{
	struct mime *m = arena_new_of(arena, struct mime);

	m->arena = arena;
	m->parser = parser;
	m->found = found;
	return m;
}

/* ---- headers of parts ---- */

static void header_begin(struct mime *m, bool digest)
{
	mimefound_part(m->found);
	m->part = (struct part){.digest = digest, .first_name = m->found->names.count};
	m->kind = FIELD_OTHER;
	m->in_header = true;
}

static void field_type(struct mime *m, const struct mimefield *field)
{
	bool multipart = str_starts(field->type, STR("multipart/"));

	m->part.typed = true;
	if (!multipart)
		mimefound_type(m->found, field->type);
	if (str_eq(field->type, STR("message/rfc822")) ||
	    str_eq(field->type, STR("message/global")) || str_eq(field->type, STR("message/news")))
		m->part.message = true;
	/* Whatever it is called: what has a boundary may be taken for a multipart. */
	if (field->boundary.n > 0) {
		m->part.boundaries++;
		mimelevels_push(&m->levels, m->found, field->boundary,
				str_eq(field->type, STR("multipart/digest")));
	}
	if (m->part.boundaries > 1)
		mimefound_trouble(m->found, "several boundaries");
	if (m->part.boundaries > 0 && m->part.message)
		mimefound_trouble(m->found, "a message with a boundary");
}

/* A field of a part is complete. Each is read at once: not all programs agree where headers end. */
static void field_done(struct mime *m, enum field_kind kind, struct str value)
{
	struct part *part = &m->part;
	struct mimefield field;

	if (kind == FIELD_OTHER || m->found->stop)
		return;
	if (!mimefound_field(m->found, value.n))
		return;
	if (kind == FIELD_ENCODING) {
		part->odd |= part->encoding_length > 0;
		value = str_trim(value);
		part->encoding_length =
		    value.n < sizeof(part->encoding) ? value.n : sizeof(part->encoding);
		memcpy(part->encoding, value.s, part->encoding_length);
		return;
	}
	mimefield_read(m->parser, m->arena, value, kind == FIELD_TYPE, &field);
	for (size_t i = 0; i < field.names.count; i++)
		mimefound_name(m->found, part->first_name, field.names.items[i]);
	if (field.trouble)
		mimefound_trouble(m->found, field.trouble);
	if (kind == FIELD_TYPE)
		field_type(m, &field);
}

static void field_end(struct mime *m)
{
	enum field_kind kind = m->kind;

	m->kind = FIELD_OTHER;
	field_done(m, kind, (struct str){m->field, m->field_length});
}

static void message_begin(struct mime *m)
{
	struct str encoding = {m->part.encoding, m->part.encoding_length};
	int encoded;

	if (!m->decoder)
		m->decoder = mimefield_decoder_new(m->arena);
	encoded = mimefield_decoder_start(m->decoder, encoding);
	if (m->part.odd || encoded < 0)
		mimefound_trouble(m->found, "a message whose encoding is not clear");
	if (encoded <= 0) {
		mimelevels_push(&m->levels, m->found, STR(""), false);
		header_begin(m, false);
		return;
	}
	if (m->encoded >= LIMIT_MIME_ENCODED ||
	    m->levels.above + m->levels.depth >= LIMIT_MIME_NESTING) {
		mimefound_give_up(m->found, "messages encoded too deep");
		return;
	}
	if (!m->inner)
		m->inner = mime_make(m->arena, m->parser, m->found);
	m->inner->levels.depth = 0;
	m->inner->levels.above = m->levels.above + m->levels.depth + 1;
	m->inner->encoded = m->encoded + 1;
	m->inner->kept = 0;
	m->inner->later = m->inner->skip = m->inner->loose = m->inner->after_cr = false;
	m->decoding = true;
	header_begin(m->inner, false);
}

/* `more`: a body follows. */
static void header_end(struct mime *m, bool more)
{
	bool message;

	field_end(m);
	message = m->part.message || (!m->part.typed && m->part.digest);
	if (!m->part.typed)
		mimefound_type(m->found, message ? STR("message/rfc822") : STR("text/plain"));
	m->in_header = false;
	if (more && message && !m->found->stop)
		message_begin(m);
}

static enum field_kind field_kind(struct str name)
{
	name = str_trim(name); /* "Content-Type :" is an obsolete form */
	if (str_caseeq(name, STR("Content-Type")))
		return FIELD_TYPE;
	if (str_caseeq(name, STR("Content-Disposition")))
		return FIELD_DISPOSITION;
	return str_caseeq(name, STR("Content-Transfer-Encoding")) ? FIELD_ENCODING : FIELD_OTHER;
}

static void field_add(struct mime *m, struct str text)
{
	size_t room = sizeof(m->field) - m->field_length;

	if (m->kind == FIELD_OTHER)
		return;
	if (text.n > room) {
		mimefound_trouble(m->found, "a field of a part that is too long");
		text.n = room;
	}
	if (text.n > 0)
		memcpy(m->field + m->field_length, text.s, text.n);
	m->field_length += text.n;
}

/* A line of a header, or a piece of one. What is no field is passed over, as some programs do. */
static void header_line(struct mime *m, struct str text, const char *eol)
{
	ptrdiff_t colon;

	if (m->later) {
		field_add(m, text);
		return;
	}
	if (text.n == 0) {
		if (!m->loose && eol && eol[0] != '\0' && strcmp(eol, "\r") != 0)
			header_end(m, true);
		else
			m->part.odd = true;
		return;
	}
	if (m->loose && m->kind != FIELD_OTHER)
		mimefound_trouble(m->found, "a CR alone in a field of a part");
	colon = str_chr(text, ':');
	if (text.s[0] == ' ' || text.s[0] == '\t') {
		m->part.odd |= str_trim(text).n == 0;
		field_add(m, text);
		return;
	}
	field_end(m);
	m->part.odd |= colon <= 0;
	m->field_length = 0;
	m->kind = colon < 0 ? FIELD_OTHER : field_kind(str_sub(text, 0, (size_t)colon));
	field_add(m, str_sub(text, (size_t)colon + 1, text.n));
}

/* ---- lines ---- */

static void inner_end(struct mime *m);

static void line_body(struct mime *m, struct str bytes)
{
	mime_body(m->inner, mimefield_decode(m->decoder, bytes));
}

/* A line, or a piece of a long one; `eol` NULL where the line goes on, "" at the end of all. */
static void line_piece(struct mime *m, const char *eol)
{
	struct str text = {m->line, m->kept};
	bool close = false;
	int level = -1;

	m->kept = 0;
	if (m->found->stop)
		return;
	if (!m->later && text.n > 2 && text.s[0] == '-' && text.s[1] == '-') {
		if (m->in_header)
			field_end(m);
		level = mimelevels_find(&m->levels, m->found, text,
					!m->loose && eol && strcmp(eol, "\r") != 0, &close);
	}
	if (level >= 0) {
		if (m->in_header)
			header_end(m, false);
		inner_end(m);
		m->levels.depth = (size_t)level + 1;
		if (!close)
			header_begin(m, m->levels.items[level].digest);
	} else if (m->in_header) {
		header_line(m, text, eol);
	} else if (m->decoding) {
		line_body(m, text);
		if (eol)
			line_body(m, str_of(eol));
	}
}

static void line_end(struct mime *m, const char *eol)
{
	if (!m->skip)
		line_piece(m, eol);
	m->kept = 0;
	m->later = m->skip = false;
	m->loose = strcmp(eol, "\r") == 0;
}

static void line_add(struct mime *m, struct str bytes)
{
	while (bytes.n > 0 && !m->skip) {
		size_t room = sizeof(m->line) - m->kept, n = bytes.n < room ? bytes.n : room;

		/* Of a content only the lines that may be a boundary matter. */
		if (!m->in_header && !m->decoding &&
		    (m->later || m->levels.depth == 0 || (m->kept == 0 && bytes.s[0] != '-'))) {
			m->skip = true;
			return;
		}
		memcpy(m->line + m->kept, bytes.s, n);
		m->kept += n;
		bytes = str_sub(bytes, n, bytes.n);
		if (m->kept == sizeof(m->line)) {
			line_piece(m, NULL);
			m->later = true;
		}
	}
}

/* The end of all that is shown. */
static void mime_end(struct mime *m)
{
	if (m->after_cr)
		line_end(m, "\r");
	m->after_cr = false;
	if (m->kept > 0)
		line_end(m, "");
	if (m->in_header && !m->found->stop)
		header_end(m, false);
	inner_end(m);
}

static void inner_end(struct mime *m)
{
	if (!m->decoding)
		return;
	m->decoding = false;
	mime_end(m->inner);
}

/* ---- as a stream ---- */

struct mime *mime_new(struct arena *arena)
{
	struct mimefound *found = arena_new_of(arena, struct mimefound);
	struct mime *m = mime_make(arena, mimefield_parser_new(arena), found);

	found->arena = arena;
	header_begin(m, false);
	return m;
}

void mime_header(struct mime *m, struct str name, struct str value)
{
	enum field_kind kind = field_kind(name);

	if (kind == FIELD_OTHER)
		return;
	if (value.n > LIMIT_MIME_FIELD_BYTES) {
		mimefound_trouble(m->found, "a field of a part that is too long");
		value.n = LIMIT_MIME_FIELD_BYTES;
	}
	field_done(m, kind, value);
}

void mime_eoh(struct mime *m)
{
	header_end(m, true);
}

bool mime_wants_body(const struct mime *m)
{
	return !m->found->stop && (m->in_header || m->decoding || m->levels.depth > 0);
}

bool mime_body(struct mime *m, struct str chunk)
{
	size_t at = 0, end;

	while (at < chunk.n && mime_wants_body(m)) {
		if (m->after_cr) {
			bool both = chunk.s[at] == '\n';

			m->after_cr = false;
			at += both;
			line_end(m, both ? "\r\n" : "\r");
			continue;
		}
		for (end = at; end < chunk.n && chunk.s[end] != '\n' && chunk.s[end] != '\r';)
			end++;
		line_add(m, str_sub(chunk, at, end - at));
		at = end + 1;
		if (end < chunk.n && chunk.s[end] == '\n')
			line_end(m, "\n");
		else
			m->after_cr = end < chunk.n;
	}
	return mime_wants_body(m);
}

const struct mime_parts *mime_finish(struct mime *m)
{
	mime_end(m);
	return mimefound_result(m->found);
}
