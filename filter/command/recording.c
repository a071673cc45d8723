/* SPDX-License-Identifier: BSD-2-Clause */
/* The journal of `serve`: the process that writes it, and what the filter process knows of it. */

#include "filter/command/server.h"

#include <string.h>
#include <sys/prctl.h>

#include "postern/clock.h"
#include "postern/counters.h"
#include "postern/journal.h"
#include "postern/log.h"
#include "postern/policy.h"
#include "postern/sandbox.h"

/* As `ps` shows it; 15 characters at most. */
#define PROCESS_NAME "postern-journal"
/* What a start waits for the store: a dead disk holds up no mail. */
#define START_PATIENCE (2 * NS_PER_S)

bool recording_wanted(struct server *server)
{
	const struct policy *policy = server->policy;

	if (strcmp(server_setting(policy, "journal"), "off") == 0)
		return false;
	server->journal = str_dup(server->arena, str_of(server_setting(policy, "journal.path"))).s;
	server->journal_size = (uint64_t)policy_setting_named(policy, "journal.size")->number;
	server->journal_age = policy_setting_named(policy, "journal.age")->number / 1000;
	return true;
}

/* The folder it may write to is the one that is there now: recorder.c knows what that means. */
static bool confine(const struct server *server)
{
	struct arena *arena = arena_new(NULL);
	struct sandbox *sandbox = sandbox_new(arena);
	const char *why = NULL;
	bool ok;

	/* Where it cannot be made, opening the store says so. */
	journal_folder(server->journal);
	sandbox_write(sandbox, server->journal);
	sandbox_write(sandbox, "/dev/null");
	/* Zones of time. */
	sandbox_read(sandbox, "/etc/localtime");
	sandbox_read(sandbox, "/usr/share");
	sandbox_offline(sandbox);
	ok = sandbox_enter(sandbox, server_sandbox_mode(server), &why);
	if (!ok)
		log_line(LOG_LEVEL_ERROR,
			 "sandbox: %s; there is no journal ('set sandbox off' does without)", why);
	arena_free(&arena);
	return ok;
}

int recording_run(void *ctx, int fd)
{
	const struct server *server = ctx;
	struct journal *journal;
	enum recorder_end end;

	(void)prctl(PR_SET_NAME, PROCESS_NAME);
	if (!confine(server))
		return MILTER_BROKEN;
	journal = journal_new(&(struct journal_config){
	    .path = server->journal, .size = server->journal_size, .age = server->journal_age});
	if (!journal)
		return MILTER_FAILED;
	end = recorder_run(journal, fd);
	journal_close(&journal);
	return end == RECORDER_RENEW ? MILTER_RENEW : MILTER_OK;
}

bool recording_begin(struct server *server, int fd)
{
	struct recorder_link *link;
	const char *why = NULL;
	bool ready;

	if (!server->journal)
		return false;
	link = fd >= 0 ? recorder_link_new(fd) : NULL;
	if (!link) {
		log_line(LOG_LEVEL_WARNING, "there is no journal: %s",
			 fd >= 0 ? "no memory for it" : "no process for it");
		return false;
	}
	ready = recorder_ready(link, START_PATIENCE, &why);
	if (!ready)
		log_line(LOG_LEVEL_WARNING, "there is no journal: %s; tried again every second",
			 why);
	server->keeper = keeper_new(link, ready, &server->counters->journal);
	if (!server->keeper) {
		recorder_link_free(&link);
		log_line(LOG_LEVEL_WARNING, "there is no journal: no thread for it");
		return false;
	}
	return ready;
}
