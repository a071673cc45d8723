/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_OBSERVE_JOURNAL_H
#define FILTER_OBSERVE_JOURNAL_H

/*
 * The store behind the journal, for its writer and its reader: two tables of LMDB. `records` has
 * the bytes under their time, `names` the times under what a record can be found by.
 */

#include <lmdb.h>
#include <sys/types.h>

#include "postern/journal.h"

#define JOURNAL_TABLES 2

/* A file of the store as it was when it was opened, or last written to. */
struct journal_file {
	dev_t device;
	ino_t inode;
	off_t size;
};

struct journal {
	MDB_env *env; /* NULL: not open now */
	MDB_dbi records, names;
	uint64_t size;
	int64_t age; /* microseconds */
	/* The rest is the writer's. */
	char *path;
	struct journal_file data, lock;
	bool renewal;  /* journal_wants_renewal() */
	char why[400]; /* what is in the way */
};

/* ---- journalstore.c: the files, which others may remove, replace and cut off ---- */

/*
 * The store is open and is what its path names; false and a text in journal->why: it cannot be
 * had. One that is damaged is set aside, and another begun.
 */
bool journal_store_ready(struct journal *journal);
/* Runs call(ctx) on the open store. False: it was damaged, and is open no more. */
bool journal_store_use(struct journal *journal, void (*call)(void *ctx), void *ctx);
/* What LMDB said of a write: 0, or an error after which the store may have to be opened anew. */
void journal_store_wrote(struct journal *journal, int error);
void journal_store_close(struct journal *journal);

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
