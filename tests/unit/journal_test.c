/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The journal's store: found by every name, bounded in size and age, whole after kill -9. How often
 * the writer is killed says JOURNAL_KILLS.
 */

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "filter/observe/mapfault.h"
#include "postern/arena.h"
#include "postern/clock.h"
#include "postern/journal.h"
#include "tests/unit/unit.h"

#define KILLS 50

static char folder[200];

static struct journal_config config_of(const char *name, uint64_t size)
{
	static char path[300];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return (struct journal_config){.path = path, .size = size, .age = 3600};
}

/* A record that is told apart by its number. */
static struct record numbered(struct arena *arena, long number)
{
	struct record r = {.time = 1000000000000000 + number, .refused = -1, .recipient_count = 1};

	r.queue_id = str_printf(arena, "Q%ld", number);
	r.message_id = str_printf(arena, "M%ld@example.net", number);
	r.reference = str_printf(arena, "r%ld", number);
	r.sender = STR("<a@example.net>");
	r.recipients = arena_array(arena, 1, sizeof(*r.recipients));
	r.recipients[0].address = str_printf(arena, "User%ld@example.org", number % 3);
	return r;
}

static struct journal_entry entry_of(struct arena *arena, const struct record *r)
{
	struct str *recipients = arena_array(arena, 1, sizeof(*recipients));

	recipients[0] = r->recipients[0].address;
	return (struct journal_entry){
	    .time = r->time,
	    .queue_id = r->queue_id,
	    .message_id = r->message_id,
	    .reference = r->reference,
	    .recipients = recipients,
	    .recipient_count = 1,
	    .bytes = record_encode(arena, r),
	};
}

static bool write_numbered(struct journal *journal, long from, long count)
{
	struct arena *arena = arena_new(NULL);
	struct journal_entry *entries = arena_array(arena, (size_t)count, sizeof(*entries));
	const char *why = NULL;
	bool ok;

	for (long i = 0; i < count; i++) {
		struct record r = numbered(arena, from + i);

		entries[i] = entry_of(arena, &r);
	}
	ok = journal_write(journal, entries, (size_t)count, &why) == JOURNAL_WRITTEN;
	if (!ok)
		printf("journal_write: %s\n", why);
	arena_free(&arena);
	return ok;
}

struct seen {
	long count, first, last, stop_after;
	bool ordered;
};

static bool see(void *ctx, const struct record *record)
{
	struct seen *seen = ctx;
	long number = (long)(record->time - 1000000000000000);

	if (seen->count == 0)
		seen->first = number;
	else if (number <= seen->last)
		seen->ordered = false;
	seen->last = number;
	seen->count++;
	return seen->count != seen->stop_after;
}

static struct seen find(struct journal *journal, const char *id)
{
	struct seen seen = {.first = -1, .ordered = true};
	const char *why = NULL;

	CHECK(journal_find(journal, str_of(id), see, &seen, &why));
	return seen;
}

static struct seen each(struct journal *journal, int64_t since, long stop_after)
{
	struct seen seen = {.first = -1, .ordered = true, .stop_after = stop_after};
	const char *why = NULL;

	CHECK(journal_each(journal, since, see, &seen, &why));
	return seen;
}

static void test_found(void)
{
	struct arena *arena = arena_new(NULL);
	struct journal_config config = config_of("found", 1 << 20);
	struct journal *journal, *reader;
	struct journal_entry entry;
	struct record other;
	const char *why = NULL;

	CHECK(journal_open(arena, &config, &journal, &why));
	CHECK(write_numbered(journal, 0, 10));
	/* A reader of the same process may not open the file twice: another one does. */
	reader = journal;
	CHECK_INT(find(reader, "Q7").first, 7);
	CHECK_INT(find(reader, "q7").first, 7);
	CHECK_INT(find(reader, "m3@EXAMPLE.net").first, 3);
	CHECK_INT(find(reader, "<M3@example.net>").first, 3);
	CHECK_INT(find(reader, "r9").first, 9);
	CHECK_INT(find(reader, "user1@example.org").count, 3);
	CHECK(find(reader, "user1@example.org").ordered);
	CHECK_INT(find(reader, "Q10").count, 0);
	CHECK_INT(find(reader, "").count, 0);
	CHECK_INT(each(reader, 0, 0).count, 10);
	CHECK(each(reader, 0, 0).ordered);
	CHECK_INT(each(reader, 1000000000000004, 0).first, 4);
	CHECK_INT(each(reader, 0, 3).count, 3);
	/* One that is there is not written again; another of the same microsecond is kept. */
	CHECK(write_numbered(journal, 9, 1));
	CHECK_INT(each(reader, 0, 0).count, 10);
	other = numbered(arena, 9);
	other.reference = STR("r9b");
	entry = entry_of(arena, &other);
	CHECK_INT(journal_write(journal, &entry, 1, &why), JOURNAL_WRITTEN);
	CHECK_INT(each(reader, 0, 0).count, 11);
	CHECK_INT(find(reader, "r9b").count, 1);
	journal_close(&journal);
	arena_free(&arena);
}

