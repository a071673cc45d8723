/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POSTERN_LOG_H
#define POSTERN_LOG_H

/*
 * The program's log: one line an event, to stderr, syslog (facility mail) or journald. Callers
 * clean bytes from the wire with str_clean() first; as a second fence every byte that is not
 * printable ASCII is escaped here. Safe from any thread.
 *
 * A log that takes no lines holds nobody up: a line waits 10 ms at the most to be taken, and with
 * log_start() not at all; what is not taken is dropped and counted, and that is said once lines
 * are taken again.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "postern/str.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO };
enum log_sink { LOG_SINK_STDERR, LOG_SINK_SYSLOG, LOG_SINK_JOURNALD };

struct log_config {
	enum log_sink sink;
	const char *socket; /* of syslog or journald; NULL: where the system has it */
	bool json;          /* an object a line */
};

struct log_counts {
	atomic_uint_least64_t written, dropped; /* lines */
};

/* Where lines go from now on; until then to stderr as text. Before threads, and as root if any. */
void log_open(const struct log_config *config);
/* Counts there, which is borrowed for good. Before threads. */
void log_count_in(struct log_counts *counts);
bool log_is_json(void);

void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/*
 * The members of a JSON object, without braces and without a comma at either end, for a log that
 * is JSON: printable ASCII, at most LOG_OBJECT_MOST bytes. Time, level and process are added.
 */
#define LOG_OBJECT_MOST 65536
void log_object(enum log_level level, struct str members);

/* From now on a thread of its own writes. False: there is none, and it stays as it was. */
bool log_start(void);
/* Waits until all lines are written, at most for so many nanoseconds; so before a process ends. */
void log_flush(int64_t nanoseconds);

#endif
