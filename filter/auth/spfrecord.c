/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parser of SPF records (RFC 7208 sections 4.6, 5, 6 and 12). It checks every term by the
 * full grammar and keeps only the few that can matter to one client, so a record of any length
 * takes linear time and constant memory.
 */

#include "filter/auth/spfrecord.h"

#include "filter/auth/spfmacro.h"
#include "postern/arena.h"

struct parse {
	const struct ip *client;
	struct spfrecord *record;
	bool closed;     /* no further mechanism can be reached */
	bool redirected; /* redirect and exp may stand once each */
	bool explained;
	struct str redirect;
	const char *why;
};

static bool is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

bool spfrecord_is(struct str text)
{
	return str_casestarts(text, STR("v=spf1")) && (text.n == 6 || text.s[6] == ' ');
}

/* Cuts a length off the end of *text: "/24" with `slash` "/", "//64" with "//". */
static bool cut_length(struct str *text, struct str slash, unsigned max, unsigned *length_r)
{
	size_t from = text->n;
	struct str digits;
	uint64_t value;

	while (from > 0 && is_digit(text->s[from - 1]))
		from--;
	digits = str_sub(*text, from, text->n);
	if (digits.n == 0 || !str_ends(str_sub(*text, 0, from), slash))
		return true;
	if ((digits.n > 1 && digits.s[0] == '0') || !str_uint(digits, max, &value))
		return false;
	*length_r = (unsigned)value;
	text->n = from - slash.n;
	return true;
}

/* [ "/" 0-32 ] [ "//" 0-128 ] at the end; of the two the client's own kind is kept. */
static bool cut_lengths(struct parse *parse, struct str *text, uint8_t *prefix_r)
{
	unsigned length4 = 32, length6 = 128;

	if (!cut_length(text, STR("//"), 128, &length6) ||
	    !cut_length(text, STR("/"), 32, &length4)) {
		parse->why = "a network's length is wrong";
		return false;
	}
	*prefix_r = (uint8_t)(ip_is_v4(parse->client) ? length4 : length6);
	return true;
}

static void add(struct parse *parse, const struct spfrecord_term *term)
{
	struct spfrecord *record = parse->record;

	if (parse->closed)
		return;
	record->terms[record->count++] = *term;
	/* Without an `all` all stored terms look up: the one past the limit ends every check. */
	parse->closed = term->kind == SPFRECORD_ALL || record->count > SPF_TERMS;
}

static bool same_bits(const struct ip *a, const struct ip *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	return memcmp(a->bytes, b->bytes, whole) == 0 &&
	       (rest == 0 || (a->bytes[whole] ^ b->bytes[whole]) >> (8 - rest) == 0);
}

/* ip4 and ip6 (5.6), decided at once: what matches is as good as `all`. */
static bool parse_network(struct parse *parse, struct str text, bool v4, char qualifier)
{
	unsigned bits = v4 ? 32 : 128;
	struct ip network;

	if (text.n == 0 || text.s[0] != ':') {
		parse->why = "an address is missing";
		return false;
	}
	text = str_sub(text, 1, text.n);
	if (!cut_length(&text, STR("/"), bits, &bits)) {
		parse->why = "a network's length is wrong";
		return false;
	}
	if ((str_chr(text, ':') < 0) != v4 || !ip_parse(text, &network)) {
		parse->why = v4 ? "not an IPv4 network" : "not an IPv6 network";
		return false;
	}
	if (ip_is_v4(parse->client) == v4 &&
	    same_bits(parse->client, &network, v4 ? bits + 96 : bits))
		add(parse, &(struct spfrecord_term){SPFRECORD_ALL, qualifier, 0, {"", 0}});
	return true;
}

static bool check_name(struct parse *parse, struct str name)
{
	parse->why = spfmacro_fault(name, SPFMACRO_NAME);
	return parse->why == NULL;
}

