/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POSTERN_DNS_H
#define POSTERN_DNS_H

/*
 * The one way to the DNS. A `struct resolver` is shared by all threads: libunbound on a libevent
 * loop of its own thread, with a small answer cache in front; or a file of records (--dns).
 *
 * Everything that needs DNS asks through the `struct lookups` of its message and is written to
 * be run again: it asks, is told "pending" (NULL), returns "pending" itself, and is called again
 * from its start when an answer came. Within one message the same question always gets the
 * same answer, so running again takes the same way. Example:
 *
 *   enum step key_step(struct key_task *t, struct lookups *lookups)
 *   {
 *           const struct dns_answer *a = lookups_get(lookups, t->name, DNS_TXT, LOOKUP_OTHER);
 *           if (!a)
 *                   return STEP_PENDING;
 *           ...
 *   }
 *
 * and its caller, when it can go no further without the result:
 *
 *   while (key_step(t, lookups) == STEP_PENDING && lookups_wait(lookups, deadline))
 *           ;
 *
 * A lookup that failed is never taken for an answer: DNS_FAILED stands for SERVFAIL, a timeout,
 * a bogus signature, a malformed reply, a budget that is used up. NXDOMAIN and NODATA are
 * answers.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "postern/clock.h"
#include "postern/histogram.h"
#include "postern/limits.h"
#include "postern/str.h"

struct arena;
struct diag;
struct source;

enum dns_type { DNS_A = 1, DNS_CNAME = 5, DNS_PTR = 12, DNS_MX = 15, DNS_TXT = 16, DNS_AAAA = 28 };

enum dns_status { DNS_FOUND, DNS_NODATA, DNS_NXDOMAIN, DNS_FAILED };

struct dns_record {
	uint16_t preference; /* MX */
	/*
	 * A: 4 bytes; AAAA: 16 bytes; TXT: the character strings joined, any byte, NUL included;
	 * MX, PTR, CNAME: the name, lower case, labels separated by dots, no dot at the end, the
	 * root as "" - a dot or backslash or non-printable byte inside a label as \DDD.
	 */
	struct str data;
};

struct dns_answer {
	enum dns_status status;
	const char *problem; /* of DNS_FAILED: "timed out", "SERVFAIL", "bogus", ...; else NULL */
	bool oversize; /* DNS_FAILED: it came, and is larger than any that is of use; it will be */
	uint32_t ttl;  /* seconds */
	bool secure;   /* validated by DNSSEC */
	size_t count;  /* records; at least one iff DNS_FOUND. CNAMEs are followed */
	const struct dns_record *records;
};

enum step { STEP_DONE, STEP_PENDING };

/* ---- the resolver ---- */

struct resolver;

struct resolver_config {
	const char *address; /* "ADDR@PORT" of a recursive server; NULL: the system's resolv.conf */
	size_t cache_bytes;  /* of the answer cache; 0: 16 MB */
};

/* May this be the address of a resolver_config? If not, *why_r says why. */
bool resolver_address_ok(const char *address, const char **why_r);
/* Starts the resolver's thread. On failure returns -1 and *why_r says why. */
int resolver_new(const struct resolver_config *config, struct resolver **resolver_r,
		 const char **why_r);
/*
 * A resolver that answers only from a file of records: master-file form, one a line, with the
 * pseudo records NAME TIMEOUT [TYPE], NAME SERVFAIL [TYPE], NAME BOGUS, NAME NODATA. Mistakes are
 * reported to `diag` and give -1. `clock` is borrowed. TIMEOUT never answers: on a manual clock
 * lookups_wait() moves the clock on to the query's deadline, on the machine's it waits.
 */
int resolver_from_source(const struct source *source, struct clock *clock, struct diag *diag,
			 struct resolver **resolver_r);
/*
 * Answers from a file come so many nanoseconds after the question, on a manual clock only: what
 * has to wait for what can be seen by how far lookups_wait() moves it on.
 */
void resolver_delay(struct resolver *resolver, int64_t nanoseconds);
void resolver_free(struct resolver **resolver);

/* What became of the questions of all messages. */
enum dns_outcome {
	DNS_OUTCOME_FOUND,
	DNS_OUTCOME_NODATA,
	DNS_OUTCOME_NXDOMAIN,
	DNS_OUTCOME_TIMEOUT,
	DNS_OUTCOME_SERVFAIL,
	DNS_OUTCOME_BOGUS,
	DNS_OUTCOME_FAILED, /* otherwise */
};
#define DNS_OUTCOMES (DNS_OUTCOME_FAILED + 1)
/* "found", "nodata", ... */
const char *dns_outcome_name(enum dns_outcome outcome);

struct dns_counts {
	atomic_uint_least64_t outcomes[DNS_OUTCOMES];
	atomic_uint_least64_t cached; /* of these, answered by our own cache */
	struct histogram waits;       /* of the rest: from the question to the answer */
};
/* Counts there, which is borrowed. Before it is asked anything. */
void resolver_count_in(struct resolver *resolver, struct dns_counts *counts);

/* ---- the lookups of one message ---- */

struct lookups;

/* SPF has its RFC's own budget; all else shares `budget` questions. Counted are questions asked. */
enum lookup_for { LOOKUP_SPF, LOOKUP_OTHER };

/* Freed with the arena (or before), which cancels what is pending. One thread at a time. */
struct lookups *lookups_new(struct arena *arena, struct resolver *resolver,
			    const struct clock *clock);
/*
 * The answer, or NULL while it is pending; starts the question if need be. `name` is any dotted
 * text, final dot optional, compared without regard to ASCII case; a name no DNS message can hold
 * (empty label, label over 63, name over 253 bytes) is answered NXDOMAIN without a query. Past the
 * budget, past LIMIT_QUERY_SECONDS since the question, or once the message had questions pending
 * for LIMIT_DNS_SECONDS in all (a slow client's own time does not count): DNS_FAILED. Answers
 * live until the lookups are freed.
 */
const struct dns_answer *lookups_get(struct lookups *lookups, struct str name, enum dns_type type,
				     enum lookup_for purpose);
/*
 * Blocks until at least one more of the pending questions is answered or failed: true. False at
 * once if none is pending, and at `deadline` (clock_now() terms). An answer that came since a
 * call of lookups_get() said "pending", and was not fetched yet, counts: true at once.
 */
bool lookups_wait(struct lookups *lookups, int64_t deadline);
/*
 * How many lookups_wait() may tell of: those pending, and those whose answer came unseen, while
 * another question was asked.
 */
size_t lookups_pending(const struct lookups *lookups);
/* How many were asked so far, cached ones included. */
size_t lookups_asked(const struct lookups *lookups);
/*
 * Nanoseconds in which a question of this message was pending: what is waited for, whatever time a
 * slow client takes in between.
 */
int64_t lookups_time(const struct lookups *lookups);
/* Visits every question that was asked, in order, with its answer (NULL: pending). */
void lookups_each(const struct lookups *lookups,
		  void (*fn)(void *ctx, struct str name, enum dns_type type,
			     const struct dns_answer *answer),
		  void *ctx);

const char *dns_type_name(enum dns_type type);
/* The name to ask for PTR: "4.3.2.1.in-addr.arpa" or nibbles under ip6.arpa. */
struct ip;
struct str dns_reverse_name(struct arena *arena, const struct ip *ip);

#endif
