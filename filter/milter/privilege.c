/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rights: what a daemon that is started as root gives up once its socket is bound, and what it
 * asks of the system. What was given up is tried again, to see that it is gone.
 */

#include "filter/milter/process.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "postern/arena.h"
#include "postern/log.h"
#include "postern/str.h"

#define DESCRIPTORS_MOST 65536

bool privilege_find(struct arena *arena, const char *user, struct identity *identity_r,
		    const char **why_r)
{
	const struct passwd *entry;

	memset(identity_r, 0, sizeof(*identity_r));
	if (!user) {
		if (geteuid() == 0)
			log_line(LOG_LEVEL_WARNING, "no user is set: this runs as root");
		return true;
	}
	errno = 0;
	entry = getpwnam(user);
	if (!entry) {
		*why_r = errno == 0 || errno == ENOENT
			     ? str_printf(arena, "there is no user '%s'", user).s
			     : str_printf(arena, "user '%s': %s", user, strerror(errno)).s;
		return false;
	}
	if (geteuid() != 0) {
		if (entry->pw_uid != geteuid())
			log_line(LOG_LEVEL_WARNING,
				 "not started as root: this runs as user %ld, not as '%s'",
				 (long)geteuid(), user);
		return true;
	}
	if (entry->pw_uid == 0) {
		log_line(LOG_LEVEL_WARNING, "user '%s' is root: no privileges are dropped", user);
		return true;
	}
	identity_r->user = str_dup(arena, str_of(user)).s;
	identity_r->uid = entry->pw_uid;
	identity_r->gid = entry->pw_gid;
	return true;
}

bool privilege_drop(const struct identity *identity, const char **why_r)
{
	uid_t real, effective, saved;
	gid_t group_real, group_effective, group_saved;

	if (!identity->user)
		return true;
	if (initgroups(identity->user, identity->gid) != 0 ||
	    setresgid(identity->gid, identity->gid, identity->gid) != 0 ||
	    setresuid(identity->uid, identity->uid, identity->uid) != 0) {
		*why_r = strerror(errno);
		return false;
	}
	if (getresuid(&real, &effective, &saved) != 0 ||
	    getresgid(&group_real, &group_effective, &group_saved) != 0 || real != identity->uid ||
	    effective != identity->uid || saved != identity->uid || group_real != identity->gid ||
	    group_effective != identity->gid || group_saved != identity->gid || setuid(0) == 0 ||
	    seteuid(0) == 0 || (identity->gid != 0 && (setgid(0) == 0 || setegid(0) == 0))) {
		*why_r = "privileges could be had back";
		return false;
	}
	return true;
}

bool privilege_harden(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0;
}

void privilege_descriptors(void)
{
	struct rlimit limit;
	rlim_t most = DESCRIPTORS_MOST;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < most)
		most = limit.rlim_max;
	if (limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < most) {
		limit.rlim_cur = most;
		if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
			log_line(LOG_LEVEL_WARNING, "limit of descriptors: %s", strerror(errno));
	}
}
