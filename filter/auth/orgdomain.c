/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The organizational domain of a name, by the DNS tree walk of RFC 9989 4.10 and the selection
 * of 4.10.2. All names of the walk are asked at once: the wait is that of one answer, not of
 * eight in a row, and what a walk would not have needed is mostly in the cache.
 */

#include "postern/arena.h"
#include "postern/dkim.h"
#include "postern/dns.h"
#include "postern/mail.h"

#include "filter/auth/dkimtag.h"

/* 4.10: the name itself, then names of 7 labels and fewer. */
#define QUERIES_MAX ORGDOMAIN_LOOKUPS

struct walk {
	struct str names[QUERIES_MAX];
	size_t count;
};

static size_t label_count(struct str domain)
{
	size_t count = domain.n > 0;

	for (size_t i = 0; i < domain.n; i++)
		count += domain.s[i] == '.';
	return count;
}

/* Steps 1, 3, 4 and 7: the names whose _dmarc records are asked for, longest first. */
static void walk_plan(struct walk *walk, struct str domain)
{
	walk->count = 0;
	if (domain.n == 0)
		return;
	walk->names[walk->count++] = domain;
	domain = domain_parent(domain);
	while (label_count(domain) >= QUERIES_MAX)
		domain = domain_parent(domain);
	for (; domain.n > 0; domain = domain_parent(domain))
		walk->names[walk->count++] = domain;
}

/* The label below `parent` on the way to `domain`, with `parent`. */
static struct str one_below(struct str domain, struct str parent)
{
	while (!str_eq(domain_parent(domain), parent))
		domain = domain_parent(domain);
	return domain;
}

/*
 * The psd tag of the one DMARC record among an answer's records: 'y', 'n' or 'u'; 0 where there
 * is none, or more than one (steps 2 and 6). A record is one if its first tag is v=DMARC1.
 */
static char answer_psd(struct arena *arena, const struct dns_answer *answer)
{
	char found = 0;

	for (size_t i = 0; i < answer->count; i++) {
		struct dkimtag_list tags;
		const char *why;
		const struct str *psd;

		if (!dkimtag_split(arena, answer->records[i].data, &tags, &why) ||
		    tags.count == 0 || !str_caseeq(tags.items[0].name, STR("v")) ||
		    !str_eq(tags.items[0].value, STR("DMARC1")))
			continue;
		if (found)
			return 0;
		psd = dkimtag_get(&tags, "psd");
		if (psd && str_caseeq(*psd, STR("y")))
			found = 'y';
		else
			found = psd && str_caseeq(*psd, STR("n")) ? 'n' : 'u';
	}
	return found;
}

enum step orgdomain_step(struct arena *arena, struct str domain, struct lookups *lookups,
			 struct str *org_r, bool *failed_r)
{
	const struct dns_answer *answers[QUERIES_MAX];
	struct walk walk;

	walk_plan(&walk, domain);
	for (size_t i = 0; i < walk.count; i++)
		answers[i] = lookups_get(
		    lookups, str_printf(arena, "_dmarc." STR_FMT, STR_ARG(walk.names[i])), DNS_TXT,
		    LOOKUP_OTHER);
	*org_r = domain;
	*failed_r = false;
	for (size_t i = 0; i < walk.count; i++) {
		char psd;

		if (!answers[i])
			return STEP_PENDING;
		if (answers[i]->status == DNS_FAILED) {
			*org_r = (struct str){0};
			*failed_r = true;
			return STEP_DONE;
		}
		psd = answer_psd(arena, answers[i]);
		if (psd == 'y' && i > 0) {
			*org_r = one_below(domain, walk.names[i]);
			return STEP_DONE;
		}
		if (psd)
			*org_r = walk.names[i];
		if (psd == 'n' || psd == 'y')
			return STEP_DONE;
	}
	return STEP_DONE;
}
