/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cases of a list for proofs: of all elements that its tests can tell apart, each set of them, or
 * none. Where these are too many, nothing is assumed of a list that is not empty.
 */

#include "filter/policy/prove.h"

#define CLASSES_MOST 10
#define FREE_MOST 4

/* An element as the tests see it, one state each. */
struct element {
	const cond_set *states;
	struct value value;
	bool vague;
};

struct elements {
	VEC(struct element) items;
	bool too_many;
};

static const struct cond *test_at(const struct prover *p, const struct subject *subject, size_t c)
{
	return p->elementary.items[subject->conditions.items[c]].test;
}

static void element_push(struct prover *p, const struct subject *subject, struct elements *list,
			 const cond_set *states, const struct value *value, bool vague)
{
	cond_set *kept;

	for (size_t i = 0; i < list->items.count; i++)
		if (memcmp(list->items.items[i].states, states, subject->conditions.count) == 0)
			return;
	if (list->items.count == CLASSES_MOST) {
		list->too_many = true;
		return;
	}
	kept = arena_array(p->arena, subject->conditions.count, sizeof(*kept));
	memcpy(kept, states, subject->conditions.count);
	*vec_push(p->arena, &list->items) = (struct element){kept, *value, vague};
}

/* Every way in which the open ones of the states may turn out, as an element of its own. */
static void expand(struct prover *p, const struct subject *subject, struct elements *list,
		   cond_set *states, const struct value *value)
{
	size_t open[FREE_MOST], count = 0, columns = subject->conditions.count;
	cond_set *one = arena_array(p->arena, columns, sizeof(*one));

	for (size_t c = 0; c < columns; c++) {
		if (cond_settled(states[c]))
			continue;
		if (count == FREE_MOST) {
			list->too_many = true;
			return;
		}
		open[count++] = c;
	}
	for (unsigned way = 0; way < 1u << (2 * count); way++) {
		bool possible = true;

		memcpy(one, states, columns);
		for (size_t i = 0; i < count; i++) {
			one[open[i]] = (cond_set)(1u << (way >> 2 * i & 3));
			possible &= (one[open[i]] & states[open[i]]) != 0;
		}
		if (possible)
			element_push(p, subject, list, one, value, count > 0);
	}
}

static void gather(struct prover *p, const struct subject *subject, struct elements *list)
{
	const struct slot *slot = &p->policy->slots[subject->slots.items[0]];
	struct candidates candidates = {.arena = p->arena};
	size_t columns = subject->conditions.count;
	cond_set *states = arena_array(p->arena, columns, sizeof(*states));

	candidates_fresh(slot->def->type.base, slot->def->type.enumeration, &candidates);
	for (size_t c = 0; c < columns; c++)
		if (test_at(p, subject, c))
			candidates_of_test(p, test_at(p, subject, c), &candidates);
	candidates_apart(p, &candidates, slot->def->type.base);
	for (size_t i = 0; i < candidates.items.count && !list->too_many; i++) {
		for (size_t c = 0; c < columns; c++) {
			const struct cond *test = test_at(p, subject, c);

			/* What a fact on the right makes of it is left open below. */
			states[c] = COND_TRUE;
			if (test && test->right_kind != RIGHT_SLOT &&
			    test->right_kind != RIGHT_TEMPLATE)
				states[c] = candidate_state(p, test, &candidates.items.items[i]);
		}
		expand(p, subject, list, states, &candidates.items.items[i].value);
	}
}

