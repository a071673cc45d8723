/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Plays the dialogue of a counterexample to the policy, and says whether what was proved comes
 * out, or what does. It stands apart from the writing of the dialogue because sessions need the
 * libraries, and nothing of the witness.
 */

#include "filter/command/dialogue.h"
#include "filter/command/proofs.h"
#include "postern/dkim.h"
#include "postern/mime.h"
#include "postern/spf.h"

static const struct report_outcome *outcome_of(const struct dialogue *d,
					       const struct report *report)
{
	/* The one that is spoken of is named last. */
	const struct report_outcome *outcome = &report->outcome;

	if (report->recipient_count == d->recipients.count)
		outcome = &report->recipients[report->recipient_count - 1].outcome;
	return outcome->settled ? outcome : &report->outcome;
}

static unsigned outcome_bit(const struct report_outcome *outcome)
{
	if (outcome->verdict == VERDICT_DEFER && outcome->enhanced &&
	    strcmp(outcome->enhanced, "4.4.3") == 0 && outcome->text &&
	    strcmp(outcome->text, "A lookup failed, please try again later") == 0)
		return OUTCOME_FAILURE;
	return 1u << outcome->verdict;
}

static void compare(const struct dialogue *d, const struct plan_assertion *assertion,
		    const struct proof_result *result, const struct report *report,
		    struct counterexample *example)
{
	const struct report_outcome *outcome = outcome_of(d, report);

	if (!outcome->settled)
		example->why = STR("played, it comes to no outcome");
	else if (result->late && outcome->stage <= assertion->stage)
		example->why =
		    str_printf(d->arena, "played, it is told at %s", stage_name(outcome->stage));
	else if (!result->late && !(outcome_bit(outcome) & result->outcomes))
		example->why = str_printf(d->arena, "played, it comes out as %s, by %s",
					  verdict_name(outcome->verdict),
					  outcome->rule ? outcome->rule : "no rule");
	else
		example->confirmed = true;
}

/* Sessions need the libraries; once a program. */
static bool libraries(struct counterexample *example)
{
	static bool begun;
	const char *why = NULL;

	if (begun)
		return true;
	spf_init();
	mime_init();
	begun = dkim_verifier_init(&why) == 0;
	if (!begun)
		example->why = str_of(why);
	return begun;
}

void counterplay(struct dialogue *d, const struct policy *policy,
		 const struct plan_assertion *assertion, const struct proof_result *result,
		 struct counterexample *example)
{
	struct source nothing = {.name = "no records", .text = STR("")};
	struct resolver *resolver = NULL;
	struct session *s = NULL;

	d->clock.wall = clock_time(&clock_system);
	d->clock.manual = true;
	if (libraries(example) &&
	    resolver_from_source(&nothing, &d->clock, diag_new(d->arena), &resolver) == 0)
		s = dialogue_play(d, policy, resolver);
	if (s)
		compare(d, assertion, result, session_report(s), example);
	else if (example->why.n == 0)
		example->why = STR("it cannot be played");
	session_free(&s);
	resolver_free(&resolver);
}
