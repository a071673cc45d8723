/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POSTERN_DICT_H
#define POSTERN_DICT_H

/*
 * Names to numbers, for what would else be searched from end to end: an open hash in an arena.
 * Keys are borrowed and compared byte for byte. Zero-initialised, it is empty.
 */

#include <stdbool.h>
#include <stddef.h>

#include "postern/str.h"

struct arena;

struct dict_entry {
	struct str key; /* .s is NULL where there is none */
	size_t number;
};

struct dict {
	struct dict_entry *entries;
	size_t size, used;
};

/* False where the key is not there; then *number_r is left alone. */
bool dict_find(const struct dict *dict, struct str key, size_t *number_r);
/* Adds a key that is not there yet. */
void dict_add(struct arena *arena, struct dict *dict, struct str key, size_t number);

#endif
