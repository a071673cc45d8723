/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which thread serves which session, in the place of libmilter's own pool. That one counts a
 * thread that it has woken as idle until it runs, so of sessions that become ready at once some
 * may get no thread, and wait until another's callback is over: for as long as a dead name server
 * is waited for. Here some thread always waits for the next command: who takes the last idle
 * thread's place starts another. A session that is quiet holds none.
 *
 * libmilter comes here by mi_start_session(), which its listener calls for each connection as for
 * any public symbol; mi_engine() serves a session as long as commands come without a pause. It
 * does not tell the connection's descriptor, which is what accept() (stead.c) has just returned on
 * the same thread. Where any of this is otherwise, libmilter's own pool does its work, and nudge.c
 * helps.
 */

#include "filter/milter/conn.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <libmilter/mfapi.h>

#include "postern/clock.h"
#include "postern/log.h"
#include "postern/stretch.h"

/* Threads without work that are kept: starting one for each command would cost more. */
#define IDLE_MOST 32
/* What mi_engine() says when the session goes on. */
#define GOES_ON 1

/* libmilter's, of no public header. */
int mi_engine(SMFICTX *ctx);
void mi_clr_ctx(SMFICTX *ctx);
int mi_start_session(SMFICTX *ctx);
typedef int start_session_fn(SMFICTX *ctx);

struct seat {
	SMFICTX *ctx;
	int fd;
	atomic_uint turns; /* what one thread has written the next one sees, whatever epoll does */
};

static struct {
	pthread_once_t once;
	int epoll;       /* -1: there is none */
	atomic_int idle; /* threads that wait, or are about to, and those being started */
	atomic_bool used;
	pthread_mutex_t lock; /* of what follows */
	struct stretch short_of_threads;
} room = {.once = PTHREAD_ONCE_INIT, .epoll = -1, .lock = PTHREAD_MUTEX_INITIALIZER};

static _Thread_local bool serves;

/* The session's next command is to be waited for, once. */
static bool seat_await(struct seat *seat, int operation)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT,
				    .data.ptr = seat};
	int fd = seat->fd;

	atomic_fetch_add_explicit(&seat->turns, 1, memory_order_release);
	return epoll_ctl(room.epoll, operation, fd, &event) == 0;
}

/* What has come for a session. False: it is over. Else another thread may have it already. */
static bool seat_serve(struct seat *seat, struct intake *intake)
{
	int fd = seat->fd, outcome;

	intake_begin(intake, fd);
	do
		outcome = mi_engine(seat->ctx);
	while (outcome == GOES_ON && intake_pending(intake));
	intake_end();
	if (outcome != GOES_ON)
		return false;
	if (seat_await(seat, EPOLL_CTL_MOD))
		return true;
	shutdown(fd, SHUT_RDWR);
	while (mi_engine(seat->ctx) == GOES_ON)
		;
	return false;
}

static void *dispatch_run(void *unused);

static void say_started(bool ok)
{
	int64_t now = clock_now(&clock_system);

	pthread_mutex_lock(&room.lock);
	if (!ok && stretch_failed(&room.short_of_threads, now))
		log_line(LOG_LEVEL_ERROR, "no more threads: sessions wait for each other; raise "
					  "TasksMax= of the unit, or the limit of processes");
	if (ok && stretch_over(&room.short_of_threads, now))
		log_line(LOG_LEVEL_INFO, "threads are to be had again");
	pthread_mutex_unlock(&room.lock);
}

static bool thread_start(void)
{
	pthread_t thread;
	bool ok;

	atomic_fetch_add(&room.idle, 1);
	ok = pthread_create(&thread, NULL, dispatch_run, NULL) == 0;
	if (ok)
		pthread_detach(thread);
	else
		atomic_fetch_sub(&room.idle, 1);
	say_started(ok);
	return ok;
}

/* Without a thread in its place who comes next waits until one has ended what it does. */
static void thread_taken(void)
{
	if (atomic_fetch_sub(&room.idle, 1) == 1)
		(void)thread_start();
}

/* False: there are enough without this one. */
static bool thread_returns(void)
{
	if (atomic_fetch_add(&room.idle, 1) < IDLE_MOST)
		return true;
	thread_taken();
	return false;
}

static void *dispatch_run(void *unused)
{
	struct epoll_event event;
	struct intake intake;

	(void)unused;
	serves = true;
	do {
		struct seat *seat;

		while (epoll_wait(room.epoll, &event, 1, -1) != 1)
			;
		thread_taken();
		seat = event.data.ptr;
		(void)atomic_load_explicit(&seat->turns, memory_order_acquire);
		if (!seat_serve(seat, &intake)) {
			conn_end(seat->ctx);
			mi_clr_ctx(seat->ctx);
			free(seat);
		}
	} while (thread_returns());
	return NULL;
}

static void dispatch_open(void)
{
	room.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (room.epoll < 0 || thread_start())
		return;
	close(room.epoll);
	room.epoll = -1;
}

bool dispatch_serves(void)
{
	return serves;
}

bool dispatch_used(void)
{
	return atomic_load(&room.used);
}

/* The whole library's wish, not this process's: no session of it has been served by us. */
static int stock_start(SMFICTX *ctx)
{
	start_session_fn *stock = NULL;

	*(void **)&stock = dlsym(RTLD_NEXT, "mi_start_session");
	return stock ? stock(ctx) : MI_FAILURE;
}

int mi_start_session(SMFICTX *ctx)
{
	int fd = stead_accepted();
	struct seat *seat;

	pthread_once(&room.once, dispatch_open);
	if (fd < 0 || room.epoll < 0)
		return stock_start(ctx);
	atomic_store(&room.used, true);
	seat = malloc(sizeof(*seat));
	if (seat) {
		*seat = (struct seat){.ctx = ctx, .fd = fd};
		if (seat_await(seat, EPOLL_CTL_ADD))
			return MI_SUCCESS;
		free(seat);
	}
	/* As good as taken: after some failures libmilter would take no more connections. */
	mi_clr_ctx(ctx);
	return MI_SUCCESS;
}
