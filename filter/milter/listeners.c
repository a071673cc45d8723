/* SPDX-License-Identifier: BSD-2-Clause */
/* The sockets at which the daemon listens: for MTAs, for who commands it, and for metrics. */

#include "filter/milter/process.h"

#include <unistd.h>

#include "postern/log.h"
#include "postern/service.h"

/* The second socket is for root, for the daemon's own user and for its group. */
#define CONTROL_MODE 0660

/* Where the MTAs come: what the service manager passed, else what the policy says. */
static bool open_first(struct arena *arena, const struct milter_config *config, uid_t owner,
		       struct listener *listener)
{
	const char *why = NULL;
	int passed = service_socket(&why);

	if (passed >= 0) {
		listener_lent(passed, listener);
		return true;
	}
	if (passed == -1 && listener_open(arena, config->listen, config->group, config->mode, owner,
					  listener, &why))
		return true;
	log_line(LOG_LEVEL_ERROR, "cannot listen at '%s': %s", config->listen, why);
	return false;
}

/* A socket that the daemon can do without. */
static void open_other(struct arena *arena, const char *where, uid_t owner, const char *lost,
		       struct listener *listener)
{
	const char *why = NULL;

	if (where && !listener_open(arena, where, NULL, CONTROL_MODE, owner, listener, &why))
		log_line(LOG_LEVEL_WARNING, "%s: '%s': %s", lost, where, why);
}

bool listeners_open(struct listeners *all, struct arena *arena, const struct milter_config *config,
		    uid_t owner)
{
	/* The socket for MTAs comes last: when it answers, all of them do. */
	open_other(arena, config->control, owner,
		   "cannot be commanded by 'postern reload' and its like", &all->commands);
	open_other(arena, config->metrics, owner, "there are no metrics", &all->metrics);
	return open_first(arena, config, owner, &all->mtas);
}

static void shut(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void listeners_unlock(struct listeners *all)
{
	shut(&all->mtas.lock);
	shut(&all->commands.lock);
	shut(&all->metrics.lock);
}

void listeners_shut(struct listeners *all)
{
	shut(&all->mtas.fd);
	shut(&all->commands.fd);
	shut(&all->metrics.fd);
}

void listeners_remove(struct listeners *all)
{
	listener_remove(&all->mtas);
	listener_remove(&all->commands);
	listener_remove(&all->metrics);
}

void listeners_close(struct listeners *all)
{
	listeners_remove(all);
	listener_close(&all->mtas);
	listener_close(&all->commands);
	listener_close(&all->metrics);
}
