/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The filter of system calls, through libseccomp, whose only user this file is. The list is what
 * libc, libmilter, libunbound, LMDB and libmicrohttpd call, and what they may come to call in
 * another version; some calls are allowed with certain arguments only.
 */

#include "filter/base/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))
#define WORD UINT64_C(0xffffffff)

#define NAMESPACES                                                                                 \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |             \
	 CLONE_NEWPID | CLONE_NEWNET | CLONE_PTRACE | CLONE_PARENT | CLONE_VFORK)

static const char *const plain[] = {
    /* descriptors */
    "read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "preadv2", "pwritev",
    "pwritev2", "lseek", "_llseek", "close", "dup", "dup2", "dup3", "pipe", "pipe2", "eventfd",
    "eventfd2", "poll", "ppoll", "select", "_newselect", "pselect6", "epoll_create",
    "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2",
    /* files, as far as landlock lets them be opened */
    "open", "openat", "stat", "stat64", "lstat", "lstat64", "fstat", "fstat64", "newfstatat",
    "fstatat64", "statx", "statfs", "statfs64", "fstatfs", "fstatfs64", "access", "faccessat",
    "faccessat2", "readlink", "readlinkat", "getcwd", "getdents", "getdents64", "mkdir", "mkdirat",
    "rename", "renameat", "renameat2", "unlink", "unlinkat", "fsync", "fdatasync", "msync",
    "ftruncate", "ftruncate64", "fallocate", "fadvise64", "flock",
    /* sockets, of the families below */
    "connect", "bind", "listen", "accept", "accept4", "getsockname", "getpeername", "getsockopt",
    "setsockopt", "send", "sendto", "sendmsg", "sendmmsg", "recv", "recvfrom", "recvmsg",
    "recvmmsg", "shutdown",
    /* memory */
    "brk", "munmap", "mremap", "madvise", "mincore",
    /* threads */
    "futex", "futex_time64", "set_robust_list", "get_robust_list", "set_tid_address", "rseq",
    "membarrier", "exit", "exit_group", "sched_yield", "sched_getaffinity", "sched_getparam",
    "sched_getscheduler", "getcpu", "restart_syscall",
    /* who we are */
    "getpid", "getppid", "gettid", "getuid", "geteuid", "getgid", "getegid", "getresuid",
    "getresgid", "getrlimit", "ugetrlimit", "getrusage", "sysinfo", "uname", "times",
    /* signals to ourselves */
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigreturn", "rt_sigpending",
    "rt_sigtimedwait", "rt_sigsuspend", "sigaltstack", "pause",
    /* time and chance */
    "clock_gettime", "clock_gettime64", "clock_getres", "clock_nanosleep", "clock_nanosleep_time64",
    "nanosleep", "gettimeofday", "time", "getrandom"};

/* What only the runtimes of sanitizers call. */
static const char *const sanitizers[] = {"arch_prctl", "personality", "process_vm_readv",
					 "ptrace",     "wait4",       "waitid",
					 "clone",      "clone3",      "fork",
					 "vfork",      "execve",      "kill",
					 "tgkill",     "tkill",       "prctl",
					 "prlimit64",  "setrlimit",   "mmap",
					 "mprotect"};

/* A call with certain arguments. */
struct narrow {
	const char *name;
	unsigned count;
	struct scmp_arg_cmp arguments[2];
	enum { ALWAYS, TO_EXECUTE, ONLINE } where; /* is it allowed */
};

#define EQUAL(n, value)                                                                            \
	{                                                                                          \
		(n), SCMP_CMP_MASKED_EQ, WORD, (scmp_datum_t)(value)&WORD                          \
	}
#define MASKED(n, mask, value)                                                                     \
	{                                                                                          \
		(n), SCMP_CMP_MASKED_EQ, (mask), (value)                                           \
	}
#define WITHOUT(n, bits)                                                                           \
	{                                                                                          \
		(n), SCMP_CMP_MASKED_EQ, (scmp_datum_t)(bits), 0                                   \
	}
#define ZERO(n)                                                                                    \
	{                                                                                          \
		(n), SCMP_CMP_EQ, 0, 0                                                             \
	}
#define ONE(name, argument)                                                                        \
	{                                                                                          \
		name, 1, {argument}, ALWAYS                                                        \
	}
#define TWO(name, a, b)                                                                            \
	{                                                                                          \
		name, 2, {a, b}, ALWAYS                                                            \
	}
/* Of 32 bits and of 64. */
#define FCNTL(command) ONE("fcntl", EQUAL(1, command)), ONE("fcntl64", EQUAL(1, command))
/* A thread of ours: same memory, same process, no namespace. */
#define THREAD (CLONE_VM | CLONE_SIGHAND | CLONE_THREAD)

#define PROT_ALL (PROT_READ | PROT_WRITE | PROT_EXEC)
/* How PCRE2 gets memory for machine code: no file's, and all of it at once. */
#define CODE(name)                                                                                 \
	{                                                                                          \
		name, 2, {EQUAL(2, PROT_ALL), EQUAL(3, MAP_PRIVATE | MAP_ANONYMOUS)}, TO_EXECUTE   \
	}
