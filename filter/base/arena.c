/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arenas: chunks taken from the system as they are needed, given back together. The first chunk is
 * small and comes with the arena itself, since many arenas need no other; chunks double up to a
 * limit, and a large object gets a chunk of its own.
 */

#include "postern/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* An arena with its first chunk: no more than malloc() keeps at hand for each thread. */
#define ARENA_BYTES 1024
#define CHUNK_SECOND 4096
#define CHUNK_MOST 65536
#define ALIGNMENT 16

struct chunk {
	struct chunk *next;
	size_t size, used; /* of data */
	_Alignas(ALIGNMENT) unsigned char data[];
};

struct cleanup {
	struct cleanup *next;
	void (*fn)(void *handle);
	void *handle;
};

struct arena {
	struct arena *parent, *first_child, *next_sibling, *previous_sibling;
	struct chunk *chunks;
	struct cleanup *cleanups;
	size_t next_size, taken;
	size_t total, limit; /* with all below, of one without a parent */
	bool limited;
	bool holder; /* of an attempt: no part of what it holds */
	jmp_buf *guard;
	_Alignas(ALIGNMENT) unsigned char first[]; /* a chunk */
};

/* Within arena_attempt(): the parent of those that are made without one. */
static _Thread_local struct arena *attempt;

_Noreturn void arena_exhausted(const struct arena *arena)
{
	for (; arena; arena = arena->parent)
		if (arena->guard)
			longjmp(*arena->guard, 1);
	if (attempt)
		longjmp(*attempt->guard, 1);
	fputs("postern: out of memory\n", stderr);
	_exit(ARENA_EXIT);
}

static struct arena *root_of(const struct arena *arena)
{
	while (arena->parent && !arena->parent->holder)
		arena = arena->parent;
	return (struct arena *)(uintptr_t)arena;
}

/* Counts what is to be taken; beyond the limit there is none. */
static void account(const struct arena *arena, size_t size)
{
	struct arena *root = root_of(arena);

	if (root->limit > 0 && size > root->limit - root->total) {
		root->limited = true;
		arena_exhausted(arena);
	}
	root->total += size;
}

static struct chunk *first_chunk(struct arena *arena)
{
	return (struct chunk *)(void *)arena->first;
}

static struct arena *arena_make(void)
{
	struct arena *arena = malloc(ARENA_BYTES);

	if (!arena)
		return NULL;
	memset(arena, 0, sizeof(*arena));
	arena->next_size = CHUNK_SECOND;
	arena->taken = arena->total = ARENA_BYTES;
	arena->chunks = first_chunk(arena);
	arena->chunks->next = NULL;
	arena->chunks->size = ARENA_BYTES - sizeof(*arena) - sizeof(*arena->chunks);
	arena->chunks->used = 0;
	return arena;
}

static void link_to_parent(struct arena *arena, struct arena *parent)
{
	arena->parent = parent;
	arena->previous_sibling = NULL;
	arena->next_sibling = parent ? parent->first_child : NULL;
	if (arena->next_sibling)
		arena->next_sibling->previous_sibling = arena;
	if (parent)
		parent->first_child = arena;
}

struct arena *arena_try(void)
{
	struct arena *arena = arena_make();

	if (arena)
		link_to_parent(arena, attempt);
	return arena;
}

struct arena *arena_new(struct arena *parent)
{
	struct arena *arena;

	if (parent)
		account(parent, ARENA_BYTES);
	arena = arena_make();
	if (!arena && parent)
		root_of(parent)->total -= ARENA_BYTES;
	if (!arena)
		arena_exhausted(parent);
	link_to_parent(arena, parent ? parent : attempt);
	return arena;
}

static void unlink_from_parent(struct arena *arena)
{
	if (arena->previous_sibling)
		arena->previous_sibling->next_sibling = arena->next_sibling;
	else if (arena->parent)
		arena->parent->first_child = arena->next_sibling;
	if (arena->next_sibling)
		arena->next_sibling->previous_sibling = arena->previous_sibling;
}

