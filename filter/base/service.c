/* SPDX-License-Identifier: BSD-2-Clause */
/* The service manager's protocols, as sd_notify(3) and sd_listen_fds(3) write them down. */

#include "postern/service.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "postern/clock.h"

#define FIRST_DESCRIPTOR 3
#define MESSAGE_MOST 1024

void service_tell(const char *fmt, ...)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	size_t n = path ? strlen(path) : 0;
	char message[MESSAGE_MOST];
	va_list args;
	int fd;

	/* A path, or with '@' a name that is in no folder. */
	if (n < 2 || n >= sizeof(to.sun_path) || (path[0] != '/' && path[0] != '@'))
		return;
	va_start(args, fmt);
	vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);
	memcpy(to.sun_path, path, n);
	if (path[0] == '@')
		to.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	(void)sendto(fd, message, strlen(message), MSG_NOSIGNAL, (struct sockaddr *)&to,
		     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n));
	close(fd);
}

/* A number in the environment; -1: it is not there. */
static long long environment(const char *name)
{
	const char *text = getenv(name);
	char *end;
	long long number;

	if (!text || *text < '0' || *text > '9')
		return -1;
	errno = 0;
	number = strtoll(text, &end, 10);
	return errno != 0 || *end != '\0' ? -1 : number;
}

int64_t service_watchdog(void)
{
	long long microseconds = environment("WATCHDOG_USEC"), pid = environment("WATCHDOG_PID");

	if (microseconds <= 0 || microseconds > INT64_MAX / 1000 || (pid >= 0 && pid != getpid()))
		return 0;
	return microseconds * 1000;
}

int service_socket(const char **why_r)
{
	int fd = FIRST_DESCRIPTOR, listening = 0, type = 0, flags;
	socklen_t size = sizeof(int);

	if (environment("LISTEN_PID") != getpid() || environment("LISTEN_FDS") < 1)
		return -1;
	*why_r = "the socket that was passed is no listening stream socket";
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0 || !listening)
		return -2;
	size = sizeof(int);
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_STREAM)
		return -2;
	*why_r = "more than one socket was passed";
	if (environment("LISTEN_FDS") > 1)
		return -2;
	*why_r = "the socket that was passed cannot be used";
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
		return -2;
	return fd;
}
