/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POSTERN_MILTER_H
#define POSTERN_MILTER_H

/*
 * The daemon: a listening socket, a parent process that owns it and the signals, and one filter
 * process in which libmilter turns what the MTA says into events of a session.
 *
 *   static int start(void *ctx, struct milter_service *service_r)
 *   {
 *           ... load the policy, make the resolver, start threads ...
 *           service_r->policy = policy;
 *           service_r->resolver = resolver;
 *           service_r->clock = &clock_system;
 *           service_r->settled = write_log_line;
 *           return 0;
 *   }
 *
 *   return milter_run(&config, start, &ctx);
 *
 * The parent binds, drops its privileges and forks. It parses nothing from the network. A filter
 * process that crashes is replaced; connections made meanwhile wait in the socket's queue. When
 * the parent dies, by whatever signal, so does the filter process.
 *
 * Signals are the parent's business: SIGTERM and SIGINT stop (no new connection; new messages of
 * the open ones are answered 451 4.3.2; messages in progress have 5 s to end; what is open then
 * is closed, for which MTAs answer as they do for a filter that is gone), SIGHUP and SIGUSR1 are
 * logged and ignored. The filter process ignores all of them, so a signal to the whole group
 * does no harm.
 */

#include <stdbool.h>

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
};

/* What the filter process works with; all borrowed until the process ends. */
struct milter_service {
	const struct policy *policy;
	struct resolver *resolver;
	const struct clock *clock;
	/* As session_env.settled, but with the ctx below; from several threads. May be NULL. */
	void (*settled)(void *ctx, const struct session *session);
	/*
	 * Called last in an orderly stop, when no message is in progress any more; not when
	 * messages were cut off. May be NULL.
	 */
	void (*finish)(void *ctx);
	void *ctx;
};

/* Statuses of milter_run(); those of `start` mean the same. */
#define MILTER_OK 0
#define MILTER_FAILED 1 /* of start: may work when tried again */
#define MILTER_BROKEN 2 /* will not work until somebody mends it: the parent gives up too */

/* Does a text name a place to listen at? If not, *why_r says what is wrong. */
bool milter_listen_ok(const char *listen, const char **why_r);

/*
 * Serves until told to stop and returns the status for exit(). `start` is called in the filter
 * process, after privileges were dropped and before the first connection is taken; again in each
 * process that replaces a crashed one. Call while the program has one thread. What goes wrong is
 * logged here.
 */
int milter_run(const struct milter_config *config,
	       int (*start)(void *ctx, struct milter_service *service_r), void *ctx);

#endif
