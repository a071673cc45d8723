/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Elementary conditions of a policy and what they speak of: equal tests become one, the facts that
 * they look at become subjects, and each subject gets its cases.
 */

#include "filter/policy/prove.h"

#define BUCKETS 8192

/* ---- equal tests ---- */

static bool same_values(enum type_base base, const struct value *a, const struct value *b,
			size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (value_compare(base, &a[i], &b[i]) != 0)
			return false;
	return true;
}

static bool same_template(const struct template *a, const struct template *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		const struct template_piece *x = &a->pieces[i], *y = &b->pieces[i];

		if (x->is_slot != y->is_slot ||
		    (x->is_slot ? x->slot != y->slot : !str_eq(x->literal, y->literal)))
			return false;
	}
	return true;
}

static bool same_test(const struct cond *a, const struct cond *b)
{
	if (a->left != b->left || a->op != b->op || a->quantifier != b->quantifier ||
	    a->right_kind != b->right_kind || a->base != b->base)
		return false;
	switch (a->right_kind) {
	case RIGHT_NONE:
		return true;
	case RIGHT_VALUE:
		return same_values(a->op >= OP_CONTAINS && a->op <= OP_ENDS_WITH ? TYPE_TEXT
										 : a->base,
				   &a->value, &b->value, 1);
	case RIGHT_SLOT:
		return a->right == b->right;
	case RIGHT_TEMPLATE:
		return same_template(&a->template, &b->template);
	case RIGHT_SET:
		return a->set_count == b->set_count &&
		       same_values(a->base, a->set, b->set, a->set_count);
	case RIGHT_TABLE:
		return a->table == b->table;
	case RIGHT_PATTERN:
		return pattern_same(a->pattern, b->pattern);
	}
	return false;
}

/* ---- subjects ---- */

static unsigned subject_of(struct prover *p, unsigned slot, unsigned side, size_t *at_r)
{
	const struct slot *of = &p->policy->slots[slot];
	const char *group = group_of(of);
	struct subject *subject = NULL;

	if (of->scope != SCOPE_RECIPIENT)
		side = 0;
	for (size_t i = 0; i < p->subjects.count && !subject; i++) {
		struct subject *one = &p->subjects.items[i];
		const char *other = group_of(&p->policy->slots[one->slots.items[0]]);

		if (one->side == side &&
		    (one->slots.items[0] == slot || (group && other && strcmp(group, other) == 0)))
			subject = one;
	}
	if (!subject) {
		subject = vec_push(p->arena, &p->subjects);
		*subject = (struct subject){.side = side};
	}
	for (*at_r = 0; *at_r < subject->slots.count; ++*at_r)
		if (subject->slots.items[*at_r] == slot)
			return (unsigned)(subject - p->subjects.items);
	*vec_push(p->arena, &subject->slots) = slot;
	return (unsigned)(subject - p->subjects.items);
}

/* Equal ones have the same; FNV-1a. */
static uint32_t hash_of(const struct elementary *one)
{
	uint32_t hash = 2166136261u ^ one->slot;
	struct str text = STR("");

	if (one->test && one->test->right_kind == RIGHT_VALUE) {
		text = one->test->value.text;
		hash ^= (uint32_t)one->test->value.number * 31u;
		for (size_t i = 0; i < sizeof(one->test->value.network.ip.bytes); i++)
			hash = (hash ^ one->test->value.network.ip.bytes[i]) * 16777619u;
	}
	for (size_t i = 0; i < text.n; i++)
		hash = (hash ^ (uint32_t)(text.s[i] | 0x20)) * 16777619u;
	return hash % BUCKETS;
}

static uint32_t elementary_add(struct prover *p, struct elementary one)
{
	uint32_t *bucket = &p->buckets[hash_of(&one)];
	struct subject *subject;
	size_t at;

	for (uint32_t i = *bucket; i != ASSUMED_NOT; i = p->elementary.items[i].next) {
		const struct elementary *other = &p->elementary.items[i];

		if (other->slot == one.slot && other->side == one.side &&
		    !one.test == !other->test && (!one.test || same_test(one.test, other->test)))
			return i;
	}
	one.next = *bucket;
	*bucket = (uint32_t)p->elementary.count;
	one.subject = subject_of(p, one.slot, one.side, &at);
	subject = &p->subjects.items[one.subject];
	one.column = (unsigned)subject->conditions.count;
	*vec_push(p->arena, &subject->conditions) = (uint32_t)p->elementary.count;
	*vec_push(p->arena, &p->elementary) = one;
	return (uint32_t)(p->elementary.count - 1);
}

/*
 * Tests that tell apart clients without a queue, whose recipients share a fate: no rule may ask
 * for what they ask.
 */
