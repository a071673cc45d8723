/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The organizational domain of a name, by the DNS tree walk of RFC 9989 4.10 and the selection
 * of 4.10.2, or by the public suffix list of RFC 7489. All names of the walk are asked at once: the
 * wait is that of one answer, not of eight in a row, and what a walk would not have needed is
 * mostly in the cache.
 */

#include "filter/auth/orgdomain.h"

#include "filter/auth/suffix.h"
#include "postern/arena.h"
#include "postern/mail.h"

/*
 * Failed lookups for which every answer is tried; beyond, nothing is sure. Two names of one
 * organization share most of their walk, and four failures are 256 cases.
 */
#define UNKNOWNS_MAX 4

static size_t label_count(struct str domain)
{
	size_t count = domain.n > 0;

	for (size_t i = 0; i < domain.n; i++)
		count += domain.s[i] == '.';
	return count;
}

/* 4.10 steps 1, 3, 4 and 7: the names whose _dmarc records are asked for, longest first. */
static void plan_walk(struct orgwalk *walk, struct str domain)
{
	if (domain.n == 0)
		return;
	walk->names[walk->count++] = domain;
	domain = domain_parent(domain);
	while (label_count(domain) >= LIMIT_WALK)
		domain = domain_parent(domain);
	for (; domain.n > 0; domain = domain_parent(domain))
		walk->names[walk->count++] = domain;
}

/* RFC 7489 6.6.3: the name itself and its organizational domain. */
static void plan_suffix(struct orgwalk *walk, struct arena *arena, struct str domain)
{
	struct str org = suffix_organization(arena, domain);

	walk->names[walk->count++] = domain;
	walk->no_list = org.n == 0;
	if (!walk->no_list && !str_eq(org, domain))
		walk->names[walk->count++] = org;
}

/* A record is one if it has the version; others beside it do not matter. */
static enum orgwalk_state read_answer(const struct dns_answer *answer, struct dmarc_record *record)
{
	enum orgwalk_state state = ORGWALK_NOTHING;

	if (answer->status == DNS_FAILED)
		return ORGWALK_FAILED;
	for (size_t i = 0; i < answer->count; i++) {
		struct dmarc_record one;

		if (!dmarc_record_parse(answer->records[i].data, &one))
			continue;
		if (state != ORGWALK_NOTHING)
			return ORGWALK_SEVERAL;
		*record = one;
		state = ORGWALK_RECORD;
	}
	return state;
}

enum step orgwalk_step(struct arena *arena, struct str domain, enum dmarc_discovery discovery,
		       struct lookups *lookups, struct orgwalk *walk)
{
	bool pending = false;

	*walk = (struct orgwalk){.discovery = discovery};
	if (discovery == DMARC_PSL)
		plan_suffix(walk, arena, domain);
	else
		plan_walk(walk, domain);
	for (size_t i = 0; i < walk->count; i++) {
		const struct dns_answer *answer = lookups_get(
		    lookups, str_printf(arena, "_dmarc." STR_FMT, STR_ARG(walk->names[i])), DNS_TXT,
		    LOOKUP_OTHER);

		if (!answer) {
			pending = true;
			continue;
		}
		walk->states[i] = read_answer(answer, &walk->records[i]);
		if (i == 0)
			walk->first_missing = answer->status == DNS_NXDOMAIN;
	}
	return pending ? STEP_PENDING : STEP_DONE;
}

/* The label below `parent` on the way to `domain`, with `parent`. */
static struct str one_below(struct str domain, struct str parent)
{
	while (!str_eq(domain_parent(domain), parent))
		domain = domain_parent(domain);
	return domain;
}

static void select_suffix(const struct orgwalk *walk, struct orgwalk_end *end)
{
	size_t last = walk->count - 1;

	end->org = walk->names[last];
	end->failed = walk->no_list || walk->states[last] == ORGWALK_FAILED;
	if (walk->states[last] == ORGWALK_RECORD)
		end->org_record = (int)last;
}

static void select_below(const struct orgwalk *walk, size_t psd, struct orgwalk_end *end)
{
	end->org = one_below(walk->names[0], walk->names[psd]);
	end->psd_record = (int)psd;
	end->org_record = -1;
	if (walk->states[psd - 1] == ORGWALK_RECORD && str_eq(walk->names[psd - 1], end->org))
		end->org_record = (int)psd - 1;
}

void orgwalk_select(const struct orgwalk *walk, struct orgwalk_end *end)
{
	*end = (struct orgwalk_end){.org = STR(""), .org_record = -1, .psd_record = -1};
	if (walk->count == 0)
		return;
	if (walk->discovery == DMARC_PSL) {
		select_suffix(walk, end);
		return;
	}
	end->org = walk->names[0];
	for (size_t i = 0; i < walk->count; i++) {
		char psd = walk->records[i].psd;

		if (walk->states[i] == ORGWALK_FAILED) {
			*end = (struct orgwalk_end){.failed = true};
			return;
		}
		if (walk->states[i] != ORGWALK_RECORD)
			continue;
		if (psd == 'y' && i > 0) {
			select_below(walk, i, end);
			return;
		}
		end->org = walk->names[i];
		end->org_record = (int)i;
		if (psd != 'u')
			return;
	}
}

