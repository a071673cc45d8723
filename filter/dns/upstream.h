/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_DNS_UPSTREAM_H
#define FILTER_DNS_UPSTREAM_H

#include "filter/dns/answer.h"
#include "filter/dns/name.h"

/*
 * libunbound on a thread of its own. Questions go in from any thread; each comes back once, on
 * the upstream's thread, with an answer that the callee drops.
 */
struct upstream;

struct errand {
	const struct dns_key *key; /* stays until the errand is done */
	void (*done)(struct errand *errand, const struct answer *answer);
	struct errand *next;
};

/* `address` as in struct resolver_config. On failure -1, and *why_r says why. */
int upstream_new(const char *address, struct upstream **upstream_r, const char **why_r);
void upstream_send(struct upstream *upstream, struct errand *errand);
/* Stops the thread. What is under way then fails on the caller's thread, or is never done. */
void upstream_free(struct upstream **upstream);

#endif
