/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proofs: an assertion is broken where its condition is true, every rule above some rule is passed
 * over and that rule brings an outcome that is not allowed. So each rule is asked in turn; what
 * was learned of the rules above stays.
 */

#include "filter/policy/prove.h"

#define ALL_OUTCOMES (OUTCOME_FAILURE * 2 - 1)

/* ---- the prover ---- */

static void add_variable(struct prover *p, size_t constraint, uint32_t variable)
{
	struct elementary *one;

	if (variable == ASSUMED_NOT)
		return;
	one = &p->elementary.items[variable];
	if (one->constraints.count > 0 &&
	    one->constraints.items[one->constraints.count - 1] == constraint)
		return;
	*vec_push(p->arena, &one->constraints) = (uint32_t)constraint;
}

static void add_variables(struct prover *p, size_t constraint, const struct cond *cond,
			  unsigned side)
{
	if (cond->kind == COND_TEST)
		add_variable(p, constraint, p->tests[side][cond->number]);
	for (size_t i = 0; i < cond->count; i++)
		add_variables(p, constraint, cond->parts[i], side);
}

static bool asks_sum(const struct prover *p, const struct cond *cond)
{
	for (size_t i = 0; i < cond->count; i++)
		if (asks_sum(p, cond->parts[i]))
			return true;
	return cond->kind == COND_TEST && prover_asks_sum(p->policy, cond);
}

/* A rule that asks for a score rests on all that may add to it. */
static void add_scoring(struct prover *p, size_t constraint, size_t rule, unsigned side)
{
	for (size_t i = 0; i < rule; i++) {
		const struct plan_rule *above = &p->policy->rules[i];

		if (above->score_count > 0 && above->cond)
			add_variables(p, constraint, above->cond, side);
	}
}

static void add_constraints(struct prover *p)
{
	size_t rules = p->policy->rule_count;

	p->constraint_count = 1 + SIDES * rules;
	p->constraints = arena_array(p->arena, p->constraint_count, sizeof(*p->constraints));
	for (unsigned side = 0; side < SIDES; side++) {
		for (size_t i = 0; i < rules; i++) {
			const struct plan_rule *rule = &p->policy->rules[i];
			size_t n = (size_t)(prover_rule(p, side, i) - p->constraints);

			p->constraints[n] =
			    (struct constraint){.cond = rule->cond, .rule = rule, .side = side};
			if (rule->cond)
				add_variables(p, n, rule->cond, side);
			p->constraints[n].sums = rule->cond && asks_sum(p, rule->cond);
			if (p->constraints[n].sums)
				add_scoring(p, n, i, side);
			for (size_t t = 0; t < rule->text_slot_count; t++)
				add_variable(p, n, p->texts[side][rule->text_slots[t]]);
		}
	}
	for (size_t i = 0; i < p->policy->assertion_count; i++)
		if (p->policy->assertions[i].cond)
			add_variables(p, 0, p->policy->assertions[i].cond, 0);
}

struct prover *prover_new(struct arena *arena, const struct policy *policy)
{
	struct prover *p = arena_new_of(arena, struct prover);
	struct view view = {.policy = policy, .stage = STAGE_MESSAGE, .clock = &clock_system};

	p->arena = arena_new(arena);
	p->policy = policy;
	view.arenas[SCOPE_CONNECTION] = view.arenas[SCOPE_MESSAGE] = p->arena;
	p->plain = view;
	subjects_make(p);
	add_constraints(p);
	for (unsigned side = 0; side < SIDES; side++) {
		p->assumed[side].tests = p->tests[side];
		p->assumed[side].slots = p->texts[side];
		p->views[side] = view;
		p->views[side].assumed = &p->assumed[side];
	}
	p->subject_dirty = arena_array(p->arena, p->subjects.count + 1, sizeof(bool));
	p->all = arena_array(p->arena, p->elementary.count + 1, sizeof(cond_set));
	p->masked = arena_array(p->arena, p->elementary.count + 1, sizeof(cond_set));
	p->most = SIZE_MAX;
	narrow_root(p);
	narrow(p);
	memcpy(p->all, p->frames.items[0].states, p->elementary.count * sizeof(cond_set));
	return p;
}