/* As the evaluator does it, of the elements in `set`. */
static cond_set quantified(const struct prover *p, const struct cond *test, size_t c,
			   const struct elements *list, unsigned set, bool incomplete)
{
	bool all = true, some = false;

	if (test->op == OP_IS_PRESENT)
		return set != 0 ? COND_TRUE : incomplete ? COND_FAILED_DEFER : COND_FALSE;
	if (test->right_kind == RIGHT_SLOT || test->right_kind == RIGHT_TEMPLATE) {
		cond_set may = elementary_may(p, test);

		if (incomplete)
			may |= COND_FAILED_DEFER;
		if (set == 0)
			return (cond_set)(may |
					  (test->quantifier == QUANT_NO ? COND_TRUE : COND_FALSE));
		return COND_FALSE | COND_TRUE | may;
	}
	for (size_t i = 0; i < list->items.count; i++) {
		cond_set state = list->items.items[i].states[c];

		if (!(set & 1u << i))
			continue;
		if (state & COND_FAILED)
			return state;
		all &= state == COND_TRUE;
		some |= state == COND_TRUE;
	}
	if (incomplete && (test->quantifier == QUANT_EVERY ? all : !some))
		return COND_FAILED_DEFER;
	if (test->quantifier == QUANT_EVERY)
		some = all && set != 0;
	return some == (test->quantifier != QUANT_NO) ? COND_TRUE : COND_FALSE;
}

static void add_set(struct prover *p, struct subject *subject, const struct elements *list,
		    unsigned set, bool incomplete)
{
	size_t columns = subject->conditions.count, count = 0;
	cond_set *states = arena_array(p->arena, columns, sizeof(*states));
	struct value *items = arena_array(p->arena, list->items.count + 1, sizeof(*items)), value;
	bool vague = incomplete;

	for (size_t c = 0; c < columns; c++) {
		const struct cond *test = test_at(p, subject, c);

		states[c] = test ? quantified(p, test, c, list, set, incomplete) : COND_TRUE;
		vague |= !cond_settled(states[c]);
	}
	for (size_t i = 0; i < list->items.count; i++) {
		if (!(set & 1u << i))
			continue;
		items[count++] = list->items.items[i].value;
		vague |= list->items.items[i].vague;
	}
	value = value_list(items, count);
	value.incomplete = incomplete;
	subject_add_states(p, subject, states, &value, vague);
}

/* Not empty, and no more is known of it. */
static void add_free(struct prover *p, struct subject *subject)
{
	size_t columns = subject->conditions.count;
	cond_set *states = arena_array(p->arena, columns, sizeof(*states));
	struct value value = {0};

	for (size_t c = 0; c < columns; c++) {
		const struct cond *test = test_at(p, subject, c);
		const struct slot *slot = &p->policy->slots[subject->slots.items[0]];

		states[c] = COND_TRUE;
		if (test && test->op != OP_IS_PRESENT)
			states[c] = (cond_set)(COND_FALSE | COND_TRUE | elementary_may(p, test) |
					       (slot->may_defer ? COND_FAILED_DEFER : 0));
	}
	subject_add_states(p, subject, states, &value, true);
}

/* The recipient that is being judged is always one of them. */
static bool never_empty(const struct fact_def *def)
{
	return strcmp(def->name, "recipients") == 0 ||
	       strcmp(def->name, "recipients.domain") == 0 || strcmp(def->name, "attempted") == 0;
}

void list_cases(struct prover *p, struct subject *subject)
{
	const struct slot *slot = &p->policy->slots[subject->slots.items[0]];
	size_t columns = subject->conditions.count;
	cond_set *states = arena_array(p->arena, columns, sizeof(*states));
	struct elements list = {0};
	struct value failed = value_failed("it could not be found out");

	gather(p, subject, &list);
	if (list.too_many) {
		list.items.count = 0;
		add_free(p, subject);
	}
	for (unsigned size = 0; size <= list.items.count; size++) /* the smaller ones first */
		for (unsigned set = 0; set < 1u << list.items.count; set++)
			if ((unsigned)__builtin_popcount(set) == size &&
			    !(set == 0 && never_empty(slot->def)))
				add_set(p, subject, &list, set, false);
	for (unsigned set = 0; slot->may_defer && set < 1u << list.items.count; set++)
		add_set(p, subject, &list, set, true);
	if (!slot->may_defer && !slot->may_skip)
		return;
	for (size_t c = 0; c < columns; c++)
		states[c] = (cond_set)((slot->may_defer ? COND_FAILED_DEFER : 0) |
				       (slot->may_skip ? COND_FAILED_SKIP : 0));
	subject_add_states(p, subject, states, &failed, false);
}