#define NETWORK(family)                                                                            \
	{                                                                                          \
		"socket", 1, {EQUAL(0, family)}, ONLINE                                            \
	}

static const struct narrow narrows[] = {
    ONE("socket", EQUAL(0, AF_UNIX)),
    NETWORK(AF_INET),
    NETWORK(AF_INET6),
    ONE("socketpair", EQUAL(0, AF_UNIX)),
    ONE("mmap", WITHOUT(2, PROT_EXEC)),
    CODE("mmap"),
    ONE("mmap2", WITHOUT(2, PROT_EXEC)),
    CODE("mmap2"),
    ONE("mprotect", WITHOUT(2, PROT_EXEC)),
    ONE("clone", MASKED(0, THREAD | NAMESPACES, THREAD)),
    /* The same for a descriptor as for a file: how much is there, and whether it is a terminal. */
    ONE("ioctl", EQUAL(1, FIONREAD)),
    ONE("ioctl", EQUAL(1, FIONBIO)),
    ONE("ioctl", EQUAL(1, TCGETS)),
    /* Locks and flags; not whose signal tells of a descriptor. */
    FCNTL(F_DUPFD),
    FCNTL(F_DUPFD_CLOEXEC),
    FCNTL(F_GETFD),
    FCNTL(F_SETFD),
    FCNTL(F_GETFL),
    FCNTL(F_SETFL),
    FCNTL(F_GETLK),
    FCNTL(F_SETLK),
    FCNTL(F_SETLKW),
    /* Limits are read, not set. */
    TWO("prlimit64", EQUAL(0, 0), ZERO(2)),
    ONE("prctl", EQUAL(0, PR_SET_NAME)),
    ONE("prctl", EQUAL(0, PR_GET_NAME)),
    ONE("prctl", EQUAL(0, PR_SET_VMA)),
    ONE("prctl", EQUAL(0, PR_GET_DUMPABLE)),
    ONE("prctl", EQUAL(0, PR_GET_NO_NEW_PRIVS)),
};

static bool listed(const char *const *list, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(list[i], name) == 0)
			return true;
	return false;
}

bool calls_offered(void)
{
	/* There is no filter at this address, which only a kernel that has them finds out. */
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL, 0, 0) != 0 && errno == EFAULT;
}

/* A filter that is being made. */
struct making {
	scmp_filter_ctx filter;
	const char *last; /* that was allowed */
	int calls, error;
};

/* A call that this machine does not have is none of the list's: nobody can make it. */
static void allow(struct making *making, const char *name, unsigned count,
		  const struct scmp_arg_cmp *arguments)
{
	int number = seccomp_syscall_resolve_name(name);

	if (number < 0 || making->error != 0)
		return;
	making->error =
	    seccomp_rule_add_array(making->filter, SCMP_ACT_ALLOW, number, count, arguments);
	making->calls += strcmp(making->last, name) != 0;
	making->last = name;
}

static void allow_narrow(struct making *making, const struct narrow *narrow)
{
	if (!SANITIZED || !listed(sanitizers, COUNT(sanitizers), narrow->name))
		allow(making, narrow->name, narrow->count, narrow->arguments);
}

static void allow_signals(struct making *making, const struct sandbox *sandbox)
{
	struct narrow own = ONE("tgkill", EQUAL(0, getpid()));

	allow_narrow(making, &own);
	for (size_t i = 0; i < sandbox->signals.count; i++) {
		const struct sandbox_signal *signal = &sandbox->signals.items[i];
		struct narrow to = TWO("kill", EQUAL(0, signal->process), EQUAL(1, signal->number));

		allow_narrow(making, &to);
	}
}

static void allow_all(struct making *making, const struct sandbox *sandbox)
{
	for (size_t i = 0; i < COUNT(plain); i++)
		allow(making, plain[i], 0, NULL);
	for (size_t i = 0; i < COUNT(narrows); i++)
		if (narrows[i].where == ALWAYS ||
		    (narrows[i].where == TO_EXECUTE && sandbox->executes) ||
		    (narrows[i].where == ONLINE && !sandbox->offline))
			allow_narrow(making, &narrows[i]);
	allow_signals(making, sandbox);
	for (size_t i = 0; SANITIZED && i < COUNT(sanitizers); i++)
		allow(making, sanitizers[i], 0, NULL);
}

int calls_enter(const struct sandbox *sandbox)
{
	struct making making = {.filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS)), .last = ""};

	if (!making.filter)
		return -ENOMEM;
	/*
	 * Calls of another architecture have other numbers: who makes them means no good. Where a
	 * filter around this one keeps seccomp(2) from us, the thread is ended, not the process.
	 */
	(void)seccomp_attr_set(making.filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	/* A thread that a sanitizer started is not left out. */
	(void)seccomp_attr_set(making.filter, SCMP_FLTATR_CTL_TSYNC, 1);
	/* A tree, not a list. */
	(void)seccomp_attr_set(making.filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	allow_all(&making, sandbox);
	if (making.error == 0)
		making.error = seccomp_load(making.filter);
	seccomp_release(making.filter);
	return making.error < 0 ? making.error : making.calls;
}
