/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_POLICY_PROVE_H
#define FILTER_POLICY_PROVE_H

/*
 * What the files of the prover share.
 *
 * An elementary condition is a test, or whether a text can have its fact. It belongs to a subject:
 * facts that are parts of one thing (an address and its domain; one fact, if it stands alone). A
 * subject has cases, which together are all it can be: each gives every elementary condition of
 * the subject the states that it may have then. A search holds, for each condition, the states
 * that are left, and for each subject the cases that are left, and narrows both until nothing
 * changes.
 *
 * Where recipients share a fate, a second one stands for the others: side 1. Conditions on facts
 * of a recipient have one variable a side.
 */

#include "filter/policy/evaluate.h"
#include "postern/pattern.h"
#include "postern/prove.h"

#define SIDES 2

/* A score is no fact of its own: the engine adds up what the rules above add. */
static inline bool prover_asks_sum(const struct policy *policy, const struct cond *test)
{
	return policy->slots[test->left].sum > 0 ||
	       (test->right_kind == RIGHT_SLOT && policy->slots[test->right].sum > 0);
}

/* Beyond these a table is not gone through: what is in it stays free. */
#define PROVE_ITEMS 4000
/* Cases of a subject; beyond, its conditions stay free. */
#define PROVE_CASES 20000
/* Values times conditions of a subject, which all meet; beyond, the same. */
#define PROVE_MEETINGS 20000000

struct elementary {
	const struct cond *test; /* NULL: can a text have the fact? */
	unsigned slot;           /* of the left side */
	unsigned subject, column;
	unsigned side;
	uint32_t next;             /* with the same hash, or ASSUMED_NOT */
	VEC(uint32_t) constraints; /* in which it occurs */
};

struct subject_case {
	const cond_set *columns;    /* of each of the subject's conditions */
	const struct value *values; /* of each of its slots; UNKNOWN: not worked out */
	bool vague;                 /* the values stand for others that tests may tell apart */
};

struct subject {
	unsigned side;
	VEC(unsigned) slots;
	VEC(uint32_t) conditions;
	VEC(struct subject_case) cases;
	size_t words;   /* of a set of cases */
	uint64_t *with; /* for each column and each of four states, the cases that have it */
	size_t at;      /* of its set in a frame */
};

struct frame {
	cond_set *states;  /* by elementary condition */
	uint64_t *cases;   /* by subject */
	uint32_t variable; /* that was chosen, */
	cond_set untried;  /* and what it may still be, */
	cond_set first;    /* this before the rest */
};

/* A rule, or an assertion's condition, and the states in which it is wanted. */
struct constraint {
	const struct cond *cond;
	const struct plan_rule *rule; /* with its texts; NULL: a condition alone */
	unsigned side;
	cond_set wanted; /* 0: not at all */
	bool sums;       /* it asks for a score */
	bool dirty;
};

struct prover {
	struct arena *arena;
	const struct policy *policy;
	VEC(struct elementary) elementary;
	uint32_t *buckets; /* the last one of each hash, or ASSUMED_NOT */
	VEC(struct subject) subjects;
	size_t words; /* of the cases of all subjects */
	uint32_t *tests[SIDES], *texts[SIDES];
	struct assumption assumed[SIDES];
	struct view views[SIDES], plain; /* plain: for values of candidates */
	/* Of the assertion, then of the rules for side 0, then for side 1. */
	struct constraint *constraints;
	size_t constraint_count;
	VEC(struct frame) frames;
	size_t depth;
	bool *subject_dirty;
	VEC(size_t) subjects_waiting, waiting; /* those that are dirty, and such constraints */
	cond_set *all;                         /* what each variable may be at all */
	cond_set *masked;                      /* for decisions of an earlier stage */
	size_t steps, most;                    /* of the present proof */
};

/* The constraint of a rule; that of the assertion is number 0. */
static inline bool prover_decides(const struct plan_rule *rule)
{
	return rule->decisive && !rule->observe;
}

static inline struct constraint *prover_rule(const struct prover *p, unsigned side, size_t rule)
{
	return &p->constraints[1 + side * p->policy->rule_count + rule];
}

/* ---- subjects.c ---- */

void subjects_make(struct prover *p);
/* Are these values too many to be held against each condition? */
bool subject_too_large(const struct subject *subject, size_t values);
/* How a test may fail though its left side is there. */
cond_set elementary_may(const struct prover *p, const struct cond *test);

/* ---- candidates.c: values that a subject may have ---- */

struct candidate {
	struct value value;
	bool fresh;   /* stands for all values that nothing names */
	bool loose;   /* stands for all spellings of its text, which only patterns tell apart */
	bool outside; /* meant to be in no table and no set */
	bool plain;   /* a local part that asks for no detour */
	bool stands;  /* for others too, which their part's tests do not tell apart */
};
struct candidates {
	struct arena *arena;
	VEC(struct candidate) items;
	VEC(const struct cond *) tests; /* that the values came from */
};

/* All that a value of the test's left side is compared with, and one that nothing names. */
void candidates_of_test(const struct prover *p, const struct cond *test,
			struct candidates *candidates);
void candidates_fresh(enum type_base base, const struct enum_def *enumeration,
		      struct candidates *candidates);
void candidate_add(struct candidates *candidates, struct value value, bool fresh);
/*
 * Gives those that nothing names texts that nothing names, and to those that are named other
 * spellings, where case is disregarded by all but a pattern. Before the values are used.
 */
