/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What comes out of the facts that a frame leaves, and at which stage it is told. The engine
 * decides (moment.c); where recipients share a fate its decisions for two of them are put together
 * here as the session does it.
 */

#include "filter/policy/prove.h"

/* ---- edits of recipients ---- */

static bool does(const struct plan_rule *rule, const char *name)
{
	for (size_t i = 0; i < rule->action_count && !rule->observe; i++)
		if (strcmp(rule->actions[i].def->name, name) == 0)
			return true;
	return false;
}

bool fate_removes(const struct plan_rule *rule)
{
	return does(rule, "remove recipient");
}

bool fate_discards(const struct policy *policy, enum verdict verdict)
{
	bool removes = false;

	for (size_t i = 0; i < policy->rule_count; i++)
		removes |= fate_removes(&policy->rules[i]);
	return removes && (verdict == VERDICT_ACCEPT || verdict == VERDICT_HOLD);
}

/*
 * A recipient that is removed from what is delivered gets nothing, unless another edit adds it.
 * The edits are those of its own outcome, which has to be a delivery too.
 */
static unsigned with_removals(struct prover *p, unsigned outcomes, const struct decision *own)
{
	const unsigned delivered = 1u << VERDICT_ACCEPT | 1u << VERDICT_HOLD;
	bool added = false, may = false, must = false;

	if (!(outcomes & delivered) || !(own->outcomes & delivered))
		return outcomes;
	for (size_t i = 0; i < p->policy->rule_count && i <= own->end; i++) {
		const struct plan_rule *rule = &p->policy->rules[i];
		cond_set state;

		added |= does(rule, "add recipient") || does(rule, "redirect");
		if (!fate_removes(rule))
			continue;
		state = narrow_state(p, prover_rule(p, 0, i));
		may |= (state & COND_TRUE) != 0;
		must |= state == COND_TRUE;
	}
	must = must && !added && (outcomes == own->outcomes || !(own->outcomes & ~delivered));
	if (may)
		outcomes |= 1u << VERDICT_DISCARD;
	return must ? outcomes & ~delivered : outcomes;
}

/* ---- when it is told ---- */

static bool early_connect(const struct policy *policy)
{
	return policy_setting_named(policy, "early")->state == FACT_PRESENT;
}

/* Is this verdict told by the goal's stage? See the table of design.md, "Telling". */
static bool told(struct goal *goal, unsigned side, enum verdict verdict, uint32_t *variable_r)
{
	struct moment at = {goal->stage, true, true};
	struct decision d;

	*variable_r = ASSUMED_NOT;
	switch (verdict) {
	case VERDICT_REJECT:
	case VERDICT_DEFER:
		if (goal->stage < STAGE_MAIL) {
			if (!early_connect(goal->p->policy))
				return false;
			at.stage = STAGE_CONNECT;
		}
		break;
	case VERDICT_ACCEPT:
		/* Another recipient's discard waits for the end of the message, and so do all. */
		if (goal->stage == STAGE_RCPT || (goal->discards && goal->stage > STAGE_MAIL))
			at.stage = STAGE_MAIL;
		if (goal->stage == STAGE_HELO)
			at.stage = STAGE_CONNECT;
		break;
	case VERDICT_DISCARD:
		/* What rests on the recipient is done at the end, where others may remain. */
		if (goal->stage < STAGE_MAIL)
			return false;
		at.recipient = false;
		break;
	case VERDICT_HOLD:
		return false;
	}
	d = moment_decide(goal->p, side, &at, variable_r);
	return d.certain && d.verdict == verdict && (verdict != VERDICT_ACCEPT || !d.pending) &&
	       !moment_words_late(goal->p, &d, &at);
}

/* ---- recipients that share a fate ---- */

/*
 * Is this recipient's own outcome told or carried out for it alone? Local submission is refused no
 * recipient. A discard is carried out at the end, unless the message is refused then: that of the
 * recipient spoken of is no end of the matter.
 */
static enum leaf apart(const struct goal *goal, unsigned side, uint32_t *variable_r)
{
	const struct moment rcpt = {STAGE_RCPT, false, true};
	struct decision d = moment_decide(goal->p, side, &rcpt, variable_r);
	bool refused = d.verdict == VERDICT_REJECT || d.verdict == VERDICT_DEFER;

	if (d.certain)
		return (refused && !goal->local) || (d.verdict == VERDICT_DISCARD && side == 1)
			   ? LEAF_YES
			   : LEAF_NO;
	return *variable_r == ASSUMED_NOT ? LEAF_NO : LEAF_OPEN;
}

