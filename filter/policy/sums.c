/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Adds up scores whose rules are not all settled. Values of one enumeration exclude each other: a
 * rule that waits for one is judged for each value, and the bounds are those of the value that
 * gives the least and the most. Each rule is passed once, so a walk is linear.
 */

#include "filter/policy/sums.h"

#include "filter/policy/states.h"

/* Scores that wait for the same enumeration, by what it may turn out to be. */
struct exclusion {
	struct exclusion *next;
	unsigned slot;
	size_t count;
	struct bounds states[STATES_MOST], hull;
};

struct sum {
	struct bounds bounds;
	struct exclusion *exclusions;
	struct value value;
};

struct sums {
	struct arena *arena;
	size_t next; /* rule; past the last: begin anew */
	size_t count;
	struct sum *in_force, *observed, *read;
};

static int64_t lesser(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t greater(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static struct bounds bounds_plus(struct bounds a, struct bounds b)
{
	return (struct bounds){a.least + b.least, a.most + b.most, a.best + b.best,
			       a.worst + b.worst};
}

static struct bounds bounds_minus(struct bounds a, struct bounds b)
{
	return (struct bounds){a.least - b.least, a.most - b.most, a.best - b.best,
			       a.worst - b.worst};
}

/* What a rule adds whose condition may be this, and by waiting could become that. */
static struct bounds contribution(cond_set possible, cond_set reachable, int64_t points)
{
	int64_t yes = points, no = 0;
	struct bounds b;

	if (!(possible & COND_TRUE))
		yes = 0;
	else if (cond_settled(possible))
		no = points;
	b = (struct bounds){lesser(yes, no), greater(yes, no), lesser(yes, no), greater(yes, no)};
	reachable &= possible;
	if (reachable != 0) {
		yes = reachable & COND_TRUE ? points : 0;
		no = reachable & ~COND_TRUE ? 0 : points;
		b.best = greater(b.least, greater(yes, no));
		b.worst = lesser(b.most, lesser(yes, no));
	}
	return b;
}

/* ---- scores that wait for one enumeration ---- */

static struct exclusion *exclusion_of(struct sums *sums, struct sum *sum, unsigned slot,
				      size_t count)
{
	struct exclusion *exclusion = sum->exclusions;

	while (exclusion && exclusion->slot != slot)
		exclusion = exclusion->next;
	if (exclusion)
		return exclusion;
	exclusion = arena_new_of(sums->arena, struct exclusion);
	exclusion->slot = slot;
	exclusion->count = count;
	exclusion->next = sum->exclusions;
	sum->exclusions = exclusion;
	return exclusion;
}

static void exclusion_add(struct view *view, struct sum *sum, struct exclusion *exclusion,
			  const struct bounds *states)
{
	bool told = view_awaitable(view, exclusion->slot);
	struct bounds hull = {0}, before = exclusion->hull;

	for (size_t i = 0; i < exclusion->count; i++) {
		struct bounds *b = &exclusion->states[i];

		*b = bounds_plus(*b, states[i]);
		if (i == 0)
			hull = *b;
		hull.least = lesser(hull.least, b->least);
		hull.most = greater(hull.most, b->most);
		hull.best = told ? greater(hull.best, b->best) : lesser(hull.best, b->best);
		hull.worst = told ? lesser(hull.worst, b->worst) : greater(hull.worst, b->worst);
	}
	exclusion->hull = hull;
	sum->bounds = bounds_plus(sum->bounds, bounds_minus(hull, before));
}

/* ---- the walk ---- */

static void clear(struct sums *sums)
{
	for (size_t i = 0; i < 2 * sums->count; i++) {
		struct sum *sum = &sums->in_force[i];

		sum->bounds = (struct bounds){0};
		for (struct exclusion *exclusion = sum->exclusions; exclusion;
		     exclusion = exclusion->next) {
			memset(exclusion->states, 0, sizeof(exclusion->states));
			exclusion->hull = (struct bounds){0};
		}
	}
}

void sums_begin(struct view *view)
{
	const struct policy *policy = view->policy;
	struct sums *sums = view->sums;

	if (!policy->reads_sums)
		return;
	if (!sums) {
		struct arena *arena = view->arenas[SCOPE_CONNECTION];

		view->sums = sums = arena_new_of(arena, struct sums);
		sums->arena = arena;
		sums->count = policy->sum_count;
		sums->in_force = arena_array(arena, 2 * sums->count, sizeof(*sums->in_force));
		sums->observed = sums->in_force + sums->count;
	}
	clear(sums);
	sums->read = sums->in_force;
	sums->next = 0;
}

void sums_end(struct view *view)
{
	if (view->sums)
		view->sums->next = SIZE_MAX;
}

void sums_read(struct view *view, bool observed)
{
	if (view->sums)
		view->sums->read = observed ? view->sums->observed : view->sums->in_force;
}

static void add(struct view *view, const struct plan_rule *rule, struct evaluation e)
{
	cond_set sets[STATES_MOST];
	struct bounds states[STATES_MOST];
	int slot = rule->cond && !cond_settled(e.possible) ? states_pick(view, rule->cond) : -1;
	size_t count = slot < 0 ? 0 : states_of(&view->policy->slots[slot]);

	if (count > 0)
		states_given(view, rule->cond, (unsigned)slot, count, sets);
	for (size_t i = 0; i < count; i++)
		sets[i] = evaluation_with_texts(view, rule, (struct evaluation){sets[i], 0}, NULL)
			      .possible;
	for (size_t i = 0; i < rule->score_count; i++) {
		const struct plan_score *score = &rule->scores[i];
		struct bounds plain = contribution(e.possible, e.reachable, score->points);
		struct sum *sums[2] = {&view->sums->observed[score->sum - 1],
				       &view->sums->in_force[score->sum - 1]};

		for (size_t j = 0; j < count; j++)
			states[j] = contribution(sets[j], e.reachable, score->points);
		for (size_t j = 0; j < (rule->observe ? 1 : 2); j++) {
			if (count > 0)
				exclusion_add(
				    view, sums[j],
				    exclusion_of(view->sums, sums[j], (unsigned)slot, count),
				    states);
			else
				sums[j]->bounds = bounds_plus(sums[j]->bounds, plain);
		}
	}
}

void sums_add(struct view *view, const struct plan_rule *rule, struct evaluation e)
{
	struct sums *sums = view->sums;

	if (!sums)
		return;
	sums->next = (size_t)(rule - view->policy->rules) + 1;
	/* Nobody reads below a rule that decides what it adds. */
	if (!rule->decisive && e.possible & COND_TRUE)
		add(view, rule, e);
}

void sums_seek(struct view *view, const struct plan_rule *rule)
{
	size_t at = (size_t)(rule - view->policy->rules);

	if (!view->sums || view->sums->next > at)
		sums_begin(view);
	while (view->sums && view->sums->next < at) {
		const struct plan_rule *passed = &view->policy->rules[view->sums->next];
		struct evaluation nothing = {COND_FALSE, COND_FALSE};

		sums_add(view, passed,
			 passed->score_count > 0 ? evaluate_rule(view, passed, NULL) : nothing);
	}
	sums_read(view, rule->observe);
}

/* ---- what is read ---- */

static const struct value unknown = {.state = FACT_UNKNOWN};

const struct value *sums_value(struct view *view, const struct slot *slot)
{
	struct sum *sum;

	if (!view->sums)
		return &unknown;
	sum = &view->sums->read[slot->sum - 1];
	if (sum->bounds.least != sum->bounds.most)
		return &unknown;
	sum->value = value_number(sum->bounds.least);
	return &sum->value;
}

const struct bounds *sums_bounds(struct view *view, const struct slot *slot)
{
	return &view->sums->read[slot->sum - 1].bounds;
}

bool sums_awaitable(struct view *view, const struct slot *slot)
{
	const struct bounds *b;

	if (!view->sums)
		return false;
	b = sums_bounds(view, slot);
	return b->best >= b->most && b->worst <= b->least;
}

/* What a side of a comparison may be; false: it is no number that is there. */
static bool bounds_of(struct view *view, unsigned n, struct bounds *b_r)
{
	const struct slot *slot = &view->policy->slots[n];
	const struct value *value;

	if (slot->sum > 0) {
		*b_r = *sums_bounds(view, slot);
		return true;
	}
	value = view_value(view, n);
	*b_r = (struct bounds){value->number, value->number, value->number, value->number};
	return value->state == FACT_PRESENT;
}

static cond_set either(bool may_hold, bool may_not)
{
	return (cond_set)((may_hold ? COND_TRUE : 0) | (may_not ? COND_FALSE : 0));
}

/* a >= b, from the bounds of each; `strictly`: a > b */
static struct evaluation at_least(const struct bounds *a, const struct bounds *b, bool strictly)
{
	int64_t more = strictly ? 1 : 0;

	return (struct evaluation){
	    either(a->most >= b->least + more, a->least < b->most + more),
	    either(a->best >= b->worst + more, a->worst < b->best + more),
	};
}

static struct evaluation equal(const struct bounds *a, const struct bounds *b)
{
	bool told = a->best >= a->most && a->worst <= a->least && b->best >= b->most &&
		    b->worst <= b->least;

	return (struct evaluation){
	    either(a->least <= b->most && b->least <= a->most,
		   a->least != a->most || b->least != b->most || a->least != b->least),
	    either(told, told || a->worst < b->best || b->worst < a->best),
	};
}

static struct evaluation negated(struct evaluation e)
{
	return (struct evaluation){cond_not(e.possible), cond_not(e.reachable)};
}

static struct evaluation compare(const struct cond *cond, const struct bounds *a,
				 const struct bounds *b)
{
	struct evaluation e = {COND_FALSE, COND_FALSE};

	switch (cond->op) {
	case OP_GE:
		return at_least(a, b, false);
	case OP_GT:
		return at_least(a, b, true);
	case OP_LT:
		return negated(at_least(a, b, false));
	case OP_LE:
		return negated(at_least(a, b, true));
	case OP_IN:
		for (size_t i = 0; i < cond->set_count; i++) {
			int64_t n = cond->set[i].number;

			e = evaluation_or(e, equal(a, &(struct bounds){n, n, n, n}));
		}
		return e;
	default:
		return equal(a, b);
	}
}

static bool varies(struct view *view, unsigned n)
{
	const struct slot *slot = &view->policy->slots[n];

	return slot->sum > 0 && sums_value(view, slot)->state == FACT_UNKNOWN;
}

bool sums_test(struct view *view, const struct cond *cond, struct open_slots *open,
	       struct evaluation *e_r)
{
	bool with_slot = cond->right_kind == RIGHT_SLOT && cond->op != OP_IS_PRESENT;
	int64_t n = cond->value.number;
	struct bounds left, right = {n, n, n, n};

	if (!view->sums || (!varies(view, cond->left) && !(with_slot && varies(view, cond->right))))
		return false;
	if (cond->op == OP_IS_PRESENT) {
		*e_r = (struct evaluation){COND_TRUE, COND_TRUE};
		return true;
	}
	if (!bounds_of(view, cond->left, &left) ||
	    (with_slot && !bounds_of(view, cond->right, &right)))
		return false;
	*e_r = compare(cond, &left, &right);
	if (open && !cond_settled(e_r->possible)) {
		if (varies(view, cond->left))
			*vec_push(open->arena, &open->slots) = cond->left;
		if (with_slot && varies(view, cond->right))
			*vec_push(open->arena, &open->slots) = cond->right;
	}
	return true;
}

/* ---- when all is loaded ---- */

static void check(struct view *view, struct cond *cond)
{
	for (size_t i = 0; i < cond->count; i++)
		check(view, cond->parts[i]);
	if (cond->kind == COND_TEST && view->policy->slots[cond->left].sum > 0)
		cond->varies |= !cond_settled(evaluate(view, cond, NULL).possible);
}

void sums_check(struct policy *policy)
{
	/* Without cells nothing is known, and nothing can be computed. */
	struct view view = {.policy = policy, .arenas = {[SCOPE_CONNECTION] = policy->arena}};

	for (size_t i = 0; policy->reads_sums && i < policy->rule_count; i++) {
		const struct plan_rule *rule = &policy->rules[i];

		if (rule->observe || !rule->cond)
			continue;
		sums_seek(&view, rule);
		check(&view, rule->cond);
	}
}
