/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fields of a part, read by GMime, whose only user this file is. Programs that show mail
 * forgive more than any one parser does: so a value is read in several ways, and what any of them
 * finds counts.
 */

#include <gmime/gmime.h>
#include <iconv.h>

#include "filter/mail/mimecharset.h"
#include "filter/mail/mimefield.h"
#include "postern/limits.h"
#include "postern/mail.h"
#include "postern/mime.h"

struct mimefield_parser {
	GMimeParserOptions *loose, *strict;
};

struct mimefield_decoder {
	GMimeEncoding encoding;
	/* GMime's own bound for base64 and quoted-printable is below this. */
	char out[2 * MIMEFIELD_DECODE + 64];
};

/* What one reading works with; a short-lived arena of its own. */
struct reading {
	struct mimefield_parser *parser;
	struct arena *scratch, *arena;
	struct mimefield *field;
};

void mime_init(void)
{
	g_mime_init();
}

/* libc loads a library for most charsets, and keeps it for as long as a converter is open. */
void mime_init_confined(void)
{
	static iconv_t converters[MIMECHARSETS];

	mime_init();
	for (size_t i = 0; i < MIMECHARSETS; i++)
		if (!converters[i])
			converters[i] =
			    iconv_open("UTF-8", g_mime_charset_iconv_name(mimecharset_names[i]));
}

static void parser_free(void *handle)
{
	struct mimefield_parser *parser = handle;

	if (parser->loose)
		g_mime_parser_options_free(parser->loose);
	if (parser->strict)
		g_mime_parser_options_free(parser->strict);
}

struct mimefield_parser *mimefield_parser_new(struct arena *arena)
{
	struct mimefield_parser *parser = arena_new_of(arena, struct mimefield_parser);

	arena_cleanup(arena, parser_free, parser);
	parser->loose = g_mime_parser_options_new();
	parser->strict = g_mime_parser_options_new();
	g_mime_parser_options_set_parameter_compliance_mode(parser->strict,
							    GMIME_RFC_COMPLIANCE_STRICT);
	return parser;
}

/* ---- objects of GLib hang on the arena before they are made ---- */

static void unref(void *handle)
{
	GObject **object = handle;

	if (*object)
		g_object_unref(*object);
}

static GObject **holder(struct arena *arena)
{
	GObject **object = arena_alloc(arena, sizeof(GObject *));

	arena_cleanup(arena, unref, object);
	return object;
}

static GMimeParamList *parameters(struct reading *r, GMimeParserOptions *options, struct str text)
{
	GObject **object = holder(r->scratch);
	GMimeParamList *list;

	text = str_dup(r->scratch, text);
	list = g_mime_param_list_parse(options, text.s);
	*object = (GObject *)list;
	return list;
}

/* ---- the text as it stands ---- */

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

/*
 * Where, from `at`, the name of a parameter ends in `word`, an equals sign behind it, or text.n.
 * *later_r: it is a later piece of one (RFC 2231 3).
 */
static size_t find_parameter(struct str text, const char *word, size_t at, bool *later_r)
{
	size_t length = strlen(word), end;

	for (; at + length < text.n; at++) {
		if (!str_casestarts(str_sub(text, at, length), str_of(word)))
			continue;
		end = at + length;
		*later_r = false;
		while (end < text.n && (blank(text.s[end]) || text.s[end] == '*' ||
					(text.s[end] >= '0' && text.s[end] <= '9'))) {
			*later_r |= text.s[end] >= '1' && text.s[end] <= '9';
			end++;
		}
		if (end < text.n && (text.s[end] == '=' || text.s[end] == '('))
			return at;
	}
	return text.n;
}

/* `apart`: only where no longer name, or a quoted text, holds the word. */
static size_t count_parameters(struct str text, const char *word, bool apart)
{
	size_t count = 0;
	bool later;

	for (size_t at = 0; (at = find_parameter(text, word, at, &later)) < text.n; at++)
		if (!later && (!apart || at == 0 || memchr(" \t;,)", text.s[at - 1], 5)))
			count++;
	return count;
}