void arena_free(struct arena **arena_p)
{
	struct arena *arena = *arena_p;

	if (!arena)
		return;
	*arena_p = NULL;
	while (arena->first_child) {
		struct arena *child = arena->first_child;

		arena_free(&child);
	}
	for (struct cleanup *c = arena->cleanups; c; c = c->next)
		c->fn(c->handle);
	unlink_from_parent(arena);
	if (arena->parent)
		root_of(arena)->total -= arena->taken;
	while (arena->chunks) {
		struct chunk *chunk = arena->chunks;

		arena->chunks = chunk->next;
		if (chunk != first_chunk(arena))
			free(chunk);
	}
	free(arena);
}

bool arena_attempt(void (*run)(void *ctx), void *ctx)
{
	struct arena *own = arena_make(), *before = attempt;
	jmp_buf out;

	if (!own)
		return false;
	if (setjmp(out) != 0) {
		attempt = before;
		arena_free(&own);
		return false;
	}
	own->guard = &out;
	own->holder = true;
	attempt = own;
	run(ctx);
	attempt = before;
	/* What has been made stays. */
	while (own->first_child) {
		struct arena *child = own->first_child;

		unlink_from_parent(child);
		link_to_parent(child, before);
	}
	arena_free(&own);
	return true;
}

static struct chunk *chunk_add(struct arena *arena, size_t size)
{
	size_t room = arena->next_size;
	struct chunk *chunk;

	if (size > room)
		room = size;
	else if (arena->next_size < CHUNK_MOST)
		arena->next_size *= 2;
	account(arena, room);
	if (room > SIZE_MAX - sizeof(*chunk) || !(chunk = malloc(sizeof(*chunk) + room))) {
		root_of(arena)->total -= room;
		arena_exhausted(arena);
	}
	chunk->size = room;
	chunk->used = 0;
	arena->taken += room;
	/* A large object's chunk goes behind the one that still has room. */
	if (size > CHUNK_MOST / 2) {
		chunk->next = arena->chunks->next;
		arena->chunks->next = chunk;
	} else {
		chunk->next = arena->chunks;
		arena->chunks = chunk;
	}
	return chunk;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	struct chunk *chunk = arena->chunks;
	void *memory;

	if (size > SIZE_MAX - ALIGNMENT)
		arena_exhausted(arena);
	size = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	if (chunk->size - chunk->used < size)
		chunk = chunk_add(arena, size);
	memory = chunk->data + chunk->used;
	chunk->used += size;
	return memset(memory, 0, size);
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
	if (size != 0 && count > SIZE_MAX / size)
		arena_exhausted(arena);
	return arena_alloc(arena, count * size);
}

void arena_cleanup(struct arena *arena, void (*fn)(void *handle), void *handle)
{
	struct cleanup *cleanup = arena_alloc(arena, sizeof(*cleanup));

	cleanup->fn = fn;
	cleanup->handle = handle;
	cleanup->next = arena->cleanups;
	arena->cleanups = cleanup;
}

void arena_guard(struct arena *arena, jmp_buf *out)
{
	arena->guard = out;
}

void arena_limit(struct arena *arena, size_t bytes)
{
	arena->limit = bytes > arena->total || bytes == 0 ? bytes : arena->total;
}

size_t arena_total(const struct arena *arena)
{
	return root_of(arena)->total;
}

bool arena_limited(const struct arena *arena)
{
	return root_of(arena)->limited;
}

size_t arena_size(const struct arena *arena)
{
	return arena->taken;
}

void *vec_grow(struct arena *arena, const void *items, size_t count, size_t *room, size_t size)
{
	size_t bigger = *room ? *room * 2 : 8;
	void *moved = arena_array(arena, bigger, size);

	if (count > 0)
		memcpy(moved, items, count * size);
	*room = bigger;
	return moved;
}
