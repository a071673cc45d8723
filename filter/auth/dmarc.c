/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DMARC: which policy applies to an author's domain (RFC 9989 4.10.1), and whether what SPF and
 * DKIM found aligns with it (4.4).
 */

#include "postern/dmarc.h"

#include "filter/auth/orgdomain.h"
#include "postern/arena.h"

const char *dmarc_result_name(enum dmarc_result result)
{
	static const char *const names[] = {"none", "pass", "fail", "temperror", "permerror"};

	return names[result];
}

const char *dmarc_policy_name(enum dmarc_policy policy)
{
	static const char *const names[] = {"none", "quarantine", "reject"};

	return names[policy];
}

/* ---- policy discovery ---- */

enum existence { EXISTS, MISSING, EXISTENCE_UNKNOWN, EXISTENCE_PENDING };

/*
 * 3.2.13: a name does not exist where the answer is NXDOMAIN, of whatever type; one with another
 * name below it does (RFC 8020).
 */
static enum existence existence(const struct orgwalk *walk, struct lookups *lookups)
{
	const struct dns_answer *answer;

	if (!walk->first_missing && walk->states[0] != ORGWALK_FAILED)
		return EXISTS;
	answer = lookups_get(lookups, walk->names[0], DNS_A, LOOKUP_OTHER);
	if (!answer)
		return EXISTENCE_PENDING;
	if (answer->status == DNS_FAILED)
		return EXISTENCE_UNKNOWN;
	return answer->status == DNS_NXDOMAIN ? MISSING : EXISTS;
}

/* The record that applies: the author's own, its organization's, its public suffix's; or -1. */
static int applicable(const struct orgwalk *walk, bool *failed_r)
{
	struct orgwalk_end end;

	*failed_r = walk->states[0] == ORGWALK_FAILED;
	if (walk->states[0] == ORGWALK_RECORD)
		return 0;
	/* Several of them at the author's own name: nobody can say what it wants, so nothing. */
	if (walk->states[0] != ORGWALK_NOTHING)
		return -1;
	orgwalk_select(walk, &end);
	*failed_r = end.failed;
	return end.org_record >= 0 ? end.org_record : end.psd_record;
}

static enum dmarc_policy milder(enum dmarc_policy policy, bool testing)
{
	return testing && policy != DMARC_POLICY_NONE ? policy - 1 : policy;
}

enum step dmarc_discover(struct arena *arena, struct str domain, enum dmarc_discovery discovery,
			 struct lookups *lookups, struct dmarc_author *author)
{
	const struct dmarc_record *record;
	struct orgwalk walk;
	enum dmarc_policy policy;
	int at;

	*author = (struct dmarc_author){.domain = domain};
	if (orgwalk_step(arena, domain, discovery, lookups, &walk) == STEP_PENDING)
		return STEP_PENDING;
	at = applicable(&walk, &author->failed);
	if (author->failed || at < 0 || !walk.records[at].applies)
		return STEP_DONE;
	record = &walk.records[at];
	policy = at == 0 ? record->p : record->sp;
	if (at > 0 && record->has_np && record->np != record->sp) {
		enum existence exists = existence(&walk, lookups);

		if (exists == EXISTENCE_PENDING)
			return STEP_PENDING;
		author->policy_unsure = exists == EXISTENCE_UNKNOWN;
		if (exists == MISSING || (author->policy_unsure && record->np > policy))
			policy = record->np;
	}
	author->found = true;
	author->source = walk.names[at];
	author->policy = milder(policy, record->testing);
	author->testing = author->policy != policy;
	author->strict_dkim = record->strict_dkim;
	author->strict_spf = record->strict_spf;
	return STEP_DONE;
}

/* ---- alignment ---- */

/* Of one identifier that passed, or (`temporary`) might have, had a lookup not failed. */
static enum step identifier_aligned(struct arena *arena, const struct dmarc_author *author,
				    struct str identifier, bool strict, bool temporary,
				    enum dmarc_discovery discovery, struct lookups *lookups,
				    enum dmarc_alignment *aligned_r)
{
	if (strict)
		*aligned_r = str_eq(author->domain, identifier) ? DMARC_ALIGNED : DMARC_UNALIGNED;
	else if (orgdomain_aligned(arena, author->domain, identifier, discovery, lookups,
				   aligned_r) == STEP_PENDING)
		return STEP_PENDING;
	if (temporary && *aligned_r == DMARC_ALIGNED)
		*aligned_r = DMARC_UNSURE;
	return STEP_DONE;
}

enum step dmarc_spf_aligned(struct arena *arena, const struct dmarc_author *author,
			    const struct spf_outcome *spf, enum dmarc_discovery discovery,
			    struct lookups *lookups, enum dmarc_alignment *aligned_r)
{
	bool temporary = spf->result == SPF_TEMPERROR_;

	*aligned_r = author->failed ? DMARC_UNSURE : DMARC_UNALIGNED;
	if (!author->found || spf->domain.n == 0 || (spf->result != SPF_PASS_ && !temporary))
		return STEP_DONE;
	return identifier_aligned(arena, author, spf->domain, author->strict_spf, temporary,
				  discovery, lookups, aligned_r);
}

enum step dmarc_dkim_aligned(struct arena *arena, const struct dmarc_author *author,
			     const struct dkim_outcome *dkim, bool partial,
			     enum dmarc_discovery discovery, struct lookups *lookups,
			     enum dmarc_alignment *aligned_r)
{
	bool pending = false;

	*aligned_r = author->failed ? DMARC_UNSURE : DMARC_UNALIGNED;
	for (size_t i = 0; author->found && i < dkim->count; i++) {
		const struct dkim_signature *signature = &dkim->signatures[i];
		bool temporary = signature->result == DKIM_RESULT_TEMPERROR;
		enum dmarc_alignment one;

		if ((signature->result != DKIM_RESULT_PASS && !temporary) ||
		    signature->domain.n == 0 || signature->added ||
		    (signature->partial && !partial))
			continue;
		if (identifier_aligned(arena, author, signature->domain, author->strict_dkim,
				       temporary, discovery, lookups, &one) == STEP_PENDING) {
			pending = true;
		} else if (one == DMARC_ALIGNED) {
			*aligned_r = one;
			return STEP_DONE;
		} else if (one == DMARC_UNSURE) {
			*aligned_r = one;
		}
	}
	return pending ? STEP_PENDING : STEP_DONE;
}
