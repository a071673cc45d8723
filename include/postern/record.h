/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POSTERN_RECORD_H
#define POSTERN_RECORD_H

/*
 * What is remembered of a message: what was decided and told, and the facts that the policy had
 * looked at, so that the question "why?" can be answered later, and the question "what would
 * another policy have said?" decided again. Never a byte of the body.
 *
 * Texts are as they came, hostile bytes and all: whoever prints them cleans them.
 */

#include <stdbool.h>
#include <stdint.h>

#include "postern/fact.h"
#include "postern/str.h"
#include "postern/value.h"

struct arena;
struct session;

/* Values longer than this are not kept: the fact is then as if nobody had looked at it. */
#define RECORD_TEXT_MOST 2048
#define RECORD_ITEMS_MOST 64
#define RECORD_RECIPIENTS_MOST 1000
#define RECORD_RULES_MOST 1000
#define RECORD_EDITS_MOST 2000
#define RECORD_QUESTIONS_MOST 400
#define RECORD_ANSWER_MOST 300
#define RECORD_FACTS_MOST 2000
/* A record as bytes. */
#define RECORD_BYTES_MOST (1u << 20)

struct record_fact {
	struct str name; /* as a policy writes it, arguments too */
	int recipient;   /* its row, or -1: of the message */
	enum type_base base;
	bool list;
	/* PRESENT, ABSENT or FAILED. Of an enumeration the value's name is in .text, and so it is
	 * in those of a list. */
	struct value value;
};

/* A question to the DNS, and what came of it. */
struct record_question {
	struct str name, type;
	struct str answer; /* the first record, "no such name", "no records", or why it failed */
	uint32_t records;
};

struct record_rule {
	struct str name;
	uint32_t line;
	bool observed;      /* not in force */
	struct str verdict; /* that it would have told; empty: it decides nothing */
	struct str state;   /* true, false, unknown, failed */
};

struct record_outcome {
	bool settled;
	enum verdict verdict;
	enum stage stage;
	struct str rule; /* empty: none decided */
	int code;        /* 0: none */
	struct str enhanced, text;
};

struct record_recipient {
	struct str address;
	struct record_outcome outcome;
};

struct record_edit {
	struct str edit, name, value; /* add, insert, replace, remove, ... */
};

struct record {
	int64_t time;     /* when it was settled: microseconds since 1970 */
	int64_t duration; /* since MAIL, microseconds */
	struct str queue_id, message_id, reference; /* empty: none */
	struct str policy;                          /* id */
	struct str sender, problem;
	struct record_outcome outcome;
	int refused; /* row of the recipient whose refusal this is, or -1: the message's outcome */
	uint64_t lookups;
	struct record_recipient *recipients;
	size_t recipient_count;
	struct record_edit *edits;
	size_t edit_count;
	struct record_fact *facts;
	size_t fact_count;
	struct record_question *questions; /* in the order in which they were asked */
	size_t question_count;
	struct record_rule *rules; /* as far as they were gone through, with the last state */
	size_t rule_count;
};

/* What a session says when something is settled. Borrows from the session. */
void record_make(struct arena *arena, const struct session *session, struct record *record_r);

/* As bytes, of any content; at most RECORD_BYTES_MOST. */
struct str record_encode(struct arena *arena, const struct record *record);
/* False: these bytes are no record of a version that is known. Borrows from `bytes`. */
bool record_decode(struct arena *arena, struct str bytes, struct record *record_r);

/* A fact's value for people, safe to print. */
struct str record_print(struct arena *arena, const struct record_fact *fact);

#endif