void candidates_apart(struct prover *p, struct candidates *candidates, enum type_base base);
/* What the test may be of one present value: its element's state where the fact is a list. */
cond_set candidate_state(struct prover *p, const struct cond *test,
			 const struct candidate *candidate);

/* ---- groups.c: addresses with their parts, the client ---- */

/* Fills the cases of a subject of several slots; false: it is none that is known. */
bool group_cases(struct prover *p, struct subject *subject);
/* The name of the group that a slot belongs to, or NULL. */
const char *group_of(const struct slot *slot);
/* Adds a case with these values, one of each slot. */
void subject_add(struct prover *p, struct subject *subject, const struct candidate *parts);

/* The same, with the states of its conditions. */
void subject_add_states(struct prover *p, struct subject *subject, const cond_set *states,
			const struct value *values, bool vague);

/* ---- lists.c ---- */

void list_cases(struct prover *p, struct subject *subject);

/* ---- narrow.c ---- */

struct frame *narrow_root(struct prover *p);
struct frame *narrow_push(struct prover *p);
void narrow_pop(struct prover *p);
/* Narrows the top frame until nothing changes; false: a contradiction. */
bool narrow(struct prover *p);
/* Leaves these states to a variable. False: a contradiction. */
bool narrow_variable(struct prover *p, uint32_t variable, cond_set states);
void narrow_touch(struct prover *p);
/* Has a subject, or a constraint that is wanted, looked at by the next narrow(). */
void subject_touch(struct prover *p, size_t at);
void constraint_touch(struct prover *p, size_t at);
/* What a constraint may be in the top frame. */
cond_set narrow_state(struct prover *p, const struct constraint *constraint);

/* ---- search.c ---- */

enum found { SEARCH_NOTHING, SEARCH_FOUND, SEARCH_OUT };
enum leaf { LEAF_NO, LEAF_YES, LEAF_OPEN };
/*
 * Goes through all that the top frame leaves. `hopeless`, if not NULL, tells where it need not
 * look further; `leaf` judges where every constraint is met, and
 * may name a variable on which it depends. FOUND leaves the frame on top.
 */
enum found search(struct prover *p, bool (*hopeless)(void *ctx),
		  enum leaf (*leaf)(void *ctx, uint32_t *variable_r), void *ctx);
/* An unsettled variable of the condition, or of the rules up to one; ASSUMED_NOT: none. */
uint32_t search_open(struct prover *p, unsigned side, const struct cond *cond);
uint32_t search_open_rules(struct prover *p, unsigned side, size_t end);

/* ---- moment.c: what the engine decides of a frame ---- */

/* A moment of the dialogue. */
struct moment {
	enum stage stage;
	bool lookups;   /* have answered */
	bool recipient; /* one is looked at */
};

/* The decision once all is known that the frame says. */
struct decision moment_over(struct prover *p, unsigned side);
/*
 * The decision at a moment: what is known later is open. *variable_r is one that is known by then
 * and not settled, or ASSUMED_NOT.
 */
struct decision moment_decide(struct prover *p, unsigned side, const struct moment *moment,
			      uint32_t *variable_r);
/* Has it to wait for its words, though a score settles earlier that they are to be said? */
bool moment_words_late(const struct prover *p, const struct decision *d,
		       const struct moment *moment);

/* ---- fate.c: what comes out of a frame, and when it is told ---- */

enum fate {
	FATE_OWN,       /* the recipient's own outcome */
	FATE_FIRST,     /* the other's, unless its own is told at RCPT */
	FATE_STRICTEST, /* the stricter of both, the same */
};

struct goal {
	struct prover *p;
	unsigned allowed; /* outcomes */
	enum fate fate;
	bool local;    /* of mail handed in on this host itself */
	bool discards; /* other recipients may be discarded */
	bool by;
	enum stage stage;
	bool concrete; /* only what can be made so */
	bool refused;  /* and something could not */
	/* of the leaf that was found: */
	unsigned outcomes;
	const struct plan_rule *rule;
	bool late;
};

enum leaf fate_leaf(void *goal, uint32_t *variable_r);
/* Does the rule leave the recipient out? */
bool fate_removes(const struct plan_rule *rule);
/* May what is delivered by this verdict be discarded for a recipient that is left out? */
bool fate_discards(const struct policy *policy, enum verdict verdict);
/* Is it certain that the two recipients share no fate? */
bool fate_apart(void *goal);
/* May this outcome of its own become one that is not allowed? */
bool fate_may_change(const struct goal *goal, unsigned outcome);
/* May a client without a queue, whose recipients share a fate, be in the top frame? `always`: must
 * it be one? */
bool fate_shared(struct prover *p, bool always);
/* Leaves only clients on this host itself to the top frame; false: a contradiction. */
bool fate_local(struct prover *p);

/* ---- prove.c ---- */

/* The states in which a rule is passed over. */
#define PROVE_PASSED (COND_FALSE | COND_FAILED_SKIP)

void prove_want_nothing(struct prover *p);
/* Adds a constraint to the top frame; false: a contradiction. */
bool prove_want(struct prover *p, struct constraint *constraint, cond_set wanted);
/* From the top frame down the rules as a recipient of this side meets them. */
enum found prove_down(struct prover *p, struct goal *goal, unsigned side);

/* ---- witness.c ---- */

struct witness witness_of(struct prover *p, const struct goal *goal);

#endif
