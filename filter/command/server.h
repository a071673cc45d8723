/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_COMMAND_SERVER_H
#define FILTER_COMMAND_SERVER_H

/*
 * What `postern serve` is made of: what it serves (serve.c), how that is replaced while it runs
 * (reload.c), who may ask for that and for news of it (control.c), and where it is all written down
 * (recording.c).
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "postern/clock.h"
#include "postern/milter.h"
#include "postern/sandbox.h"
#include "postern/str.h"

struct counters;
struct keeper;
struct metrics_now;
struct policy;
struct resolver;
struct source;

struct server {
	struct arena *arena;
	const char *path; /* of the policy */
	const char *dns;  /* file of records; NULL: the DNS */
	bool background;  /* nobody reads standard error */
	struct source *records;
	struct policy *policy; /* what `start` serves */
	struct clock clock;
	const char *sandbox;   /* as it was set when the daemon started */
	bool jit;              /* then too, and there is memory for it */
	int64_t started;       /* wall clock; of the daemon */
	int control, metrics;  /* sockets that control_start() and metrics_start() get, or -1 */
	struct keeper *keeper; /* of the journal; NULL: there is none */
	/* The journal when the daemon started; path NULL: it was off. */
	const char *journal;
	uint64_t journal_size;
	int64_t journal_age; /* seconds */
	struct counters *counters;
};

/* ---- serve.c ---- */

/*
 * Loads a policy as `serve` would have it. NULL: it cannot be served, and *text_r says why. What
 * is to be said of it all the same is in *text_r too, which is malloc'ed; NULL: memory ended.
 */
struct policy *server_load(const char *path, char **text_r);
/* The same policy with its tables read anew. */
struct policy *server_refresh(const struct policy *policy, char **text_r);
/* The value of a text setting, in the policy's arena; NULL: not set. */
const char *server_setting(const struct policy *policy, const char *name);
/* The number that a mode in octal says; false: it is none. */
bool server_mode(struct str text, unsigned *mode_r);
/* The resolver that the policy wants. 0 or a status of milter_run(). */
int server_resolver(struct server *server, const struct policy *policy,
		    struct resolver **resolver_r);

/* ---- confine.c: in the filter process, before it has a second thread ---- */

/* What it will need in the sandbox, and what has to be started outside. A status of milter_run().
 */
int confine_server(void *ctx, struct sandbox *sandbox, enum sandbox_mode *mode_r);
/* Where the name server listens that the policy wants. */
unsigned server_resolver_port(const struct policy *policy);
enum sandbox_mode server_sandbox_mode(const struct server *server);

/* ---- recording.c ---- */

/* Once, in the parent, before it forks: there is to be a journal, as the policy has it now. */
bool recording_wanted(struct server *server);
/* milter_config.companion: writes the journal. */
int recording_run(void *ctx, int fd);
/*
 * In the filter process, where the companion is asked at `fd`. Without a journal mail is judged all
 * the same, and that is said. False: there is none yet, and replies need not refer to it.
 */
bool recording_begin(struct server *server, int fd);

/* ---- reload.c: in the filter process ---- */

struct reloads {
	uint64_t good, bad;
	int64_t last; /* wall clock; 0: none */
	bool last_good;
	char *last_text;   /* what was said of the last one; "" if nothing */
	char policy[17];   /* id of the policy in force */
	char resolver[64]; /* whom it has asked; empty: the system's resolver */
};

/* Before threads: what is served at first. False: memory ended. */
bool reload_begin(struct server *server, const struct milter_policy *served);
/*
 * Loads the policy file anew and puts it in force if it can be served and its tests pass; else all
 * stays as it is.
 * What is to be said of it is in *text_r (malloc'ed; NULL: memory ended) and in the log. One at a
 * time.
 */
bool reload_now(char **text_r);
/* Looks after the files of tables, in a thread of its own. False: no thread. */
bool reload_watch(void);
/* For the room of libmilter. */
void reload_asked(void *ctx);
void reload_retire(void *ctx, const struct milter_policy *policy);
/* A copy of the present state; last_text is malloc'ed, or NULL where memory ended. */
void reload_state(struct reloads *state_r);

/* ---- statistics.c: in the filter process ---- */

/* What no counter tells. `ctx` is the server. */
void statistics_now(void *ctx, struct metrics_now *now_r);
/* The answer to `stats`. */
json_t *statistics_object(const struct server *server);

/* ---- control.c: in the filter process ---- */

/* Answers commands at the listening socket `fd`, in a thread of its own. False: no thread. */
bool control_start(const struct server *server, int fd);

#endif
