/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POSTERN_ENGINE_H
#define POSTERN_ENGINE_H

/*
 * The engine: what a policy says with what is known so far. It decides; it does not act.
 *
 * A view is what is known of one recipient's message (or of a message without a recipient, or of a
 * connection) at one stage. view_value() computes what can be computed; lookups are only started
 * by view_start(), so that what cannot matter is never asked.
 */

#include <stdbool.h>
#include <stdint.h>

#include "postern/policy.h"

/*
 * A condition is false, true, or failed: by a fact whose failure defers, or by one whose failure
 * is skipped. What is not settled yet is the set of what it may still become, so each state is a
 * bit. Exactly one bit: settled. More: unknown.
 */
enum {
	COND_FALSE = 1,
	COND_TRUE = 2,
	COND_FAILED_DEFER = 4,
	COND_FAILED_SKIP = 8,
	COND_FAILED = COND_FAILED_DEFER | COND_FAILED_SKIP,
};
typedef uint8_t cond_set;

/* false and x is false, true or x is true; a failure that defers wins over one that is skipped. */
cond_set cond_and(cond_set a, cond_set b);
cond_set cond_or(cond_set a, cond_set b);
cond_set cond_not(cond_set a);
static inline bool cond_settled(cond_set s)
{
	return s != 0 && (s & (s - 1)) == 0;
}
/* "false", "true", "failed", "unknown" */
const char *cond_name(cond_set s);

struct cell {
	struct value value;
	void *task;
	bool started;     /* a lookup of this message was begun */
	bool late_wanted; /* not known for want of a late input, whatever answers come */
};

/*
 * Made-up states of tests, for proofs: evaluation takes them as they are, and looks at no fact.
 * Tests and slots have variables, by number; several may share one.
 */
#define ASSUMED_NOT UINT32_MAX
struct assumption {
	const cond_set *states; /* of each variable: what it may be */
	const uint32_t *tests;  /* by a condition's number; ASSUMED_NOT: it is computed */
	const uint32_t *slots;  /* can a text have the fact? ASSUMED_NOT: yes */
};

struct sums; /* of the score actions above the rule that is looked at */

struct view {
	const struct policy *policy;
	enum stage stage;
	struct cell *cells[SCOPE_COUNT]; /* recipient: NULL while no recipient is looked at */
	struct arena *arenas[SCOPE_COUNT];
	struct lookups *lookups;   /* may be NULL: then nothing is looked up */
	const struct value *given; /* a slot each; what is not UNKNOWN holds from its stage on,
				      whatever the cells say. NULL: nothing is given */
	const struct clock *clock;
	const struct assumption *assumed; /* NULL: facts are looked at */
	struct sums *sums;                /* the engine's own, of the connection; NULL at first */
};

/* How many cells a view needs in a scope, zeroed: those of the facts, and what is settled. */
size_t engine_cells(const struct policy *policy, enum scope scope);
/* What is known of a slot now, computing it if that takes no lookup. Never NULL. */
const struct value *view_value(struct view *view, unsigned slot);
/* Begins (or goes on with) the lookup of a slot. True if it is known now. */
bool view_start(struct view *view, unsigned slot);
/* Could waiting make this slot known at this stage? */
bool view_awaitable(struct view *view, unsigned slot);
/* Sets a base fact. */
void view_set(struct view *view, const char *fact, struct value value);

/* Among the outcomes of a decision: a defer because something could not be found out. */
#define OUTCOME_FAILURE (1u << 5)

struct decision {
	bool certain; /* the verdict can no longer change, and its text is known */
	enum verdict verdict;
	const struct plan_rule *rule; /* that decided; NULL: none, the default accept */
	bool failure;                 /* a defer because something could not be found out */
	unsigned outcomes; /* all that may still come out: 1 << verdict, or OUTCOME_FAILURE */
	size_t end;        /* rules below this one do not apply; rule_count for the default */
	bool pending;      /* above an accept or hold stands an edit or log that may happen */
	bool settled; /* if it is delivered: all of those, and those of observed rules, are settled
		       */
	bool worth_waiting; /* waiting for the needed lookups could make it certain */
	/* Slots that a lookup could tell now, in order: those that matter, or their inputs. */
	const unsigned *needed;
	size_t needed_count;
	const unsigned
	    *open; /* all slots that matter and are not known, whatever could tell them */
	size_t open_count;
};

/*
 * What the policy says now. `arena` is for the lists in *d_r and may be a short-lived one.
 * `visit`, if not NULL, is told of every rule that was gone through, with its condition's state.
 */
void engine_decide(struct view *view, struct arena *arena,
		   void (*visit)(void *ctx, const struct plan_rule *rule, cond_set state),
		   void *ctx, struct decision *d_r);

/*
 * Does this rule apply, all known? For edits at the end. Rules are asked for from the top down, so
 * that each sees the score at its place; engine_rewind() comes before the first.
 */
cond_set engine_rule(struct view *view, const struct plan_rule *rule);
void engine_rewind(struct view *view);
/* Before a text of one rule is made: the score is that of its place. */
void engine_place(struct view *view, const struct plan_rule *rule);

/*
 * What is left of the policy for this recipient with all that is known put in: equal residues,
 * equal kinds. Header edits are part of it, envelope edits and logs are not.
 */
struct str engine_residue(struct view *view, struct arena *arena);

/*
 * The earliest stage at which a condition can be true, or (holds false) be false. NULL: connect. A
 * fact that may become known at several stages counts from the last of them.
 */
enum stage cond_stage(const struct policy *policy, const struct slot *slots,
		      const struct cond *cond, bool holds);

/* A text with its facts put in, safe to send: see value_print(). All of them must be known. */
struct str engine_text(struct view *view, struct arena *arena, const struct template *text);

#endif
