/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_AUTH_ARCBODY_H
#define FILTER_AUTH_ARCBODY_H

/*
 * The hashes of a body: canonicalized as it arrives (RFC 6376 3.4.3, 3.4.4), once for all
 * signatures that want the same. Only CR LF ends a line; every other octet is hashed as it is.
 */

#include "filter/auth/arccrypt.h"
#include "postern/limits.h"

struct arcbody;

struct arcbody *arcbody_new(struct arena *arena);
/*
 * Asks for a hash, before the first piece: its number, or -1 where there is no room for one more.
 * With `partial` only the first `length` octets of the canonical body count.
 */
int arcbody_want(struct arcbody *body, bool relaxed, bool partial, uint64_t length);
void arcbody_add(struct arcbody *body, struct str chunk);
/* False when no further piece can change a hash. */
bool arcbody_wants(const struct arcbody *body);
/* The end of the body: from now on the hashes can be read. */
void arcbody_end(struct arcbody *body);

enum arcbody_match { ARCBODY_MATCHES, ARCBODY_DIFFERS, ARCBODY_TOO_SHORT, ARCBODY_BROKEN };
/* Compares a hash with the decoded value of bh=. */
enum arcbody_match arcbody_compare(struct arcbody *body, int number, struct str hash);

#endif
