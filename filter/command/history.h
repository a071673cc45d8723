/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_COMMAND_HISTORY_H
#define FILTER_COMMAND_HISTORY_H

/* What the commands that read the journal share: why, log, replay. */

#include <stdbool.h>
#include <stdint.h>

#include <getopt.h>
#include <jansson.h>

#include "filter/command/command.h"
#include "postern/journal.h"

struct arena;

struct history {
	const char *policy; /* its setting 'journal.path' tells where the journal is */
	const char *path;   /* the journal itself, where the policy is not to be asked */
	bool json;
	int64_t since; /* microseconds since 1970; 0: all */
};

#define HISTORY_OPTIONS                                                                            \
	"  -c POLICY       where 'set journal.path' is looked up; default " DEFAULT_POLICY "\n"    \
	"  --journal DIR   the journal itself\n"                                                   \
	"  --json          for programs\n"

#define HISTORY_MORE 8

/* Takes an option of the command's own. EXIT_FINE, or how it ends, which is reported. */
typedef int history_take(void *ctx, const struct command *self, int option, const char *value);

/*
 * Reads the options that they share, and at most HISTORY_MORE of the command's own: `more` ends as
 * for getopt_long(), its letters are none of "cdjs"; NULL: there are none. EXIT_FINE, or how it
 * ends, which is reported; optind is the first word behind.
 */
int history_options(const struct command *self, int argc, char **argv, const struct option *more,
		    history_take *take, void *ctx, struct history *history_r);

/* Opens the journal to read. NULL: reported. */
struct journal *history_open(struct arena *arena, const struct command *self,
			     const struct history *history);

/*
 * A moment: seconds since 1970, "2026-11-23", "2026-11-23 14:00", "2026-11-23T14:00:05", or how
 * long ago: "90s", "30m", "2h", "7d", "4w". Microseconds since 1970; false: none of these.
 */
bool history_moment(const char *text, int64_t now, int64_t *moment_r);

/* "2026-11-23 14:00:05", local time. */
const char *history_time(struct arena *arena, int64_t microseconds);

/*
 * A text of a record for a terminal, at most `max` bytes. The session has escaped what strangers
 * wrote: that stays as it is, unless the file has been changed since.
 */
struct str history_text(struct arena *arena, struct str text, size_t max);
/*
 * An address, or a part of one, as it was typed, in the form that the journal keeps: a domain in
 * ASCII, all else that is not ASCII escaped.
 */
const char *history_address(struct arena *arena, const char *typed);

/* "reject 550 5.7.1 \"Relaying denied\", at rcpt, by relay" */
struct str history_outcome(struct arena *arena, const struct record_outcome *outcome);
/* The recipient is none of those that the record is about: it has one of its own. */
bool history_elsewhere(const struct record *record, size_t recipient);
/* The outcome that the record is about. */
const struct record_outcome *history_settled(const struct record *record);

json_t *history_json(struct arena *arena, const struct record *record);

#endif
