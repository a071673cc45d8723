/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads files of records, word by word and line by line. Every mistake is reported with its
 * place, at most one a line.
 */

#include "filter/dns/master.h"

#include "postern/diag.h"
#include "postern/ip.h"

#define MASTER_TTL 3600 /* of a record without one */

/* Types that master files may hold, but that no check asks for, only make their name exist. */
static const struct {
	const char *name;
	enum entry_kind kind;
	uint16_t type;
} types[] = {
    {"A", ENTRY_RECORD, DNS_A},
    {"AAAA", ENTRY_RECORD, DNS_AAAA},
    {"CNAME", ENTRY_RECORD, DNS_CNAME},
    {"MX", ENTRY_RECORD, DNS_MX},
    {"PTR", ENTRY_RECORD, DNS_PTR},
    {"TXT", ENTRY_RECORD, DNS_TXT},
    {"NODATA", ENTRY_EXISTS, 0},
    {"TIMEOUT", ENTRY_TIMEOUT, 0},
    {"SERVFAIL", ENTRY_SERVFAIL, 0},
    {"BOGUS", ENTRY_BOGUS, 0},
    {"NS", ENTRY_EXISTS, 2},
    {"SOA", ENTRY_EXISTS, 6},
    {"HINFO", ENTRY_EXISTS, 13},
    {"RP", ENTRY_EXISTS, 17},
    {"AFSDB", ENTRY_EXISTS, 18},
    {"LOC", ENTRY_EXISTS, 29},
    {"SRV", ENTRY_EXISTS, 33},
    {"NAPTR", ENTRY_EXISTS, 35},
    {"DS", ENTRY_EXISTS, 43},
    {"SSHFP", ENTRY_EXISTS, 44},
    {"RRSIG", ENTRY_EXISTS, 46},
    {"NSEC", ENTRY_EXISTS, 47},
    {"DNSKEY", ENTRY_EXISTS, 48},
    {"NSEC3", ENTRY_EXISTS, 50},
    {"NSEC3PARAM", ENTRY_EXISTS, 51},
    {"TLSA", ENTRY_EXISTS, 52},
    {"SMIMEA", ENTRY_EXISTS, 53},
    {"CDS", ENTRY_EXISTS, 59},
    {"CDNSKEY", ENTRY_EXISTS, 60},
    {"OPENPGPKEY", ENTRY_EXISTS, 61},
    {"SVCB", ENTRY_EXISTS, 64},
    {"HTTPS", ENTRY_EXISTS, 65},
    {"SPF", ENTRY_EXISTS, 99},
    {"URI", ENTRY_EXISTS, 256},
    {"CAA", ENTRY_EXISTS, 257},
};

#define TYPES (sizeof(types) / sizeof(types[0]))

/* One line, read word by word. */
struct reader {
	const struct source *source;
	struct diag *diag;
	struct arena *arena;
	size_t at, end;  /* what is left of the line */
	struct str word; /* as it stands in the file, without the quotes */
	struct span span;
	bool failed;
};

