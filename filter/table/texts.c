/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sets of texts, packed: little more than the texts themselves and six bytes each. Looking one up
 * costs a few steps of an open hash, however many there are.
 */

#include <stdlib.h>

#include "filter/table/store.h"

#define SLOTS_FIRST 16
#define BLOCK_FIRST 256
/* Offsets are of 32 bits. */
#define BLOCK_MOST (UINT32_MAX - 1)

static struct str entry_text(const struct texts *texts, uint32_t slot)
{
	const unsigned char *entry = (const unsigned char *)texts->block + slot - 1;

	return (struct str){(const char *)entry + 2, (size_t)entry[0] << 8 | entry[1]};
}

/* The hash in place of a number of slots: any number will do, not only powers of two. */
static size_t first_slot(const struct texts *texts, struct str text)
{
	return (size_t)((uint64_t)(uint32_t)str_hash(text) * texts->slot_count >> 32);
}

/* The slot of a text, or the empty one where it would be put. */
static size_t place(const struct texts *texts, struct str text)
{
	size_t i = first_slot(texts, text);

	while (texts->slots[i] && !str_caseeq(entry_text(texts, texts->slots[i]), text))
		i = i + 1 < texts->slot_count ? i + 1 : 0;
	return i;
}

static void rehash(struct arena *arena, struct texts *texts, size_t slot_count)
{
	uint32_t *old = texts->slots;
	size_t old_count = texts->slot_count;

	texts->slots = store_resize(arena, NULL, slot_count * sizeof(*texts->slots));
	texts->slot_count = slot_count;
	memset(texts->slots, 0, slot_count * sizeof(*texts->slots));
	for (size_t i = 0; i < old_count; i++)
		if (old[i])
			texts->slots[place(texts, entry_text(texts, old[i]))] = old[i];
	free(old);
}

/* At two thirds full, a text that is not there costs five steps on average. */
static size_t slots_for(size_t count)
{
	return count + count / 2 + SLOTS_FIRST;
}

void texts_reserve(struct arena *arena, struct texts *texts, size_t count, size_t bytes)
{
	size_t size = texts->n + bytes + 2 * count;

	if (slots_for(texts->used + count) > texts->slot_count)
		rehash(arena, texts, slots_for(texts->used + count));
	if (size > texts->size) {
		texts->block = store_resize(arena, texts->block, size);
		texts->size = size;
	}
}

bool texts_add(struct arena *arena, struct texts *texts, struct str text, struct str with)
{
	size_t need = texts->n + 2 + text.n + with.n, slot;
	char *entry;

	if (2 * texts->slot_count < 3 * (texts->used + 1))
		rehash(arena, texts, slots_for(2 * texts->used));
	slot = place(texts, text);
	if (texts->slots[slot])
		return false;
	if (need > BLOCK_MOST)
		need = SIZE_MAX; /* memory for it there is none */
	if (need > texts->size) {
		size_t size = texts->size > 0 ? texts->size + texts->size / 2 : BLOCK_FIRST;

		size = size < need ? need : size;
		texts->block = store_resize(arena, texts->block, size);
		texts->size = size;
	}
	entry = texts->block + texts->n;
	entry[0] = (char)(text.n >> 8);
	entry[1] = (char)(text.n & 0xff);
	memcpy(entry + 2, text.s, text.n);
	memcpy(entry + 2 + text.n, with.s, with.n);
	texts->slots[slot] = (uint32_t)texts->n + 1;
	texts->n = need;
	texts->used++;
	return true;
}

const char *texts_find(const struct texts *texts, struct str text)
{
	uint32_t slot;

	if (texts->used == 0 || text.n > ITEM_MOST)
		return NULL;
	slot = texts->slots[place(texts, text)];
	return slot ? entry_text(texts, slot).s + text.n : NULL;
}

const struct str *texts_all(const struct texts *texts, struct arena *arena)
{
	struct str *all = arena_array(arena, texts->used + 1, sizeof(*all));
	size_t count = 0;

	for (size_t i = 0; i < texts->slot_count; i++)
		if (texts->slots[i])
			all[count++] = entry_text(texts, texts->slots[i]);
	return all;
}

void texts_finish(struct arena *arena, struct texts *texts)
{
	if (texts->slot_count > slots_for(texts->used) + texts->used / 4)
		rehash(arena, texts, slots_for(texts->used));
	if (texts->n < texts->size && texts->n > 0) {
		texts->block = store_resize(arena, texts->block, texts->n);
		texts->size = texts->n;
	}
}

void texts_free(struct texts *texts)
{
	free(texts->block);
	free(texts->slots);
	*texts = (struct texts){0};
}
