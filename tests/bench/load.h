/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_BENCH_LOAD_H
#define TESTS_BENCH_LOAD_H

/*
 * The load generator. Messages (load_mail.c); one connection to one milter (load_link.c); SMTP
 * sessions that speak to a chain of milters as Postfix does (load_session.c, load_edit.c); all
 * of them together, measured (load_drive.c, load_usage.c); load.c reads the options and prints
 * the report. One thread.
 */

#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/un.h>

#include <libmilter/mfapi.h>
#include <libmilter/mfdef.h>

#define LOAD_MILTERS_MAX 4
#define LOAD_TEXTS_MAX 16
#define LOAD_PIDS_MAX 8

/* Ends the program with status 2. */
void load_die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
void *load_resize(void *bytes, size_t size);
uint64_t load_now(void); /* monotonic, nanoseconds */

/* ---- messages ---- */

struct field {
	const char *name;
	const char *value; /* all after the colon; folds as LF and white space */
};

struct message {
	char *address; /* of the client */
	char *name;
	char *helo;
	char *sender; /* with its angle brackets, as are the recipients */
	char **recipients;
	size_t recipient_count;
	struct field *fields;
	size_t field_count;
	char *body; /* CRLF line ends */
	size_t body_length;
	size_t next_of_client; /* index of the next message from this address, or itself */
};

struct mail {
	struct message *messages;
	size_t count;
};

/*
 * Reads the messages named by the list, one a line, five or more fields separated by tabs:
 * file, client address, client name, HELO name, sender, recipients. A file's name is relative
 * to the list.
 */
void mail_read(struct mail *mail, const char *list);

/* ---- a connection to a milter ---- */

struct endpoint {
	union {
		struct sockaddr any;
		struct sockaddr_un local;
		struct sockaddr_in inet;
		struct sockaddr_in6 inet6;
	} address;
	socklen_t length;
};

/* "unix:PATH", "local:PATH", "inet:PORT@HOST" or "inet6:PORT@HOST", HOST numeric. */
void endpoint_parse(struct endpoint *endpoint, const char *text);

struct buffer {
	char *bytes;
	size_t start, end, capacity;
};

struct link {
	void *owner;
	int fd, poll;
	bool broken;  /* the peer is gone or speaks nonsense */
	bool blocked; /* more is queued than the socket takes; EPOLLOUT will come */
	bool negotiated;
	bool session_done; /* ACCEPT at connect or HELO: not asked again in this session */
	bool message_done; /* ACCEPT later: not asked again about this message */
	uint32_t steps;    /* SMFIP_ bits the milter chose */
	char *macros[SMFIM_LAST + 1]; /* names that it asked for, NULL: Postfix's own list */
	size_t packet;                /* where the packet being written begins */
	struct buffer in, out;
};

/* Finds a macro's value, NULL where it has none now. */
typedef const char *link_macro_fn(const void *context, const char *name);

/* 1: open; 0: the listen queue is full, try again; -1: errno says why not. */
int link_open(struct link *link, const struct endpoint *endpoint, int poll);
void link_close(struct link *link);
void link_free(struct link *link); /* closes it too */

/*
 * Packets queue up until 4096 bytes are there (the size of Postfix's stream buffer) or
 * link_flush() is called.
 */
void link_begin(struct link *link, char command);
void link_add(struct link *link, const void *bytes, size_t length);
void link_add_text(struct link *link, const char *text); /* with its NUL */
void link_end(struct link *link);
void link_flush(struct link *link);

/* The macro packet that goes before an event; it goes even if the event itself is not wanted. */
void link_macros(struct link *link, int stage, char command, link_macro_fn *find,
		 const void *context);

void link_offer(struct link *link);
bool link_accept_choice(struct link *link, const char *bytes, size_t length);

/* Reads what is there; false: the peer has closed. */
bool link_fill(struct link *link);
/* The next whole packet; its bytes stay valid until the next call. */
bool link_packet(struct link *link, char *command_r, const char **bytes_r, size_t *length_r);

/* ---- a run ---- */

struct plan {
	struct endpoint milters[LOAD_MILTERS_MAX];
	size_t milter_count;
	const char *texts[LOAD_TEXTS_MAX];
	size_t text_count;
	pid_t pids[LOAD_PIDS_MAX];
	size_t pid_count;
	size_t connections, messages, warmup, per_session;
	unsigned timeout;            /* seconds without any answer */
	uint64_t pause;              /* nanoseconds before each session */
	volatile sig_atomic_t *stop; /* set: measure no more */
};

enum verdict {
	VERDICT_ACCEPT,
	VERDICT_REJECT,
	VERDICT_TEMPFAIL,
	VERDICT_DISCARD,
	VERDICT_BROKEN,
	VERDICT_COUNT
};

struct series {
	double *values;
	size_t count, capacity;
};

/* Of the measured messages only. */
struct result {
	size_t verdicts[VERDICT_COUNT];
	size_t recipients_refused;
	size_t fields_added;   /* at the bottom or on top */
	size_t fields_changed; /* or removed */
	size_t other_edits;
	size_t texts[LOAD_TEXTS_MAX]; /* added fields that contain the plan's text */
	struct series message_ms;     /* MAIL to the verdict */
	struct series setup_ms;       /* connect() to HELO, once a session */
	struct series reply_ms;       /* a command to its answer, the last of several */
	size_t measured;
	double seconds, cpu_seconds;
	double own_cpu_seconds; /* of this program */
	size_t resident_bytes;  /* of the daemons, at the end */
};

void drive_run(const struct plan *plan, const struct mail *mail, struct result *result);

/* ---- processes ---- */

/* Seconds of processor time of these processes and all that descend from them and still live. */
double usage_cpu_seconds(const pid_t *pids, size_t count);
size_t usage_resident_bytes(const pid_t *pids, size_t count);

#endif
