/* SPDX-License-Identifier: BSD-2-Clause */
/* Where to listen: what is understood, what is refused, and what becomes of what is there. */

#include "unit.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "filter/milter/process.h"
#include "postern/arena.h"
#include "postern/clock.h"
#include "postern/str.h"

static struct endpoint endpoint;
static const char *why;

static void unix_paths(void)
{
	char longest[5 + SOCKET_PATH_MAX + 2] = "unix:";

	CHECK(endpoint_parse("unix:/run/x y:z", &endpoint, &why));
	CHECK_INT(endpoint.family, AF_UNIX);
	CHECK_STR(str_of(endpoint.path), "/run/x y:z");
	CHECK(endpoint_parse("LOCAL:s", &endpoint, &why));
	CHECK_STR(str_of(endpoint.path), "s");
	memset(longest + 5, 'x', SOCKET_PATH_MAX);
	CHECK(endpoint_parse(longest, &endpoint, &why));
	longest[5 + SOCKET_PATH_MAX] = 'x';
	CHECK(!endpoint_parse(longest, &endpoint, &why));
}

static void inet_hosts(void)
{
	CHECK(endpoint_parse("inet:8891@localhost", &endpoint, &why));
	CHECK_INT(endpoint.family, AF_INET);
	CHECK_INT(endpoint.port, 8891);
	CHECK_STR(str_of(endpoint.host), "localhost");
	CHECK(endpoint_parse("inet6:65535@[::1]", &endpoint, &why));
	CHECK_INT(endpoint.family, AF_INET6);
	CHECK_STR(str_of(endpoint.host), "::1");
	CHECK(endpoint_parse("inet6:1@::1", &endpoint, &why));
	CHECK_STR(str_of(endpoint.host), "::1");
}

static void nonsense(void)
{
	static const char *const texts[] = {
	    "",          ":",         "x",       "/run/s",  "unix",     "unix:",        "tcp:1@h",
	    "inet:",     "inet:1",    "inet:@h", "inet:1@", "inet:0@h", "inet:65536@h", "inet:-1@h",
	    "inet:1x@h", "inet: 1@h", "fd:3"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		why = NULL;
		CHECK(!endpoint_parse(texts[i], &endpoint, &why));
		CHECK(why && *why);
	}
}

static void opened_and_removed(void)
{
	struct arena *arena = arena_new(NULL);
	char folder[] = "/tmp/milter_socket_XXXXXX";
	struct listener first, second;
	const char *where;
	struct stat st;
	int stale;

	CHECK(mkdtemp(folder) != NULL);
	where = str_printf(arena, "unix:%s/s", folder).s;
	CHECK(listener_open(arena, where, NULL, 0660, OWNER_NONE, &first, &why));
	CHECK(lstat(where + 5, &st) == 0 && S_ISSOCK(st.st_mode));
	CHECK_INT(st.st_mode & 0777, 0660);

	/* While it is held, and while it merely answers. */
	CHECK(!listener_open(arena, where, NULL, 0660, OWNER_NONE, &second, &why));
	CHECK(str_has(str_of(why), STR(".lock' is held")));
	CHECK_INT(second.fd, -1);
	close(first.lock);
	first.lock = -1;
	CHECK(!listener_open(arena, where, NULL, 0660, OWNER_NONE, &second, &why));
	CHECK(str_has(str_of(why), STR("a live process answers")));
	CHECK(lstat(where + 5, &st) == 0);

	/* A dead one is replaced; the first one's end does not remove its successor. */
	stale = first.fd;
	first.fd = -1;
	close(stale);
	CHECK(listener_open(arena, where, NULL, 0600, OWNER_NONE, &second, &why));
	CHECK(lstat(where + 5, &st) == 0);
	CHECK_INT(st.st_mode & 0777, 0600);
	if (first.device != second.device || first.inode != second.inode) {
		listener_remove(&first);
		CHECK(lstat(where + 5, &st) == 0);
	}
	listener_remove(&second);
	CHECK(lstat(where + 5, &st) != 0);
	listener_close(&first);
	listener_close(&second);
	unlink(str_printf(arena, "%s.lock", where + 5).s);
	CHECK_INT(rmdir(folder), 0);
	arena_free(&arena);
}

static void crashes(void)
{
	struct restart restart = {.count = 0};
	int64_t now = 1000 * NS_PER_S;
	static const int delays[] = {0, 0, 0, 0, 0, 500, 1000, 2000, 4000, 5000, 5000};

	for (size_t i = 0; i < sizeof(delays) / sizeof(delays[0]); i++) {
		CHECK_INT(restart_delay(&restart, now, NS_PER_S) / NS_PER_MS, delays[i]);
		now += NS_PER_S;
	}
	/* One that lived makes up for it. */
	now += RESTART_WINDOW;
	CHECK_INT(restart_delay(&restart, now, RESTART_WINDOW), 0);
	/* Now and then is no row. */
	for (int i = 0; i < 20; i++) {
		now += 3 * NS_PER_S;
		CHECK_INT(restart_delay(&restart, now, 3 * NS_PER_S), 0);
	}
}

static void drained(void)
{
	struct drain drain;

	CHECK(drain_init(&drain));
	CHECK(drain_enter(&drain));
	CHECK(drain_enter(&drain));
	drain_leave(&drain);
	CHECK(!drain_wait(&drain, clock_now(&clock_system) + 10 * NS_PER_MS));
	CHECK(!drain_enter(&drain));
	drain_leave(&drain);
	CHECK(drain_wait(&drain, 0));
}

int main(void)
{
	RUN(unix_paths);
	RUN(inet_hosts);
	RUN(nonsense);
	RUN(opened_and_removed);
	RUN(crashes);
	RUN(drained);
	return unit_done();
}
