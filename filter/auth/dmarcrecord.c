/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DMARC policy records (RFC 9989 4.7, 4.8). Only the version decides whether a text is one; a tag
 * that is not understood counts as missing, and which policy tags must be there for it to apply
 * stands in 4.10.1.
 */

#include "postern/dmarc.h"

/* Real records have 50 to 400 bytes; the DNS would let them have 64 KB. */
#define RECORD_MAX 4096

static bool is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Without WSP at its ends; other white space is no part of the grammar. */
static struct str trim(struct str s)
{
	while (s.n > 0 && (s.s[0] == ' ' || s.s[0] == '\t'))
		s = str_sub(s, 1, s.n);
	while (s.n > 0 && (s.s[s.n - 1] == ' ' || s.s[s.n - 1] == '\t'))
		s.n--;
	return s;
}

/* A reporting URI (RFC 3986, with 4.8's obsolete size behind '!'). */
static bool uri_ok(struct str uri)
{
	static const char marks[] = "-._~:/?#[]@$&'()*+;=%";
	ptrdiff_t size = str_rchr(uri, '!'), colon = str_chr(uri, ':'), at;

	if (size >= 0) {
		struct str number = str_sub(uri, (size_t)size + 1, uri.n);

		if (number.n > 1 && strchr("kmgtKMGT", number.s[number.n - 1]))
			number.n--;
		if (number.n == 0)
			return false;
		for (size_t i = 0; i < number.n; i++)
			if (!is_digit(number.s[i]))
				return false;
		uri.n = (size_t)size;
	}
	if (colon <= 0 || (size_t)colon + 1 >= uri.n || !is_alpha(uri.s[0]))
		return false;
	for (size_t i = 1; i < (size_t)colon; i++)
		if (!is_alpha(uri.s[i]) && !is_digit(uri.s[i]) && !strchr("+-.", uri.s[i]))
			return false;
	for (size_t i = (size_t)colon + 1; i < uri.n; i++)
		if (!is_alpha(uri.s[i]) && !is_digit(uri.s[i]) &&
		    (uri.s[i] == '\0' || !strchr(marks, uri.s[i])))
			return false;
	if (!str_caseeq(str_sub(uri, 0, (size_t)colon), STR("mailto")))
		return true;
	at = str_chr(uri, '@');
	return at > colon + 1 && (size_t)at + 1 < uri.n;
}

static bool any_uri(struct str list)
{
	for (size_t at = 0; at <= list.n;) {
		struct str rest = str_sub(list, at, list.n), one;
		ptrdiff_t comma = str_chr(rest, ',');

		one = comma < 0 ? rest : str_sub(rest, 0, (size_t)comma);
		if (uri_ok(trim(one)))
			return true;
		at += one.n + 1;
	}
	return false;
}

/* The tags that decide something here, each NULL where it is not there. */
enum tag { TAG_P, TAG_SP, TAG_NP, TAG_T, TAG_PSD, TAG_ADKIM, TAG_ASPF, TAG_RUA, TAGS };
static const char *const tag_names[TAGS] = {"p", "sp", "np", "t", "psd", "adkim", "aspf", "rua"};

struct tags {
	struct str values[TAGS];
	bool there[TAGS];
};

/*
 * One tag. RFC 6376 3.2, whose syntax this is, tells names apart by case and forbids a second tag
 * of one name: neither of the two can be believed then, so the value is taken for a wrong one.
 */
static void read_tag(struct str spec, struct tags *tags)
{
	ptrdiff_t equals = str_chr(spec, '=');
	struct str name, value;

	if (equals < 0)
		return;
	name = trim(str_sub(spec, 0, (size_t)equals));
	value = trim(str_sub(spec, (size_t)equals + 1, spec.n));
	for (size_t i = 0; i < TAGS; i++) {
		if (!str_eq(name, str_of(tag_names[i])))
			continue;
		tags->values[i] = tags->there[i] ? (struct str){0} : value;
		tags->there[i] = true;
	}
}

/* False where the tag is there and its value is none of these; *r stays as it is without one. */
static bool read_policy(const struct tags *tags, enum tag tag, enum dmarc_policy *r)
{
	if (!tags->there[tag])
		return true;
	for (int i = DMARC_POLICY_NONE; i <= DMARC_POLICY_REJECT; i++) {
		if (str_caseeq(tags->values[tag], str_of(dmarc_policy_name(i)))) {
			*r = i;
			return true;
		}
	}
	return false;
}

static bool is(const struct tags *tags, enum tag tag, const char *value)
{
	return tags->there[tag] && str_caseeq(tags->values[tag], str_of(value));
}

static void interpret(const struct tags *tags, struct dmarc_record *record)
{
	bool good = tags->there[TAG_P] && read_policy(tags, TAG_P, &record->p);

	record->sp = record->p;
	good &= read_policy(tags, TAG_SP, &record->sp);
	record->np = record->sp;
	good &= read_policy(tags, TAG_NP, &record->np);
	record->has_np = tags->there[TAG_NP];
	record->testing = is(tags, TAG_T, "y");
	record->psd = is(tags, TAG_PSD, "y") ? 'y' : is(tags, TAG_PSD, "n") ? 'n' : 'u';
	record->strict_dkim = is(tags, TAG_ADKIM, "s");
	record->strict_spf = is(tags, TAG_ASPF, "s");
	record->applies = good;
	if (good)
		return;
	/* 4.10.1: who asks for reports gets p=none, who does not is not spoken of. */
	record->applies = tags->there[TAG_RUA] && any_uri(tags->values[TAG_RUA]);
	record->p = record->sp = record->np = DMARC_POLICY_NONE;
	record->has_np = false;
}

/* "v" equals %s"DMARC1", and then the end or a separator. */
static bool version_ok(struct str spec)
{
	ptrdiff_t equals = str_chr(spec, '=');

	if (spec.n == 0 || (spec.s[0] != 'v' && spec.s[0] != 'V') || equals < 0)
		return false;
	return trim(str_sub(spec, 0, (size_t)equals)).n == 1 &&
	       str_eq(trim(str_sub(spec, (size_t)equals + 1, spec.n)), STR("DMARC1"));
}

bool dmarc_record_parse(struct str text, struct dmarc_record *record_r)
{
	struct tags tags = {0};
	bool first = true;

	*record_r = (struct dmarc_record){.psd = 'u'};
	if (text.n > RECORD_MAX) {
		ptrdiff_t end;

		/* Half a tag would be another one. */
		text.n = RECORD_MAX;
		end = str_rchr(text, ';');
		text.n = end < 0 ? 0 : (size_t)end;
	}
	for (size_t at = 0; at <= text.n; first = false) {
		struct str rest = str_sub(text, at, text.n), spec;
		ptrdiff_t end = str_chr(rest, ';');

		spec = end < 0 ? rest : str_sub(rest, 0, (size_t)end);
		if (first && !version_ok(spec))
			return false;
		if (!first)
			read_tag(spec, &tags);
		at += spec.n + 1;
	}
	interpret(&tags, record_r);
	return true;
}
