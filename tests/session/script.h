/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_SESSION_SCRIPT_H
#define TESTS_SESSION_SCRIPT_H

/*
 * A session script, read. One step a line; what the filter is to answer stands behind "->", and
 * is "continue" where nothing stands there. Everything that is sent must be expected.
 *
 *   policy   FILE                      or "policy {", lines, "}"
 *   dns      RECORD                    as --dns takes it; NAME NXDOMAIN: asked for, not there
 *   latency  MILLISECONDS              of each answer of the DNS; in process only
 *   only     in-process                not over a socket: time, orders that libmilter prevents
 *   clock    SECONDS                   since 1970
 *   wait     SECONDS                   time moves on
 *   connect  NAME IP[:PORT] -> REPLY   IP "-": none; port 0: none, local submission
 *   macro    NAME [VALUE]              of the MTA, from now on; without a value: no more
 *   helo     NAME
 *   mail     PATH [PARAMETER...]       likewise rcpt
 *   data, eoh, eom, abort, close
 *   header   NAME:VALUE                the value as it came, its leading blank included
 *   body     TEXT                      CRLF is added; continue and skip are both fine where
 *                                      nothing is expected
 *   repeat   N STEP
 *   refuse   N -> REPLY                the MTA refuses the N-th edit; stands before its eom
 *   told     [ADDRESS] VERDICT at STAGE by RULE      of the message, or of a recipient
 *   logged   TEXT                      by a `log` action
 *   observed TEXT                      what a rule that is tried would have done; "-": none would
 *   score    N                         when it was decided
 *   problem  TEXT                      noted in the report
 *   settled  N                         outcomes told since the connection began
 *   lookups  N                         questions asked for the message so far
 *   rounds   N                         latencies waited for them, one after the other
 *   progress N                         signs of life given since the connection began
 *
 * After "eom -> continue" the edits, one a line, in order:
 *
 *   remove NAME N[..M]; replace NAME N: VALUE; add NAME: VALUE; insert NAME: VALUE; drop PATH;
 *   join PATH; hold REASON
 *
 * REPLY: continue, accept, discard, skip, reject CODE ENHANCED "TEXT", defer the same; at connect
 * without them. In what is expected "*" stands for anything, and the folds of an edit are \n and
 * \t. In what is sent \n, \r, \t, \\ and \xHH are bytes. "#" begins a comment, in a line with other
 * words only behind two blanks.
 */

#include "postern/arena.h"
#include "postern/diag.h"
#include "postern/ip.h"
#include "postern/str.h"

enum move_kind {
	MOVE_CONNECT,
	MOVE_HELO,
	MOVE_MAIL,
	MOVE_RCPT,
	MOVE_DATA,
	MOVE_HEADER,
	MOVE_EOH,
	MOVE_BODY,
	MOVE_EOM,
	MOVE_ABORT,
	MOVE_CLOSE,
	MOVE_MACRO,
	MOVE_WAIT,
	MOVE_REFUSE,
	MOVE_TOLD,
	MOVE_LOGGED,
	MOVE_OBSERVED,
	MOVE_SCORE,
	MOVE_PROBLEM,
	MOVE_SETTLED,
	MOVE_LOOKUPS,
	MOVE_ROUNDS,
	MOVE_PROGRESS
};

struct move {
	enum move_kind kind;
	size_t line;
	uint64_t repeat, number;
	struct str name, text;
	const char *const *parameters;
	bool has_ip;
	struct ip ip;
	struct str expected; /* empty: nothing is said */
	VEC(struct str) edits;
};

struct script {
	struct source *policy; /* with an authserv-id, if it named none */
	struct source *records;
	VEC(struct str) names; /* that may be looked up, lower case */
	int64_t clock;
	int64_t latency; /* nanoseconds */
	VEC(struct move) moves;
};

/* False, and a line on stdout, for a script that cannot be read. */
bool script_read(struct arena *arena, const char *path, struct script *script_r);
/* Does the text match what is expected, in which '*' stands for anything? */
bool script_match(struct str expected, struct str text);

#endif
