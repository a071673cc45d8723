/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

/*
 * The unit tests' few macros. A failed check is printed with its place and fails the test that
 * it stands in; the test goes on. The last line of a program reads "N passed, N failed", with
 * ", N skipped" where something could not be run here.
 */

#include <stdio.h>
#include <string.h>

static int unit_passed, unit_failed, unit_skipped, unit_bad;

#define CHECK(condition)                                                                           \
	((condition) ? (void)0                                                                     \
		     : (unit_bad++,                                                                \
			(void)printf("%s:%d: not true: %s\n", __FILE__, __LINE__, #condition)))

#define CHECK_INT(value, expected)                                                                 \
	do {                                                                                       \
		long long unit_v = (long long)(value), unit_e = (long long)(expected);             \
		if (unit_v != unit_e) {                                                            \
			unit_bad++;                                                                \
			printf("%s:%d: %s is %lld, not %lld\n", __FILE__, __LINE__, #value,        \
			       unit_v, unit_e);                                                    \
		}                                                                                  \
	} while (0)

/* A struct str against a literal. */
#define CHECK_STR(value, expected)                                                                 \
	do {                                                                                       \
		struct str unit_v = (value);                                                       \
		const char *unit_e = (expected);                                                   \
		if (unit_v.n != strlen(unit_e) || memcmp(unit_v.s, unit_e, unit_v.n) != 0) {       \
			unit_bad++;                                                                \
			printf("%s:%d: %s is '%.*s', not '%s'\n", __FILE__, __LINE__, #value,      \
			       (int)unit_v.n, unit_v.n ? unit_v.s : "", unit_e);                   \
		}                                                                                  \
	} while (0)

#define RUN(test)                                                                                  \
	do {                                                                                       \
		int unit_before = unit_bad;                                                        \
		test();                                                                            \
		if (unit_bad == unit_before) {                                                     \
			unit_passed++;                                                             \
		} else {                                                                           \
			unit_failed++;                                                             \
			printf("FAILED: %s\n", #test);                                             \
		}                                                                                  \
	} while (0)

#define SKIP(what)                                                                                 \
	do {                                                                                       \
		unit_skipped++;                                                                    \
		printf("SKIPPED: %s\n", (what));                                                   \
	} while (0)

static inline int unit_done(void)
{
	printf("%d passed, %d failed", unit_passed, unit_failed);
	if (unit_skipped > 0)
		printf(", %d skipped", unit_skipped);
	printf("\n");
	return unit_failed > 0;
}

#endif
