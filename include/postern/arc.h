/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POSTERN_ARC_H
#define POSTERN_ARC_H

/*
 * ARC verification (RFC 8617 5.2), on OpenSSL alone: filter/auth/arccrypt.c is the one of ARC's
 * files that includes it. How the work is shared: arcfield.c keeps the header and gives its
 * canonical forms, arcset.c reads the sets and their structure, arcbody.c hashes the body, arc.c
 * makes a result of it; tags and keys are DKIM's (dkimsig.c, dkimkey.c).
 *
 * A chain that passes says no more than that nobody changed what its sealers wrote. Whoever holds
 * any sealed message can copy its old sets in front of a set of his own, and that chain passes too;
 * so a sealer vouches for this message only if its own ARC-Message-Signature still verifies, covers
 * From, and nobody added a field on top of those that it covers: those are the first `vouching` of
 * the sealers.
 */

#include <stdbool.h>
#include <stdint.h>

#include "postern/dkim.h"
#include "postern/dns.h"
#include "postern/str.h"

struct arena;

/*
 * The order is the order of the enumeration `arc` in policies. RFC 8617 knows the first three; a
 * key that could not be looked up, where nothing else made the chain fail, is no answer: temperror.
 */
enum arc_result { ARC_RESULT_NONE, ARC_RESULT_PASS, ARC_RESULT_FAIL, ARC_RESULT_TEMPERROR };
const char *arc_result_name(enum arc_result result);

struct arc_outcome {
	enum arc_result result;
	unsigned instance;         /* the highest there is; 0: none that could be read */
	const struct str *sealers; /* d= of the ARC-Seals of a chain that passed, newest first */
	size_t count;              /* `instance` of them, or 0 */
	size_t vouching;           /* the first so many sealed the message as it is now */
	bool vouching_open;        /* a key lookup failed: there may be more */
	unsigned oldest_pass;      /* RFC 8617 5.2 step 5, of a chain that passed; 0: all verify */
	const char *reason;        /* short text, or NULL */
};

struct arc_verifier;

/*
 * A verifier of one message, freed with its arena. `options` are DKIM's: the least bits of a key
 * and what to make of l=; rsa-sha1 never passes (RFC 8617 4.1.3). `now` is seconds since 1970. Feed
 * it every field in order, then the end of the header, then the body in pieces of any size, then
 * step it. Without ARC's fields nothing is hashed or looked up.
 */
struct arc_verifier *arc_verifier_new(struct arena *arena, const struct dkim_options *options,
				      int64_t now);
/* A field as the MTA received it, as for dkim_verifier_header(). */
void arc_verifier_header(struct arc_verifier *verifier, struct str name, struct str value);
/* The end of the header: judges the structure and starts the key lookups, all at once. */
void arc_verifier_eoh(struct arc_verifier *verifier, struct lookups *lookups);
/* False when no further body is needed. */
bool arc_verifier_wants_body(const struct arc_verifier *verifier);
void arc_verifier_body(struct arc_verifier *verifier, struct str chunk);
/* The end of the message. PENDING while keys are; when DONE *outcome_r is set for good. */
enum step arc_verifier_finish(struct arc_verifier *verifier, struct lookups *lookups,
			      const struct arc_outcome **outcome_r);

#endif
