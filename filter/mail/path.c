/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Envelope addresses: the paths of MAIL and RCPT (RFC 5321 4.1.2, RFC 6531 3.3). What the MTA was
 * lenient with is refused here, so that everybody after us means the same mailbox.
 */

#include "postern/mail.h"

#include "filter/mail/scan.h"
#include "postern/limits.h"

/* "@a,@b:" in front of a mailbox (RFC 5321 4.1.2 A-d-l); *text is moved past it. */
static const char *route_skip(struct arena *arena, struct str *text)
{
	ptrdiff_t colon = str_chr(*text, ':');
	struct str hops, domain;

	if (colon < 0)
		return "no local part";
	hops = str_sub(*text, 0, (size_t)colon);
	*text = str_sub(*text, (size_t)colon + 1, text->n);
	for (;;) {
		ptrdiff_t comma = str_chr(hops, ',');
		struct str hop = str_sub(hops, 0, comma < 0 ? hops.n : (size_t)comma);

		if (hop.n < 2 || hop.s[0] != '@' || hop.s[hop.n - 1] == '.' ||
		    !domain_normal(arena, str_sub(hop, 1, hop.n), &domain))
			return "a source route that cannot be read";
		if (comma < 0)
			return NULL;
		hops = str_sub(hops, hop.n + 1, hops.n);
	}
}

/* Quoted-string of RFC 5321: printable ASCII and UTF-8 alone. *text is moved past it. */
static const char *local_quoted(struct arena *arena, struct str *text, struct str *local_r)
{
	struct buf local = {.arena = arena};
	size_t at = 1;

	while (at < text->n && text->s[at] != '"') {
		if (text->s[at] == '\\' && ++at == text->n)
			break;
		buf_putc(&local, text->s[at++]);
	}
	if (at >= text->n)
		return "an unclosed quote";
	*local_r = buf_str(&local);
	*text = str_sub(*text, at + 1, text->n);
	return NULL;
}

/* Dot-string: atoms with single dots between them. *text is moved past it. */
static const char *local_plain(struct arena *arena, struct str *text, struct str *local_r)
{
	bool after_dot = true;
	size_t at = 0;

	for (; at < text->n && text->s[at] != '@'; at++) {
		bool dot = text->s[at] == '.';

		if (dot && after_dot)
			return "a dot that is out of place";
		if (!dot && !scan_atext(text->s[at]))
			return "a character that must be quoted";
		after_dot = dot;
	}
	if (at == 0)
		return "no local part";
	if (after_dot)
		return "a dot that is out of place";
	*local_r = str_dup(arena, str_sub(*text, 0, at));
	*text = str_sub(*text, at, text->n);
	return NULL;
}

static const char *domain_read(struct arena *arena, struct str text, struct str *domain_r)
{
	if (text.n > 0 && text.s[0] == '[')
		return scan_literal(arena, text, domain_r) ? NULL : "not an address literal";
	/* DNS ends names with a dot where it likes; RFC 5321 does not. */
	if (text.n == 0 || text.s[text.n - 1] == '.' || !domain_normal(arena, text, domain_r))
		return "not a domain";
	return NULL;
}

static const char *mailbox_read(struct arena *arena, struct str text, bool recipient,
				struct path *path)
{
	bool quoted = text.s[0] == '"';
	const char *why = quoted ? local_quoted(arena, &text, &path->local)
				 : local_plain(arena, &text, &path->local);

	if (!why)
		why = scan_local_trouble(path->local);
	if (why)
		return why;
	if (text.n == 0) {
		/* RFC 5321 4.5.1: the one recipient that needs no domain. */
		if (!recipient || quoted || path->routed ||
		    !str_caseeq(path->local, STR("postmaster")))
			return "no domain";
		return NULL;
	}
	if (text.s[0] != '@')
		return "text after the closing quote";
	return domain_read(arena, str_sub(text, 1, text.n), &path->domain);
}

bool path_parse(struct arena *arena, struct str text, bool recipient, struct path *path_r,
		const char **why_r)
{
	struct path path = {.local = STR(""), .domain = STR(""), .text = STR(""), .tag = STR("")};
	const char *why = text.n > LIMIT_PATH ? "too long" : scan_trouble(text);
	ptrdiff_t plus;

	if (!why && text.n > 0 && text.s[0] == '<') {
		if (text.n < 2 || text.s[text.n - 1] != '>')
			why = "no closing angle bracket";
		else
			text = str_sub(text, 1, text.n - 2);
	}
	if (!why && text.n > 0 && text.s[0] == '@') {
		path.routed = true;
		why = route_skip(arena, &text);
		if (!why && text.n == 0)
			why = "no local part";
	}
	if (!why && text.n == 0 && recipient)
		why = "no address";
	if (!why && text.n > 0)
		why = mailbox_read(arena, text, recipient, &path);
	if (why) {
		*why_r = why;
		return false;
	}
	path.null = text.n == 0;
	if (!path.null)
		path.text = scan_address(arena, path.local, path.domain);
	plus = str_chr(path.local, '+');
	if (plus >= 0)
		path.tag = str_sub(path.local, (size_t)plus + 1, path.local.n);
	if (str_chr(path.local, '%') >= 0 || str_chr(path.local, '!') >= 0 ||
	    str_chr(path.local, '@') >= 0)
		path.routed = true;
	*path_r = path;
	return true;
}
