/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_MILTER_PROCESS_H
#define FILTER_MILTER_PROCESS_H

/*
 * The processes: the listening sockets (socket.c, listeners.c), rights (privilege.c), when to start
 * a crashed filter process again (restart.c), what it was judging (suspects.c), the end of a filter
 * process (drain.c), the threads that serve sessions (dispatch.c), what they read (intake.c), what
 * keeps libmilter going (nudge.c, stead.c), the filter process itself (filter.c) and the one beside
 * it (companion.c). process.c is the parent.
 */

#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include "postern/milter.h"

struct arena;

/* ---- socket.c ---- */

#define SOCKET_PATH_MAX (sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1)

/* Where to listen, as written. */
struct endpoint {
	int family; /* AF_UNIX, AF_INET, AF_INET6 */
	char path[SOCKET_PATH_MAX + 1];
	char host[NI_MAXHOST];
	unsigned port;
};

/* False and a text where `text` names no place to listen at. */
bool endpoint_parse(const char *text, struct endpoint *endpoint_r, const char **why_r);

/* A socket that listens. Unix sockets have a path, and a lock file that is held. */
struct listener {
	int fd, lock;
	bool lent; /* by the service manager: nothing of it is ours to remove */
	char path[SOCKET_PATH_MAX + 1]; /* empty: not a unix socket */
	dev_t device;
	ino_t inode;
};

#define OWNER_NONE ((uid_t)-1)

/*
 * Binds and listens. A unix socket gets the mode, the group (a name or NULL) and the owner. A
 * stale socket in its place is removed; a live one, or anything that is not a socket, never is.
 * On failure nothing is left open, and *why_r is a text in the arena.
 */
bool listener_open(struct arena *arena, const char *where, const char *group, unsigned mode,
		   uid_t owner, struct listener *listener_r, const char **why_r);
/* One that was opened by somebody else. */
void listener_lent(int fd, struct listener *listener_r);
/* Removes the path if it still is this socket. The lock file stays: removing it would race. */
void listener_remove(struct listener *listener);
void listener_close(struct listener *listener);

/* ---- listeners.c ---- */

#define LISTENER_NONE                                                                              \
	{                                                                                          \
		.fd = -1, .lock = -1                                                               \
	}

struct listeners {
	struct listener mtas, commands, metrics;
};

/* All that are configured; false and a line in the log: MTAs have none. The others may fail. */
bool listeners_open(struct listeners *all, struct arena *arena, const struct milter_config *config,
		    uid_t owner);
/* In a child: the locks are the parent's, even where the sockets are not. */
void listeners_unlock(struct listeners *all);
/* Closes the sockets alone. */
void listeners_shut(struct listeners *all);
/* As listener_remove() and listener_close(). */
void listeners_remove(struct listeners *all);
void listeners_close(struct listeners *all);

/* ---- privilege.c ---- */

struct identity {
	const char *user; /* NULL: nobody to become */
	uid_t uid;
	gid_t gid;
};

/* Who is to be become: nobody unless started as root. False and a text: there is no such user. */
bool privilege_find(struct arena *arena, const char *user, struct identity *identity_r,
		    const char **why_r);
/* Becomes that user for good. False and a text if any of it did not work. */
bool privilege_drop(const struct identity *identity, const char **why_r);
/* No privileges by exec, no core dump and no tracer from now on. False: errno says why. */
bool privilege_harden(void);
/* As many descriptors as the hard limit allows, at most 65,536. */
void privilege_descriptors(void);

/* ---- restart.c ---- */

#define RESTART_FREE 5                 /* crashes in that time that are answered at once */
#define RESTART_WINDOW (10 * NS_PER_S) /* also the life after which back-off is forgotten */
#define RESTART_FIRST (500 * NS_PER_MS)
#define RESTART_MOST (5 * NS_PER_S)

struct restart {
	int64_t crashes[RESTART_FREE]; /* when; a ring */
	unsigned count, next;
	int64_t delay; /* the last, 0 while there is no back-off */
};

/* How long to wait (ns) after a crash at `now` of a process that lived for `lived`. */
int64_t restart_delay(struct restart *restart, int64_t now, int64_t lived);

/* ---- companion.c: in the parent ---- */

struct companion {
	int ends[2]; /* the filter processes', and its own; -1: there is none, nor will be */
	pid_t child; /* 0: none now */
	int64_t started, due; /* when it was, and when the next is to be */
	struct restart restart;
};

/* Makes its sockets. Where that fails, there is none. */
void companion_open(struct companion *companion);
/* One is to be started as soon as it is due. */
bool companion_wanted(const struct companion *companion);
/* As fork(). */
pid_t companion_fork(struct companion *companion);
/* Has it ended? Then the next is due some time. */
bool companion_ended(struct companion *companion, const char *name);
/* Its sockets: it ends when nobody else has any of them. */
void companion_close(struct companion *companion);

/* ---- suspects.c ---- */

#define SUSPECT_CRASHES 2              /* in which a message was being judged, and it is deferred */
#define SUSPECT_TIME (3600 * NS_PER_S) /* since the last of them; then it is forgotten */
#define SUSPECT_BEGINNINGS 2           /* fingerprints that a message had before its last one */

enum suspicion {
	SUSPICION_NONE,
	SUSPICION_POSTPONE, /* a message to be deferred began like this: wait until more is known */
	SUSPICION_DEFER,
};

/* Shared by the parent and its filter processes. All functions take NULL for "there is none". */
struct suspects;

