/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The filter process: starts the service, runs libmilter in a thread, and waits in the first one
 * for the parent's word to stop.
 */

#include "filter/milter/process.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "filter/milter/conn.h"
#include "postern/arena.h"
#include "postern/clock.h"
#include "postern/log.h"
#include "postern/sandbox.h"

/* Larger packets end the connection; headers of Postfix come close to libmilter's 64 KB. */
#define PACKET_MAX (1024 * 1024)
/* The reply to the last message's end is written after its callback has returned. */
#define LAST_REPLY_TIME (100 * NS_PER_MS)
/* For lines that are not written yet. */
#define LOG_TIME (NS_PER_S)

/*
 * Stacks. libmilter starts and ends threads all the time, and glibc keeps the stacks of ended ones
 * for the next only up to 40 MB: five of the usual 8 MB. Nothing here recurses on what a message
 * holds; only a policy is loaded with a large stack.
 */
#define STACK_BYTES ((size_t)1024 * 1024)
#define STACK_BYTES_RELOAD ((size_t)8 * 1024 * 1024)

struct reloads {
	const struct milter_service *service;
	pthread_mutex_t lock;
	pthread_cond_t asked;
	bool wanted; /* several that come close together are one */
};

static void *run_libmilter(void *unused)
{
	(void)unused;
	if (smfi_main() != MI_SUCCESS)
		log_line(LOG_LEVEL_ERROR, "libmilter cannot serve the socket any more");
	else
		log_line(LOG_LEVEL_ERROR, "libmilter ended unasked");
	log_flush(LOG_TIME);
	_exit(MILTER_FAILED);
}

/* Of all threads that are started from here on without a word about it. */
static void set_stack_size(void)
{
	pthread_attr_t attributes;

	pthread_attr_init(&attributes);
	if (pthread_attr_setstacksize(&attributes, STACK_BYTES) != 0 ||
	    pthread_setattr_default_np(&attributes) != 0)
		log_line(LOG_LEVEL_WARNING, "the threads' stacks have their usual size");
	pthread_attr_destroy(&attributes);
}

static bool start_libmilter(const char *name, int listening)
{
	char conn[32];
	pthread_t thread;

	snprintf(conn, sizeof(conn), "fd:%d", listening);
	(void)smfi_settimeout((int)stead_patience());
	(void)smfi_setmaxdatasize(PACKET_MAX);
	/* Opened here, so that a stop which comes at once finds it open. */
	if (smfi_setconn(conn) != MI_SUCCESS || smfi_register(callbacks_desc(name)) != MI_SUCCESS ||
	    smfi_opensocket(false) != MI_SUCCESS) {
		log_line(LOG_LEVEL_ERROR, "libmilter refuses to serve '%s'", conn);
		return false;
	}
	set_stack_size();
	if (pthread_create(&thread, NULL, run_libmilter, NULL) != 0) {
		log_line(LOG_LEVEL_ERROR, "no thread for libmilter");
		return false;
	}
	pthread_detach(thread);
	return true;
}

/*
 * No connection is taken any more: in the place of the listening socket, whose number libmilter
 * goes on to poll, stands one end of a pair on which nothing ever happens. The socket itself
 * would live on in the poll that is under way, so it is shut down; who waits in its queue is hung
 * up on now, not then. A socket that was lent stays as it is, and who waits there waits for the
 * next process.
 */
static void stop_accepting(int listening, bool lent)
{
	int pair[2], socket = fcntl(listening, F_DUPFD_CLOEXEC, 0), waiting;

	if (socket < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0 ||
	    dup2(pair[0], listening) < 0) {
		log_line(LOG_LEVEL_WARNING, "cannot stop listening: %s", strerror(errno));
		return;
	}
	while (!lent && (waiting = accept(socket, NULL, NULL)) >= 0)
		close(waiting);
	if (!lent)
		shutdown(socket, SHUT_RDWR);
	close(socket);
}

static void *run_reloads(void *handle)
{
	struct reloads *reloads = handle;

	for (;;) {
		pthread_mutex_lock(&reloads->lock);
		while (!reloads->wanted)
			pthread_cond_wait(&reloads->asked, &reloads->lock);
		reloads->wanted = false;
		pthread_mutex_unlock(&reloads->lock);
		reloads->service->reload(reloads->service->ctx);
	}
	return NULL;
}

