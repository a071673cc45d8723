/* SPDX-License-Identifier: BSD-2-Clause */
/* Tables: their kinds, and which store in memory each has. Filled once, then only read. */

#include "postern/table.h"

#include <stdlib.h>

#include "filter/table/store.h"
#include "postern/mail.h"
#include "postern/pattern.h"

/* What normal forms of items are made in is given back when it has become so large. */
#define SCRATCH_MOST 65536

struct table {
	struct arena *arena, *scratch;
	enum table_kind kind;
	const struct table_type *type;
	size_t count;
	bool suffixes; /* some item is a ".name" or an "@domain" */
	struct networks networks;
	struct texts texts;
	struct patterns patterns;
};

static const char *const kind_names[TABLE_KINDS] = {"networks", "domains",  "addresses",
						    "strings",  "patterns", "map"};

int table_kind_of(struct str name)
{
	for (int i = 0; i < TABLE_KINDS; i++)
		if (str_eq(name, str_of(kind_names[i])))
			return i;
	return -1;
}

const char *table_kind_name(enum table_kind kind)
{
	return kind_names[kind];
}

void *store_resize(struct arena *arena, void *memory, size_t size)
{
	void *resized = realloc(memory, size > 0 ? size : 1);

	if (!resized)
		arena_array(arena, SIZE_MAX, 2); /* which leaves the way that ended memory does */
	return resized;
}

static void table_free(void *handle)
{
	struct table *table = handle;

	networks_free(&table->networks);
	texts_free(&table->texts);
}

/* Items in braces. */
static const struct table_type type_inline = {
    .cost = COST_TABLE,
    .look = table_look,
};

struct table *table_new(struct arena *arena, enum table_kind kind, const struct table_type *type)
{
	struct table *table = arena_new_of(arena, struct table);

	table->arena = arena;
	table->kind = kind;
	table->type = type ? type : &type_inline;
	arena_cleanup(arena, table_free, table);
	return table;
}

size_t table_count(const struct table *table)
{
	return table->count;
}

enum table_kind table_kind(const struct table *table)
{
	return table->kind;
}

const struct table_type *table_type_of(const struct table *table)
{
	return table->type;
}

size_t table_size(const struct table *table)
{
	return table->texts.size + table->texts.slot_count * sizeof(*table->texts.slots) +
	       table->networks.four_room * sizeof(struct range4) +
	       table->networks.six_room * sizeof(struct range6);
}

void table_reserve(struct table *table, size_t count, size_t bytes)
{
	if (table->kind != TABLE_NETWORKS && table->kind != TABLE_PATTERNS)
		texts_reserve(table->arena, &table->texts, count, bytes);
}

/* ---- filling ---- */

static void add_text(struct table *table, struct str text)
{
	texts_add(table->arena, &table->texts, text, STR(""));
}

static bool add_domain(struct table *table, struct str item, const char **why_r)
{
	bool below = item.n > 0 && item.s[0] == '.';
	struct str domain;

	if (item.n > 0 && item.s[0] == '[') {
		add_text(table, item);
		return true;
	}
	if (!domain_normal(table->scratch, below ? str_sub(item, 1, item.n) : item, &domain)) {
		*why_r =
		    "not a domain name: write 'example.org', or '.example.org' for all below it";
		return false;
	}
	if (below) {
		table->suffixes = true;
		domain = str_printf(table->scratch, "." STR_FMT, STR_ARG(domain));
	}
	add_text(table, domain);
	return true;
}

static bool add_address(struct table *table, struct str item, const char **why_r)
{
	const char *why = NULL;
	struct path path;
	struct str domain;

	if (str_starts(item, STR("*@"))) {
		*why_r = "a '*' stands for itself: write '@example.org' for all at it";
		return false;
	}
	if (item.n > 1 && item.s[0] == '@') {
		if (!domain_normal(table->scratch, str_sub(item, 1, item.n), &domain)) {
			*why_r = "not an address: write 'user@example.org', or '@example.org' for "
				 "all at it";
			return false;
		}
		table->suffixes = true;
		add_text(table, str_printf(table->scratch, "@" STR_FMT, STR_ARG(domain)));
		return true;
	}
	if (!path_parse(table->scratch, item, false, &path, &why)) {
		*why_r = str_printf(table->scratch, "not an address: %s", why).s;
		return false;
	}
	add_text(table, path.text);
	return true;
}

