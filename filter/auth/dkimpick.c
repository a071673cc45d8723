/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The signatures of a message from their fields to their results, without libopendkim, and the
 * choice among them. Anybody can put a hundred DKIM-Signature fields on top of a message: the
 * work stays the same, and the signature that can align is among those that are tried.
 */

#include "filter/auth/dkimpick.h"

#include "postern/arena.h"
#include "postern/mail.h"

#define AUTHOR_DOMAINS_MAX 3 /* author domains that DMARC looks at */

const char *dkim_result_name(enum dkim_result result)
{
	static const char *const names[] = {
	    [DKIM_RESULT_NONE] = "none",           [DKIM_RESULT_PASS] = "pass",
	    [DKIM_RESULT_FAIL] = "fail",           [DKIM_RESULT_POLICY] = "policy",
	    [DKIM_RESULT_NEUTRAL] = "neutral",     [DKIM_RESULT_TEMPERROR] = "temperror",
	    [DKIM_RESULT_PERMERROR] = "permerror",
	};

	return names[result];
}

void dkimpick_settle(struct dkimpick *item, enum dkim_result result, const char *reason)
{
	item->result = result;
	item->reason = reason;
}

void dkimpick_read(struct arena *arena, struct dkimpick *item, const struct dkimfield *field,
		   const struct dkim_options *options, int64_t now)
{
	const char *why;

	if (field->lost)
		dkimpick_settle(item, DKIM_RESULT_PERMERROR, "header too large");
	else if (field->text.n > LIMIT_SIGNATURE_BYTES)
		dkimpick_settle(item, DKIM_RESULT_PERMERROR, "signature too long");
	else if (!dkimsig_read(arena, dkimfield_value(field), now, &item->tags, &why))
		dkimpick_settle(item, DKIM_RESULT_PERMERROR, why);
	else if (!options->allow_sha1 &&
		 item->tags.algorithm == DKIMSIG_RSA_SHA1) /* RFC 8301 3.1 */
		dkimpick_settle(item, DKIM_RESULT_POLICY, "rsa-sha1 is not accepted");
}

void dkimpick_overflow(struct dkimpick *items, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (items[i].result != DKIM_RESULT_PERMERROR)
			dkimpick_settle(&items[i], DKIM_RESULT_PERMERROR, "header too large");
}

/* ---- the choice ---- */

static bool same_body_hash(const struct dkimsig *a, const struct dkimsig *b)
{
	return a->relaxed_body == b->relaxed_body && a->partial == b->partial &&
	       a->length == b->length &&
	       (a->algorithm == DKIMSIG_RSA_SHA1) == (b->algorithm == DKIMSIG_RSA_SHA1);
}

/* Would this one's body hash be one too many? */
static bool body_hash_too_many(const struct dkimpick *items, size_t count,
			       const struct dkimpick *item)
{
	const struct dkimpick *seen[LIMIT_SIGNED_BODIES];
	size_t distinct = 0;

	for (size_t i = 0; i < count; i++) {
		size_t j = 0;

		if (!items[i].tried)
			continue;
		if (same_body_hash(&items[i].tags, &item->tags))
			return false;
		while (j < distinct && !same_body_hash(&seen[j]->tags, &items[i].tags))
			j++;
		if (j == distinct)
			seen[distinct++] = &items[i];
	}
	return distinct == LIMIT_SIGNED_BODIES;
}

/* Could the signature align with the author? Related names are enough for an order. */
static bool could_align(const struct dkimpick *item, const struct mailboxes *authors)
{
	for (size_t i = 0; i < authors->count && i < AUTHOR_DOMAINS_MAX; i++)
		if (domain_within(item->tags.domain, authors->items[i].domain) ||
		    domain_within(authors->items[i].domain, item->tags.domain))
			return true;
	return false;
}

void dkimpick_choose(struct arena *arena, struct dkimpick *items, size_t count,
		     const struct dkim_options *options, struct str from)
{
	struct mailboxes authors = {0};
	size_t open = 0, tried = 0;

	for (size_t i = 0; i < count; i++)
		open += items[i].result == DKIM_RESULT_NONE;
	if (open > options->max_signatures || open > LIMIT_SIGNED_BODIES)
		if (address_list_parse(arena, from, &authors) != NULL)
			authors.count = 0;
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < count; i++) {
			struct dkimpick *item = &items[i];

			if (item->result != DKIM_RESULT_NONE || item->tried ||
			    (pass == 0 && !could_align(item, &authors)))
				continue;
			if (tried == options->max_signatures) {
				dkimpick_settle(item, DKIM_RESULT_POLICY,
						"not tried: too many signatures");
			} else if (body_hash_too_many(items, count, item)) {
				dkimpick_settle(item, DKIM_RESULT_POLICY,
						"not tried: too many body hashes");
			} else {
				item->tried = true;
				tried++;
			}
		}
	}
}

/* ---- what comes of them ---- */

enum dkim_result dkimpick_better(enum dkim_result a, enum dkim_result b)
{
	/* A temporary error may yet be a pass; a failure says more than what was not tried. */
	static const unsigned char rank[] = {
	    [DKIM_RESULT_PASS] = 6,   [DKIM_RESULT_TEMPERROR] = 5, [DKIM_RESULT_FAIL] = 4,
	    [DKIM_RESULT_POLICY] = 3, [DKIM_RESULT_NEUTRAL] = 2,   [DKIM_RESULT_PERMERROR] = 1,
	    [DKIM_RESULT_NONE] = 0,
	};

	return rank[b] > rank[a] ? b : a;
}

void dkimpick_report(struct arena *arena, struct dkimpick *items, size_t count, const char *broken,
		     struct dkim_outcome *outcome_r)
{
	struct dkim_signature *out = arena_array(arena, count, sizeof(*out));

	*outcome_r = (struct dkim_outcome){.signatures = out, .count = count};
	for (size_t i = 0; i < count; i++) {
		struct dkimpick *item = &items[i];

		if (item->result == DKIM_RESULT_NONE)
			dkimpick_settle(item, DKIM_RESULT_TEMPERROR, broken);
		out[i] = (struct dkim_signature){
		    .result = item->result,
		    .domain = item->tags.domain,
		    .selector = item->tags.selector,
		    .identity = item->tags.identity,
		    .algorithm = dkimsig_algorithm_name(item->tags.algorithm),
		    .bits = item->bits,
		    .reason = item->reason,
		    .b = str_sub(item->tags.b, 0, 8),
		    .partial = item->tags.partial,
		    .added = item->added,
		};
		outcome_r->best = dkimpick_better(outcome_r->best, item->result);
	}
}