/* Passes reloads on, in a thread of their own: a stop must not wait for one. */
static void await_end(const struct milter_service *service, int control)
{
	static struct reloads reloads = {.lock = PTHREAD_MUTEX_INITIALIZER,
					 .asked = PTHREAD_COND_INITIALIZER};
	pthread_attr_t attributes;
	pthread_t thread;
	ssize_t n;
	char byte;

	reloads.service = service;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES_RELOAD);
	if (service->reload && pthread_create(&thread, &attributes, run_reloads, &reloads) == 0)
		pthread_detach(thread);
	pthread_attr_destroy(&attributes);
	while ((n = read(control, &byte, 1)) != 0) {
		if (n < 0 && errno != EINTR)
			return;
		if (n < 0)
			continue;
		pthread_mutex_lock(&reloads.lock);
		reloads.wanted = true;
		pthread_cond_signal(&reloads.asked);
		pthread_mutex_unlock(&reloads.lock);
	}
}

/* With what was logged. */
_Noreturn static void end(int status)
{
	log_flush(LOG_TIME);
	_exit(status);
}

/* What this room needs in the sandbox: telling the parent, and connections to our own socket. */
static void confine_milter(struct sandbox *sandbox, int listening, pid_t parent)
{
	const int told[] = {PARENT_RENEW, PARENT_REFRESH, PARENT_NEWS};
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);

	for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++)
		sandbox_signal(sandbox, parent, told[i]);
	if (getsockname(listening, (struct sockaddr *)&address, &length) != 0)
		return;
	if (address.ss_family == AF_INET)
		sandbox_connect(sandbox, ntohs(((struct sockaddr_in *)&address)->sin_port));
	else if (address.ss_family == AF_INET6)
		sandbox_connect(sandbox, ntohs(((struct sockaddr_in6 *)&address)->sin6_port));
}

/* Landlock holds a thread and those that it starts: so before there is a second one. */
static int confine(const struct milter_config *config, void *ctx, int listening, pid_t parent)
{
	struct arena *arena = arena_new(NULL);
	struct sandbox *sandbox = sandbox_new(arena);
	enum sandbox_mode mode = SANDBOX_OFF;
	const char *why = NULL;
	int status;

	confine_milter(sandbox, listening, parent);
	status = config->confine ? config->confine(ctx, sandbox, &mode) : MILTER_OK;
	if (status == MILTER_OK && !sandbox_enter(sandbox, mode, &why)) {
		log_line(LOG_LEVEL_ERROR,
			 "sandbox: %s; nothing is served ('set sandbox off' does without)", why);
		status = MILTER_BROKEN;
	}
	arena_free(&arena);
	return status;
}

_Noreturn void filter_process(const struct milter_config *config,
			      int (*start)(void *ctx, struct milter_service *service_r), void *ctx,
			      const struct filter_ends *ends, pid_t parent)
{
	/* What the threads use may stand here: the process ends before this function does. */
	struct milter_service service = {
	    .control = ends->commands, .metrics = ends->metrics, .companion = ends->companion};
	struct drain drain;
	struct nudge nudge;
	struct timespec pause = {.tv_nsec = LAST_REPLY_TIME};
	int status;

	process_begin(parent);
	pulse_begin(ends->pulse, parent);
	status = confine(config, ctx, ends->listening, parent);
	if (status != MILTER_OK)
		end(status == MILTER_BROKEN ? MILTER_BROKEN : MILTER_FAILED);
	if (!log_start())
		log_line(LOG_LEVEL_WARNING, "no thread for the log: its lines may hold up mail");

	status = start(ctx, &service);
	if (status != MILTER_OK)
		end(status == MILTER_BROKEN ? MILTER_BROKEN : MILTER_FAILED);
	if (!generation_begin(&service, parent) || !drain_init(&drain) ||
	    !nudge_start(&nudge, ends->listening))
		end(MILTER_FAILED);
	conn_set(&service, &drain, &nudge, ends->suspects);
	if (service.ready && !service.ready(service.ctx))
		end(MILTER_FAILED);
	stead_begin(ends->listening, &nudge);
	if (!start_libmilter(config->name, ends->listening))
		end(MILTER_FAILED);
	log_line(LOG_LEVEL_INFO, "serving at %s", config->listen);
	if (ends->beat > 0 && !pulse_start(&nudge, ends->beat))
		end(MILTER_FAILED);
	log_flush(LOG_TIME);
	pulse_serving();

	await_end(&service, ends->control);
	stop_accepting(ends->listening, ends->lent);
	if (!drain_wait(&drain, clock_now(&clock_system) + DRAIN_TIME))
		log_line(LOG_LEVEL_WARNING,
			 "stopped with messages in progress: the MTA defers them");
	nanosleep(&pause, NULL);
	if (service.finish)
		service.finish(service.ctx);
	end(MILTER_OK);
}
