/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Answers from a file of records, for tests and for trying a policy out. Records are kept sorted
 * by name, the labels from the top of the tree downwards: so the records of a name stand
 * together, in the order of the file, and the names below it right behind them. What is not in
 * the file does not exist.
 */

#include "filter/dns/script.h"

#include <stdlib.h>

#include "filter/dns/master.h"

struct script {
	struct arena *arena;
	struct entry *entries;
	size_t count;
};

static int entry_compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int order = str_cmp(x->path, y->path);

	return order != 0 ? order : (x->line > y->line) - (x->line < y->line);
}

struct script *script_new(const struct source *source, struct diag *diag)
{
	struct arena *arena = arena_new(NULL);
	struct script *script = arena_new_of(arena, struct script);
	struct entries entries = {0};

	script->arena = arena;
	if (!master_read(source, diag, arena, &entries)) {
		script_free(&script);
		return NULL;
	}
	script->entries = entries.list.items;
	script->count = entries.list.count;
	if (script->count > 0)
		qsort(script->entries, script->count, sizeof(*script->entries), entry_compare);
	return script;
}

void script_free(struct script **script_p)
{
	struct arena *arena = *script_p ? (*script_p)->arena : NULL;

	*script_p = NULL;
	arena_free(&arena);
}

/* The first entry that is not before the path. */
static size_t script_find(const struct script *script, struct str path)
{
	size_t from = 0, to = script->count;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (str_cmp(script->entries[middle].path, path) < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

/* What the file says about one name: its own records, or an alias of it. */
struct found {
	bool exists;
	const struct entry *failure, *alias;
	size_t first, end; /* its entries */
};

static struct found script_look(const struct script *script, const struct name *name,
				enum dns_type type)
{
	char buf[NAME_MAX_WIRE];
	struct str path = master_path(name, buf);
	struct found found = {.first = script_find(script, path)};

	for (found.end = found.first; found.end < script->count; found.end++) {
		const struct entry *entry = &script->entries[found.end];

		if (!str_eq(entry->path, path)) {
			/* A name that only has names below it exists (RFC 4592 section 2.2.2). */
			found.exists = found.exists || str_starts(entry->path, path);
			break;
		}
		found.exists = true;
		if (entry->kind == ENTRY_RECORD && entry->type == DNS_CNAME && type != DNS_CNAME)
			found.alias = entry;
		if (entry->kind > ENTRY_EXISTS && (entry->type == 0 || entry->type == type))
			found.failure = entry;
	}
	return found;
}

static uint32_t collect(const struct script *script, const struct found *found, enum dns_type type,
			uint32_t ttl, struct draft *draft)
{
	for (size_t i = found->first; i < found->end; i++) {
		const struct entry *entry = &script->entries[i];

		if (entry->kind != ENTRY_RECORD || entry->type != type)
			continue;
		draft_record(draft, entry->preference);
		draft_add(draft, entry->data.s, entry->data.n);
		if (entry->ttl < ttl)
			ttl = entry->ttl;
	}
	return ttl;
}

static const struct answer *failure_answer(enum entry_kind kind)
{
	if (kind == ENTRY_TIMEOUT)
		return NULL;
	return answer_failed(kind == ENTRY_BOGUS ? PROBLEM_BOGUS : PROBLEM_SERVFAIL);
}

const struct answer *script_answer(const struct script *script, const struct dns_key *key)
{
	const struct name *name = &key->name;
	uint32_t ttl = ANSWER_TTL_MAX;

	for (int hops = 0; hops <= ANSWER_CNAME_MAX; hops++) {
		struct found found = script_look(script, name, key->type);
		struct draft draft = {0};

		if (found.failure)
			return failure_answer(found.failure->kind);
		ttl = collect(script, &found, key->type, ttl, &draft);
		if (draft.count > 0 || draft.spoilt || !found.alias)
			return draft_finish(&draft, key->type,
					    found.exists ? DNS_NODATA : DNS_NXDOMAIN, ttl, false);
		if (found.alias->ttl < ttl)
			ttl = found.alias->ttl;
		name = found.alias->target;
	}
	return answer_failed(PROBLEM_CHAIN);
}
