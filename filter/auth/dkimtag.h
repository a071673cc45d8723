/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_AUTH_DKIMTAG_H
#define FILTER_AUTH_DKIMTAG_H

/* Tag lists (RFC 6376 3.2) and the two encodings in their values; of signatures, of records. */

#include <stdbool.h>
#include <stddef.h>

#include "postern/str.h"

struct arena;

#define DKIMTAG_COUNT_MAX 64 /* of one list; real ones have about twelve */

struct dkimtag {
	struct str name, value; /* the value without white space at its ends */
};

struct dkimtag_list {
	const struct dkimtag *items;
	size_t count;
};

/* False where `text` is no tag list, or has a name twice (in any case of letters). Borrows. */
bool dkimtag_split(struct arena *arena, struct str text, struct dkimtag_list *list_r,
		   const char **why_r);
/* The value of a tag, or NULL. */
const struct str *dkimtag_get(const struct dkimtag_list *list, const char *name);
/* `value` without any white space. */
struct str dkimtag_compact(struct arena *arena, struct str value);
/* Does a list "a:b:c" hold the word, without regard to case? */
bool dkimtag_has(struct arena *arena, struct str value, const char *word);
/* Decodes base64 that has no white space, its padding optional; false where it is malformed. */
bool dkimtag_base64(struct arena *arena, struct str text, struct str *bytes_r);
/* Decodes DKIM-Quoted-Printable (2.11) that has no white space; false where it is malformed. */
bool dkimtag_unquote(struct arena *arena, struct str text, struct str *out_r);

#endif
