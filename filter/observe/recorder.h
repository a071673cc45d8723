/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_OBSERVE_RECORDER_H
#define FILTER_OBSERVE_RECORDER_H

/*
 * What the two ends of a recorder say to each other: packets on a pair of sockets that keeps their
 * bounds. What is asked may take several; an answer is one. Either end may be replaced by a new
 * process in the middle of anything, so every call has a number, and a recorder that begins says
 * so.
 */

#include <stdbool.h>
#include <stdint.h>

#include "postern/arena.h"
#include "postern/journal.h"

#define RECORDER_PACKET_BYTES 32768u
/* Of one call; more than what the keeper puts into one. */
#define RECORDER_CALL_BYTES (8u << 20)

enum recorder_kind {
	RECORDER_BEGINS, /* to filter processes: whatever was asked for before is forgotten */
	RECORDER_READY,  /* is the store to be had? */
	RECORDER_WRITE,  /* entries */
	RECORDER_EXPIRE, /* a time and a number */
	RECORDER_DONE,   /* the answer: an outcome, and a text */
};

struct recorder_head {
	uint64_t call;
	uint32_t kind;
	uint32_t outcome;  /* of an answer */
	uint32_t size, at; /* of a question: of all its bytes, and where these belong */
};

struct recorder_packet {
	struct recorder_head head;
	char bytes[RECORDER_PACKET_BYTES];
};

/* ---- recordercall.c: the bytes of a question ---- */

void recorder_put_entries(struct buf *out, const struct journal_entry *entries, size_t count);
/* In the arena, but texts are borrowed. False: that is none. */
bool recorder_get_entries(struct arena *arena, struct str bytes, struct journal_entry **entries_r,
			  size_t *count_r);
void recorder_put_expiry(struct buf *out, int64_t now_us, size_t most);
bool recorder_get_expiry(struct str bytes, int64_t *now_us_r, size_t *most_r);

#endif
