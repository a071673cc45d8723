/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The files of the journal's store. They stand where an administrator can remove, replace and cut
 * them off while they are in use, and on a disk that may fill up or fail. LMDB maps them: that
 * they are what they were is looked at first, and what slips through is caught.
 */

#include "filter/observe/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "filter/observe/mapfault.h"
#include "postern/log.h"

/* Pages that are copied while they are changed, and what deleting leaves behind. */
#define MAP_SPARE (64u << 20)
#define MODE 0640
#define FOLDER_MODE 0750
#define DATA "data.mdb"
#define LOCK "lock.mdb"
#define ASIDE "data.mdb.damaged"
#define PATH_MOST 4096
/* What LMDB takes for its usual number of readers. */
#define LOCK_BYTES 8192

/*
 * A store that was left in the middle cannot be closed: its memory and files stay with the
 * process. So often, then it is time for another process.
 */
#define ABANDONED_MOST 16

/* Of the one process that writes. */
static MDB_env *abandoned[ABANDONED_MOST];
static size_t abandoned_count;

static void path_of(const struct journal *journal, const char *name, char *path)
{
	snprintf(path, PATH_MOST, "%s/%s", journal->path, name);
}

static bool file_look(const struct journal *journal, const char *name, struct journal_file *file_r)
{
	char path[PATH_MOST];
	struct stat st;

	path_of(journal, name, path);
	if (stat(path, &st) != 0)
		return false;
	*file_r = (struct journal_file){st.st_dev, st.st_ino, st.st_size};
	return true;
}

static bool fail(struct journal *journal, const char *why)
{
	snprintf(journal->why, sizeof(journal->why), "%s: %s", journal->path, why);
	return false;
}

/* ---- leaving a store ---- */

static void close_work(void *ctx)
{
	mdb_env_close(ctx);
}

static void abandon(struct journal *journal)
{
	if (journal->env && abandoned_count < ABANDONED_MOST)
		abandoned[abandoned_count++] = journal->env;
	journal->env = NULL;
}

void journal_store_close(struct journal *journal)
{
	if (journal->env && mapfault_run(close_work, journal->env))
		journal->env = NULL;
	abandon(journal);
}

/* With its lock, which tells of the pages of that store. */
static void set_aside(struct journal *journal)
{
	char path[PATH_MOST], aside[PATH_MOST];

	path_of(journal, LOCK, path);
	(void)unlink(path);
	path_of(journal, DATA, path);
	path_of(journal, ASIDE, aside);
	if (rename(path, aside) == 0)
		log_line(LOG_LEVEL_ERROR,
			 "journal: the store was damaged: it is now %s, and a new "
			 "one is begun",
			 aside);
}

/* ---- opening ---- */

bool journal_wants_renewal(const struct journal *journal)
{
	return journal->renewal;
}

bool journal_folder(const char *path)
{
	return mkdir(path, FOLDER_MODE) == 0 || errno == EEXIST;
}

/*
 * The lock file is made with holes, and a full disk has nothing to put there when they are written
 * to through the map.
 */
static int lock_fill(const struct journal *journal)
{
	char path[PATH_MOST];
	int fd, error;

	path_of(journal, LOCK, path);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, MODE);
	if (fd < 0)
		return errno;
	error = posix_fallocate(fd, 0, LOCK_BYTES);
	close(fd);
	return error == EINVAL || error == EOPNOTSUPP ? 0 : error;
}

static int open_tables(struct journal *journal)
{
	MDB_txn *txn;
	int error = mdb_txn_begin(journal->env, NULL, 0, &txn);

	if (error != 0)
		return error;
	error = mdb_dbi_open(txn, "records", MDB_CREATE, &journal->records);
	if (error == 0)
		error = mdb_dbi_open(txn, "names", MDB_CREATE | MDB_DUPSORT | MDB_DUPFIXED,
				     &journal->names);
	if (error != 0) {
		mdb_txn_abort(txn);
		return error;
	}
	return mdb_txn_commit(txn);
}

/* What LMDB did not expect to find; it would end the process. */
static void on_assert(MDB_env *env, const char *text)
{
	(void)env;
	(void)text;
	mapfault_leave();
}

struct opening {
	struct journal *journal;
	int error;
};

