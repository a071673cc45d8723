/* SPDX-License-Identifier: BSD-2-Clause */
/* Names to numbers: linear probing, at most half full. */

#include "postern/dict.h"

#include "postern/arena.h"

#define SIZE_FIRST 32

/* Where the key is, or where it would be put. */
static size_t place(const struct dict *dict, struct str key)
{
	size_t i = (size_t)str_hash(key) & (dict->size - 1);

	while (dict->entries[i].key.s && !str_eq(dict->entries[i].key, key))
		i = (i + 1) & (dict->size - 1);
	return i;
}

bool dict_find(const struct dict *dict, struct str key, size_t *number_r)
{
	const struct dict_entry *entry;

	if (dict->size == 0)
		return false;
	entry = &dict->entries[place(dict, key)];
	if (!entry->key.s)
		return false;
	*number_r = entry->number;
	return true;
}

static void grow(struct arena *arena, struct dict *dict)
{
	struct dict old = *dict;

	dict->size = old.size > 0 ? 2 * old.size : SIZE_FIRST;
	dict->entries = arena_array(arena, dict->size, sizeof(*dict->entries));
	for (size_t i = 0; i < old.size; i++)
		if (old.entries[i].key.s)
			dict->entries[place(dict, old.entries[i].key)] = old.entries[i];
}

void dict_add(struct arena *arena, struct dict *dict, struct str key, size_t number)
{
	if (2 * (dict->used + 1) > dict->size)
		grow(arena, dict);
	dict->entries[place(dict, key)] = (struct dict_entry){key, number};
	dict->used++;
}
