/* SPDX-License-Identifier: BSD-2-Clause */
/* The journal as its one writer uses it: adding, and making room for what is added. */

#include "filter/observe/journal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "postern/arena.h"

/* Records that are removed at a time when room is wanted. */
#define ROOM_STEP 64

/* ---- keys ---- */

struct journal_key journal_key_of(int64_t time)
{
	struct journal_key key;

	for (size_t i = 0; i < KEY_BYTES; i++)
		key.bytes[i] = (unsigned char)((uint64_t)time >> (8 * (KEY_BYTES - 1 - i)));
	return key;
}

int64_t journal_key_time(const MDB_val *key)
{
	uint64_t time = 0;

	for (size_t i = 0; i < key->mv_size && i < KEY_BYTES; i++)
		time = time << 8 | ((const unsigned char *)key->mv_data)[i];
	return (int64_t)time;
}

struct journal_name journal_name_of(enum name_kind kind, struct str text)
{
	struct journal_name name = {.n = 1};

	name.bytes[0] = (unsigned char)kind;
	for (size_t i = 0; i < text.n && i < NAME_MOST; i++) {
		char c = text.s[i];

		name.bytes[name.n++] = (unsigned char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
	}
	return name;
}

/* ---- opening ---- */

struct journal *journal_new(const struct journal_config *config)
{
	struct journal *journal = calloc(1, sizeof(*journal));

	if (!journal)
		return NULL;
	journal->size = config->size;
	journal->age = config->age * 1000000;
	journal->path = strdup(config->path);
	if (!journal->path)
		journal_close(&journal);
	return journal;
}

bool journal_ready(struct journal *journal, const char **why_r)
{
	*why_r = journal->why;
	return journal_store_ready(journal);
}

bool journal_open(struct arena *arena, const struct journal_config *config,
		  struct journal **journal_r, const char **why_r)
{
	struct journal *journal = journal_new(config);

