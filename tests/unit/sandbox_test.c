/* SPDX-License-Identifier: BSD-2-Clause */
/* The sandbox from within: each test enters it in a process of its own and tries things there. */

#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <iconv.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "filter/base/confine.h"
#include "postern/mime.h"
#include "postern/str.h"

/* What a process in the sandbox found; the test that forked it says which of them are due. */
static char folder[] = "/tmp/sandbox_test.XXXXXX", told[64], other[64], kept[64];

static bool reads(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static bool writes(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	bool ok = fd >= 0 && write(fd, "x", 1) == 1;

	if (fd >= 0)
		close(fd);
	return ok;
}

static const char *in(const char *directory, const char *name)
{
	static char paths[4][128];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", directory, name);
	return path;
}

/* Runs `tries` in the sandbox; its bits, or -1 where that could not be entered. */
static int inside(struct sandbox *sandbox, int (*tries)(void))
{
	int status = 0;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		const char *why = NULL;

		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		if (sandbox_enter(sandbox, SANDBOX_ON, &why))
			_exit(tries());
		fprintf(stderr, "not entered: %s\n", why);
		_exit(255);
	}
	CHECK(child > 0 && waitpid(child, &status, 0) == child);
	CHECK(WIFEXITED(status));
	return WIFEXITED(status) && WEXITSTATUS(status) != 255 ? WEXITSTATUS(status) : -1;
}

static struct sandbox *usual(struct arena *arena)
{
	struct sandbox *sandbox = sandbox_new(arena);

	sandbox_read(sandbox, told);
	sandbox_write(sandbox, kept);
	sandbox_read(sandbox, "/nowhere/at/all");
	return sandbox;
}

/* ---- files ---- */

static int try_files(void)
{
	return reads(in(told, "file")) << 0 | reads(in(kept, "file")) << 1 |
	       writes(in(kept, "file")) << 2 | writes(in(kept, "new")) << 3 |
	       reads(in(other, "file")) << 4 | writes(in(told, "file")) << 5 |
	       writes(in(told, "new")) << 6;
}

static void files(void)
{
	struct arena *arena = arena_new(NULL);

	if (landlock_version() == 0) {
		SKIP("files: this kernel has no landlock");
	} else {
		CHECK_INT(inside(usual(arena), try_files), SANITIZED ? 31 : 15);
		CHECK(!reads(in(told, "new")) && reads(in(kept, "new")));
	}
	arena_free(&arena);
}

static int try_beside(void)
{
	return reads(in(told, "file")) << 0 | reads(in(told, "link")) << 1 |
	       reads(in(other, "file")) << 2 | sandbox_reads(in(told, "link")) << 3 |
	       sandbox_reads(in(kept, "file")) << 4 | sandbox_reads(in(kept, "missing")) << 5;
}

static void folders_of_files(void)
{
	struct arena *arena = arena_new(NULL);
	struct sandbox *sandbox = sandbox_new(arena);

	if (landlock_version() == 0 || SANITIZED) {
		SKIP("folders of files: this build, or kernel, reads all files");
	} else {
		/* A link leads to `other`, so that is open too; and what is not there is not
		 * hidden. */
		sandbox_read_beside(sandbox, in(told, "link"));
		CHECK_INT(inside(sandbox, try_beside), 1 | 2 | 4 | 8 | 32);
	}
	arena_free(&arena);
}

/* ---- TCP ---- */

static int listening(unsigned *port_r)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	socklen_t length = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK(bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(fd, 8) == 0);
	CHECK(getsockname(fd, (struct sockaddr *)&at, &length) == 0);
	*port_r = ntohs(at.sin_port);
	return fd;
}

static unsigned port_told, port_other;

static bool connects(int kind, unsigned port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, kind, 0);
	bool ok;

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ok = connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0;
	close(fd);
	return ok;
}

static bool binds(int kind)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	int fd = socket(AF_INET, kind, 0);
	bool ok = bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0;

	close(fd);
	return ok;
}

static int try_tcp(void)
{
	return connects(SOCK_STREAM, port_told) << 0 | connects(SOCK_DGRAM, port_other) << 1 |
	       binds(SOCK_DGRAM) << 2 | sandbox_connects(port_told) << 3 |
	       connects(SOCK_STREAM, port_other) << 4 | binds(SOCK_STREAM) << 5 |
	       sandbox_connects(port_other) << 6;
}

static void ports(void)
{
	struct arena *arena = arena_new(NULL);
	struct sandbox *sandbox = usual(arena);
	int one = listening(&port_told), two = listening(&port_other);

	sandbox_connect(sandbox, port_told);
	CHECK_INT(inside(sandbox, try_tcp), landlock_version() >= LANDLOCK_TCP ? 15 : 127);
	close(one);
	close(two);
	arena_free(&arena);
}

/* ---- calls ---- */

static void *nothing(void *handle)
{
	return handle;
}

static bool refused(long result)
{
	return result == -1 && errno == ENOSYS;
}

static int try_calls(void)
{
	static char name[] = "true";
	char *words[] = {name, NULL};
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return refused(execv("/bin/true", words)) << 0 | refused(fork()) << 1 |
	       refused(ptrace(PTRACE_TRACEME, 0, NULL, NULL)) << 2 |
	       refused(socket(AF_NETLINK, SOCK_RAW, 0)) << 3 | refused(kill(getppid(), 0)) << 4 |
	       refused(mprotect(page, 4096, PROT_READ | PROT_EXEC)) << 5 |
	       refused(chmod(told, 0700)) << 6;
}

