/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the prover finds, told as errors and warnings: an assertion that does not hold, with the
 * rule that decides against it and a dialogue that shows it.
 */

#include "filter/command/proofs.h"
#include "postern/arena.h"

static struct str promise(struct arena *arena, const struct plan_assertion *assertion)
{
	return str_printf(arena, "%s%s%s%s", assertion->negated ? "not " : "",
			  outcome_name(assertion->outcome), assertion->by ? " by " : "",
			  assertion->by ? stage_name(assertion->stage) : "");
}

static void refuted(struct arena *arena, const struct policy *policy,
		    const struct plan_assertion *assertion, const struct proof_result *result,
		    struct diag *diag)
{
	struct counterexample example = counter_play(arena, policy, assertion, result);
	struct str outcomes = prove_outcomes(arena, result->outcomes);

	if (result->late)
		diag_error(diag, assertion->span,
			   "this does not hold: '" STR_FMT "' is told later than at %s",
			   STR_ARG(outcomes), stage_name(assertion->stage));
	else
		diag_error(diag, assertion->span,
			   "this does not hold: '" STR_FMT "' is possible, not '" STR_FMT "'",
			   STR_ARG(outcomes), STR_ARG(promise(arena, assertion)));
	if (result->rule)
		diag_note(diag, result->rule->span, "'" STR_FMT "' decides so%s",
			  STR_ARG(result->rule->name),
			  result->witness.other_count > 0 ? ", for another recipient" : "");
	else
		diag_note(diag, (struct span){0}, "no rule decides, so the message passes");
	diag_note(diag, (struct span){0}, "shown by: " STR_FMT, STR_ARG(example.command));
	if (!example.confirmed)
		diag_note(diag, (struct span){0}, "not confirmed: " STR_FMT, STR_ARG(example.why));
}

static void undecided(struct arena *arena, const struct plan_assertion *assertion,
		      const struct proof_result *result, struct diag *diag)
{
	struct buf open = {.arena = arena};

	if (result->split) {
		diag_error(diag, assertion->span,
			   "this cannot be proved: among recipients of another kind this one is "
			   "put off with 452, write 'delivered' or 'set mixed message'");
		return;
	}
	diag_error(diag, assertion->span,
		   "this could not be decided in %zu steps, write it of fewer conditions",
		   result->steps);
	for (size_t i = 0; i < result->open_count; i++)
		buf_printf(&open, "%s%s", i > 0 ? ", " : "", result->open[i]);
	if (result->open_count > 0)
		diag_note(diag, (struct span){0}, "not gone through: " STR_FMT,
			  STR_ARG(buf_str(&open)));
}

bool proofs_check(const struct policy *policy, struct arena *arena, struct diag *diag)
{
	struct prover *prover = NULL;
	bool proved = true;

	for (size_t i = 0; i < policy->assertion_count; i++) {
		const struct plan_assertion *assertion = &policy->assertions[i];
		struct proof_result result;

		if (!prover)
			prover = prover_new(arena, policy);
		result = prove_assertion(prover, assertion, PROVE_STEPS);
		if (result.proof == PROOF_REFUTED)
			refuted(arena, policy, assertion, &result, diag);
		if (result.proof == PROOF_UNDECIDED)
			undecided(arena, assertion, &result, diag);
		proved &= result.proof == PROOF_PROVED;
	}
	return proved;
}