static void reader_error(struct reader *r, const char *what)
{
	if (!r->failed)
		diag_error(r->diag, r->span, "%s", what);
	r->failed = true;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The next word, quoted or not; false at the end of the line or at a comment. */
static bool reader_next(struct reader *r)
{
	const char *s = r->source->text.s;
	size_t from;
	bool quoted;

	while (r->at < r->end && is_blank(s[r->at]))
		r->at++;
	r->span = (struct span){r->source, r->at, r->at};
	if (r->at == r->end || s[r->at] == ';' || s[r->at] == '#')
		return false;
	quoted = s[r->at] == '"';
	from = r->at += quoted;
	while (r->at < r->end &&
	       (quoted ? s[r->at] != '"' : !is_blank(s[r->at]) && s[r->at] != ';'))
		r->at += s[r->at] == '\\' && r->at + 1 < r->end ? 2 : 1;
	r->word = (struct str){s + from, r->at - from};
	if (quoted && r->at == r->end)
		reader_error(r, "a quotation mark is missing");
	r->at += quoted && r->at < r->end;
	r->span.to = r->at;
	return !r->failed;
}

/* As reader_next(), but it is a mistake if there is none. */
static bool reader_need(struct reader *r, const char *what)
{
	if (reader_next(r))
		return true;
	reader_error(r, what);
	return false;
}

static bool reader_name(struct reader *r, struct name *name_r)
{
	if (!name_from_master(r->word, name_r))
		reader_error(r, "not a domain name");
	return !r->failed;
}

/* The word's bytes with the escapes resolved. */
static void reader_text(struct reader *r, struct buf *buf)
{
	for (size_t i = 0; i < r->word.n && !r->failed; i++) {
		unsigned value = (uint8_t)r->word.s[i];

		if (value == '\\' && !master_escape(r->word, &i, &value))
			reader_error(
			    r, "an escape is \\DDD, up to 255, or a backslash and a character");
		buf_putc(buf, (char)value);
	}
}

static size_t reader_type(struct reader *r)
{
	const char *names[TYPES];
	const char *near;

	for (size_t i = 0; i < TYPES; i++) {
		if (str_caseeq(r->word, str_of(types[i].name)))
			return i;
		names[i] = types[i].name;
	}
	near = diag_nearest(r->word, names, TYPES);
	if (near)
		diag_error(r->diag, r->span,
			   "unknown record type '" STR_FMT "', did you mean '%s'?",
			   STR_ARG(r->word), near);
	else
		diag_error(r->diag, r->span, "unknown record type '" STR_FMT "'", STR_ARG(r->word));
	r->failed = true;
	return 0;
}

static void read_address(struct reader *r, struct entry *entry)
{
	bool colons = str_chr(r->word, ':') >= 0;
	struct ip ip;

	if (!ip_parse(r->word, &ip) || colons != (entry->type == DNS_AAAA)) {
		reader_error(r,
			     entry->type == DNS_A ? "not an IPv4 address" : "not an IPv6 address");
		return;
	}
	entry->data = entry->type == DNS_A ? (struct str){(const char *)ip.bytes + 12, 4}
					   : (struct str){(const char *)ip.bytes, 16};
	entry->data = str_dup(r->arena, entry->data);
}

/* The data of a record; the reader stands on the type. */
static void read_data(struct reader *r, struct entry *entry)
{
	char text[NAME_TEXT_MAX];
	struct buf buf = {.arena = r->arena};
	struct name *target;
	uint64_t preference;

	if (!reader_need(r, "the record's data are missing"))
		return;
	switch ((enum dns_type)entry->type) {
	case DNS_A:
	case DNS_AAAA:
		read_address(r, entry);
		break;
	case DNS_TXT:
		do
			reader_text(r, &buf);
		while (!r->failed && reader_next(r));
		entry->data = buf_str(&buf);
		return;
	case DNS_MX:
		if (!str_uint(r->word, UINT16_MAX, &preference)) {
			reader_error(r, "not a preference: a number up to 65535 is meant");
			return;
		}
		entry->preference = (uint16_t)preference;
		if (!reader_need(r, "the name of the mail exchanger is missing"))
			return;
		/* fall through */
	case DNS_CNAME:
	case DNS_PTR:
		target = arena_new_of(r->arena, struct name);
		if (reader_name(r, target))
			entry->data = str_dup(r->arena, name_text(target, text));
		entry->target = target;
		break;
	}
	if (!r->failed && reader_next(r))
		reader_error(r, "this is more than the record needs");
}

/* TIMEOUT, SERVFAIL, BOGUS and NODATA may name the type that they are about. */
static void read_pseudo(struct reader *r, struct entry *entry)
{
	size_t type;

	if (!reader_next(r))
		return;
	type = reader_type(r);
	if (!r->failed && types[type].type == 0)
		reader_error(r, "a type of record is meant");
	entry->type = types[type].type;
	if (!r->failed && reader_next(r))
		reader_error(r, "a type is all that may stand here");
}

struct str master_path(const struct name *name, char *buf)
{
	size_t n = name->n - 1U, end = n;

	for (size_t at = 0; at < n;) {
		size_t size = 1U + name->wire[at];

		end -= size;
		memcpy(buf + end, name->wire + at, size);
		at += size;
	}
	return (struct str){buf, n};
}

/* NAME [TTL] [IN] TYPE DATA */
static void read_line(struct reader *r, size_t line, struct entries *entries)
{
	struct entry entry = {.line = line};
	char path[NAME_MAX_WIRE];
	struct name name;
	uint64_t ttl = MASTER_TTL;
	size_t type;

	if (!reader_next(r))
		return;
	if (str_starts(r->word, STR("$"))) {
		reader_error(r, "directives are not understood: every name stands in full");
		return;
	}
	if (!reader_name(r, &name) || !reader_need(r, "the type of the record is missing"))
		return;
	while (str_caseeq(r->word, STR("IN")) || str_uint(r->word, INT32_MAX, &ttl)) {
		if (!reader_need(r, "the type of the record is missing"))
			return;
	}
	entry.ttl = (uint32_t)ttl;
	type = reader_type(r);
	entry.path = str_dup(r->arena, master_path(&name, path));
	entry.kind = types[type].kind;
	entry.type = types[type].type;
	if (r->failed)
		return;
	if (entry.kind == ENTRY_RECORD)
		read_data(r, &entry);
	else if (entry.type == 0)
		read_pseudo(r, &entry);
	if (!r->failed)
		*vec_push(r->arena, &entries->list) = entry;
}

bool master_read(const struct source *source, struct diag *diag, struct arena *arena,
		 struct entries *entries)
{
	struct str text = source->text;
	size_t line = 0, errors = diag_errors(diag);

	for (size_t at = 0; at < text.n; line++) {
		ptrdiff_t end = str_chr(str_sub(text, at, text.n), '\n');
		struct reader r = {.source = source, .diag = diag, .arena = arena, .at = at};

		r.end = end < 0 ? text.n : at + (size_t)end;
		read_line(&r, line, entries);
		at = r.end + 1;
	}
	return diag_errors(diag) == errors;
}
