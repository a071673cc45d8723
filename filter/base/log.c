/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One line an event, handed over in one piece, so that lines of several threads never mix. What is
 * not printable ASCII is escaped here whatever the caller did. With a writer of its own, lines
 * stand in a bounded queue until the sink takes them.
 */

#include "postern/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "filter/base/logsink.h"
#include "postern/clock.h"

/* With its frame a line of text fits into what a pipe takes as one (PIPE_BUF). */
#define LINE_MOST 3900
/* Some seconds of a busy server. */
#define QUEUE_MOST 8192
#define QUEUE_BYTES_MOST (8u << 20)
#define DIRECT_MS 10
#define WRITER_MS 100

struct line {
	struct line *next;
	size_t n, done; /* bytes, and how many of them were taken */
	char text[];
};

static struct log_counts own_counts;

static struct {
	bool json;                 /* set before threads start */
	struct log_counts *counts; /* the same */
	pthread_mutex_t lock;      /* of what follows */
	pthread_cond_t more, less;
	bool threaded;
	struct line *first, **last;
	size_t count, bytes; /* in the queue and in the writer's hands */
	uint64_t unsaid;     /* dropped since that was last said */
} room = {
    .counts = &own_counts, .lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER};

static const char *const level_names[] = {"error", "warning", "info"};

void log_open(const struct log_config *config)
{
	room.json = config->json;
	logsink_open(config->sink, config->socket);
}

void log_count_in(struct log_counts *counts)
{
	room.counts = counts;
}

bool log_is_json(void)
{
	return room.json;
}

/* ---- lines ---- */

/* In JSON a backslash and a quote are escaped too. At most `size` bytes, of which it says how many.
 */
static size_t escape(const char *raw, bool json, char *line, size_t size)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t n = 0;

	for (; *raw && n + 6 < size; raw++) {
		unsigned char c = (unsigned char)*raw;
		bool plain = c >= ' ' && c <= '~';

		if (json && (c == '"' || c == '\\' || !plain))
			line[n++] = '\\';
		if (plain) {
			line[n++] = (char)c;
		} else {
			line[n++] = '\\';
			line[n++] = 'x';
			line[n++] = hex[c >> 4];
			line[n++] = hex[c & 15];
		}
	}
	line[n] = '\0';
	return n;
}

static void stamp(char *text, size_t size)
{
	struct timespec now;
	struct tm tm;
	size_t n = 0;

	clock_gettime(CLOCK_REALTIME, &now);
	if (gmtime_r(&now.tv_sec, &tm))
		n = strftime(text, size, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + n, size - n, ".%03ldZ", now.tv_nsec / 1000000);
}

/* A line with its frame, malloc'ed; NULL: memory ended. */
static struct line *line_new(enum log_level level, struct str text)
{
	char before[LOGSINK_FRAME], behind[LOGSINK_FRAME], head[128] = "", when[40];
	const char *tail = room.json ? "}" : "";
	struct line *line;
	size_t size;

	logsink_frame(level, room.json, before, behind);
	if (room.json) {
		stamp(when, sizeof(when));
		snprintf(head, sizeof(head), "{\"time\":\"%s\",\"level\":\"%s\",\"pid\":%d,", when,
			 level_names[level], (int)getpid());
	}
	size = strlen(before) + strlen(head) + text.n + strlen(tail) + strlen(behind) + 1;
	line = malloc(sizeof(*line) + size);
	if (!line)
		return NULL;
	line->next = NULL;
	line->done = 0;
	line->n = (size_t)snprintf(line->text, size, "%s%s" STR_FMT "%s%s", before, head,
				   STR_ARG(text), tail, behind);
	return line;
}

static struct line *line_of_text(enum log_level level, const char *raw)
{
	static const char member[] = "\"message\":\"";
	char text[LINE_MOST];
	size_t n;

	if (!room.json) {
		n = (size_t)snprintf(text, sizeof(text), "%s%s",
				     level == LOG_LEVEL_INFO ? "" : level_names[level],
				     level == LOG_LEVEL_INFO ? "" : ": ");
		n += escape(raw, false, text + n, sizeof(text) - n);
	} else {
		n = sizeof(member) - 1;
		memcpy(text, member, n);
		n += escape(raw, true, text + n, sizeof(text) - n - 1);
		text[n++] = '"';
	}
	return line_new(level, (struct str){text, n});
}

/* ---- handing them over ---- */

static void count_written(void)
{
	atomic_fetch_add_explicit(&room.counts->written, 1, memory_order_relaxed);
}

/* The lock is held. */
static void drop(void)
{
	room.unsaid++;
	atomic_fetch_add_explicit(&room.counts->dropped, 1, memory_order_relaxed);
}

/* A line that tells of those that were dropped, or NULL. The lock is held. */
static struct line *say_dropped(void)
{
	char text[100];

