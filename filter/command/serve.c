/* SPDX-License-Identifier: BSD-2-Clause */
/* postern serve: the milter daemon. */

#include "filter/command/command.h"

#include <getopt.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "filter/command/proofs.h"
#include "postern/arena.h"
#include "postern/clock.h"
#include "postern/diag.h"
#include "postern/dkim.h"
#include "postern/dns.h"
#include "postern/log.h"
#include "postern/milter.h"
#include "postern/mime.h"
#include "postern/observe.h"
#include "postern/policy.h"
#include "postern/spf.h"

#define DEFAULT_POLICY "/etc/postern/postern.policy"
#define DEFAULT_USER "postern"
#define DNS_FILE_MOST (64u << 20)

struct server {
	struct arena *arena;
	const char *dns;
	bool background; /* nobody reads standard error */
	struct source *records;
	struct policy *policy;
	struct clock clock;
};

static const char *setting(const struct server *server, const char *name)
{
	const struct value *value = policy_setting_named(server->policy, name);

	return value->state == FACT_PRESENT ? str_dup(server->arena, value->text).s : NULL;
}

static int start_resolver(struct server *server, struct resolver **resolver_r)
{
	struct resolver_config config = {.address = setting(server, "resolver")};
	struct diag *diag = diag_new(server->arena);
	const char *why = NULL;

	if (server->dns) {
		if (resolver_from_source(server->records, &server->clock, diag, resolver_r) == 0)
			return 0;
		diag_print(diag, stderr);
		return MILTER_BROKEN;
	}
	if (resolver_new(&config, resolver_r, &why) == 0)
		return 0;
	log_line(LOG_LEVEL_ERROR, "the resolver does not start: %s", why);
	return MILTER_FAILED;
}

/* In the filter process: everything that threads need, made before the first connection. */
static int start(void *ctx, struct milter_service *service_r)
{
	struct server *server = ctx;
	const char *why = NULL;
	int status;

	spf_init();
	mime_init();
	if (dkim_verifier_init(&why) < 0) {
		log_line(LOG_LEVEL_ERROR, "libopendkim does not start: %s", why);
		return MILTER_BROKEN;
	}
	status = start_resolver(server, &service_r->resolver);
	if (status != 0)
		return status;
	service_r->policy = server->policy;
	service_r->clock = &clock_system;
	service_r->settled = logline_write;
	log_line(LOG_LEVEL_INFO, "serving policy %.8s of %s", server->policy->id,
		 server->policy->path);
	return 0;
}

static bool parse_mode(struct str text, unsigned *mode_r)
{
	unsigned mode = 0;

	for (size_t i = 0; i < text.n; i++) {
		if (text.s[i] < '0' || text.s[i] > '7' || mode > 0777 >> 3)
			return false;
		mode = mode << 3 | (unsigned)(text.s[i] - '0');
	}
	*mode_r = mode;
	return text.n > 0;
}

const char *serve_fault(const struct policy *policy)
{
	unsigned mode;

	return parse_mode(policy_setting_named(policy, "socket.mode")->text, &mode)
		   ? NULL
		   : "'socket.mode' is an octal mode such as 0660";
}

static int serve(struct server *server)
{
	struct milter_config config = {.name = "postern"};

	config.listen = setting(server, "listen");
	config.group = setting(server, "socket.group");
	parse_mode(policy_setting_named(server->policy, "socket.mode")->text, &config.mode);
	config.user = setting(server, "user");
	if (!config.user && getpwnam(DEFAULT_USER))
		config.user = DEFAULT_USER;
	if (server->background || strcmp(setting(server, "log"), "syslog") == 0)
		log_to_syslog("postern");
	return milter_run(&config, start, server);
}

/* Leaves the terminal: for systems whose service manager wants a daemon that does so itself. */
static int detach(void)
{
	if (daemon(0, 0) == 0)
		return 0;
	perror("postern serve: cannot go into the background");
	return EXIT_NO;
}

static bool load(struct server *server, const char *path)
{
	struct diag *diag = diag_new(server->arena);
	const char *why = NULL;
	bool proved;

	server->policy = policy_load(path, NULL, diag);
	proved = server->policy && proofs_check(server->policy, diag);
	diag_print(diag, stderr);
	if (!proved) {
		fprintf(stderr, "postern serve: %s: not loaded, nothing is served\n", path);
		return false;
	}
	if (server->dns &&
	    !source_read(server->arena, server->dns, DNS_FILE_MOST, &server->records, &why)) {
		fprintf(stderr, "postern serve: %s: %s\n", server->dns, why);
		return false;
	}
	why = serve_fault(server->policy);
	if (why)
		fprintf(stderr, "postern serve: %s: %s\n", path, why);
	return why == NULL;
}

static int run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = {{"policy", required_argument, NULL, 'c'},
						{"dns", required_argument, NULL, 'd'},
						{"daemon", no_argument, NULL, 'b'},
						{NULL, 0, NULL, 0}};
	struct server server = {0};
	const char *path = DEFAULT_POLICY;
	int option, status;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":c:", options, NULL)) != -1) {
		if (option == 'c')
			path = optarg;
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
	status = load(&server, path) ? 0 : EXIT_BROKEN;
	if (status == 0 && server.background)
		status = detach();
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
