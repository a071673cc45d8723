/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A condition judged for every state in which an enumeration that is not known may turn out. It
 * stands apart from the sums, which add up what comes of it: here is the logic of conditions, there
 * the arithmetic of scores.
 */

#include "filter/policy/states.h"

size_t states_of(const struct slot *slot)
{
	size_t count = 0;

	if (slot->def->type.base != TYPE_ENUM || slot->def->type.list)
		return 0;
	while (slot->def->type.enumeration->values[count])
		count++;
	count += slot->may_defer || slot->may_skip ? 2 : 1;
	return count <= STATES_MOST ? count : 0;
}

/* Does the value of the left side alone settle the test? */
static bool is_plain(const struct cond *cond)
{
	return cond->op == OP_IS_PRESENT || cond->right_kind == RIGHT_VALUE ||
	       cond->right_kind == RIGHT_SET;
}

int states_pick(struct view *view, const struct cond *cond)
{
	int found = -1;

	if (cond->kind == COND_TEST)
		return is_plain(cond) && states_of(&view->policy->slots[cond->left]) > 0 &&
			       view_value(view, cond->left)->state == FACT_UNKNOWN
			   ? (int)cond->left
			   : -1;
	for (size_t i = 0; i < cond->count && found < 0; i++)
		if (!cond_settled(evaluate(view, cond->parts[i], NULL).possible))
			found = states_pick(view, cond->parts[i]);
	return found;
}

static void test_given(struct view *view, const struct cond *cond, size_t count, cond_set *sets)
{
	const char *const *values = view->policy->slots[cond->left].def->type.enumeration->values;
	size_t i = 0;

	for (; values[i]; i++) {
		struct value value = value_enum((int)i);
		bool holds =
		    cond->op == OP_IS_PRESENT || compare_test(view, cond, &value, &cond->value) > 0;

		sets[i] = holds ? COND_TRUE : COND_FALSE;
	}
	sets[i++] = COND_FALSE;
	if (i < count)
		sets[i] = COND_FAILED_DEFER;
}

void states_given(struct view *view, const struct cond *cond, unsigned slot, size_t count,
		  cond_set *sets)
{
	cond_set part[STATES_MOST];

	if (cond->kind == COND_TEST && cond->left == slot && is_plain(cond)) {
		test_given(view, cond, count, sets);
		return;
	}
	memset(sets,
	       cond->kind == COND_TEST  ? evaluate(view, cond, NULL).possible
	       : cond->kind == COND_AND ? COND_TRUE
					: COND_FALSE,
	       count);
	for (size_t i = 0; i < cond->count; i++) {
		states_given(view, cond->parts[i], slot, count, part);
		for (size_t j = 0; j < count; j++)
			sets[j] = cond->kind == COND_AND  ? cond_and(sets[j], part[j])
				  : cond->kind == COND_OR ? cond_or(sets[j], part[j])
							  : cond_not(part[j]);
	}
}
