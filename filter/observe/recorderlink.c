/* SPDX-License-Identifier: BSD-2-Clause */
/* The filter process's end of a recorder: asks, and waits for the answer as long as it may. */

#include "filter/observe/recorder.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "postern/clock.h"

/* How soon a wait hears that time is short. */
#define SLICE_MS 50

#define NO_ANSWER "the process that writes it does not answer"
#define NO_MEMORY "there is no memory for what is to be written"

struct recorder_link {
	int fd;
	uint64_t call;
	atomic_int_least64_t end;      /* clock_now(): no wait goes beyond; 0: not set */
	char why[400];                 /* of the last answer */
	struct recorder_packet packet; /* on its way, or just come */
};

struct recorder_link *recorder_link_new(int fd)
{
	struct recorder_link *link = calloc(1, sizeof(*link));

	if (!link)
		return NULL;
	link->fd = fd;
	/* A number that none of a former process's calls has: its answers may be still to come. */
	link->call = (uint64_t)clock_now(&clock_system);
	return link;
}

void recorder_link_free(struct recorder_link **link)
{
	free(*link);
	*link = NULL;
}

void recorder_link_hurry(struct recorder_link *link, int64_t end)
{
	atomic_store(&link->end, end);
}

/* ---- packets ---- */

enum heard {
	HEARD_NOTHING, /* yet */
	HEARD_BEGINS,  /* another recorder: all is to be asked again */
	HEARD_ANSWER,  /* in link->packet */
};

static enum heard hear(struct recorder_link *link, size_t *n_r)
{
	for (;;) {
		const struct recorder_head *head = &link->packet.head;
		ssize_t n = recv(link->fd, &link->packet, sizeof(link->packet), MSG_DONTWAIT);

		if (n < (ssize_t)sizeof(*head))
			return HEARD_NOTHING;
		*n_r = (size_t)n - sizeof(*head);
		if (head->kind == RECORDER_BEGINS)
			return HEARD_BEGINS;
		if (head->kind == RECORDER_DONE && head->call == link->call)
			return HEARD_ANSWER;
	}
}

/* Waits for a packet, and with POLLOUT also for room for one. False: the time is up. */
static bool await(struct recorder_link *link, short events, int64_t deadline)
{
	struct pollfd at = {.fd = link->fd, .events = events};

	for (;;) {
		int64_t now = clock_now(&clock_system), end = atomic_load(&link->end);

		if (now >= deadline || (end != 0 && now >= end))
			return false;
		if (poll(&at, 1, SLICE_MS) > 0)
			return (at.revents & POLLHUP) == 0;
	}
}

/* ---- calls ---- */

enum sent { SENT_ALL, SENT_AGAIN, SENT_LATE };

/* Another recorder that begins meanwhile has the first packets no more: again. */
static enum sent put(struct recorder_link *link, enum recorder_kind kind, struct str bytes,
		     int64_t deadline)
{
	size_t at = 0, n, unused;

	do {
		n = bytes.n - at < RECORDER_PACKET_BYTES ? bytes.n - at : RECORDER_PACKET_BYTES;
		for (;;) {
			if (hear(link, &unused) == HEARD_BEGINS && at > 0)
				return SENT_AGAIN;
			link->packet.head = (struct recorder_head){.call = link->call,
								   .kind = kind,
								   .size = (uint32_t)bytes.n,
								   .at = (uint32_t)at};
			memcpy(link->packet.bytes, bytes.s + at, n);
			if (send(link->fd, &link->packet, sizeof(link->packet.head) + n,
				 MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
				break;
			if (errno != EAGAIN && errno != EINTR)
				return SENT_LATE;
			if (!await(link, POLLIN | POLLOUT, deadline))
				return SENT_LATE;
		}
		at += n;
	} while (at < bytes.n);
	return SENT_ALL;
}

static enum journal_outcome answered(struct recorder_link *link, size_t n, const char **why_r)
{
	uint32_t outcome = link->packet.head.outcome;

	if (n >= sizeof(link->why))
		n = sizeof(link->why) - 1;
	memcpy(link->why, link->packet.bytes, n);
	link->why[n] = '\0';
	*why_r = link->why;
	return outcome == JOURNAL_WRITTEN || outcome == JOURNAL_REFUSED
		   ? (enum journal_outcome)outcome
		   : JOURNAL_LATER;
}

static enum journal_outcome ask(struct recorder_link *link, enum recorder_kind kind,
				struct str bytes, int64_t patience, const char **why_r)
{
	int64_t deadline = clock_now(&clock_system) + patience;
	enum heard heard = HEARD_BEGINS;
	enum sent sent;
	size_t n = 0;

	*why_r = NO_ANSWER;
	while (heard == HEARD_BEGINS) {
		link->call++;
		sent = put(link, kind, bytes, deadline);
		if (sent == SENT_AGAIN)
			continue;
		if (sent == SENT_LATE)
			return JOURNAL_LATER;
		while ((heard = hear(link, &n)) == HEARD_NOTHING)
			if (!await(link, POLLIN, deadline))
				return JOURNAL_LATER;
	}
	return answered(link, n, why_r);
}

/* A question that is being written down, for which memory may end. */
struct question {
	struct arena *arena;
	const struct journal_entry *entries;
	size_t count;
	int64_t now_us;
	struct str bytes;
};

static void question_write(void *ctx)
{
	struct question *q = ctx;
	struct buf out = {.arena = q->arena};

	recorder_put_entries(&out, q->entries, q->count);
	q->bytes = buf_str(&out);
}

static void question_expire(void *ctx)
{
	struct question *q = ctx;
	struct buf out = {.arena = q->arena};

	recorder_put_expiry(&out, q->now_us, q->count);
	q->bytes = buf_str(&out);
}

static enum journal_outcome ask_with(struct recorder_link *link, enum recorder_kind kind,
				     void (*put_down)(void *ctx), struct question *q,
				     int64_t patience, const char **why_r)
{
	enum journal_outcome outcome = JOURNAL_LATER;

	q->arena = arena_try();
	*why_r = NO_MEMORY;
	if (q->arena && arena_attempt(put_down, q))
		outcome = ask(link, kind, q->bytes, patience, why_r);
	arena_free(&q->arena);
	return outcome;
}

bool recorder_ready(struct recorder_link *link, int64_t patience, const char **why_r)
{
	return ask(link, RECORDER_READY, STR(""), patience, why_r) == JOURNAL_WRITTEN;
}

enum journal_outcome recorder_write(struct recorder_link *link, const struct journal_entry *entries,
				    size_t count, int64_t patience, const char **why_r)
{
	struct question q = {.entries = entries, .count = count};

	return ask_with(link, RECORDER_WRITE, question_write, &q, patience, why_r);
}

enum journal_outcome recorder_expire(struct recorder_link *link, int64_t now_us, size_t most,
				     int64_t patience, const char **why_r)
{
	struct question q = {.now_us = now_us, .count = most};

	return ask_with(link, RECORDER_EXPIRE, question_expire, &q, patience, why_r);
}
