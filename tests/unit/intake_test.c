/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is read ahead: each byte comes once and in order, by whatever name of libc's it is asked
 * for, the end comes behind all of them, and other descriptors and threads see nothing of it.
 */

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "filter/milter/process.h"
#include "tests/unit/unit.h"

/* As what was built with _FORTIFY_SOURCE calls them. */
int __poll_chk(struct pollfd *fds, nfds_t count, int timeout, size_t room);
ssize_t __read_chk(int fd, void *to, size_t most, size_t room);

static struct intake intake;
static int ours, theirs; /* two ends of a connection */

static void opened(void)
{
	int pair[2];

	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	ours = pair[0];
	theirs = pair[1];
	intake_begin(&intake, ours);
}

static void shut(void)
{
	intake_end();
	close(ours);
	close(theirs);
}

static void say(const char *text)
{
	CHECK_INT(write(theirs, text, strlen(text)), strlen(text));
}

/* Is there something, or the end? Only that is told, never an error. */
static bool asked(void)
{
	struct pollfd at = {.fd = ours, .events = POLLIN};
	int count = poll(&at, 1, 0);

	CHECK_INT(at.revents, count == 1 ? POLLIN : 0);
	return count == 1;
}

static struct str got(size_t most)
{
	static char text[64];
	ssize_t n = read(ours, text, most);

	return n < 0 ? STR("an error") : (struct str){text, (size_t)n};
}

static void each_byte_once(void)
{
	opened();
	CHECK(!asked() && !intake_pending(&intake));
	say("abcdef");
	CHECK(asked() && intake_pending(&intake));
	CHECK_STR(got(2), "ab");
	CHECK(asked());
	say("gh");
	CHECK_STR(got(3), "cde");
	CHECK(asked());
	/* A piece at a time: what came later is not there before what came first is gone. */
	CHECK_STR(got(20), "f");
	CHECK(!intake_pending(&intake));
	CHECK(asked());
	CHECK_STR(got(20), "gh");
	CHECK(!asked());
	shut();
}

static void unasked(void)
{
	opened();
	say("abc");
	CHECK_STR(got(2), "ab");
	CHECK(!intake_pending(&intake));
	CHECK(asked());
	CHECK_STR(got(2), "c");
	shut();
}

static void the_end_comes_last(void)
{
	opened();
	say("abc");
	CHECK(asked());
	CHECK(shutdown(theirs, SHUT_WR) == 0);
	CHECK_STR(got(2), "ab");
	CHECK(asked());
	CHECK_STR(got(2), "c");
	CHECK(asked() && asked());
	CHECK_STR(got(2), "");
	CHECK_STR(got(2), "");
	/* The other way is open yet. */
	CHECK_INT(write(ours, "x", 1), 1);
	shut();
	opened();
	say("abc");
	close(theirs);
	CHECK(asked());
	CHECK_STR(got(9), "abc");
	CHECK(asked());
	CHECK_STR(got(9), "");
	shut();
}

static void by_names_of_a_hardened_library(void)
{
	struct pollfd at = {.events = POLLIN};
	char text[8] = "";

	opened();
	say("abcd");
	at.fd = ours;
	CHECK_INT(__poll_chk(&at, 1, 0, sizeof(at)), 1);
	CHECK_INT(__read_chk(ours, text, 2, sizeof(text)), 2);
	CHECK_STR(str_of(text), "ab");
	CHECK_INT(__read_chk(ours, text, 4, sizeof(text)), 2);
	CHECK_STR(str_of(text), "cd");
	shut();
}

static void more_than_there_is_room_for(void)
{
	static char text[sizeof(intake.bytes) + 100];
	size_t sent = 0, heard = 0;

	opened();
	for (ssize_t n = 1; n > 0; sent += n > 0 ? (size_t)n : 0) {
		memset(text, (int)('a' + sent % 26), sizeof(text));
		n = send(theirs, text, sizeof(text), MSG_DONTWAIT);
	}
	CHECK(sent > sizeof(text));
	while (asked())
		heard += got(64).n;
	CHECK_INT(heard, sent);
	shut();
}

static void *elsewhere(void *unused)
{
	struct pollfd at = {.fd = ours, .events = POLLIN};

	(void)unused;
	/* All of it is in the hands of the thread that serves. */
	return poll(&at, 1, 0) == 0 ? &ours : NULL;
}

static void others(void)
{
	struct pollfd two[2] = {{.events = POLLIN}, {.events = POLLIN}};
	pthread_t thread;
	void *untouched;
	int pair[2];

	opened();
	say("abc");
	CHECK(asked());
	CHECK(pthread_create(&thread, NULL, elsewhere, NULL) == 0);
	CHECK(pthread_join(thread, &untouched) == 0 && untouched);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	two[0].fd = pair[0];
	two[1].fd = pair[1];
	CHECK_INT(write(pair[1], "y", 1), 1);
	CHECK_INT(poll(two, 2, 1000), 1);
	CHECK_INT(two[0].revents, POLLIN);
	CHECK_INT(read(pair[0], &(char){0}, 1), 1);
	CHECK_INT(poll(two, 1, 0), 0);
	close(pair[0]);
	close(pair[1]);
	CHECK_STR(got(9), "abc");
	shut();
	errno = 0;
	CHECK(read(-1, &(char){0}, 1) == -1 && errno == EBADF);
}

int main(void)
{
	RUN(each_byte_once);
	RUN(unasked);
	RUN(the_end_comes_last);
	RUN(by_names_of_a_hardened_library);
	RUN(more_than_there_is_room_for);
	RUN(others);
	return unit_done();
}