/* ---- names ---- */

static void add_name(struct reading *r, struct str name)
{
	name = str_trim(name);
	if (name.n == 0)
		return;
	for (size_t i = 0; i < r->field->names.count; i++)
		if (str_eq(r->field->names.items[i], name))
			return;
	if (r->field->names.count >= LIMIT_MIME_PART_NAMES) {
		r->field->trouble = "a part with too many names";
		return;
	}
	*vec_push(r->arena, &r->field->names) = str_dup(r->arena, name);
}

static bool is_name(struct str name)
{
	return str_caseeq(name, STR("filename")) || str_caseeq(name, STR("name"));
}

/* The names in a list; how many there were. Of a strict reading, only those with an extension. */
static size_t add_names(struct reading *r, GMimeParamList *list, bool strict)
{
	int count = g_mime_param_list_length(list);
	size_t found = 0;

	for (int i = 0; i < count; i++) {
		GMimeParam *parameter = g_mime_param_list_get_parameter_at(list, i);
		struct str value = str_of(g_mime_param_get_value(parameter));

		if (!is_name(str_of(g_mime_param_get_name(parameter))))
			continue;
		found++;
		if (!strict || mime_extension(r->scratch, value).n > 0)
			add_name(r, value);
	}
	return found;
}

/* Each parameter that may be a name, read for itself, whatever stands before it. */
static void add_each(struct reading *r, struct str text)
{
	size_t count = 0;
	bool later;

	for (size_t at = 0; (at = find_parameter(text, "name", at, &later)) < text.n; at++) {
		size_t from =
		    at >= 4 && str_caseeq(str_sub(text, at - 4, 4), STR("file")) ? at - 4 : at;
		struct str one = str_sub(text, from, text.n);
		size_t equals;

		if (++count > LIMIT_MIME_PART_NAMES) {
			r->field->trouble = "a part with too many names";
			return;
		}
		one = str_sub(one, 0, (size_t)str_chr(one, ';'));
		equals = (size_t)(str_chr(one, '=') + 1);
		/* GMime takes two quotes for an empty text, others for one quote too many. */
		if (str_starts(str_sub(one, equals, 2), STR("\"\"")))
			one = str_printf(r->scratch, STR_FMT STR_FMT,
					 STR_ARG(str_sub(one, 0, equals)),
					 STR_ARG(str_sub(one, equals + 2, one.n)));
		one = mimecharset_known(r->scratch, one, &r->field->trouble);
		add_names(r, parameters(r, r->parser->loose, one), false);
		add_names(r, parameters(r, r->parser->strict, one), true);
	}
}

static void read_names(struct reading *r, struct str text)
{
	ptrdiff_t semicolon = str_chr(text, ';');
	size_t found = 0;

	if (semicolon >= 0) {
		struct str list = str_sub(text, (size_t)semicolon + 1, text.n);

		found = add_names(r, parameters(r, r->parser->loose, list), false);
		add_names(r, parameters(r, r->parser->strict, list), true);
	}
	if (count_parameters(text, "name", false) > found || str_has(text, STR("=\"\"")))
		add_each(r, text);
}

/* ---- the type ---- */

static void read_boundary(struct reading *r, GMimeParamList *list, struct str text)
{
	int count = g_mime_param_list_length(list);
	struct mimefield *field = r->field;
	size_t found = 0;

	for (int i = 0; i < count; i++) {
		GMimeParam *parameter = g_mime_param_list_get_parameter_at(list, i);
		struct str value = str_of(g_mime_param_get_value(parameter));
		struct str quoted;

		if (!str_caseeq(str_of(g_mime_param_get_name(parameter)), STR("boundary")))
			continue;
		found++;
		quoted = str_printf(r->scratch, "\"" STR_FMT "\"", STR_ARG(value));
		/* What was decoded, or ends early for a strict reader, others read in other ways.
		 */
		if (!str_has(text, quoted) && (!str_has(text, value) || str_has(text, STR("=?")) ||
					       strcspn(value.s, " \t(\"<>@,[]\\") < value.n))
			field->trouble = "an ambiguous boundary";
		/* RFC 2046 5.1.1: none ends in a blank. */
		while (value.n > 0 && blank(value.s[value.n - 1]))
			value.n--;
		if (field->boundary.n > 0 && !str_eq(field->boundary, value))
			field->trouble = "several boundaries";
		field->boundary = str_dup(r->arena, value);
	}
	if (count_parameters(text, "boundary", true) != found)
		field->trouble = "an ambiguous boundary";
}

