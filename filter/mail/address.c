/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The author addresses of a From field: RFC 5322 3.4 and 4.4 with RFC 6532's UTF-8. One pass from
 * left to right over tokens; the first thing that does not fit ends it. Empty list members, which
 * the obsolete grammar allows, are refused: readers differ in what they make of them.
 */

#include "postern/mail.h"

#include "postern/arena.h"
#include "postern/limits.h"

#include "filter/mail/scan.h"

/* More bytes than any domain, in any script, can have. */
#define DOMAIN_TEXT_MAX 1024

enum token_kind { TOKEN_END, TOKEN_ATOM, TOKEN_QUOTED, TOKEN_LITERAL, TOKEN_SPECIAL };

struct token {
	enum token_kind kind;
	char special;    /* of TOKEN_SPECIAL: one of < > , : ; @ . */
	bool spaced;     /* white space or a comment stood before it */
	struct str text; /* a quoted string's is without quotes and quoted pairs */
};

struct parser {
	struct arena *arena;
	struct str in; /* unfolded: white space is blanks and tabs */
	size_t at;
	struct token token;
	const char *why; /* the first trouble; tokens end with it */
	VEC(struct mailbox) boxes;
};

/* Words read so far that may turn out to be a display name or a local part. */
struct words {
	struct buf name, local;
	size_t count;
	bool dotted; /* words and dots take turns */
};

static void fail(struct parser *p, const char *why)
{
	if (!p->why)
		p->why = why;
	p->token = (struct token){.kind = TOKEN_END};
}

/* White space and comments; true if there were any. */
static bool skip_cfws(struct parser *p)
{
	size_t start = p->at, depth = 0;

	for (; p->at < p->in.n; p->at++) {
		char c = p->in.s[p->at];

		if (c == '(') {
			if (++depth > LIMIT_ADDRESS_NESTING) {
				fail(p, "comments nested too deep");
				return true;
			}
		} else if (depth == 0) {
			if (c != ' ' && c != '\t')
				break;
		} else if (c == ')') {
			depth--;
		} else if (c == '\\') {
			p->at++;
		}
	}
	if (depth > 0)
		fail(p, "an unclosed comment");
	return p->at > start;
}

static void read_quoted(struct parser *p)
{
	size_t start = ++p->at, pairs = 0;
	struct str text;
	char *plain;

	for (; p->at < p->in.n && p->in.s[p->at] != '"'; p->at++)
		if (p->in.s[p->at] == '\\') {
			pairs++;
			p->at++;
		}
	if (p->at >= p->in.n) {
		fail(p, "an unclosed quote");
		return;
	}
	text = str_sub(p->in, start, p->at++ - start);
	p->token.kind = TOKEN_QUOTED;
	p->token.text = text;
	if (pairs == 0)
		return;
	plain = arena_alloc(p->arena, text.n - pairs + 1);
	p->token.text = (struct str){plain, text.n - pairs};
	for (size_t i = 0; i < text.n; i++) {
		if (text.s[i] == '\\')
			i++;
		*plain++ = text.s[i];
	}
}

static void read_run(struct parser *p, enum token_kind kind)
{
	size_t start = p->at;

	if (kind == TOKEN_ATOM) {
		while (p->at < p->in.n && scan_atext(p->in.s[p->at]))
			p->at++;
	} else {
		while (p->at < p->in.n && p->in.s[p->at] != ']')
			p->at++;
		if (p->at == p->in.n) {
			fail(p, "an unclosed bracket");
			return;
		}
		p->at++;
	}
	p->token.kind = kind;
	p->token.text = str_sub(p->in, start, p->at - start);
}

static void next(struct parser *p)
{
	char c;

	p->token = (struct token){.kind = TOKEN_END, .spaced = skip_cfws(p)};
	if (p->why || p->at >= p->in.n)
		return;
	c = p->in.s[p->at];
	if (c == '"') {
		read_quoted(p);
	} else if (c == '[') {
		read_run(p, TOKEN_LITERAL);
	} else if (scan_atext(c)) {
		read_run(p, TOKEN_ATOM);
	} else if (strchr("<>,:;@.", c)) {
		p->token.kind = TOKEN_SPECIAL;
		p->token.special = c;
		p->token.text = str_sub(p->in, p->at++, 1);
	} else {
		fail(p, "a character that must be quoted");
	}
}

static bool at_special(const struct parser *p, char c)
{
	return p->token.kind == TOKEN_SPECIAL && p->token.special == c;
}

static void read_words(struct parser *p, struct words *w)
{
	*w = (struct words){
	    .name = {.arena = p->arena}, .local = {.arena = p->arena}, .dotted = true};
	for (;; next(p)) {
		bool dot = at_special(p, '.');

		if (!dot && p->token.kind != TOKEN_ATOM && p->token.kind != TOKEN_QUOTED)
			return;
		if (dot && w->count == 0) {
			fail(p, "a dot that is out of place");
			return;
		}
		if (w->count > 0 && p->token.spaced)
			buf_putc(&w->name, ' ');
		buf_add(&w->name, p->token.text);
		if (dot != (w->count % 2 == 1))
			w->dotted = false;
		if (w->dotted && w->local.n <= SCAN_LOCAL_MAX)
			buf_add(&w->local, p->token.text);
		w->count++;
	}
}

