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
		    bool played, struct diag *diag)
{
	struct counterexample example = counter_show(arena, policy, assertion, result, played);
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
	if (result->outcomes & 1u << VERDICT_DISCARD &&
	    (!result->rule || result->rule->verdict != VERDICT_DISCARD))
		diag_note(diag, (struct span){0},
			  "'remove recipient' leaves the recipient out, who gets nothing");
	if (result->witness.local)
		diag_note(diag, (struct span){0},
			  "in mail that is handed in on this host itself no recipient can be "
			  "refused alone");
	diag_note(diag, (struct span){0}, "shown by: " STR_FMT, STR_ARG(example.command));
	if (played && !example.confirmed)
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

bool proofs_check(const struct policy *policy, bool played, struct diag *diag)
{
	struct arena *arena = arena_new(NULL);
	struct prover *prover = NULL;
	bool proved = true;

	for (size_t i = 0; i < policy->assertion_count; i++) {
		const struct plan_assertion *assertion = &policy->assertions[i];
		struct proof_result result;

		if (!prover)
			prover = prover_new(arena, policy);
		result = prove_assertion(prover, assertion, PROVE_STEPS);
		if (result.proof == PROOF_REFUTED)
			refuted(arena, policy, assertion, &result, played, diag);
		if (result.proof == PROOF_UNDECIDED)
			undecided(arena, assertion, &result, diag);
		proved &= result.proof == PROOF_PROVED;
	}
	arena_free(&arena);
	return proved;
}

/* ---- warnings ---- */

static void warn_unused(struct prover *prover, const struct plan_rule *rule, size_t *steps,
			struct diag *diag)
{
	const struct plan_rule *const *by = NULL;
	size_t count = 0;
	enum unused unused = prove_unused(prover, rule, steps, &by, &count);

	if (unused == UNUSED_IMPOSSIBLE)
		diag_warn(diag, "impossible", rule->span,
			  "this rule never applies: its condition cannot be true");
	if (unused != UNUSED_SHADOWED)
		return;
	diag_warn(diag, "shadowed", rule->span,
		  "this rule never applies: what it would is decided above");
	for (size_t i = 0; i < count; i++)
		diag_note(diag, by[i]->span, i == 0 ? "by this" : "and by this");
}

static void warn_relay(const struct policy *policy, struct prover *prover, struct arena *arena,
		       struct diag *diag)
{
	struct proof_result result = prove_relay(prover, PROVE_STEPS / 4);
	const char *what = result.routed ? "to a routed recipient, as user%elsewhere.example@here"
					 : "to a domain that is not named here";
	struct counterexample example;

	if (result.proof != PROOF_REFUTED)
		return;
	example = counter_show(arena, policy, NULL, &result, true);
	diag_warn(diag, "outsider-relay", (result.rule ? result.rule : result.asks)->span,
		  "an outsider can relay %s, and no assertion says so", what);
	if (!result.rule)
		diag_note(diag, (struct span){0}, "no rule decides, so the message passes");
	diag_note(diag, (struct span){0},
		  "write 'assert not delivered when %s unless ...' with those who may",
		  result.routed ? "recipient.routed" : "recipient.domain not in TABLE");
	diag_note(diag, (struct span){0}, "shown by: " STR_FMT, STR_ARG(example.command));
	if (!example.confirmed)
		diag_note(diag, (struct span){0}, "not confirmed: " STR_FMT, STR_ARG(example.why));
}

void proofs_warn(const struct policy *policy, struct diag *diag)
{
	struct arena *arena = arena_new(NULL);
	struct prover *prover = prover_new(arena, policy);
	size_t steps = PROVE_UNUSED_STEPS, at = 0;

	while (at < policy->rule_count && steps > 0)
		warn_unused(prover, &policy->rules[at++], &steps, diag);
	if (at < policy->rule_count)
		diag_warn(
		    diag, "not-tried", policy->rules[at].span,
		    "from here on it was not tried whether each rule can apply: %zu rules are "
		    "too many for that",
		    policy->rule_count);
	warn_relay(policy, prover, arena, diag);
	arena_free(&arena);
}
