/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_BENCH_LOAD_SESSION_H
#define TESTS_BENCH_LOAD_SESSION_H

/*
 * What load_session.c (the dialogue), load_edit.c (the header of the message in hand) and
 * load_drive.c (all sessions together, and what is measured) share.
 */

#include "load.h"

struct edit {
	struct field *fields; /* the message's, with the edits of the milters passed */
	size_t count, capacity;
	char **owned; /* names and values that edits brought in */
	size_t owned_count;
	size_t added, changed, others, texts[LOAD_TEXTS_MAX];
};

void edit_begin(struct edit *edit, const struct message *message);
/*
 * ADDHEADER, INSHEADER or CHGHEADER with its bytes from a milter that chose these steps. Counts
 * it, and makes it if another milter follows. False: malformed.
 */
bool edit_apply(struct edit *edit, const struct plan *plan, uint32_t steps, char command,
		const char *bytes, size_t length);
void edit_free(struct edit *edit);

enum stage {
	STAGE_OPEN, /* negotiation */
	STAGE_CONNECT,
	STAGE_HELO,
	STAGE_MAIL,
	STAGE_RCPT,
	STAGE_DATA,
	STAGE_HEADER, /* from here on all of a message goes to one milter before the next */
	STAGE_EOH,
	STAGE_BODY,
	STAGE_END,
	STAGE_IDLE
};

struct session {
	struct drive *drive;
	struct link links[LOAD_MILTERS_MAX];
	enum stage stage;
	size_t turn;   /* which milter's */
	bool waiting;  /* for its reply */
	bool unopened; /* its listen queue is full, or there is a pause */
	size_t served; /* messages of this session so far */
	uint64_t opened_at, mail_at, asked_at, pause_until;
	uint16_t port;
	const struct message *message;
	struct edit edit;
	size_t recipient, recipients_taken, recipients_refused, field, offset;
	enum verdict refusal; /* of the recipient refused last */
	char queue_id[16], via[320], mail_host[256], rcpt_host[256], mail_address[256],
	    rcpt_address[256];
};

/* All sessions. */
struct drive {
	const struct plan *plan;
	const struct mail *mail;
	struct result *result;
	struct session *sessions;
	int poll;
	size_t live, unopened, started, finished, broken;
	bool measuring;
	uint64_t began_at;
	double cpu_before, own_cpu_before;
};

/* A session's SMTP dialogue begins, a command is answered, a message ends. */
void drive_count_setup(struct drive *drive, const struct session *session);
void drive_count_reply(struct drive *drive, uint64_t asked_at);
void drive_count_message(struct drive *drive, const struct session *session, enum verdict verdict);

/* Takes up the next message, in a new session or this one, or becomes idle. */
void session_next(struct session *s);
/* Goes on until a reply, room in a socket or the end is to be waited for. */
void session_run(struct session *s);
void session_readable(struct session *s, struct link *link);

#endif
