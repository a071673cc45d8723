/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POSTERN_JOURNAL_H
#define POSTERN_JOURNAL_H

/*
 * The journal: records of messages in an embedded store, bounded in size and age, oldest out
 * first. One process of the daemon writes; commands read at any time, while it runs or not.
 *
 * A process that ends in the middle of anything leaves the store whole, with every record that
 * was committed. A disk that is full, or a store that is gone, never holds up mail: records wait
 * for it in memory, as many as the queue takes.
 */

#include <stdbool.h>
#include <stdint.h>

#include "postern/record.h"
#include "postern/str.h"

struct arena;
struct journal;

struct journal_config {
	const char *path; /* a folder, made if it is not there */
	uint64_t size;    /* bytes that the records may take */
	int64_t age;      /* seconds that a record is kept */
};

/* ---- the store, for the process that writes: filter/observe/journal.c ---- */

/* A journal whose store is yet to be opened. NULL: no memory. */
struct journal *journal_new(const struct journal_config *config);
/* Makes the folder of a store. False: it is not there, and errno says why. */
bool journal_folder(const char *path);
/*
 * After JOURNAL_LATER, or false: another process that begins now may do better, because this one
 * has no right to what stands there, or has left too many damaged stores open.
 */
bool journal_wants_renewal(const struct journal *journal);
/*
 * Opens the store for writing, also anew where its files were removed or replaced meanwhile. What
 * is damaged is set aside as data.mdb.damaged. False: *why_r lives as long as the journal. Not
 * before a fork: what is opened belongs to this process.
 */
bool journal_ready(struct journal *journal, const char **why_r);
/* Both. False: *why_r is a text in the arena. */
bool journal_open(struct arena *arena, const struct journal_config *config,
		  struct journal **journal_r, const char **why_r);
void journal_close(struct journal **journal);

/* A record as bytes, with what it can be found by. */
struct journal_entry {
	int64_t time;
	struct str queue_id, message_id, reference;
	const struct str *recipients;
	size_t recipient_count;
	struct str bytes;
};
enum journal_outcome {
	JOURNAL_WRITTEN,
	JOURNAL_LATER,   /* the disk, or somebody, is in the way: to be tried again */
	JOURNAL_REFUSED, /* the store takes no such records */
};
/* Writes them all, or none; makes room for them. *why_r, unless written: what is in the way. */
enum journal_outcome journal_write(struct journal *journal, const struct journal_entry *entries,
				   size_t count, const char **why_r);
/* Removes what is older than the journal's age, at most `most` records. */
void journal_expire(struct journal *journal, int64_t now_us, size_t most);

/*
 * ---- the process that writes: filter/observe/recorder.c ----
 *
 * The filter process has no right to files, and asks this one, which faces no stranger. They speak
 * over a pair of sockets (SOCK_SEQPACKET) whose ends outlive them both: either may end in the
 * middle of anything, and the next goes on.
 */

enum recorder_end {
	RECORDER_OVER,  /* there is nobody to ask any more, or no memory */
	RECORDER_RENEW, /* journal_wants_renewal(): what is unanswered is asked again */
};
/* Does what is asked at `fd`. */
enum recorder_end recorder_run(struct journal *journal, int fd);

/* ---- the filter process's end of it: recorderlink.c; for one thread ---- */

struct recorder_link;

/* `fd` is borrowed. NULL: no memory. */
struct recorder_link *recorder_link_new(int fd);
void recorder_link_free(struct recorder_link **link);
/* From any thread: no call waits beyond `end` (clock_now()) any more. */
void recorder_link_hurry(struct recorder_link *link, int64_t end);
/*
 * The same as the journal's, by the other process. Each waits `patience` (nanoseconds) at most;
 * what has not been answered by then may be done all the same, and done twice it is done once.
 */
bool recorder_ready(struct recorder_link *link, int64_t patience, const char **why_r);
enum journal_outcome recorder_write(struct recorder_link *link, const struct journal_entry *entries,
				    size_t count, int64_t patience, const char **why_r);
enum journal_outcome recorder_expire(struct recorder_link *link, int64_t now_us, size_t most,
				     int64_t patience, const char **why_r);

/* ---- the queue of what is to be written, and its thread: keeper.c ---- */

struct keeper;

struct keeper_counts {
	uint64_t written, dropped; /* records */
	uint64_t queued;           /* now */
};

/*
 * Takes over the link. `ready`: the store is to be had; else it is tried every second. `counts` is
 * borrowed until the end, goes on from what it is, and belongs to the keeper's lock; what a process
 * that ended left queued there was dropped. NULL: its own. Returns NULL: no thread or no memory,
 * and the link stays the caller's.
 */
struct keeper *keeper_new(struct recorder_link *link, bool ready, struct keeper_counts *counts);
/* Hands a record in and never waits; when the queue is full it is dropped and counted. */
void keeper_submit(struct keeper *keeper, const struct record *record);
void keeper_counts(struct keeper *keeper, struct keeper_counts *counts_r);
/*
 * Writes what is queued and ends the thread, once, within a second; what was not written by then is
 * dropped, counted, and said. Other threads may go on to use the keeper: what they submit waits for
 * nobody.
 */
void keeper_end(struct keeper *keeper);
/* Ends it if it has not been ended, and frees it. */
void keeper_free(struct keeper **keeper);

/* ---- the readers' side: filter/observe/journalread.c ---- */

/* For reading, while others write. False: *why_r is a text in the arena. */
bool journal_open_to_read(struct arena *arena, const char *path, struct journal **journal_r,
			  const char **why_r);

/* Return false to stop. The record lives until it returns. */
typedef bool journal_visit(void *ctx, const struct record *record);

/* The records from `since` (microseconds, 0: all) on, oldest first. False: *why_r. */
bool journal_each(struct journal *journal, int64_t since, journal_visit *visit, void *ctx,
		  const char **why_r);
/*
 * The records with this queue id, Message-ID (angle brackets or not), reference or recipient,
 * oldest first. False: *why_r.
 */
bool journal_find(struct journal *journal, struct str id, journal_visit *visit, void *ctx,
		  const char **why_r);

#endif
