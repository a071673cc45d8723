/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_AUTH_DKIMKEY_H
#define FILTER_AUTH_DKIMKEY_H

/*
 * DKIM key records (RFC 6376 3.6.1, RFC 8463): which of a name's TXT records is the key of a
 * signature, whether it may verify it, and the record that libopendkim is given in its place.
 */

#include "filter/auth/dkimsig.h"
#include "postern/dkim.h"

struct dkimkey {
	unsigned bits;     /* of the key; 0 where none was read */
	struct str bytes;  /* SubjectPublicKeyInfo, or the 32 octets of an Ed25519 key */
	struct str record; /* "k=...; p=..." and nothing else, NUL-terminated */
};

#define DKIMKEY_RECORDS_MAX 10 /* TXT records looked at, of one name */
#define DKIMKEY_BITS_MAX 4096  /* verifying is dear above; RFC 8301 asks for no more */

/* The TXT records of the signature's key, asked for where nobody has; NULL: not known yet. */
const struct dns_answer *dkimkey_answer(struct arena *arena, const struct dkimsig *signature,
					struct lookups *lookups);
/*
 * The key of `signature` among the records of a finished answer. DKIM_RESULT_PASS: key_r may
 * be tried. Any other result is the signature's, and *why_r says why. The first record that can
 * be used counts, else the first one's fault does.
 */
enum dkim_result dkimkey_choose(struct arena *arena, const struct dns_answer *answer,
				const struct dkimsig *signature, const struct dkim_options *options,
				struct dkimkey *key_r, const char **why_r);

#endif
