/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_DKIM_SIGNER_H
#define TESTS_DKIM_SIGNER_H

/*
 * A DKIM signer for tests, written after RFC 6376 and RFC 8463 alone: it shares no code with the
 * verifier, and signs whatever it is told to, sense or not.
 */

#include <openssl/evp.h>

#include "postern/str.h"

struct arena;

struct signer_field {
	struct str name, value; /* value with its leading space, folds as CRLF */
};

struct signer {
	EVP_PKEY *key;
	const char *a, *c, *d, *s, *h;
	const char *l;    /* text of l=, or NULL */
	long signed_body; /* octets of canonical body that are hashed; -1: all */
	const char *more; /* further tags, "t=1; x=2", or NULL */
	const char *q;    /* put in place of "; b=", such as "; b =" or NULL */
};

/* The value of a DKIM-Signature field for these fields and this body. */
struct str signer_sign(struct arena *arena, const struct signer *signer,
		       const struct signer_field *fields, size_t count, struct str body);
/* The parts of it: a digest by the algorithm, a signature over a text, the fields that h= selects.
 */
struct str signer_digest(struct arena *arena, struct str text, const char *algorithm);
struct str signer_signature(struct arena *arena, const struct signer *signer, struct str text);
void signer_add_fields(struct buf *out, const struct signer *signer,
		       const struct signer_field *fields, size_t count, bool relaxed);
/* Canonical forms: of a body, and of one field without its CRLF. */
struct str signer_canon_body(struct arena *arena, struct str body, bool relaxed);
struct str signer_canon_field(struct arena *arena, struct str name, struct str value, bool relaxed);
/* "p=..." of a key: SubjectPublicKeyInfo, or PKCS#1, or the raw octets of an Ed25519 key. */
struct str signer_public(struct arena *arena, EVP_PKEY *key, bool pkcs1);
/* A public key that nobody has: `bits` of modulus and an exponent of so many octets. */
struct str signer_fake_rsa(struct arena *arena, unsigned bits, unsigned exponent_octets);
struct str signer_base64(struct arena *arena, struct str bytes);

#endif
