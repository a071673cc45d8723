/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A remedy for libmilter's pool of threads: of two sessions that become ready at once it may wake
 * a thread for one only, and the other waits until any thread is done with what it does, which
 * may be a wait for DNS of many seconds. A new connection makes the pool look again, so while
 * sessions are open one is made every now and then, and dropped.
 */

#include "filter/milter/process.h"

#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "postern/clock.h"

#define NUDGE_INTERVAL (200 * NS_PER_MS)

int nudge_connect(const struct nudge *nudge)
{
	int fd = socket(nudge->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	/* Whether it comes about is seen when it is used. */
	if (fd >= 0)
		(void)connect(fd, (const struct sockaddr *)&nudge->address, nudge->length);
	return fd;
}

static void nudge_once(const struct nudge *nudge)
{
	int fd = nudge_connect(nudge);

	if (fd >= 0)
		close(fd);
}

static void *nudge_run(void *handle)
{
	struct timespec interval = {.tv_nsec = NUDGE_INTERVAL};
	struct nudge *nudge = handle;

	for (;;) {
		nanosleep(&interval, NULL);
		if (!dispatch_used() && atomic_load(&nudge->sessions) > 0 &&
		    !atomic_load(&nudge->held))
			nudge_once(nudge);
	}
	return NULL;
}

bool nudge_start(struct nudge *nudge, int listening)
{
	pthread_t thread;

	atomic_init(&nudge->sessions, 0);
	atomic_init(&nudge->held, false);
	nudge->length = sizeof(nudge->address);
	if (getsockname(listening, (struct sockaddr *)&nudge->address, &nudge->length) != 0 ||
	    pthread_create(&thread, NULL, nudge_run, nudge) != 0)
		return false;
	pthread_detach(thread);
	return true;
}

unsigned nudge_opened(struct nudge *nudge)
{
	return atomic_fetch_add(&nudge->sessions, 1) + 1;
}

unsigned nudge_closed(struct nudge *nudge)
{
	return atomic_fetch_sub(&nudge->sessions, 1) - 1;
}
