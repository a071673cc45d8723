/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The listening socket. For a unix socket a lock file keeps a second instance away, and a
 * connection is tried before a path is removed: libmilter itself would remove a live socket, and
 * at its end the socket of its successor.
 */

#include "filter/milter/process.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "postern/arena.h"
#include "postern/str.h"

/* A full queue makes connect() fail at once, and Postfix answers 451 without waiting. */
#define BACKLOG 4096

#define MODE_BITS 0777

static bool fail(const char **why_r, const char *why)
{
	*why_r = why;
	return false;
}

static bool fail_errno(struct arena *arena, const char **why_r, const char *doing, const char *what)
{
	const char *error = strerror(errno);

	return fail(why_r, str_printf(arena, "%s '%s': %s", doing, what, error).s);
}

bool endpoint_parse(const char *text, struct endpoint *endpoint_r, const char **why_r)
{
	struct str whole = str_of(text), kind, rest;
	ptrdiff_t colon = str_chr(whole, ':'), at;
	uint64_t port;

	memset(endpoint_r, 0, sizeof(*endpoint_r));
	if (colon < 0)
		return fail(why_r, "say unix:PATH, inet:PORT@HOST or inet6:PORT@HOST");
	kind = str_sub(whole, 0, (size_t)colon);
	rest = str_sub(whole, (size_t)colon + 1, whole.n);

	if (str_caseeq(kind, STR("unix")) || str_caseeq(kind, STR("local"))) {
		if (rest.n == 0)
			return fail(why_r, "the path is missing: unix:PATH");
		if (rest.n > SOCKET_PATH_MAX)
			return fail(why_r, "the path is too long for a socket (107 bytes)");
		endpoint_r->family = AF_UNIX;
		memcpy(endpoint_r->path, rest.s, rest.n);
		return true;
	}
	if (str_caseeq(kind, STR("inet")))
		endpoint_r->family = AF_INET;
	else if (str_caseeq(kind, STR("inet6")))
		endpoint_r->family = AF_INET6;
	else
		return fail(why_r, "say unix:PATH, inet:PORT@HOST or inet6:PORT@HOST");

	/* Without a host libmilter would listen everywhere, which a filter must not do unasked. */
	at = str_chr(rest, '@');
	if (at < 0 || (size_t)at + 1 == rest.n)
		return fail(why_r, "the host is missing: inet:PORT@HOST");
	if (!str_uint(str_sub(rest, 0, (size_t)at), 65535, &port) || port == 0)
		return fail(why_r, "the port is a number from 1 to 65535");
	endpoint_r->port = (unsigned)port;
	rest = str_sub(rest, (size_t)at + 1, rest.n);
	if (rest.n > 2 && rest.s[0] == '[' && rest.s[rest.n - 1] == ']')
		rest = str_sub(rest, 1, rest.n - 2);
	if (rest.n >= sizeof(endpoint_r->host))
		return fail(why_r, "the host name is too long");
	memcpy(endpoint_r->host, rest.s, rest.n);
	return true;
}

bool milter_listen_ok(const char *text, const char **why_r)
{
	struct endpoint endpoint;

	return endpoint_parse(text, &endpoint, why_r);
}

static bool is_loopback(const struct endpoint *endpoint)
{
	struct in6_addr six;
	struct in_addr four;

	if (endpoint->family == AF_INET && inet_pton(AF_INET, endpoint->host, &four) == 1)
		return ntohl(four.s_addr) >> 24 == IN_LOOPBACKNET;
	if (endpoint->family == AF_INET6 && inet_pton(AF_INET6, endpoint->host, &six) == 1)
		return IN6_IS_ADDR_LOOPBACK(&six);
	return strcasecmp(endpoint->host, "localhost") == 0;
}

bool milter_listen_local(const char *text)
{
	struct endpoint endpoint;
	const char *why;

	return endpoint_parse(text, &endpoint, &why) &&
	       (endpoint.family == AF_UNIX || is_loopback(&endpoint));
}

void listener_lent(int fd, struct listener *listener_r)
{
	*listener_r = (struct listener){.fd = fd, .lock = -1, .lent = true};
}

static bool open_inet(struct arena *arena, const struct endpoint *endpoint,
		      struct listener *listener, const char **why_r)
{
	struct addrinfo hints = {.ai_family = endpoint->family, .ai_socktype = SOCK_STREAM};
	struct addrinfo *found;
	char port[8];
	int on = 1, error;
	bool ok;

	snprintf(port, sizeof(port), "%u", endpoint->port);
	error = getaddrinfo(endpoint->host, port, &hints, &found);
	if (error != 0)
		return fail(
		    why_r,
		    str_printf(arena, "host '%s': %s", endpoint->host, gai_strerror(error)).s);
	listener->fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ok = listener->fd >= 0 &&
	     setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	     bind(listener->fd, found->ai_addr, found->ai_addrlen) == 0;
	if (!ok)
		fail_errno(arena, why_r, "port",
			   str_printf(arena, "%s@%s", port, endpoint->host).s);
	freeaddrinfo(found);
	return ok;
}

