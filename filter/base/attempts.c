/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tries what a sandbox must not let anybody do: a rule that was taken but does not hold is found
 * out before the first stranger is. What would do harm if it worked is asked for with arguments
 * for which the kernel itself has another answer than the filter.
 */

#include "filter/base/confine.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DISCARD_PORT 9

/* Was it opened? Then it is shut again. */
static bool opened(int fd)
{
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static bool listed(void)
{
	return opened(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static bool written(void)
{
	return opened(open("/", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)) ||
	       opened(open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
}

/* Should it work, the shell is who speaks, and ends as a filter process that cannot start does. */
static bool started(void)
{
	static char name[] = "sh", option[] = "-c",
		    text[] = "echo 'postern: the sandbox lets programs be started' >&2; exit 2";
	char *const words[] = {name, option, text, NULL};

	return execve("/bin/sh", words, words + 3) == 0;
}

static bool tcp(int (*call)(int fd, const struct sockaddr *address, socklen_t length),
		unsigned port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool refused;

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0)
		return false;
	refused = call(fd, (const struct sockaddr *)&to, sizeof(to)) != 0 && errno == EACCES;
	close(fd);
	return !refused;
}

static bool bound(void)
{
	return tcp(bind, 0);
}

static bool connected(void)
{
	return !sandbox_connects(DISCARD_PORT) && tcp(connect, DISCARD_PORT);
}

/* ---- calls: that the filter answers is seen by its errno ---- */

static bool passes(long result)
{
	return result != -1 || errno != ENOSYS;
}

static bool executed(void)
{
	void *page =
	    mmap(NULL, 1, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return false;
	munmap(page, 1);
	return true;
}

static bool made_executable(void)
{
	void *page = mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool done;

	if (page == MAP_FAILED)
		return false;
	done = mprotect(page, 1, PROT_READ | PROT_EXEC) == 0;
	munmap(page, 1);
	return done;
}

/* That there is no such descriptor is what the kernel would say. */
static bool mapped(void)
{
	return passes((long)mmap(NULL, 1, PROT_READ | PROT_EXEC, MAP_PRIVATE, -1, 0));
}

static bool forked(void)
{
	long child = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);

	if (child == 0)
		_exit(0);
	return child > 0;
}

static bool traced(void)
{
	return passes(ptrace(PTRACE_PEEKDATA, getppid(), NULL, NULL));
}

static bool raw(void)
{
	return opened(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0)) ||
	       passes(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
}

static bool networked(void)
{
	return opened(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) ||
	       opened(socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

static bool signalled(void)
{
	return passes(kill(getppid(), 0));
}

static bool program_called(void)
{
	return passes(syscall(SYS_execve, "", NULL, NULL));
}

static bool namespaced(void)
{
	return passes(syscall(SYS_unshare, 0));
}

static bool privileged(void)
{
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1;
}

const char *attempts_made(const struct sandbox *sandbox, int landlock, bool calls)
{
	const struct {
		const char *text;
		bool (*done)(void);
		bool due;
	} attempts[] = {
	    {"programs can be called", program_called, calls && !SANITIZED},
	    {"processes can be traced", traced, calls && !SANITIZED},
	    {"processes can be made", forked, calls && !SANITIZED},
	    {"signals can be sent to others", signalled, calls && !SANITIZED},
	    {"memory can be written and executed", executed,
	     calls && !sandbox->executes && !SANITIZED},
	    {"files can be executed from memory", mapped, calls && !SANITIZED},
	    {"memory can be made executable", made_executable, calls && !SANITIZED},
	    {"sockets of other families can be made", raw, calls},
	    {"sockets of the network can be made", networked, calls && sandbox->offline},
	    {"namespaces can be left", namespaced, calls},
	    {"privileges can be gained", privileged, true},
	    {"the root folder can be listed", listed, landlock > 0 && !SANITIZED},
	    {"files can be made elsewhere", written, landlock > 0},
	    {"TCP ports can be bound", bound, landlock >= LANDLOCK_TCP},
	    {"TCP can go to any port", connected, landlock >= LANDLOCK_TCP},
	    {"programs can be started", started, landlock > 0 && !SANITIZED},
	};

	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++)
		if (attempts[i].due && attempts[i].done())
			return attempts[i].text;
	return NULL;
}
