/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Follows an SPF record term by term (RFC 7208 4.6) and gets the answers, until one is pending, a
 * term matches, or something comes up that is the judge's alone: an error, a limit, the client's
 * name.
 */

#include "filter/auth/spfpath.h"

/* What a record comes to: a qualifier, or one of these. */
#define PATH_NO_MATCH '?' /* neutral (4.7), for an include as good as no match (5.2) */
#define PATH_ENDS '\0'    /* nothing more can be told from here */

struct path {
	struct spftree *tree;
	struct lookups *lookups;
	size_t terms, voids;
	struct spftree_term *pending;
};

/* Has the term all its answers? Gets them as far as they are there. */
static bool has_answers(struct path *path, struct spftree_term *term)
{
	for (;;) {
		bool complete = term->answer != NULL;

		for (size_t i = 0; term->hosts && i < term->hosts->count; i++)
			complete = complete && term->hosts->items[i].addresses;
		if (complete)
			return true;
		if (!spftree_supply(path->tree, path->lookups, term)) {
			path->pending = term;
			return false;
		}
	}
}

/* An answer to go on with: neither failed nor one more that found nothing (4.6.4). */
static bool usable(struct path *path, const struct dns_answer *answer)
{
	if (answer->status == DNS_FAILED)
		return false;
	return !spftree_is_void(answer) || ++path->voids <= SPF_VOIDS;
}

/* Is the client in the network of this length around one of the addresses? */
static bool covers(const struct path *path, const struct dns_answer *answer, unsigned prefix)
{
	size_t size = path->tree->address_type == DNS_A ? 4 : 16;
	const uint8_t *client = path->tree->ip.bytes + sizeof(path->tree->ip.bytes) - size;
	size_t whole = prefix / 8, rest = prefix % 8;

	for (size_t i = 0; i < answer->count; i++) {
		const uint8_t *address = (const uint8_t *)answer->records[i].data.s;

		if (answer->records[i].data.n == size && memcmp(address, client, whole) == 0 &&
		    (rest == 0 || (address[whole] ^ client[whole]) >> (8 - rest) == 0))
			return true;
	}
	return false;
}

/* Does a term with all its answers, no include or redirect, match? `*ends_r`: not to be told. */
static bool matches(struct path *path, const struct spftree_term *term, bool *ends_r)
{
	unsigned prefix = term->source->prefix;

	if (term->barred)
		return false;
	if (term->source->kind == SPFRECORD_EXISTS)
		return term->answer->count > 0;
	if (term->source->kind == SPFRECORD_A)
		return covers(path, term->answer, prefix);
	for (size_t i = 0; i < term->hosts->count; i++) {
		*ends_r = !usable(path, term->hosts->items[i].addresses);
		if (*ends_r || covers(path, term->hosts->items[i].addresses, prefix))
			return true;
	}
	return false;
}

/* Each level counts a term before it goes deeper, so there are at most SPF_TERMS levels. */
static char follow(struct path *path, struct spftree_node *node)
{
	for (size_t i = 0; i < node->record.count; i++) {
		struct spftree_term *term = &node->terms[i];
		enum spfrecord_kind kind = term->source->kind;
		bool ends = false;
		char inner;

		if (kind == SPFRECORD_ALL)
			return term->source->qualifier;
		if (++path->terms > SPF_TERMS || term->asks_client || !has_answers(path, term) ||
		    !usable(path, term->answer) || (kind == SPFRECORD_MX && !term->hosts))
			return PATH_ENDS;
		if (kind != SPFRECORD_INCLUDE && kind != SPFRECORD_REDIRECT) {
			if (matches(path, term, &ends))
				return ends ? PATH_ENDS : term->source->qualifier;
			continue;
		}
		if (term->target->state != SPFTREE_RECORD)
			return PATH_ENDS;
		inner = follow(path, term->target);
		if (kind == SPFRECORD_REDIRECT || inner == PATH_ENDS)
			return inner;
		if (inner == '+')
			return term->source->qualifier;
	}
	return PATH_NO_MATCH;
}

struct spftree_term *spfpath_follow(struct spftree *tree, struct lookups *lookups)
{
	struct path path = {.tree = tree, .lookups = lookups};

	if (tree->start.target && tree->start.target->state == SPFTREE_RECORD)
		follow(&path, tree->start.target);
	return path.pending;
}
