/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_BASE_LOGSINK_H
#define FILTER_BASE_LOGSINK_H

/* Where log lines go: a descriptor, or the socket of syslog or journald. Nothing here waits. */

#include "postern/log.h"

enum taken {
	TAKEN,
	TAKEN_LATER, /* not now: it would have to wait */
	TAKEN_NEVER, /* nobody is there */
};

void logsink_open(enum log_sink kind, const char *socket);
/* What stands before and behind the text of a line of this level; both of LOGSINK_FRAME bytes. */
#define LOGSINK_FRAME 160
void logsink_frame(enum log_level level, bool json, char *before, char *behind);
/* Hands a line over, from byte *done on, which is moved on. */
enum taken logsink_send(const char *line, size_t n, size_t *done);
/* Does handing over never wait, not even for a disk? */
bool logsink_instant(void);
/* Waits until there may be room again, at most so many milliseconds. */
void logsink_wait(int milliseconds);

#endif
