/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_MILTER_CONN_H
#define FILTER_MILTER_CONN_H

/*
 * One connection of an MTA, as libmilter's callbacks (callbacks.c) see it: what was agreed on
 * (negotiate.c), the session that decides (conn.c), how its replies (reply.c) and edits (edits.c)
 * are told.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libmilter/mfapi.h>

#include "filter/milter/process.h"
#include "postern/session.h"

/* ---- negotiate.c ---- */

struct agreement {
	unsigned long actions, steps; /* SMFIF_* and SMFIP_* to ask for */
	unsigned long missing;        /* SMFIF_* that the policy needs and the MTA does not offer */
};

/* `actions` and `steps` as libmilter says the MTA offers them. */
void agreement_make(const struct session_needs *needs, unsigned long actions, unsigned long steps,
		    struct agreement *agreement_r);

#define MACRO_LIST_MAX 1024
#define MACRO_COUNT_MAX 50
/*
 * Writes the blank-separated names of both lists to `list` of MACRO_LIST_MAX bytes, each once, in
 * braces where it has several letters, at most MACRO_COUNT_MAX. False: not all found room.
 */
bool agreement_macro_list(const char *usual, const char *more, char *list);

#define MACRO_STAGES 6
struct macro_lists {
	size_t count;
	struct macro_list {
		int where; /* SMFIM_* */
		char names[MACRO_LIST_MAX];
	} items[MACRO_STAGES];
};
/* The macros that the policy needs beyond the MTA's own lists; once for a policy. */
void agreement_macros_make(const struct session_needs *needs, struct macro_lists *lists_r);
/* Asks for them. */
void agreement_macros(SMFICTX *ctx, const struct macro_lists *lists);

/* ---- generation.c ---- */

/* A policy in use, and what it needs of the MTA. */
struct generation {
	struct milter_policy served;
	struct session_needs needs;
	struct macro_lists macros;
	unsigned users; /* connections, and one while new connections get it; under a lock */
};

/* Makes the first one, before threads. `parent` is told of replacements. False: memory ended. */
bool generation_begin(const struct milter_service *service, pid_t parent);
/* The one that a new connection gets; generation_release() it when the connection ends. */
struct generation *generation_take(void);
void generation_release(struct generation *generation);

/* ---- judgement.c ---- */

/*
 * The fingerprint of the message of a connection: of client and MAIL, from the first RCPT on of
 * the recipient too, from the end of the header on of the Message-ID, or the header without one.
 */
struct judgement {
	uint64_t client, fingerprint, header, message_id; /* 0: none */
	uint64_t beginnings[SUSPECT_BEGINNINGS];          /* the fingerprint as it was before */
	bool has_recipient, has_header;
	bool postponed; /* it may yet turn out to be one that is to be deferred */
	int place;      /* in the shared page; -1: none */
};

/* Before threads. NULL: nothing is noted. */
void judgement_set(struct suspects *shared);
/* A connection begins; `ip` may be NULL. */
void judgement_client(struct judgement *j, const struct ip *ip);
void judgement_mail(struct judgement *j, char *const *arguments);
void judgement_rcpt(struct judgement *j, char *const *arguments);
void judgement_header(struct judgement *j, const char *name, const char *value);
/* No field follows. Once is enough, more do no harm. */
void judgement_header_over(struct judgement *j);
void judgement_over(struct judgement *j);
/* A callback goes to work on the message. False: it is to be deferred, and that was logged. */
bool judgement_enter(struct judgement *j);
void judgement_leave(struct judgement *j);

/* ---- backlog.c ---- */

/* What has come of a message and is not told to the session yet. */
struct backlog {
	bool data;   /* DATA has come */
	char *bytes; /* names and values of fields, each with a NUL at its end */
	size_t used, size;
};

/* Has anything been kept back? */
bool backlog_holds(const struct backlog *backlog);
/* False: memory ended, or it is more than LIMIT_BACKLOG. */
bool backlog_add(struct backlog *backlog, const char *name, const char *value);
/* Tells the session all of it, DATA first, and forgets it. The answer to DATA. */
struct reply backlog_tell(struct backlog *backlog, struct session *session);
void backlog_forget(struct backlog *backlog);

