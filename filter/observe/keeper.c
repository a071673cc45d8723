/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The queue of the journal, with a thread of its own: sessions hand records in and go on. What
 * cannot be written now waits and is tried again; what comes while the queue is full is dropped and
 * counted. That is said once a stretch.
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
#include "postern/stretch.h"

/* A burst that a slow disk may fall behind by. */
#define QUEUE_MOST 8192
#define QUEUE_BYTES_MOST (64u << 20)
/* Records that are committed together, and then forced to the disk once. */
#define BATCH_MOST 512
#define BATCH_BYTES_MOST (1u << 20)
/* A disk that is slow is waited for; one that has hung is said to. */
#define PATIENCE (10 * NS_PER_S)
/* Of the whole end. */
#define END_TIME (1 * NS_PER_S)
#define RETRY_INTERVAL (NS_PER_S)
#define EXPIRE_INTERVAL (60 * NS_PER_S)
#define EXPIRE_MOST 5000
/* A wall clock that was set by more removes nothing for as long: it may be set back. */
#define CLOCK_SET 600
#define CLOCK_TRUSTED (6 * 3600 * NS_PER_S)

/* A record on its way: one piece of memory with all that it points to. */
struct queued {
	struct queued *next;
	struct journal_entry entry;
	size_t size;
};

struct keeper {
	struct recorder_link *link;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t more; /* monotonic */
	struct queued *first, **end;
	size_t bytes; /* with those that are being written */
	struct keeper_counts *counts, own;
	bool ending, ended;

