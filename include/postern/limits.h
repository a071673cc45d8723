/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POSTERN_LIMITS_H
#define POSTERN_LIMITS_H

/*
 * What a message may ask of us at the most, each with its reason. Beyond a limit there is a clear
 * verdict or a fact that says so, never a crash. What bounds a format alone (a domain name, a
 * policy, a record of the journal) stands where that is read. A new limit needs a test:
 * tests/lint/limits.py finds each name, or the test that is listed for it there.
 */

/* ---- time ---- */

/* Sendmail reads a reply for 10 s by default, Postfix for 30 s. */
#define LIMIT_COMMAND_SECONDS 8
/* Longer than all lookups of a message can take together; with progress told to the MTA. */
#define LIMIT_MESSAGE_SECONDS 20
#define LIMIT_PROGRESS_SECONDS 4
/* One question, and all of a message, while they are pending: less than MTAs wait. */
#define LIMIT_QUERY_SECONDS 5
#define LIMIT_DNS_SECONDS 15
/* One SPF check. RFC 7208 4.6.4 wants at least 20 s; an MTA waits less. */
#define LIMIT_SPF_SECONDS 10

/* ---- what it may cost ---- */

/*
 * CPU time of a message: 10 MB as dear as could be thought of cost less, but not on every machine,
 * nor with every pattern. Beyond, what is not known yet is not found out.
 */
#define LIMIT_CPU_MS 200
/* CPU time that a text may cost at one table of patterns; ordinary patterns take some us each. */
#define LIMIT_PATTERNS_MS 200
/* Memory of a session. Ordinary messages take 0.1 MB, the worst of 10 MB 7 MB. */
#define LIMIT_SESSION_BYTES ((size_t)8 << 20)
/* Sessions at once, each with some memory. Postfix has 100 by default. */
#define LIMIT_SESSIONS 10000
/* DNS questions of a message beside those of SPF, which have a budget of their own. */
#define LIMIT_LOOKUPS 60
/* Above what RFC 7208 allows one check: 1 + 10 terms with 10 MX hosts, twice. */
#define LIMIT_SPF_LOOKUPS 250
/* Names asked for on the way up to an organizational domain (RFC 9989 4.10). */
#define LIMIT_WALK 8

/* ---- envelope ---- */

/* Bytes of an envelope address or HELO name that are kept. */
#define LIMIT_PATH 4096
/*
 * Recipients that a transaction may name, the refused included; Postfix's own limit is 1000. Fewer
 * where the session's memory runs short. Those beyond are told to come again.
 */
#define LIMIT_RECIPIENTS 5000
/* Recipients that the edits of one message may add: an alias is no mailing list. */
#define LIMIT_RECIPIENTS_ADDED 1000

/* ---- header ---- */

/* Real mail has under 200 fields and 64 KB of header; fields beyond are not kept as facts. */
#define LIMIT_FIELDS 1000
#define LIMIT_FIELD_BYTES 262144
/*
 * Bytes kept of a header that waits, for it began like one of a message that crashed. Postfix takes
 * 100 KB by default, Sendmail 32 KB.
 */
#define LIMIT_BACKLOG 1048576
/* Forged Authentication-Results to remove: each is a command to the MTA. */
#define LIMIT_REMOVALS 1000
/* Comments in comments; people write one. */
#define LIMIT_ADDRESS_NESTING 32
/* Mailboxes of one field: as many as an MTA takes recipients. */
#define LIMIT_ADDRESSES 1000

/* ---- signatures ---- */

/* DKIM-Signature fields that libopendkim sees: the most that `dkim.signatures` may say. */
#define LIMIT_SIGNATURES 20
/* Above 64 KiB libopendkim gives up on all signatures. */
#define LIMIT_SIGNATURE_BYTES 60000
/* Body hashes of DKIM that differ: each reads the whole body again. */
#define LIMIT_SIGNED_BODIES 3
/* RFC 8617 5: more make a chain fail. Real chains have one to five. */
#define LIMIT_ARC_SETS 50
/* Three a set: with more, some are there twice, and none needs to be read. */
#define LIMIT_ARC_FIELDS (3 * LIMIT_ARC_SETS)
/* Names of keys asked for: a third of what the DNS may be asked for a message, the rest is DKIM's
 * and DMARC's. A chain of honest sealers has one or two a set. */
#define LIMIT_ARC_KEYS 20
/* Ways in which the sealers canonicalized the body: each is one more hash of all of it. */
#define LIMIT_ARC_BODIES 3

/* ---- MIME ---- */

/* Multiparts and messages within each other; real mail stays below ten. */
#define LIMIT_MIME_NESTING 32
/* Parts of a message; real mail stays below two hundred. */
#define LIMIT_MIME_PARTS 1000
/* Names of one part, and names of all: one part may be named several times. */
#define LIMIT_MIME_PART_NAMES 50
#define LIMIT_MIME_NAMES 2000
/* Octets of one field that tells of a part, and of all such fields of a message. */
#define LIMIT_MIME_FIELD_BYTES 4096
#define LIMIT_MIME_FIELDS_BYTES 262144
/* Encoded messages (base64) within each other: each reads all that is within it once more. */
#define LIMIT_MIME_ENCODED 4

#endif
