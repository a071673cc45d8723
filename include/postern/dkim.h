/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POSTERN_DKIM_H
#define POSTERN_DKIM_H

/*
 * DKIM verification (RFC 6376, 8301, 8463, 8616) through libopendkim, guarded.
 * filter/auth/dkim.c is the only owner of <opendkim/dkim.h>; the checks of the signature's tags
 * stand in dkimsig.c, the key record in dkimkey.c.
 */

#include <stdbool.h>
#include <stdint.h>

#include "postern/dns.h"
#include "postern/str.h"

struct arena;

/* The order is the order of the enumeration `dkim` in policies (RFC 8601 2.7.1). */
enum dkim_result {
	DKIM_RESULT_NONE,
	DKIM_RESULT_PASS,
	DKIM_RESULT_FAIL,
	DKIM_RESULT_POLICY,
	DKIM_RESULT_NEUTRAL,
	DKIM_RESULT_TEMPERROR,
	DKIM_RESULT_PERMERROR
};
const char *dkim_result_name(enum dkim_result result);

struct dkim_options {
	unsigned minimum_bits;   /* of an RSA key; 1024 */
	bool allow_sha1;         /* rsa-sha1 may pass; false */
	bool allow_partial;      /* a signature with l= may align; false */
	unsigned max_signatures; /* tried at most; 10 */
};

struct dkim_signature {
	enum dkim_result result;
	struct str domain, selector, identity; /* checked; empty where they cannot be printed */
	const char *algorithm; /* "rsa-sha256", "rsa-sha1", "ed25519-sha256" or "" */
	unsigned bits;         /* of the key; 0: unknown; 256 for Ed25519 */
	const char *reason;    /* short text, or NULL */
	struct str b;          /* first 8 characters of b=, for header.b */
	bool partial;          /* l= was there */
	bool added;            /* a field that may stand once was added to those signed */
};

struct dkim_outcome {
	const struct dkim_signature *signatures; /* top to bottom, as they stand in the message */
	size_t count;
	enum dkim_result best; /* pass, else the best of the rest; none without signatures */
};

/*
 * Makes the one library handle of all threads, before they start; called again it changes nothing.
 * On failure -1, and *why_r says why. (libopendkim itself exports a dkim_init.)
 */
int dkim_verifier_init(const char **why_r);

struct dkim_verifier;

/*
 * A verifier of one message, freed with its arena. `now` is seconds since 1970. Feed it every
 * field in order, then the end of the header, then the body in pieces of any size, then step it.
 */
struct dkim_verifier *dkim_verifier_new(struct arena *arena, const struct dkim_options *options,
					int64_t now);
/* A field as the MTA received it: `value` is all after the colon, its leading space included,
 * folds as LF or CRLF, without the final line end. */
void dkim_verifier_header(struct dkim_verifier *verifier, struct str name, struct str value);
/*
 * Starts the key lookups of the first few signatures seen so far, which will be tried unless there
 * are many more. May be called after any field, or never.
 */
void dkim_verifier_ahead(struct dkim_verifier *verifier, struct lookups *lookups);
/* The end of the header: picks the signatures to try and starts their key lookups. */
void dkim_verifier_eoh(struct dkim_verifier *verifier, struct lookups *lookups);
/* False when no further body is needed (the MTA may skip the rest). */
bool dkim_verifier_wants_body(const struct dkim_verifier *verifier);
void dkim_verifier_body(struct dkim_verifier *verifier, struct str chunk);
/* The end of the message. PENDING while keys are; when DONE *outcome_r is set for good. */
enum step dkim_verifier_finish(struct dkim_verifier *verifier, struct lookups *lookups,
			       const struct dkim_outcome **outcome_r);

#endif
