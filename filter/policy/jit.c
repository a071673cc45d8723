/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Machine code of a policy's patterns, when all of it is known: `set jit` may stand anywhere. Where
 * there is none nothing fails, for the interpreter has the same answers.
 */

#include "filter/policy/loader.h"
#include "postern/pattern.h"

/* How many stay interpreted. */
static size_t make_all(struct loader *loader)
{
	size_t left = 0;

	for (size_t i = 0; i < loader->patterns.count; i++)
		left += !pattern_jit(loader->patterns.items[i]);
	for (size_t i = 0; i < loader->pattern_tables.count; i++)
		left += table_jit(loader->pattern_tables.items[i]);
	return left;
}

void jit_finish(struct loader *loader)
{
	const struct policy *policy = loader->policy;
	const char *why;
	size_t left;

	if (!str_eq(policy_setting_named(policy, "jit")->text, STR("on")) ||
	    loader->patterns.count + loader->pattern_tables.count == 0)
		return;
	why = pattern_jit_missing();
	left = why ? 0 : make_all(loader);
	if (why)
		diag_warn(loader->diag, "jit", policy_setting_span(policy, "jit"),
			  "patterns stay interpreted: %s", why);
	else if (left > 0)
		diag_warn(loader->diag, "jit", policy_setting_span(policy, "jit"),
			  "%zu patterns stay interpreted: they are too large for machine code, or "
			  "no memory is left for it; write several in their place",
			  left);
}
