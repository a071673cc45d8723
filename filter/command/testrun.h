/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_COMMAND_TESTRUN_H
#define FILTER_COMMAND_TESTRUN_H

/*
 * Runs the tests of a policy: plays the dialogue of each to a session and holds the outcome
 * against what is expected. No test asks the DNS: it has the records that it brings.
 */

#include <stdbool.h>

#include "postern/arena.h"
#include "postern/policytest.h"
#include "postern/session.h"

struct coverage;

/* Something that was not as expected. */
struct test_fault {
	const struct expectation *expectation; /* NULL: the test could not be run */
	const char *came;                      /* what was there instead, or why not */
};

struct test_result {
	struct arena *arena;
	const struct policy_test *test;
	const struct report *report;   /* NULL: the test could not be run */
	VEC(struct test_fault) faults; /* none: passed */
};

struct testrun {
	const char *pattern; /* of names; NULL: all tests */
	/* Told of each test; the result is valid until it returns. */
	void (*told)(void *ctx, const struct test_result *result);
	void *ctx;
	struct coverage *coverage; /* is told what was reached; NULL: nobody wants to know */
	size_t passed, failed;
};

/* Readies the libraries that tests need. False: said why. */
bool testrun_begin(void);
void testrun_policy(struct testrun *run, const struct policy *policy);
/* A test that failed, with its trace, for people on standard output. */
void testrun_print(const struct test_result *result);

/* ---- testexpect.c ---- */

/* What another policy makes of the same dialogue, for `same as`; NULL: *why_r says why. */
struct same_as {
	const struct report *(*play)(void *ctx, const char *path, const char **why_r);
	void *ctx;
};

/* Holds an outcome against what is expected; adds what is wrong to the result. */
void testexpect_check(struct test_result *result, const struct same_as *same);

#endif
