/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The explanation of a fail (RFC 7208 section 6.2): fetched once, after the result, counted
 * neither as a term nor as a void lookup. Anything wrong with it means that there is none.
 */

#include "filter/auth/spfexplain.h"

enum step spfexplain_step(struct spftree *tree, const struct spftree_node *node,
			  struct lookups *lookups, struct str *text_r)
{
	struct str exp = node->record.exp, text;
	struct spfmacro_values values;
	const struct dns_answer *answer;

	*text_r = STR("");
	if (exp.n == 0 || spftree_barred(tree, exp))
		return STEP_DONE;
	if (spfmacro_asks_client(exp) && !spftree_client(tree, lookups))
		return STEP_PENDING;
	values = spftree_values(tree, node->domain);
	answer = spftree_ask(lookups, spfmacro_name(tree->arena, exp, &values), DNS_TXT);
	if (!answer)
		return STEP_PENDING;
	if (answer->count != 1)
		return STEP_DONE;
	text = answer->records[0].data;
	if (spfmacro_fault(text, SPFMACRO_TEXT) != NULL)
		return STEP_DONE;
	if (spfmacro_asks_client(text)) {
		if (!spftree_client(tree, lookups))
			return STEP_PENDING;
		values = spftree_values(tree, node->domain);
	}
	text = spfmacro_text(tree->arena, text, &values, SPFEXPLAIN_MAX + 1);
	*text_r = str_clean(tree->arena, text, SPFEXPLAIN_MAX);
	return STEP_DONE;
}
