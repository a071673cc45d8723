/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tables in memory: networks as sorted disjoint ranges, texts in an open hash. Filled once, then
 * only read.
 */

#include "postern/table.h"

#include <stdlib.h>

#include "postern/arena.h"
#include "postern/mail.h"

#define LINE_MOST 4096
#define FILE_MOST ((size_t)256 << 20)

struct range {
	struct ip first, last;
};

struct table {
	struct arena *arena;
	enum table_kind kind;
	size_t count;
	VEC(struct range) ranges[2]; /* IPv6, and IPv4: ::/0 does not hold mapped addresses */
	struct str *texts;           /* open addressing; empty where .s is NULL */
	size_t size, used;
	bool suffixes; /* some item is a ".name" or an "@domain" */
};

static const char *const kind_names[] = {"networks", "domains", "addresses", "strings"};

int table_kind_of(struct str name)
{
	for (int i = 0; i < (int)(sizeof(kind_names) / sizeof(kind_names[0])); i++)
		if (str_eq(name, str_of(kind_names[i])))
			return i;
	return -1;
}

const char *table_kind_name(enum table_kind kind)
{
	return kind_names[kind];
}

struct table *table_new(struct arena *arena, enum table_kind kind)
{
	struct table *table = arena_new_of(arena, struct table);

	table->arena = arena;
	table->kind = kind;
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

/* ---- texts ---- */

static size_t hash(struct str text)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.s[i];

		h = (h ^ (c >= 'A' && c <= 'Z' ? c + 32u : c)) * UINT64_C(0x100000001b3);
	}
	return (size_t)(h ^ h >> 32);
}

static bool find(const struct table *table, struct str text)
{
	if (table->size == 0)
		return false;
	for (size_t i = hash(text) & (table->size - 1);; i = (i + 1) & (table->size - 1)) {
		if (!table->texts[i].s)
			return false;
		if (str_caseeq(table->texts[i], text))
			return true;
	}
}

static void place(struct str *texts, size_t size, struct str text)
{
	size_t i = hash(text) & (size - 1);

	while (texts[i].s)
		i = (i + 1) & (size - 1);
	texts[i] = text;
}

static void add_text(struct table *table, struct str text)
{
	if (find(table, text))
		return;
	if (2 * (table->used + 1) > table->size) {
		size_t size = table->size ? 2 * table->size : 16;
		struct str *bigger = arena_array(table->arena, size, sizeof(*bigger));

		for (size_t i = 0; i < table->size; i++)
			if (table->texts[i].s)
				place(bigger, size, table->texts[i]);
		table->texts = bigger;
		table->size = size;
	}
	place(table->texts, table->size, text);
	table->used++;
}

static bool add_domain(struct table *table, struct str item, const char **why_r)
{
	bool below = item.n > 0 && item.s[0] == '.';
	struct str domain;

	if (item.n > 0 && item.s[0] == '[') {
		add_text(table, str_lower(table->arena, item));
		return true;
	}
	if (!domain_normal(table->arena, below ? str_sub(item, 1, item.n) : item, &domain)) {
		*why_r =
		    "not a domain name: write 'example.org', or '.example.org' for all below it";
		return false;
	}
	if (below)
		table->suffixes = true;
	add_text(table, below ? str_printf(table->arena, "." STR_FMT, STR_ARG(domain)) : domain);
	return true;
}

static bool add_address(struct table *table, struct str item, const char **why_r)
{
	const char *why = NULL;
	struct path path;
	struct str domain;

	if (item.n > 1 && item.s[0] == '@') {
		if (!domain_normal(table->arena, str_sub(item, 1, item.n), &domain)) {
			*why_r = "not an address: write 'user@example.org', or '@example.org' for "
				 "all at it";
			return false;
		}
		table->suffixes = true;
		add_text(table, str_printf(table->arena, "@" STR_FMT, STR_ARG(domain)));
		return true;
	}
	if (!path_parse(table->arena, item, false, &path, &why)) {
		*why_r = str_printf(table->arena, "not an address: %s", why).s;
		return false;
	}
	add_text(table, path.text);
	return true;
}

/* ---- networks ---- */

static bool add_network(struct table *table, struct str item, const char **why_r)
{
	struct ip_network network;
	struct range range;

	if (!ip_network_parse(item, &network, why_r))
		return false;
	range.first = range.last = network.ip;
	for (unsigned bit = network.prefix; bit < 128; bit++)
		range.last.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	*vec_push(table->arena, &table->ranges[ip_is_v4(&network.ip) && network.prefix >= 96]) =
	    range;
	return true;
}

