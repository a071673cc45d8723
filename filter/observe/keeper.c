/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes the journal in a thread of its own: sessions hand records in and go on. What comes while
 * the queue is full, or cannot be written, is dropped and counted, and that is said once.
 */

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "postern/arena.h"
#include "postern/clock.h"
#include "postern/journal.h"
#include "postern/log.h"

/* A burst that a slow disk may fall behind by. */
#define QUEUE_MOST 8192
#define QUEUE_BYTES_MOST (64u << 20)
/* Records that are committed together, and then forced to the disk once. */
#define BATCH_MOST 512
#define EXPIRE_INTERVAL (60 * NS_PER_S)
#define EXPIRE_MOST 5000

/* A record on its way: one piece of memory with all that it points to. */
struct queued {
	struct queued *next;
	struct journal_entry entry;
	size_t size;
};

struct keeper {
	struct journal *journal;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t more; /* monotonic */
	struct queued *first, **last;
	size_t bytes;
	struct keeper_counts *counts, own;
	bool ending;
	bool failing; /* the last batch could not be written; the thread's own */
};

/* ---- the sessions' side ---- */

static struct str copy(char **at, struct str text)
{
	struct str kept = {*at, text.n};

	if (text.n > 0)
		memcpy(*at, text.s, text.n);
	*at += text.n;
	return kept;
}

static struct queued *queued_new(const struct record *record, struct str bytes)
{
	size_t size = sizeof(struct queued) + record->recipient_count * sizeof(struct str) +
		      record->queue_id.n + record->message_id.n + record->reference.n + bytes.n;
	struct queued *q;
	struct str *recipients;
	char *at;

	for (size_t i = 0; i < record->recipient_count; i++)
		size += record->recipients[i].address.n;
	q = malloc(size);
	if (!q)
		return NULL;
	recipients = (struct str *)(q + 1);
	at = (char *)(recipients + record->recipient_count);
	q->next = NULL;
	q->size = size;
	q->entry = (struct journal_entry){
	    .time = record->time,
	    .queue_id = copy(&at, record->queue_id),
	    .message_id = copy(&at, record->message_id),
	    .reference = copy(&at, record->reference),
	    .recipients = recipients,
	    .recipient_count = record->recipient_count,
	    .bytes = copy(&at, bytes),
	};
	for (size_t i = 0; i < record->recipient_count; i++)
		recipients[i] = copy(&at, record->recipients[i].address);
	return q;
}

void keeper_submit(struct keeper *keeper, const struct record *record)
{
	struct arena *arena = arena_try();
	struct queued *volatile built = NULL;
	struct queued *q;
	struct str bytes;
	jmp_buf out;

	if (arena && setjmp(out) == 0) {
		arena_guard(arena, &out);
		bytes = record_encode(arena, record);
		built = bytes.n <= RECORD_BYTES_MOST ? queued_new(record, bytes) : NULL;
	}
	q = built;
	arena_free(&arena);
	pthread_mutex_lock(&keeper->lock);
	if (!q || keeper->counts->queued >= QUEUE_MOST ||
	    keeper->bytes + q->size > QUEUE_BYTES_MOST) {
		keeper->counts->dropped++;
	} else {
		*keeper->last = q;
		keeper->last = &q->next;
		keeper->counts->queued++;
		keeper->bytes += q->size;
		q = NULL;
		pthread_cond_signal(&keeper->more);
	}
	pthread_mutex_unlock(&keeper->lock);
	free(q);
}

void keeper_counts(struct keeper *keeper, struct keeper_counts *counts_r)
{
	pthread_mutex_lock(&keeper->lock);
	*counts_r = *keeper->counts;
	pthread_mutex_unlock(&keeper->lock);
}

/* ---- the thread ---- */

/* Waits for records and takes a batch; NULL: it is time to end, or nothing came for a while. */
static struct queued *batch_take(struct keeper *keeper, size_t *count_r, bool *ending_r)
{
	int64_t until = clock_now(&clock_system) + EXPIRE_INTERVAL;
	struct timespec deadline = {.tv_sec = (time_t)(until / NS_PER_S),
				    .tv_nsec = (long)(until % NS_PER_S)};
	struct queued *first, *q;
	int error = 0;

