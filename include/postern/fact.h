/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POSTERN_FACT_H
#define POSTERN_FACT_H

/*
 * The registry: what a policy can speak of. One file of filter/fact defines one family: its facts,
 * its actions, its settings, and, where it must see the bytes of a message, its stream. All are
 * const rows; policies and sessions point at them.
 *
 * A fact is base (the session sets it, or it is a macro of the MTA) or derived: then its provider
 * computes it from its declared inputs and nothing else, so that the stage at which it is known
 * follows from them. Example, a family of one fact:
 *
 *   static enum fact_state suffix_provide(const struct fact_call *call, struct value *value_r)
 *   {
 *           if (call->inputs[0]->state != FACT_PRESENT)
 *                   return call->inputs[0]->state;
 *           *value_r = value_text(...);
 *           return FACT_PRESENT;
 *   }
 *   static const struct fact_def facts[] = {
 *           {.name = "sender.suffix", .type = {TYPE_TEXT}, .stage = STAGE_MAIL,
 *            .scope = SCOPE_MESSAGE, .inputs = NAMES("sender"), .provide = suffix_provide,
 *            .help = "What follows the last dot of the envelope sender's domain."},
 *           {.name = NULL}};
 *   const struct family family_suffix = {.name = "suffix", .facts = facts};
 *
 * A fact that can often do without one of its inputs declares it as late: its provider is called
 * before that input is known, and either answers all the same or says that it must wait for it.
 * The stage of the row is then the earliest at which the fact may be known:
 *
 *   static enum fact_state verdict_provide(const struct fact_call *call, struct value *value_r)
 *   {
 *           const struct value *quick = call->inputs[0], *slow = call->inputs[1];
 *
 *           if (quick->number) {
 *                   *value_r = value_boolean(true);
 *                   return FACT_PRESENT;
 *           }
 *           if (slow->state == FACT_UNKNOWN)
 *                   return fact_wait_late(call);
 *           ...
 *   }
 *           {.name = "verdict", ..., .stage = STAGE_HEADERS, .inputs = NAMES("quick"),
 *            .late = NAMES("slow"), .provide = verdict_provide, ...},
 */

#include <stdbool.h>
#include <stdint.h>

#include "postern/clock.h"
#include "postern/value.h"

struct arena;
struct lookups;
struct policy;
struct table;
struct edit_list;
struct envelope;

/* When a fact can first be known, in the order of the SMTP dialogue. */
enum stage {
	STAGE_CONNECT,
	STAGE_HELO,
	STAGE_MAIL,
	STAGE_RCPT,
	STAGE_DATA,
	STAGE_HEADERS,
	STAGE_MESSAGE
};
#define STAGE_COUNT 7
const char *stage_name(enum stage stage);

/* How long a fact stays known, widest first. */
enum scope { SCOPE_CONNECTION, SCOPE_HELO, SCOPE_MESSAGE, SCOPE_RECIPIENT };
#define SCOPE_COUNT 4
const char *scope_name(enum scope scope);

enum cost { COST_FREE, COST_CPU, COST_TABLE, COST_DNS, COST_HEAVY };
const char *cost_name(enum cost cost);

/* What a failure of the fact does to a rule that rests on it. */
enum on_failure {
	FAILURE_NEVER, /* the fact cannot fail (its inputs may) */
	FAILURE_DEFER,
	FAILURE_SKIP,
};

/* ---- facts ---- */

/* What a fact says about who sends, for the checker: can an exception rest on it? */
enum trust {
	TRUST_NONE,      /* nothing: where mail goes, how large it is, what time it is */
	TRUST_FORGEABLE, /* what the sender claims */
	TRUST_PROVED,    /* what a sender cannot make up: the address, a login, a signer */
};
const char *trust_name(enum trust trust);

/* From which domains the organizational domain is walked to. */
enum { WALK_AUTHOR = 1, WALK_SPF = 2, WALK_SIGNATURE = 4 };

struct fact_call {
	/*
	 * In the order of the row; never UNKNOWN, GROWING or FAILED. The late ones follow, in any
	 * state.
	 */
	const struct value *const *inputs;
	const struct value *const *arguments; /* in the order of the call; PRESENT */
	struct arena *arena;                  /* lives as long as the fact's scope */
	struct lookups *lookups; /* of the message, or the connection; never NULL for COST_DNS */
	const struct clock *clock;
	const struct policy *policy;
	const struct table *table; /* of the row, or NULL */
	void **task;       /* the provider's own memory of this fact's computation; NULL at first */
	bool *late_wanted; /* see fact_wait_late() */
};

