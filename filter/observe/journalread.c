/* SPDX-License-Identifier: BSD-2-Clause */
/* The journal's store as commands read it, beside a daemon that may be writing. */

#include "filter/observe/journal.h"

#include <stdlib.h>

#include "filter/observe/mapfault.h"
#include "postern/arena.h"

struct reading {
	struct journal *journal;
	const char *path;
	int error;
};

static void open_work(void *ctx)
{
	struct reading *r = ctx;
	struct journal *journal = r->journal;
	MDB_txn *txn;

	r->error = mdb_env_create(&journal->env);
	if (r->error == 0)
		r->error = mdb_env_set_maxdbs(journal->env, JOURNAL_TABLES);
	if (r->error == 0)
		r->error = mdb_env_open(journal->env, r->path, MDB_RDONLY | MDB_NOTLS, 0);
	if (r->error == 0)
		r->error = mdb_txn_begin(journal->env, NULL, MDB_RDONLY, &txn);
	if (r->error != 0)
		return;
	r->error = mdb_dbi_open(txn, "records", 0, &journal->records);
	if (r->error == 0)
		r->error = mdb_dbi_open(txn, "names", MDB_DUPSORT | MDB_DUPFIXED, &journal->names);
	mdb_txn_commit(txn); /* or the tables could not be used in another one */
}

bool journal_open_to_read(struct arena *arena, const char *path, struct journal **journal_r,
			  const char **why_r)
{
	struct reading r = {.journal = calloc(1, sizeof(struct journal)), .path = path};

	if (!r.journal)
		arena_exhausted(arena);
	if (!mapfault_run(open_work, &r))
		r.error = MDB_CORRUPTED;
	if (r.error != 0) {
		*why_r = str_printf(arena, "%s: %s", path, mdb_strerror(r.error)).s;
		journal_close(&r.journal);
		return false;
	}
	*journal_r = r.journal;
	return true;
}

/* Decodes a record and shows it. False: no more is wanted. */
static bool show(const MDB_val *key, const MDB_val *bytes, journal_visit *visit, void *ctx)
{
	struct arena *arena = arena_new(NULL);
	struct record record;
	bool more = true;

	/* One of another version is passed over. */
	if (record_decode(arena, (struct str){bytes->mv_data, bytes->mv_size}, &record)) {
		/* Of two of one microsecond, the second stands under the next. */
		record.time = journal_key_time(key);
		more = visit(ctx, &record);
	}
	arena_free(&arena);
	return more;
}

static int begin(struct journal *journal, MDB_txn **txn_r)
{
	int error = mdb_txn_begin(journal->env, NULL, MDB_RDONLY, txn_r);

	/* The daemon was started again with a larger store. */
	if (error == MDB_MAP_RESIZED && mdb_env_set_mapsize(journal->env, 0) == 0)
		error = mdb_txn_begin(journal->env, NULL, MDB_RDONLY, txn_r);
	return error;
}

static int each(struct journal *journal, MDB_txn *txn, int64_t since, journal_visit *visit,
		void *ctx)
{
	struct journal_key first = journal_key_of(since);
	MDB_val key = {KEY_BYTES, first.bytes}, bytes;
	MDB_cursor *cursor;
	int error = mdb_cursor_open(txn, journal->records, &cursor);

	if (error != 0)
		return error;
	error = mdb_cursor_get(cursor, &key, &bytes, MDB_SET_RANGE);
	while (error == 0 && show(&key, &bytes, visit, ctx))
		error = mdb_cursor_get(cursor, &key, &bytes, MDB_NEXT);
	mdb_cursor_close(cursor);
	return error;
}

/* What is looked for, and what came of it. */
struct looking {
	struct journal *journal;
	int64_t since;
	struct str id;
	journal_visit *visit;
	void *ctx;
	int error;
};

/* False: *why_r says what is in the way, be it that the file was cut off. */
static bool look(struct looking *l, void (*call)(void *ctx), const char **why_r)
{
	if (!mapfault_run(call, l))
		*why_r = "the store is damaged";
	else if (l->error == 0 || l->error == MDB_NOTFOUND)
		return true;
	else
		*why_r = mdb_strerror(l->error);
	return false;
}

static void each_work(void *ctx)
{
	struct looking *l = ctx;
	MDB_txn *txn;

	l->error = begin(l->journal, &txn);
	if (l->error != 0)
		return;
	l->error = each(l->journal, txn, l->since, l->visit, l->ctx);
	mdb_txn_abort(txn);
}

bool journal_each(struct journal *journal, int64_t since, journal_visit *visit, void *ctx,
		  const char **why_r)
{
	struct looking l = {.journal = journal, .since = since, .visit = visit, .ctx = ctx};

	return look(&l, each_work, why_r);
}

/* False in *more_r: no more is wanted. */
static int find_name(struct journal *journal, MDB_txn *txn, const struct journal_name *name,
		     journal_visit *visit, void *ctx, bool *more_r)
{
	MDB_val key = {name->n, (void *)(uintptr_t)name->bytes}, at, bytes;
	MDB_cursor *cursor;
	int error = mdb_cursor_open(txn, journal->names, &cursor);

	if (error != 0)
		return error;
	error = mdb_cursor_get(cursor, &key, &at, MDB_SET_KEY);
	while (error == 0 && *more_r) {
		if (mdb_get(txn, journal->records, &at, &bytes) == 0)
			*more_r = show(&at, &bytes, visit, ctx);
		error = mdb_cursor_get(cursor, &key, &at, MDB_NEXT_DUP);
	}
	mdb_cursor_close(cursor);
	return error == MDB_NOTFOUND ? 0 : error;
}

static void find_work(void *ctx)
{
	static const enum name_kind kinds[] = {NAME_QUEUE, NAME_REFERENCE, NAME_MESSAGE,
					       NAME_RECIPIENT};
	struct looking *l = ctx;
	MDB_txn *txn;
	bool more = true;

	l->error = begin(l->journal, &txn);
	if (l->error != 0)
		return;
	for (size_t i = 0; l->error == 0 && more && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct journal_name name = journal_name_of(kinds[i], l->id);

		l->error = find_name(l->journal, txn, &name, l->visit, l->ctx, &more);
	}
	mdb_txn_abort(txn);
}

bool journal_find(struct journal *journal, struct str id, journal_visit *visit, void *ctx,
		  const char **why_r)
{
	struct looking l = {.journal = journal, .id = id, .visit = visit, .ctx = ctx};

	if (id.n > 2 && id.s[0] == '<' && id.s[id.n - 1] == '>')
		l.id = str_sub(id, 1, id.n - 2);
	return look(&l, find_work, why_r);
}
