/* SPDX-License-Identifier: BSD-2-Clause */
/* postern serve: the milter daemon. */

#include "filter/command/account.h"
#include "filter/command/command.h"
#include "filter/command/server.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "filter/command/proofs.h"
#include "postern/arena.h"
#include "postern/clock.h"
#include "postern/counters.h"
#include "postern/diag.h"
#include "postern/dns.h"
#include "postern/journal.h"
#include "postern/log.h"
#include "postern/metrics.h"
#include "postern/milter.h"
#include "postern/observe.h"
#include "postern/pattern.h"
#include "postern/policy.h"
#include "postern/sandbox.h"
#include "postern/session.h"

#define DEFAULT_USER "postern"
#define DNS_FILE_MOST (64u << 20)

const char *server_setting(const struct policy *policy, const char *name)
{
	const struct value *value = policy_setting_named(policy, name);

	return value->state == FACT_PRESENT ? str_dup(policy->arena, value->text).s : NULL;
}

int server_resolver(struct server *server, const struct policy *policy,
		    struct resolver **resolver_r)
{
	struct resolver_config config = {.address = server_setting(policy, "resolver")};
	struct arena *arena;
	struct diag *diag;
	const char *why = NULL;

	if (server->dns) {
		arena = arena_new(NULL);
		diag = diag_new(arena);
		if (resolver_from_source(server->records, &server->clock, diag, resolver_r) != 0) {
			diag_print(diag, stderr);
			return MILTER_BROKEN;
		}
		arena_free(&arena);
	} else if (resolver_new(&config, resolver_r, &why) != 0) {
		log_line(LOG_LEVEL_ERROR, "the resolver does not start: %s", why);
		return MILTER_FAILED;
	}
	resolver_count_in(*resolver_r, &server->counters->dns);
	return 0;
}

/* From several threads: what was decided is counted, and goes to the log and the journal. */
static void settled(void *ctx, const struct session *session)
{
	const struct server *server = ctx;
	struct record record;
	struct arena *arena;

	counters_settled(server->counters, session);
	logline_write(ctx, session);
	if (!server->keeper)
		return;
	arena = arena_new(session_report(session)->arena);
	record_make(arena, session, &record);
	keeper_submit(server->keeper, &record);
	arena_free(&arena);
}

static void took(void *ctx, enum stage stage, int64_t nanoseconds)
{
	const struct server *server = ctx;

	histogram_add(&server->counters->stages[stage], nanoseconds);
}

static void finish(void *ctx)
{
	struct server *server = ctx;

	/* It stays: commands and metrics ask for its counts until the process ends. */
	keeper_end(server->keeper);
}

/* From now on somebody may ask how many sessions there are, and for another policy. */
static bool ready(void *ctx)
{
	struct server *server = ctx;

	if (!reload_watch() || (server->control >= 0 && !control_start(server, server->control)))
		return false;
	if (server->metrics >= 0 &&
	    !metrics_start(server->metrics, server->counters, statistics_now, server))
		log_line(LOG_LEVEL_WARNING, "there are no metrics: no thread for them");
	return true;
}

/* In the filter process: everything that threads need, made before the first connection. */
static int start(void *ctx, struct milter_service *service_r)
{
	struct server *server = ctx;
	int status;

	log_line(sandbox_partial() ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, "sandbox: %s",
		 sandbox_state());
	counters_begin(server->counters);
	status = server_resolver(server, server->policy, &service_r->served.resolver);
	if (status != 0)
		return status;
	service_r->served.policy = server->policy;
	service_r->clock = &clock_system;
	service_r->settled = settled;
	service_r->took = took;
	service_r->finish = finish;
	service_r->ctx = server;
	service_r->reload = reload_asked;
	service_r->retire = reload_retire;
	service_r->references = recording_begin(server, service_r->companion);
	service_r->ready = ready;
	server->control = service_r->control;
	server->metrics = service_r->metrics;
	if (!reload_begin(server, &service_r->served))
		return MILTER_FAILED;
	log_line(LOG_LEVEL_INFO, "serving policy %.8s of %s", server->policy->id,
		 server->policy->path);
	return 0;
}

/* In the parent. What is wrong was said by the filter process, which keeps what it has. */
static void renew(void *ctx, bool tables_only)
{
	struct server *server = ctx;
	char *text;
	struct policy *policy =
	    tables_only ? server_refresh(server->policy, &text) : server_load(server->path, &text);

	if (!text)
		log_line(LOG_LEVEL_ERROR, "out of memory: after a crash, policy %.8s is served",
			 server->policy->id);
	free(text);
	if (!policy)
		return;
	policy_free(&server->policy);
	server->policy = policy;
}

/* For the service manager. */
static void status(void *ctx, char *text, size_t size)
{
	const struct server *server = ctx;

	snprintf(text, size, "serving policy %.8s of %s", server->policy->id, server->policy->path);
}

/* A policy that is to be served. */
struct loading {
	const char *path;            /* of its file; NULL: */
	const struct policy *former; /* this one, with its tables read anew */
	struct policy *policy;       /* what was loaded, if it can be served */
	FILE *out;                   /* what is to be said of it */
};

static void load_policy(void *ctx)
{
	struct loading *loading = ctx;
	struct arena *arena = arena_new(NULL);
	struct diag *diag = diag_new(arena);
	struct policy *policy = loading->path ? policy_load(loading->path, NULL, diag)
					      : policy_refresh(loading->former, diag);

	if (policy) {
		serve_check(policy, diag);
		proofs_check(policy, false, diag);
	}
	diag_print(diag, loading->out);
	if (diag_errors(diag) > 0)
		policy_free(&policy);
	arena_free(&arena);
	loading->policy = policy;
}