/* ---- outcomes ---- */

static unsigned outcomes_of(enum outcome outcome)
{
	switch (outcome) {
	case OUTCOME_REFUSED:
		return 1u << VERDICT_REJECT | 1u << VERDICT_DEFER;
	case OUTCOME_DELIVERED:
		return 1u << VERDICT_ACCEPT | 1u << VERDICT_HOLD;
	case OUTCOME_ACCEPT:
		return 1u << VERDICT_ACCEPT;
	case OUTCOME_REJECT:
		return 1u << VERDICT_REJECT;
	case OUTCOME_DEFER:
		return 1u << VERDICT_DEFER;
	case OUTCOME_DISCARD:
		return 1u << VERDICT_DISCARD;
	case OUTCOME_HOLD:
		break;
	}
	return 1u << VERDICT_HOLD;
}

/* What could not be found out is put off, which satisfies all but a plain `accept`. */
static unsigned allowed(const struct plan_assertion *assertion)
{
	unsigned outcomes = outcomes_of(assertion->outcome);

	if (assertion->negated)
		outcomes = ALL_OUTCOMES & ~outcomes;
	return assertion->outcome == OUTCOME_ACCEPT && !assertion->negated
		   ? outcomes
		   : outcomes | OUTCOME_FAILURE;
}

struct str prove_outcomes(struct arena *arena, unsigned outcomes)
{
	static const char *const names[] = {"accept",  "reject", "defer",
					    "discard", "hold",   "defer (a lookup failed)"};
	struct buf out = {.arena = arena};

	for (unsigned i = 0; i < 6; i++)
		if (outcomes & 1u << i)
			buf_printf(&out, "%s%s", out.n > 0 ? " or " : "", names[i]);
	return buf_str(&out);
}

/* ---- one goal ---- */

void prove_want_nothing(struct prover *p)
{
	for (size_t i = 0; i < p->constraint_count; i++) {
		p->constraints[i].wanted = 0;
		p->constraints[i].dirty = false;
	}
	p->waiting.count = 0;
}

bool prove_want(struct prover *p, struct constraint *constraint, cond_set wanted)
{
	constraint->wanted = wanted;
	constraint_touch(p, (size_t)(constraint - p->constraints));
	return narrow(p);
}

static bool may_discard(const struct goal *goal, unsigned bad, enum verdict verdict)
{
	return bad & 1u << VERDICT_DISCARD && fate_discards(goal->p->policy, verdict);
}

/* The states in which a rule may bring an outcome of the goal's interest. */
static cond_set bringing(const struct goal *goal, const struct plan_rule *rule)
{
	unsigned bad = goal->by ? ALL_OUTCOMES : ALL_OUTCOMES & ~goal->allowed;
	cond_set states = 0;

	/* A refusal below what could not be judged is put off, like what failed itself. */
	if (bad & (1u << rule->verdict | OUTCOME_FAILURE) || may_discard(goal, bad, rule->verdict))
		states |= COND_TRUE;
	if (bad & OUTCOME_FAILURE)
		states |= COND_FAILED_DEFER;
	return states;
}

static enum found ask(struct prover *p, struct goal *goal, struct constraint *constraint,
		      cond_set wanted)
{
	enum found found = SEARCH_NOTHING;

	narrow_push(p);
	if (!constraint || prove_want(p, constraint, wanted))
		found = search(p, goal->fate == FATE_OWN ? NULL : fate_apart, fate_leaf, goal);
	if (constraint)
		constraint->wanted = 0;
	if (found != SEARCH_FOUND)
		narrow_pop(p);
	return found;
}

