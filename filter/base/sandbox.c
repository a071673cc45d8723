/* SPDX-License-Identifier: BSD-2-Clause */
/* The sandbox: what a process will need, and leaving everything else behind. */

#include "filter/base/confine.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/str.h"

#define STATE_MOST 160

/* What is in force; set before there are threads, constant from then on. */
static struct {
	struct arena *arena; /* lives as long as the process */
	VEC(struct str) roots;
	VEC(unsigned) ports;
	bool paths_held, ports_held, partial;
	char state[STATE_MOST];
} room = {.state = "none"};

struct sandbox *sandbox_new(struct arena *arena)
{
	struct sandbox *sandbox = arena_new_of(arena, struct sandbox);

	sandbox->arena = arena;
	return sandbox;
}

static void add_path(struct sandbox *sandbox, struct str path, bool writable)
{
	*vec_push(sandbox->arena, &sandbox->paths) =
	    (struct sandbox_path){str_dup(sandbox->arena, path).s, writable};
}

void sandbox_read(struct sandbox *sandbox, const char *path)
{
	add_path(sandbox, str_of(path), false);
}

/* All files are below the root folder: of one that lies there its name alone counts. */
static void read_folder(struct sandbox *sandbox, const char *file)
{
	const char *slash = strrchr(file, '/');
	struct str folder = slash ? (struct str){file, (size_t)(slash - file)} : STR(".");
	char real[PATH_MAX];

	if (folder.n == 0 ||
	    (realpath(str_dup(sandbox->arena, folder).s, real) && strcmp(real, "/") == 0))
		folder = str_of(file);
	add_path(sandbox, folder, false);
}

void sandbox_read_beside(struct sandbox *sandbox, const char *file)
{
	char real[PATH_MAX];

	read_folder(sandbox, file);
	if (realpath(file, real))
		read_folder(sandbox, real);
}

void sandbox_write(struct sandbox *sandbox, const char *path)
{
	add_path(sandbox, str_of(path), true);
}

void sandbox_connect(struct sandbox *sandbox, unsigned port)
{
	*vec_push(sandbox->arena, &sandbox->ports) = port;
}

void sandbox_signal(struct sandbox *sandbox, pid_t process, int number)
{
	*vec_push(sandbox->arena, &sandbox->signals) = (struct sandbox_signal){process, number};
}

void sandbox_execute(struct sandbox *sandbox)
{
	sandbox->executes = true;
}

void sandbox_offline(struct sandbox *sandbox)
{
	sandbox->offline = true;
}

/* ---- what is in force ---- */

const char *sandbox_state(void)
{
	return room.state;
}

bool sandbox_partial(void)
{
	return room.partial;
}

static void remember(const struct sandbox *sandbox, int landlock)
{
	char real[PATH_MAX];

	room.arena = arena_new(NULL);
	room.paths_held = landlock > 0 && !SANITIZED;
	room.ports_held = landlock >= LANDLOCK_TCP;
	for (size_t i = 0; i < sandbox->paths.count; i++)
		if (realpath(sandbox->paths.items[i].path, real))
			*vec_push(room.arena, &room.roots) = str_dup(room.arena, str_of(real));
	for (size_t i = 0; i < sandbox->ports.count; i++)
		*vec_push(room.arena, &room.ports) = sandbox->ports.items[i];
}

bool sandbox_reads(const char *path)
{
	char real[PATH_MAX];
	struct str text;

	if (!room.paths_held || !realpath(path, real))
		return true;
	text = str_of(real);
	for (size_t i = 0; i < room.roots.count; i++) {
		struct str root = room.roots.items[i];

		if (str_starts(text, root) && (text.n == root.n || text.s[root.n] == '/'))
			return true;
	}
	return false;
}

bool sandbox_connects(unsigned port)
{
	for (size_t i = 0; i < room.ports.count; i++)
		if (room.ports.items[i] == port)
			return true;
	return !room.ports_held;
}

/* ---- entering ---- */

static void tell(char *text, size_t size, int landlock, int calls, bool executes)
{
	char files[40] = "no landlock", filter[40] = "no seccomp";

	if (landlock > 0)
		snprintf(files, sizeof(files), "landlock %d%s", landlock,
			 landlock >= LANDLOCK_TCP ? "" : " (TCP is free)");
	if (calls > 0)
		snprintf(filter, sizeof(filter), "seccomp %d calls", calls);
	snprintf(text, size, "%s, %s%s%s", files, filter,
		 executes && calls > 0 ? ", memory is executable" : "",
		 SANITIZED ? ", both with room for the sanitizer" : "");
}

static bool fail(const struct sandbox *sandbox, const char **why_r, const char *what, int error)
{
	*why_r = str_printf(sandbox->arena, "%s: %s", what, strerror(error)).s;
	return false;
}

bool sandbox_enter(const struct sandbox *sandbox, enum sandbox_mode mode, const char **why_r)
{
	int landlock = mode == SANDBOX_OFF ? 0 : landlock_version(), calls = 0;
	const char *done;

	if (mode == SANDBOX_OFF)
		return true;
	if (landlock > 0 && !landlock_enter(sandbox, landlock))
		return fail(sandbox, why_r, "landlock", errno);
	remember(sandbox, landlock);
	if (calls_offered())
		calls = calls_enter(sandbox);
	if (calls < 0)
		return fail(sandbox, why_r, "seccomp", -calls);
	room.partial = landlock == 0 || calls == 0;
	tell(room.state, sizeof(room.state), landlock, calls, sandbox->executes);
	if (room.partial && mode == SANDBOX_REQUIRED) {
		*why_r = landlock == 0 ? "this kernel has no landlock"
				       : "this kernel filters no system calls";
		return false;
	}
	done = attempts_made(sandbox, landlock, calls > 0);
	if (!done)
		return true;
	*why_r = str_printf(sandbox->arena, "it does not hold: %s", done).s;
	return false;
}

bool sandbox_offered(char *text, size_t size)
{
	int landlock = landlock_version();
	bool calls = calls_offered();

	snprintf(text, size, "%s%s, %s", landlock == 0 ? "no landlock" : "landlock",
		 landlock > 0 && landlock < LANDLOCK_TCP ? " for files, not for TCP" : "",
		 calls ? "seccomp" : "no seccomp");
	return landlock > 0 && calls;
}