/* How a mechanism goes on after its name. */
static const struct mechanism {
	struct str name;
	enum spfrecord_kind kind;
	bool domain;  /* it may have a domain */
	bool needed;  /* it must */
	bool lengths; /* it may have the lengths of networks */
} mechanisms[] = {
    {{"all", 3}, SPFRECORD_ALL, false, false, false},
    {{"include", 7}, SPFRECORD_INCLUDE, true, true, false},
    {{"a", 1}, SPFRECORD_A, true, false, true},
    {{"mx", 2}, SPFRECORD_MX, true, false, true},
    {{"ptr", 3}, SPFRECORD_PTR, true, false, false},
    {{"exists", 6}, SPFRECORD_EXISTS, true, true, false},
};

static bool parse_mechanism(struct parse *parse, struct str text)
{
	struct spfrecord_term term = {.qualifier = '+'};
	const struct mechanism *mechanism = NULL;
	struct str name;
	size_t n = 0;

	if (str_chr(STR("+-~?"), text.s[0]) >= 0) {
		term.qualifier = text.s[0];
		text = str_sub(text, 1, text.n);
	}
	while (n < text.n && text.s[n] != ':' && text.s[n] != '/')
		n++;
	name = str_sub(text, 0, n);
	text = str_sub(text, n, text.n);
	if (str_caseeq(name, STR("ip4")) || str_caseeq(name, STR("ip6")))
		return parse_network(parse, text, name.s[2] == '4', term.qualifier);
	for (size_t i = 0; i < sizeof(mechanisms) / sizeof(*mechanisms); i++)
		if (str_caseeq(name, mechanisms[i].name))
			mechanism = &mechanisms[i];
	if (!mechanism) {
		parse->why = "an unknown mechanism";
		return false;
	}
	term.kind = mechanism->kind;
	if (mechanism->lengths && !cut_lengths(parse, &text, &term.prefix))
		return false;
	if (mechanism->domain && text.n > 0 && text.s[0] == ':') {
		term.name = str_sub(text, 1, text.n);
		if (!check_name(parse, term.name))
			return false;
	} else if (text.n > 0 || mechanism->needed) {
		parse->why =
		    text.n > 0 ? "a mechanism goes on in a wrong way" : "a domain is missing";
		return false;
	}
	add(parse, &term);
	return true;
}

static bool parse_once(struct parse *parse, bool *seen, struct str value, struct str *value_r)
{
	if (*seen) {
		parse->why = "redirect or exp stands twice";
		return false;
	}
	*seen = true;
	*value_r = value;
	return check_name(parse, value);
}

/* One term: a modifier if a name and '=' start it (6), else a mechanism (5). */
static bool parse_term(struct parse *parse, struct str text)
{
	size_t n = 0;
	struct str name, value;

	if (is_alpha(text.s[0]))
		while (n < text.n && (is_alpha(text.s[n]) || is_digit(text.s[n]) ||
				      str_chr(STR("-_."), text.s[n]) >= 0))
			n++;
	if (n == 0 || n == text.n || text.s[n] != '=')
		return parse_mechanism(parse, text);
	name = str_sub(text, 0, n);
	value = str_sub(text, n + 1, text.n);
	if (str_caseeq(name, STR("redirect")))
		return parse_once(parse, &parse->redirected, value, &parse->redirect);
	if (str_caseeq(name, STR("exp")))
		return parse_once(parse, &parse->explained, value, &parse->record->exp);
	parse->why = spfmacro_fault(value, SPFMACRO_MODIFIER);
	return parse->why == NULL;
}

bool spfrecord_parse(struct arena *arena, struct str text, const struct ip *client,
		     struct spfrecord *record_r, struct str *why_r)
{
	struct parse parse = {.client = client, .record = record_r};
	struct str left = str_sub(text, 6, text.n);

	*record_r = (struct spfrecord){0};
	while (left.n > 0) {
		ptrdiff_t blank = str_chr(left, ' ');
		struct str term = str_sub(left, 0, blank < 0 ? left.n : (size_t)blank);

		left = str_sub(left, term.n + 1, left.n);
		if (term.n == 0 || parse_term(&parse, term))
			continue;
		*why_r = str_printf(arena, "%s in '" STR_FMT "'", parse.why,
				    STR_ARG(str_clean(arena, term, 60)));
		*record_r = (struct spfrecord){0};
		return false;
	}
	if (parse.redirected)
		add(&parse, &(struct spfrecord_term){SPFRECORD_REDIRECT, '+', 0, parse.redirect});
	return true;
}
