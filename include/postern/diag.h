/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POSTERN_DIAG_H
#define POSTERN_DIAG_H

/*
 * What is wrong with a text that somebody wrote, and where. Everything that reads a policy, a
 * table or a file of DNS records reports here and goes on, so that one run shows every mistake.
 * Printed, a report reads
 *
 *   FILE:LINE:COL: error: 'dkim' is first known at message, 'recipient' can only be refused at rcpt
 *     12 | relay: reject when dkim is fail
 *        |                    ^~~~
 *   FILE:LINE:COL: note: ...
 *
 * Names stand in single quotes, the text has no period at its end. Lines and columns count from
 * one; a column is a byte, a tab one column (and is copied into the line of carets).
 */

#include <stdbool.h>
#include <stdio.h>

#include "postern/str.h"

struct arena;

/* A text under examination. `name` is what the user calls it. Owned by the caller's arena. */
struct source {
	const char *name;
	struct str text;
};

/* Bytes `from` up to, not including, `to` of a source. A source of NULL: no place is shown. */
struct span {
	const struct source *source;
	size_t from, to;
};

enum diag_level { DIAG_ERROR, DIAG_WARNING, DIAG_NOTE };

struct diag;

/* Errors past this many are counted but not kept. */
#define DIAG_LIMIT 100

struct diag *diag_new(struct arena *arena);
/* A note belongs to the error or warning reported before it. Texts are cleaned for a terminal. */
void diag_error(struct diag *diag, struct span span, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void diag_warning(struct diag *diag, struct span span, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/*
 * A warning with a name of a few words and dashes, by which who reads it can silence it. It is
 * printed behind the text, in brackets.
 */
void diag_warn(struct diag *diag, const char *name, struct span span, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* Warnings of this name, or all where it is NULL, are not kept from now on. */
void diag_silence(struct diag *diag, const char *name);
/* Warnings are printed as errors. They are counted as what they are. */
void diag_strict(struct diag *diag);
void diag_note(struct diag *diag, struct span span, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* How many errors were reported, equal ones once, those past the limit included. */
size_t diag_errors(const struct diag *diag);
size_t diag_warnings(const struct diag *diag);
/* Does an error that was kept begin inside the span? */
bool diag_within(const struct diag *diag, struct span span);
/* All reports, ordered by source, then place; equal ones once. */
void diag_print(const struct diag *diag, FILE *out);

/* What diag_print() prints, piece by piece, for those who print it otherwise. */
struct diag_report {
	enum diag_level level;
	const char *name; /* of a warning; or NULL */
	struct span span; /* without a source: no place */
	struct str text;
};
void diag_each(const struct diag *diag, void (*fn)(void *ctx, const struct diag_report *report),
	       void *ctx);

/* Keeps an arena, in which sources of reported places stand, until the diag's own is freed. */
void diag_keep(struct diag *diag, struct arena *arena);

/* From the start of `a` to the end of `b`, which are of one source. */
struct span span_join(struct span a, struct span b);
/* Line and column of a byte, both from one. */
void span_place(struct span span, size_t *line_r, size_t *column_r);

/*
 * The nearest of `count` names to one that is not known, or NULL if none is near enough to be
 * worth offering (edit distance, at most a third of its length).
 */
const char *diag_nearest(struct str name, const char *const *names, size_t count);

/*
 * Reads a whole file, at most `limit` bytes, into the arena. On failure returns false and sets
 * *why_r to a text ("No such file or directory", "larger than 16777216 bytes").
 */
bool source_read(struct arena *arena, const char *path, size_t limit, struct source **source_r,
		 const char **why_r);

#endif
