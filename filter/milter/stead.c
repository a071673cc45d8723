/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Functions that libmilter finds here instead of in libc. Its own use of them does not bear a bad
 * day: without descriptors it asks for the next connection again and again at full speed, to be
 * patient it goes by a clock that may be set, and its complaints wait for a syslog that has hung.
 */

#include "filter/milter/process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "postern/clock.h"
#include "postern/log.h"
#include "postern/stretch.h"

#define IDLE_SECONDS (7 * 24 * 3600)
/* Kept free of connections: for DNS (half, see the resolver's SOCKETS_MAX), and for files. */
#define RESERVE_MOST (4096 + 64)
#define HELD_PAUSE (100 * NS_PER_MS)
#define LINE_MOST 1000

/* With _FORTIFY_SOURCE it is a macro to clang. */
#undef syslog

/* libc's name for syslog() in what was built with _FORTIFY_SOURCE. */
void __syslog_chk(int priority, int flag, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static struct {
	struct nudge *nudge;   /* set before libmilter's threads start, constant from then on */
	int listening;         /* the same */
	int most;              /* the same: connections have lower numbers */
	struct stretch scarce; /* of the listening thread */
} room = {.listening = -1};

static _Thread_local int accepted = -1;

void stead_begin(int listening, struct nudge *nudge)
{
	struct rlimit limit = {.rlim_cur = RESERVE_MOST};
	rlim_t reserve;

	(void)getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur > INT32_MAX)
		limit.rlim_cur = INT32_MAX;
	reserve = limit.rlim_cur / 2 < RESERVE_MOST ? limit.rlim_cur / 2 : RESERVE_MOST;
	room.most = (int)(limit.rlim_cur - reserve);
	room.nudge = nudge;
	room.listening = listening;
}

/*
 * After as many seconds of the wall clock libmilter closes connections that wait for the MTA, all
 * of them at once when the clock is set forward. It must not do so for a clock that is a day off;
 * peers that are gone are found by TCP's own means. The same time is meant for packets that
 * arrive by halves, and poll() has its own mind about that (intake.c).
 */
unsigned stead_patience(void)
{
	return IDLE_SECONDS;
}

/* ---- connections ---- */

/* Descriptors are numbered from below: the next one tells how many there are. */
static bool descriptors_scarce(int fd)
{
	int next = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (next >= 0)
		close(next);
	return next < 0 || next >= room.most;
}

static void say_scarce(bool scarce)
{
	int64_t now = clock_now(&clock_system);

	atomic_store(&room.nudge->held, scarce);
	if (scarce && stretch_failed(&room.scarce, now))
		log_line(LOG_LEVEL_ERROR,
			 "descriptors run short with %u connections open: new ones wait; raise "
			 "the limit of the process (LimitNOFILE= of its unit, ulimit -n)",
			 atomic_load(&room.nudge->sessions));
	if (!scarce && stretch_over(&room.scarce, now))
		log_line(LOG_LEVEL_INFO, "new connections no longer wait for descriptors");
}

/* A connection that has ended already: what the nudge makes otherwise. */
static int connection_ended(struct sockaddr *address)
{
	int pair[2];

	if (atomic_load(&room.nudge->sessions) == 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return -1;
	close(pair[1]);
	address->sa_family = room.nudge->address.ss_family;
	return pair[0];
}

int accept(int fd, struct sockaddr *address, socklen_t *length)
{
	struct timespec pause = {.tv_nsec = HELD_PAUSE};
	bool scarce;
	int got = -1;

	if (fd != room.listening)
		return accept4(fd, address, length, 0);
	scarce = descriptors_scarce(fd);
	if (!scarce) {
		got = accept4(fd, address, length, SOCK_CLOEXEC);
		scarce = got < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
				     errno == ENOMEM);
		if (!scarce && got < 0)
			return got;
	}
	say_scarce(scarce);
	if (scarce) {
		nanosleep(&pause, NULL);
		got = connection_ended(address);
		errno = EAGAIN;
	}
	accepted = got;
	return got;
}

int stead_accepted(void)
{
	int fd = accepted;

	accepted = -1;
	return fd;
}

/* ---- complaints ---- */

void vsyslog(int priority, const char *fmt, va_list args)
{
	int severity = LOG_PRI(priority);
	char text[LINE_MOST];

	vsnprintf(text, sizeof(text), fmt, args);
	log_line(severity <= LOG_ERR       ? LOG_LEVEL_ERROR
		 : severity == LOG_WARNING ? LOG_LEVEL_WARNING
					   : LOG_LEVEL_INFO,
		 "%s", text);
}

void syslog(int priority, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsyslog(priority, fmt, args);
	va_end(args);
}

void __syslog_chk(int priority, int flag, const char *fmt, ...)
{
	va_list args;

	(void)flag;
	va_start(args, fmt);
	vsyslog(priority, fmt, args);
	va_end(args);
}
