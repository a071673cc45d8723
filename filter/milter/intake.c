/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the MTA sends, read ahead. libmilter reads a command in two parts, asks before each whether
 * it has come, and once more after it whether another has: five system calls where MTAs send ten
 * fields of a header in one packet. poll() and read() are found here instead of in libc, and of
 * the connection that a thread serves they give what one recv() has brought.
 */

#include "filter/milter/process.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "postern/clock.h"

/* Reading and writing; what libmilter is told is in the way of nothing. See stead_patience(). */
#define PATIENCE_MS (300 * 1000)

/* poll() by a name of our own: libc's header says of it that it does not read what it is given. */
int intake_poll(struct pollfd *fds, nfds_t count, int timeout) __asm__("poll");

static _Thread_local struct intake *served;

void intake_begin(struct intake *intake, int fd)
{
	intake->fd = fd;
	intake->at = intake->end = 0;
	served = intake;
}

bool intake_pending(const struct intake *intake)
{
	return intake->at < intake->end;
}

void intake_end(void)
{
	served = NULL;
}

/* Something is there, be it the end or an error, which a read() then tells. */
static bool intake_fill(struct intake *intake)
{
	ssize_t got;

	if (intake_pending(intake))
		return true;
	got = recv(intake->fd, intake->bytes, sizeof(intake->bytes), MSG_DONTWAIT);
	intake->at = 0;
	intake->end = got > 0 ? (size_t)got : 0;
	return got >= 0 || (errno != EAGAIN && errno != EINTR);
}

static bool intake_asked(const struct pollfd *asked)
{
	return served && asked->fd == served->fd && (asked->events & POLLIN);
}

int intake_poll(struct pollfd *fds, nfds_t count, int timeout)
{
	int ms = timeout > PATIENCE_MS ? PATIENCE_MS : timeout;

	if (count == 1 && intake_asked(fds)) {
		fds->revents = intake_fill(served) ? POLLIN : 0;
		if (fds->revents || ms == 0)
			return fds->revents ? 1 : 0;
	}
#ifdef SYS_poll
	/* The one that does not tell how much time is left is cheaper. */
	return (int)syscall(SYS_poll, fds, count, ms);
#else
	struct timespec most = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * NS_PER_MS};

	return ppoll(fds, count, ms < 0 ? NULL : &most, NULL);
#endif
}

ssize_t read(int fd, void *to, size_t most)
{
	struct iovec room = {.iov_base = to, .iov_len = most};
	size_t n;

	if (!served || fd != served->fd || !intake_pending(served))
		return readv(fd, &room, 1);
	n = served->end - served->at;
	if (n > most)
		n = most;
	memcpy(to, served->bytes + served->at, n);
	served->at += n;
	return (ssize_t)n;
}
