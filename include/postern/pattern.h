/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POSTERN_PATTERN_H
#define POSTERN_PATTERN_H

/*
 * Patterns: PCRE2, interpreted or, where that is asked for, machine code. filter/policy/pattern.c
 * is the only owner of <pcre2.h>.
 */

#include "postern/arena.h"
#include "postern/str.h"

struct pattern;

/*
 * Compiles a pattern; flags: i (no case), x (extended). NULL on a mistake: *why_r says what, and
 * *at_r is its offset in the pattern. Freed with the arena.
 */
struct pattern *pattern_new(struct arena *arena, struct str text, struct str flags,
			    const char **why_r, size_t *at_r);

/*
 * Makes machine code of a pattern that nobody uses yet. False: it stays interpreted, for want of
 * memory mostly; see pattern_jit_missing().
 */
bool pattern_jit(struct pattern *pattern);
/* Why there is no machine code in this process, and the mend (static); NULL: there is. */
const char *pattern_jit_missing(void);
/* None from now on, in this process and those that it makes. Before there are threads. */
void pattern_jit_never(void);

/* A text that the pattern may well match: its letters, first alternatives, one of each set. */
struct str pattern_example(struct arena *arena, const struct pattern *pattern);
/* Of one text and the same flags. */
bool pattern_same(const struct pattern *a, const struct pattern *b);

/*
 * 1, 0, or -1 where it took too long to tell, or the message has cost too much (meter.h): limits
 * hold whatever pattern and text are.
 */
int pattern_matches(const struct pattern *pattern, struct str text);

#endif
