/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_AUTH_DKIMBODY_H
#define FILTER_AUTH_DKIMBODY_H

/*
 * A message body on its way to libopendkim: cut so that no piece ends in a CR, ended with CRLF,
 * and watched for line ends that libopendkim hashes otherwise than RFC 6376 asks.
 */

#include <stdbool.h>

#include "postern/str.h"

#define DKIMBODY_CR_MAX 64 /* CRs in a row that are kept exactly */

struct dkimbody {
	bool bare_cr;  /* a CR without LF: relaxed canonicalization loses it */
	bool watch_lf; /* set before the body, if bare LFs matter: they take a look at every line */
	bool bare_lf;  /* a LF without CR: simple canonicalization leaves out what precedes it */
	bool blank_cr; /* a line that begins with two CRs: simple canonicalization may lose them */
	bool too_many_cr; /* more CRs in a row than kept: nothing can be said of the body */
	size_t held;      /* CRs seen at the end of the last chunk, not passed on yet */
	bool any;         /* a byte was passed on */
	bool ended;       /* what was passed on ends in CRLF */
};

typedef void dkimbody_feed(void *ctx, const char *bytes, size_t n);

/* Passes a chunk on, in at most two pieces. */
void dkimbody_add(struct dkimbody *body, struct str chunk, dkimbody_feed *feed, void *ctx);
/* The end: passes on what is held and a CRLF that is missing. An empty body stays empty. */
void dkimbody_end(struct dkimbody *body, dkimbody_feed *feed, void *ctx);
/*
 * Line ends whose hash is not that of the body: libopendkim leaves them out, or hashes as the
 * pieces of the body end. NULL: there are none.
 */
const char *dkimbody_blind(const struct dkimbody *body, bool relaxed);

#endif