	if (room.unsaid == 0)
		return NULL;
	snprintf(text, sizeof(text), "%llu log lines were dropped: the log did not take them",
		 (unsigned long long)room.unsaid);
	room.unsaid = 0;
	return line_of_text(LOG_LEVEL_WARNING, text);
}

static bool send_within(struct line *line, int milliseconds)
{
	int64_t deadline = clock_now(&clock_system) + milliseconds * NS_PER_MS, left;
	enum taken taken;

	while ((taken = logsink_send(line->text, line->n, &line->done)) == TAKEN_LATER) {
		left = deadline - clock_now(&clock_system);
		if (left <= 0)
			break;
		logsink_wait((int)(left / NS_PER_MS) + 1);
	}
	if (taken == TAKEN)
		count_written();
	return taken == TAKEN;
}

/* By whoever logs: the lock is held, so that lines do not mix. */
static void send_direct(struct line *line)
{
	struct line *said;

	if (!send_within(line, DIRECT_MS)) {
		drop();
	} else if ((said = say_dropped()) != NULL) {
		if (!send_within(said, DIRECT_MS))
			drop();
		free(said);
	}
	free(line);
}

/* With nothing before it a line may go at once: then no crash takes it. The lock is held. */
static bool send_at_once(struct line *line)
{
	if (room.count > 0 || room.unsaid > 0 || !logsink_instant() ||
	    logsink_send(line->text, line->n, &line->done) != TAKEN)
		return false;
	count_written();
	free(line);
	return true;
}

/* The lock is held. */
static void enqueue(struct line *line)
{
	if (room.count >= QUEUE_MOST || room.bytes + line->n > QUEUE_BYTES_MOST) {
		drop();
		free(line);
		return;
	}
	*room.last = line;
	room.last = &line->next;
	room.count++;
	room.bytes += line->n;
	pthread_cond_signal(&room.more);
}

static void submit(struct line *line)
{
	pthread_mutex_lock(&room.lock);
	if (!line) {
		drop();
	} else if (!room.threaded) {
		send_direct(line);
	} else if (!send_at_once(line)) {
		enqueue(line);
	}
	pthread_mutex_unlock(&room.lock);
}
void log_line(enum log_level level, const char *fmt, ...)
{
	char raw[LINE_MOST];
	va_list args;

	va_start(args, fmt);
	vsnprintf(raw, sizeof(raw), fmt, args);
	va_end(args);
	submit(line_of_text(level, raw));
}

void log_object(enum log_level level, struct str members)
{
	submit(members.n <= LOG_OBJECT_MOST ? line_new(level, members) : NULL);
}

/* ---- the writer ---- */

static struct line *next_line(void)
{
	struct line *line;

	while (!room.first)
		pthread_cond_wait(&room.more, &room.lock);
	line = room.first;
	room.first = line->next;
	if (!room.first)
		room.last = &room.first;
	return line;
}

static bool send_patiently(struct line *line)
{
	enum taken taken;

	while ((taken = logsink_send(line->text, line->n, &line->done)) == TAKEN_LATER)
		logsink_wait(WRITER_MS);
	if (taken == TAKEN)
		count_written();
	return taken == TAKEN;
}

static void *writer_run(void *unused)
{
	(void)unused;
	pthread_mutex_lock(&room.lock);
	for (;;) {
		struct line *line = next_line(), *said = NULL;
		bool taken;

		pthread_mutex_unlock(&room.lock);
		taken = send_patiently(line);
		pthread_mutex_lock(&room.lock);
		if (taken)
			said = say_dropped();
		else
			drop();
		if (said) {
			pthread_mutex_unlock(&room.lock);
			send_patiently(said);
			free(said);
			pthread_mutex_lock(&room.lock);
		}
		room.count--;
		room.bytes -= line->n;
		free(line);
		pthread_cond_signal(&room.less);
	}
	return NULL;
}

bool log_start(void)
{
	pthread_condattr_t attr;
	pthread_t thread;
	bool ok;

	room.last = &room.first;
	if (pthread_condattr_init(&attr) != 0)
		return false;
	ok = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0 &&
	     pthread_cond_init(&room.less, &attr) == 0 &&
	     pthread_create(&thread, NULL, writer_run, NULL) == 0;
	pthread_condattr_destroy(&attr);
	if (ok)
		pthread_detach(thread);
	pthread_mutex_lock(&room.lock);
	room.threaded = ok;
	pthread_mutex_unlock(&room.lock);
	return ok;
}

void log_flush(int64_t nanoseconds)
{
	int64_t until = clock_now(&clock_system) + nanoseconds;
	struct timespec deadline = {.tv_sec = (time_t)(until / NS_PER_S),
				    .tv_nsec = (long)(until % NS_PER_S)};
	int error = 0;

	pthread_mutex_lock(&room.lock);
	while (room.threaded && room.count > 0 && error != ETIMEDOUT)
		error = pthread_cond_timedwait(&room.less, &room.lock, &deadline);
	pthread_mutex_unlock(&room.lock);
}