static struct policy *loaded(struct loading *loading, char **text_r)
{
	bool whole = false;
	size_t size;

	*text_r = NULL;
	loading->out = open_memstream(text_r, &size);
	if (loading->out) {
		whole = arena_attempt(load_policy, loading);
		fclose(loading->out);
	}
	if (!whole || !*text_r) {
		free(*text_r);
		*text_r = NULL;
		policy_free(&loading->policy);
	}
	return loading->policy;
}

struct policy *server_load(const char *path, char **text_r)
{
	return loaded(&(struct loading){.path = path}, text_r);
}

struct policy *server_refresh(const struct policy *policy, char **text_r)
{
	return loaded(&(struct loading){.former = policy}, text_r);
}

/* Beyond the policy's own life, which a reload ends. */
static const char *keep(const struct server *server, const char *setting)
{
	const char *text = server_setting(server->policy, setting);

	return text ? str_dup(server->arena, str_of(text)).s : NULL;
}

/* Where to listen; NULL: nowhere. */
static const char *keep_place(const struct server *server, const char *setting)
{
	const char *text = server_setting(server->policy, setting);

	return text && strcmp(text, "none") != 0 ? str_dup(server->arena, str_of(text)).s : NULL;
}

/* In the background nobody reads standard error. */
static void open_log(const struct server *server)
{
	const char *to = server_setting(server->policy, "log");
	struct log_config config = {.socket = server_setting(server->policy, "log.socket")};

	config.json = strcmp(server_setting(server->policy, "log.format"), "json") == 0;
	if (strcmp(to, "journald") == 0)
		config.sink = LOG_SINK_JOURNALD;
	else if (server->background || strcmp(to, "syslog") == 0)
		config.sink = LOG_SINK_SYSLOG;
	log_open(&config);
	log_count_in(&server->counters->log);
}

static int serve(struct server *server)
{
	struct milter_config config = {
	    .name = "postern", .renew = renew, .confine = confine_server, .status = status};

	config.listen = keep(server, "listen");
	config.group = keep(server, "socket.group");
	server_mode(policy_setting_named(server->policy, "socket.mode")->text, &config.mode);
	config.user = keep(server, "user");
	if (!config.user && account_user(DEFAULT_USER))
		config.user = DEFAULT_USER;
	config.control = keep_place(server, "control");
	config.metrics = keep_place(server, "metrics");
	server->sandbox = keep(server, "sandbox");
	server->jit = strcmp(server_setting(server->policy, "jit"), "on") == 0;
	if (!server->jit)
		pattern_jit_never();
	else
		server->jit = pattern_jit_missing() == NULL;
	if (recording_wanted(server)) {
		config.companion = recording_run;
		config.companion_name = "journal";
	}
	open_log(server);
	return milter_run(&config, start, server);
}

/* Leaves the terminal: for systems whose service manager wants a daemon that does so itself. */
static int detach(struct server *server)
{
	char *path = realpath(server->path, NULL);

	/* Reloads come when the folder is another one. */
	if (path)
		server->path = str_dup(server->arena, str_of(path)).s;
	free(path);
	if (daemon(0, 0) == 0)
		return 0;
	perror("postern serve: cannot go into the background");
	return EXIT_NO;
}

static bool load(struct server *server)
{
	const char *why = NULL;
	char *text;

	server->policy = server_load(server->path, &text);
	fputs(text ? text : "out of memory\n", stderr);
	free(text);
	if (!server->policy) {
		fprintf(stderr, "postern serve: %s: not loaded, nothing is served\n", server->path);
		return false;
	}
	if (server->dns &&
	    !source_read(server->arena, server->dns, DNS_FILE_MOST, &server->records, &why))
		fprintf(stderr, "postern serve: %s: %s\n", server->dns, why);
	return why == NULL;
}

static int run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = {{"policy", required_argument, NULL, 'c'},
						{"dns", required_argument, NULL, 'd'},
						{"daemon", no_argument, NULL, 'b'},
						{NULL, 0, NULL, 0}};
	struct server server = {.path = DEFAULT_POLICY};
	int option, status;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":c:", options, NULL)) != -1) {
		if (option == 'c')
			server.path = optarg;
		else if (option == 'd')
			server.dns = optarg;
		else if (option == 'b')
			server.background = true;
		else if (option == ':')
			return command_usage(self, "'%s' wants a value", argv[optind - 1]);
		else
			return command_usage(self, "no option '%s'", argv[optind - 1]);
	}
	if (optind < argc)
		return command_usage(self, "'%s' is one word too many", argv[optind]);
	server.arena = arena_new(NULL);
	server.started = clock_time(&clock_system);
	server.counters = counters_new();
	if (!server.counters) {
		perror("postern serve: no memory to share");
		arena_free(&server.arena);
		return EXIT_NO;
	}
	status = load(&server) ? 0 : EXIT_BROKEN;
	if (status == 0 && server.background)
		status = detach(&server);
	if (status == 0)
		status = serve(&server);
	policy_free(&server.policy);
	arena_free(&server.arena);
	return status;
}

const struct command command_serve = {
    .name = "serve",
    .synopsis = "[-c POLICY] [--dns FILE] [--daemon]",
    .help = "the milter daemon, in the foreground",
    .options = "  -c POLICY   default " DEFAULT_POLICY "\n"
	       "  --dns FILE  answers from this file of records only, for tests\n"
	       "  --daemon    go into the background and log to syslog\n",
    .run = run,
};