static int try_needs(void)
{
	pthread_t thread;
	int pair[2];
	bool threads =
	    pthread_create(&thread, NULL, nothing, NULL) == 0 && pthread_join(thread, NULL) == 0;

	return threads << 0 | (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0) << 1 |
	       (kill(getppid(), SIGURG) == 0) << 2 | (raise(SIGURG) == 0) << 3 |
	       (kill(getppid(), SIGWINCH) != 0) << 4;
}

static void calls(void)
{
	struct arena *arena = arena_new(NULL);
	struct sandbox *sandbox = usual(arena);

	if (!calls_offered() || SANITIZED) {
		SKIP("calls: this build, or kernel, makes others too");
	} else {
		CHECK_INT(inside(usual(arena), try_calls), 127);
		sandbox_signal(sandbox, getpid(), SIGURG);
		CHECK_INT(inside(sandbox, try_needs), 31);
	}
	arena_free(&arena);
}

static bool maps(int protection, int flags, int fd)
{
	return mmap(NULL, 4096, protection, flags, fd, 0) != MAP_FAILED;
}

static int try_execution(void)
{
	int all = PROT_READ | PROT_WRITE | PROT_EXEC, anonymous = MAP_PRIVATE | MAP_ANONYMOUS;
	int fd = open(in(kept, "file"), O_RDWR | O_CLOEXEC);
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, anonymous, -1, 0);

	return maps(all, anonymous, -1) << 0 |
	       (strstr(sandbox_state(), "memory is executable") != NULL) << 1 |
	       refused(mprotect(page, 4096, PROT_READ | PROT_EXEC)) << 2 |
	       !maps(all, MAP_PRIVATE, fd) << 3 |
	       !maps(PROT_READ | PROT_EXEC, MAP_PRIVATE, fd) << 4 |
	       !maps(all, MAP_SHARED | MAP_ANONYMOUS, -1) << 5 | (fd >= 0) << 6;
}

/* On request, memory that is no file's, and nothing else. */
static void execution(void)
{
	struct arena *arena = arena_new(NULL);
	struct sandbox *sandbox = usual(arena);

	if (!calls_offered() || SANITIZED) {
		SKIP("execution: this build, or kernel, makes other calls too");
	} else {
		CHECK_INT(inside(usual(arena), try_execution), 127 - 1 - 2);
		sandbox_execute(sandbox);
		CHECK_INT(inside(sandbox, try_execution), 127);
	}
	arena_free(&arena);
}

/* ---- charsets, whose libraries cannot be loaded inside ---- */

static int try_charsets(void)
{
	static const char *const some[] = {"iso-8859-2", "windows-1251", "koi8-r",     "shift_jis",
					   "gb18030",    "big5",         "iso-2022-jp"};
	int found = 0;

	for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++)
		found |= (iconv_open("UTF-8", some[i]) != (iconv_t)-1) << i;
	return found;
}

static void charsets(void)
{
	struct arena *arena = arena_new(NULL);

	mime_init_confined();
	CHECK_INT(inside(usual(arena), try_charsets), 127);
	arena_free(&arena);
}

/* ---- that it holds ---- */

static int try_again(void)
{
	return attempts_made(&(struct sandbox){0}, landlock_version(), calls_offered()) == NULL;
}

static int state_said(void)
{
	return strcmp(sandbox_state(), "none") != 0 && !sandbox_partial();
}

static int sockets(void)
{
	int local = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0),
	    four = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0),
	    six = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return (local >= 0) | (four >= 0) << 1 | (six >= 0) << 2;
}

/* Who does not speak to the network gets no sockets for it; the log has its own. */
static void offline(void)
{
	struct arena *arena = arena_new(NULL);
	struct sandbox *sandbox = usual(arena);
	char text[100];

	sandbox_offline(sandbox);
	if (sandbox_offered(text, sizeof(text)))
		CHECK_INT(inside(sandbox, sockets), 1);
	CHECK_INT(sockets() & 3, 3);
	arena_free(&arena);
}

static void proof(void)
{
	struct arena *arena = arena_new(NULL);
	char text[100];

	CHECK_INT(inside(usual(arena), try_again), 1);
	CHECK_STR(str_of(sandbox_state()), "none");
	CHECK(sandbox_reads("/etc/passwd") && sandbox_connects(1));
	CHECK_INT(inside(usual(arena), state_said), sandbox_offered(text, sizeof(text)));
	arena_free(&arena);
}

/* Without one, each of them is seen. */
static void attempts_see(void)
{
	struct sandbox free = {.executes = true}, bound = {0};
	const char *seen;

	CHECK_INT(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	CHECK(attempts_made(&free, 0, true) != NULL);
	seen = attempts_made(&bound, 1, false);
	CHECK(seen && strstr(seen, SANITIZED ? "files" : "root folder"));
}

static void make(const char *path)
{
	CHECK(mkdir(path, 0700) == 0);
	CHECK(writes(in(path, "file")));
}

int main(void)
{
	if (!mkdtemp(folder))
		return 1;
	snprintf(told, sizeof(told), "%s/told", folder);
	snprintf(other, sizeof(other), "%s/other", folder);
	snprintf(kept, sizeof(kept), "%s/kept", folder);
	make(told);
	make(other);
	make(kept);
	CHECK(symlink("../other/file", in(told, "link")) == 0);
	signal(SIGURG, SIG_IGN);
	RUN(files);
	RUN(folders_of_files);
	RUN(ports);
	RUN(calls);
	RUN(execution);
	RUN(charsets);
	RUN(offline);
	RUN(proof);
	RUN(attempts_see);
	for (size_t i = 0; i < 3; i++) {
		const char *folders[] = {told, other, kept};

		unlink(in(folders[i], "file"));
		unlink(in(folders[i], "new"));
		unlink(in(folders[i], "link"));
		rmdir(folders[i]);
	}
	rmdir(folder);
	return unit_done();
}
