/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POSTERN_LIMITS_H
#define POSTERN_LIMITS_H

/*
 * What a message may ask of us at the most, each with its reason. Beyond a limit there is a clear
 * verdict, never a crash.
 */

/* Sendmail reads a reply for 10 s by default, Postfix for 30 s. */
#define LIMIT_COMMAND_SECONDS 8
/* Longer than all lookups of a message can take together; with progress told to the MTA. */
#define LIMIT_MESSAGE_SECONDS 20
#define LIMIT_PROGRESS_SECONDS 4

/* Names asked for on the way up to an organizational domain (RFC 9989 4.10). */
#define LIMIT_WALK 8

/* Real mail has under 200 fields and 64 KB of header; fields beyond are not kept as facts. */
#define LIMIT_FIELDS 1000
#define LIMIT_FIELD_BYTES 262144
/* Forged Authentication-Results to remove: each is a command to the MTA. */
#define LIMIT_REMOVALS 1000
/* Recipients that a transaction may name, the refused included; Postfix's own limit is 1000. */
#define LIMIT_RECIPIENTS 5000
/* CPU time that a text may cost at one table of patterns; ordinary patterns take some us each. */
#define LIMIT_PATTERNS_MS 200
/* Recipients that the edits of one message may add: an alias is no mailing list. */
#define LIMIT_RECIPIENTS_ADDED 1000
/* DNS questions of a message beside those of SPF, which have a budget of their own. */
#define LIMIT_LOOKUPS 60
/* Bytes of an envelope address or HELO name that are kept. */
#define LIMIT_PATH 4096

/* RFC 8617 5: more make a chain fail. Real chains have one to five. */
#define LIMIT_ARC_SETS 50
/* Three a set: with more, some are there twice, and none needs to be read. */
#define LIMIT_ARC_FIELDS (3 * LIMIT_ARC_SETS)
/* Names of keys asked for: a third of what the DNS may be asked for a message, the rest is DKIM's
 * and DMARC's. A chain of honest sealers has one or two a set. */
#define LIMIT_ARC_KEYS 20
/* Ways in which the sealers canonicalized the body: each is one more hash of all of it. */
#define LIMIT_ARC_BODIES 3

/* Sessions at once, each with some memory. Postfix has 100 by default. */
#define LIMIT_SESSIONS 10000

/* What the worst message of 10 MB may cost. */
#define LIMIT_CPU_MS 200
#define LIMIT_SESSION_BYTES ((size_t)8 << 20)

#endif
