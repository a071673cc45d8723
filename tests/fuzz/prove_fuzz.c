/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a policy, and a few steps of proof about what it asserts, about each of its rules
 * and about relaying. What is refuted is shown as a dialogue and played.
 */

#include "filter/command/proofs.h"
#include "postern/arena.h"
#include "postern/diag.h"
#include "postern/prove.h"

#include "tests/fuzz/input.h"

#define STEPS 200
/* Of assertions, and of rules. */
#define PROOFS_MOST 8

static void check_assertion(struct arena *arena, const struct policy *policy, struct prover *prover,
			    const struct plan_assertion *assertion)
{
	struct proof_result result = prove_assertion(prover, assertion, STEPS);
	struct counterexample shown;

	require(result.proof != PROOF_UNDECIDED || result.split || result.steps >= STEPS ||
		result.open_count > 0);
	prove_outcomes(arena, result.outcomes);
	if (result.proof != PROOF_REFUTED)
		return;
	shown = counter_show(arena, policy, assertion, &result, true);
	require(shown.confirmed || shown.why.n > 0);
}

static void check(struct policy *policy)
{
	struct arena *arena = arena_new(NULL);
	struct prover *prover = prover_new(arena, policy);
	const struct plan_rule *const *by = NULL;
	struct proof_result relay;
	size_t count = 0, left = STEPS * PROOFS_MOST;

	for (size_t i = 0; i < policy->assertion_count && i < PROOFS_MOST; i++)
		check_assertion(arena, policy, prover, &policy->assertions[i]);
	for (size_t i = 0; i < policy->rule_count && i < PROOFS_MOST; i++)
		if (prove_unused(prover, &policy->rules[i], &left, &by, &count) == UNUSED_SHADOWED)
			require(count == 0 || by[0] < &policy->rules[i]);
	relay = prove_relay(prover, STEPS);
	if (relay.proof == PROOF_REFUTED)
		counter_show(arena, policy, NULL, &relay, true);
	arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new(NULL);
	struct diag *diag = diag_new(arena);
	struct source source = {"fuzz", {(const char *)data, size}};
	struct policy *policy = policy_compile(&source, "/nonexistent", NULL, diag);

	require(policy || diag_errors(diag) > 0);
	if (policy)
		check(policy);
	policy_free(&policy);
	arena_free(&arena);
	return 0;
}
