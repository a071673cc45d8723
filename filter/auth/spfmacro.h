/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_AUTH_SPFMACRO_H
#define FILTER_AUTH_SPFMACRO_H

/* The macros of SPF (RFC 7208 section 7): their grammar and their expansion. */

#include <stdbool.h>

#include "postern/str.h"

struct arena;

enum spfmacro_use {
	SPFMACRO_NAME,     /* a domain-spec: not empty, ends in a top label or a macro */
	SPFMACRO_MODIFIER, /* the value of an unknown modifier */
	SPFMACRO_TEXT      /* an explanation: blanks may stand in it */
};

/* What is wrong with `text`, or NULL. A text with a fault must not be expanded. */
const char *spfmacro_fault(struct str text, enum spfmacro_use use);
/* Does it use the p macro, whose value costs lookups? */
bool spfmacro_asks_client(struct str text);
/* Does it use the s or l macro, which hold the sender's local part? */
bool spfmacro_names_sender(struct str text);

/* What each macro letter stands for: of['d' - 'a'] is the current domain. Borrowed. */
struct spfmacro_values {
	struct str of[26];
};

/* A name to look up: without a final dot, cut from the left to the 253 bytes of a name (7.3). */
struct str spfmacro_name(struct arena *arena, struct str text,
			 const struct spfmacro_values *values);
/* At most `max` bytes of an explanation; any byte may be in it, the caller cleans. */
struct str spfmacro_text(struct arena *arena, struct str text, const struct spfmacro_values *values,
			 size_t max);

#endif
