/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POSTERN_LOG_H
#define POSTERN_LOG_H

/*
 * The program's log: one line an event, to stderr or to syslog (facility mail). Callers clean
 * bytes from the wire with str_clean() first; as a second fence every byte that is not printable
 * ASCII is escaped here. Safe from any thread.
 */

#include <stdbool.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO };

/* Where lines go: syslog, or stderr (the default). Call before threads start. */
void log_to_syslog(const char *program);
void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
