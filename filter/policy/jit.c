/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Machine code of a policy's patterns, when all of it is known: `set jit` may stand anywhere. Where
 * there is none nothing fails, for the interpreter has the same answers.
 */

#include "filter/policy/loader.h"
#include "postern/pattern.h"

static bool make_all(struct loader *loader)
{
	bool all = true;

	for (size_t i = 0; i < loader->patterns.count; i++)
		all &= pattern_jit(loader->patterns.items[i]);
	for (size_t i = 0; i < loader->pattern_tables.count; i++)
		all &= table_jit(loader->pattern_tables.items[i]);
	return all;
}

void jit_finish(struct loader *loader)
{
	const struct policy *policy = loader->policy;
	const char *why;

	if (!str_eq(policy_setting_named(policy, "jit")->text, STR("on")) ||
	    loader->patterns.count + loader->pattern_tables.count == 0)
		return;
	why = pattern_jit_missing();
	if (!why && !make_all(loader))
		why = "of some, PCRE2 makes no machine code, or finds no memory for it";
	if (why)
		diag_warn(loader->diag, "jit", policy_setting_span(policy, "jit"),
			  "patterns stay interpreted: %s", why);
}