/* What is delivered to others is not to a recipient whose discard is certain at RCPT. */
static unsigned without_discarded(const struct goal *goal, unsigned outcomes)
{
	const unsigned delivered = 1u << VERDICT_ACCEPT | 1u << VERDICT_HOLD;
	const struct moment rcpt = {STAGE_RCPT, false, true};
	uint32_t variable;
	struct decision d = moment_decide(goal->p, 0, &rcpt, &variable);

	if (!d.certain || d.verdict != VERDICT_DISCARD || !(outcomes & delivered))
		return outcomes;
	return (outcomes & ~delivered) | 1u << VERDICT_DISCARD;
}

static int strictness(unsigned outcome)
{
	static const int order[] = {
	    [VERDICT_DISCARD] = 0, [VERDICT_ACCEPT] = 1, [VERDICT_HOLD] = 2,
	    [VERDICT_DEFER] = 3,   [VERDICT_REJECT] = 4, [5] = 3,
	};

	return order[outcome];
}

bool fate_may_change(const struct goal *goal, unsigned outcome)
{
	if (goal->by)
		return true;
	if (!(goal->allowed & 1u << outcome))
		return false; /* that was looked for before */
	for (unsigned other = 0; other < 6; other++)
		if (!(goal->allowed & 1u << other) &&
		    (goal->fate == FATE_FIRST || strictness(other) > strictness(outcome)))
			return true;
	return false;
}

bool fate_apart(void *ctx)
{
	struct goal *goal = ctx;
	uint32_t variable;

	return goal->fate != FATE_OWN &&
	       (apart(goal, 0, &variable) == LEAF_YES || apart(goal, 1, &variable) == LEAF_YES);
}

static unsigned strictest(unsigned a, unsigned b)
{
	unsigned outcomes = 0;

	for (unsigned i = 0; i < 6; i++)
		for (unsigned j = 0; j < 6; j++)
			if (a & 1u << i && b & 1u << j)
				outcomes |= 1u << (strictness(i) >= strictness(j) ? i : j);
	return outcomes;
}

static const struct value *case_value(const struct prover *p, const char *fact, size_t *from,
				      bool *known_r)
{
	int slot = policy_slot(p->policy, fact);

	*known_r = false;
	for (size_t i = 0; slot >= 0 && i < p->subjects.count; i++) {
		const struct subject *subject = &p->subjects.items[i];
		const uint64_t *cases = p->frames.items[p->depth].cases + subject->at;

		for (size_t s = 0; s < subject->slots.count; s++) {
			if (subject->slots.items[s] != (unsigned)slot)
				continue;
			*known_r = true;
			for (; *from < subject->cases.count; ++*from)
				if (cases[*from / 64] >> *from % 64 & 1)
					return &subject->cases.items[*from].values[s];
			return NULL;
		}
	}
	return NULL;
}

bool fate_shared(struct prover *p, bool always)
{
	const struct table *submitters = policy_setting_table(p->policy, "submitters");
	bool known, users = true, clients = true, some = false;
	const struct value *value;

	for (size_t i = 0; (value = case_value(p, "auth.user", &i, &known)); i++) {
		users &= value->state == FACT_PRESENT;
		some |= value->state == FACT_PRESENT || value->state == FACT_UNKNOWN;
	}
	some |= !known;
	users &= known;
	for (size_t i = 0; (value = case_value(p, "client.ip", &i, &known)); i++) {
		bool in = value->state == FACT_PRESENT && submitters &&
			  table_has_ip(submitters, &value->network.ip);

		clients &= in;
		some |= in || value->state == FACT_UNKNOWN;
	}
	clients &= known;
	return always ? users || clients : some || (!known && submitters);
}

/* It comes from loopback, and nobody logs in. */
bool fate_local(struct prover *p)
{
	for (size_t i = 0; i < p->subjects.count; i++) {
		struct subject *subject = &p->subjects.items[i];
		uint64_t *cases = p->frames.items[p->depth].cases + subject->at;

		const char *fact = p->policy->slots[subject->slots.items[0]].def->name;
		bool user = strcmp(fact, "auth.user") == 0;

		if (!user && strcmp(fact, "client.ip") != 0)
			continue;
		for (size_t n = 0; n < subject->cases.count; n++) {
			const struct value *value = &subject->cases.items[n].values[0];

			if (user ? value->state == FACT_PRESENT
				 : value->state == FACT_ABSENT ||
				       (value->state == FACT_PRESENT &&
					!ip_is_loopback(&value->network.ip)))
				cases[n / 64] &= ~(UINT64_C(1) << n % 64);
		}
		subject_touch(p, i);
	}
	return narrow(p);
}

