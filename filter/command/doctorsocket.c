/* SPDX-License-Identifier: BSD-2-Clause */
/* Can the MTA's user reach our socket? Every folder on the way, then the socket, then who answers.
 */

#include "filter/command/doctor.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define GROUPS_MOST 64

struct visitor {
	uid_t uid;
	gid_t groups[GROUPS_MOST];
	int count;
};

static bool visitor_find(const char *user, struct visitor *visitor_r)
{
	const struct passwd *entry = user ? getpwnam(user) : getpwuid(0);

	if (!entry)
		return false;
	visitor_r->uid = entry->pw_uid;
	visitor_r->count = GROUPS_MOST;
	/* Those beyond the limit count as not being in. */
	if (getgrouplist(entry->pw_name, entry->pw_gid, visitor_r->groups, &visitor_r->count) < 0)
		visitor_r->count = GROUPS_MOST;
	return true;
}

/* `bits` are those of "others": 1 to pass through, 2 to write. */
static bool allowed(const struct visitor *visitor, const struct stat *st, mode_t bits)
{
	if (visitor->uid == 0)
		return true;
	if (st->st_uid == visitor->uid)
		return (st->st_mode >> 6 & bits) == bits;
	for (int i = 0; i < visitor->count; i++)
		if (visitor->groups[i] == st->st_gid)
			return (st->st_mode >> 3 & bits) == bits;
	return (st->st_mode & bits) == bits;
}

/* The first folder above `path` that the visitor cannot pass through; NULL: none. */
static const char *barrier(struct arena *arena, const struct visitor *visitor, const char *path)
{
	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		struct str part = {path, slash == path ? 1 : (size_t)(slash - path)};
		const char *folder = str_dup(arena, part).s;
		struct stat st;

		if (stat(folder, &st) == 0 && !allowed(visitor, &st, 1))
			return folder;
	}
	return NULL;
}

static bool answers(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok;

	if (fd < 0 || strlen(path) >= sizeof(address.sun_path)) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	strcpy(address.sun_path, path);
	ok = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
	close(fd);
	return ok;
}

void doctor_socket(struct doctor *doctor, const char *path, const char *user)
{
	const char *who = user ? user : "root", *folder;
	struct visitor visitor = {0};
	struct stat st;

	if (stat(path, &st) != 0) {
		doctor_find(doctor, FINDING_BAD, "socket", "start 'postern serve'",
			    "there is no socket at '%s': %s", path, strerror(errno));
		return;
	}
	if (!S_ISSOCK(st.st_mode)) {
		doctor_find(doctor, FINDING_BAD, "socket", "move it out of the way",
			    "'%s' is there and is not a socket", path);
		return;
	}
	if (!visitor_find(user, &visitor)) {
		doctor_find(doctor, FINDING_BAD, "socket", NULL, "there is no user '%s'", who);
		return;
	}
	folder = barrier(doctor->arena, &visitor, path);
	if (folder)
		doctor_find(doctor, FINDING_BAD, "socket",
			    "let its group, or everybody, pass through (chmod, chgrp)",
			    "user '%s' cannot pass through '%s' to '%s'", who, folder, path);
	else if (!allowed(&visitor, &st, 2))
		doctor_find(doctor, FINDING_BAD, "socket",
			    "say 'set socket.group' and 'set socket.mode 0660' in the policy",
			    "user '%s' may not connect to '%s' (mode %04o)", who, path,
			    (unsigned)(st.st_mode & 07777));
	else if (!answers(path))
		doctor_find(doctor, FINDING_BAD, "socket", "start 'postern serve'",
			    "nobody answers at '%s'", path);
	else
		doctor_find(doctor, FINDING_FINE, "socket", NULL, "user '%s' reaches '%s'", who,
			    path);
}
