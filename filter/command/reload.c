/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A reload: the policy is built aside and put in force whole, or not at all. Connections that are
 * open keep the policy, and the resolver, that they began with.
 */

#include "filter/command/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/counters.h"
#include "postern/dns.h"
#include "postern/log.h"
#include "postern/policy.h"

/* A resolver, and how many policies that are still in use look things up with it. */
struct held {
	struct resolver *resolver;
	unsigned users;
	struct held *next;
};

static struct {
	pthread_mutex_t one;  /* a reload at a time */
	pthread_mutex_t lock; /* of what follows */
	struct server *server;
	struct milter_policy served;
	struct reloads state;
	char *last_text;
	struct held *held;
} room = {.one = PTHREAD_MUTEX_INITIALIZER, .lock = PTHREAD_MUTEX_INITIALIZER};

static void resolver_take(struct resolver *resolver)
{
	struct held *held = room.held;

	while (held && held->resolver != resolver)
		held = held->next;
	if (!held) {
		held = calloc(1, sizeof(*held));
		if (!held)
			abort();
		*held = (struct held){.resolver = resolver, .next = room.held};
		room.held = held;
	}
	held->users++;
}

/* Was that the last policy to use it? */
static bool resolver_leave(const struct resolver *resolver)
{
	struct held **at = &room.held, *held;

	while ((*at)->resolver != resolver)
		at = &(*at)->next;
	held = *at;
	if (--held->users > 0)
		return false;
	*at = held->next;
	free(held);
	return true;
}

static void serve_now(const struct milter_policy *served)
{
	pthread_mutex_lock(&room.lock);
	room.served = *served;
	resolver_take(served->resolver);
	snprintf(room.state.policy, sizeof(room.state.policy), "%s", served->policy->id);
	pthread_mutex_unlock(&room.lock);
	counters_adopt(room.server->counters, served->policy);
}

void reload_begin(struct server *server, const struct milter_policy *served)
{
	room.server = server;
	serve_now(served);
}

void reload_retire(void *ctx, const struct milter_policy *former)
{
	struct policy *policy = (struct policy *)former->policy;
	struct resolver *resolver = former->resolver;
	bool last;

	(void)ctx;
	pthread_mutex_lock(&room.lock);
	last = resolver_leave(resolver);
	pthread_mutex_unlock(&room.lock);
	policy_free(&policy);
	if (last)
		resolver_free(&resolver);
}

static bool same(const struct policy *a, const struct policy *b, const char *setting)
{
	const struct value *x = policy_setting_named(a, setting);
	const struct value *y = policy_setting_named(b, setting);

	return x->state == y->state && (x->state != FACT_PRESENT || str_eq(x->text, y->text));
}

/* Settings that are read once, when the daemon starts. */
static void mind_fixed(const struct policy *before, const struct policy *after)
{
	static const char *const fixed[] = {"listen",  "socket.group",  "socket.mode", "control",
					    "user",    "log",           "log.format",  "log.socket",
					    "metrics", "metrics.public"};

	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		if (!same(before, after, fixed[i]))
			log_line(LOG_LEVEL_WARNING,
				 "'%s' was changed: that takes a restart, not a reload", fixed[i]);
}

static bool put_in_force(struct policy *policy, const char **why_r)
{
	struct milter_policy next = {.policy = policy, .resolver = room.served.resolver};
	bool other = !room.server->dns && !same(room.served.policy, policy, "resolver");

	if (other && server_resolver(room.server, policy, &next.resolver) != 0) {
		*why_r = "the resolver does not start";
		return false;
	}
	mind_fixed(room.served.policy, policy);
	/* Taken before the former one may leave it. */
	serve_now(&next);
	if (milter_replace(&next))
		return true;
	abort(); /* memory ended in the middle: a new process begins with a policy that is whole */
}

static void remember(bool good, const char *text)
{
	pthread_mutex_lock(&room.lock);
	counter_add(good ? &room.server->counters->reloads_good
			 : &room.server->counters->reloads_bad);
	atomic_store(&room.server->counters->reload_refused, !good);
	room.state.last = clock_time(&clock_system);
	room.state.last_good = good;
	free(room.last_text);
	room.last_text = strdup(text);
	pthread_mutex_unlock(&room.lock);
}

static void log_lines(const char *text)
{
	while (*text) {
		size_t n = strcspn(text, "\n");

		log_line(LOG_LEVEL_WARNING, "reload: %.*s", (int)n, text);
		text += n + (text[n] == '\n');
	}
}

bool reload_now(char **text_r)
{
	struct policy *policy;
	const char *why = NULL;
	bool good;

	pthread_mutex_lock(&room.one);
	milter_reloading(false, false);
	policy = server_load(room.server->path, text_r);
	good = policy && put_in_force(policy, &why);
	if (why) {
		policy_free(&policy);
		free(*text_r);
		*text_r = strdup(why);
	}
	log_lines(*text_r);
	if (good)
		log_line(LOG_LEVEL_INFO, "reloaded: serving policy %.8s of %s", policy->id,
			 policy->path);
	else
		log_line(LOG_LEVEL_ERROR, "not reloaded: policy %.8s stays in force",
			 room.served.policy->id);
	remember(good, *text_r);
	milter_reloading(true, !good);
	pthread_mutex_unlock(&room.one);
	return good;
}

void reload_asked(void *ctx)
{
	char *text;

	(void)ctx;
	reload_now(&text);
	free(text);
}

void reload_state(struct reloads *state_r)
{
	pthread_mutex_lock(&room.lock);
	*state_r = room.state;
	state_r->good = counter_read(&room.server->counters->reloads_good);
	state_r->bad = counter_read(&room.server->counters->reloads_bad);
	state_r->last_text = strdup(room.last_text ? room.last_text : "");
	pthread_mutex_unlock(&room.lock);
}