enum found prove_down(struct prover *p, struct goal *goal, unsigned side)
{
	unsigned bad = goal->by ? ALL_OUTCOMES : ALL_OUTCOMES & ~goal->allowed;

	for (size_t i = 0; i < p->policy->rule_count; i++) {
		const struct plan_rule *rule = &p->policy->rules[i];
		struct constraint *constraint = prover_rule(p, side, i);
		cond_set wanted;

		if (!prover_decides(rule))
			continue;
		wanted = bringing(goal, rule);
		if (wanted != 0) {
			enum found found = ask(p, goal, constraint, wanted);

			if (found != SEARCH_NOTHING)
				return found;
		}
		if (!prove_want(p, constraint, PROVE_PASSED))
			return SEARCH_NOTHING;
	}
	if (!(bad & 1u << VERDICT_ACCEPT) && !may_discard(goal, bad, VERDICT_ACCEPT))
		return SEARCH_NOTHING;
	return ask(p, goal, NULL, 0);
}

/* Below a way in which the recipient gets its own outcome: what may the other make of it? */
static enum found ask_other(struct prover *p, struct goal *goal, struct constraint *own,
			    cond_set wanted)
{
	enum found found = SEARCH_NOTHING;

	narrow_push(p);
	if ((!own || prove_want(p, own, wanted)) && !fate_apart(goal))
		found = prove_down(p, goal, 1);
	if (found == SEARCH_FOUND)
		return found;
	narrow_pop(p);
	for (size_t i = 0; i < p->policy->rule_count; i++)
		prover_rule(p, 1, i)->wanted = 0;
	return found;
}

/* The states in which a rule may give the recipient an outcome that another can change. */
static cond_set changeable(const struct goal *goal, const struct plan_rule *rule)
{
	bool failure = fate_may_change(goal, 5);

	return (cond_set)((failure || fate_may_change(goal, rule->verdict) ? COND_TRUE : 0) |
			  (failure ? COND_FAILED_DEFER : 0));
}

/* Goes down the rules for the recipient, and for each outcome that may change for the other. */
static enum found down_both(struct prover *p, struct goal *goal)
{
	for (size_t i = 0; i < p->policy->rule_count; i++) {
		const struct plan_rule *rule = &p->policy->rules[i];
		struct constraint *constraint = prover_rule(p, 0, i);
		enum found found = SEARCH_NOTHING;
		cond_set wanted;

		if (!prover_decides(rule))
			continue;
		wanted = changeable(goal, rule);
		if (wanted != 0)
			found = ask_other(p, goal, constraint, wanted);
		if (found != SEARCH_NOTHING)
			return found;
		if (!prove_want(p, constraint, PROVE_PASSED))
			return SEARCH_NOTHING;
	}
	return fate_may_change(goal, VERDICT_ACCEPT) ? ask_other(p, goal, NULL, 0) : SEARCH_NOTHING;
}

static enum found down(struct prover *p, struct goal *goal)
{
	if (goal->fate == FATE_OWN)
		return prove_down(p, goal, 0);
	return fate_apart(goal) ? SEARCH_NOTHING : down_both(p, goal);
}

/* Begins with what the assertion speaks of. False: nothing is. */
static bool begin(struct prover *p, const struct plan_assertion *assertion, bool local)
{
	prove_want_nothing(p);
	narrow_root(p);
	if (!narrow(p) || (local && !fate_local(p)))
		return false;
	if (!assertion || !assertion->cond)
		return true;
	p->constraints[0].cond = assertion->cond;
	return prove_want(p, &p->constraints[0], COND_TRUE);
}

static bool recipients_differ(const struct prover *p)
{
	for (size_t i = 0; i < p->elementary.count; i++)
		if (p->elementary.items[i].side == 1)
			return true;
	return false;
}