static void test_bounded(void)
{
	struct arena *arena = arena_new(NULL);
	struct journal_config config = config_of("bounded", 400000);
	struct journal *journal;
	const char *why = NULL;
	struct seen all;
	long of_one = 0;

	CHECK(journal_open(arena, &config, &journal, &why));
	for (long i = 0; i < 200; i++)
		CHECK(write_numbered(journal, i * 100, 100));
	all = each(journal, 0, 0);
	CHECK(all.count > 200 && all.count < 10000);
	CHECK_INT(all.last, 19999);
	CHECK_INT(all.first, 20000 - all.count);
	/* What went has taken its names along. */
	CHECK_INT(find(journal, "Q5").count, 0);
	for (long i = all.first; i <= all.last; i++)
		of_one += i % 3 == 1;
	CHECK_INT(find(journal, "user1@example.org").count, of_one);
	journal_close(&journal);
	arena_free(&arena);
}

static void test_aged(void)
{
	struct arena *arena = arena_new(NULL);
	struct journal_config config = config_of("aged", 1 << 20);
	struct journal *journal;
	const char *why = NULL;

	CHECK(journal_open(arena, &config, &journal, &why));
	CHECK(write_numbered(journal, 0, 10));
	journal_expire(journal, 1000000000000004 + INT64_C(3600000000), 100);
	CHECK_INT(each(journal, 0, 0).first, 4);
	CHECK_INT(each(journal, 0, 0).count, 6);
	journal_expire(journal, INT64_C(2000000000000000), 2);
	CHECK_INT(each(journal, 0, 0).count, 4);
	journal_close(&journal);
	arena_free(&arena);
}

static void test_not_there(void)
{
	struct arena *arena = arena_new(NULL);
	struct journal_config config = {.path = "/dev/null/journal", .size = 1 << 20};
	struct journal *journal = NULL;
	const char *why = NULL;

	CHECK(!journal_open(arena, &config, &journal, &why));
	CHECK(why && strstr(why, "/dev/null/journal"));
	CHECK(!journal_open_to_read(arena, "/nonexistent", &journal, &why));
	CHECK(why && strstr(why, "/nonexistent"));
	CHECK(!journal);
	arena_free(&arena);
}

static void read_beyond(void *ctx)
{
	CHECK_INT(*(volatile char *)ctx, 0);
	CHECK(!"there is a page to read");
}

static void read_nothing(void *ctx)
{
	*(bool *)ctx = true;
}

/* What stat() cannot tell beforehand: a page is gone when it is read. */
static void test_page_gone(void)
{
	char path[300];
	bool ran = false;
	void *map;
	int fd;

	snprintf(path, sizeof(path), "%s/mapped", folder);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	CHECK(fd >= 0 && ftruncate(fd, 4096) == 0);
	map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(map != MAP_FAILED && ftruncate(fd, 0) == 0);
	for (int i = 0; i < 3; i++)
		CHECK(!mapfault_run(read_beyond, map));
	CHECK(mapfault_run(read_nothing, &ran) && ran);
	munmap(map, 4096);
	close(fd);
}

/* Writes until it is killed, and says after each commit up to which number all is there. */
static void write_for_ever(const struct journal_config *config, long from, int out)
{
	struct arena *arena = arena_new(NULL);
	struct journal *journal;
	const char *why = NULL;

	if (!journal_open(arena, config, &journal, &why))
		_exit(1);
	for (;; from += 5) {
		long last = from + 4;

		if (!write_numbered(journal, from, 5) ||
		    write(out, &last, sizeof(last)) != sizeof(last))
			_exit(1);
	}
}

static void test_killed(void)
{
	const char *kills = getenv("JOURNAL_KILLS");
	struct journal_config config = config_of("killed", 8 << 20);
	long acknowledged = -1;

	srand((unsigned)getpid());
	for (long i = 0; i < (kills ? atol(kills) : KILLS); i++) {
		struct arena *arena = arena_new(NULL);
		struct timespec pause = {.tv_nsec = rand() % 30000000};
		struct journal *journal;
		const char *why = NULL;
		int ends[2], status;
		struct seen all;
		long last;
		pid_t child;

		CHECK(pipe(ends) == 0);
		child = fork();
		if (child == 0) {
			close(ends[0]);
			write_for_ever(&config, i * 1000000, ends[1]);
		}
		close(ends[1]);
		nanosleep(&pause, NULL);
		kill(child, SIGKILL);
		waitpid(child, &status, 0);
		CHECK(WIFSIGNALED(status));
		while (read(ends[0], &last, sizeof(last)) == sizeof(last))
			acknowledged = last;
		close(ends[0]);
		CHECK(journal_open(arena, &config, &journal, &why));
		if (acknowledged >= 0) {
			char id[30];

			snprintf(id, sizeof(id), "Q%ld", acknowledged);
			all = each(journal, 0, 0);
			CHECK(all.ordered && all.last >= acknowledged);
			CHECK_INT(find(journal, id).count, 1);
		}
		journal_close(&journal);
		arena_free(&arena);
	}
	CHECK(acknowledged > 0);
}

int main(void)
{
	char command[220];

	snprintf(folder, sizeof(folder), "%s/journal.XXXXXX",
		 getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	if (!mkdtemp(folder))
		return 1;
	RUN(test_found);
	RUN(test_bounded);
	RUN(test_aged);
	RUN(test_not_there);
	RUN(test_page_gone);
	RUN(test_killed);
	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	if (system(command) != 0)
		return 1;
	return unit_done();
}
