/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_DNS_RESOLVER_H
#define FILTER_DNS_RESOLVER_H

/*
 * Between the lookups of messages and the sources of answers. A waiter is a message's interest
 * in one question; several may wait for the same one, which is asked once. A mailbox is where
 * one message is woken. Waiters and mailboxes belong to the caller.
 */

#include <pthread.h>
#include <stdatomic.h>

#include "filter/dns/answer.h"
#include "filter/dns/name.h"

struct query;

struct mailbox {
	pthread_cond_t filled;
	atomic_size_t count; /* answers that were delivered and not taken yet */
	bool used;           /* something was waited for; the owner's */
};

struct waiter {
	struct waiter *next, *previous; /* of the query, under the resolver's lock */
	struct query *query;            /* NULL when nothing is waited for */
	struct mailbox *mailbox;
	const struct answer *answer; /* valid once `delivered`, and the taker's to drop */
	int64_t at;                  /* when it was delivered, in nanoseconds */
	atomic_bool delivered;
};

/* A resolver lives until it is freed and nobody holds it. */
struct resolver *resolver_hold(struct resolver *resolver);
void resolver_drop(struct resolver *resolver);

void resolver_hash(const struct resolver *resolver, struct dns_key *key);
/*
 * The answer with a reference, at once if it is in the cache or can never come; else NULL, and
 * the waiter, whose mailbox is set, gets it later.
 */
const struct answer *resolver_ask(struct resolver *resolver, const struct dns_key *key,
				  struct waiter *waiter);
/* No longer waits. What was delivered before stays so. */
void resolver_withdraw(struct resolver *resolver, struct waiter *waiter);
/*
 * Waits until the mailbox has something, or until `until` by the clock; moves a manual clock on
 * if the resolver answers from a file. False if no more waiting would help.
 */
bool resolver_wait(struct resolver *resolver, struct mailbox *mailbox, const struct clock *clock,
		   int64_t until);

/* An answer that a message got, so many nanoseconds after its question; -1: at once. */
void resolver_count(const struct resolver *resolver, const struct answer *answer, int64_t waited);

void mailbox_start(struct mailbox *mailbox);
/* After all its waiters were withdrawn. */
void mailbox_end(struct resolver *resolver, struct mailbox *mailbox);

#endif
