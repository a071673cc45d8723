/* SPDX-License-Identifier: BSD-2-Clause */
/* The settings that only `serve` reads: what it would not start with is said beforehand. */

#include <string.h>

#include "filter/command/account.h"
#include "filter/command/command.h"
#include "filter/command/server.h"
#include "postern/arena.h"
#include "postern/diag.h"
#include "postern/dns.h"
#include "postern/policy.h"
#include "postern/sandbox.h"

bool server_mode(struct str text, unsigned *mode_r)
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

/* Somebody may check a policy on another machine than the one that serves it. */
static void check_account(const struct policy *policy, struct diag *diag, const char *setting)
{
	bool group = strcmp(setting, "socket.group") == 0;
	const char *name = server_setting(policy, setting);

	/* In the sandbox accounts are not known any more, nor asked for: see mind_fixed(). */
	if (!sandbox_reads("/etc/passwd"))
		return;
	if (name && !(group ? account_group(name) : account_user(name)))
		diag_warn(diag, "account", policy_setting_span(policy, setting),
			  "this machine has no %s '%s', without which 'postern serve' does not "
			  "start",
			  group ? "group" : "user", name);
}

/* Others see them only where that was asked for: the names of rules say much. */
static void check_metrics(const struct policy *policy, struct diag *diag)
{
	const char *where = server_setting(policy, "metrics"), *why = NULL;
	bool public = strcmp(server_setting(policy, "metrics.public"), "yes") == 0;

	if (strcmp(where, "none") == 0)
		return;
	if (!milter_listen_ok(where, &why))
		diag_error(diag, policy_setting_span(policy, "metrics"), "'metrics': %s", why);
	else if (!public && !milter_listen_local(where))
		diag_error(diag, policy_setting_span(policy, "metrics"),
			   "'metrics': others can reach this address: write 127.0.0.1, or 'set "
			   "metrics.public yes' too");
}

void serve_check(const struct policy *policy, struct diag *diag)
{
	const char *resolver = server_setting(policy, "resolver"), *why = NULL;
	unsigned mode;

	if (!server_mode(policy_setting_named(policy, "socket.mode")->text, &mode))
		diag_error(diag, policy_setting_span(policy, "socket.mode"),
			   "'socket.mode' is an octal mode such as 0660");
	if (!milter_listen_ok(server_setting(policy, "listen"), &why))
		diag_error(diag, policy_setting_span(policy, "listen"), "'listen': %s", why);
	check_metrics(policy, diag);
	if (resolver && !resolver_address_ok(resolver, &why))
		diag_error(diag, policy_setting_span(policy, "resolver"), "'resolver': %s", why);
	check_account(policy, diag, "user");
	check_account(policy, diag, "socket.group");
}
