/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_COMMAND_PROOFS_H
#define FILTER_COMMAND_PROOFS_H

/* The assertions of a policy proved, and what breaks one shown as a dialogue that was played. */

#include <stdbool.h>

#include "postern/diag.h"
#include "postern/policy.h"
#include "postern/prove.h"

/*
 * Proves all assertions. Those that do not hold, or could not be decided, are errors in `diag`,
 * each with the rule that decides against it and a command that shows it; that is `played`, to say
 * whether it does, but not where a server runs, whose libraries are in use. True: all are proved.
 */
bool proofs_check(const struct policy *policy, bool played, struct diag *diag);
/*
 * What is no mistake, but perhaps not what was meant: rules that never apply, and an outsider who
 * can relay. Warnings in `diag`.
 */
void proofs_warn(const struct policy *policy, struct diag *diag);

/* ---- counter.c ---- */

struct counterexample {
	struct str command; /* postern explain -c ... */
	bool confirmed;     /* it was played, and came out so */
	struct str why;     /* where not: why not */
};

/* Makes a witness concrete and, if `played`, plays it: does it come out as the result says? */
struct counterexample counter_show(struct arena *arena, const struct policy *policy,
				   const struct plan_assertion *assertion,
				   const struct proof_result *result, bool played);

/* ---- counterplay.c ---- */

struct dialogue;

/*
 * Plays the dialogue, in which the recipient that is spoken of stands last. Sets `confirmed` of
 * *example, or `why` not.
 */
void counterplay(struct dialogue *d, const struct policy *policy,
		 const struct plan_assertion *assertion, const struct proof_result *result,
		 struct counterexample *example);

#endif
