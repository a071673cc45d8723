/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_POLICY_PROPERTY_RUN_H
#define TESTS_POLICY_PROPERTY_RUN_H

/* The run of one case: property_drive.c plays it, property_check.c judges what is answered. */

#include "postern/policy.h"
#include "postern/session.h"
#include "tests/policy/property.h"

#define ATTEMPTS_MOST (2 * RCPTS_MOST)

/* What became of one recipient in one transaction. */
struct attempt {
	int rcpt, index; /* address; among the mail's recipients */
	bool taken, put_off, discard;
	bool spoils; /* for its sake the whole message is refused */
	bool settled;
	enum verdict verdict;
	enum stage stage;
};

struct run {
	const struct gen_case *c;
	bool verbose;
	bool slow;    /* a lookup has to be waited for */
	bool lenient; /* lookups take too long for every verdict to come in its time */
	struct policy *policy;
	struct session_needs needs;
	struct clock clock;
	struct resolver *resolver;
	struct session *session;
	struct place place;
	int event, abort_after;
	/* the transaction */
	struct attempt attempts[ATTEMPTS_MOST];
	int count;
	bool over;
	bool refused; /* some recipient was */
	bool held;    /* nobody hears what is said now */
	bool unclear; /* the case ends without a judgement */
};

/* ---- property_check.c ---- */

extern const char *const verdict_names[], *const reply_names[], *const stage_names[];

/* Forgets the fault of the case before. */
void check_begin(void);
/* Notes the first fault of a case; later ones follow from it. */
void check_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* NULL: none so far. Valid until the next case. */
const char *check_fault(void);

bool run_refuses(enum verdict verdict);
/* What is known at a stage, for one recipient or none (-1). */
struct moment run_moment(const struct run *r, enum stage stage, int rcpt);
/*
 * With `set mode observe` nothing is refused; what would have been said stands in the report, and
 * the dialogue goes on as if it had been.
 */
struct reply run_felt(const struct run *r, enum stage stage, struct reply reply);
void run_settle(struct attempt *a, enum verdict verdict, enum stage stage);
/* An event's reply that ends the message. */
bool run_ends(struct run *r, const struct reply *reply, enum stage stage);
/* The first edit of a kind, and of a value that begins so unless that is NULL. */
const struct edit *run_edit(const struct edits *edits, enum edit_kind kind, const char *value);
/* Does the policy look anything up? */
bool run_asks(const struct gen_policy *p);
/* Compares the reply to an event that is judged as a whole with the one that the definition wants.
 */
void check_reply(struct run *r, const struct moment *m, const struct said *said, bool extras,
		 const struct reply *reply);
/* What one recipient was told against what it is with everything known. */
void check_outcome(struct run *r, const struct attempt *a);
/* What the session reports of the transaction against what was told. */
void check_report(struct run *r);
/* What is delivered at the end is edited as the definition says. */
void check_edits(struct run *r, const struct attempt *a, const struct edits *edits);

#endif
