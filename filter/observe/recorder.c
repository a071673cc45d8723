/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The process that writes the journal for the filter process, which so needs no right to any file.
 * It has one thread and does as it is asked, one call after the other.
 */

#include "filter/observe/recorder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "postern/clock.h"

/*
 * The sandbox of a process knows the folder that was there when it began. One that cannot have the
 * store makes room for another, so often at the most.
 */
#define RENEW_INTERVAL (2 * NS_PER_S)

#define NOT_UNDERSTOOD "the process that writes it does not know what is meant"
#define NO_MEMORY "the process that writes it has no memory"

struct recorder {
	struct journal *journal;
	int fd;
	int64_t began;
	/* The call that is coming in. */
	struct recorder_head head;
	char *bytes;
	size_t have;
};

struct answer {
	enum journal_outcome outcome;
	const char *why;
};

/* One who does not read his answers is not waited for. */
static void send_packet(const struct recorder *r, const struct recorder_head *head,
			const char *text)
{
	struct recorder_packet packet = {.head = *head};
	size_t n = strlen(text);

	if (n > sizeof(packet.bytes))
		n = sizeof(packet.bytes);
	memcpy(packet.bytes, text, n);
	(void)send(r->fd, &packet, sizeof(packet.head) + n, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* ---- what is asked ---- */

static void call_write(struct recorder *r, struct arena *arena, struct str bytes,
		       struct answer *answer)
{
	struct journal_entry *entries;
	size_t count;

	if (recorder_get_entries(arena, bytes, &entries, &count))
		answer->outcome = journal_write(r->journal, entries, count, &answer->why);
}

static void call_expire(struct recorder *r, struct str bytes, struct answer *answer)
{
	int64_t now_us;
	size_t most;

	if (!recorder_get_expiry(bytes, &now_us, &most))
		return;
	journal_expire(r->journal, now_us, most);
	answer->outcome = JOURNAL_WRITTEN;
}

static void call_ready(struct recorder *r, struct answer *answer)
{
	answer->outcome = journal_ready(r->journal, &answer->why) ? JOURNAL_WRITTEN : JOURNAL_LATER;
}

struct run {
	struct recorder *recorder;
	struct answer answer;
};

static void call_run(void *ctx)
{
	struct run *run = ctx;
	struct recorder *r = run->recorder;
	struct arena *arena = arena_new(NULL);
	struct str bytes = {r->bytes, r->have};

	run->answer = (struct answer){JOURNAL_REFUSED, NOT_UNDERSTOOD};
	if (r->head.kind == RECORDER_READY)
		call_ready(r, &run->answer);
	else if (r->head.kind == RECORDER_WRITE)
		call_write(r, arena, bytes, &run->answer);
	else if (r->head.kind == RECORDER_EXPIRE)
		call_expire(r, bytes, &run->answer);
	arena_free(&arena);
}

/* ---- what comes ---- */

static void call_drop(struct recorder *r)
{
	free(r->bytes);
	r->bytes = NULL;
	r->have = 0;
	r->head = (struct recorder_head){0};
}

static void call_answer(const struct recorder *r, uint64_t call, const struct answer *answer)
{
	struct recorder_head head = {
	    .call = call, .kind = RECORDER_DONE, .outcome = answer->outcome};

	send_packet(r, &head, answer->outcome == JOURNAL_WRITTEN ? "" : answer->why);
}

static void call_begin(struct recorder *r, const struct recorder_head *head)
{
	call_drop(r);
	if (head->size > RECORDER_CALL_BYTES)
		return;
	r->head = *head;
	r->bytes = malloc(head->size + 1);
	if (!r->bytes)
		call_answer(r, head->call, &(struct answer){JOURNAL_LATER, NO_MEMORY});
}

/* Takes a packet of a call, of which earlier ones came before. True: it is whole. */
static bool call_take(struct recorder *r, const struct recorder_packet *packet, size_t n)
{
	const struct recorder_head *head = &packet->head;

	if (head->at == 0)
		call_begin(r, head);
	if (!r->bytes || head->call != r->head.call || head->at != r->have ||
	    n > r->head.size - r->have) {
		call_drop(r);
		return false;
	}
	memcpy(r->bytes + r->have, packet->bytes, n);
	r->have += n;
	return r->have == r->head.size;
}

/* True: another process is to go on, and will be asked again. */
static bool call_do(struct recorder *r)
{
	struct run run = {.recorder = r};
	uint64_t call = r->head.call;

	if (!arena_attempt(call_run, &run))
		run.answer = (struct answer){JOURNAL_LATER, NO_MEMORY};
	call_drop(r);
	if (run.answer.outcome == JOURNAL_LATER && journal_wants_renewal(r->journal) &&
	    clock_now(&clock_system) - r->began >= RENEW_INTERVAL)
		return true;
	call_answer(r, call, &run.answer);
	return false;
}

enum recorder_end recorder_run(struct journal *journal, int fd)
{
	struct recorder r = {.journal = journal, .fd = fd, .began = clock_now(&clock_system)};
	struct recorder_packet *packet = malloc(sizeof(*packet));
	const size_t least = sizeof(packet->head);
	enum recorder_end end = RECORDER_OVER;
	ssize_t n = 0;

	/* What a former one has not answered comes again. */
	while (packet && recv(fd, packet, sizeof(*packet), MSG_DONTWAIT) > 0)
		;
	send_packet(&r, &(struct recorder_head){.kind = RECORDER_BEGINS}, "");
	while (packet && end == RECORDER_OVER) {
		n = recv(fd, packet, sizeof(*packet), 0);
		if (n == 0 || (n < 0 && errno != EINTR))
			break;
		if (n >= (ssize_t)least && call_take(&r, packet, (size_t)n - least) && call_do(&r))
			end = RECORDER_RENEW;
	}
	call_drop(&r);
	free(packet);
	return end;
}