	if (!journal) {
		*why_r = strerror(ENOMEM);
		return false;
	}
	if (!journal_ready(journal, why_r)) {
		*why_r = str_dup(arena, str_of(*why_r)).s;
		journal_close(&journal);
		return false;
	}
	*journal_r = journal;
	return true;
}

void journal_close(struct journal **journal)
{
	if (!*journal)
		return;
	journal_store_close(*journal);
	free((*journal)->path);
	free(*journal);
	*journal = NULL;
}

/* ---- removing ---- */

static int remove_name(struct journal *journal, MDB_txn *txn, enum name_kind kind, struct str text,
		       const MDB_val *key)
{
	struct journal_name name = journal_name_of(kind, text);
	MDB_val at = {name.n, name.bytes}, value = *key;
	int error;

	if (text.n == 0)
		return 0;
	error = mdb_del(txn, journal->names, &at, &value);
	return error == MDB_NOTFOUND ? 0 : error;
}

static int remove_names_of(struct journal *journal, MDB_txn *txn, const MDB_val *key,
			   const struct record *record)
{
	int error = remove_name(journal, txn, NAME_QUEUE, record->queue_id, key);

	if (error == 0)
		error = remove_name(journal, txn, NAME_MESSAGE, record->message_id, key);
	if (error == 0)
		error = remove_name(journal, txn, NAME_REFERENCE, record->reference, key);
	for (size_t i = 0; i < record->recipient_count && error == 0; i++)
		error =
		    remove_name(journal, txn, NAME_RECIPIENT, record->recipients[i].address, key);
	return error;
}

struct decoding {
	struct str text;
	struct arena *arena; /* of the record */
	struct record record;
	bool good;
};

static void decode(void *ctx)
{
	struct decoding *d = ctx;
	struct arena *arena = arena_new(NULL);

	d->good = record_decode(arena, d->text, &d->record);
	d->arena = arena;
}

/*
 * The store's map may fault (mapfault.h), which leaves past an arena_attempt() without ending it:
 * so nothing of the map is touched within one.
 */
static int remove_names(struct journal *journal, MDB_txn *txn, const MDB_val *key,
			const MDB_val *bytes)
{
	char *copy = malloc(bytes->mv_size + 1);
	struct decoding d = {.text = {copy, bytes->mv_size}};
	int error = 0;

	if (!copy)
		return ENOMEM;
	memcpy(copy, bytes->mv_data, bytes->mv_size);
	if (!arena_attempt(decode, &d))
		error = ENOMEM;
	/* What cannot be read any more has no names that could be told. */
	else if (d.good)
		error = remove_names_of(journal, txn, key, &d.record);
	arena_free(&d.arena);
	free(copy);
	return error;
}

/* Removes the oldest records: those before `before`, at most `most`. */
static int remove_oldest(struct journal *journal, MDB_txn *txn, int64_t before, size_t most)
{
	MDB_cursor *cursor;
	MDB_val key, bytes;
	int error = mdb_cursor_open(txn, journal->records, &cursor);

	if (error != 0)
		return error;
	while (most-- > 0) {
		struct journal_key copy;
		MDB_val at = {KEY_BYTES, copy.bytes};

		error = mdb_cursor_get(cursor, &key, &bytes, MDB_FIRST);
		if (error != 0 || journal_key_time(&key) >= before)
			break;
		copy = journal_key_of(journal_key_time(&key));
		error = remove_names(journal, txn, &at, &bytes);
		if (error == 0)
			error = mdb_cursor_get(cursor, &key, &bytes, MDB_FIRST);
		if (error == 0)
			error = mdb_cursor_del(cursor, 0);
		if (error != 0)
			break;
	}
	mdb_cursor_close(cursor);
	return error == MDB_NOTFOUND ? 0 : error;
}

/* ---- adding ---- */

static int used(struct journal *journal, MDB_txn *txn, uint64_t *used_r)
{
	MDB_dbi tables[JOURNAL_TABLES] = {journal->records, journal->names};
	MDB_stat stat;
	int error = 0;

	*used_r = 0;
	for (size_t i = 0; i < JOURNAL_TABLES && error == 0; i++) {
		error = mdb_stat(txn, tables[i], &stat);
		if (error == 0)
			*used_r += stat.ms_psize * (stat.ms_branch_pages + stat.ms_leaf_pages +
						    stat.ms_overflow_pages);
	}
	return error;
}

static int make_room(struct journal *journal, MDB_txn *txn)
{
	uint64_t taken, before = UINT64_MAX;

	for (;;) {
		int error = used(journal, txn, &taken);

		if (error != 0 || taken <= journal->size || taken >= before)
			return error;
		before = taken;
		error = remove_oldest(journal, txn, INT64_MAX, ROOM_STEP);
		if (error != 0)
			return error;
	}
}

static int add_name(struct journal *journal, MDB_txn *txn, enum name_kind kind, struct str text,
		    const struct journal_key *key)
{
	struct journal_name name = journal_name_of(kind, text);
	MDB_val at = {name.n, name.bytes}, value = {KEY_BYTES, (void *)(uintptr_t)key->bytes};
	int error;

	if (text.n == 0)
		return 0;
	error = mdb_put(txn, journal->names, &at, &value, MDB_NODUPDATA);
	return error == MDB_KEYEXIST ? 0 : error;
}

static int add(struct journal *journal, MDB_txn *txn, const struct journal_entry *entry)
{
	struct journal_key key;
	MDB_val at = {KEY_BYTES, key.bytes},
		bytes = {entry->bytes.n, (void *)(uintptr_t)entry->bytes.s};
	int64_t time = entry->time;
	int error;

	/*
	 * Two records of one microsecond: the second takes the next. One that is there is written
	 * again, because nobody heard that it was.
	 */
	do {
		key = journal_key_of(time++);
		error = mdb_put(txn, journal->records, &at, &bytes, MDB_NOOVERWRITE);
		if (error == MDB_KEYEXIST &&
		    str_eq((struct str){bytes.mv_data, bytes.mv_size}, entry->bytes))
			return 0;
		bytes = (MDB_val){entry->bytes.n, (void *)(uintptr_t)entry->bytes.s};
	} while (error == MDB_KEYEXIST);
	if (error == 0)
		error = add_name(journal, txn, NAME_QUEUE, entry->queue_id, &key);
	if (error == 0)
		error = add_name(journal, txn, NAME_MESSAGE, entry->message_id, &key);
	if (error == 0)
		error = add_name(journal, txn, NAME_REFERENCE, entry->reference, &key);
	for (size_t i = 0; i < entry->recipient_count && error == 0; i++)
		error = add_name(journal, txn, NAME_RECIPIENT, entry->recipients[i], &key);
	return error;
}

static int write_all(struct journal *journal, const struct journal_entry *entries, size_t count)
{
	MDB_txn *txn;
	int error = mdb_txn_begin(journal->env, NULL, 0, &txn);

	if (error != 0)
		return error;
	for (size_t i = 0; i < count && error == 0; i++)
		error = add(journal, txn, &entries[i]);
	if (error == 0)
		error = make_room(journal, txn);
	if (error == 0)
		return mdb_txn_commit(txn);
	mdb_txn_abort(txn);
	return error;
}

/* What is to be done, and what came of it. */
struct work {
	struct journal *journal;
	const struct journal_entry *entries;
	size_t count; /* of entries; when removing: at most as many */
	int64_t before;
	int error;
};

static void write_work(void *ctx)
{
	struct work *work = ctx;

	work->error = write_all(work->journal, work->entries, work->count);
}

/* The world's failures pass by; what LMDB has against a record stays so. */
static enum journal_outcome outcome_of(int error)
{
	if (error == 0)
		return JOURNAL_WRITTEN;
	return error > 0 || error == MDB_PANIC || error == MDB_CORRUPTED || error == MDB_INVALID ||
		       error == MDB_PAGE_NOTFOUND
		   ? JOURNAL_LATER
		   : JOURNAL_REFUSED;
}

enum journal_outcome journal_write(struct journal *journal, const struct journal_entry *entries,
				   size_t count, const char **why_r)
{
	struct work work = {.journal = journal, .entries = entries, .count = count};

	*why_r = journal->why;
	if (!journal_store_ready(journal) || !journal_store_use(journal, write_work, &work))
		return JOURNAL_LATER;
	journal_store_wrote(journal, work.error);
	return outcome_of(work.error);
}

static void expire_work(void *ctx)
{
	struct work *work = ctx;
	MDB_txn *txn;

	work->error = mdb_txn_begin(work->journal->env, NULL, 0, &txn);
	if (work->error != 0)
		return;
	work->error = remove_oldest(work->journal, txn, work->before, work->count);
	if (work->error == 0)
		work->error = mdb_txn_commit(txn);
	else
		mdb_txn_abort(txn);
}

void journal_expire(struct journal *journal, int64_t now_us, size_t most)
{
	struct work work = {.journal = journal, .count = most, .before = now_us - journal->age};

	if (journal_store_ready(journal) && journal_store_use(journal, expire_work, &work))
		journal_store_wrote(journal, work.error);
}
