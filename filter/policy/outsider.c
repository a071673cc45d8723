/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who may relay: looks for a message of an outsider to a domain that the policy does not name, or
 * to a routed recipient, that is delivered. A policy that refuses nobody for not being at a domain
 * that it names leaves this to the MTA; one whose assertions speak of it has been asked already.
 */

#include "filter/policy/prove.h"

static const char *fact_of(const struct prover *p, unsigned slot)
{
	return p->policy->slots[slot].def->name;
}

static bool is_one_of(const char *name, const char *const *names)
{
	for (; *names; names++)
		if (strcmp(*names, name) == 0)
			return true;
	return false;
}

static const char *const routed_facts[] = {"recipient.routed", NULL};
static const char *const recipient_facts[] = {"recipient", "recipient.domain", "recipients",
					      "recipients.domain", NULL};
/* By these a client is known to belong to us; all of them are the client's own. */
static const char *const client_facts[] = {"client.ip",   "origin.ip",    "client.net",
					   "client.name", "auth.user",    "auth.method",
					   "tls.subject", "tls.verified", NULL};

static bool looks_at(const struct prover *p, const struct cond *cond, const char *const *names)
{
	for (size_t i = 0; i < cond->count; i++)
		if (looks_at(p, cond->parts[i], names))
			return true;
	return cond->kind == COND_TEST && is_one_of(fact_of(p, cond->left), names);
}

/* Does the condition rest on a recipient not being one of those that it names? */
static bool asks_for_strangers(const struct prover *p, const struct cond *cond, bool negated)
{
	if (cond->kind == COND_NOT)
		return asks_for_strangers(p, cond->parts[0], !negated);
	for (size_t i = 0; i < cond->count; i++)
		if (asks_for_strangers(p, cond->parts[i], negated))
			return true;
	if (cond->kind != COND_TEST || !is_one_of(fact_of(p, cond->left), recipient_facts) ||
	    cond->op == OP_IS_PRESENT)
		return false;
	if (cond->quantifier == QUANT_NO || cond->op == OP_NOT_IN || cond->op == OP_IS_NOT)
		negated = !negated;
	return negated;
}

static const struct plan_rule *rule_that_asks(const struct prover *p)
{
	for (size_t i = 0; i < p->policy->rule_count; i++) {
		const struct plan_rule *rule = &p->policy->rules[i];

		if (prover_decides(rule) && rule->verdict != VERDICT_ACCEPT &&
		    rule->verdict != VERDICT_HOLD && rule->cond &&
		    asks_for_strangers(p, rule->cond, false))
			return rule;
	}
	return NULL;
}

static bool asserted(const struct prover *p, const char *const *names)
{
	for (size_t i = 0; i < p->policy->assertion_count; i++)
		if (p->policy->assertions[i].cond &&
		    looks_at(p, p->policy->assertions[i].cond, names))
			return true;
	return false;
}

/* An address there is, and not one of this machine. */
static void leave_clients(struct prover *p)
{
	for (size_t i = 0; i < p->subjects.count; i++) {
		struct subject *subject = &p->subjects.items[i];
		uint64_t *cases = p->frames.items[p->depth].cases + subject->at;

		if (strcmp(fact_of(p, subject->slots.items[0]), "client.ip") != 0)
			continue;
		for (size_t n = 0; n < subject->cases.count; n++) {
			const struct value *ip = &subject->cases.items[n].values[0];

			if (ip->state == FACT_ABSENT ||
			    (ip->state == FACT_PRESENT && ip_is_loopback(&ip->network.ip)))
				cases[n / 64] &= ~(UINT64_C(1) << n % 64);
		}
		subject_touch(p, i);
	}
}

static cond_set outsider_state(const struct prover *p, const struct elementary *one, bool routed)
{
	const char *fact = fact_of(p, one->slot);
	bool presence = one->test && one->test->op == OP_IS_PRESENT;

	if (!one->test || one->test->right_kind == RIGHT_SLOT)
		return COND_FALSE | COND_TRUE | COND_FAILED;
	if (is_one_of(fact, client_facts) &&
	    (!presence || strcmp(fact, "auth.user") == 0 || strcmp(fact, "auth.method") == 0))
		return COND_FALSE;
	if (one->side == 0 && strcmp(fact, "recipient.routed") == 0)
		return routed ? COND_TRUE : COND_FALSE;
	if (!routed && one->side == 0 && !presence &&
	    (strcmp(fact, "recipient") == 0 || strcmp(fact, "recipient.domain") == 0))
		return COND_FALSE;
	return COND_FALSE | COND_TRUE | COND_FAILED;
}

static bool begin(struct prover *p, bool routed)
{
	prove_want_nothing(p);
	narrow_root(p);
	leave_clients(p);
	for (size_t i = 0; i < p->elementary.count; i++)
		if (!narrow_variable(p, (uint32_t)i,
				     outsider_state(p, &p->elementary.items[i], routed)))
			return false;
	return narrow(p);
}

static struct proof_result ask(struct prover *p, bool routed)
{
	struct proof_result result = {.proof = PROOF_PROVED, .routed = routed};
	unsigned delivered = 1u << VERDICT_ACCEPT | 1u << VERDICT_HOLD;
	struct goal goal = {.p = p, .allowed = ~delivered, .concrete = true};
	enum found found = begin(p, routed) ? prove_down(p, &goal, 0) : SEARCH_NOTHING;

	if (found == SEARCH_NOTHING && goal.refused) {
		goal.concrete = false;
		found = begin(p, routed) ? prove_down(p, &goal, 0) : SEARCH_NOTHING;
	}
	if (found == SEARCH_OUT)
		result.proof = PROOF_UNDECIDED;
	if (found == SEARCH_FOUND) {
		result.proof = PROOF_REFUTED;
		result.rule = goal.rule;
		result.outcomes = goal.outcomes & delivered;
		result.witness = witness_of(p, &goal);
	}
	return result;
}

struct proof_result prove_relay(struct prover *p, size_t steps)
{
	const struct plan_rule *asks = rule_that_asks(p);
	struct proof_result result = {.proof = PROOF_PROVED};

	p->steps = 0;
	p->most = steps;
	if (!asks)
		return result;
	if (!asserted(p, recipient_facts))
		result = ask(p, false);
	if (result.proof == PROOF_PROVED && !asserted(p, routed_facts))
		result = ask(p, true);
	result.asks = asks;
	return result;
}
