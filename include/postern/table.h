/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POSTERN_TABLE_H
#define POSTERN_TABLE_H

/*
 * Lookup tables. Kinds say what an item is, types where the items come from: inline braces, or one
 * of the rows that files of filter/table export. A table is filled when the policy is loaded and
 * only read afterwards, by all threads.
 *
 * Networks, domains, addresses and strings in memory are compared with directly, by
 * table_has_ip() and table_has_text(). Whatever may take long, or fail, or answer with values is
 * looked up through table_look(), which a fact of the policy calls (filter/policy/tablefact.c):
 * so it is looked up only where it matters, once, and may wait as any other fact.
 */

#include <stdbool.h>

#include "postern/diag.h"
#include "postern/fact.h"
#include "postern/ip.h"
#include "postern/str.h"
#include "postern/value.h"

struct arena;
struct table;

enum table_kind {
	TABLE_NETWORKS,  /* addresses and networks; holds IP addresses */
	TABLE_DOMAINS,   /* names, and .names for all below them */
	TABLE_ADDRESSES, /* local@domain without regard to case, and @domain for all at it */
	TABLE_STRINGS,   /* texts, without regard to ASCII case */
	TABLE_PATTERNS,  /* patterns; holds the texts that one of them matches */
	TABLE_MAP,       /* keys, without regard to ASCII case, each with a list of texts */
};
#define TABLE_KINDS 6
/* -1: no such kind. */
int table_kind_of(struct str name);
const char *table_kind_name(enum table_kind kind);

/* ---- types ---- */

/* What a policy says of where the items are. */
struct table_call {
	struct str location;   /* as written */
	const char *path;      /* the same as the name of a file, relative to the policy */
	struct span place;     /* of the location */
	struct arena *scratch; /* of the load; lives as long as reports that point into a file */
	struct diag *diag;
	struct str text; /* set by open(): what was read, for the policy's id */
};

/* One look at a table. */
struct table_look {
	const struct value *key; /* PRESENT, a text */
	struct arena *arena;     /* of the values */
	struct lookups *lookups;
	const struct clock *clock;
	void **task; /* the type's own memory of this look while it waits; NULL at first */
};

struct table_type {
	const char *name; /* as a policy writes it */
	enum cost cost;   /* of a look; from COST_DNS on it may have to wait */
	bool reads_file;  /* all of it, when opened: opened anew when the file is another one */
	/* Fills the table, or makes it ready to be asked. Every mistake is reported. */
	void (*open)(struct table *table, struct table_call *call);
	/*
	 * PRESENT with *value_r: of a map a list of texts, else true or false. ABSENT: a map has no
	 * such key. FAILED, with the reason as value_r->text. UNKNOWN: not yet, ask again.
	 */
	enum fact_state (*look)(const struct table *table, const struct table_look *look,
				struct value *value_r);
};

/* All types, NULL-terminated: made at build time from the names of files in filter/table. */
extern const struct table_type *const table_types[];

/* ---- tables ---- */

/* `type` NULL: items in braces. */
struct table *table_new(struct arena *arena, enum table_kind kind, const struct table_type *type);
/*
 * An item as a line of a file has it: see README, "Tables". False, and *why_r says what is wrong
 * with it, for one that is none of the kind.
 */
bool table_add(struct table *table, struct str item, const char **why_r);
/* The same for a pattern without its slashes; *at_r is the place of the mistake in it. */
bool table_add_pattern(struct table *table, struct str text, struct str flags, const char **why_r,
		       size_t *at_r);
/* Makes machine code of its patterns. False: some stay interpreted, see pattern_jit(). */
bool table_jit(struct table *table);
/* Makes room for items of so many bytes altogether. */
void table_reserve(struct table *table, size_t count, size_t bytes);
/* After the last item, before the first look. */
void table_finish(struct table *table);
size_t table_count(const struct table *table);
enum table_kind table_kind(const struct table *table);
const struct table_type *table_type_of(const struct table *table);
/* Bytes that its items take. */
size_t table_size(const struct table *table);

bool table_has_ip(const struct table *table, const struct ip *ip);
/* `text`: domain in normal form, canonical address, or text, as the kind has it. */
bool table_has_text(const struct table *table, struct str text);
/* As the type's look(). */
enum fact_state table_look(const struct table *table, const struct table_look *look,
			   struct value *value_r);

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