static void add_fate_test(struct prover *p, const char *fact, const struct table *table)
{
	struct cond *test;
	int slot = policy_slot(p->policy, fact);

	if (slot < 0)
		return;
	test = arena_new_of(p->arena, struct cond);
	*test = (struct cond){.kind = COND_TEST, .left = (unsigned)slot, .op = OP_IS_PRESENT};
	if (table) {
		test->op = OP_IN;
		test->base = TYPE_IP;
		test->right_kind = RIGHT_TABLE;
		test->table = table;
	}
	elementary_add(p, (struct elementary){.test = test, .slot = test->left});
}

static void add_fate_tests(struct prover *p)
{
	struct table *loopback = table_new(p->arena, TABLE_NETWORKS, NULL);
	const struct table *submitters = policy_setting_table(p->policy, "submitters");
	const char *why;

	table_add(loopback, STR("127.0.0.0/8"), &why);
	table_add(loopback, STR("::1"), &why);
	add_fate_test(p, "auth.user", NULL);
	add_fate_test(p, "client.ip", NULL);
	add_fate_test(p, "client.ip", loopback);
	if (submitters)
		add_fate_test(p, "client.ip", submitters);
}

static bool of_recipient(const struct prover *p, unsigned slot)
{
	return p->policy->slots[slot].scope == SCOPE_RECIPIENT;
}

static bool test_of_recipient(const struct prover *p, const struct cond *test)
{
	if (of_recipient(p, test->left) ||
	    (test->right_kind == RIGHT_SLOT && of_recipient(p, test->right)))
		return true;
	for (size_t i = 0; test->right_kind == RIGHT_TEMPLATE && i < test->template.count; i++)
		if (test->template.pieces[i].is_slot &&
		    of_recipient(p, test->template.pieces[i].slot))
			return true;
	return false;
}

static void add_tests(struct prover *p, const struct cond *cond)
{
	size_t at;

	for (size_t i = 0; i < cond->count; i++)
		add_tests(p, cond->parts[i]);
	if (cond->kind != COND_TEST || prover_asks_sum(p->policy, cond))
		return;
	for (unsigned side = 0; side < SIDES && cond->right_kind == RIGHT_SLOT; side++)
		subject_of(p, cond->right, side, &at);
	for (unsigned side = 0; side < SIDES; side++)
		p->tests[side][cond->number] = elementary_add(
		    p, (struct elementary){.test = cond,
					   .slot = cond->left,
					   .side = test_of_recipient(p, cond) ? side : 0});
}

static void add_texts(struct prover *p, const struct plan_rule *rule)
{
	for (size_t i = 0; i < rule->text_slot_count; i++) {
		unsigned slot = rule->text_slots[i];

		if (!p->policy->slots[slot].may_defer && !p->policy->slots[slot].may_skip)
			continue;
		for (unsigned side = 0; side < SIDES; side++)
			p->texts[side][slot] = elementary_add(
			    p, (struct elementary){.slot = slot,
						   .side = of_recipient(p, slot) ? side : 0});
	}
}

/* ---- cases ---- */

static cond_set slot_may(const struct slot *slot)
{
	return (cond_set)((slot->may_defer ? COND_FAILED_DEFER : 0) |
			  (slot->may_skip ? COND_FAILED_SKIP : 0));
}

cond_set elementary_may(const struct prover *p, const struct cond *test)
{
	cond_set may = test->right_kind == RIGHT_PATTERN ? COND_FAILED_DEFER : 0;

	if (test->right_kind == RIGHT_SLOT)
		may |= slot_may(&p->policy->slots[test->right]);
	for (size_t i = 0; test->right_kind == RIGHT_TEMPLATE && i < test->template.count; i++)
		if (test->template.pieces[i].is_slot)
			may |= slot_may(&p->policy->slots[test->template.pieces[i].slot]);
	return may;
}

static bool same_columns(const struct subject *subject, const struct subject_case *a,
			 const cond_set *columns)
{
	return memcmp(a->columns, columns, subject->conditions.count * sizeof(cond_set)) == 0;
}

void subject_add_states(struct prover *p, struct subject *subject, const cond_set *columns,
			const struct value *values, bool vague)
{
	struct value *kept;

	/* Of a fact that is only compared with, each value may be the one that is wanted. */
	for (size_t i = 0; i < subject->cases.count && subject->conditions.count > 0; i++)
		if (same_columns(subject, &subject->cases.items[i], columns))
			return;
	kept = arena_array(p->arena, subject->slots.count, sizeof(*kept));
	memcpy(kept, values, subject->slots.count * sizeof(*kept));
	*vec_push(p->arena, &subject->cases) =
	    (struct subject_case){.columns = columns, .values = kept, .vague = vague};
}

static size_t place_of(const struct subject *subject, unsigned slot)
{
	size_t at = 0;

	while (subject->slots.items[at] != slot)
		at++;
	return at;
}

static cond_set column_state(struct prover *p, const struct elementary *one,
			     const struct candidate *part)
{
	const struct slot *slot = &p->policy->slots[one->slot];

	switch (part->value.state) {
	case FACT_FAILED:
		return slot_may(slot);
	case FACT_ABSENT:
		return one->test ? COND_FALSE : COND_TRUE;
	case FACT_PRESENT:
		return one->test ? candidate_state(p, one->test, part) : COND_TRUE;
	default:
		return one->test ? COND_FALSE | COND_TRUE | elementary_may(p, one->test)
				 : COND_TRUE;
	}
}

