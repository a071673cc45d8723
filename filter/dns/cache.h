/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_DNS_CACHE_H
#define FILTER_DNS_CACHE_H

#include "filter/dns/answer.h"
#include "filter/dns/name.h"

/*
 * Answers by question, for as long as their TTL says. Bounded in bytes; what was not used for
 * the longest time goes first. Safe from any thread. Failures and answers with a TTL of zero are
 * never kept: a failure is tried afresh for the next message.
 */
struct cache;

struct cache *cache_new(size_t bytes); /* NULL if memory ended */
void cache_free(struct cache **cache);
/* The answer with a reference for the caller, or NULL. `now` in nanoseconds. */
const struct answer *cache_get(struct cache *cache, const struct dns_key *key, int64_t now);
/* Keeps a reference of its own; replaces what was there. */
void cache_put(struct cache *cache, const struct dns_key *key, const struct answer *answer,
	       int64_t now);
size_t cache_bytes(struct cache *cache);

#endif
