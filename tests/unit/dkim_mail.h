/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_DKIM_MAIL_H
#define TESTS_DKIM_MAIL_H

/*
 * The message that the verifier's tests sign, spoil and verify: one at a time, with its arena,
 * its keys and its options. mail_begin() makes it anew, mail_end() frees it.
 */

#include "postern/arena.h"
#include "postern/dkim.h"
#include "tests/auth/dkim_lookups.h"
#include "tests/unit/dkim_signer.h"

#define MAIL_FIELDS_MAX 1300
#define MAIL_NOW 1700000000

struct mail {
	struct signer_field fields[MAIL_FIELDS_MAX];
	size_t count;
	struct str body;
	struct arena *arena;
	struct lookups *lookups; /* s and ed are published at example.org */
	struct dkim_options options;
};

extern struct mail mail;
extern EVP_PKEY *mail_rsa, *mail_rsa512, *mail_ed25519;

/* Makes the keys and the library's handle; false where that fails. */
bool mail_init(void);
void mail_close(void);
void mail_begin(void);
void mail_end(void);
void mail_add(const char *name, struct str value);
/* A TXT record: `tags`, then p= and the key. */
void mail_publish(const char *name, const char *tags, struct str key);
/* A signer of rsa-sha256, relaxed/relaxed, with key s of example.org. */
struct signer mail_signer(void);
/* Puts a DKIM-Signature field on top of the message: this one, or one made now. */
void mail_put_on_top(struct str value);
void mail_sign(const struct signer *signer);
/* Verifies once, the body in pieces of `chunk` bytes. */
const struct dkim_outcome *mail_verify_in(size_t chunk, bool *wanted_r);
/* Verifies in several sizes; stops the program where they differ. */
const struct dkim_outcome *mail_verify(void);
/* Of the topmost signature; the reason is "" where there is none. */
enum dkim_result mail_result(void);
const char *mail_reason(void);

#endif
