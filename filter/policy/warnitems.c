/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Items in braces: those that stand there twice or lie in another, and networks so wide that being
 * in the table means nothing.
 */

#include "filter/policy/warn.h"

#include <stdlib.h>

#include "postern/mail.h"

/* ---- items in one form ---- */

struct entry {
	struct str key; /* a name or text; ".name" of all below; 16 bytes and a prefix */
	const struct operand *operand;
	struct ip_network network;
};

struct entries {
	struct checker *checker;
	VEC(struct entry) items;
};

static struct str text_of(const struct operand *item)
{
	if (item->kind != OPERAND_STRING)
		return item->word;
	return item->text.pieces.count == 1 ? item->text.pieces.items[0].literal : STR("");
}

static struct str network_key(struct arena *arena, struct ip_network network)
{
	struct buf key = {.arena = arena};

	for (unsigned i = 0; i < 16; i++) {
		unsigned bits = network.prefix < 8 * i ? 0 : network.prefix - 8 * i;
		unsigned mask = bits >= 8 ? 0xff : 0xff & ~(0xffu >> bits);

		buf_putc(&key, (char)(network.ip.bytes[i] & mask));
	}
	buf_putc(&key, (char)network.prefix);
	return buf_str(&key);
}

static bool network_of(struct checker *checker, const struct operand *item,
		       struct ip_network *network_r)
{
	static const struct type type = {.base = TYPE_NETWORK};
	struct value value;
	const char *why;

	if (!value_parse(checker->arena, &type, text_of(item), &value, &why))
		return false;
	*network_r = value.network;
	return true;
}

static void add_entry(struct entries *entries, const struct operand *item, bool networks,
		      bool domains)
{
	struct arena *arena = entries->checker->arena;
	struct entry entry = {.operand = item};
	struct str text = text_of(item), name;
	bool below = domains && text.n > 1 && text.s[0] == '.';

	if (networks) {
		if (!network_of(entries->checker, item, &entry.network))
			return;
		entry.key = network_key(arena, entry.network);
	} else if (domains &&
		   domain_normal(arena, below ? str_sub(text, 1, text.n) : text, &name)) {
		entry.key = below ? str_printf(arena, "." STR_FMT, STR_ARG(name)) : name;
	} else {
		entry.key = str_lower(arena, text);
	}
	*vec_push(arena, &entries->items) = entry;
}

/* Equal ones in the order of the text. */
static int by_key(const void *va, const void *vb)
{
	const struct entry *a = va, *b = vb;
	int order = str_cmp(a->key, b->key);

	if (order != 0)
		return order;
	return a->operand->span.from < b->operand->span.from ? -1 : 1;
}

