/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POSTERN_SANDBOX_H
#define POSTERN_SANDBOX_H

/*
 * A sandbox for a process that faces strangers' bytes. What it will need is named beforehand, then
 * it is entered once, for good, by the only thread there is:
 *
 *   struct sandbox *sandbox = sandbox_new(arena);
 *   sandbox_read(sandbox, "/etc/postern");
 *   sandbox_write(sandbox, "/var/lib/postern/journal");
 *   sandbox_connect(sandbox, 53);
 *   if (!sandbox_enter(sandbox, SANDBOX_ON, &why))
 *           ... do not go on ...
 *
 * Two parts of the kernel hold it. Landlock: nothing but the named folders and files is opened,
 * nothing is started, and, from version 4 of its interface on, TCP goes to the named ports only
 * and is bound nowhere. A filter of system calls (seccomp): what is not on its list answers
 * ENOSYS; no memory becomes executable (but see sandbox_execute), no other process is made, no
 * signal goes to others. Descriptors that are open already go on to work, whatever they are.
 *
 * A call that is refused fails, it does not end the process: a refusal does no harm by itself, and
 * a call that a new libc prefers is then a fallback within libc, not mail that waits.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "postern/arena.h"

enum sandbox_mode {
	SANDBOX_OFF,      /* nothing is done */
	SANDBOX_ON,       /* what the kernel has */
	SANDBOX_REQUIRED, /* both parts, or a failure */
};

struct sandbox_path {
	const char *path;
	bool writable;
};

struct sandbox_signal {
	pid_t process;
	int number;
};

struct sandbox {
	struct arena *arena;
	VEC(struct sandbox_path) paths;
	VEC(unsigned) ports;
	VEC(struct sandbox_signal) signals;
	bool executes, offline;
};

struct sandbox *sandbox_new(struct arena *arena);
/* A file, or a folder with all below it; what is not there is passed over. */
void sandbox_read(struct sandbox *sandbox, const char *path);
/*
 * The folder of a file, so that the file may be replaced; where it is a link, that of its target
 * too. Of files in the root folder, the file alone.
 */
void sandbox_read_beside(struct sandbox *sandbox, const char *file);
/* A folder in which files are made and changed; or a device. */
void sandbox_write(struct sandbox *sandbox, const char *path);
/* TCP to that port of any host. */
void sandbox_connect(struct sandbox *sandbox, unsigned port);
/* kill() of that process with that signal. */
void sandbox_signal(struct sandbox *sandbox, pid_t process, int number);

/* New memory that is written and executed, as code that is made at run time wants it. */
void sandbox_execute(struct sandbox *sandbox);

/* No sockets but local ones; those that are there are not touched. */
void sandbox_offline(struct sandbox *sandbox);

/*
 * Enters, then tries what must fail. False: *why_r (static, or of the sandbox's arena) says what
 * is missing or does not hold, and the process must end: some of it may be in force. Call with
 * PR_SET_NO_NEW_PRIVS set. The paths are as the process sees them; `sandbox` may go afterwards.
 */
bool sandbox_enter(const struct sandbox *sandbox, enum sandbox_mode mode, const char **why_r);
/* What is in force in this process: "landlock 7, seccomp 120 calls", "none"; behind that
 * "memory is executable" where it is, on request. */
const char *sandbox_state(void);
/* Some part that was wanted is not in force, because the kernel does not have it. */
bool sandbox_partial(void);
/* Was that path to be read? True without a sandbox. */
bool sandbox_reads(const char *path);
/* May TCP go to that port? True where nothing holds it back. */
bool sandbox_connects(unsigned port);
/* What this kernel has, as sandbox_state() would say it. True: both parts. */
bool sandbox_offered(char *text, size_t size);

#endif
