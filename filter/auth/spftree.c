/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tree of records and answers that one SPF check works on. All memory and all questions are
 * taken here, between two runs of the judge, so that the judge itself only reads.
 */

#include "filter/auth/spftree.h"

/* How much of a foreign name a problem text shows. */
#define NAME_SHOWN 80

/* The answer to what cannot be asked. */
static const struct dns_answer nothing = {.status = DNS_NXDOMAIN};

bool spftree_can_ask(struct str name)
{
	size_t label = 0;

	if (name.n == 0 || name.n > 253)
		return false;
	for (size_t i = 0; i < name.n; i++) {
		if (name.s[i] == '.' ? label == 0 : label == 63)
			return false;
		label = name.s[i] == '.' ? 0 : label + 1;
	}
	return label > 0;
}

const struct dns_answer *spftree_ask(struct lookups *lookups, struct str name, enum dns_type type)
{
	return spftree_can_ask(name) ? lookups_get(lookups, name, type, LOOKUP_SPF) : &nothing;
}

bool spftree_is_void(const struct dns_answer *answer)
{
	return answer != &nothing &&
	       (answer->status == DNS_NXDOMAIN || answer->status == DNS_NODATA);
}

bool spftree_below(struct str name, struct str domain)
{
	if (name.n <= domain.n)
		return str_caseeq(name, domain);
	return name.s[name.n - domain.n - 1] == '.' &&
	       str_caseeq(str_sub(name, name.n - domain.n, domain.n), domain);
}

struct spftree *spftree_new(struct arena *arena, const struct ip *ip, struct str domain,
			    const struct spfmacro_values *values)
{
	struct spftree *tree = arena_new_of(arena, struct spftree);

	tree->arena = arena;
	tree->ip = *ip;
	tree->address_type = ip_is_v4(ip) ? DNS_A : DNS_AAAA;
	tree->values = *values;
	tree->start_source.kind = SPFRECORD_REDIRECT;
	tree->start.source = &tree->start_source;
	tree->start.named = true;
	tree->start.name = domain;
	return tree;
}

/* Takes the first SPF_HOSTS names of an MX or PTR answer; those of no name (RFC 7505) not. */
static void hosts_take(struct spftree_hosts *hosts, const struct dns_answer *answer)
{
	for (size_t i = 0; i < answer->count && hosts->count < SPF_HOSTS; i++)
		if (answer->records[i].data.n > 0)
			hosts->items[hosts->count++].name = answer->records[i].data;
}

/* Asks for the addresses of all hosts at once; true if one more is known. */
static bool hosts_supply(struct spftree *tree, struct lookups *lookups, struct spftree_hosts *hosts,
			 bool *complete_r)
{
	bool learned = false;

	*complete_r = true;
	for (size_t i = 0; i < hosts->count; i++) {
		struct spftree_host *host = &hosts->items[i];

		if (host->addresses)
			continue;
		host->addresses = spftree_ask(lookups, host->name, tree->address_type);
		if (host->addresses)
			learned = true;
		else
			*complete_r = false;
	}
	return learned;
}

bool spftree_client(struct spftree *tree, struct lookups *lookups)
{
	bool complete;

	if (!tree->client_answer) {
		tree->client_answer =
		    spftree_ask(lookups, dns_reverse_name(tree->arena, &tree->ip), DNS_PTR);
		if (!tree->client_answer)
			return false;
		hosts_take(&tree->client, tree->client_answer);
	}
	hosts_supply(tree, lookups, &tree->client, &complete);
	return complete;
}

bool spftree_confirms(const struct spftree *tree, const struct spftree_host *host)
{
	bool v4 = tree->address_type == DNS_A;
	struct str client = {(const char *)tree->ip.bytes + (v4 ? 12 : 0), v4 ? 4 : 16};

	for (size_t i = 0; i < host->addresses->count; i++)
		if (str_eq(host->addresses->records[i].data, client))
			return true;
	return false;
}

