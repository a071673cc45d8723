/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_SESSION_PRIVATE_H
#define FILTER_SESSION_PRIVATE_H

/* One SMTP connection, for the files of this room. */

#include "postern/dict.h"
#include "postern/engine.h"
#include "postern/limits.h"
#include "postern/mail.h"
#include "postern/session.h"

/* An event's arguments; they travel together, so that nothing local changes over a longjmp(). */
struct event {
	struct str name, text;
	const char *const *parameters;
	const struct ip *ip;
	unsigned port;
	struct edits *edits;
	const struct edit *edit;
};

struct recipient {
	struct arena *arena;
	struct cell *cells;
	struct str address;  /* canonical */
	struct str original; /* as the MTA wrote it, for removing it again */
	bool bare;           /* postmaster without a domain */
	uint64_t kind;       /* for turns.c, of the first one; 0: not found out */
	bool discard;        /* certain at RCPT: deleted at the end, or the message discarded */
	const struct plan_rule *discard_rule;
	size_t discard_end;
	size_t report; /* its row in the report */
};

/* A family that asks ahead when a field of some name comes. */
struct open_ahead {
	const struct ahead_def *def;
	void *stream; /* the family's own, or NULL */
	size_t count; /* fields of its name so far */
};

enum mixed { MIXED_DEFER, MIXED_FIRST, MIXED_MESSAGE };

struct open_stream {
	const struct stream_def *def;
	void *stream;
	bool relevant; /* some undecided rule rests on it */
	bool body;     /* still wants body */
};

struct session {
	struct arena *arena; /* of the connection */
	struct arena *helo_arena, *message_arena;
	const struct policy *policy;
	struct session_env env;
	struct view view;
	struct cell *cells[SCOPE_COUNT];

	bool broken;    /* memory ended: everything is answered 451 */
	bool observing; /* `set mode observe`: decide, and do nothing */
	bool postponed; /* no lookup is begun */
	bool connected, in_message, over, data_seen, eoh_seen;
	bool local_submission; /* not SMTP: no recipient may be refused */
	bool early_connect;
	bool keeps_asking; /* `set journal all`: an accept waits for the end of the message */
	bool hears_connect, hears_data, hears_eoh; /* the MTA waits for the reply */
	bool has_latch;        /* a refusal of the message, told to every further command */
	const char *reference; /* of the last refusal */
	struct reply latch;
	struct decision latch_decision;
	enum mixed mixed_setting;
	enum mixed mixed; /* of this message */
	bool submitter;   /* the client is in the table of `set submitters` */

	int64_t cpu_spent; /* nanoseconds, on this message */
	int64_t began;     /* clock_now() at MAIL; 0: no message */
	struct path sender;
	struct str sender_text;
	VEC(struct recipient) recipients;                /* answered 250 */
	VEC(struct value) attempted, addresses, domains; /* of all named, of those taken */
	size_t rcpt_commands;
	uint64_t turn;         /* key of this transaction in turns.c */
	uint64_t waiting_kind; /* that lets others go first; 0: none */
	bool pristine;         /* nothing of a message has come since the last was forgotten */
	bool uncommitted;      /* delivered, but for the edits that the MTA is being asked for */
	bool split;            /* some recipient was answered 452 for its kind */
	int64_t progress_due;  /* at the end of the message */

	VEC(struct field) fields;
	size_t field_bytes, results_kept;
	struct fields message_fields;
	VEC(struct open_stream) streams;
	VEC(struct open_ahead) aheads;

	struct edit_list *edits;
	struct report report;
	VEC(struct report_recipient) report_recipients;
	VEC(struct report_trace) trace;
	VEC(const char *) logs;
	VEC(struct report_observed) observed;
	int *trace_last; /* last state told of each rule, -1: none */
};

/* ---- session.c ---- */

struct cell *cells_new(struct session *s, struct arena *arena, enum scope scope);
void scope_renew(struct session *s, enum scope scope, struct arena **arena);

/* ---- the events: connection.c, recipient.c, message.c ---- */

struct reply event_connect(struct session *s, const struct event *event);
struct reply event_helo(struct session *s, const struct event *event);
struct reply event_mail(struct session *s, const struct event *event);
struct reply event_rcpt(struct session *s, const struct event *event);
struct reply event_data(struct session *s, const struct event *event);
struct reply event_header(struct session *s, const struct event *event);
struct reply event_eoh(struct session *s, const struct event *event);
struct reply event_body(struct session *s, const struct event *event);
struct reply event_eom(struct session *s, const struct event *event);
struct reply event_committed(struct session *s, const struct event *event);
struct reply event_edit_failed(struct session *s, const struct event *event);

/* The first that is not to be discarded, or NULL: it speaks for its kind. */
struct recipient *recipient_first(struct session *s);
/* The facts over all recipients, now that no more can come. */
void recipients_final(struct session *s);