static const struct entry *entry_find(const struct entries *entries, struct str key)
{
	size_t from = 0, to = entries->items.count;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (str_cmp(entries->items.items[middle].key, key) < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from < entries->items.count && str_eq(entries->items.items[from].key, key)
		   ? &entries->items.items[from]
		   : NULL;
}

/* ---- one within another ---- */

static const struct entry *wider_network(const struct entries *entries, const struct entry *entry)
{
	struct ip_network network = entry->network;
	unsigned least = ip_is_v4(&network.ip) && network.prefix >= 96 ? 96 : 0;

	while (network.prefix > least) {
		const struct entry *wider;

		network.prefix--;
		wider = entry_find(entries, network_key(entries->checker->arena, network));
		if (wider)
			return wider;
	}
	return NULL;
}

static const struct entry *wider_domain(const struct entries *entries, const struct entry *entry)
{
	bool below = entry->key.n > 0 && entry->key.s[0] == '.';
	struct str name = below ? str_sub(entry->key, 1, entry->key.n) : entry->key;
	ptrdiff_t dot;

	while ((dot = str_chr(name, '.')) >= 0) {
		const struct entry *wider = entry_find(entries, str_sub(name, (size_t)dot, name.n));

		if (wider)
			return wider;
		name = str_sub(name, (size_t)dot + 1, name.n);
	}
	return NULL;
}

static void warn_duplicates(struct entries *entries, bool networks, bool domains)
{
	size_t count = entries->items.count;

	if (count > 1)
		qsort(entries->items.items, count, sizeof(*entries->items.items), by_key);
	for (size_t i = 0; i < count; i++) {
		const struct entry *entry = &entries->items.items[i], *other = NULL;
		bool twice = i > 0 && str_eq(entry->key, entries->items.items[i - 1].key);

		if (twice)
			other = entry_find(entries, entry->key);
		else if (networks)
			other = wider_network(entries, entry);
		else if (domains)
			other = wider_domain(entries, entry);
		if (other &&
		    warn_at(entries->checker, "duplicate", entry->operand->span,
			    twice ? "this stands here twice" : "this lies in another item already"))
			diag_note(entries->checker->diag, other->operand->span,
				  twice ? "first here" : "in this one");
	}
}

/* ---- wide networks ---- */

static bool has(const struct table *table, const char *address)
{
	struct ip ip;

	return ip_parse(str_of(address), &ip) && table_has_ip(table, &ip);
}

static bool has_all(const struct table *table, const char *const *addresses)
{
	for (; *addresses; addresses++)
		if (!has(table, *addresses))
			return false;
	return true;
}

/* `item`: the one that is all of it, or else the table. */
static void warn_wide(struct checker *checker, const struct table *table, struct span span)
{
	static const char *const everything[] = {"5.0.0.1",   "45.0.0.1",  "80.0.0.1", "130.0.0.1",
						 "185.0.0.1", "222.0.0.1", NULL};
	static const char *const everything6[] = {"2001:db8::1", "2400::1", "2600::1",
						  "2a00::1",     "2c0f::1", NULL};
	static const char *const private[] = {
	    "10.0.0.1",    "10.255.255.254",  "172.16.0.1", "172.31.255.254",
	    "192.168.0.1", "192.168.255.254", NULL};

	if (has_all(table, everything) || has_all(table, everything6))
		warn_at(checker, "wide-network", span,
			"this holds the whole internet: every client is in it");
	else if (has_all(table, private))
		warn_at(checker, "wide-network", span,
			"this holds all private networks: behind a gateway or container that hides "
			"addresses, every client is in it; write the networks that you use");
}

/* ---- tables and sets ---- */

static void check_items(struct checker *checker, const struct operand *items, size_t count,
			bool networks, bool domains)
{
	struct entries entries = {.checker = checker};

	for (size_t i = 0; i < count; i++)
		add_entry(&entries, &items[i], networks, domains);
	warn_duplicates(&entries, networks, domains);
}

static void check_tables(struct checker *checker)
{
	for (size_t i = 0; i < checker->policy->table_count; i++) {
		const struct table_def *def = checker->policy->tables[i].def;
		const struct table *table = checker->policy->tables[i].table;
		bool networks = table_kind(table) == TABLE_NETWORKS;

		check_items(checker, def->items.items, def->items.count, networks,
			    table_kind(table) == TABLE_DOMAINS);
		if (networks)
			warn_wide(checker, table, def->name_span);
	}
}

static void check_set(struct checker *checker, const struct expr *expr)
{
	const struct operand *set = &expr->right;
	const struct fact_def *fact = registry_fact(expr->left.word);
	bool networks = fact && (fact->type.base == TYPE_IP || fact->type.base == TYPE_NETWORK);

	check_items(checker, set->items.items, set->items.count, networks,
		    fact && fact->type.base == TYPE_DOMAIN);
}

static void check_expr(struct checker *checker, const struct expr *expr)
{
	if (!expr)
		return;
	for (size_t i = 0; i < expr->parts.count; i++)
		check_expr(checker, expr->parts.items[i]);
	if (expr->kind == EXPR_COMPARE && expr->right.kind == OPERAND_SET)
		check_set(checker, expr);
}

static void check_clauses(struct checker *checker, const struct expr *when,
			  struct expr *const *unless, size_t count)
{
	check_expr(checker, when);
	for (size_t i = 0; i < count; i++)
		check_expr(checker, unless[i]);
}

static void check_item(struct checker *checker, const struct item *item)
{
	if (item->kind == ITEM_DEFINE) {
		check_expr(checker, item->define.value);
	} else if (item->kind == ITEM_RULE) {
		check_clauses(checker, item->rule.when, item->rule.unless.items,
			      item->rule.unless.count);
	} else if (item->kind == ITEM_GROUP) {
		check_clauses(checker, item->group.condition, item->group.unless.items,
			      item->group.unless.count);
		for (size_t i = 0; i < item->group.items.count; i++)
			check_item(checker, item->group.items.items[i]);
	}
}

/* Tables with a name are warned of where they are defined. */
static void check_wide_test(void *ctx, const struct cond *test, bool holds)
{
	struct checker *checker = ctx;

	(void)holds;
	if (test->right_kind != RIGHT_TABLE || table_kind(test->table) != TABLE_NETWORKS)
		return;
	for (size_t i = 0; i < checker->policy->table_count; i++)
		if (checker->policy->tables[i].table == test->table)
			return;
	warn_wide(checker, test->table, test->right_span);
}

void warn_items(struct checker *checker)
{
	const struct policy *policy = checker->policy;

	for (size_t i = 0; i < policy->tree->items.count; i++)
		check_item(checker, policy->tree->items.items[i]);
	check_tables(checker);
	for (size_t i = 0; i < policy->rule_count; i++)
		warn_tests(policy->rules[i].cond, true, check_wide_test, checker);
}
