/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_AUTH_ARCCRYPT_H
#define FILTER_AUTH_ARCCRYPT_H

/* SHA-256 and the two signature algorithms of ARC, as OpenSSL has them. */

#include <stdbool.h>

#include "postern/str.h"

struct arena;

#define ARCCRYPT_DIGEST 32

struct arccrypt_digest {
	unsigned char bytes[ARCCRYPT_DIGEST];
};

/* A running SHA-256, freed with its arena. Where OpenSSL fails, reading it says so. */
struct arccrypt_hash;

struct arccrypt_hash *arccrypt_hash_new(struct arena *arena);
void arccrypt_hash_restart(struct arccrypt_hash *hash);
/* Makes `hash` go on from where `from` is. */
void arccrypt_hash_branch(struct arccrypt_hash *hash, const struct arccrypt_hash *from);
void arccrypt_hash_add(struct arccrypt_hash *hash, struct str bytes);
/* The digest of what was added so far; more may be added. False where OpenSSL failed. */
bool arccrypt_hash_read(struct arccrypt_hash *hash, struct arccrypt_digest *digest_r);

/*
 * Is `signature` the key's over `digest`? RSA (PKCS #1 v1.5, the key a SubjectPublicKeyInfo) or
 * Ed25519 over the digest (RFC 8463 3, the key its 32 octets). >0: yes, 0: no, <0: OpenSSL could
 * not tell.
 */
int arccrypt_verify(struct str key, bool ed25519, const struct arccrypt_digest *digest,
		    struct str signature);

#endif