bool spftree_client_void(const struct spftree *tree)
{
	if (spftree_is_void(tree->client_answer))
		return true;
	for (size_t i = 0; i < tree->client.count; i++)
		if (spftree_is_void(tree->client.items[i].addresses))
			return true;
	return false;
}

/* The p macro (7.3): the domain itself before its subdomains before any other name. */
static struct str client_name(const struct spftree *tree, struct str domain)
{
	struct str best = STR("unknown");
	int rank = 0;

	for (size_t i = 0; i < tree->client.count; i++) {
		const struct spftree_host *host = &tree->client.items[i];
		int r = str_caseeq(host->name, domain)      ? 3
			: spftree_below(host->name, domain) ? 2
							    : 1;

		if (r > rank && host->addresses && spftree_confirms(tree, host)) {
			best = host->name;
			rank = r;
		}
	}
	return best;
}

struct spfmacro_values spftree_values(const struct spftree *tree, struct str domain)
{
	struct spfmacro_values values = tree->values;

	values.of['d' - 'a'] = domain;
	values.of['p' - 'a'] = client_name(tree, domain);
	return values;
}

bool spftree_barred(const struct spftree *tree, struct str text)
{
	struct str local = tree->values.of['l' - 'a'];

	for (size_t i = 0; i < local.n; i++)
		if ((unsigned char)local.s[i] > 0x7f)
			return spfmacro_names_sender(text);
	return false;
}

/* Finds the record among the TXT records of a domain (4.5) and parses it. */
static enum spftree_state node_read(struct spftree *tree, struct spftree_node *node,
				    const struct dns_answer *answer)
{
	const struct dns_record *found = NULL;
	const char *shown = str_clean(tree->arena, node->domain, NAME_SHOWN).s;
	struct str why;

	if (answer->status == DNS_FAILED) {
		node->problem =
		    str_printf(tree->arena, "cannot look up %s TXT: %s", shown, answer->problem);
		return answer->oversize ? SPFTREE_BROKEN : SPFTREE_FAILED;
	}
	for (size_t i = 0; i < answer->count; i++) {
		if (!spfrecord_is(answer->records[i].data))
			continue;
		if (found) {
			node->problem =
			    str_printf(tree->arena, "%s has several SPF records", shown);
			return SPFTREE_BROKEN;
		}
		found = &answer->records[i];
	}
	if (!found) {
		node->problem = str_printf(tree->arena, "%s has no SPF record", shown);
		return SPFTREE_NONE;
	}
	if (!spfrecord_parse(tree->arena, found->data, &tree->ip, &node->record, &why)) {
		node->problem = str_printf(tree->arena, "the SPF record of %s is broken: " STR_FMT,
					   shown, STR_ARG(why));
		return SPFTREE_BROKEN;
	}
	return SPFTREE_RECORD;
}

static struct spftree_node *node_new(struct spftree *tree, struct str domain,
				     const struct dns_answer *answer)
{
	struct spftree_node *node = arena_new_of(tree->arena, struct spftree_node);

	node->domain = domain;
	node->state = node_read(tree, node, answer);
	if (node->state == SPFTREE_RECORD) {
		for (size_t i = 0; i < node->record.count; i++) {
			struct spftree_term *term = &node->terms[i];

			term->source = &node->record.terms[i];
			term->node = node;
			term->barred = spftree_barred(tree, term->source->name);
			term->asks_client =
			    !term->barred && (term->source->kind == SPFRECORD_PTR ||
					      spfmacro_asks_client(term->source->name));
		}
	}
	node->number = tree->nodes.count;
	*vec_push(tree->arena, &tree->nodes) = node;
	return node;
}

/* What a barred include finds is a record without a match, a barred redirect none at all. */
static struct spftree_node *node_barred(struct spftree *tree, const struct spftree_term *term)
{
	struct spftree_node *node = arena_new_of(tree->arena, struct spftree_node);

	node->domain = term->node->domain;
	if (term->source->kind == SPFRECORD_REDIRECT) {
		node->state = SPFTREE_NONE;
		node->problem = STR("redirect= is made of a local part that is not ASCII");
	}
	node->number = tree->nodes.count;
	*vec_push(tree->arena, &tree->nodes) = node;
	return node;
}

