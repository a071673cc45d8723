/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POSTERN_SPF_H
#define POSTERN_SPF_H

/*
 * SPF (RFC 7208) through libspf2, guarded: no text from the DNS ever reaches libspf2's compiler or
 * expander. filter/auth/spf.c is the only owner of <spf2/spf.h>; the parser of records stands in
 * spfrecord.c, the macros in spfmacro.c.
 */

#include <stdbool.h>
#include <stdint.h>

#include "postern/dns.h"
#include "postern/ip.h"
#include "postern/str.h"

struct arena;

/* The order is the order of the enumeration `spf` in policies. */
enum spf_result {
	SPF_NONE_,
	SPF_NEUTRAL_,
	SPF_PASS_,
	SPF_FAIL_,
	SPF_SOFTFAIL_,
	SPF_TEMPERROR_,
	SPF_PERMERROR_
};
const char *spf_result_name(enum spf_result result);

struct spf_request {
	struct ip ip;
	struct str local;    /* of the envelope sender, without quotes; empty: "postmaster" */
	struct str domain;   /* checked domain, normal form where it has one; else result none */
	struct str helo;     /* as the client said it; any bytes */
	bool helo_scope;     /* this is the check of the HELO identity */
	struct str receiver; /* our name, for the r macro: "unknown" if empty */
};

struct spf_outcome {
	enum spf_result result;
	struct str domain;      /* that was checked */
	struct str explanation; /* of a fail, by the domain itself: printable ASCII; empty: none */
	struct str problem; /* what went wrong, for none, temperror, permerror; empty: nothing */
};

struct spf_check;

/* Allocates in `arena`, copies the request; touches no DNS yet. `clock` gives the t macro. */
struct spf_check *spf_check_new(struct arena *arena, const struct spf_request *request,
				const struct clock *clock);
/*
 * Goes on as far as the answers that are there allow, starts the lookups that are needed next
 * (includes, redirects, a and mx of the same record side by side, within RFC 7208's limits). When
 * DONE, *outcome_r is set and stays the same. Past LIMIT_SPF_SECONDS of waiting: temperror.
 */
enum step spf_check_step(struct spf_check *check, struct lookups *lookups,
			 const struct spf_outcome **outcome_r);

/* ---- Received-SPF: filter/auth/spfreceived.c ---- */

struct spf_received {
	const struct spf_outcome *outcome;
	const struct ip *ip; /* NULL: the client has none */
	struct str sender;   /* canonical, or empty */
	struct str helo;     /* as the client said it; any bytes */
	struct str receiver;
	bool helo_scope;
};

/* The value of a Received-SPF field (RFC 7208 9.1), folded with LF and a tab. */
struct str spf_received_write(struct arena *arena, const struct spf_received *received);
/* Does a field that came with the message name us, anywhere and however it is written? */
bool spf_received_claims(struct arena *arena, struct str value, struct str receiver);

/* Call once, before threads start: silences libspf2's own output. */
void spf_init(void);

#endif