enum step orgdomain_step(struct arena *arena, struct str domain, enum dmarc_discovery discovery,
			 struct lookups *lookups, struct str *org_r, bool *failed_r)
{
	struct orgwalk walk;
	struct orgwalk_end end;

	*failed_r = false;
	if (discovery == DMARC_PSL) {
		*org_r = suffix_organization(arena, domain);
		*failed_r = org_r->n == 0;
		return STEP_DONE;
	}
	if (orgwalk_step(arena, domain, discovery, lookups, &walk) == STEP_PENDING)
		return STEP_PENDING;
	orgwalk_select(&walk, &end);
	*org_r = end.org;
	*failed_r = end.failed;
	return STEP_DONE;
}

/* ---- relaxed alignment ---- */

static struct str last_labels(struct str domain, size_t count)
{
	while (label_count(domain) > count)
		domain = domain_parent(domain);
	return domain;
}

struct unknowns {
	struct str names[UNKNOWNS_MAX];
	size_t count;
	bool too_many;
};

/* The failed names of a walk, up to where it ends for certain. */
static void unknowns_add(struct unknowns *unknowns, const struct orgwalk *walk)
{
	for (size_t i = 0; i < walk->count; i++) {
		size_t j = 0;

		if (walk->states[i] == ORGWALK_RECORD && walk->records[i].psd != 'u')
			return;
		if (walk->states[i] != ORGWALK_FAILED)
			continue;
		while (j < unknowns->count && !str_eq(unknowns->names[j], walk->names[i]))
			j++;
		if (j == UNKNOWNS_MAX)
			unknowns->too_many = true;
		else if (j == unknowns->count)
			unknowns->names[unknowns->count++] = walk->names[i];
	}
}

/* The walk as it would be if the failed lookups had these answers: two bits for each. */
static struct str org_if(const struct orgwalk *walk, const struct unknowns *unknowns,
			 unsigned answers)
{
	static const char psd[] = {0, 'u', 'n', 'y'};
	struct orgwalk assumed = *walk;
	struct orgwalk_end end;

	for (size_t i = 0; i < assumed.count; i++) {
		for (size_t j = 0; j < unknowns->count; j++) {
			unsigned answer = answers >> (2 * j) & 3;

			if (!str_eq(assumed.names[i], unknowns->names[j]))
				continue;
			assumed.states[i] = answer == 0 ? ORGWALK_NOTHING : ORGWALK_RECORD;
			assumed.records[i].psd = psd[answer];
		}
		/* Past the end of the walk: it does not matter. */
		if (assumed.states[i] == ORGWALK_FAILED)
			assumed.states[i] = ORGWALK_NOTHING;
	}
	orgwalk_select(&assumed, &end);
	return end.org;
}

/* One organization whatever the failed lookups would have said, none whatever, or it depends. */
static enum dmarc_alignment compare(const struct orgwalk *a, const struct orgwalk *b)
{
	struct unknowns unknowns = {.count = 0};
	bool some = false, all = true;

	unknowns_add(&unknowns, a);
	unknowns_add(&unknowns, b);
	if (unknowns.too_many)
		return DMARC_UNSURE;
	for (unsigned answers = 0; answers < 1u << (2 * unknowns.count); answers++) {
		bool same = str_eq(org_if(a, &unknowns, answers), org_if(b, &unknowns, answers));

		some |= same;
		all &= same;
	}
	return all ? DMARC_ALIGNED : some ? DMARC_UNSURE : DMARC_UNALIGNED;
}

enum step orgdomain_aligned(struct arena *arena, struct str author, struct str identifier,
			    enum dmarc_discovery discovery, struct lookups *lookups,
			    enum dmarc_alignment *aligned_r)
{
	struct orgwalk a, b;
	struct orgwalk_end end;
	bool near = str_eq(last_labels(author, 2), last_labels(identifier, 2));

	*aligned_r = str_eq(author, identifier) ? DMARC_ALIGNED : DMARC_UNALIGNED;
	/* An organizational domain is a part of each name. */
	if (*aligned_r == DMARC_ALIGNED ||
	    !str_eq(last_labels(author, 1), last_labels(identifier, 1)))
		return STEP_DONE;
	if (discovery == DMARC_PSL) {
		struct str org = suffix_organization(arena, author);

		if (org.n == 0)
			*aligned_r = DMARC_UNSURE;
		else if (str_eq(org, suffix_organization(arena, identifier)))
			*aligned_r = DMARC_ALIGNED;
		return STEP_DONE;
	}
	if (orgwalk_step(arena, author, discovery, lookups, &a) == STEP_PENDING) {
		if (near)
			orgwalk_step(arena, identifier, discovery, lookups, &b);
		return STEP_PENDING;
	}
	orgwalk_select(&a, &end);
	if (!end.failed && !domain_within(identifier, end.org))
		return STEP_DONE;
	if (orgwalk_step(arena, identifier, discovery, lookups, &b) == STEP_PENDING)
		return STEP_PENDING;
	*aligned_r = compare(&a, &b);
	return STEP_DONE;
}
