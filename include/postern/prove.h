/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POSTERN_PROVE_H
#define POSTERN_PROVE_H

/*
 * Proofs about a policy: does an assertion hold for every message? The engine's own evaluator runs
 * over made-up facts. Equal tests of different rules are one elementary condition; what a fact
 * may be worth is gathered from all that the policy compares it with, so that combinations which
 * no message has (an address in a network, but not in the larger one) are left out. What is not
 * known of a fact leaves its tests free: "proved" is never wrong, a counterexample may be one that
 * cannot happen, and whoever prints it plays it first.
 *
 *   p = prover_new(arena, policy);
 *   for each assertion: r = prove_assertion(p, assertion, PROVE_STEPS);
 *
 * What has no rule of the policy is not looked at: addresses that cannot be parsed, limits on
 * recipients and fields, edits that the MTA refuses.
 */

#include "postern/engine.h"
#include "postern/policy.h"

/* Steps are evaluations of a rule's condition; so many take under 2 s. */
#define PROVE_STEPS 600000
/* For the rules of a policy that may never apply, all together: some seconds. */
#define PROVE_UNUSED_STEPS 4000000

enum proof { PROOF_PROVED, PROOF_REFUTED, PROOF_UNDECIDED };

/* A fact of a counterexample. */
struct witness_fact {
	unsigned slot;
	struct value value;
	bool matters; /* the outcome rests on it; else it may be anything */
	bool vague;   /* no value is known that gives the facts' tests what they have here */
};

/* A message that breaks an assertion, as far as it has been made concrete. */
struct witness {
	const struct witness_fact *facts;
	size_t count;
	/* Facts of another recipient of the same message, whose fate this one shares. */
	const struct witness_fact *other;
	size_t other_count;
	bool local; /* of mail handed in on this host itself */
};

struct proof_result {
	enum proof proof;
	const struct plan_rule *rule; /* that decides against it; NULL: none does, so it passes */
	unsigned outcomes;            /* what comes out then, bits as in struct decision */
	bool late;                    /* that may be, but it is told after the stage */
	const struct plan_rule *asks; /* of an outsider: the rule that refuses strangers */
	bool routed;                  /* an outsider relays by a recipient that is routed */
	bool split;                   /* undecided: being put off for its kind is no accept */
	struct witness witness;
	const char *const *open; /* undecided: the conditions that were not gone through */
	size_t open_count;
	size_t steps;
};

struct prover;

struct prover *prover_new(struct arena *arena, const struct policy *policy);
struct proof_result prove_assertion(struct prover *prover, const struct plan_assertion *assertion,
				    size_t steps);
/* "accept", "reject or defer": the outcomes that an assertion allows, or that came out. */
struct str prove_outcomes(struct arena *arena, unsigned outcomes);

/* ---- by the same means ---- */

enum unused { UNUSED_NOT, UNUSED_IMPOSSIBLE, UNUSED_SHADOWED, UNUSED_UNKNOWN };

/*
 * Can a rule ever apply? IMPOSSIBLE: its condition cannot be true. SHADOWED: whenever it is, a
 * rule above has decided; those that are enough for that are in *by_r, in order, none if that was
 * not found out in time. *steps is what may be spent, and becomes what is left.
 */
enum unused prove_unused(struct prover *prover, const struct plan_rule *rule, size_t *steps,
			 const struct plan_rule *const **by_r, size_t *count_r);

/*
 * Can an outsider relay, by a message that no assertion speaks of? An outsider has not logged in,
 * and its address is in none of the tables and networks that the policy compares addresses with;
 * the recipient is at a domain that the policy does not name, neither by itself nor in a table,
 * or is routed. REFUTED: yes, in this way.
 */
struct proof_result prove_relay(struct prover *prover, size_t steps);

#endif