	/* The thread's own. */
	struct queued *batch; /* taken from the queue */
	size_t batch_count;
	bool failing; /* the batch could not be written, and waits */
	bool last;    /* it is time to end: each record is tried once */
	struct stretch trouble;
	uint64_t lost_before; /* dropped when the trouble began */
	uint64_t unwritten;   /* dropped because it was time to end */
	int64_t expired;      /* when that was last done */
	int64_t wall_offset;  /* seconds that the wall clock is ahead of the monotonic */
	int64_t trusted;      /* when the wall clock may be gone by */
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
		*keeper->end = q;
		keeper->end = &q->next;
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

/* Takes a batch, unless one is still to be written. The lock is held. */
static void batch_take(struct keeper *keeper)
{
	struct queued *q = keeper->first;
	size_t bytes;

	if (keeper->batch || !q)
		return;
	keeper->batch = q;
	bytes = q->size;
	for (keeper->batch_count = 1; q->next && keeper->batch_count < BATCH_MOST &&
				      bytes + q->next->size <= BATCH_BYTES_MOST;
	     q = q->next) {
		keeper->batch_count++;
		bytes += q->next->size;
	}
	keeper->first = q->next;
	q->next = NULL;
	if (!keeper->first)
		keeper->end = &keeper->first;
}

/* Waits until there is something to do. False: it is time to end. */
static bool batch_await(struct keeper *keeper)
{
	int64_t until =
	    clock_now(&clock_system) + (keeper->failing ? RETRY_INTERVAL : EXPIRE_INTERVAL);
	struct timespec deadline = {.tv_sec = (time_t)(until / NS_PER_S),
				    .tv_nsec = (long)(until % NS_PER_S)};
	int error = 0;

	pthread_mutex_lock(&keeper->lock);
	while ((keeper->failing || !keeper->first) && !keeper->ending && error != ETIMEDOUT)
		error = pthread_cond_timedwait(&keeper->more, &keeper->lock, &deadline);
	batch_take(keeper);
	keeper->last = keeper->ending;
	pthread_mutex_unlock(&keeper->lock);
	return !keeper->last || keeper->batch;
}

static void batch_done(struct keeper *keeper, uint64_t *count_in)
{
	struct queued *q = keeper->batch, *next;

	pthread_mutex_lock(&keeper->lock);
	*count_in += keeper->batch_count;
	keeper->counts->queued -= keeper->batch_count;
	for (; q; q = next) {
		next = q->next;
		keeper->bytes -= q->size;
		free(q);
	}
	pthread_mutex_unlock(&keeper->lock);
	keeper->batch = NULL;
	keeper->batch_count = 0;
}

/* There is no time to try it again. */
static void batch_lose(struct keeper *keeper)
{
	keeper->unwritten += keeper->batch_count;
	batch_done(keeper, &keeper->counts->dropped);
}

static uint64_t lost(struct keeper *keeper)
{
	struct keeper_counts counts;

	keeper_counts(keeper, &counts);
	return counts.dropped;
}

static void say(struct keeper *keeper, const char *why)
{
	int64_t now = clock_now(&clock_system);

	if (why && stretch_failed(&keeper->trouble, now)) {
		keeper->lost_before = lost(keeper);
		log_line(LOG_LEVEL_ERROR, "journal: %s; mail goes on without it", why);
	} else if (!why && stretch_over(&keeper->trouble, now)) {
		log_line(LOG_LEVEL_INFO, "journal: records are written again; %llu were lost",
			 (unsigned long long)(lost(keeper) - keeper->lost_before));
	}
}

static void batch_write(struct keeper *keeper)
{
	struct journal_entry entries[BATCH_MOST];
	enum journal_outcome outcome;
	const char *why = NULL;
	size_t n = 0;

	for (struct queued *q = keeper->batch; q; q = q->next)
		entries[n++] = q->entry;
	outcome = recorder_write(keeper->link, entries, n, PATIENCE, &why);
	keeper->failing = outcome == JOURNAL_LATER;
	say(keeper, outcome == JOURNAL_WRITTEN ? NULL : why);
	if (outcome == JOURNAL_WRITTEN)
		batch_done(keeper, &keeper->counts->written);
	else if (outcome == JOURNAL_REFUSED)
		batch_done(keeper, &keeper->counts->dropped);
}

static void expire(struct keeper *keeper)
{
	int64_t now = clock_now(&clock_system), wall = clock_time(&clock_system);
	int64_t offset = wall - now / NS_PER_S, moved = offset - keeper->wall_offset;
	const char *why;

	if (now - keeper->expired < EXPIRE_INTERVAL)
		return;
	if (keeper->expired != 0 && (moved > CLOCK_SET || moved < -CLOCK_SET))
		keeper->trusted = now + CLOCK_TRUSTED;
	keeper->expired = now;
	keeper->wall_offset = offset;
	if (now >= keeper->trusted)
		(void)recorder_expire(keeper->link, wall * 1000000, EXPIRE_MOST, PATIENCE, &why);
}

/* A store that could not be had when this began is tried again before there is a record. */
static void *keeper_run(void *handle)
{
	struct keeper *keeper = handle;
	const char *why;

	while (batch_await(keeper)) {
		if (keeper->batch) {
			batch_write(keeper);
			if (keeper->failing && keeper->last)
				batch_lose(keeper);
		} else if (keeper->failing) {
			keeper->failing = !recorder_ready(keeper->link, PATIENCE, &why);
			say(keeper, keeper->failing ? why : NULL);
		} else {
			say(keeper, NULL);
		}
		if (!keeper->failing && !keeper->last)
			expire(keeper);
	}
	if (keeper->unwritten > 0)
		log_line(LOG_LEVEL_ERROR,
			 "journal: records that could not be written at the end: %llu",
			 (unsigned long long)keeper->unwritten);
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

struct keeper *keeper_new(struct recorder_link *link, bool ready, struct keeper_counts *counts)
{
	struct keeper *keeper = calloc(1, sizeof(*keeper));

	if (!keeper)
		return NULL;
	keeper->link = link;
	keeper->end = &keeper->first;
	keeper->counts = counts ? counts : &keeper->own;
	keeper->counts->dropped += keeper->counts->queued;
	keeper->counts->queued = 0;
	keeper->failing = !ready;
	/* Whoever asked in vain has said so. */
	if (keeper->failing)
		(void)stretch_failed(&keeper->trouble, clock_now(&clock_system));
	keeper->lost_before = keeper->counts->dropped;
	if (!init(keeper) || pthread_create(&keeper->thread, NULL, keeper_run, keeper) != 0) {
		free(keeper);
		return NULL;
	}
	return keeper;
}

void keeper_end(struct keeper *keeper)
{
	if (!keeper || keeper->ended)
		return;
	keeper->ended = true;
	recorder_link_hurry(keeper->link, clock_now(&clock_system) + END_TIME);
	pthread_mutex_lock(&keeper->lock);
	keeper->ending = true;
	pthread_cond_signal(&keeper->more);
	pthread_mutex_unlock(&keeper->lock);
	pthread_join(keeper->thread, NULL);
	recorder_link_free(&keeper->link);
}

static void queue_free(struct keeper *keeper)
{
	struct queued *next;

	for (struct queued *q = keeper->first; q; q = next) {
		next = q->next;
		free(q);
	}
}

void keeper_free(struct keeper **keeper)
{
	struct keeper *k = *keeper;

	if (!k)
		return;
	keeper_end(k);
	queue_free(k);
	pthread_cond_destroy(&k->more);
	pthread_mutex_destroy(&k->lock);
	free(k);
	*keeper = NULL;
}