static void address_of(const char *path, struct sockaddr_un *address)
{
	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	memcpy(address->sun_path, path, strlen(path));
}

static bool take_lock(struct arena *arena, const char *path, uid_t owner, int *lock_r,
		      const char **why_r)
{
	const char *name = str_printf(arena, "%s.lock", path).s;
	struct stat st;
	int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);

	if (fd < 0)
		return fail_errno(arena, why_r, "lock file", name);
	*lock_r = fd;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return fail(why_r, str_printf(arena, "lock file '%s' is not a file", name).s);
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK)
			return fail_errno(arena, why_r, "lock file", name);
		return fail(why_r,
			    str_printf(arena, "'%s' is in use: '%s' is held by another instance",
				       path, name)
				.s);
	}
	if (owner != OWNER_NONE && fchown(fd, owner, (gid_t)-1) != 0)
		return fail_errno(arena, why_r, "lock file", name);
	return true;
}

/* Does somebody answer there? Only a refused connection proves that nobody does. */
static bool remove_stale(struct arena *arena, const char *path, const char **why_r)
{
	struct sockaddr_un address;
	struct stat st;
	int fd, refused;

	if (lstat(path, &st) != 0)
		return errno == ENOENT || fail_errno(arena, why_r, "socket", path);
	if (!S_ISSOCK(st.st_mode))
		return fail(
		    why_r,
		    str_printf(arena, "'%s' is there, is not a socket, and is left alone", path).s);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fail_errno(arena, why_r, "socket", path);
	address_of(path, &address);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 || errno == EAGAIN) {
		close(fd);
		return fail(
		    why_r,
		    str_printf(arena, "'%s' is in use: a live process answers there", path).s);
	}
	refused = errno;
	close(fd);
	if (refused == ENOENT)
		return true;
	if (refused != ECONNREFUSED) {
		errno = refused;
		return fail_errno(arena, why_r, "socket", path);
	}
	return unlink(path) == 0 || errno == ENOENT || fail_errno(arena, why_r, "socket", path);
}

static bool open_unix(struct arena *arena, const char *path, const char *group, unsigned mode,
		      uid_t owner, struct listener *listener, const char **why_r)
{
	const struct group *entry = NULL;
	struct sockaddr_un address;
	struct stat st;
	mode_t mask;
	bool bound;

	if (group && !(entry = getgrnam(group)))
		return fail(why_r, str_printf(arena, "there is no group '%s'", group).s);
	if (!take_lock(arena, path, owner, &listener->lock, why_r) ||
	    !remove_stale(arena, path, why_r))
		return false;
	listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener->fd < 0)
		return fail_errno(arena, why_r, "socket", path);
	address_of(path, &address);
	/* The mode is right from the first moment; owner and group before anybody can connect. */
	mask = umask(MODE_BITS & ~mode);
	bound = bind(listener->fd, (struct sockaddr *)&address, sizeof(address)) == 0;
	umask(mask);
	if (!bound || lstat(path, &st) != 0)
		return fail_errno(arena, why_r, "socket", path);
	memcpy(listener->path, path, strlen(path) + 1);
	listener->device = st.st_dev;
	listener->inode = st.st_ino;
	if ((entry || owner != OWNER_NONE) &&
	    lchown(path, owner, entry ? entry->gr_gid : (gid_t)-1) != 0)
		return fail_errno(arena, why_r, "owner or group of", path);
	return true;
}

bool listener_open(struct arena *arena, const char *where, const char *group, unsigned mode,
		   uid_t owner, struct listener *listener_r, const char **why_r)
{
	struct endpoint endpoint;
	bool ok;

	memset(listener_r, 0, sizeof(*listener_r));
	listener_r->fd = listener_r->lock = -1;
	if (!endpoint_parse(where, &endpoint, why_r))
		return false;
	ok = endpoint.family == AF_UNIX
		 ? open_unix(arena, endpoint.path, group, mode, owner, listener_r, why_r)
		 : open_inet(arena, &endpoint, listener_r, why_r);
	if (ok && listen(listener_r->fd, BACKLOG) != 0)
		ok = fail_errno(arena, why_r, "listening at", where);
	if (!ok) {
		listener_remove(listener_r);
		listener_close(listener_r);
	}
	return ok;
}

void listener_remove(struct listener *listener)
{
	struct stat st;

	if (listener->path[0] != '\0' && lstat(listener->path, &st) == 0 &&
	    st.st_dev == listener->device && st.st_ino == listener->inode)
		unlink(listener->path);
	listener->path[0] = '\0';
}

void listener_close(struct listener *listener)
{
	if (listener->fd >= 0)
		close(listener->fd);
	if (listener->lock >= 0)
		close(listener->lock);
	listener->fd = listener->lock = -1;
}
