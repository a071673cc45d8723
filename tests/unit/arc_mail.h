/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_ARC_MAIL_H
#define TESTS_ARC_MAIL_H

/*
 * Seals the message of dkim_mail.h, after RFC 8617 alone: with sense or without, as it is told to.
 */

#include "postern/arc.h"
#include "tests/unit/dkim_mail.h"

struct sealer {
	struct signer by;     /* who, and of the ARC-Message-Signature all that a signer has */
	unsigned instance;    /* 0: the next */
	const char *results;  /* of ARC-Authentication-Results */
	const char *cv;       /* NULL: none, and pass after the first */
	const char *more;     /* further tags of the ARC-Seal, or NULL */
	const char *domain;   /* d= of the ARC-Seal; NULL: the same */
	const char *selector; /* likewise s= */
};

/* mail_begin() and no sets; mail_end() ends it. */
void arc_mail_begin(void);
/* rsa-sha256, relaxed/relaxed, with key s of example.org. */
struct sealer arc_mail_sealer(void);
/* One more set, on top of the message. */
void arc_mail_seal(const struct sealer *sealer);
/* So many of them, by that sealer. */
void arc_mail_chain(unsigned count);
/* Verifies with the body in pieces of several sizes; stops the program where they differ. */
const struct arc_outcome *arc_mail_verify(void);
enum arc_result arc_mail_result(void);
/* "" where there is none. */
struct str arc_mail_reason(void);
/* Takes the topmost set off again. */
void arc_mail_unseal(void);
/* The value of the topmost field of that name. */
struct str *arc_mail_value(const char *name);

#endif
