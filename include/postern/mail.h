/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POSTERN_MAIL_H
#define POSTERN_MAIL_H

/*
 * The texts of mail: domain names, envelope paths (RFC 5321), address lists and fields (RFC 5322).
 * Every function here reads hostile bytes: none recurses, all are linear in their input, and
 * what is not understood wholly is refused, never guessed.
 */

#include <stdbool.h>

#include "postern/ip.h"
#include "postern/str.h"

struct arena;

/* ---- domain names: filter/mail/domain.c, the owner of <idn2.h> ---- */

/*
 * The one form in which domains are compared, looked up and printed: lower-case A-labels
 * (IDNA2008, UTS 46 non-transitional), no dot at the end, letters, digits, hyphens and
 * underscores, labels of 1 to 63 and at most 253 bytes. False where `text` has no such form.
 */
bool domain_normal(struct arena *arena, struct str text, struct str *domain_r);
/* Is `domain` equal to or below `parent`? Both in normal form. */
bool domain_within(struct str domain, struct str parent);
/* Without its first label; empty when there is none left. Borrows. */
struct str domain_parent(struct str domain);
/* The domain in U-labels for a person to read, or unchanged where it has none. */
struct str domain_display(struct arena *arena, struct str domain);

/* ---- envelope addresses: filter/mail/path.c ---- */

/*
 * An envelope address (RFC 5321 4.1.2). The null path has empty `local` and `domain`; an address
 * literal keeps its brackets as domain ("[192.0.2.1]", "[IPv6:2001:db8::1]"). `local` is without
 * quotes and quoted pairs; `text` is the canonical address, quoted where it must be, and empty
 * for the null path.
 */
struct path {
	struct str local;  /* as written, case kept; UTF-8 allowed (RFC 6531) */
	struct str domain; /* normal form, or a literal; empty only for <> and <postmaster> */
	struct str text;   /* local@domain */
	struct str tag;    /* of the local part: what follows the first '+' or "" */
	bool routed;       /* a source route was there, or the local part holds '%', '!' or '@' */
	bool null;         /* <> */
};

/*
 * Parses a path as it stands in MAIL or RCPT, with or without angle brackets. `postmaster` alone
 * is accepted without a domain in recipients. False, and *why_r says what is wrong, for all that
 * RFC 5321's grammar (with RFC 6531's UTF-8) does not allow: no guess is made.
 */
bool path_parse(struct arena *arena, struct str text, bool recipient, struct path *path_r,
		const char **why_r);

/* ---- author addresses: filter/mail/address.c ---- */

struct mailbox {
	struct str name;  /* display name, quotes and comments removed, not decoded; may be empty */
	struct str local; /* without quotes */
	struct str domain; /* normal form; literals keep their brackets */
	struct str text;   /* local@domain, canonical */
};

struct mailboxes {
	const struct mailbox *items;
	size_t count;
};

/*
 * Parses the whole value of a From field (RFC 5322 3.4 with the obsolete forms, RFC 6532 UTF-8,
 * group syntax): mailbox-list or group. NULL on success; else a short text that says why the
 * field cannot be trusted to name an author: syntax, a control character, NUL, bad UTF-8, a
 * domain without normal form, too many, too deep, an encoded word where an address stands, text
 * after the angle bracket. Obsolete routes are dropped. Groups contribute their members; a group
 * without members gives no mailbox, which is "no address". The value is as the MTA passed it: folds
 * are CRLF or LF before white space.
 */
const char *address_list_parse(struct arena *arena, struct str value, struct mailboxes *list_r);

/* ---- fields: filter/mail/field.c ---- */

/* Is it a field name (RFC 5322 2.2: printable US-ASCII but colon)? */
bool field_name_ok(struct str name);
/* The value unfolded: CRLF or LF before white space removed, trimmed at both ends. */
struct str field_unfold(struct arena *arena, struct str value);
/*
 * Unfolded and decoded for a person or a pattern: RFC 2047 encoded words to UTF-8 (charsets
 * UTF-8, US-ASCII, ISO-8859-1; others stay encoded), bad UTF-8 replaced by U+FFFD.
 */
struct str field_decode(struct arena *arena, struct str value);
/* The id of a Message-ID or List-Id field: what stands between the angle brackets, or empty. */
struct str field_id(struct str unfolded);

/* ---- trace fields: filter/mail/received.c ---- */

/* Who brought a message to the server that wrote the Received field. */
struct received {
	struct ip ip;
	struct str helo; /* as the client said it; empty: the field does not tell. Borrows. */
};

/*
 * Reads the value of a Received field as Postfix, Sendmail, OpenSMTPD and Exim write it (RFC 5321
 * 4.4, whose TCP-info says what was seen). NULL on success; else why it cannot be relied on. What
 * a client can put into such a field (HELO, ident, login, certificate) is never taken for what
 * the server saw. The value is as the MTA passed it, folds included.
 */
const char *received_parse(struct str value, struct received *received_r);

#endif