/* ---- the connection ---- */

enum step {
	STEP_CONNECT,
	STEP_HELO,
	STEP_MAIL,
	STEP_RCPT,
	STEP_DATA,
	STEP_HEADER,
	STEP_EOH,
	STEP_BODY,
	STEP_EOM,
	STEP_UNKNOWN,
};

struct conn {
	SMFICTX *ctx;
	struct generation *generation;
	struct session *session; /* NULL before connect, and where memory ended */
	struct session_env env;
	unsigned long steps; /* SMFIP_* agreed on */
	bool crowded;        /* one session more than there may be: nothing of it is looked at */
	bool refusing;       /* no message of this connection can be judged */
	bool in_message;     /* let in by drain_enter() */
	bool failed;         /* this message cannot be judged: deferred when next asked */
	int64_t body_time;   /* nanoseconds, of this message, not counted yet */
	struct judgement judgement;
	struct backlog backlog; /* while the judgement is postponed */
	char *scratch;          /* for a header's value with its leading space */
	size_t scratch_size;
};

/* ---- reply.c ---- */

#define REPLY_TEXT_MAX 980

/*
 * The text as smfi_setreply() wants it, in `out` of REPLY_TEXT_MAX + 1 bytes: '%' doubled, cut to
 * REPLY_TEXT_MAX bytes, and a '?' for whatever is not printable ASCII.
 */
void reply_text(const char *text, char *out);
/* Code and enhanced code of a refusal, as they are told: of the class of the reply's kind. */
void reply_codes(const struct reply *reply, char code[4], const char **enhanced_r);
/* A deferral that comes from here, not from the policy. */
struct reply reply_deferral(const char *enhanced, const char *text);
/* What the callback of this step returns for the reply. */
sfsistat reply_answer(struct conn *conn, enum step step, struct reply reply);
/* Is the message over when that was the answer? */
bool reply_is_final(enum step step, const struct reply *reply);

/* ---- edits.c ---- */

/* The value with one blank in front, in the connection's scratch space; NULL: memory ended. */
char *conn_blank_before(struct conn *conn, const char *value);

/* Makes the edits in order. NULL, or the edit that was refused; the rest is not tried then. */
const struct edit *edits_make(struct conn *conn, const struct edits *edits);

/* ---- conn.c ---- */

/* What connections work with: libmilter hands its callbacks nothing of that. Before threads. */
void conn_set(const struct milter_service *service, struct drain *drain, struct nudge *nudge,
	      struct suspects *suspects);
/* Hangs a new connection on libmilter's; NULL: memory ended. */
struct conn *conn_new(SMFICTX *ctx);
/* The connection that hangs there, or NULL. */
struct conn *conn_of(SMFICTX *ctx);
/* Nothing more comes for this connection, if there is one. */
void conn_end(SMFICTX *ctx);
/* The macro of the MTA; the value lives until the next command of the same stage. */
const char *conn_macro(void *conn, const char *name);

/* A message begins; false: none may any more. */
bool conn_enter(struct conn *conn);
/* The message is over, if there is one; the session knows that. */
void conn_message_over(struct conn *conn);
/* The message is over, and the session is told so. */
void conn_abort(struct conn *conn);
/*
 * Can this message not be judged? Then the session hears no more of it, and this is the reply. One
 * whose header was kept back is told to the session once it is beyond suspicion; if that decides,
 * it is the reply, too.
 */
bool conn_deferral(struct conn *conn, struct reply *reply_r);
/* The answer to a step of a message, and the message's end where that is one. */
sfsistat conn_answer(struct conn *conn, enum step step, struct reply reply);

/* A step that the MTA waits for, from its beginning: what was done for it before belongs to it. */
int64_t conn_step_begin(void);
void conn_step_end(struct conn *conn, enum stage stage, int64_t begun);
/* A piece of the body, for which the step counts that comes after the last. */
void conn_body_end(struct conn *conn, int64_t begun);

/* ---- callbacks.c ---- */

/* The description for smfi_register(). */
struct smfiDesc callbacks_desc(const char *name);

#endif
