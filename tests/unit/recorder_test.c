/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The process that writes the journal, and the queue before it: whoever of the two ends, the other
 * goes on, and a record that was taken for written is there once.
 */

#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "filter/observe/recorder.h"
#include "postern/arena.h"
#include "postern/clock.h"
#include "postern/journal.h"
#include "tests/unit/unit.h"

#define PATIENCE (10 * NS_PER_S)
#define BEGIN INT64_C(1000000000000000)
#define CENTURY (INT64_C(100) * 366 * 86400)

static char folder[200];

static const char *path_of(const char *name)
{
	static char path[300];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

/* A record that is told apart by its number. */
static struct record numbered(struct arena *arena, long number)
{
	struct record r = {.time = BEGIN + number, .refused = -1, .recipient_count = 1};

	r.queue_id = str_printf(arena, "Q%ld", number);
	r.sender = STR("<a@example.net>");
	r.recipients = arena_array(arena, 1, sizeof(*r.recipients));
	r.recipients[0].address = STR("user@example.org");
	return r;
}

static struct journal_entry entry_of(struct arena *arena, long number)
{
	struct record r = numbered(arena, number);

	return (struct journal_entry){
	    .time = r.time, .queue_id = r.queue_id, .bytes = record_encode(arena, &r)};
}

/* ---- the other process ---- */

static pid_t recorder_fork(const char *path, const int ends[2])
{
	pid_t child = fork();
	struct journal_config config = {.path = path, .size = 64 << 20, .age = CENTURY};

	if (child != 0)
		return child;
	close(ends[0]);
	alarm(120);
	_exit(recorder_run(journal_new(&config), ends[1]) == RECORDER_OVER ? 0 : 3);
}

static void pair(int ends[2])
{
	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
}

/* Nobody has the other end any more. */
static void recorder_over(int ends[2], pid_t child)
{
	int status = -1;

	close(ends[0]);
	close(ends[1]);
	CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
	CHECK_INT(WEXITSTATUS(status), 0);
}

struct seen {
	long count, twice, last;
};

static bool see(void *ctx, const struct record *record)
{
	struct seen *seen = ctx;
	long number = (long)(record->time - BEGIN);

	seen->twice += number <= seen->last;
	seen->last = number;
	seen->count++;
	return true;
}

static struct seen kept(const char *path)
{
	struct arena *arena = arena_new(NULL);
	struct seen seen = {.last = -1};
	struct journal *journal;
	const char *why = NULL;

	CHECK(journal_open_to_read(arena, path, &journal, &why));
	CHECK(journal_each(journal, 0, see, &seen, &why));
	journal_close(&journal);
	arena_free(&arena);
	return seen;
}

static void submit(struct keeper *keeper, long from, long count)
{
	for (long i = from; i < from + count; i++) {
		struct arena *arena = arena_new(NULL);
		struct record r = numbered(arena, i);

		keeper_submit(keeper, &r);
		arena_free(&arena);
	}
}

static uint64_t queued(struct keeper *keeper)
{
	struct keeper_counts counts;

	keeper_counts(keeper, &counts);
	return counts.queued;
}

/* ---- tests ---- */

static void test_keeper(void)
{
	const char *path = path_of("keeper");
	struct keeper_counts counts = {0};
	struct keeper *keeper;
	struct seen all;
	pid_t child;
	int ends[2];

	pair(ends);
	child = recorder_fork(path, ends);
	keeper = keeper_new(recorder_link_new(ends[0]), true, &counts);
	CHECK(keeper != NULL);
	submit(keeper, 0, 20000);
	keeper_free(&keeper);
	CHECK(!keeper);
	CHECK_INT(counts.written + counts.dropped, 20000);
	all = kept(path);
	/* A queue that overflowed has lost some, but not what it kept. */
	CHECK(all.count >= 8192);
	CHECK_INT(all.count, counts.written);
	CHECK_INT(all.twice, 0);
	/* The next process asks the same recorder. */
	counts = (struct keeper_counts){0};
	keeper = keeper_new(recorder_link_new(ends[0]), true, &counts);
	submit(keeper, 30000, 1);
	/* One that has been ended goes on to be asked, and handed records. */
	keeper_end(keeper);
	CHECK_INT(counts.written, 1);
	submit(keeper, 40000, 2);
	CHECK_INT(queued(keeper), 2);
	keeper_free(&keeper);
	CHECK_INT(kept(path).last, 30000);
	recorder_over(ends, child);
}

/* Killed at any time, and started again: what is in hand is asked again, and written once. */
static void test_recorder_killed(void)
{
	const char *path = path_of("killed");
	struct keeper_counts counts = {0};
	struct keeper *keeper;
	struct seen all;
	pid_t child;
	int ends[2];
	long number = 0;

	pair(ends);
	srand((unsigned)getpid());
	keeper = keeper_new(recorder_link_new(ends[0]), true, &counts);
	child = recorder_fork(path, ends);
	for (int i = 0; i < 40; i++) {
		struct timespec pause = {.tv_nsec = rand() % 20000000};

		submit(keeper, number, 150);
		number += 150;
		nanosleep(&pause, NULL);
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		child = recorder_fork(path, ends);
	}
	for (int i = 0; i < 1000 && queued(keeper) > 0; i++)
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	keeper_free(&keeper);
	CHECK_INT(counts.dropped, 0);
	CHECK_INT(counts.written, number);
	all = kept(path);
	CHECK_INT(all.count, number);
	CHECK_INT(all.twice, 0);
	recorder_over(ends, child);
}

/* The filter process is killed, with half a question sent and answers that nobody has read. */
static void test_filter_killed(void)
{
	const char *path = path_of("orphan");
	struct recorder_packet half = {.head = {.call = 7, .kind = RECORDER_WRITE, .size = 100000}};
	const char *why = NULL;
	struct recorder_link *link;
	struct arena *arena = arena_new(NULL);
	struct journal_entry entry = entry_of(arena, 1);
	pid_t child;
	int ends[2];

	pair(ends);
	child = recorder_fork(path, ends);
	for (int i = 0; i < 1000; i++) {
		struct recorder_head ready = {.call = 5, .kind = RECORDER_READY};

		CHECK(send(ends[0], &ready, sizeof(ready), 0) == sizeof(ready));
	}
	CHECK(send(ends[0], &half, sizeof(half), 0) == sizeof(half));
	link = recorder_link_new(ends[0]);
	CHECK(recorder_ready(link, PATIENCE, &why));
	CHECK_INT(recorder_write(link, &entry, 1, PATIENCE, &why), JOURNAL_WRITTEN);
	recorder_link_free(&link);
	CHECK_INT(kept(path).count, 1);
	recorder_over(ends, child);
	arena_free(&arena);
}

static void ask_raw(int fd, struct recorder_head head, const char *bytes, size_t n)
{
	struct recorder_packet packet = {.head = head};

	memcpy(packet.bytes, bytes, n);
	CHECK(send(fd, &packet, sizeof(head) + n, 0) == (ssize_t)(sizeof(head) + n));
}

/* What a filter process says that strangers have taken over. */
static void test_hostile(void)
{
	const char *path = path_of("hostile");
	const uint32_t write = RECORDER_WRITE;
	struct recorder_link *link;
	struct recorder_packet answer;
	const char *why = NULL;
	pid_t child;
	int ends[2];

	pair(ends);
	child = recorder_fork(path, ends);
	CHECK(recv(ends[0], &answer, sizeof(answer), 0) > 0);
	CHECK_INT(answer.head.kind, RECORDER_BEGINS);
	CHECK(send(ends[0], "x", 1, 0) == 1);
	/* More than it takes; more than was said; a beginning that is missing; a gap. */
	ask_raw(ends[0], (struct recorder_head){.call = 1, .kind = write, .size = UINT32_MAX}, "a",
		1);
	ask_raw(ends[0], (struct recorder_head){.call = 2, .kind = write, .size = 1}, "abc", 3);
	ask_raw(ends[0], (struct recorder_head){.call = 3, .kind = write, .size = 9, .at = 3}, "a",
		1);
	ask_raw(ends[0], (struct recorder_head){.call = 4, .kind = write, .size = 9}, "abc", 3);
	ask_raw(ends[0], (struct recorder_head){.call = 4, .kind = write, .size = 9, .at = 5}, "a",
		1);
	/* Whole, and nonsense. */
	ask_raw(ends[0], (struct recorder_head){.call = 5, .kind = 99, .size = 1}, "a", 1);
	ask_raw(ends[0], (struct recorder_head){.call = 6, .kind = write, .size = 3},
		"\xff\xff\x7f", 3);
	ask_raw(ends[0], (struct recorder_head){.call = 7, .kind = write, .size = 4}, "\1\2\5a", 4);
	ask_raw(ends[0], (struct recorder_head){.call = 8, .kind = RECORDER_EXPIRE}, "", 0);
	for (uint64_t call = 5; call <= 8; call++) {
		CHECK(recv(ends[0], &answer, sizeof(answer), 0) > 0);
		CHECK_INT(answer.head.call, call);
		CHECK_INT(answer.head.kind, RECORDER_DONE);
		CHECK_INT(answer.head.outcome, JOURNAL_REFUSED);
	}
	link = recorder_link_new(ends[0]);
	CHECK(recorder_ready(link, PATIENCE, &why));
	recorder_link_free(&link);
	CHECK_INT(kept(path).count, 0);
	recorder_over(ends, child);
}

/* Nobody is there: a queue that fills costs no time beyond patience, and the end none at all. */
static void test_nobody(void)
{
	struct keeper_counts counts = {0};
	struct recorder_link *link;
	struct keeper *keeper;
	const char *why = NULL;
	int64_t began = clock_now(&clock_system);
	int ends[2];

	pair(ends);
	link = recorder_link_new(ends[0]);
	CHECK(!recorder_ready(link, 200 * NS_PER_MS, &why));
	CHECK_STR(str_of(why), "the process that writes it does not answer");
	keeper = keeper_new(link, false, &counts);
	submit(keeper, 0, 10000);
	CHECK_INT(counts.written, 0);
	CHECK_INT(queued(keeper) + counts.dropped, 10000);
	keeper_free(&keeper);
	CHECK_INT(counts.dropped, 10000);
	CHECK(clock_now(&clock_system) - began < 5 * NS_PER_S);
	close(ends[0]);
	close(ends[1]);
}

/* What is larger than a packet, and than what the sockets hold. */
static void test_large(void)
{
	const char *path = path_of("large");
	struct arena *arena = arena_new(NULL);
	struct journal_entry entries[7];
	struct recorder_link *link;
	const char *why = NULL;
	char *bytes = arena_alloc(arena, 1000000);
	pid_t child;
	int ends[2];

	pair(ends);
	child = recorder_fork(path, ends);
	for (long i = 0; i < 7; i++) {
		entries[i] = entry_of(arena, i);
		entries[i].bytes = (struct str){bytes, 1000000};
	}
	link = recorder_link_new(ends[0]);
	CHECK_INT(recorder_write(link, entries, 7, PATIENCE, &why), JOURNAL_WRITTEN);
	CHECK_INT(recorder_expire(link, (BEGIN + CENTURY * 1000000) + 7, 100, PATIENCE, &why),
		  JOURNAL_WRITTEN);
	recorder_link_free(&link);
	recorder_over(ends, child);
	arena_free(&arena);
}

int main(void)
{
	char command[220];

	snprintf(folder, sizeof(folder), "%s/recorder.XXXXXX",
		 getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	if (!mkdtemp(folder))
		return 1;
	RUN(test_keeper);
	RUN(test_recorder_killed);
	RUN(test_filter_killed);
	RUN(test_hostile);
	RUN(test_nobody);
	RUN(test_large);
	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	if (system(command) != 0)
		return 1;
	return unit_done();
}