/*
 * What a provider returns that cannot answer before a late input is known: UNKNOWN, and no lookup
 * is pending that could change it. That input is looked up if it can be.
 */
static inline enum fact_state fact_wait_late(const struct fact_call *call)
{
	*call->late_wanted = true;
	return FACT_UNKNOWN;
}

struct fact_def {
	const char *name;
	struct type type;
	enum stage stage; /* the earliest at which it may be known */
	enum scope scope;
	enum cost cost;
	const char *const *inputs; /* NULL-terminated names; NULL for base facts */
	const char *const *late;   /* further inputs that may be known later than `stage` says */
	/* They exist, and bring their scope, only if this setting is set; else they are ABSENT. */
	const char *late_if;
	/*
	 * PRESENT with *value_r set, ABSENT, FAILED (value_r->text may say why), or UNKNOWN while
	 * lookups are pending: it is called again when an answer came.
	 */
	enum fact_state (*provide)(const struct fact_call *call, struct value *value_r);
	const char *macro; /* base facts that are a macro of the MTA, without braces */
	enum on_failure on_failure;
	const struct type *parameters; /* of the arguments, in order; .base TYPE_OPAQUE ends them */
	bool always;                   /* never absent, for proofs */
	bool internal;                 /* an intermediate result: policies cannot name it */
	bool sum;      /* the score: no provider, the engine adds up the actions above a rule */
	bool reported; /* told in the log, where what it is computed from is known anyway */
	const char *plural; /* of `recipient`: the list fact that any, every and no speak of */
	const struct table *table; /* a row made for a table of the policy: which; else NULL */
	enum trust trust;
	/* Of a forgeable fact: those that, being 'pass' or true, make it a proved one. */
	const char *const *vouched;
	/*
	 * Most DNS questions that it costs, where there is one author domain: of those all share,
	 * of SPF's, and of each signature.
	 */
	unsigned lookups, lookups_spf, lookups_signature;
	unsigned walks; /* WALK_*: LIMIT_WALK more for each; facts that walk the same share them */
	const char *help;
};

#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})

/* ---- actions ---- */

enum verdict { VERDICT_ACCEPT, VERDICT_REJECT, VERDICT_DEFER, VERDICT_DISCARD, VERDICT_HOLD };
/* As in JSON and metrics: accept reject defer discard quarantine. */
const char *verdict_name(enum verdict verdict);

enum action_class {
	ACTION_DECISIVE,
	ACTION_EDIT,     /* of the header: part of what makes two recipients of one kind */
	ACTION_ENVELOPE, /* of the envelope: not part of it */
	ACTION_LOG,
	ACTION_SCORE, /* adds to a sum that the rules below it can ask for */
};

enum action_parameters {
	PARAMETERS_NONE,
	PARAMETERS_REPLY,   /* [CODE] [ENHANCED] "text" */
	PARAMETERS_TEXT,    /* "text" */
	PARAMETERS_FIELD,   /* "Name: value" */
	PARAMETERS_NAME,    /* "Name", of a field; no interpolation */
	PARAMETERS_ADDRESS, /* <address> or "text" that gives one */
	PARAMETERS_SCORE,   /* [NAME] NUMBER */
};

struct action_call {
	struct arena *arena; /* of the message */
	const struct policy *policy;
	const struct value *const *inputs; /* of the row; known, or FAILED */
	struct str name;                   /* PARAMETERS_FIELD, _NAME: the field's name */
	struct str text;                   /* interpolated and safe to send */
	struct edit_list *edits;           /* of ACTION_EDIT */
	struct envelope *envelope;         /* of ACTION_ENVELOPE: for one recipient */
	const struct str *addresses;       /* PARAMETERS_ADDRESS: one or more, canonical */
	size_t address_count;
};

struct action_def {
	const char *name;
	enum action_class class;
	enum verdict verdict; /* of a decisive one */
	enum action_parameters parameters;
	int code; /* PARAMETERS_REPLY: the defaults */
	const char *enhanced;
	const char *const *inputs; /* facts it needs when it is carried out; NULL: none */
	/*
	 * Of edits; NULL for the others. Of the envelope: once for each recipient; not at all where
	 * a fact in the address is absent, or an address is none.
	 */
	void (*commit)(const struct action_call *call);
	const char *help;
};

/* ---- the edits that actions make: filter/session/edits.c ---- */