static void open_work(void *ctx)
{
	struct opening *o = ctx;
	struct journal *journal = o->journal;
	int dead;

	o->error = mdb_env_create(&journal->env);
	if (o->error == 0)
		o->error = mdb_env_set_assert(journal->env, on_assert);
	if (o->error == 0)
		o->error = mdb_env_set_maxdbs(journal->env, JOURNAL_TABLES);
	if (o->error == 0)
		o->error = mdb_env_set_mapsize(
		    journal->env, (size_t)(journal->size + journal->size / 2 + MAP_SPARE));
	/* A power failure may cost the last records, never the store. */
	if (o->error == 0)
		o->error =
		    mdb_env_open(journal->env, journal->path, MDB_NOMETASYNC | MDB_NOTLS, MODE);
	/* Readers that were killed would keep old pages from being used again. */
	if (o->error == 0)
		o->error = mdb_reader_check(journal->env, &dead);
	if (o->error == 0)
		o->error = open_tables(journal);
}

static bool is_damage(int error)
{
	return error == MDB_INVALID || error == MDB_CORRUPTED || error == MDB_PAGE_NOTFOUND;
}

/* 0, or an error of LMDB's; damage is MDB_CORRUPTED. */
static int store_open(struct journal *journal)
{
	struct opening o = {.journal = journal};
	struct journal_file file;

	if (!journal_folder(journal->path))
		return errno;
	if (!file_look(journal, DATA, &file)) {
		char lock[PATH_MOST];

		path_of(journal, LOCK, lock);
		(void)unlink(lock);
	}
	o.error = lock_fill(journal);
	if (o.error != 0)
		return o.error;
	if (!mapfault_run(open_work, &o)) {
		abandon(journal);
		return MDB_CORRUPTED;
	}
	if (o.error == 0 && (!file_look(journal, DATA, &journal->data) ||
			     !file_look(journal, LOCK, &journal->lock)))
		o.error = ENOENT;
	if (o.error != 0)
		journal_store_close(journal);
	return is_damage(o.error) ? MDB_CORRUPTED : o.error;
}

/* ---- in use ---- */

static bool is_same(const struct journal_file *a, const struct journal_file *b)
{
	return a->device == b->device && a->inode == b->inode;
}

/* Leaves a store that is not there any more, or not all of it. */
static void store_check(struct journal *journal)
{
	struct journal_file data, lock;

	if (!file_look(journal, DATA, &data) || !file_look(journal, LOCK, &lock) ||
	    !is_same(&data, &journal->data) || !is_same(&lock, &journal->lock)) {
		log_line(LOG_LEVEL_WARNING,
			 "journal: %s is not the store that was opened: it is opened anew",
			 journal->path);
		journal_store_close(journal);
	} else if (data.size < journal->data.size || lock.size < journal->lock.size) {
		abandon(journal);
		set_aside(journal);
	}
}

bool journal_store_ready(struct journal *journal)
{
	int error = MDB_CORRUPTED;

	journal->renewal = false;
	if (journal->env)
		store_check(journal);
	if (journal->env)
		return true;
	journal->renewal = abandoned_count == ABANDONED_MOST;
	if (journal->renewal)
		return fail(journal, "it was damaged again and again: that takes another disk");
	for (int i = 0; i < 2 && error == MDB_CORRUPTED; i++) {
		error = store_open(journal);
		if (error == MDB_CORRUPTED)
			set_aside(journal);
	}
	/* A sandbox knows folders, not their names: it may be another one that stands there now. */
	journal->renewal = error == EACCES;
	return error == 0 || fail(journal, mdb_strerror(error));
}

bool journal_store_use(struct journal *journal, void (*call)(void *ctx), void *ctx)
{
	if (mapfault_run(call, ctx))
		return true;
	abandon(journal);
	set_aside(journal);
	return fail(journal, "the store was damaged");
}

void journal_store_wrote(struct journal *journal, int error)
{
	struct journal_file data;

	if (error == 0) {
		if (file_look(journal, DATA, &data) && is_same(&data, &journal->data))
			journal->data.size = data.size;
		return;
	}
	fail(journal, mdb_strerror(error));
	if (error != MDB_PANIC && !is_damage(error))
		return;
	journal_store_close(journal);
	if (is_damage(error))
		set_aside(journal);
}