/* ---- settle.c ---- */

/*
 * Decides with what is known, looks up what could make it certain, waits for it at most until
 * `deadline`. `whole`: also until all edits are settled (the end of the message).
 */
void settle(struct session *s, int64_t deadline, bool whole, struct decision *d_r);
/* Begins the lookups that matter, without waiting. */
void settle_start(struct session *s);
/* The MTA has just heard of us: the next sign of progress is due a while from now. */
void settle_progressed(struct session *s);
int64_t settle_deadline(const struct session *s, int64_t nanoseconds);
/* Marks, in an array over all slots, those that some undecided rule rests on. */
void settle_mark(struct session *s, bool *marks);
void settle_recipient(struct session *s, struct recipient *recipient);

/* ---- reference.c ---- */

/* A short name that no other refusal of this host has; in the arena. */
const char *reference_new(struct arena *arena);

/* ---- tell.c ---- */

/* The reply that tells a refusal. */
struct reply tell_refusal(struct session *s, const struct decision *d);
struct reply tell_plain(enum reply_kind kind);
struct reply tell_refuse(int code, const char *enhanced, const char *text);
/* Notes the outcome of the message; tell_message() also tells whoever watches. */
void tell_note(struct session *s, const struct decision *d, struct reply reply);
struct reply tell_message(struct session *s, const struct decision *d, struct reply reply);
void tell_recipient(struct session *s, size_t row, const struct decision *d, struct reply reply);
/* A recipient that will be discarded at the end, whatever becomes of the others. */
void tell_discarded(struct session *s, size_t row, const struct decision *d);
bool tell_is_refusal(enum verdict verdict);

/* ---- message.c ---- */

/* A new message, or none: forgets all that belonged to the last one. */
void message_reset(struct session *s);
/* A message begins: forgets what came before it. */
void message_begin(struct session *s);
void set_fact(struct session *s, const char *fact, struct value value);
/* Makes what the rule's actions say of the header. */
void message_commit(struct session *s, struct edit_list *edits, const struct plan_rule *rule);
/* Macros of the MTA that are facts, known at this stage. */
void set_macros(struct session *s, enum stage stage);

/* ---- streams.c ---- */

void streams_open(struct session *s);
void streams_header(struct session *s, struct str name, struct str value);
/* Begins the lookups that this field, which the streams have seen, tells of. */
void streams_ahead(struct session *s, struct str name, struct str value);
/* The end of the header: lookups begin. */
void streams_eoh(struct session *s);
/* False: nobody needs more of the body. */
bool streams_body(struct session *s, struct str chunk);
/* What the streams saw becomes facts. */
void streams_end(struct session *s);

/* ---- edits.c ---- */

struct edit_list *edits_new(struct arena *arena, const struct fields *fields);
/* In the order in which the MTA must be asked. */
struct edits edits_finish(struct edit_list *edits, struct arena *arena);
void edits_add_recipient(struct edit_list *edits, struct str address);
void edits_remove_recipient(struct edit_list *edits, struct str address);
void edits_hold(struct edit_list *edits, struct str reason);
bool edits_too_many(const struct edit_list *edits);

/* ---- envelope.c ---- */

/*
 * Works out who the message is for and asks for what that takes, discarded recipients included.
 * False: nobody is left; *by_r is the rule that removed the last.
 */
bool envelope_commit(struct session *s, int64_t deadline, const struct plan_rule **by_r);
/* What an observed rule would do with the recipient that is looked at. */
void envelope_try(struct session *s, struct edit_list *edits, const struct plan_rule *rule);
/* Does an edit of some recipient have to wait for the end of the message? */
bool envelope_pending(struct session *s);
/* ---- observed.c ---- */

/* Notes what the observed rules above the decision would have done. */
void observed_note(struct session *s, const struct decision *d);
/* What the MTA is told of a reply where nothing is to be done; `goes_on`: not even ACCEPT. */
struct reply observed_reply(struct reply reply, bool goes_on);

/* ---- needs.c ---- */

/* Can there be anything but CONTINUE at connect, DATA, the end of the header? */
void needs_replies(const struct policy *policy, bool *connect_r, bool *data_r, bool *eoh_r);

/* ---- turns.c ---- */

/*
 * Kinds take turns: after a deferral at the end of a split message the kind that was deferred is
 * answered 452 once when the transaction comes again, so that another kind goes first. A key
 * stands for client, sender and policy; a kind for a residue.
 */
uint64_t turn_key(const struct session *s);
/* Never 0. */
uint64_t turn_kind(uint64_t key, struct str residue);
void turn_deferred(uint64_t key, uint64_t kind, int64_t now);
/* The kind that waits this time; 0: none. It is told once. */
uint64_t turn_take(uint64_t key, int64_t now);

#endif
