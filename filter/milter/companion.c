/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The process beside the filter process: started by the parent, again when it ends, and last to be
 * ended. The pair of sockets by which the two speak stays open in the parent, so that neither
 * notices when the other is replaced.
 */

#include "filter/milter/process.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "postern/clock.h"
#include "postern/log.h"

void companion_open(struct companion *companion)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, companion->ends) == 0)
		return;
	log_line(LOG_LEVEL_ERROR, "no sockets for a second process: %s", strerror(errno));
	companion->ends[0] = companion->ends[1] = -1;
}

bool companion_wanted(const struct companion *companion)
{
	return companion->ends[0] >= 0 && companion->child == 0;
}

pid_t companion_fork(struct companion *companion)
{
	pid_t child = fork();

	companion->started = clock_now(&clock_system);
	if (child > 0)
		companion->child = child;
	if (child >= 0)
		return child;
	log_line(LOG_LEVEL_ERROR, "no second process: %s", strerror(errno));
	companion->due = companion->started + RESTART_MOST;
	return child;
}

bool companion_ended(struct companion *companion, const char *name)
{
	pid_t child = companion->child;
	int64_t now = clock_now(&clock_system);
	int status;

	if (child == 0 || waitpid(child, &status, WNOHANG) != child)
		return false;
	companion->child = 0;
	companion->due = now;
	if (WIFEXITED(status) && WEXITSTATUS(status) == MILTER_RENEW)
		return true;
	companion->due += restart_delay(&companion->restart, now, now - companion->started);
	if (WIFSIGNALED(status))
		log_line(LOG_LEVEL_ERROR, "%s process %ld was ended by signal %d (%s)", name,
			 (long)child, WTERMSIG(status), strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) != MILTER_OK)
		log_line(LOG_LEVEL_ERROR, "%s process %ld ended with status %d", name, (long)child,
			 WEXITSTATUS(status));
	return true;
}

void companion_close(struct companion *companion)
{
	for (int i = 0; i < 2; i++) {
		if (companion->ends[i] >= 0)
			close(companion->ends[i]);
		companion->ends[i] = -1;
	}
}
