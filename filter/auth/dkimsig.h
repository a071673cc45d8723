/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_AUTH_DKIMSIG_H
#define FILTER_AUTH_DKIMSIG_H

/*
 * The tags of a DKIM-Signature field (RFC 6376 3.5), read by us from the same bytes that
 * libopendkim gets, so that it only sees what the grammar allows.
 */

#include <stdint.h>

#include "filter/auth/dkimtag.h"

#define DKIMSIG_HEADERS_MAX 200    /* names in h= */
#define DKIMSIG_HEADERS_BYTES 4000 /* of h=: libopendkim cuts a list at 4095 without a word */
#define DKIMSIG_BASE64_MAX 2048    /* of b= and bh=: a 4096-bit signature has 684 */
#define DKIMSIG_IDENTITY_MAX 250   /* of i= */
#define DKIMSIG_DRIFT 300          /* seconds by which clocks may differ */

enum dkimsig_algorithm {
	DKIMSIG_UNKNOWN,
	DKIMSIG_RSA_SHA256,
	DKIMSIG_RSA_SHA1,
	DKIMSIG_ED25519_SHA256
};

struct dkimsig {
	enum dkimsig_algorithm algorithm;
	struct str domain, selector; /* lower case, checked */
	struct str identity;         /* of i=, or its default "@domain"; empty: not printable */
	struct str identity_domain;  /* lower case */
	struct str b, body_hash;     /* compact base64 */
	const struct str *headers;   /* the names in h= */
	size_t header_count;
	bool relaxed_header, relaxed_body;
	bool partial;    /* l= was there */
	uint64_t length; /* of l= */
	bool safe;       /* may be shown to libopendkim, whatever else is wrong with it */
	bool awkward;    /* laid out so that libopendkim cannot take the value of b= out */
};

/*
 * Reads the value of a DKIM-Signature field. False, and *why_r says why, for all that RFC 6376
 * 6.1.1 calls a permanent failure, expiry at `now` included. What could be read is in
 * *signature_r either way: its domain, selector, identity and b are empty or checked.
 */
bool dkimsig_read(struct arena *arena, struct str value, int64_t now, struct dkimsig *signature_r,
		  const char **why_r);

/* Splits the value of a field into its tags; false where an octet or the list is not allowed. */
bool dkimsig_split(struct arena *arena, struct str value, struct dkimtag_list *tags_r,
		   const char **why_r);
/*
 * Reads the tags of an ARC-Message-Signature (RFC 8617 4.1.2): as above, but without v=, i= left to
 * the caller, h= free to leave out From or to be empty. Without c= both canonicalizations are
 * relaxed, not simple: so ARC's common validation suite has it.
 */
bool dkimsig_read_arc_message(struct arena *arena, const struct dkimtag_list *tags, int64_t now,
			      struct dkimsig *signature_r, const char **why_r);
/* Reads those tags of an ARC-Seal (RFC 8617 4.1.3) that it shares with the others. */
bool dkimsig_read_arc_seal(struct arena *arena, const struct dkimtag_list *tags,
			   struct dkimsig *signature_r, const char **why_r);

/* Does h= name this field (without regard to case)? */
bool dkimsig_covers(const struct dkimsig *signature, struct str field_name);
/* How often it names the field. */
size_t dkimsig_times(const struct dkimsig *signature, struct str field_name);
/*
 * The fields that may stand once and that readers show or go by (RFC 5322 3.6); NULL ends it. Of
 * several a signature covers the lowest, and readers may show the topmost (RFC 6376 8.15).
 */
extern const char *const dkimsig_once[];
/* "" for DKIMSIG_UNKNOWN. */
const char *dkimsig_algorithm_name(enum dkimsig_algorithm algorithm);

#endif
