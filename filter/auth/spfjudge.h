/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_AUTH_SPFJUDGE_H
#define FILTER_AUTH_SPFJUDGE_H

/* One run of libspf2 over what is known, from the start; what RFC 7208 4.6.4 limits counts per run.
 */

#include "filter/auth/spftree.h"
#include "postern/spf.h"

struct spf_judge {
	struct spftree *tree;
	struct spftree_term *want; /* this term lacks something: there is no result yet */
	enum spf_result result;
	bool stopped; /* `result` is decided, whatever libspf2 makes of it */
	struct str problem;
	const struct dns_answer *failed; /* the lookup that stopped it, if one did */
	struct str failed_name;
	enum dns_type failed_type;
	const struct spftree_node *decider; /* the record that gave the result */
	size_t terms, voids;
	const struct spftree_term *voided; /* counted last: a term counts once */
};

/* All but `tree` is zero before. Takes no memory of an arena and asks no question. */
void spf_judge_run(struct spf_judge *judge);

#endif
