/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From what a search found to values: of each subject a case that is left, by preference one
 * whose values say all that is wanted of it. Tests that compare two facts are looked at again
 * with the values that both got.
 */

#include "filter/policy/prove.h"

struct picks {
	struct prover *p;
	const struct goal *goal;
	size_t *cases; /* by subject */
};

static bool is_left(const struct prover *p, const struct subject *subject, size_t n)
{
	return p->frames.items[p->depth].cases[subject->at + n / 64] >> n % 64 & 1;
}

static const struct value *picked(const struct picks *picks, unsigned slot, unsigned side)
{
	const struct prover *p = picks->p;

	if (p->policy->slots[slot].scope != SCOPE_RECIPIENT)
		side = 0;
	for (size_t i = 0; i < p->subjects.count; i++) {
		const struct subject *subject = &p->subjects.items[i];

		for (size_t s = 0; subject->side == side && s < subject->slots.count; s++)
			if (subject->slots.items[s] == slot)
				return &subject->cases.items[picks->cases[i]].values[s];
	}
	return NULL;
}

static bool has_value(const struct value *value)
{
	return value && value->state == FACT_PRESENT;
}

/* Do the values that were picked give the test what is left of it? */
static bool fits(const struct picks *picks, const struct elementary *one, cond_set cell)
{
	struct prover *p = picks->p;
	cond_set wanted = p->frames.items[p->depth].states[one - p->elementary.items];
	const struct value *left, *right;
	int holds;

	if ((cell & ~wanted) == 0)
		return true;
	left = picked(picks, one->slot, one->side);
	if (!one->test || one->test->quantifier || one->test->right_kind == RIGHT_TEMPLATE ||
	    !has_value(left))
		return false;
	right = &one->test->value;
	if (one->test->right_kind == RIGHT_SLOT)
		right = picked(picks, one->test->right, one->side);
	if (!right || (one->test->right_kind == RIGHT_SLOT &&
		       (right->state == FACT_UNKNOWN || right->state == FACT_FAILED)))
		return false;
	holds = one->test->right_kind == RIGHT_SLOT && right->state == FACT_ABSENT
		    ? 0
		    : compare_test(&p->plain, one->test, left, right);
	return holds >= 0 && (wanted & (holds ? COND_TRUE : COND_FALSE)) != 0;
}

static bool case_fits(const struct picks *picks, const struct subject *subject)
{
	const struct subject_case *one =
	    &subject->cases.items[picks->cases[subject - picks->p->subjects.items]];

	for (size_t c = 0; c < subject->conditions.count; c++)
		if (!fits(picks, &picks->p->elementary.items[subject->conditions.items[c]],
			  one->columns[c]))
			return false;
	return true;
}

/*
 * Nobody logs in without need; where recipients share a fate it may be because somebody has, or
 * because the client is one that has no queue.
 */
static bool preferred(const struct picks *picks, const struct subject *subject, size_t n)
{
	const char *fact = picks->p->policy->slots[subject->slots.items[0]].def->name;
	const struct value *value = &subject->cases.items[n].values[0];
	const struct table *submitters = policy_setting_table(picks->p->policy, "submitters");

	if (strcmp(fact, "client.ip") == 0 && picks->goal->fate != FATE_OWN)
		return value->state == FACT_PRESENT &&
		       (picks->goal->local || !submitters ||
			table_has_ip(submitters, &value->network.ip));

	if (strcmp(fact, "auth.user") != 0)
		return true;
	return value->state == (picks->goal->fate == FATE_OWN ? FACT_ABSENT : FACT_PRESENT);
}

static void pick(struct picks *picks, size_t number)
{
	struct prover *p = picks->p;
	const struct subject *subject = &p->subjects.items[number];
	size_t first = SIZE_MAX;

	for (int round = 0; round < 2; round++) {
		for (size_t n = 0; n < subject->cases.count; n++) {
			if (!is_left(p, subject, n) ||
			    (round == 0 && !preferred(picks, subject, n)))
				continue;
			if (first == SIZE_MAX)
				first = n;
			picks->cases[number] = n;
			if (case_fits(picks, subject))
				return;
		}
	}
	picks->cases[number] = first == SIZE_MAX ? 0 : first;
}

/* All its cases are left: it may be anything. */
static bool matters(const struct prover *p, const struct subject *subject)
{
	for (size_t n = 0; n < subject->cases.count; n++)
		if (!is_left(p, subject, n))
			return true;
	for (size_t c = 0; c < subject->conditions.count; c++) {
		uint32_t variable = subject->conditions.items[c];

		if (p->frames.items[p->depth].states[variable] != p->all[variable])
			return true;
	}
	return false;
}

static size_t facts_of(const struct picks *picks, unsigned side,
		       const struct witness_fact **facts_r)
{
	struct prover *p = picks->p;
	VEC(struct witness_fact) facts = {0};

	for (size_t i = 0; i < p->subjects.count; i++) {
		const struct subject *subject = &p->subjects.items[i];
		const struct subject_case *one = &subject->cases.items[picks->cases[i]];
		bool vague = !case_fits(picks, subject);

		if (subject->side != side)
			continue;
		for (size_t s = 0; s < subject->slots.count; s++)
			*vec_push(p->arena, &facts) = (struct witness_fact){
			    .slot = subject->slots.items[s],
			    .value = one->values[s],
			    .matters = matters(p, subject),
			    .vague = vague,
			};
	}
	*facts_r = facts.items;
	return facts.count;
}

struct witness witness_of(struct prover *p, const struct goal *goal)
{
	struct picks picks = {.p = p, .goal = goal};
	struct witness witness = {0};

	picks.cases = arena_array(p->arena, p->subjects.count + 1, sizeof(*picks.cases));
	/* Twice: tests of two facts look at the other's value. */
	for (int round = 0; round < 2; round++)
		for (size_t i = 0; i < p->subjects.count; i++)
			pick(&picks, i);
	witness.count = facts_of(&picks, 0, &witness.facts);
	witness.local = goal->local;
	if (goal->fate != FATE_OWN)
		witness.other_count = facts_of(&picks, 1, &witness.other);
	return witness;
}
