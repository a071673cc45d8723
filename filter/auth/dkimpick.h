/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_AUTH_DKIMPICK_H
#define FILTER_AUTH_DKIMPICK_H

/*
 * Which of a message's signatures are tried: so many and no more, those of the author's domain
 * first, since every other can be had for the asking by whoever wants to keep us busy.
 */

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

/*
 * Sets `tried` of those without a result that are to be tried, and the result of the others.
 * `from` is the value of the From field.
 */
void dkimpick_choose(struct arena *arena, struct dkimpick *items, size_t count,
		     const struct dkim_options *options, struct str from);

/* The better of two results, as the result of a message: pass, temperror, fail, policy, .... */
enum dkim_result dkimpick_better(enum dkim_result a, enum dkim_result b);

#endif