	pthread_mutex_lock(&keeper->lock);
	while (!keeper->first && !keeper->ending && error != ETIMEDOUT)
		error = pthread_cond_timedwait(&keeper->more, &keeper->lock, &deadline);
	first = q = keeper->first;
	*count_r = 0;
	while (q) {
		keeper->counts->queued--;
		keeper->bytes -= q->size;
		if (++*count_r == BATCH_MOST)
			break;
		q = q->next;
	}
	keeper->first = q ? q->next : NULL;
	if (q)
		q->next = NULL;
	if (!keeper->first)
		keeper->last = &keeper->first;
	*ending_r = keeper->ending && !first;
	pthread_mutex_unlock(&keeper->lock);
	return first;
}

static void say(struct keeper *keeper, bool ok, const char *why)
{
	if (ok && keeper->failing)
		log_line(LOG_LEVEL_INFO, "journal: records are written again");
	if (!ok && !keeper->failing)
		log_line(LOG_LEVEL_ERROR, "journal: %s; mail goes on without it", why);
	keeper->failing = !ok;
}

static void batch_write(struct keeper *keeper, struct queued *first, size_t count)
{
	struct journal_entry entries[BATCH_MOST];
	const char *why = NULL;
	size_t n = 0;
	bool ok;

	for (struct queued *q = first; q; q = q->next)
		entries[n++] = q->entry;
	ok = journal_write(keeper->journal, entries, count, &why);
	say(keeper, ok, why);
	pthread_mutex_lock(&keeper->lock);
	if (ok)
		keeper->counts->written += count;
	else
		keeper->counts->dropped += count;
	pthread_mutex_unlock(&keeper->lock);
	while (first) {
		struct queued *next = first->next;

		free(first);
		first = next;
	}
}

static void *keeper_run(void *handle)
{
	struct keeper *keeper = handle;
	int64_t expired = 0;
	bool ending = false;

	while (!ending) {
		size_t count;
		struct queued *batch = batch_take(keeper, &count, &ending);

		if (batch)
			batch_write(keeper, batch, count);
		if (clock_now(&clock_system) - expired >= EXPIRE_INTERVAL) {
			expired = clock_now(&clock_system);
			journal_expire(keeper->journal, clock_time(&clock_system) * 1000000,
				       EXPIRE_MOST);
		}
	}
	return NULL;
}

/* ---- its life ---- */

static bool init(struct keeper *keeper)
{
	pthread_condattr_t attr;
	bool ok;

	if (pthread_condattr_init(&attr) != 0)
		return false;
	ok = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0 &&
	     pthread_cond_init(&keeper->more, &attr) == 0 &&
	     pthread_mutex_init(&keeper->lock, NULL) == 0;
	pthread_condattr_destroy(&attr);
	return ok;
}

struct keeper *keeper_new(struct journal *journal, struct keeper_counts *counts)
{
	struct keeper *keeper = calloc(1, sizeof(*keeper));

	if (!keeper)
		return NULL;
	keeper->journal = journal;
	keeper->last = &keeper->first;
	keeper->counts = counts ? counts : &keeper->own;
	keeper->counts->dropped += keeper->counts->queued;
	keeper->counts->queued = 0;
	if (!init(keeper) || pthread_create(&keeper->thread, NULL, keeper_run, keeper) != 0) {
		free(keeper);
		return NULL;
	}
	return keeper;
}

void keeper_free(struct keeper **keeper)
{
	struct keeper *k = *keeper;

	if (!k)
		return;
	pthread_mutex_lock(&k->lock);
	k->ending = true;
	pthread_cond_signal(&k->more);
	pthread_mutex_unlock(&k->lock);
	pthread_join(k->thread, NULL);
	journal_close(&k->journal);
	pthread_cond_destroy(&k->more);
	pthread_mutex_destroy(&k->lock);
	free(k);
	*keeper = NULL;
}
