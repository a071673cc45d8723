/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A reload: the policy is built aside and put in force whole, or not at all. Connections that are
 * open keep the policy, and the resolver, that they began with.
 */

#include "filter/command/server.h"
#include "filter/command/testrun.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "postern/arena.h"
#include "postern/counters.h"
#include "postern/dns.h"
#include "postern/log.h"
#include "postern/policy.h"
#include "postern/sandbox.h"

static const char out_of_memory[] = "out of memory\n";

/* How often files of tables are looked at. */
#define WATCH_SECONDS 1

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

/* False: memory ended. */
static bool resolver_take(struct resolver *resolver)
{
	struct held *held;

	pthread_mutex_lock(&room.lock);
	held = room.held;
	while (held && held->resolver != resolver)
		held = held->next;
	if (!held) {
		held = calloc(1, sizeof(*held));
		if (held) {
			*held = (struct held){.resolver = resolver, .next = room.held};
			room.held = held;
		}
	}
	if (held)
		held->users++;
	pthread_mutex_unlock(&room.lock);
	return held != NULL;
}

/* Was that the last policy to use it? */
static bool resolver_leave(const struct resolver *resolver)
{
	struct held **at = &room.held, *held;
	bool last;

	pthread_mutex_lock(&room.lock);
	while ((*at)->resolver != resolver)
		at = &(*at)->next;
	held = *at;
	last = --held->users == 0;
	if (last)
		*at = held->next;
	pthread_mutex_unlock(&room.lock);
	if (last)
		free(held);
	return last;
}

static void serve_now(const struct milter_policy *served)
{
	const struct value *resolver = policy_setting_named(served->policy, "resolver");

	pthread_mutex_lock(&room.lock);
	room.served = *served;
	snprintf(room.state.resolver, sizeof(room.state.resolver), STR_FMT,
		 STR_ARG(resolver->state == FACT_PRESENT ? resolver->text : STR("")));
	snprintf(room.state.policy, sizeof(room.state.policy), "%s", served->policy->id);
	pthread_mutex_unlock(&room.lock);
}

bool reload_begin(struct server *server, const struct milter_policy *served)
{
	room.server = server;
	counters_adopt(server->counters, served->policy);
	serve_now(served);
	return resolver_take(served->resolver);
}

void reload_retire(void *ctx, const struct milter_policy *former)
{
	struct policy *policy = (struct policy *)former->policy;
	struct resolver *resolver = former->resolver;

	(void)ctx;
	policy_free(&policy);
	if (resolver_leave(resolver))
		resolver_free(&resolver);
}

static bool same(const struct policy *a, const struct policy *b, const char *setting)
{
	const struct value *x = policy_setting_named(a, setting);
	const struct value *y = policy_setting_named(b, setting);

	return x->state == y->state &&
	       (x->state != FACT_PRESENT || (str_eq(x->text, y->text) && x->number == y->number));
}

static bool has_journal(const struct policy *policy)
{
	return !str_eq(policy_setting_named(policy, "journal")->text, STR("off"));
}

static bool is_on(const struct policy *policy, const char *setting)
{
	return str_eq(policy_setting_named(policy, setting)->text, STR("on"));
}

static void say_fixed(const char *setting)
{
	log_line(LOG_LEVEL_WARNING, "'%s' was changed: that takes a restart, not a reload",
		 setting);
}

/* Settings that are read once, when the daemon starts. */
static void mind_fixed(const struct policy *before, const struct policy *after)
{
	static const char *const fixed[] = {
	    "listen",       "socket.group", "socket.mode", "control", "user",
	    "log",          "log.format",   "log.socket",  "metrics", "metrics.public",
	    "journal.path", "journal.size", "journal.age", "sandbox"};

	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		if (!same(before, after, fixed[i]))
			say_fixed(fixed[i]);
	/* The other way round, loading has said so. */
	if (room.server->jit && is_on(before, "jit") && !is_on(after, "jit"))
		log_line(
		    LOG_LEVEL_WARNING,
		    "'jit' was turned off: patterns are interpreted now, but the sandbox is as "
		    "wide as before until a restart");
	/* How much it keeps is not fixed. */
	if (has_journal(before) != has_journal(after))
		say_fixed("journal");
}

/* Starts the resolver that the policy wants. */
static void make_resolver(void *ctx)
{
	struct milter_policy *next = ctx;

	if (server_resolver(room.server, next->policy, &next->resolver) != 0)
		next->resolver = NULL;
}

/* False: nothing has changed, for memory ended. */
static bool exchange(const struct milter_policy *next, bool tables_only)
{
	/* Taken before the former one may leave it. */
	if (!resolver_take(next->resolver))
		return false;
	counters_adopt(room.server->counters, next->policy);
	if (milter_replace(next, tables_only)) {
		serve_now(next);
		return true;
	}
	counters_adopt(room.server->counters, room.served.policy);
	(void)resolver_leave(next->resolver);
	return false;
}

