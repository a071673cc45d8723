/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_AUTH_ARCFIELD_H
#define FILTER_AUTH_ARCFIELD_H

/*
 * The fields of a message, kept for the hashes of ARC, which cover them in their canonical forms
 * (RFC 6376 3.4.1, 3.4.2). Octets are hashed as they are; only what the RFC names is taken away.
 */

#include <stdbool.h>

#include "filter/auth/dkimsig.h"
#include "postern/arena.h"
#include "postern/str.h"

enum arcfield_kind { ARCFIELD_OTHER, ARCFIELD_RESULTS, ARCFIELD_MESSAGE, ARCFIELD_SEAL };

struct arcfield {
	enum arcfield_kind kind;
	struct str name, value; /* as they came, folds as LF or CRLF */
	struct str lower;       /* the name, lower case */
	struct str canon[2];    /* simple, relaxed; made when first asked for */
};

struct arcfield_group;

struct arcfield_list {
	struct arena *arena;
	VEC(struct arcfield) all;
	size_t bytes;
	size_t arc;    /* how many of ARC's there were, kept or not */
	bool overflow; /* a field had no room */
	/* by name, once all are there */
	struct arcfield **sorted;
	struct arcfield_group *groups;
	size_t group_count;
};

void arcfield_add(struct arcfield_list *list, struct str name, struct str value);
/* "ARC-Seal" and so on. */
const char *arcfield_kind_name(enum arcfield_kind kind);

/*
 * The fields that an h= of `count` names selects, in its order: each name the next field of that
 * name from the bottom (RFC 6376 5.4.2), `self` left out. Fills picked (room for count), returns
 * how many. In time that depends on the names and not on how many fields there are besides.
 */
size_t arcfield_pick(struct arcfield_list *list, const struct str *names, size_t count,
		     const struct arcfield *self, struct arcfield **picked);

/* As dkimfield_added(). */
bool arcfield_added(struct arcfield_list *list, const struct dkimsig *signature);

/* The canonical form without its final CRLF. */
struct str arcfield_canon(struct arena *arena, struct arcfield *field, bool relaxed);
/* The same with the value of a tag taken out: `value` stands in the field's. */
struct str arcfield_canon_without(struct arena *arena, const struct arcfield *field, bool relaxed,
				  struct str value);

#endif
