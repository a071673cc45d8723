/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_AUTH_DKIMPICK_H
#define FILTER_AUTH_DKIMPICK_H

/*
 * A message's signatures on their way to their results. So many are tried and no more, those of
 * the author's domain first, since every other can be had for the asking by whoever wants to keep
 * us busy.
 */

#include "filter/auth/dkimfield.h"
#include "filter/auth/dkimsig.h"
#include "postern/dkim.h"
#include "postern/limits.h"

/* A DKIM-Signature field on its way to its result. */
struct dkimpick {
	struct dkimsig tags;
	size_t field; /* its place among the message's fields */
	bool tried;
	bool added;              /* of those tried: see dkimfield_added() */
	enum dkim_result result; /* DKIM_RESULT_NONE: not known yet */
	const char *reason;
	unsigned bits; /* of the key */
};

void dkimpick_settle(struct dkimpick *item, enum dkim_result result, const char *reason);
/* Reads the tags of a signature's field; settled where they cannot be used. */
void dkimpick_read(struct arena *arena, struct dkimpick *item, const struct dkimfield *field,
		   const struct dkim_options *options, int64_t now);
/* With a part of the header missing no signature can be told to be broken, or whole. */
void dkimpick_overflow(struct dkimpick *items, size_t count);

/*
 * Sets `tried` of those without a result that are to be tried, and the result of the others.
 * `from` is the value of the From field.
 */
void dkimpick_choose(struct arena *arena, struct dkimpick *items, size_t count,
		     const struct dkim_options *options, struct str from);

/* The better of two results, as the result of a message: pass, temperror, fail, policy, .... */
enum dkim_result dkimpick_better(enum dkim_result a, enum dkim_result b);
/* The outcome of all; `broken` says why those without a result have none. */
void dkimpick_report(struct arena *arena, struct dkimpick *items, size_t count, const char *broken,
		     struct dkim_outcome *outcome_r);

#endif
