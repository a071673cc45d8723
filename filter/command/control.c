/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control socket, in the filter process: one line asks ("status", "stats", "reload"), one JSON
 * object answers, and the connection is over. Who may connect is a matter of the socket's mode.
 */

#include "filter/command/server.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "config.h"
#include "filter/command/json.h"
#include "postern/journal.h"
#include "postern/sandbox.h"

#define REQUEST_MOST 64
/* A reload compiles a policy, whose conditions may nest deep. */
#define STACK_BYTES ((size_t)8 * 1024 * 1024)
#define CLIENT_SECONDS 5
/* While descriptors are exhausted accept() fails at once. */
#define ACCEPT_PAUSE (100 * NS_PER_MS)

static struct {
	const struct server *server;
	int fd;
} room; /* set before threads start, constant from then on */

static json_t *object_journal(void)
{
	struct keeper_counts counts;

	if (!room.server->keeper)
		return json_null();
	keeper_counts(room.server->keeper, &counts);
	return json_pack("{s:o,s:I,s:I,s:I}", "path", json_text(room.server->journal), "written",
			 (json_int_t)counts.written, "dropped", (json_int_t)counts.dropped,
			 "queued", (json_int_t)counts.queued);
}

static const char *resolver_name(const struct reloads *reloads)
{
	if (room.server->dns)
		return room.server->dns;
	return reloads->resolver[0] ? reloads->resolver : "of the system";
}

static json_t *object_status(void)
{
	struct reloads reloads;
	int64_t now = clock_time(&clock_system);
	json_t *last = json_null(), *object;

	reload_state(&reloads);
	if (reloads.last != 0)
		last = json_pack("{s:I,s:b,s:o}", "time", (json_int_t)reloads.last, "ok",
				 reloads.last_good, "text", json_text(reloads.last_text));
	object = json_pack(
	    "{s:s,s:I,s:I,s:I,s:{s:s,s:o},s:I,s:{s:I,s:I,s:o}}", "version", PACKAGE_VERSION, "pid",
	    (json_int_t)getpid(), "started", (json_int_t)room.server->started, "uptime",
	    (json_int_t)(now - room.server->started), "policy", "id", reloads.policy, "path",
	    json_text(room.server->path), "sessions", (json_int_t)milter_sessions(), "reloads",
	    "good", (json_int_t)reloads.good, "bad", (json_int_t)reloads.bad, "last", last);
	json_object_set_new(object, "resolver", json_text(resolver_name(&reloads)));
	json_object_set_new(object, "journal", object_journal());
	json_object_set_new(object, "sandbox", json_text(sandbox_state()));
	free(reloads.last_text);
	return object;
}

static json_t *object_reload(void)
{
	struct reloads reloads;
	json_t *object;
	char *text;
	bool ok = reload_now(&text);

	reload_state(&reloads);
	object = json_pack("{s:b,s:s,s:o}", "ok", ok, "policy", reloads.policy, "text",
			   json_text(text ? text : "out of memory\n"));
	free(text);
	free(reloads.last_text);
	return object;
}

static json_t *answer(const char *request)
{
	if (strcmp(request, "status") == 0)
		return object_status();
	if (strcmp(request, "stats") == 0)
		return statistics_object(room.server);
	if (strcmp(request, "reload") == 0)
		return object_reload();
	return json_pack("{s:s}", "error", "no such request");
}

/* A line without its end; false: it is none, or does not come. */
static bool read_line(int fd, char *line, size_t size)
{
	size_t n = 0;

	while (n < size) {
		ssize_t got = read(fd, line + n, 1);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		if (line[n] == '\n') {
			line[n] = '\0';
			return true;
		}
		n++;
	}
	return false;
}

static void write_all(int fd, const char *text)
{
	size_t left = strlen(text);

	while (left > 0) {
		ssize_t n = send(fd, text, left, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		text += n;
		left -= (size_t)n;
	}
}

static void *client_run(void *handle)
{
	struct timeval limit = {.tv_sec = CLIENT_SECONDS};
	int fd = *(int *)handle;
	char line[REQUEST_MOST], *text = NULL;
	json_t *object;

	free(handle);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (read_line(fd, line, sizeof(line))) {
		object = answer(line);
		text = object ? json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER) : NULL;
		json_decref(object);
	}
	if (text) {
		write_all(fd, text);
		write_all(fd, "\n");
	}
	free(text);
	close(fd);
	return NULL;
}

static void client_start(int fd)
{
	int *handle = malloc(sizeof(*handle));
	pthread_attr_t attributes;
	pthread_t thread;

	if (handle) {
		*handle = fd;
		pthread_attr_init(&attributes);
		pthread_attr_setstacksize(&attributes, STACK_BYTES);
		if (pthread_create(&thread, &attributes, client_run, handle) == 0) {
			pthread_detach(thread);
			return;
		}
	}
	free(handle);
	close(fd);
}

static void *control_run(void *unused)
{
	struct timespec pause = {.tv_nsec = ACCEPT_PAUSE};
	struct pollfd at = {.fd = room.fd, .events = POLLIN};

	(void)unused;
	for (;;) {
		int fd = accept4(room.fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd >= 0)
			client_start(fd);
		else if (errno == EAGAIN)
			(void)poll(&at, 1, -1);
		else
			nanosleep(&pause, NULL);
	}
	return NULL;
}

bool control_start(const struct server *server, int fd)
{
	pthread_t thread;

	room.server = server;
	room.fd = fd;
	if (pthread_create(&thread, NULL, control_run, NULL) != 0)
		return false;
	pthread_detach(thread);
	return true;
}