struct field {
	struct str name;
	struct str value; /* as the MTA gave it: leading space included, folds as LF */
	int index;        /* from 1, among the fields of this name */
};
struct fields {
	const struct field *items;
	size_t count;
	const char *trouble; /* beyond a limit: what, else NULL; then some fields are not kept */
	bool utf8;           /* the message came with SMTPUTF8 */
};

/* The fields of the message as it came. */
const struct fields *edit_fields(const struct edit_list *edits);
void edit_remove(struct edit_list *edits, const struct field *field);
/* The last replacement of a field wins; a removal wins over it. */
void edit_replace(struct edit_list *edits, const struct field *field, struct str value);
void edit_add(struct edit_list *edits, struct str name, struct str value);
void edit_insert(struct edit_list *edits, struct str name, struct str value);
/* Adds the one field of a name that the message has not; again: with another value. */
void edit_set(struct edit_list *edits, struct str name, struct str value);
/* The value that edit_set() gave, or the empty string. */
struct str edit_set_value(struct edit_list *edits, struct str name);
/* The current value of a field: as it came, or as it was replaced. */
struct str edit_current(const struct edit_list *edits, const struct field *field);

/* ---- the edits of the envelope: filter/session/envelope.c ---- */

/* The recipient that is looked at goes, unless it is added too. */
void envelope_remove(struct envelope *envelope);
/* Somebody comes, once, however often that is said. */
void envelope_add(struct envelope *envelope, struct str address);

/* ---- settings ---- */

struct setting_def {
	const char *name;
	struct type type;
	const char *fallback;     /* as a policy would write it; NULL: not set */
	const char *const *words; /* TYPE_TEXT: the values there are, NULL-terminated; NULL: any */
	int64_t least, most;      /* of numbers, whole; both 0: any */
	bool table;               /* the value is the name of a table */
	const char *help;
};

/* ---- streams: those who must see the bytes of a message ---- */

struct stream_def {
	/* The internal base fact whose opaque value is what open() returned; known at message. */
	const char *fact;
	void *(*open)(struct arena *arena, const struct policy *policy, const struct clock *clock);
	void (*header)(void *stream, struct str name, struct str value);
	void (*eoh)(void *stream, struct lookups *lookups);
	bool (*body)(void *stream, struct str chunk); /* false: needs no more */
	bool (*wants_body)(const void *stream);
};

/* ---- what can be asked ahead ---- */

/*
 * A lookup need not wait until the fact that makes it can be known: when a field comes that says
 * what will be asked, and some undecided rule rests on the fact, it is begun at once. Only begun:
 * whoever needs the answer asks again.
 */
struct ahead_call {
	struct arena *arena; /* of the message */
	const struct policy *policy;
	void *stream;     /* the family's own, which has seen the field; NULL without one */
	struct str value; /* of the field, as stream_def.header() gets it */
	size_t before;    /* fields of this name that came before it */
	struct lookups *lookups;
};

struct ahead_def {
	const char *field; /* its name */
	const char *fact;
	void (*ask)(const struct ahead_call *call);
};

/* ---- families ---- */

struct family {
	const char *name;
	const struct fact_def *facts;       /* ends with a NULL name; may be NULL */
	const struct action_def *actions;   /* the same */
	const struct setting_def *settings; /* the same */
	const struct stream_def *stream;    /* or NULL */
	const struct ahead_def *ahead;      /* or NULL */
};

/* All families, NULL-terminated: made at build time from the names of the files in filter/fact. */
extern const struct family *const families[];

/* No row has more inputs, the late ones counted in, or more parameters. */
#define FACT_INPUTS_MOST 16

/*
 * The stages at which a fact without arguments may become known, as bits (1 << stage): its own,
 * and later ones at which late inputs, its own or those of its inputs, are known.
 */
unsigned registry_stages(const struct fact_def *def);

/*
 * Names unique, inputs exist, known no later and at least as long as what is computed from them.
 * Returns NULL, or a text that names the first fault (a fault of ours: the program stops).
 */
const char *registry_check(struct arena *arena);

const struct fact_def *registry_fact(struct str name);
const struct action_def *registry_action(struct str name);
const struct setting_def *registry_setting(struct str name);
/* The registered names, for "did you mean" and the parser. NULL-terminated; sorted. */
const char *const *registry_fact_names(struct arena *arena, size_t *count_r);
const char *const *registry_action_names(struct arena *arena, size_t *count_r);
const char *const *registry_setting_names(struct arena *arena, size_t *count_r);

#endif