/* It speaks of messages for one recipient: nobody else's verdict changes theirs. */
static bool alone(const struct policy *policy, const struct cond *cond)
{
	if (!cond)
		return false;
	for (size_t i = 0; cond->kind == COND_AND && i < cond->count; i++)
		if (alone(policy, cond->parts[i]))
			return true;
	if (cond->kind != COND_TEST || cond->right_kind != RIGHT_VALUE ||
	    strcmp(policy->slots[cond->left].def->name, "recipient.count") != 0)
		return false;
	return (cond->op == OP_IS || cond->op == OP_LE) && cond->value.number == 1000;
}

static void open_conditions(struct prover *p, struct proof_result *result)
{
	VEC(const char *) open = {0};
	const struct frame *frame = &p->frames.items[p->depth];

	for (size_t i = 0; i < p->elementary.count && open.count < 10; i++) {
		const struct elementary *one = &p->elementary.items[i];

		if (!cond_settled(frame->states[i]) && one->side == 0 && one->constraints.count > 0)
			*vec_push(p->arena, &open) = p->policy->slots[one->slot].text.s;
	}
	result->open = open.items;
	result->open_count = open.count;
}

/* What one kind of fate brings; true: that settles the result. */
static bool try_fate(struct prover *p, struct goal *goal, const struct plan_assertion *assertion,
		     struct proof_result *result)
{
	size_t most = p->most;
	enum found found;

	/* By preference what can be played; a part of the steps is enough to look for that. */
	goal->concrete = true;
	goal->refused = false;
	p->most = p->steps + (most - p->steps) / 2;
	found = begin(p, assertion, goal->local) ? down(p, goal) : SEARCH_NOTHING;
	p->most = most;
	goal->concrete = false;
	if (found != SEARCH_FOUND && (goal->refused || found == SEARCH_OUT))
		found = begin(p, assertion, goal->local) ? down(p, goal) : SEARCH_NOTHING;
	if (found == SEARCH_NOTHING)
		return false;
	result->proof = found == SEARCH_FOUND ? PROOF_REFUTED : PROOF_UNDECIDED;
	if (found == SEARCH_OUT) {
		open_conditions(p, result);
		return true;
	}
	result->rule = goal->rule;
	result->outcomes = goal->late ? goal->outcomes : goal->outcomes & ~goal->allowed;
	result->late = goal->late;
	result->witness = witness_of(p, goal);
	return true;
}

struct proof_result prove_assertion(struct prover *p, const struct plan_assertion *assertion,
				    size_t steps)
{
	struct proof_result result = {.proof = PROOF_PROVED};
	struct goal goal = {
	    .p = p,
	    .allowed = allowed(assertion),
	    .by = assertion->by,
	    .stage = assertion->stage,
	};
	struct str mixed = policy_setting_named(p->policy, "mixed")->text;
	bool first = str_eq(mixed, STR("first")), message = str_eq(mixed, STR("message"));
	bool done;

	for (size_t i = 0; i < p->policy->rule_count && !alone(p->policy, assertion->cond); i++)
		goal.discards |= prover_decides(&p->policy->rules[i]) &&
				 p->policy->rules[i].verdict == VERDICT_DISCARD;
	p->steps = 0;
	p->most = steps;
	done = try_fate(p, &goal, assertion, &result);
	goal.fate = first ? FATE_FIRST : FATE_STRICTEST;
	if (!done && recipients_differ(p) && !alone(p->policy, assertion->cond))
		done = try_fate(p, &goal, assertion, &result);
	/* No recipient of such mail is refused by itself; it has no stages to be told at. */
	goal.local = true;
	goal.by = false;
	if (!done && !alone(p->policy, assertion->cond))
		done = try_fate(p, &goal, assertion, &result);
	if (!done && assertion->outcome == OUTCOME_ACCEPT && !assertion->negated && !first &&
	    !message && recipients_differ(p) && begin(p, assertion, false) &&
	    !fate_shared(p, true)) {
		result.proof = PROOF_UNDECIDED;
		result.split = true;
	}
	result.steps = p->steps;
	return result;
}
