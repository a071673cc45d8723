/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POSTERN_POLICYTEST_H
#define POSTERN_POLICYTEST_H

/*
 * The tests that stand in a policy: a dialogue, what is given outright in it, and what is expected
 * of its outcome. They are checked when the policy is loaded, whoever loads it; files that they
 * name are read by those who run them.
 */

#include <stdbool.h>
#include <stdint.h>

#include "postern/fact.h"
#include "postern/ip.h"
#include "postern/policy.h"
#include "postern/tree.h"

struct test_fact {
	struct operand fact, value;
};

struct expectation {
	enum test_expect_kind kind;
	const char *written; /* "expect reject relay at rcpt" */
	size_t line;
	enum verdict verdict;    /* VERDICT */
	const char *rule;        /* VERDICT, RULE: by its name; NULL: any, or none of RULE */
	int stage;               /* VERDICT, STAGE; -1: any */
	int recipient;           /* for this one of the test's only; -1: for the message */
	int code;                /* CODE */
	const char *enhanced;    /* CODE; NULL: any */
	bool contains, negated;  /* TEXT, EDIT; EDIT */
	const char *edit;        /* EDIT: "add header" and so on; NULL: any at all */
	const char *name, *text; /* EDIT: field, address; its value or NULL. TEXT */
	int64_t number;          /* SCORE, thousandths */
	const char *path;        /* SAME: of the other policy */
};

struct policy_test {
	const char *name, *file;
	size_t line;
	bool has_client;
	struct ip client;
	const char *client_name, *helo, *sender; /* NULL: not said; sender in angle brackets */
	const char *const *recipients;           /* the same */
	size_t recipient_count;
	const struct policy_override *macros, *settings; /* end with a NULL name */
	const struct field *fields;                      /* values with leading space */
	size_t field_count;
	const char *message; /* file; NULL: none */
	struct str body;     /* lines with CRLF */
	struct str records;  /* of `dns`, a line each */
	const char *const *record_files;
	size_t record_file_count;
	int64_t time; /* seconds since 1970; 0: not said */
	const struct test_fact *facts;
	size_t fact_count;
	const struct expectation *expectations;
	size_t expectation_count;
};

/*
 * What a test's facts are to a policy, the test's own or another: an array in `arena`, with its
 * length in *count_r; facts that no rule uses are left out. NULL: reported.
 */
const struct given *policy_test_given(const struct policy *policy, struct arena *arena,
				      const struct policy_test *test, struct diag *diag,
				      size_t *count_r);

#endif
