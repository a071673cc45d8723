/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parent: binds, drops privileges, keeps one filter process and its companion alive, and turns
 * signals into an orderly end. It handles signals one at a time, as they are waited for, never in a
 * handler.
 */

#include "filter/milter/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "postern/arena.h"
#include "postern/clock.h"
#include "postern/log.h"
#include "postern/service.h"

/* What a filter process gets beyond the time to drain before it is killed. */
#define STOP_MARGIN (3 * NS_PER_S)
/* And one that was killed, to be gone. */
#define KILL_TIME (1 * NS_PER_S)
/* For lines that are not written yet. */
#define LOG_TIME (NS_PER_S)

/* Of the time in which the watchdog wants a sign of life. */
#define BEATS 4

struct parent {
	const struct milter_config *config;
	int (*start)(void *ctx, struct milter_service *service_r);
	void *ctx;
	struct listeners listeners;
	struct pulse *pulse;
	struct heard heard;
	int64_t beat;     /* how often the service manager hears that all is well; 0: never */
	sigset_t signals; /* blocked, and waited for */
	struct restart restart;
	struct suspects *suspects;
	struct companion companion;
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

/*
 * Signals that libmilter takes for a stop are ignored before it starts a thread: Linux drops a
 * signal to a process that its first thread ignores, so only the parent decides.
 */
void process_begin(pid_t parent)
{
	const int ignored[] = {SIGTERM,      SIGINT,         SIGHUP,      SIGUSR1,
			       PARENT_RENEW, PARENT_REFRESH, PARENT_NEWS, SIGPIPE};
	sigset_t none;

	/* The parent may have died before the first of these two lines. */
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != parent)
		_exit(MILTER_FAILED);
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* No stranger comes to the companion. */
static void process_fork_companion(struct parent *p)
{
	pid_t self = getpid();
	int status;

	if (companion_fork(&p->companion) != 0)
		return;
	listeners_unlock(&p->listeners);
	listeners_shut(&p->listeners);
	close_if_open(&p->control);
	close_if_open(&p->companion.ends[0]);
	process_begin(self);
	status = p->config->companion(p->ctx, p->companion.ends[1]);
	log_flush(LOG_TIME);
	_exit(status);
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
		listeners_unlock(&p->listeners);
		close_if_open(&p->companion.ends[1]);
		filter_process(p->config, p->start, p->ctx,
			       &(struct filter_ends){.listening = p->listeners.mtas.fd,
						     .commands = p->listeners.commands.fd,
						     .metrics = p->listeners.metrics.fd,
						     .companion = p->companion.ends[0],
						     .control = ends[0],
						     .suspects = p->suspects,
						     .lent = p->listeners.mtas.lent,
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

static int64_t earlier(int64_t a, int64_t b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

/* When to wake without a signal: to start a process, or for the watchdog. 0: never. */
static int64_t process_next(const struct parent *p)
{
	int64_t next = p->beat > 0 ? clock_now(&clock_system) + p->beat : 0;

	if (p->child == 0)
		next = earlier(next, p->due);
	if (companion_wanted(&p->companion))
		next = earlier(next, p->companion.due);
	return next;
}

/* Until told to stop (MILTER_OK) or the first filter process says that there is no use. */
static int process_watch(struct parent *p)
{
	for (;;) {
		pid_t child;
		int status, number;

		if (companion_wanted(&p->companion) && clock_now(&clock_system) >= p->companion.due)
			process_fork_companion(p);
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
		(void)companion_ended(&p->companion, p->config->companion_name);
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

static bool filter_gone(struct parent *p)
{
	int status;

	return process_ended(p, &status);
}

static bool companion_gone(struct parent *p)
{
	return p->companion.child == 0 || companion_ended(&p->companion, p->config->companion_name);
}

/* Is that child gone by then? */
static bool process_await(struct parent *p, bool (*gone)(struct parent *p), int64_t time)
{
	int64_t deadline = clock_now(&clock_system) + time;

	while (!gone(p)) {
		if (clock_now(&clock_system) >= deadline)
			return false;
		(void)process_signal(p, deadline);
	}
	return true;
}

/* One that waits for a dead disk ends when the disk answers, and nobody waits for that. */
static void process_end(struct parent *p, const char *name, pid_t child,
			bool (*gone)(struct parent *p), int64_t time)
{
	if (child == 0 || process_await(p, gone, time))
		return;
	log_line(LOG_LEVEL_WARNING, "the %s process does not end: killed", name);
	kill(child, SIGKILL);
	if (!process_await(p, gone, KILL_TIME))
		log_line(LOG_LEVEL_ERROR,
			 "%s process %ld was killed and has not ended: it waits for a disk", name,
			 (long)child);
}

/* The socket goes first, so that MTAs come to nothing, or to a successor, at once. */
static void process_stop(struct parent *p)
{
	listeners_remove(&p->listeners);
	listeners_shut(&p->listeners);
	close_if_open(&p->control);
	process_end(p, "filter", p->child, filter_gone, DRAIN_TIME + STOP_MARGIN);
	companion_close(&p->companion);
	process_end(p, p->config->companion_name, p->companion.child, companion_gone, STOP_MARGIN);
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
	if (!listeners_open(&p->listeners, arena, p->config, owner))
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
			   .listeners = {LISTENER_NONE, LISTENER_NONE, LISTENER_NONE},
			   .companion = {.ends = {-1, -1}},
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
		if (config->companion)
			companion_open(&p.companion);
		result = process_watch(&p);
		if (result == MILTER_OK) {
			log_line(LOG_LEVEL_INFO, "stopping");
			service_tell("STOPPING=1\nSTATUS=stopping");
		}
		process_stop(&p);
	}
	listeners_close(&p.listeners);
	suspects_free(&p.suspects);
	/* What a filter process said at its very end would end this one, too. */
	signal(PARENT_RENEW, SIG_IGN);
	signal(PARENT_REFRESH, SIG_IGN);
	signal(PARENT_NEWS, SIG_IGN);
	sigprocmask(SIG_SETMASK, &before, NULL);
	arena_free(&arena);
	return result;
}