bool table_add_pattern(struct table *table, struct str text, struct str flags, const char **why_r,
		       size_t *at_r)
{
	struct pattern *pattern = pattern_new(table->arena, text, flags, why_r, at_r);

	if (!pattern)
		return false;
	*vec_push(table->arena, &table->patterns.all) = pattern;
	table->count++;
	return true;
}

bool table_jit(struct table *table)
{
	bool all = true;

	for (size_t i = 0; i < table->patterns.all.count; i++)
		all &= pattern_jit(table->patterns.all.items[i]);
	return all;
}

/* A whole line of a file: what stands behind the pattern can be a comment only. */
static bool add_pattern(struct table *table, struct str item, const char **why_r)
{
	struct str text, flags;
	size_t at, end = patterns_read(table->arena, item, &text, &flags, why_r);

	if (end == 0)
		return false;
	item = str_trim(str_sub(item, end, item.n));
	if (item.n > 0 && item.s[0] != '#') {
		*why_r = "one pattern stands on a line, and behind it a comment at the most";
		return false;
	}
	return table_add_pattern(table, text, flags, why_r, &at);
}

bool table_add(struct table *table, struct str item, const char **why_r)
{
	bool ok = true;

	if (item.n > ITEM_MOST) {
		*why_r = "an item has at most 4096 bytes";
		return false;
	}
	if (table->scratch && arena_size(table->scratch) > SCRATCH_MOST)
		arena_free(&table->scratch);
	if (!table->scratch)
		table->scratch = arena_new(table->arena);
	switch (table->kind) {
	case TABLE_NETWORKS:
		ok = networks_add(table->arena, &table->networks, item, why_r);
		break;
	case TABLE_DOMAINS:
		ok = add_domain(table, item, why_r);
		break;
	case TABLE_ADDRESSES:
		ok = add_address(table, item, why_r);
		break;
	case TABLE_STRINGS:
		add_text(table, item);
		break;
	case TABLE_PATTERNS:
		return add_pattern(table, item, why_r);
	case TABLE_MAP:
		ok = map_add(table->arena, table->scratch, &table->texts, item, why_r);
		break;
	}
	table->count += ok;
	return ok;
}

void table_finish(struct table *table)
{
	networks_finish(table->arena, &table->networks);
	texts_finish(table->arena, &table->texts);
	arena_free(&table->scratch);
}

/* ---- looking ---- */

bool table_has_ip(const struct table *table, const struct ip *ip)
{
	return networks_have(&table->networks, ip);
}

bool table_has_text(const struct table *table, struct str text)
{
	const struct texts *texts = &table->texts;

	if (texts_find(texts, text))
		return true;
	if (!table->suffixes)
		return false;
	if (table->kind == TABLE_ADDRESSES) {
		ptrdiff_t at = str_rchr(text, '@');

		return at >= 0 && texts_find(texts, str_sub(text, (size_t)at, text.n));
	}
	for (ptrdiff_t dot = str_chr(text, '.'); dot >= 0; dot = str_chr(text, '.')) {
		text = str_sub(text, (size_t)dot, text.n);
		if (texts_find(texts, text))
			return true;
		text = str_sub(text, 1, text.n);
	}
	return false;
}

bool table_texts(const struct table *table, struct arena *arena, size_t most,
		 const struct str **items_r, size_t *count_r)
{
	if (table->kind == TABLE_NETWORKS || table->kind == TABLE_PATTERNS ||
	    table->kind == TABLE_MAP || table->texts.used > most)
		return false;
	*items_r = texts_all(&table->texts, arena);
	*count_r = table->texts.used;
	return true;
}

bool table_ranges(const struct table *table, struct arena *arena, size_t most,
		  const struct ip **items_r, size_t *count_r)
{
	*count_r = 2 * (table->networks.four_count + table->networks.six_count);
	if (table->kind != TABLE_NETWORKS || *count_r > 2 * most)
		return false;
	*items_r = networks_all(&table->networks, arena);
	return true;
}

enum fact_state table_look(const struct table *table, const struct table_look *look,
			   struct value *value_r)
{
	const char *with;
	int matches;

	if (table->kind == TABLE_MAP) {
		with = texts_find(&table->texts, look->key->text);
		if (!with)
			return FACT_ABSENT;
		*value_r = map_values(with, look->arena);
		return FACT_PRESENT;
	}
	matches = patterns_match(&table->patterns, look->key->text);
	if (matches < 0) {
		*value_r = value_failed("a pattern took too long");
		return FACT_FAILED;
	}
	*value_r = value_boolean(matches > 0);
	return FACT_PRESENT;
}