/* Before the first fork. NULL: there is no memory to share. */
struct suspects *suspects_new(void);
void suspects_free(struct suspects **suspects);
/* Adds bytes to a fingerprint; never 0, which stands for no message. */
uint64_t suspects_hash(const struct suspects *suspects, uint64_t before, const void *bytes,
		       size_t n);
/*
 * In the filter process: judging begins, and ends at that place. `beginnings` are the
 * SUSPECT_BEGINNINGS fingerprints that the message had before, 0 for none. -1: it is not noted.
 */
int suspects_enter(struct suspects *suspects, uint64_t fingerprint, const uint64_t *beginnings);
void suspects_leave(struct suspects *suspects, int place);
/* What is to be done with it. *first_r: to be deferred, and nobody has asked since its last crash.
 */
enum suspicion suspects_suspicion(struct suspects *suspects, uint64_t fingerprint, bool *first_r);
/* In the parent, after a crash and before the next fork: counts who was being judged. */
void suspects_crashed(struct suspects *suspects);

/* ---- drain.c ---- */

/* The messages in progress, and whether new ones are taken. */
struct drain {
	pthread_mutex_t lock;
	pthread_cond_t idle; /* monotonic */
	unsigned messages;
	bool stopping;
};

bool drain_init(struct drain *drain);
/* A message begins. False: the filter is stopping and takes no more. */
bool drain_enter(struct drain *drain);
/* A message that drain_enter() let in is over. */
void drain_leave(struct drain *drain);
/* Takes no more messages, waits for the rest until `deadline` (clock_now()). True: all ended. */
bool drain_wait(struct drain *drain, int64_t deadline);

/* ---- dispatch.c ---- */

/* Do our own threads serve the sessions, and not libmilter's pool? */
bool dispatch_used(void);
/* Is this one of them, at work? */
bool dispatch_serves(void);

/* ---- nudge.c ---- */

struct nudge {
	struct sockaddr_storage address; /* where we listen ourselves */
	socklen_t length;
	atomic_uint sessions; /* open ones */
	atomic_bool held;     /* connections wait for descriptors: none is to be added */
};

/* Starts the thread. False: there is none, or the socket has no address. */
bool nudge_start(struct nudge *nudge, int listening);
/* A connection to our own socket that is being made, not blocking; -1: none. */
int nudge_connect(const struct nudge *nudge);
/* The open ones now, this one counted in, or out. */
unsigned nudge_opened(struct nudge *nudge);
unsigned nudge_closed(struct nudge *nudge);

/* ---- crowd.c ---- */

/* One more has come, so that so many are open. False: it is to be deferred. */
bool crowd_admits(unsigned open);
/* One has gone. */
void crowd_closed(unsigned open);

/* ---- intake.c ---- */

/* What has been read of a connection, and libmilter not yet asked for. */
struct intake {
	int fd;
	size_t at, end;
	char bytes[64 * 1024];
};

/* The thread serves this connection, of which nothing is read ahead yet. */
void intake_begin(struct intake *intake, int fd);
bool intake_pending(const struct intake *intake);
/* It serves none; what is still pending is lost. */
void intake_end(void);

/* ---- stead.c ---- */

/* Before libmilter's threads start, after nudge_start(): what its calls to libc come to. */
void stead_begin(int listening, struct nudge *nudge);
/* What accept() has last given libmilter on this thread, once; -1: nothing. */
int stead_accepted(void);
/* What smfi_settimeout() is to be told, seconds. */
unsigned stead_patience(void);

/* ---- pulse.c ---- */

/* Signs of life, in memory shared by the processes: each is counted up. */
struct pulse {
	atomic_uint serving, reloads_begun, reloads_over, answers;
	atomic_bool refused; /* the last reload was */
};

/* Once, in the parent. NULL: memory ended. */
struct pulse *pulse_new(void);

/* In the filter process: before threads; once it serves; for each answer to an MTA. */
void pulse_begin(struct pulse *pulse, pid_t parent);
void pulse_serving(void);
void pulse_answered(void);
/* Starts a thread that asks for an answer every `interval` nanoseconds. False: there is none. */
bool pulse_start(const struct nudge *nudge, int64_t interval);

/* In the parent: what was told to the service manager of all that. Tells what is new. */
struct heard {
	unsigned serving, begun, over, answers;
};
void pulse_tell(struct pulse *pulse, struct heard *heard, const struct milter_config *config,
		void *ctx);

/* ---- process.c ---- */

/* Of a child of the parent, first of all: it dies with it, and leaves signals to it. */
void process_begin(pid_t parent);

/* ---- filter.c ---- */

/* Tell the parent that the policy was replaced, or its tables alone; of news in the pulse. */
#define PARENT_RENEW SIGUSR2
#define PARENT_REFRESH SIGPWR
#define PARENT_NEWS (SIGRTMIN)

#define DRAIN_TIME (5 * NS_PER_S)

struct filter_ends {
	int listening; /* where MTAs come */
	int commands;  /* where `postern status` and its like come, or -1 */
	int metrics;   /* where metrics are asked for, or -1 */
	int companion; /* where it is asked, or -1 */
	int control;   /* from the parent */
	bool lent;     /* `listening` belongs to the service manager, who goes on to use it */
	struct pulse *pulse;
	int64_t beat; /* nanoseconds within which an answer is to be seen; 0: nobody looks */
	struct suspects *suspects;
};

/*
 * All of a filter process. `control` is the reading end of a pipe whose other end the parent
 * holds: each byte asks for a reload, and when it is closed, the process drains and ends.
 * `parent` is who must live.
 */
_Noreturn void filter_process(const struct milter_config *config,
			      int (*start)(void *ctx, struct milter_service *service_r), void *ctx,
			      const struct filter_ends *ends, pid_t parent);

#endif