static void read_type(struct reading *r, struct str text)
{
	GObject **object = holder(r->scratch);
	GMimeContentType *type = g_mime_content_type_parse(r->parser->loose, text.s);
	const char *major, *minor;

	*object = (GObject *)type;
	major = g_mime_content_type_get_media_type(type);
	minor = g_mime_content_type_get_media_subtype(type);
	r->field->type = str_lower(
	    r->arena, str_printf(r->scratch, "%s/%s", major ? major : "", minor ? minor : ""));
	read_boundary(r, g_mime_content_type_get_parameters(type), text);
	if (r->field->boundary.n == 0 && str_starts(r->field->type, STR("multipart/")))
		r->field->trouble = "a multipart without boundary";
}

/*
 * One line, without NUL, no backslash but before a quote or another, none at the end: behind that
 * GMime would read on.
 */
static struct str prepare(struct reading *r, struct str value)
{
	struct buf out = {.arena = r->scratch};

	value = field_unfold(r->scratch, value);
	for (size_t i = 0; i < value.n; i++) {
		char c = value.s[i], next = i + 1 < value.n ? value.s[i + 1] : '\0';

		if (c == '\0') {
			r->field->trouble = "a NUL in a field of a part";
		} else if (c == '\\' && (next == '"' || next == '\\')) {
			buf_putc(&out, c);
			buf_putc(&out, next);
			i++;
		} else if (c != '\\') {
			buf_putc(&out, c == '\r' || c == '\n' ? ' ' : c);
		}
	}
	return mimecharset_known(r->scratch, str_dup(r->scratch, buf_str(&out)),
				 &r->field->trouble);
}

void mimefield_read(struct mimefield_parser *parser, struct arena *arena, struct str value,
		    bool type, struct mimefield *field_r)
{
	struct arena *scratch = arena_new(arena);
	struct reading r = {parser, scratch, arena, field_r};
	struct str text;

	*field_r = (struct mimefield){.type = STR("")};
	text = prepare(&r, value);
	/* Behind an encoded NUL some read on, some do not. */
	if (str_has(text, STR("%00")) || str_has(text, STR("=00")))
		field_r->trouble = "a NUL in a field of a part";
	if (type)
		read_type(&r, text);
	read_names(&r, text);
	if (str_has(text, STR("=?")))
		read_names(&r, prepare(&r, field_decode(scratch, text)));
	arena_free(&scratch);
}

/* ---- content ---- */

struct mimefield_decoder *mimefield_decoder_new(struct arena *arena)
{
	return arena_new_of(arena, struct mimefield_decoder);
}

int mimefield_decoder_start(struct mimefield_decoder *decoder, struct str encoding)
{
	static const char *const plain[] = {"", "7bit", "8bit", "binary"};
	GMimeContentEncoding kind = GMIME_CONTENT_ENCODING_DEFAULT;

	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		if (str_caseeq(encoding, str_of(plain[i])))
			return 0;
	if (str_caseeq(encoding, STR("base64")))
		kind = GMIME_CONTENT_ENCODING_BASE64;
	else if (str_caseeq(encoding, STR("quoted-printable")))
		kind = GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE;
	else
		return -1;
	g_mime_encoding_init_decode(&decoder->encoding, kind);
	return 1;
}

struct str mimefield_decode(struct mimefield_decoder *decoder, struct str bytes)
{
	size_t n = g_mime_encoding_step(&decoder->encoding, bytes.s, bytes.n, decoder->out);

	return (struct str){decoder->out, n};
}
