/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_MAIL_MIMELEVELS_H
#define FILTER_MAIL_MIMELEVELS_H

/* The multiparts and messages that a line of a message stands in: a stack, outermost first. */

#include <stdbool.h>
#include <stddef.h>

#include "filter/mail/mimefound.h"
#include "postern/limits.h"

struct mimelevels {
	struct mimelevel {
		char *boundary; /* made with the level, kept for the next one at its place */
		size_t length;  /* 0: a message, which has none */
		bool digest;
	} items[LIMIT_MIME_NESTING];
	size_t depth, above; /* above: of the messages that this one was decoded from */
};

/* Goes one deeper; an empty boundary: into a message. */
void mimelevels_push(struct mimelevels *levels, struct mimefound *found, struct str boundary,
		     bool digest);
/*
 * The level whose boundary the line is (RFC 2046 5.1.1), or -1. `text` begins with "--"; `whole`:
 * nothing was odd about the line's ends. *close_r is set if it is the last of that level.
 */
int mimelevels_find(const struct mimelevels *levels, struct mimefound *found, struct str text,
		    bool whole, bool *close_r);

#endif
