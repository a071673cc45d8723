/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_OBSERVE_JOURNAL_H
#define FILTER_OBSERVE_JOURNAL_H

/*
 * The store behind the journal, for its writer and its reader: two tables of LMDB. `records` has
 * the bytes under their time, `names` the times under what a record can be found by.
 */

#include <lmdb.h>

#include "postern/journal.h"

struct journal {
	MDB_env *env;
	MDB_dbi records, names;
	uint64_t size;
	int64_t age; /* microseconds */
};

/* Time in microseconds, most significant byte first: in the order of time. */
#define KEY_BYTES 8
/* LMDB takes keys up to 511 bytes. */
#define NAME_MOST 400

struct journal_key {
	unsigned char bytes[KEY_BYTES];
};

struct journal_key journal_key_of(int64_t time);
int64_t journal_key_time(const MDB_val *key);

/* What a record is found by: a letter for the kind, and the text in lower case, cut off. */
enum name_kind { NAME_QUEUE = 'q', NAME_MESSAGE = 'm', NAME_REFERENCE = 'f', NAME_RECIPIENT = 'r' };

struct journal_name {
	unsigned char bytes[NAME_MOST + 1];
	size_t n;
};

struct journal_name journal_name_of(enum name_kind kind, struct str text);

#endif
