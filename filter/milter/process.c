/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parent: binds, drops privileges, keeps one filter process alive, and turns signals into an
 * orderly end. It handles signals one at a time, as they are waited for, never in a handler.
 */

#include "filter/milter/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "postern/arena.h"
#include "postern/clock.h"
#include "postern/log.h"
#include "postern/service.h"

/* What a filter process gets beyond the time to drain before it is killed. */
#define STOP_MARGIN (2 * NS_PER_S)
/* And one that was killed, to be gone. */
#define KILL_TIME (1 * NS_PER_S)
/* The second socket is for root, for the daemon's own user and for its group. */
#define CONTROL_MODE 0660

/* Of the time in which the watchdog wants a sign of life. */
#define BEATS 4

struct parent {
	const struct milter_config *config;
	int (*start)(void *ctx, struct milter_service *service_r);
	void *ctx;
	struct listener listener, commands, metrics;
	struct pulse *pulse;
	struct heard heard;
	int64_t beat;     /* how often the service manager hears that all is well; 0: never */
	sigset_t signals; /* blocked, and waited for */
	struct restart restart;
	struct suspects *suspects;
	pid_t child;     /* 0: none */
	int control;     /* writing end of the child's pipe; -1: none */
	int64_t started; /* when the child was forked */
	int64_t due;     /* when the next is to be, without a child */
};

