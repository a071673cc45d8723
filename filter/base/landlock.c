/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Landlock: which files are opened, and where TCP goes. libc has no functions for it, and headers
 * that are older than the kernel do not know all of it, so its interface stands here: the numbers
 * are those of linux/landlock.h.
 */

#include "filter/base/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The same on all machines. */
#define CREATE_RULESET 444
#define ADD_RULE 445
#define RESTRICT_SELF 446

#define CREATE_VERSION 1u
#define RULE_PATH 1
#define RULE_PORT 2

enum file_right {
	EXECUTE = 1 << 0,
	WRITE_FILE = 1 << 1,
	READ_FILE = 1 << 2,
	READ_DIR = 1 << 3,
	REMOVE_FILE = 1 << 5,
	MAKE_DIR = 1 << 7,
	MAKE_REG = 1 << 8,
	TRUNCATE = 1 << 14,
};

#define CONNECT_TCP 2u

/* All rights to files, and to TCP, by version: what is known is forbidden unless it is allowed. */
static const struct {
	uint64_t files, network, scopes;
} known[] = {
    {0, 0, 0},
    {(1 << 13) - 1, 0, 0},
    {(1 << 14) - 1, 0, 0}, /* moving between folders */
    {(1 << 15) - 1, 0, 0}, /* truncating */
    {(1 << 15) - 1, 3, 0}, /* binding and connecting TCP */
    {(1 << 16) - 1, 3, 0}, /* commands to devices */
    {(1 << 16) - 1, 3, 1}, /* unix sockets without a path */
};
#define KNOWN_LAST ((int)(sizeof(known) / sizeof(known[0])) - 1)

/* An older kernel takes a longer structure if what it does not know is zero. */
struct ruleset {
	uint64_t files, network, scopes;
};

struct path_rule {
	uint64_t allowed;
	int32_t parent;
} __attribute__((packed));

struct port_rule {
	uint64_t allowed, port;
};

int landlock_version(void)
{
	long version = syscall(CREATE_RULESET, NULL, 0, CREATE_VERSION);

	return version > 0 ? (int)version : 0;
}

static uint64_t rights(const struct sandbox_path *path, bool folder)
{
	uint64_t read = READ_FILE | (folder ? READ_DIR : 0);

	if (!path->writable)
		return read;
	return read | WRITE_FILE | (folder ? REMOVE_FILE | MAKE_DIR | MAKE_REG | TRUNCATE : 0);
}

static bool allow_path(int set, uint64_t handled, const struct sandbox_path *path, uint64_t more)
{
	struct path_rule rule;
	struct stat st;
	bool ok;

	rule.parent = open(path->path, O_PATH | O_CLOEXEC);
	/* What is not there, or not for us, needs no rule. */
	if (rule.parent < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == EACCES;
	ok = fstat(rule.parent, &st) == 0;
	rule.allowed = (rights(path, S_ISDIR(st.st_mode)) | more) & handled;
	ok = ok && syscall(ADD_RULE, set, RULE_PATH, &rule, 0) == 0;
	close(rule.parent);
	return ok;
}

static bool allow_all(int set, const struct sandbox *sandbox, int version)
{
	static const struct sandbox_path everything = {"/", false};
	uint64_t handled = known[version].files;

	for (size_t i = 0; i < sandbox->paths.count; i++)
		if (!allow_path(set, handled, &sandbox->paths.items[i], 0))
			return false;
	for (size_t i = 0; known[version].network != 0 && i < sandbox->ports.count; i++) {
		struct port_rule rule = {CONNECT_TCP, sandbox->ports.items[i]};

		if (syscall(ADD_RULE, set, RULE_PORT, &rule, 0) != 0)
			return false;
	}
	return !SANITIZED || allow_path(set, handled, &everything, EXECUTE);
}

bool landlock_enter(const struct sandbox *sandbox, int version)
{
	struct ruleset ruleset;
	int set, error;
	bool ok;

	if (version > KNOWN_LAST)
		version = KNOWN_LAST;
	ruleset =
	    (struct ruleset){known[version].files, known[version].network, known[version].scopes};
	set = (int)syscall(CREATE_RULESET, &ruleset, sizeof(ruleset), 0);
	if (set < 0)
		return false;
	ok = allow_all(set, sandbox, version) && syscall(RESTRICT_SELF, set, 0) == 0;
	error = errno;
	close(set);
	errno = error;
	return ok;
}