static struct str read_domain(struct parser *p)
{
	struct buf text = {.arena = p->arena};
	struct str domain = STR("");

	if (p->token.kind == TOKEN_LITERAL) {
		if (!scan_literal(p->arena, p->token.text, &domain))
			fail(p, "not an address literal");
		else
			next(p);
		return domain;
	}
	while (p->token.kind == TOKEN_ATOM) {
		if (text.n + p->token.text.n > DOMAIN_TEXT_MAX)
			break;
		buf_add(&text, p->token.text);
		next(p);
		if (!at_special(p, '.')) {
			if (domain_normal(p->arena, buf_str(&text), &domain))
				return domain;
			break;
		}
		buf_putc(&text, '.');
		next(p);
	}
	fail(p, "not a domain");
	return domain;
}

/* The token is the "@" after the local part `w`. */
static void read_address(struct parser *p, const struct words *w, struct str name)
{
	struct str local = buf_str(&w->local), domain;
	const char *mark = local.n > 0 ? memmem(local.s, local.n, "=?", 2) : NULL;

	if (w->count % 2 == 0 || !w->dotted)
		fail(p, w->count == 0 ? "no local part" : "a local part of several words");
	else if (mark &&
		 str_has((struct str){mark + 2, local.n - (size_t)(mark + 2 - local.s)}, STR("?=")))
		fail(p, "an encoded word where an address stands");
	else if (scan_local_trouble(local))
		fail(p, scan_local_trouble(local));
	if (p->why)
		return;
	next(p);
	domain = read_domain(p);
	if (p->why)
		return;
	if (domain.s[0] != '[' && str_chr(domain, '.') < 0)
		fail(p, "a domain of one label");
	else if (p->boxes.count == LIMIT_ADDRESSES)
		fail(p, "too many addresses");
	else
		*vec_push(p->arena, &p->boxes) =
		    (struct mailbox){.name = name,
				     .local = local,
				     .domain = domain,
				     .text = scan_address(p->arena, local, domain)};
}

/* The token is the "@" after "<": an obsolete route (RFC 5322 4.4), read and dropped. */
static void skip_route(struct parser *p)
{
	bool more = true;

	while (more && at_special(p, '@')) {
		next(p);
		read_domain(p);
		for (more = false; at_special(p, ','); more = true)
			next(p);
	}
	if (!at_special(p, ':'))
		fail(p, "a route that cannot be read");
	else
		next(p);
}

static void read_angle(struct parser *p, struct str name)
{
	struct words w;

	next(p);
	if (at_special(p, '@'))
		skip_route(p);
	read_words(p, &w);
	if (!at_special(p, '@'))
		fail(p, "no address between the angle brackets");
	else
		read_address(p, &w, name);
	if (!at_special(p, '>'))
		fail(p, "an unclosed angle bracket");
	else
		next(p);
	if (p->token.kind != TOKEN_END && !at_special(p, ',') && !at_special(p, ';'))
		fail(p, "text after the angle bracket");
}

/* One mailbox, or the head of a group: true for the latter. */
static bool read_member(struct parser *p, bool in_group)
{
	struct words w;

	read_words(p, &w);
	if (at_special(p, '@')) {
		read_address(p, &w, STR(""));
	} else if (at_special(p, '<')) {
		read_angle(p, buf_str(&w.name));
	} else if (at_special(p, ':') && w.count > 0 && !in_group) {
		next(p);
		return true;
	} else {
		fail(p, w.count == 0 ? "an address is missing" : "a word that is no address");
	}
	return false;
}

const char *address_list_parse(struct arena *arena, struct str value, struct mailboxes *list_r)
{
	struct parser parser = {.arena = arena}, *p = &parser;
	bool in_group = false;

	p->why = scan_trouble(value);
	if (p->why)
		return p->why;
	p->in = field_unfold(arena, value);
	next(p);
	if (!p->why && p->token.kind == TOKEN_END)
		return "no address";
	while (!p->why) {
		if (read_member(p, in_group)) {
			in_group = true;
			if (!at_special(p, ';'))
				continue;
		}
		if (in_group && at_special(p, ';')) {
			in_group = false;
			next(p);
		}
		if (!at_special(p, ','))
			break;
		next(p);
	}
	if (!p->why && p->token.kind != TOKEN_END)
		fail(p, "text after an address");
	if (!p->why && in_group)
		fail(p, "an unclosed group");
	if (!p->why && p->boxes.count == 0)
		fail(p, "no address");
	if (p->why)
		return p->why;
	*list_r = (struct mailboxes){p->boxes.items, p->boxes.count};
	return NULL;
}
