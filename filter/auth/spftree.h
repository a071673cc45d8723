/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_AUTH_SPFTREE_H
#define FILTER_AUTH_SPFTREE_H

/*
 * What one check has learned from the DNS so far: the record of the domain, below its includes
 * and redirects their records, and the answers to the questions of each term. It only grows;
 * whoever judges reads it and names the term that lacks something, spftree_supply() gets that.
 */

#include "filter/auth/spfmacro.h"
#include "filter/auth/spfrecord.h"
#include "postern/arena.h"
#include "postern/dns.h"

/* Names and their addresses: the hosts of an mx, or the names of the client. */
struct spftree_hosts {
	size_t count;
	struct spftree_host {
		struct str name;
		const struct dns_answer *addresses; /* NULL: not known yet */
	} items[SPF_HOSTS];
};

struct spftree_term {
	const struct spfrecord_term *source;
	const struct spftree_node *node; /* the record it stands in */
	bool asks_client;                /* ptr, or a p macro in its name */
	bool barred;                     /* it can match nothing and asks nothing */
	bool named;
	struct str name; /* what it asks for, once `named` */
	/* a, exists: addresses; mx: its hosts' names; include, redirect: TXT. NULL: not known yet
	 */
	const struct dns_answer *answer;
	struct spftree_hosts *hosts; /* of an mx, with its answer, unless that has too many */
	struct spftree_node *target; /* of include and redirect, with its answer */
};

enum spftree_state {
	SPFTREE_RECORD, /* it can be evaluated */
	SPFTREE_NONE,   /* the domain has no record */
	SPFTREE_BROKEN, /* more than one, or against the grammar */
	SPFTREE_FAILED  /* the lookup failed */
};

struct spftree_node {
	size_t number; /* in tree->nodes */
	struct str domain;
	enum spftree_state state;
	struct str problem; /* of the states that are no record; printable */
	struct spfrecord record;
	struct spftree_term terms[SPFRECORD_TERMS]; /* beside record.terms */
};

struct spftree {
	struct arena *arena;
	struct ip ip;
	enum dns_type address_type;    /* of the client's kind: DNS_A or DNS_AAAA */
	struct spfmacro_values values; /* all but d and p */
	struct spfrecord_term start_source;
	struct spftree_term start; /* stands for the check itself: a redirect to the domain */
	VEC(struct spftree_node *) nodes;
	const struct dns_answer *client_answer; /* the PTR records of the client */
	struct spftree_hosts client;
};

/* `values` lack d and p; what they borrow must live as long as the tree. */
struct spftree *spftree_new(struct arena *arena, const struct ip *ip, struct str domain,
			    const struct spfmacro_values *values);

/*
 * Asks for what the term lacks next; true if something was learned, so that judging again gets
 * further, false while all that could be asked is pending.
 */
bool spftree_supply(struct spftree *tree, struct lookups *lookups, struct spftree_term *term);
/*
 * Starts the lookups that judging the known part of the tree will come to, side by side: none
 * past the tenth term of the check, and none that depends on the client's name. True if some of
 * the answers were there at once.
 */
bool spftree_ahead(struct spftree *tree, struct lookups *lookups);

/* Are the client's names (5.5) all known? Asks for what is missing. */
bool spftree_client(struct spftree *tree, struct lookups *lookups);
/* Does the forward lookup of a name lead back to the client (5.5)? */
bool spftree_confirms(const struct spftree *tree, const struct spftree_host *host);
/* Did a lookup of the client's names find nothing? */
bool spftree_client_void(const struct spftree *tree);
/*
 * Is `text` made of a local part that is not ASCII? Terms with it match nothing (RFC 8616 section
 * 4): no label of a name is meant for it.
 */
bool spftree_barred(const struct spftree *tree, struct str text);
/* What macros in a record of `domain` stand for; p only once the client's names are known. */
struct spfmacro_values spftree_values(const struct spftree *tree, struct str domain);

/* Can a DNS message hold the name? If not, it is as if nothing were there (4.3, 4.8). */
bool spftree_can_ask(struct str name);
const struct dns_answer *spftree_ask(struct lookups *lookups, struct str name, enum dns_type type);
/* A lookup that found nothing (4.6.4): NXDOMAIN, or no record of the type. */
bool spftree_is_void(const struct dns_answer *answer);
/* Is `name` the domain or below it? */
bool spftree_below(struct str name, struct str domain);

#endif
