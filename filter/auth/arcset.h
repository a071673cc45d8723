/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_AUTH_ARCSET_H
#define FILTER_AUTH_ARCSET_H

/*
 * The sets of a chain (RFC 8617 4.2): three fields with one instance number each, read and put
 * into their order before anything is asked or hashed.
 */

#include "filter/auth/arcfield.h"
#include "filter/auth/dkimsig.h"
#include "postern/limits.h"

struct arcset {
	struct arcfield *fields[ARCFIELD_SEAL + 1]; /* by kind; NULL: missing */
	struct dkimsig message, seal;
	struct str message_b, seal_b; /* the values of b= as they stand in the fields */
	struct str cv;
	const char *message_fault; /* why the ARC-Message-Signature cannot verify, or NULL */
};

struct arcset_chain {
	struct arcset sets[LIMIT_ARC_SETS + 1]; /* by instance; the first is not used */
	unsigned instance;                      /* the highest that was read */
};

/*
 * Reads and checks the sets of a message that has ARC's fields: steps 1 to 3 of RFC 8617 5.2.
 * False, and *why_r says why, where the chain has failed. With `partial` an l= is let pass.
 */
bool arcset_read(struct arcfield_list *fields, bool partial, int64_t now,
		 struct arcset_chain *chain, const char **why_r);

#endif
