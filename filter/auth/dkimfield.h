/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_AUTH_DKIMFIELD_H
#define FILTER_AUTH_DKIMFIELD_H

/*
 * The fields of a message, kept until the end of the header says whether a signature is worth
 * the trouble: LIMIT_FIELDS, and LIMIT_FIELD_BYTES of all, and no more.
 */

#include "filter/auth/dkimsig.h"
#include "postern/arena.h"

struct dkimfield {
	struct str text; /* name, colon, value: as they came, folds as LF or CRLF */
	size_t name;     /* bytes of the name */
	bool signature;  /* a DKIM-Signature */
	bool lost;       /* a DKIM-Signature for which there was no room */
};

struct dkimfield_list {
	struct arena *arena;
	VEC(struct dkimfield) all;
	size_t bytes, signatures;
	bool overflow; /* something had no room */
};

void dkimfield_add(struct dkimfield_list *list, struct str name, struct str value);
struct str dkimfield_name(const struct dkimfield *field);
struct str dkimfield_value(const struct dkimfield *field);
/* The field as libopendkim wants it: folds as CRLF, no NUL. In place of what `out` held. */
void dkimfield_wire(const struct dkimfield *field, struct buf *out);
/* The value of the topmost From field; empty without one. */
struct str dkimfield_from(const struct dkimfield_list *list);
/* Does h= cover a field with octets that libopendkim's canonicalization loses? */
bool dkimfield_odd_covered(const struct dkimfield_list *list, const struct dkimsig *signature);
/*
 * Does h= name one of dkimsig_once, less often than it stands in the message? Copies of the lowest
 * change nothing.
 */
bool dkimfield_added(const struct dkimfield_list *list, const struct dkimsig *signature);

#endif
