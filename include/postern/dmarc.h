/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POSTERN_DMARC_H
#define POSTERN_DMARC_H

/*
 * DMARC (RFC 9989): the policy that an author's domain publishes, which identifiers align with it,
 * and what follows for a message. Works on names, records and the outcomes of SPF and DKIM alone.
 *
 * A failed lookup never becomes a fail: it leaves open what hangs on it (DMARC_UNSURE), and only
 * that.
 */

#include <stdbool.h>

#include "postern/dkim.h"
#include "postern/dns.h"
#include "postern/spf.h"
#include "postern/str.h"

struct arena;

/* The order is the order of the enumeration `dmarc` in policies (RFC 9989 9.2). */
enum dmarc_result {
	DMARC_RESULT_NONE,
	DMARC_RESULT_PASS,
	DMARC_RESULT_FAIL,
	DMARC_RESULT_TEMPERROR,
	DMARC_RESULT_PERMERROR
};
const char *dmarc_result_name(enum dmarc_result result);

/* What a domain asks for, from mild to strict; the order of `dmarc.policy` in policies. */
enum dmarc_policy { DMARC_POLICY_NONE, DMARC_POLICY_QUARANTINE, DMARC_POLICY_REJECT };
const char *dmarc_policy_name(enum dmarc_policy policy);

/* How organizational domains are found: RFC 9989's tree walk, or RFC 7489's public suffix list. */
enum dmarc_discovery { DMARC_TREEWALK, DMARC_PSL };

/* ---- one record: filter/auth/dmarcrecord.c ---- */

struct dmarc_record {
	bool applies; /* false: a record, but p, sp or np is wrong and no rua makes up for it */
	enum dmarc_policy p, sp, np;
	bool has_np; /* else np is sp; where sp is missing, that is p */
	bool testing;
	bool strict_dkim, strict_spf;
	char psd; /* 'y', 'n' or 'u' */
};

/*
 * Reads the text of a TXT record (RFC 9989 4.7, 4.8). False where it is no DMARC record: it does
 * not begin with exactly v=DMARC1. What is wrong further on counts as missing. Of more than 4 KB
 * the rest is not read.
 */
bool dmarc_record_parse(struct str text, struct dmarc_record *record_r);

/* ---- organizational domains: filter/auth/orgdomain.c ---- */

/*
 * The organizational domain of `domain` (normal form): by the DNS tree walk of RFC 9989 4.10, at
 * most 8 queries, or by the public suffix list, without any. DONE: *org_r is set, and *failed_r is
 * true where a lookup on the way failed (then *org_r is empty). Where no DMARC record is found, the
 * organizational domain is `domain` itself.
 */
enum step orgdomain_step(struct arena *arena, struct str domain, enum dmarc_discovery discovery,
			 struct lookups *lookups, struct str *org_r, bool *failed_r);

/* Does an identifier that passed speak for the author's domain? */
enum dmarc_alignment {
	DMARC_UNALIGNED,
	DMARC_ALIGNED,
	DMARC_UNSURE, /* a lookup failed, and it could have been either */
};

/*
 * Relaxed alignment (RFC 9989 4.10.2): one organizational domain. A lookup that failed matters only
 * where its answer could; names that cannot have one are not looked up.
 */
enum step orgdomain_aligned(struct arena *arena, struct str author, struct str identifier,
			    enum dmarc_discovery discovery, struct lookups *lookups,
			    enum dmarc_alignment *aligned_r);

/* ---- the policy of an author: filter/auth/dmarc.c ---- */

struct dmarc_author {
	struct str domain; /* of the author */
	bool found;        /* a policy applies */
	bool failed;       /* it could not be found out whether one does */
	struct str source; /* found: the domain whose record it is */
	/* found: after sp, np and t. Where `policy_unsure` it is the strictest that it may be. */
	enum dmarc_policy policy;
	bool policy_unsure; /* np or sp: whether the domain exists could not be found out */
	bool testing;       /* t=y made it milder */
	bool strict_dkim, strict_spf;
};

/* Policy discovery (RFC 9989 4.10.1). All its questions are asked at once. */
enum step dmarc_discover(struct arena *arena, struct str domain, enum dmarc_discovery discovery,
			 struct lookups *lookups, struct dmarc_author *author_r);

/*
 * Whether SPF, or any DKIM signature, passed for a name that aligns with the author's. A temperror
 * of a name that would align is UNSURE. Without a policy nothing aligns, and nothing is asked.
 */
enum step dmarc_spf_aligned(struct arena *arena, const struct dmarc_author *author,
			    const struct spf_outcome *spf, enum dmarc_discovery discovery,
			    struct lookups *lookups, enum dmarc_alignment *aligned_r);
/* `partial`: a signature with l= may align. */
enum step dmarc_dkim_aligned(struct arena *arena, const struct dmarc_author *author,
			     const struct dkim_outcome *dkim, bool partial,
			     enum dmarc_discovery discovery, struct lookups *lookups,
			     enum dmarc_alignment *aligned_r);

/* ---- the verdict: filter/auth/dmarcjudge.c ---- */

enum dmarc_settled { DMARC_SETTLED, DMARC_OPEN, DMARC_FAILED };

struct dmarc_verdict {
	enum dmarc_settled result_settled; /* OPEN: DKIM may still change it; never FAILED */
	enum dmarc_result result;
	/* What is asked to be done with this message; FAILED: a lookup failed that decides it. */
	enum dmarc_settled disposition_settled;
	enum dmarc_policy disposition;
	/* Whose policy it is; NULL while open, and where there is no policy to speak of. */
	const struct dmarc_author *author;
	const char *reason; /* of temperror and what else needs one, or NULL */
};

/*
 * What follows for a message of these author domains (at least one). `dkim` is NULL while DKIM is
 * not known: then what it cannot change is settled already. Of several domains each is judged and
 * the strictest counts: fail before temperror before none before pass (RFC 9989 11.5).
 */
void dmarc_judge(const struct dmarc_author *authors, size_t count, const enum dmarc_alignment *spf,
		 const enum dmarc_alignment *dkim, struct dmarc_verdict *verdict_r);

/* All of it, for those who report it: behind the internal fact dmarc.outcome. */
struct dmarc_outcome {
	const char *trouble; /* why there is no author to judge (permerror), or NULL */
	const struct dmarc_author *authors;
	size_t count;
	const enum dmarc_alignment *spf, *dkim; /* of each author */
	struct dmarc_verdict verdict;
};

#endif
