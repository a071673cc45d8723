/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Received fields: the client that a server saw, in the words of Postfix and Sendmail
 * (`from HELO (NAME [IP])`) and of Exim (`from NAME ([IP] helo=HELO)`, `from [IP] (helo=HELO)`).
 * One pass from left to right: what stands behind the place of the address is not believed.
 */

#include "postern/mail.h"

struct cursor {
	const char *at, *end;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool skip_blanks(struct cursor *c)
{
	const char *from = c->at;

	while (c->at < c->end && is_blank(*c->at))
		c->at++;
	return c->at > from;
}

static bool next_is(const struct cursor *c, char byte)
{
	return c->at < c->end && *c->at == byte;
}

static bool take(struct cursor *c, char byte)
{
	if (!next_is(c, byte))
		return false;
	c->at++;
	return true;
}

static struct str rest(const struct cursor *c)
{
	return (struct str){c->at, (size_t)(c->end - c->at)};
}

static bool take_text(struct cursor *c, struct str text)
{
	if (!str_casestarts(rest(c), text))
		return false;
	c->at += text.n;
	return true;
}

/* Up to a blank, a control character or one of `stops`. */
static struct str word(struct cursor *c, const char *stops)
{
	const char *from = c->at;

	while (c->at < c->end && (unsigned char)*c->at > ' ' && *c->at != 0x7f &&
	       !strchr(stops, *c->at))
		c->at++;
	return (struct str){from, (size_t)(c->at - from)};
}

/* A HELO as servers let it in, whatever else stands in it; a name. */
static struct str name_word(struct cursor *c)
{
	return word(c, "()");
}

/* "from", "by": a word of its own. */
static bool keyword(struct cursor *c, struct str name)
{
	struct cursor after = *c;

	if (!take_text(&after, name) || !skip_blanks(&after))
		return false;
	*c = after;
	return true;
}

/* "[192.0.2.1]", "[IPv6:2001:db8::1]", "[2001:db8::1]" */
static bool address(struct cursor *c, struct ip *ip_r)
{
	struct cursor inside = *c;
	ptrdiff_t close;

	if (!take(&inside, '['))
		return false;
	take_text(&inside, STR("IPv6:"));
	close = str_chr(str_sub(rest(&inside), 0, IP_TEXT_MAX), ']');
	if (close < 0 || !ip_parse((struct str){inside.at, (size_t)close}, ip_r))
		return false;
	c->at = inside.at + close + 1;
	return true;
}

static void digits(struct cursor *c)
{
	while (c->at < c->end && *c->at >= '0' && *c->at <= '9')
		c->at++;
}

/* From inside a comment to behind its end (RFC 5322 3.2.2). */
static bool comment_skip(struct cursor *c)
{
	for (size_t depth = 1; c->at < c->end; c->at++) {
		if (*c->at == '\\' && c->at + 1 < c->end)
			c->at++;
		else if (*c->at == '(')
			depth++;
		else if (*c->at == ')' && --depth == 0)
			return take(c, ')');
	}
	return false;
}

/*
 * Exim's words about the client, in the order in which it writes them: what a client says with
 * HELO holds no blank, and ident, which may hold anything, comes last. A bracket in it may be the
 * address that another server saw. Takes the closing parenthesis.
 */
static bool exim_words(struct cursor *c, struct str *helo_r)
{
	const char *from;

	if (take_text(c, STR("port="))) {
		digits(c);
		skip_blanks(c);
	}
	if (take_text(c, STR("helo="))) {
		*helo_r = name_word(c);
		skip_blanks(c);
	}
	if (!take_text(c, STR("ident=")))
		return take(c, ')');
	from = c->at;
	return comment_skip(c) && str_chr((struct str){from, (size_t)(c->at - from)}, '[') < 0;
}

/*
 * Inside the first comment: "[IP]", "NAME [IP]", each perhaps with "(may be forged)" behind it, or
 * Exim's "[IP] helo=HELO ident=USER". Takes the closing parenthesis.
 */
static bool tcp_info(struct cursor *c, struct received *received)
{
	/* The name by reverse lookup, perhaps behind what ident said: "user@name". */
	if (!next_is(c, '[') && (name_word(c).n == 0 || !skip_blanks(c)))
		return false;
	if (!address(c, &received->ip))
		return false;
	if (take(c, ':'))
		digits(c);
	if (take(c, ')'))
		return true;
	if (!skip_blanks(c))
		return false;
	if (take_text(c, STR("(may be forged)")))
		return take(c, ')');
	return exim_words(c, &received->helo);
}

/*
 * What may stand between the client and `by`: how it was encrypted and who logged in. Any other
 * comment may be the real address, behind a HELO that looks like one.
 */
static bool clauses(struct cursor *c)
{
	static const char *const known[] = {"using ",         "Client ",
					    "No client ",     "Authenticated sender: ",
					    "authenticated ", "authenticated)"};

	while (take(c, '(')) {
		size_t i = 0;

		while (i < sizeof(known) / sizeof(*known) &&
		       !str_casestarts(rest(c), str_of(known[i])))
			i++;
		if (i == sizeof(known) / sizeof(*known) || !comment_skip(c))
			return false;
		skip_blanks(c);
	}
	return true;
}

static bool quoted_skip(struct cursor *c)
{
	for (c->at++; c->at < c->end; c->at++) {
		if (*c->at == '"')
			return take(c, '"');
		if (*c->at == '\\' && c->at + 1 < c->end)
			c->at++;
	}
	return false;
}

/* One server wrote the field: a second `by` shows that the first one came from the client. */
static bool by_one(struct cursor *c)
{
	if (!keyword(c, STR("by")) || name_word(c).n == 0)
		return false;
	while (c->at < c->end && *c->at != ';') {
		if (take(c, '(')) {
			if (!comment_skip(c))
				return false;
		} else if (*c->at == '"') {
			if (!quoted_skip(c))
				return false;
		} else if (skip_blanks(c)) {
			if (keyword(c, STR("by")))
				return false;
		} else if (word(c, "()\";").n == 0) {
			c->at++;
		}
	}
	return true;
}

/* The client, up to what follows its first comment. */
static bool client(struct cursor *c, struct received *received)
{
	struct cursor first = *c;
	struct str name = name_word(c);
	bool literal = address(&first, &received->ip) && first.at == c->at;

	if (name.n == 0 || !skip_blanks(c))
		return false;
	/* Exim, of a client without a name that said its address, or nothing, with HELO. */
	if (!take(c, '('))
		return literal;
	if (str_casestarts(rest(c), STR("helo=")) || str_casestarts(rest(c), STR("port=")) ||
	    str_casestarts(rest(c), STR("ident=")))
		return literal && exim_words(c, &received->helo);
	/* Exim leaves out a HELO that is the client's name; the others begin with it. */
	received->helo = name;
	return tcp_info(c, received);
}

/*
 * Is there a second client behind the first? A HELO may imitate all that a server writes up to "by"
 * or the semicolon; what the server really saw then comes in brackets behind it, and no comment or
 * quote may hide it. Content scanners show there that they are on the loopback.
 */
static bool client_follows(struct cursor c)
{
	struct ip ip;
	char before;

	while (c.at < c.end && (c.at = memchr(c.at, '[', (size_t)(c.end - c.at))) != NULL) {
		before = c.at[-1];
		if (!is_blank(before) && before != '(')
			c.at++; /* of an address, of a login */
		else if (!address(&c, &ip) || !ip_is_loopback(&ip))
			return true;
	}
	return false;
}

const char *received_parse(struct str value, struct received *received_r)
{
	struct cursor c = {value.s, value.s + value.n};
	struct received received = {.helo = {NULL, 0}};

	skip_blanks(&c);
	if (!keyword(&c, STR("from")))
		return "it names no client";
	if (!client(&c, &received))
		return "it does not show the client's address";
	skip_blanks(&c);
	if (client_follows(c) || !clauses(&c))
		return "it is not in a form that is known";
	if (!by_one(&c))
		return "it does not say who wrote it";
	*received_r = received;
	return NULL;
}