bool table_add(struct table *table, struct str item, const char **why_r)
{
	bool ok;

	switch (table->kind) {
	case TABLE_NETWORKS:
		ok = add_network(table, item, why_r);
		break;
	case TABLE_DOMAINS:
		ok = add_domain(table, item, why_r);
		break;
	case TABLE_ADDRESSES:
		ok = add_address(table, item, why_r);
		break;
	default:
		add_text(table, str_dup(table->arena, item));
		ok = true;
		break;
	}
	table->count += ok;
	return ok;
}

/* By first address, the larger network before those that it holds. */
static int by_first(const void *va, const void *vb)
{
	const struct range *a = va, *b = vb;
	int order = memcmp(a->first.bytes, b->first.bytes, 16);

	return order != 0 ? order : memcmp(b->last.bytes, a->last.bytes, 16);
}

static size_t merge(struct range *items, size_t count)
{
	size_t kept = 0;

	if (count == 0)
		return 0;
	qsort(items, count, sizeof(*items), by_first);
	/* Networks nest or are disjoint, so merging keeps the outer one. */
	for (size_t i = 1; i < count; i++)
		if (memcmp(items[i].first.bytes, items[kept].last.bytes, 16) > 0)
			items[++kept] = items[i];
	return kept + 1;
}

void table_finish(struct table *table)
{
	for (int i = 0; i < 2; i++)
		table->ranges[i].count = merge(table->ranges[i].items, table->ranges[i].count);
}

static bool in_ranges(const struct range *items, size_t count, const struct ip *ip)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (memcmp(ip->bytes, items[middle].first.bytes, 16) < 0)
			high = middle;
		else if (memcmp(ip->bytes, items[middle].last.bytes, 16) > 0)
			low = middle + 1;
		else
			return true;
	}
	return false;
}

bool table_has_ip(const struct table *table, const struct ip *ip)
{
	int family = ip_is_v4(ip);

	return in_ranges(table->ranges[family].items, table->ranges[family].count, ip);
}

bool table_has_text(const struct table *table, struct str text)
{
	if (find(table, text))
		return true;
	if (!table->suffixes)
		return false;
	if (table->kind == TABLE_ADDRESSES) {
		ptrdiff_t at = str_rchr(text, '@');

		return at >= 0 && find(table, str_sub(text, (size_t)at, text.n));
	}
	for (ptrdiff_t dot = str_chr(text, '.'); dot >= 0; dot = str_chr(text, '.')) {
		text = str_sub(text, (size_t)dot, text.n);
		if (find(table, text))
			return true;
		text = str_sub(text, 1, text.n);
	}
	return false;
}

bool table_texts(const struct table *table, struct arena *arena, size_t most,
		 const struct str **items_r, size_t *count_r)
{
	struct str *items;
	size_t count = 0;

	if (table->kind == TABLE_NETWORKS || table->used > most)
		return false;
	items = arena_array(arena, table->used + 1, sizeof(*items));
	for (size_t i = 0; i < table->size; i++)
		if (table->texts[i].s)
			items[count++] = table->texts[i];
	*items_r = items;
	*count_r = count;
	return true;
}

bool table_ranges(const struct table *table, struct arena *arena, size_t most,
		  const struct ip **items_r, size_t *count_r)
{
	size_t total = table->ranges[0].count + table->ranges[1].count, count = 0;
	struct ip *items;

	if (table->kind != TABLE_NETWORKS || total > most)
		return false;
	items = arena_array(arena, 2 * total + 1, sizeof(*items));
	for (int family = 0; family < 2; family++) {
		for (size_t i = 0; i < table->ranges[family].count; i++) {
			items[count++] = table->ranges[family].items[i].first;
			items[count++] = table->ranges[family].items[i].last;
		}
	}
	*items_r = items;
	*count_r = count;
	return true;
}

/* ---- files ---- */

struct str table_read_file(struct table *table, struct arena *arena, const char *path,
			   struct span place_, struct diag *diag)
{
	struct source *source;
	const char *why = NULL;
	size_t end;

	if (!source_read(arena, path, FILE_MOST, &source, &why)) {
		diag_error(diag, place_, "cannot read the table's file '%s': %s", path, why);
		return STR("");
	}
	for (size_t from = 0; from < source->text.n; from = end + 1) {
		struct str line = str_sub(source->text, from, source->text.n);
		ptrdiff_t newline = str_chr(line, '\n'), comment;
		struct span span;

		if (newline >= 0)
			line.n = (size_t)newline;
		end = from + line.n;
		comment = str_chr(line, '#');
		if (comment >= 0)
			line.n = (size_t)comment;
		line = str_trim(line);
		if (line.n == 0)
			continue;
		span.source = source;
		span.from = (size_t)(line.s - source->text.s);
		span.to = span.from + line.n;
		if (line.n > LINE_MOST)
			diag_error(diag, span, "a line has at most %d bytes", LINE_MOST);
		else if (!table_add(table, line, &why))
			diag_error(diag, span, "%s", why);
	}
	return source->text;
}
