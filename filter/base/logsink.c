/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where log lines go. Syslog and journald are sent datagrams, by address: one that is started anew
 * gets the next line without a word. libc's syslog() would wait for a reader that has hung.
 */

#include "filter/base/logsink.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define SYSLOG_SOCKET "/dev/log"
#define JOURNALD_SOCKET "/run/systemd/journal/socket"
/* While a datagram socket has no room poll() on ours says nothing of it. */
#define PAUSE_MS 5

static struct {
	enum log_sink kind;
	int fd; /* -1: none could be had */
	bool socket;
	bool patient; /* a write would wait, and poll() tells before */
	bool journal; /* stderr is read by journald, which takes a level in front */
	struct sockaddr_un to;
} sink = {.fd = STDERR_FILENO, .patient = true};

/* systemd.exec(5): JOURNAL_STREAM names the device and inode of the stream that journald reads. */
static bool is_journal_stream(const struct stat *st)
{
	const char *text = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;

	return text && sscanf(text, "%llu:%llu", &device, &inode) == 2 && st->st_dev == device &&
	       st->st_ino == inode;
}

/*
 * Pipes and terminals are opened once more: not to wait is then a property of ours alone, and not
 * of everybody else who writes there.
 */
static void open_stderr(void)
{
	struct stat st;
	int own;

	sink.fd = STDERR_FILENO;
	sink.socket = false;
	sink.patient = true;
	if (fstat(STDERR_FILENO, &st) != 0)
		return;
	sink.socket = S_ISSOCK(st.st_mode);
	sink.journal = is_journal_stream(&st);
	if (!S_ISFIFO(st.st_mode) && !S_ISCHR(st.st_mode))
		return;
	own = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (own < 0)
		return;
	sink.fd = own;
	sink.patient = false;
}

void logsink_open(enum log_sink kind, const char *path)
{
	const char *usual = kind == LOG_SINK_SYSLOG ? SYSLOG_SOCKET : JOURNALD_SOCKET;

	sink.kind = kind;
	if (kind == LOG_SINK_STDERR) {
		open_stderr();
		return;
	}
	sink.socket = true;
	sink.patient = sink.journal = false;
	sink.to = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(sink.to.sun_path, sizeof(sink.to.sun_path), "%s", path ? path : usual);
	sink.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

void logsink_frame(enum log_level level, bool json, char *before, char *behind)
{
	static const int severities[] = {LOG_ERR, LOG_WARNING, LOG_INFO};
	time_t now = time(NULL);
	char stamp[32] = "";
	struct tm tm;

	behind[0] = '\0';
	if (sink.kind == LOG_SINK_JOURNALD) {
		snprintf(before, LOGSINK_FRAME,
			 "PRIORITY=%d\nSYSLOG_IDENTIFIER=postern\nSYSLOG_FACILITY=%d\n"
			 "SYSLOG_PID=%d\nMESSAGE=",
			 severities[level], LOG_MAIL >> 3, (int)getpid());
		strcpy(behind, "\n");
	} else if (sink.kind == LOG_SINK_SYSLOG) {
		if (localtime_r(&now, &tm))
			strftime(stamp, sizeof(stamp), "%b %e %H:%M:%S ", &tm);
		snprintf(before, LOGSINK_FRAME, "<%d>%spostern[%d]: ", LOG_MAIL | severities[level],
			 stamp, (int)getpid());
	} else {
		before[0] = '\0';
		strcpy(behind, "\n");
		if (sink.journal)
			snprintf(before, LOGSINK_FRAME, "<%d>", severities[level]);
		else if (!json)
			snprintf(before, LOGSINK_FRAME, "postern[%d]: ", (int)getpid());
	}
}

static ssize_t hand_over(const char *line, size_t n)
{
	struct pollfd at = {.fd = sink.fd, .events = POLLOUT};

	if (sink.kind != LOG_SINK_STDERR)
		return sendto(sink.fd, line, n, MSG_DONTWAIT | MSG_NOSIGNAL,
			      (const struct sockaddr *)&sink.to, sizeof(sink.to));
	if (sink.socket)
		return send(sink.fd, line, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sink.patient && poll(&at, 1, 0) == 0) {
		errno = EAGAIN;
		return -1;
	}
	return write(sink.fd, line, n);
}

enum taken logsink_send(const char *line, size_t n, size_t *done)
{
	ssize_t took;

	if (sink.fd < 0)
		return TAKEN_NEVER;
	do {
		took = hand_over(line + *done, n - *done);
		if (took > 0)
			*done += (size_t)took;
	} while ((took > 0 && *done < n) || (took < 0 && errno == EINTR));
	if (*done >= n)
		return TAKEN;
	return took < 0 && errno != EAGAIN && errno != ENOBUFS ? TAKEN_NEVER : TAKEN_LATER;
}

bool logsink_instant(void)
{
	return sink.socket || !sink.patient;
}

void logsink_wait(int milliseconds)
{
	struct pollfd at = {.fd = sink.fd, .events = POLLOUT};

	if (sink.kind != LOG_SINK_STDERR)
		(void)poll(NULL, 0, milliseconds < PAUSE_MS ? milliseconds : PAUSE_MS);
	else
		(void)poll(&at, 1, milliseconds);
}
