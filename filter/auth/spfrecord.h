/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_AUTH_SPFRECORD_H
#define FILTER_AUTH_SPFRECORD_H

/* SPF records (RFC 7208 section 12) as one client needs them. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/ip.h"
#include "postern/str.h"

struct arena;

/* RFC 7208 4.6.4: terms of one check that look up the DNS; MX or PTR records of one of them. */
#define SPF_TERMS 10
#define SPF_HOSTS 10
/* 4.6.4: lookups that find nothing; the third is an error. */
#define SPF_VOIDS 2

enum spfrecord_kind {
	SPFRECORD_ALL,
	SPFRECORD_INCLUDE,
	SPFRECORD_A,
	SPFRECORD_MX,
	SPFRECORD_PTR,
	SPFRECORD_EXISTS,
	SPFRECORD_REDIRECT
};

struct spfrecord_term {
	enum spfrecord_kind kind;
	char qualifier;  /* + - ~ ? */
	uint8_t prefix;  /* of a and mx: bits of the client's own kind of address */
	struct str name; /* domain-spec, not expanded; empty: the current domain. Borrowed */
};

/*
 * What of a record can still matter to the client: ip4 and ip6 are decided (one that matches
 * became `all`), redirect stands last, nothing stands behind an `all`, nor behind the first term
 * past the limit. So the longest record comes to this many terms.
 */
#define SPFRECORD_TERMS (SPF_TERMS + 1)

struct spfrecord {
	size_t count;
	struct spfrecord_term terms[SPFRECORD_TERMS];
	struct str exp; /* domain-spec; empty: none. Borrowed */
};

/* Is this text an SPF record at all (4.5)? */
bool spfrecord_is(struct str text);
/*
 * Checks the whole of it (4.6: an error anywhere counts) and keeps what matters to `client`.
 * Returns false with *why_r, printable, and an empty record when it breaks the grammar.
 */
bool spfrecord_parse(struct arena *arena, struct str text, const struct ip *client,
		     struct spfrecord *record_r, struct str *why_r);

#endif