/* ---- leaves ---- */

static enum leaf judge(struct goal *goal, unsigned outcomes, const struct decision *d,
		       uint32_t *variable_r)
{
	goal->outcomes = outcomes;
	goal->rule = d->rule;
	if ((outcomes & ~goal->allowed) == 0)
		return LEAF_NO;
	if ((outcomes & goal->allowed) == 0)
		return LEAF_YES;
	*variable_r = search_open_rules(goal->p, 0, d->end);
	if (*variable_r == ASSUMED_NOT)
		*variable_r = search_open_rules(goal->p, 1, d->end);
	return *variable_r == ASSUMED_NOT ? LEAF_YES : LEAF_OPEN;
}

/* What is allowed comes out: is it told by the goal's stage as well? */
static enum leaf judge_stage(struct goal *goal, unsigned side, const struct decision *d,
			     uint32_t *variable_r)
{
	goal->late = false;
	if (!goal->by || goal->stage == STAGE_MESSAGE || d->outcomes == OUTCOME_FAILURE)
		return LEAF_NO;
	if ((d->outcomes & (d->outcomes - 1)) != 0) {
		*variable_r = search_open_rules(goal->p, side, d->end);
		if (*variable_r != ASSUMED_NOT)
			return LEAF_OPEN;
	}
	if (told(goal, side, d->verdict, variable_r))
		return LEAF_NO;
	goal->late = *variable_r == ASSUMED_NOT;
	return goal->late ? LEAF_YES : LEAF_OPEN;
}

static enum leaf own_leaf(struct goal *goal, uint32_t *variable_r)
{
	struct decision d = moment_over(goal->p, 0);
	unsigned outcomes = with_removals(goal->p, d.outcomes, &d);
	enum leaf leaf = judge(goal, outcomes, &d, variable_r);

	return leaf == LEAF_NO ? judge_stage(goal, 0, &d, variable_r) : leaf;
}

/* A fate that is shared is told when it is certain for both. */
static enum leaf shared_leaf(struct goal *goal, uint32_t *variable_r)
{
	struct prover *p = goal->p;
	struct str mixed = policy_setting_named(p->policy, "mixed")->text;
	struct decision own, other;
	unsigned outcomes;
	enum leaf leaf;

	if (!str_eq(mixed, STR("first")) && !str_eq(mixed, STR("message")) && !goal->local &&
	    !fate_shared(p, false))
		return LEAF_NO;
	for (unsigned side = 0; side < SIDES; side++) {
		leaf = apart(goal, side, variable_r);
		if (leaf != LEAF_NO)
			return leaf == LEAF_OPEN ? LEAF_OPEN : LEAF_NO;
	}
	own = moment_over(p, 0);
	other = moment_over(p, 1);
	outcomes =
	    goal->fate == FATE_FIRST ? other.outcomes : strictest(own.outcomes, other.outcomes);
	outcomes = without_discarded(goal, outcomes);
	leaf = judge(goal, with_removals(p, outcomes, &own), &other, variable_r);
	if (leaf == LEAF_NO)
		leaf = judge_stage(goal, 1, &other, variable_r);
	if (leaf == LEAF_NO && goal->fate == FATE_STRICTEST)
		leaf = judge_stage(goal, 0, &own, variable_r);
	return leaf;
}

/* Does the witness say all that is wanted of the facts that matter? */
static bool is_concrete(const struct witness_fact *facts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (facts[i].matters && facts[i].vague)
			return false;
	return true;
}

enum leaf fate_leaf(void *ctx, uint32_t *variable_r)
{
	struct goal *goal = ctx;
	enum leaf leaf =
	    goal->fate == FATE_OWN ? own_leaf(goal, variable_r) : shared_leaf(goal, variable_r);
	struct witness witness;

	if (leaf != LEAF_YES || !goal->concrete)
		return leaf;
	witness = witness_of(goal->p, goal);
	if (is_concrete(witness.facts, witness.count) &&
	    is_concrete(witness.other, witness.other_count))
		return LEAF_YES;
	goal->refused = true;
	return LEAF_NO;
}