static void close_if_open(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void process_fork(struct parent *p)
{
	int ends[2] = {-1, -1};
	pid_t self = getpid(), child;

	p->started = clock_now(&clock_system);
	child = pipe2(ends, O_CLOEXEC) == 0 ? fork() : -1;
	if (child < 0) {
		log_line(LOG_LEVEL_ERROR, "no filter process: %s", strerror(errno));
		close_if_open(&ends[0]);
		close_if_open(&ends[1]);
		p->due = p->started + RESTART_MOST;
		return;
	}
	if (child == 0) {
		close_if_open(&ends[1]);
		close_if_open(&p->listener.lock);
		close_if_open(&p->commands.lock);
		close_if_open(&p->metrics.lock);
		filter_process(p->config, p->start, p->ctx,
			       &(struct filter_ends){.listening = p->listener.fd,
						     .commands = p->commands.fd,
						     .metrics = p->metrics.fd,
						     .control = ends[0],
						     .suspects = p->suspects,
						     .lent = p->listener.lent,
						     .pulse = p->pulse,
						     .beat = p->beat},
			       self);
	}
	close_if_open(&ends[0]);
	p->control = ends[1];
	p->child = child;
}

/* Waits for one of the signals, at most until `deadline` (0: forever). 0: it is past. */
static int process_signal(const struct parent *p, int64_t deadline)
{
	int64_t left = deadline == 0 ? 0 : deadline - clock_now(&clock_system);
	struct timespec wait;
	int number;

	do {
		if (deadline != 0 && left < 0)
			left = 0;
		wait = (struct timespec){.tv_sec = (time_t)(left / NS_PER_S),
					 .tv_nsec = (long)(left % NS_PER_S)};
		number = sigtimedwait(&p->signals, NULL, deadline == 0 ? NULL : &wait);
		left = deadline == 0 ? 0 : deadline - clock_now(&clock_system);
	} while (number < 0 && errno == EINTR);
	return number > 0 ? number : 0;
}

/* The child's status if it has ended. */
static bool process_ended(struct parent *p, int *status_r)
{
	if (p->child == 0 || waitpid(p->child, status_r, WNOHANG) != p->child)
		return false;
	p->child = 0;
	close_if_open(&p->control);
	return true;
}

static void process_crashed(struct parent *p, pid_t child, int status)
{
	int64_t now = clock_now(&clock_system);
	int64_t delay = restart_delay(&p->restart, now, now - p->started);

	p->due = now + delay;
	if (WIFSIGNALED(status)) {
		log_line(
		    LOG_LEVEL_ERROR,
		    "filter process %ld was ended by signal %d (%s); the next starts in %ld ms",
		    (long)child, WTERMSIG(status), strsignal(WTERMSIG(status)),
		    (long)(delay / NS_PER_MS));
	} else {
		log_line(LOG_LEVEL_ERROR,
			 "filter process %ld ended with status %d; the next starts in %ld ms",
			 (long)child, WEXITSTATUS(status), (long)(delay / NS_PER_MS));
	}
	suspects_crashed(p->suspects);
}

static void process_renew(struct parent *p, bool tables_only)
{
	if (p->config->renew)
		p->config->renew(p->ctx, tables_only);
}

/* The filter process reloads; without one, the next begins with what is found now. */
static void process_reload(struct parent *p)
{
	if (p->child == 0)
		process_renew(p, false);
	else if (write(p->control, "r", 1) < 0)
		log_line(LOG_LEVEL_ERROR, "no reload: %s", strerror(errno));
}

/* When to wake without a signal: to start a filter process, or for the watchdog. 0: never. */
static int64_t process_next(const struct parent *p)
{
	int64_t beat = p->beat > 0 ? clock_now(&clock_system) + p->beat : 0;

	if (p->child != 0)
		return beat;
	return beat > 0 && beat < p->due ? beat : p->due;
}

/* Until told to stop (MILTER_OK) or the first filter process says that there is no use. */
static int process_watch(struct parent *p)
{
	for (;;) {
		pid_t child;
		int status, number;

		if (p->child == 0 && clock_now(&clock_system) >= p->due)
			process_fork(p);
		number = process_signal(p, process_next(p));
		switch (number) {
		case SIGTERM:
		case SIGINT:
			return MILTER_OK;
		case SIGHUP:
		case SIGUSR1:
			process_reload(p);
			break;
		case PARENT_RENEW:
		case PARENT_REFRESH:
			process_renew(p, number == PARENT_REFRESH);
			break;
		}
		pulse_tell(p->pulse, &p->heard, p->config, p->ctx);
		child = p->child;
		if (!process_ended(p, &status))
			continue;
		/* Once one has served, what is in the way of the next may go again. */
		if (WIFEXITED(status) && WEXITSTATUS(status) == MILTER_BROKEN &&
		    atomic_load(&p->pulse->serving) == 0) {
			log_line(LOG_LEVEL_ERROR, "the filter process cannot start: giving up");
			return MILTER_BROKEN;
		}
		process_crashed(p, child, status);
	}
}

/* Has the child ended by then? */
static bool process_await(struct parent *p, int64_t time)
{
	int64_t deadline = clock_now(&clock_system) + time;
	int status;

	while (!process_ended(p, &status)) {
		if (clock_now(&clock_system) >= deadline)
			return false;
		(void)process_signal(p, deadline);
	}
	return true;
}

/* The socket goes first, so that MTAs come to nothing, or to a successor, at once. */
static void process_stop(struct parent *p)
{
	listener_remove(&p->listener);
	close_if_open(&p->listener.fd);
	listener_remove(&p->commands);
	close_if_open(&p->commands.fd);
	listener_remove(&p->metrics);
	close_if_open(&p->metrics.fd);
	if (p->child == 0)
		return;
	close_if_open(&p->control);
	if (process_await(p, DRAIN_TIME + STOP_MARGIN))
		return;
	log_line(LOG_LEVEL_WARNING, "the filter process does not end: killed");
	kill(p->child, SIGKILL);
	/* One that waits for a dead disk ends when the disk answers, and nobody waits for that. */
	if (!process_await(p, KILL_TIME))
		log_line(LOG_LEVEL_ERROR,
			 "filter process %ld was killed and has not ended: it waits for a disk",
			 (long)p->child);
}

/* Where the MTAs come: what the service manager passed, else what the policy says. */
static bool process_listen(struct parent *p, struct arena *arena, uid_t owner)
{
	const char *why = NULL;
	int passed = service_socket(&why);

	if (passed >= 0) {
		listener_lent(passed, &p->listener);
		return true;
	}
	if (passed == -1 && listener_open(arena, p->config->listen, p->config->group,
					  p->config->mode, owner, &p->listener, &why))
		return true;
	log_line(LOG_LEVEL_ERROR, "cannot listen at '%s': %s", p->config->listen, why);
	return false;
}

/* A socket that the daemon can do without. */
static void process_open(struct arena *arena, const char *where, uid_t owner, const char *lost,
			 struct listener *listener)
{
	const char *why = NULL;

	if (where && !listener_open(arena, where, NULL, CONTROL_MODE, owner, listener, &why))
		log_line(LOG_LEVEL_WARNING, "%s: '%s': %s", lost, where, why);
}

static bool process_prepare(struct parent *p, struct arena *arena)
{
	struct identity identity;
	const char *why = NULL;
	uid_t owner;

	privilege_descriptors();
	if (!privilege_find(arena, p->config->user, &identity, &why)) {
		log_line(LOG_LEVEL_ERROR, "%s", why);
		return false;
	}
	owner = identity.user ? identity.uid : OWNER_NONE;
	/* The socket for MTAs comes last: when it answers, all of them do. */
	process_open(arena, p->config->control, owner,
		     "cannot be commanded by 'postern reload' and its like", &p->commands);
	process_open(arena, p->config->metrics, owner, "there are no metrics", &p->metrics);
	if (!process_listen(p, arena, owner))
		return false;
	if (!privilege_drop(&identity, &why)) {
		log_line(LOG_LEVEL_ERROR, "cannot become user '%s': %s", identity.user, why);
		return false;
	}
	if (!privilege_harden()) {
		log_line(LOG_LEVEL_ERROR, "cannot give up privileges: %s", strerror(errno));
		return false;
	}
	return true;
}

int milter_run(const struct milter_config *config,
	       int (*start)(void *ctx, struct milter_service *service_r), void *ctx)
{
	const int waited_for[] = {SIGTERM, SIGINT,       SIGHUP,         SIGUSR1,
				  SIGCHLD, PARENT_RENEW, PARENT_REFRESH, PARENT_NEWS};
	struct parent p = {.config = config,
			   .start = start,
			   .ctx = ctx,
			   .control = -1,
			   .listener = {.fd = -1, .lock = -1},
			   .commands = {.fd = -1, .lock = -1},
			   .metrics = {.fd = -1, .lock = -1},
			   .pulse = pulse_new(),
			   .beat = service_watchdog() / BEATS};
	struct arena *arena = arena_new(NULL);
	int result = MILTER_BROKEN;
	sigset_t before;

	sigemptyset(&p.signals);
	for (size_t i = 0; i < sizeof(waited_for) / sizeof(waited_for[0]); i++)
		sigaddset(&p.signals, waited_for[i]);
	sigprocmask(SIG_BLOCK, &p.signals, &before);
	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_IGN); /* of a filter process that has just gone */
	p.suspects = suspects_new();
	if (!p.pulse)
		log_line(LOG_LEVEL_ERROR, "no memory to share: %s", strerror(errno));
	else if (process_prepare(&p, arena)) {
		result = process_watch(&p);
		if (result == MILTER_OK) {
			log_line(LOG_LEVEL_INFO, "stopping");
			service_tell("STOPPING=1\nSTATUS=stopping");
		}
		process_stop(&p);
	}
	listener_remove(&p.listener);
	listener_close(&p.listener);
	listener_remove(&p.commands);
	listener_close(&p.commands);
	suspects_free(&p.suspects);
	listener_remove(&p.metrics);
	listener_close(&p.metrics);
	/* What a filter process said at its very end would end this one, too. */
	signal(PARENT_RENEW, SIG_IGN);
	signal(PARENT_REFRESH, SIG_IGN);
	signal(PARENT_NEWS, SIG_IGN);
	sigprocmask(SIG_SETMASK, &before, NULL);
	arena_free(&arena);
	return result;
}