static void term_name(struct spftree *tree, struct spftree_term *term)
{
	struct str domain = term->node->domain;
	struct spfmacro_values values;

	term->named = true;
	term->name = domain;
	if (term->source->name.n == 0)
		return;
	values = spftree_values(tree, domain);
	term->name = spfmacro_name(tree->arena, term->source->name, &values);
}

static enum dns_type term_type(const struct spftree *tree, const struct spftree_term *term)
{
	switch (term->source->kind) {
	case SPFRECORD_A:
		return tree->address_type;
	case SPFRECORD_MX:
		return DNS_MX;
	case SPFRECORD_EXISTS:
		return DNS_A; /* whatever the client's kind of address (5.7) */
	default:
		return DNS_TXT;
	}
}

static bool term_bar(struct spftree *tree, struct spftree_term *term)
{
	term->named = true;
	term->answer = &nothing;
	if (term->source->kind == SPFRECORD_MX)
		term->hosts = arena_new_of(tree->arena, struct spftree_hosts);
	else if (term->source->kind == SPFRECORD_INCLUDE ||
		 term->source->kind == SPFRECORD_REDIRECT)
		term->target = node_barred(tree, term);
	return true;
}

/* The term's own question, and what follows at once from its answer. */
static bool term_ask(struct spftree *tree, struct lookups *lookups, struct spftree_term *term)
{
	if (term->barred)
		return term_bar(tree, term);
	if (term->asks_client && !spftree_client(tree, lookups))
		return false;
	if (!term->named)
		term_name(tree, term);
	if (term->source->kind == SPFRECORD_PTR)
		return true;
	term->answer = spftree_ask(lookups, term->name, term_type(tree, term));
	if (!term->answer)
		return false;
	if (term->source->kind == SPFRECORD_MX && term->answer->count <= SPF_HOSTS) {
		term->hosts = arena_new_of(tree->arena, struct spftree_hosts);
		hosts_take(term->hosts, term->answer);
	} else if (term->source->kind == SPFRECORD_INCLUDE ||
		   term->source->kind == SPFRECORD_REDIRECT) {
		term->target = node_new(tree, term->name, term->answer);
	}
	return true;
}

bool spftree_supply(struct spftree *tree, struct lookups *lookups, struct spftree_term *term)
{
	bool complete;

	if (!term->answer)
		return term_ask(tree, lookups, term);
	return term->hosts && hosts_supply(tree, lookups, term->hosts, &complete);
}

struct walk {
	struct spftree *tree;
	struct lookups *lookups;
	size_t terms; /* that look up, so far: at least so many, if not `certain` */
	bool certain; /* no record on the way here is still unknown */
	bool learned;
};

/* Each level counts a term before it goes deeper, so there are at most SPF_TERMS levels. */
static void walk_node(struct walk *walk, struct spftree_node *node)
{
	for (size_t i = 0; i < node->record.count; i++) {
		struct spftree_term *term = &node->terms[i];
		enum spfrecord_kind kind = term->source->kind;

		if (kind == SPFRECORD_ALL || ++walk->terms > SPF_TERMS)
			return;
		if (!term->answer && !term->asks_client)
			walk->learned |= spftree_supply(walk->tree, walk->lookups, term);
		/* Ten questions more: only for a term that will not move past the limit. */
		if (term->hosts && walk->certain)
			walk->learned |= spftree_supply(walk->tree, walk->lookups, term);
		if (term->target)
			walk_node(walk, term->target);
		else if (kind == SPFRECORD_INCLUDE || kind == SPFRECORD_REDIRECT)
			walk->certain = false;
	}
}

bool spftree_ahead(struct spftree *tree, struct lookups *lookups)
{
	struct walk walk = {tree, lookups, 0, true, false};

	if (tree->start.target)
		walk_node(&walk, tree->start.target);
	return walk.learned;
}
