/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_AUTH_SPFPATH_H
#define FILTER_AUTH_SPFPATH_H

/*
 * The way that judging a check will take, as far as answers are there: so that libspf2, which
 * begins anew whenever an answer is missing, is run when all of them are there, and nothing is
 * asked that it would not ask. It may stop short; libspf2 alone gives the result.
 */

#include "filter/auth/spftree.h"

/*
 * Gets what judging comes to, one term after the other. Returns the term whose answer is pending,
 * or NULL: the judge has what it needs, or can say best what it lacks.
 */
struct spftree_term *spfpath_follow(struct spftree *tree, struct lookups *lookups);

#endif