void subject_add(struct prover *p, struct subject *subject, const struct candidate *parts)
{
	cond_set *columns = arena_array(p->arena, subject->conditions.count, sizeof(*columns));
	struct value *values = arena_array(p->arena, subject->slots.count, sizeof(*values));
	bool vague = false;

	for (size_t i = 0; i < subject->conditions.count; i++) {
		const struct elementary *one = &p->elementary.items[subject->conditions.items[i]];

		columns[i] = column_state(p, one, &parts[place_of(subject, one->slot)]);
		vague |= !cond_settled(columns[i]);
	}
	for (size_t i = 0; i < subject->slots.count; i++)
		values[i] = parts[i].value;
	subject_add_states(p, subject, columns, values, vague);
}

bool subject_too_large(const struct subject *subject, size_t values)
{
	return values * subject->conditions.count > PROVE_MEETINGS;
}

/* A fact that stands alone. */
static void single_cases(struct prover *p, struct subject *subject)
{
	const struct slot *slot = &p->policy->slots[subject->slots.items[0]];
	struct candidates candidates = {.arena = p->arena};
	struct candidate other = {0};

	candidates_fresh(slot->def->type.base, slot->def->type.enumeration, &candidates);
	for (size_t i = 0; i < subject->conditions.count; i++) {
		const struct elementary *one = &p->elementary.items[subject->conditions.items[i]];

		if (one->test)
			candidates_of_test(p, one->test, &candidates);
	}
	candidates_apart(p, &candidates, slot->def->type.base);
	if (subject_too_large(subject, candidates.items.count))
		return;
	for (size_t i = 0; i < candidates.items.count; i++)
		subject_add(p, subject, &candidates.items.items[i]);
	if (!slot->def->always) {
		other.value = value_absent();
		subject_add(p, subject, &other);
	}
	if (slot->may_defer || slot->may_skip) {
		other.value = value_failed("it could not be found out");
		subject_add(p, subject, &other);
	}
}

/* Nothing is known of it but that an absent fact makes its tests false. */
static void free_cases(struct prover *p, struct subject *subject)
{
	struct candidate *parts = arena_array(p->arena, subject->slots.count, sizeof(*parts));

	memset(&subject->cases, 0, sizeof(subject->cases));
	subject_add(p, subject, parts);
	for (size_t i = 0; i < subject->slots.count; i++) {
		const struct slot *slot = &p->policy->slots[subject->slots.items[i]];

		parts[i].value = slot->may_defer || slot->may_skip ? value_failed("")
				 : slot->def->always               ? (struct value){0}
								   : value_absent();
	}
	subject_add(p, subject, parts);
}

static void index_cases(struct prover *p, struct subject *subject)
{
	size_t columns = subject->conditions.count;

	subject->words = (subject->cases.count + 63) / 64;
	subject->at = p->words;
	p->words += subject->words;
	subject->with = arena_array(p->arena, columns * 4 * subject->words, sizeof(uint64_t));
	for (size_t i = 0; i < subject->cases.count; i++)
		for (size_t c = 0; c < columns; c++)
			for (unsigned state = 0; state < 4; state++)
				if (subject->cases.items[i].columns[c] & 1u << state)
					subject->with[(c * 4 + state) * subject->words + i / 64] |=
					    UINT64_C(1) << i % 64;
}

static uint32_t *no_variables(struct prover *p, size_t count)
{
	uint32_t *variables = arena_array(p->arena, count + 1, sizeof(*variables));

	for (size_t i = 0; i <= count; i++)
		variables[i] = ASSUMED_NOT;
	return variables;
}

void subjects_make(struct prover *p)
{
	const struct policy *policy = p->policy;

	p->buckets = no_variables(p, BUCKETS);
	for (unsigned side = 0; side < SIDES; side++) {
		p->tests[side] = no_variables(p, policy->cond_count);
		p->texts[side] = no_variables(p, policy->all_slot_count);
	}
	for (size_t i = 0; i < policy->rule_count; i++) {
		if (policy->rules[i].cond)
			add_tests(p, policy->rules[i].cond);
		add_texts(p, &policy->rules[i]);
	}
	for (size_t i = 0; i < policy->assertion_count; i++)
		if (policy->assertions[i].cond)
			add_tests(p, policy->assertions[i].cond);
	add_fate_tests(p);
	for (size_t i = 0; i < p->subjects.count; i++) {
		struct subject *subject = &p->subjects.items[i];
		bool list = policy->slots[subject->slots.items[0]].def->type.list;

		if (list)
			list_cases(p, subject);
		else if (!group_cases(p, subject))
			single_cases(p, subject);
		if (subject->cases.count == 0 || subject->cases.count > PROVE_CASES)
			free_cases(p, subject);
		index_cases(p, subject);
	}
}
