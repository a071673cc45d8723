/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_BENCH_WORST_H
#define TESTS_BENCH_WORST_H

/*
 * The worst messages of 10 MB that could be thought of, and what they take of memory.
 */

#include <stdbool.h>
#include <stddef.h>

#include "postern/arena.h"
#include "postern/dns.h"
#include "postern/str.h"

#define WORST_BYTES ((size_t)10 << 20)

/* ---- worst_mail.c: the messages ---- */

struct letter_field {
	struct str name, value; /* value with its leading space, folds as LF */
	size_t times;
};

struct letter {
	struct arena *arena;
	const char *name;
	size_t recipients;
	VEC(struct letter_field) fields;
	struct str body;
	VEC(struct str) zone; /* lines of a file of records */
};

/*
 * Makes the n-th one from 0; false: there are no more. letter_free() it. Where `only` is not in its
 * name, its arena is NULL, and there is nothing to free.
 */
bool letter_make(size_t n, const char *only, struct letter *letter_r);
void letter_free(struct letter *letter);
/* Before the first and after the last. */
bool letters_begin(void);
void letters_end(void);

/* ---- worst_heap.c: what malloc() gave ---- */

/* False where a sanitizer has the heap: then nothing is counted. */
bool heap_counts(void);
/* Starts anew from what is in use now. */
void heap_mark(void);
/* The most that was in use since then, beyond what was in use at the mark. */
size_t heap_peak(void);

#endif