static bool put_in_force(struct policy *policy, bool tables_only, const char **why_r)
{
	struct milter_policy next = {.policy = policy, .resolver = room.served.resolver};
	bool other = !room.server->dns && !same(room.served.policy, policy, "resolver");

	if (other && !sandbox_connects(server_resolver_port(policy))) {
		*why_r = "'resolver': the sandbox was not told of this port: that takes a restart";
		return false;
	}
	if (other) {
		next.resolver = NULL;
		if (!arena_attempt(make_resolver, &next) || !next.resolver) {
			*why_r = "the resolver does not start";
			return false;
		}
	}
	mind_fixed(room.served.policy, policy);
	if (exchange(&next, tables_only))
		return true;
	if (other)
		resolver_free(&next.resolver);
	*why_r = out_of_memory;
	return false;
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
	room.last_text = strdup(text ? text : out_of_memory);
	pthread_mutex_unlock(&room.lock);
}

static void log_lines(const char *text)
{
	if (!text)
		text = out_of_memory;
	while (*text) {
		size_t n = strcspn(text, "\n");

		log_line(LOG_LEVEL_WARNING, "reload: %.*s", (int)n, text);
		text += n + (text[n] == '\n');
	}
}

/* ---- the tests that stand in a policy ---- */

static void tell_failed(void *ctx, const struct test_result *result)
{
	FILE *out = ctx;

	for (size_t i = 0; i < result->faults.count; i++) {
		const struct test_fault *fault = &result->faults.items[i];

		fprintf(out, "%s:%zu: error: test \"%s\" failed: ", result->test->file,
			result->test->line, result->test->name);
		if (fault->expectation)
			fprintf(out, "%s, but came: %s\n", fault->expectation->written,
				fault->came);
		else
			fprintf(out, "%s\n", fault->came);
	}
}

struct trial {
	struct testrun tests;
	const struct policy *policy;
};

static void play_tests(void *ctx)
{
	struct trial *trial = ctx;

	testrun_policy(&trial->tests, trial->policy);
}

/* Adds to what is said of the policy; NULL: memory ended. */
static bool tests_pass(const struct policy *policy, char **text)
{
	struct trial trial = {.tests = {.told = tell_failed}, .policy = policy};
	char *all = NULL;
	size_t size;
	FILE *out = open_memstream(&all, &size);
	bool whole = false;

	if (out) {
		fputs(*text, out);
		trial.tests.ctx = out;
		whole = arena_attempt(play_tests, &trial);
		fclose(out);
	}
	if (!whole) {
		free(all);
		all = NULL;
	}
	free(*text);
	*text = all;
	return all && trial.tests.failed == 0;
}

/* ---- a reload ---- */

static bool replace(struct policy *policy, bool tables_only, char **text_r)
{
	const char *why = NULL;

	if (policy && !tables_only && !tests_pass(policy, text_r))
		policy_free(&policy);
	if (policy && put_in_force(policy, tables_only, &why)) {
		log_lines(*text_r);
		log_line(LOG_LEVEL_INFO, "%s: serving policy %.8s of %s",
			 tables_only ? "tables read anew" : "reloaded", policy->id, policy->path);
		return true;
	}
	if (why) {
		policy_free(&policy);
		free(*text_r);
		*text_r = strdup(why);
	}
	log_lines(*text_r);
	log_line(LOG_LEVEL_ERROR, "not reloaded: policy %.8s stays in force%s",
		 room.served.policy->id, tables_only ? ", with the tables that it had" : "");
	return false;
}

bool reload_now(char **text_r)
{
	bool good;

	pthread_mutex_lock(&room.one);
	milter_reloading(false, false);
	good = replace(server_load(room.server->path, text_r), false, text_r);
	remember(good, *text_r);
	milter_reloading(true, !good);
	pthread_mutex_unlock(&room.one);
	return good;
}

/* ---- tables that change by themselves ---- */

static void refresh(void)
{
	char *text;

	replace(server_refresh(room.served.policy, &text), true, &text);
	free(text);
}

/*
 * A file counts when it has been left alone for a moment; one that is wrong is complained of once,
 * and tried again when it has changed once more.
 */
static void *watch_run(void *unused)
{
	struct timespec pause = {.tv_sec = WATCH_SECONDS};
	uint64_t refused = 0, last = 0;

	(void)unused;
	for (;;) {
		uint64_t now;

		nanosleep(&pause, NULL);
		pthread_mutex_lock(&room.one);
		now = policy_tables_state(room.served.policy);
		if (now == last && now != room.served.policy->tables_state && now != refused) {
			refresh();
			if (room.served.policy->tables_state != now)
				refused = now;
		}
		last = now;
		pthread_mutex_unlock(&room.one);
	}
	return NULL;
}

bool reload_watch(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, watch_run, NULL) != 0)
		return false;
	pthread_detach(thread);
	return true;
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
