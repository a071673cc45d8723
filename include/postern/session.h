/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POSTERN_SESSION_H
#define POSTERN_SESSION_H

/*
 * One SMTP connection as a filter sees it. Takes events, gives replies; no I/O of its own but
 * through what it is handed. One session belongs to one thread at a time.
 *
 *   s = session_new(policy, &env);
 *   session_connect(s, ...); session_helo(s, ...);
 *   session_mail(s, ...); session_rcpt(s, ...); session_data(s);
 *   session_header(s, ...) ...; session_eoh(s); session_body(s, ...) ...;
 *   session_eom(s, ...);          -- and MAIL again, or
 *   session_free(&s);
 *
 * Events may come in any order and number: what makes no sense is answered with a refusal or
 * ignored, never a crash. A message that was answered finally (ACCEPT, DISCARD, a refusal of the
 * message) is over; events up to the next MAIL are ignored.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/arena.h"
#include "postern/clock.h"
#include "postern/fact.h"
#include "postern/ip.h"
#include "postern/str.h"

struct given;
struct policy;
struct resolver;
struct session;

/* What the MTA can be told. At connect and HELO a refusal has no text of its own. */
enum reply_kind {
	REPLY_CONTINUE,
	REPLY_ACCEPT,   /* no more about this message (at connect: connection) */
	REPLY_REJECT,   /* with code 5yz */
	REPLY_TEMPFAIL, /* with code 4yz */
	REPLY_DISCARD,
	REPLY_SKIP, /* only to body: no more of it is needed */
};

struct reply {
	enum reply_kind kind;
	int code;             /* 550, 451, ... of a refusal */
	const char *enhanced; /* "5.7.1" */
	const char
	    *text; /* printable ASCII (UTF-8 never), one line of at most 900 bytes, '%' single */
};

/* What the MTA is asked to change, in this order, at the end of a message that is delivered. */
enum edit_kind {
	EDIT_REMOVE_HEADER,  /* the index-th (from 1) field of that name, as the filter saw them */
	EDIT_REPLACE_HEADER, /* the same, with a new value */
	EDIT_ADD_HEADER,     /* at the bottom */
	EDIT_INSERT_HEADER,  /* on top: index 0 */
	EDIT_REMOVE_RECIPIENT, /* value is the address as the MTA wrote it */
	EDIT_ADD_RECIPIENT,
	EDIT_HOLD, /* quarantine; value is the reason */
};

struct edit {
	enum edit_kind kind;
	const char *name;
	const char *value; /* folds are LF and a blank or tab; no CR, no NUL */
	int index;
};

struct edits {
	const struct edit *items;
	size_t count;
};

/* What a session needs of the outside; borrowed, must outlive it. */
struct session_env {
	struct resolver *resolver;
	const struct clock *clock;
	/* A macro of the MTA by its name without braces ("client_addr", "i", "j"), or NULL. */
	const char *(*macro)(void *ctx, const char *name);
	/* Called at least every 5 s while the end of a message waits for DNS. May be NULL. */
	void (*progress)(void *ctx);
	void *ctx;
	/* Told once a message, when its outcome is settled, and at each refused recipient. May be
	 * NULL. */
	void (*settled)(void *ctx, const struct session *session);
	int64_t cpu;     /* nanoseconds of CPU time that a message may cost; 0: no limit */
	bool trace;      /* keep a trace of every rule that was gone through (explain) */
	bool references; /* refusals by the policy end in a reference, for the journal */
	/* Facts that are taken for granted from their stage on, policy.h; may be NULL. */
	const struct given *given;
	size_t given_count;
};

/*
 * Which events can matter to a policy, so that the MTA need not send the rest, and which of the
 * replies can be anything but CONTINUE, so that the rest need not be answered.
 */
struct session_needs {
	bool helo, rcpt, rejected_rcpt, data, headers, eoh, body;
	bool connect_reply, rcpt_reply, data_reply, eoh_reply;
	bool edits_headers, edits_recipients, holds;
	/* Macros to ask for at each stage beyond the MTA's defaults; blank-separated, "" for none.
	 */
	const char *connect_macros, *helo_macros, *mail_macros, *rcpt_macros, *data_macros,
	    *eom_macros;
};

void session_needs(const struct policy *policy, struct session_needs *needs_r);

/* The policy is borrowed and must outlive the session. NULL: memory ended. */
struct session *session_new(const struct policy *policy, const struct session_env *env);
void session_free(struct session **session);

/* `name` as the MTA gave it ("[192.0.2.1]", "unknown", "localhost"); ip NULL: not an IP client. */
struct reply session_connect(struct session *s, struct str name, const struct ip *ip,
			     unsigned port);
struct reply session_helo(struct session *s, struct str name);
/* `path` as in the command, angle brackets included; `parameters` the ESMTP ones, NULL-terminated.
 */
