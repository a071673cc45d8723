/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POSTERN_ARENA_H
#define POSTERN_ARENA_H

/*
 * Memory by lifetime: a policy, a connection, a message has an arena each; all that was taken
 * from it is given back in one step. Handles of foreign libraries hang on the clean-up list and
 * are freed nowhere else.
 *
 * No function here but arena_try() returns NULL. When memory ends, control leaves through the
 * arena's way out: the jmp_buf that arena_guard() set, else the way out of arena_attempt(), else a
 * line on stderr and an exit with ARENA_EXIT. A session sets one for the length of each event and
 * answers 451; so code between may allocate without checks, but must hold no lock and own no handle
 * that is not on a clean-up list while it does.
 *
 * An arena belongs to one thread at a time.
 */

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>

struct arena;

#define ARENA_EXIT 71 /* EX_OSERR of sysexits.h */

/* A new, empty arena. `parent` may be NULL; a child is freed with its parent, or before it. */
struct arena *arena_new(struct arena *parent);
/* As arena_new(NULL), for who can do without: NULL where memory has ended. */
struct arena *arena_try(void);
/* Runs the clean-ups (last added first), frees everything, sets *arena to NULL. NULL is fine. */
void arena_free(struct arena **arena);

/*
 * Runs run(ctx), in which memory may end anywhere: then all arenas that were made in it without a
 * parent are freed, and this is false. Else those that are left are the caller's.
 */
bool arena_attempt(void (*run)(void *ctx), void *ctx);

/* For who found out elsewhere that memory has ended: the same way out. */
_Noreturn void arena_exhausted(const struct arena *arena);

/* `size` zeroed bytes, aligned for any type. */
void *arena_alloc(struct arena *arena, size_t size);
/* `count` zeroed elements; an overflow of the product counts as memory that ended. */
void *arena_array(struct arena *arena, size_t count, size_t size);
/* Calls fn(handle) when the arena is freed. */
void arena_cleanup(struct arena *arena, void (*fn)(void *handle), void *handle);

/* Where control goes when memory ends: longjmp(*out, 1). NULL takes it away. Children inherit. */
void arena_guard(struct arena *arena, jmp_buf *out);
/*
 * An arena without a parent, with all below it, may take so many bytes from the system: beyond,
 * memory has ended. 0: no limit.
 */
void arena_limit(struct arena *arena, size_t bytes);
/* Bytes taken by the arena without a parent that this one stands below, and by all in it. */
size_t arena_total(const struct arena *arena);
/* Has its limit been met? */
bool arena_limited(const struct arena *arena);
/* Bytes taken from the system by this arena, its children not counted. */
size_t arena_size(const struct arena *arena);

#define arena_new_of(arena, type) ((type *)arena_alloc((arena), sizeof(type)))

/*
 * A vector in an arena: VEC(struct thing) things = {0}; *vec_push(arena, &things) = ...;
 * Old storage stays in the arena until that is freed.
 */
#define VEC(type)                                                                                  \
	struct {                                                                                   \
		type *items;                                                                       \
		size_t count, room;                                                                \
	}
#define vec_push(arena, vec)                                                                       \
	(((vec)->count == (vec)->room                                                              \
	      ? (vec)->items = vec_grow((arena), (vec)->items, (vec)->count, &(vec)->room,         \
					sizeof(*(vec)->items))                                     \
	      : NULL),                                                                             \
	 &(vec)->items[(vec)->count++])
void *vec_grow(struct arena *arena, const void *items, size_t count, size_t *room, size_t size);

#endif
