/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_DNS_ANSWER_H
#define FILTER_DNS_ANSWER_H

/*
 * Answers as they are shared between the cache and the messages: counted, never changed. A draft
 * collects records until the answer is finished.
 */

#include <stdatomic.h>

#include "postern/dns.h"

/* What all records of one answer may hold: a reply is 64 KB, but compressed names unfold. */
#define ANSWER_DATA_MAX 65536
#define ANSWER_TXT_MAX 16384 /* far above any policy or key record */
#define ANSWER_CNAME_MAX 11  /* as many as recursive servers follow */
#define ANSWER_TTL_MAX 86400
/* How long "it does not exist" is believed at most (RFC 2308 section 5 suggests up to 3 h). */
#define ANSWER_NEGATIVE_TTL_MAX 900

struct answer {
	struct dns_answer public;
	size_t size; /* of the whole; 0: one of the constants below, which is not counted */
	atomic_uint refs;
};

enum answer_problem {
	PROBLEM_TIMEOUT,
	PROBLEM_SERVFAIL,
	PROBLEM_REFUSED,
	PROBLEM_RCODE,
	PROBLEM_BOGUS,
	PROBLEM_MALFORMED,
	PROBLEM_CHAIN,
	PROBLEM_SIZE,
	PROBLEM_BUDGET,
	PROBLEM_CROWDED,
	PROBLEM_STOPPED,
	PROBLEM_UPSTREAM,
	PROBLEM_MEMORY
};

/* Constants, for which answer_hold() and answer_drop() do nothing. */
const struct answer *answer_failed(enum answer_problem problem);
const struct answer *answer_nxdomain(void);

enum dns_outcome answer_outcome(const struct answer *answer);

const struct answer *answer_hold(const struct answer *answer);
void answer_drop(const struct answer *answer); /* NULL is fine */

struct draft {
	struct dns_record *records; /* data.s is not set yet: the data follow each other in bytes */
	size_t count, room;
	char *bytes;
	size_t used, size;
	bool spoilt; /* memory ended */
};

/* Begins a record; draft_add() appends to the data of the last one. */
void draft_record(struct draft *draft, uint16_t preference);
void draft_add(struct draft *draft, const void *data, size_t n);
/*
 * The answer, with one reference: DNS_FOUND if there are records, else `otherwise`; or a failed
 * one if memory ended or it holds more than it may. Frees the draft.
 */
const struct answer *draft_finish(struct draft *draft, enum dns_type type,
				  enum dns_status otherwise, uint32_t ttl, bool secure);
void draft_drop(struct draft *draft);

#endif