struct reply session_mail(struct session *s, struct str path, const char *const *parameters);
struct reply session_rcpt(struct session *s, struct str path, const char *const *parameters);
struct reply session_data(struct session *s);
/* `value`: all after the colon, leading space included, folds as LF. Never answered. */
void session_header(struct session *s, struct str name, struct str value);
struct reply session_eoh(struct session *s);
struct reply session_body(struct session *s, struct str chunk);
/* On REPLY_CONTINUE or ACCEPT *edits_r are to be made, in order, before the reply is given. */
struct reply session_eom(struct session *s, struct edits *edits_r);
/* The edits were made (or there were none): the outcome stands, and is told to whoever watches. */
void session_committed(struct session *s);
/* The MTA or libmilter refused an edit: the reply is this instead, 451 4.3.0. */
struct reply session_edit_failed(struct session *s, const struct edit *edit);
/*
 * While `on`, no lookup is begun and none waited for: MAIL and RCPT are answered by what is known
 * without. What that leaves open is decided once it is taken back.
 */
void session_postpone(struct session *s, bool on);
/* The message is over without an outcome; the connection goes on. */
void session_abort(struct session *s);

/* ---- what was decided, for the log, explain and whoever watches ---- */

struct report_outcome {
	bool settled;
	enum verdict verdict;
	enum stage stage;            /* at which it was told */
	const char *rule;            /* NULL: no rule decided */
	int code;                    /* 0: none */
	const char *enhanced, *text; /* NULL: none */
};

struct report_recipient {
	struct str address; /* canonical; as given where it could not be parsed */
	struct report_outcome outcome;
};

struct report_trace {
	enum stage stage;
	const char *rule;
	size_t line;
	const char *condition;
	const char *value; /* true, false, unknown, failed */
};

/* What an observed rule would have done; one that only edits has no verdict. */
struct report_observed {
	const char *rule;
	bool decides;
	enum verdict verdict;
	int code; /* 0: none */
	const char *enhanced,
	    *text; /* of a refusal; else the reason, or what it logs; NULL: none */
	struct edits edits;
};

struct report {
	bool observing;                /* `set mode observe`: nothing of what follows was done */
	struct report_outcome outcome; /* of the message */
	const struct report_recipient *recipients;
	size_t recipient_count;
	/* The recipient whose refusal this report is about, or -1: the message's outcome. */
	int refused;
	struct edits edits;
	size_t lookups;
	const char *queue_id;  /* the MTA's, or NULL while it has none */
	const char *reference; /* that the client was told with this refusal, or NULL */
	struct str sender;     /* envelope sender for people, escaped; <> where null */
	const char *policy;    /* its id */
	struct arena *arena;   /* for those who are told: the message's, guarded against its end */
	const struct report_trace *trace;
	size_t trace_count;
	const struct report_observed *observed; /* above the decision, and true */
	size_t observed_count;
	bool scores;   /* the policy has scores, and this is their sum, in thousandths: */
	int64_t score; /* of what applied when it was decided, the deciding rule included */
	const char *const *logs; /* texts of `log` actions that apply */
	size_t log_count;
	const char *problem; /* an edit that failed, a limit; NULL: none */
};

/* Valid until the next event. */
const struct report *session_report(const struct session *session);
/* For people: "spf-fail would have been reject 550 5.7.23 ..."; edits are only counted. */
struct str report_would_have(struct arena *arena, const struct report_observed *observed);
/* The score as it is written: "7.5". */
struct str report_score(struct arena *arena, const struct report *report);
/* A fact of the message as text, escaped; "-" where it is absent, unknown, or no rule uses it. */
struct str session_fact(const struct session *session, struct arena *arena, const char *name);
/* The same as a value: for those who know what an internal fact points to. NULL: no rule uses it.
 */
const struct value *session_value(const struct session *session, const char *name);

/* ---- for a record of what was decided; valid while `settled` is told ---- */

struct lookups;
struct slot;
struct plan_rule;

typedef void session_fact_visit(void *ctx, const struct slot *slot, const struct value *value,
				int recipient);
typedef void session_rule_visit(void *ctx, const struct plan_rule *rule, const char *state);

/*
 * Every fact that a policy can name, that was looked at and is known (absent and failed included).
 * `recipient` is its row in the report, or -1: of the message as a whole.
 */
void session_each_fact(const struct session *session, session_fact_visit *visit, void *ctx);
/* Every rule down to the one that decided, in order, with its state: true false unknown failed. */
void session_each_rule(const struct session *session, session_rule_visit *visit, void *ctx);
/* The lookups of the message; NULL: it has none. */
const struct lookups *session_lookups(const struct session *session);
/* Nanoseconds since MAIL. */
int64_t session_duration(const struct session *session);

#endif
