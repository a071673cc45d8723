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

	if (p->steps > p->most)
		return SEARCH_OUT;
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

/* Leaves out what the rule is decided without: many at a time, then fewer. */
static bool leave_out(struct prover *p, struct arena *arena, size_t rule, bool *above)
{
	bool *tried = arena_array(arena, rule + 1, sizeof(*tried));
	size_t chunk = rule;

	while (chunk > 0) {
		for (size_t from = 0; from < rule; from += chunk) {
			size_t to = from + chunk < rule ? from + chunk : rule;
			bool any = false;

			memcpy(tried, above, rule * sizeof(*tried));
			for (size_t i = from; i < to; i++) {
				any |= tried[i];
				tried[i] = false;
			}
			if (any && applies(p, rule, tried) == SEARCH_NOTHING)
				memcpy(above, tried, rule * sizeof(*tried));
		}
		chunk /= 2;
	}
	return p->steps <= p->most;
}

enum unused prove_unused(struct prover *p, const struct plan_rule *rule, size_t *steps,
			 const struct plan_rule *const **by_r, size_t *count_r)
{
	size_t at = (size_t)(rule - p->policy->rules);
	struct arena *scratch = arena_new(p->arena);
	bool *above = arena_array(scratch, at + 1, sizeof(*above));
	VEC(const struct plan_rule *) by = {0};
	enum unused unused = UNUSED_UNKNOWN;
	enum found found;

	p->steps = 0;
	p->most = *steps;
	*count_r = 0;
	found = applies(p, at, NULL);
	if (found == SEARCH_NOTHING)
		unused = UNUSED_IMPOSSIBLE;
	for (size_t i = 0; i < at; i++)
		above[i] = prover_decides(&p->policy->rules[i]);
	if (found == SEARCH_FOUND) {
		found = applies(p, at, above);
		unused = found == SEARCH_FOUND     ? UNUSED_NOT
			 : found == SEARCH_NOTHING ? UNUSED_SHADOWED
						   : UNUSED_UNKNOWN;
	}
	/* What could not be narrowed down in time is not named. */
	if (unused == UNUSED_SHADOWED && leave_out(p, scratch, at, above)) {
		for (size_t i = 0; i < at; i++)
			if (above[i])
				*vec_push(p->arena, &by) = &p->policy->rules[i];
		*by_r = by.items;
		*count_r = by.count;
	}
	arena_free(&scratch);
	*steps -= p->steps < *steps ? p->steps : *steps;
	return unused;
}
