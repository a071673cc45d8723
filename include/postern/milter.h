/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POSTERN_MILTER_H
#define POSTERN_MILTER_H

/*
 * The daemon: a listening socket, a parent process that owns it and the signals, and one filter
 * process in which libmilter turns what the MTA says into events of a session.
 *
 *   static int start(void *ctx, struct milter_service *service_r)
 *   {
 *           ... make the resolver, start threads ...
 *           service_r->served.policy = policy;
 *           service_r->served.resolver = resolver;
 *           service_r->clock = &clock_system;
 *           service_r->settled = write_log_line;
 *           return 0;
 *   }
 *
 *   return milter_run(&config, start, &ctx);
 *
 * The parent binds, drops its privileges and forks. It parses nothing from the network. The filter
 * process shuts itself into a sandbox before its first thread, or does not serve. A filter
 * process that crashes is replaced; connections made meanwhile wait in the socket's queue. When
 * the parent dies, by whatever signal, so does the filter process. What the filter process is not
 * to have a right to is done by a companion, a third process that never sees a connection.
 *
 * Signals are the parent's business: SIGTERM and SIGINT stop (no new connection; new messages of
 * the open ones are answered 451 4.3.2; messages in progress have 5 s to end; what is open then
 * is closed, for which MTAs answer as they do for a filter that is gone), SIGHUP and SIGUSR1 ask
 * the filter process for a reload. The filter process ignores all of them, so a signal to the
 * whole group does no harm.
 *
 * A service manager (systemd) is told by the parent when the filter process serves, reloads and
 * stops, and, as often as it wants, that MTAs get answers. A listening socket that it passes is
 * used in the place of `listen`; nothing but the descriptor is then asked for.
 *
 * A reload is the filter process's work: it builds the new policy aside and calls
 * milter_replace(). Connections that are open keep the policy they began with. Then the parent is
 * told (SIGUSR2, or SIGPWR) and renews its own, so that a filter process which replaces a crashed
 * one begins with the policy that was in force, whatever the files look like by then.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/fact.h"
#include "postern/sandbox.h"

struct clock;
struct policy;
struct resolver;
struct session;

struct milter_config {
	const char *name;   /* of the filter, in libmilter's own log lines; "postern" */
	const char *listen; /* unix:PATH (or local:PATH), inet:PORT@HOST, inet6:PORT@HOST */
	const char *group;  /* of a unix socket, a name; NULL: not changed */
	unsigned mode;      /* of a unix socket: 0660 */
	const char *user;   /* to become when started as root; NULL: stays root, with a warning */
	/* A second socket, for whoever commands the daemon; as `listen`, NULL: none. Where it
	 * cannot be had that is logged, and the rest goes on. */
	const char *control;
	const char *metrics; /* a third one, in the same way, for metrics */
	/*
	 * In the parent, after the filter process has replaced its policy, or on SIGHUP while there
	 * is no filter process: loads what `start` will serve the next time, or reads the tables of
	 * what it has anew. May be NULL.
	 */
	void (*renew)(void *ctx, bool tables_only);
	/*
	 * In each filter process, first of all: while it has one thread and no sandbox yet, names
	 * what it will need there, and starts what could not be started inside. Returns one of the
	 * statuses below. NULL: there is no sandbox.
	 */
	int (*confine)(void *ctx, struct sandbox *sandbox, enum sandbox_mode *mode_r);
	/*
	 * All of the companion, which has one thread: serves filter processes at `fd`, one end of a
	 * pair of sockets (SOCK_SEQPACKET) that it gets end of file from when all is over, and
	 * returns its exit status: MILTER_RENEW to be replaced at once, else it is replaced as a
	 * filter process that crashed. Started first, and ended last. NULL: there is none.
	 */
	int (*companion)(void *ctx, int fd);
	const char *companion_name; /* in the log: "journal" */
	/* In the parent: what is served, for the service manager's status line. May be NULL. */
	void (*status)(void *ctx, char *text, size_t size);
};

/* A policy and where its lookups go; borrowed until `retire` hands it back. */
struct milter_policy {
	const struct policy *policy;
	struct resolver *resolver;
};

/* What the filter process works with; all borrowed until the process ends. */
struct milter_service {
	int control;   /* set before `start`: the second socket, listening, or -1 */
	int metrics;   /* the same: the third one */
	int companion; /* the same: the other end of its pair of sockets, or -1; borrowed */
	struct milter_policy served;
	const struct clock *clock;
	bool references; /* as session_env.references */
	/* As session_env.settled, but with the ctx below; from several threads. May be NULL. */
	void (*settled)(void *ctx, const struct session *session);
	/* A step that the MTA waited for so many nanoseconds; from several threads. May be NULL. */
	void (*took)(void *ctx, enum stage stage, int64_t nanoseconds);
	/*
	 * All that threads may ask for is there: those that ask may begin now, before the first
	 * connection of an MTA. False: the process ends with MILTER_FAILED. May be NULL.
	 */
	bool (*ready)(void *ctx);
	/*
	 * Called last in an orderly stop; other threads may still be at messages that were cut off.
	 * May be NULL.
	 */
	void (*finish)(void *ctx);
	/* SIGHUP or SIGUSR1 came; called in a thread of its own, one at a time. May be NULL. */
	void (*reload)(void *ctx);
	/*
	 * A policy that milter_replace() put out of use, and the last connection that began with
	 * it has ended; from any thread. May be NULL.
	 */
	void (*retire)(void *ctx, const struct milter_policy *policy);
	void *ctx;
};

/*
 * In the filter process, from any thread: connections that begin from now on get this policy.
 * False: memory ended, and nothing has changed. `tables_only`: it is the one before, with tables
 * read anew.
 */
bool milter_replace(const struct milter_policy *policy, bool tables_only);

/* In the filter process: a reload begins, or is over, refused or not; for the service manager. */
void milter_reloading(bool over, bool refused);

/* Statuses of milter_run(); those of `start` mean the same. */
#define MILTER_OK 0
#define MILTER_FAILED 1 /* of start: may work when tried again */
/*
 * Will not work until somebody mends it: before one has served, the parent gives up too.
 */
#define MILTER_BROKEN 2
/* Of a companion: a new one does better. */
#define MILTER_RENEW 3

/* Does a text name a place to listen at? If not, *why_r says what is wrong. */
bool milter_listen_ok(const char *listen, const char **why_r);
/* Is it a place of this machine alone: a unix socket, a loopback address, localhost? */
bool milter_listen_local(const char *listen);

/*
 * Serves until told to stop and returns the status for exit(). `start` is called in the filter
 * process, after privileges were dropped and before the first connection is taken; again in each
 * process that replaces a crashed one, with what `renew` last made of `ctx`. Call while the program
 * has one thread. What goes wrong is logged here.
 */
int milter_run(const struct milter_config *config,
	       int (*start)(void *ctx, struct milter_service *service_r), void *ctx);

/* Connections of MTAs that are open. In the filter process. */
unsigned milter_sessions(void);
/* Those that came when there were as many as there may be: deferred. */
uint64_t milter_sessions_refused(void);

#endif
