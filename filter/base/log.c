/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One line an event, written with one call, so that lines of several threads never mix. What is
 * not printable ASCII is escaped here whatever the caller did.
 */

#include "postern/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <syslog.h>
#include <unistd.h>

#define LINE_MAX_BYTES 4000

static bool to_syslog;

void log_to_syslog(const char *program)
{
	openlog(program, LOG_PID | LOG_NDELAY, LOG_MAIL);
	to_syslog = true;
}

static size_t escape(const char *raw, char *line, size_t room)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t n = 0;

	for (; *raw && n + 5 < room; raw++) {
		unsigned char c = (unsigned char)*raw;

		if (c >= ' ' && c <= '~') {
			line[n++] = (char)c;
		} else {
			line[n++] = '\\';
			line[n++] = 'x';
			line[n++] = hex[c >> 4];
			line[n++] = hex[c & 15];
		}
	}
	return n;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	static const int priorities[] = {LOG_ERR, LOG_WARNING, LOG_INFO};
	static const char *const names[] = {"error: ", "warning: ", ""};
	char raw[LINE_MAX_BYTES], line[LINE_MAX_BYTES + 64];
	va_list args;
	size_t n;

	va_start(args, fmt);
	vsnprintf(raw, sizeof(raw), fmt, args);
	va_end(args);
	if (to_syslog) {
		line[escape(raw, line, sizeof(line))] = '\0';
		syslog(priorities[level], "%s%s", names[level], line);
		return;
	}
	n = (size_t)snprintf(line, sizeof(line), "postern[%d]: %s", (int)getpid(), names[level]);
	n += escape(raw, line + n, sizeof(line) - n - 1);
	line[n++] = '\n';
	/* A log that cannot be written must not stop the mail. */
	if (write(STDERR_FILENO, line, n) < 0)
		return;
}
