/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_AUTH_SPFEXPLAIN_H
#define FILTER_AUTH_SPFEXPLAIN_H

/* What a domain itself says about a fail (RFC 7208 section 6.2). */

#include "filter/auth/spftree.h"

/*
 * The explanation that the record at `node`, which gave the fail, points to: printable ASCII, at
 * most SPFEXPLAIN_MAX bytes, in the tree's arena. Empty if there is none, or none to be used.
 */
#define SPFEXPLAIN_MAX 400
enum step spfexplain_step(struct spftree *tree, const struct spftree_node *node,
			  struct lookups *lookups, struct str *text_r);

#endif
