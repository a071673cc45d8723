/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POSTERN_CHECK_H
#define POSTERN_CHECK_H

/*
 * What is doubtful about a policy that has no mistakes: rules that can be got around, come later
 * than they could or never apply, lookups that nobody has bounded. Each kind of warning has a name
 * by which it can be silenced (diag_silence). Besides, a policy's plan and what it costs, printed
 * for people who look for a reason.
 *
 *   check_policy(policy, diag)        all warnings
 *   check_table(policy, arena, ...)   when each rule could answer, and when it does
 *   check_lookups(policy)             what a message may cost
 */

#include <stdio.h>

#include "postern/policy.h"

struct warning_def {
	const char *name; /* NULL ends the list */
	const char *help; /* one line */
};
extern const struct warning_def warnings[];

void check_policy(const struct policy *policy, struct diag *diag);

struct check_row {
	const struct plan_rule *rule;    /* one that decides */
	enum stage could;                /* told at, were it alone */
	enum stage answers;              /* told at, at the earliest */
	const struct plan_rule *held_by; /* what keeps it from answering when it could; or NULL */
	const struct plan_rule *above;   /* a rule that leaves nothing for it; or NULL */
};
/* A row for each rule that decides, in order. The arena is for the rows. */
const struct check_row *check_table(const struct policy *policy, struct arena *arena,
				    size_t *count_r);

/* The most DNS questions that one message can cost. */
struct check_cost {
	unsigned shared;     /* of those that all but SPF share; LIMIT_LOOKUPS are asked at most */
	unsigned signature;  /* besides, for each DKIM signature that is tried */
	unsigned signatures; /* so many are */
	unsigned spf;        /* of SPF's own */
	bool recipients;     /* some are asked for each recipient */
};
struct check_cost check_lookups(const struct policy *policy);

/* Every slot, one a line: fact, type, stage, scope, cost, what its failure does, its inputs. */
void dump_types(const struct policy *policy, FILE *out);
/* The rules in order: conditions with defines put in, when each can be decided, what it needs. */
void dump_plan(const struct policy *policy, FILE *out);
/* The syntax tree of a file alone. False: it has mistakes, which are in `diag`. */
bool dump_tree(const char *path, struct diag *diag, FILE *out);

#endif
