/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rules that never apply: their condition is never true, or is true only where a rule above has
 * decided. Which of those above are enough for that is found by leaving them out one by one.
 */

#include "filter/policy/prove.h"

static enum leaf any_leaf(void *ctx, uint32_t *variable_r)
{
	(void)ctx;
	(void)variable_r;
	return LEAF_YES;
}

/* Can the rule apply where those above it that are marked have passed? */
static enum found applies(struct prover *p, size_t rule, const bool *above)
{
	enum found found = SEARCH_NOTHING;
	bool possible;

	prove_want_nothing(p);
	narrow_root(p);
	possible = narrow(p) && prove_want(p, prover_rule(p, 0, rule), COND_TRUE);
	for (size_t i = 0; i < rule && possible && above; i++)
		if (above[i])
			possible = prove_want(p, prover_rule(p, 0, i), PROVE_PASSED);
	if (possible)
		found = search(p, NULL, any_leaf, NULL);
	return found;
}

enum unused prove_unused(struct prover *p, const struct plan_rule *rule, size_t steps,
			 const struct plan_rule *const **by_r, size_t *count_r)
{
	size_t at = (size_t)(rule - p->policy->rules);
	bool *above = arena_array(p->arena, at + 1, sizeof(*above));
	VEC(const struct plan_rule *) by = {0};
	enum found found;

	p->steps = 0;
	p->most = steps;
	*count_r = 0;
	found = applies(p, at, NULL);
	if (found == SEARCH_NOTHING)
		return UNUSED_IMPOSSIBLE;
	for (size_t i = 0; i < at; i++)
		above[i] = prover_decides(&p->policy->rules[i]);
	if (found == SEARCH_FOUND)
		found = applies(p, at, above);
	if (found == SEARCH_FOUND)
		return UNUSED_NOT;
	if (found == SEARCH_OUT)
		return UNUSED_UNKNOWN;
	/* What cannot be told in time stays: it may be needed. */
	for (size_t i = at; i-- > 0;) {
		if (!above[i])
			continue;
		above[i] = false;
		above[i] = applies(p, at, above) != SEARCH_NOTHING;
	}
	for (size_t i = 0; i < at; i++)
		if (above[i])
			*vec_push(p->arena, &by) = &p->policy->rules[i];
	*by_r = by.items;
	*count_r = by.count;
	return UNUSED_SHADOWED;
}
