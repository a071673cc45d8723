/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POSTERN_TABLE_H
#define POSTERN_TABLE_H

/*
 * Lookup tables. A table is filled when the policy is loaded and only read afterwards, by all
 * threads. Kinds say what an item is, types where the items come from (inline braces, a file).
 */

#include <stdbool.h>

#include "postern/diag.h"
#include "postern/ip.h"
#include "postern/str.h"

struct arena;
struct table;

enum table_kind {
	TABLE_NETWORKS,  /* addresses and networks; holds IP addresses */
	TABLE_DOMAINS,   /* names, and .names for all below them */
	TABLE_ADDRESSES, /* local@domain without regard to case, and @domain for all at it */
	TABLE_STRINGS,   /* texts, without regard to ASCII case */
};
/* -1: no such kind. */
int table_kind_of(struct str name);
const char *table_kind_name(enum table_kind kind);

struct table *table_new(struct arena *arena, enum table_kind kind);
/* False, and *why_r says what is wrong with it, for an item that is none of the kind. */
bool table_add(struct table *table, struct str item, const char **why_r);
/* After the last item, before the first look. */
void table_finish(struct table *table);
size_t table_count(const struct table *table);
enum table_kind table_kind(const struct table *table);

bool table_has_ip(const struct table *table, const struct ip *ip);
/* `text`: domain in normal form, canonical address, or text, as the kind has it. */
bool table_has_text(const struct table *table, struct str text);

/*
 * The items of a table in memory, for proofs: texts as they are compared, ".name" and "@domain"
 * for all below; of networks the first and last address of each range, in pairs. False where they
 * cannot be listed, or are more than `most`.
 */
bool table_texts(const struct table *table, struct arena *arena, size_t most,
		 const struct str **items_r, size_t *count_r);
bool table_ranges(const struct table *table, struct arena *arena, size_t most,
		  const struct ip **items_r, size_t *count_r);

/*
 * Items from a file: one a line, '#' begins a comment. At most 256 MB. Every mistake is reported.
 * Returns the file's text, empty where it could not be read.
 */
struct str table_read_file(struct table *table, struct arena *arena, const char *path,
			   struct span place, struct diag *diag);

#endif
