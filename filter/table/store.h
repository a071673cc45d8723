/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_TABLE_STORE_H
#define FILTER_TABLE_STORE_H

/*
 * How items are kept in memory: packed, since a table may have millions. Storage is malloc's, so
 * that it can grow in place, and is freed with the table's arena.
 */

#include "postern/arena.h"
#include "postern/table.h"

/* Longest line of a file, and longest item. */
#define ITEM_MOST 4096

/* Resizes; does not return where memory ends. */
void *store_resize(struct arena *arena, void *memory, size_t size);

/* ---- texts.c: a set of texts, each perhaps with bytes that belong to it ---- */

/*
 * One block of entries, and an open hash of where they begin. An entry: two bytes of length, the
 * text, then what belongs to it, which its owner can find the end of.
 */
struct texts {
	char *block;
	size_t n, size;  /* bytes */
	uint32_t *slots; /* of an entry, plus one; 0: empty */
	size_t slot_count, used;
};

void texts_reserve(struct arena *arena, struct texts *texts, size_t count, size_t bytes);
/* False if it is there already, without regard to ASCII case. */
bool texts_add(struct arena *arena, struct texts *texts, struct str text, struct str with);
/* NULL: not there. Else what belongs to it. */
const char *texts_find(const struct texts *texts, struct str text);
/* All texts, as the table has them; in no order. */
const struct str *texts_all(const struct texts *texts, struct arena *arena);
/* Gives back what was made ready and not used. */
void texts_finish(struct arena *arena, struct texts *texts);
void texts_free(struct texts *texts);

/* ---- networks.c ---- */

struct range4 {
	uint32_t first, last;
};
struct range6 {
	struct ip first, last;
};

/* Apart, since ::/0 does not hold mapped addresses. */
struct networks {
	struct range4 *four;
	struct range6 *six;
	size_t four_count, four_room, six_count, six_room;
};

bool networks_add(struct arena *arena, struct networks *networks, struct str item,
		  const char **why_r);
/* Sorts and joins; before the first look. */
void networks_finish(struct arena *arena, struct networks *networks);
bool networks_have(const struct networks *networks, const struct ip *ip);
/* First and last address of each range, IPv6 before IPv4. */
const struct ip *networks_all(const struct networks *networks, struct arena *arena);
void networks_free(struct networks *networks);

/* ---- patterns.c ---- */

struct patterns {
	VEC(struct pattern *) all;
};

/*
 * "/.../i" as a line has it: what stands between, slashes undone, and the flags. Returns how many
 * bytes of the line it takes, 0 and *why_r where it is none.
 */
size_t patterns_read(struct arena *arena, struct str line, struct str *text_r, struct str *flags_r,
		     const char **why_r);
/* 1, 0, or -1: it took too long to tell. */
int patterns_match(const struct patterns *patterns, struct str text);

/* ---- map.c ---- */

/* "key value value ...", words of which may stand in double quotes. */
bool map_add(struct arena *arena, struct arena *scratch, struct texts *texts, struct str line,
	     const char **why_r);
/* Where a comment begins, or the line's length. */
size_t map_comment(struct str line);
/* The values that belong to a key. */
struct value map_values(const char *with, struct arena *arena);

#endif
