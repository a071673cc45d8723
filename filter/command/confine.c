/* SPDX-License-Identifier: BSD-2-Clause */
/* What the filter process of `serve` needs in its sandbox, and what is started before it enters. */

#include <execinfo.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "filter/command/server.h"
#include "postern/dkim.h"
#include "postern/log.h"
#include "postern/mime.h"
#include "postern/policy.h"
#include "postern/sandbox.h"
#include "postern/spf.h"

#define DNS_PORT 53

unsigned server_resolver_port(const struct policy *policy)
{
	const struct value *resolver = policy_setting_named(policy, "resolver");
	ptrdiff_t at = resolver->state == FACT_PRESENT ? str_chr(resolver->text, '@') : -1;
	uint64_t port;

	if (at >= 0 &&
	    str_uint(str_sub(resolver->text, (size_t)at + 1, resolver->text.n), 65535, &port))
		return (unsigned)port;
	return DNS_PORT;
}

/* Of the system; files that libraries read again, or for the first time once they are asked. */
static void read_system(struct sandbox *sandbox)
{
	static const char *const files[] = {"/etc/hosts", "/etc/host.conf", "/etc/nsswitch.conf",
					    "/etc/gai.conf", "/etc/services", "/etc/protocols",
					    "/etc/localtime", "/etc/ssl/openssl.cnf",
					    /* zones of time, and the public suffix list */
					    "/usr/share", "/dev/urandom"};
	char *real = realpath("/etc/resolv.conf", NULL);

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		sandbox_read(sandbox, files[i]);
	sandbox_read(sandbox, "/etc/resolv.conf");
	/* Elsewhere it belongs to a program that replaces it. */
	if (real && strncmp(real, "/etc/", 5) != 0)
		sandbox_read_beside(sandbox, real);
	free(real);
	sandbox_write(sandbox, "/dev/null");
}

/* Files are replaced when they are edited, so it is their folders that count. */
static void read_policy(const struct server *server, struct sandbox *sandbox)
{
	const struct policy *policy = server->policy;

	sandbox_read_beside(sandbox, server->path);
	for (size_t i = 0; i < policy->source_count; i++)
		sandbox_read_beside(sandbox, policy->sources[i].path);
	for (size_t i = 0; i < policy->table_file_count; i++)
		sandbox_read_beside(sandbox, policy->table_files[i]);
}

enum sandbox_mode server_sandbox_mode(const struct server *server)
{
	if (strcmp(server->sandbox, "off") == 0)
		return SANDBOX_OFF;
	return strcmp(server->sandbox, "required") == 0 ? SANDBOX_REQUIRED : SANDBOX_ON;
}

int confine_server(void *ctx, struct sandbox *sandbox, enum sandbox_mode *mode_r)
{
	const struct server *server = ctx;
	const char *why = NULL;
	void *frame;

	*mode_r = server_sandbox_mode(server);
	/* No library is loaded inside: the one by which libc ends a thread is loaded by this. */
	(void)backtrace(&frame, 1);
	spf_init();
	mime_init_confined();
	if (dkim_verifier_init(&why) < 0) {
		log_line(LOG_LEVEL_ERROR, "libopendkim does not start: %s", why);
		return MILTER_BROKEN;
	}
	read_system(sandbox);
	read_policy(server, sandbox);
	if (server->jit)
		sandbox_execute(sandbox);
	sandbox_connect(sandbox, DNS_PORT);
	sandbox_connect(sandbox, server_resolver_port(server->policy));
	return MILTER_OK;
}
