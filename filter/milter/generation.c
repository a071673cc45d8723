/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Policies in use: a connection keeps the one it began with, and new connections get the latest.
 * The last one to leave a policy that was replaced hands it back to whoever made it.
 */

#include <signal.h>
#include <stdlib.h>

#include "filter/milter/conn.h"

static struct {
	pthread_mutex_t lock;
	pthread_cond_t begun;
	struct generation *current;
	pid_t parent;
	void (*retire)(void *ctx, const struct milter_policy *policy);
	void *ctx;
} room = {.lock = PTHREAD_MUTEX_INITIALIZER, .begun = PTHREAD_COND_INITIALIZER};

static struct generation *generation_new(const struct milter_policy *policy)
{
	struct generation *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->served = *policy;
	g->users = 1; /* the room itself, while it is the current one */
	session_needs(policy->policy, &g->needs);
	agreement_macros_make(&g->needs, &g->macros);
	return g;
}

bool generation_begin(const struct milter_service *service, pid_t parent)
{
	struct generation *first = generation_new(&service->served);

	pthread_mutex_lock(&room.lock);
	room.parent = parent;
	room.retire = service->retire;
	room.ctx = service->ctx;
	room.current = first;
	pthread_cond_broadcast(&room.begun);
	pthread_mutex_unlock(&room.lock);
	return first != NULL;
}

struct generation *generation_take(void)
{
	struct generation *g;

	pthread_mutex_lock(&room.lock);
	g = room.current;
	g->users++;
	pthread_mutex_unlock(&room.lock);
	return g;
}

void generation_release(struct generation *g)
{
	bool last;

	pthread_mutex_lock(&room.lock);
	last = --g->users == 0;
	pthread_mutex_unlock(&room.lock);
	if (!last)
		return;
	if (room.retire)
		room.retire(room.ctx, &g->served);
	free(g);
}

bool milter_replace(const struct milter_policy *policy, bool tables_only)
{
	struct generation *next = generation_new(policy), *before;

	if (!next)
		return false;
	pthread_mutex_lock(&room.lock);
	/* Who commands us may be quicker than our own start. */
	while (!room.current)
		pthread_cond_wait(&room.begun, &room.lock);
	before = room.current;
	room.current = next;
	pthread_mutex_unlock(&room.lock);
	generation_release(before);
	kill(room.parent, tables_only ? PARENT_REFRESH : PARENT_RENEW);
	return true;
}
