/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POSTERN_POLICY_H
#define POSTERN_POLICY_H

/*
 * A policy, loaded: names have become slots, tables are filled, every text is checked. It is built
 * aside, never changed afterwards, and shared by all sessions that began with it.
 *
 *   p = policy_load(path, overrides, diag)    lex, parse, resolve, check; every mistake reported
 *   policy_free(&p)                           after the last session that began with it
 */

#include <stdbool.h>
#include <stdint.h>

#include "postern/dict.h"
#include "postern/diag.h"
#include "postern/fact.h"
#include "postern/table.h"
#include "postern/tree.h"
#include "postern/value.h"

struct policy;
struct policy_test;
struct pattern;

/* ---- slots: a fact with its arguments, as some rule uses it ---- */

struct slot_argument {
	bool is_slot;
	unsigned slot;
	struct value value; /* if not */
};

/* What evaluation reads stands first in these structs: policies are larger than a CPU's cache. */
struct slot {
	const struct fact_def *def;
	unsigned index;           /* among the cells of its scope */
	enum scope scope;         /* narrowest of the row's, the inputs' and the arguments' */
	enum stage stage;         /* latest of the same: the earliest at which it may be known */
	unsigned sum;             /* of a score: which of the sums, from 1; 0: another fact */
	bool growing;             /* speaks of all recipients, of whom more may come */
	bool may_defer, may_skip; /* its failure, or an input's, defers a rule or is skipped */
	bool asks;                /* it, or something that it rests on, is looked up */
	unsigned *inputs;         /* slot numbers, in the order of the row; the late ones follow */
	size_t input_count;
	size_t late_count; /* 0 where the row's late inputs do not exist */
	struct slot_argument *arguments;
	size_t argument_count;
	unsigned stages;     /* all at which it may become known, as bits (1 << stage) */
	enum stage earliest; /* something of a score may be settled; of other facts their stage */
	struct str text;     /* as a policy writes it: header("X-Spam") */
};

/* ---- texts with facts in them ---- */

struct template_piece {
	struct str literal;
	bool is_slot;
	unsigned slot;
};
struct template
{
	struct template_piece *pieces;
	size_t count;
};

/* ---- conditions ---- */

enum cond_kind { COND_AND, COND_OR, COND_NOT, COND_TEST };

enum right_kind {
	RIGHT_NONE,
	RIGHT_VALUE,
	RIGHT_SLOT,
	RIGHT_TEMPLATE,
	RIGHT_SET,
	RIGHT_TABLE,
	RIGHT_PATTERN
};

/* Where it is noted that a condition is settled: memo.c. */
struct memo {
	uint32_t at;   /* 0: nowhere; equal tests share a place */
	uint8_t scope; /* enum scope */
	uint8_t stage; /* enum stage, when the last of its facts may be known */
	bool growing;  /* not before all recipients are there */
};

struct cond {
	enum cond_kind kind;
	struct memo memo;
	struct cond **parts;
	size_t count;
	/* COND_TEST */
	unsigned left;
	enum compare_op op; /* is not, not in are written as NOT over is, in */
	enum quantifier quantifier;
	enum right_kind right_kind;
	enum type_base base; /* what is compared */
	unsigned right;
	const struct table *table;
	const struct pattern *pattern;
	struct value value;
	struct template template;
	struct value *set; /* of the left side's base type, or networks */
	size_t set_count;
	/* Of all kinds again. */
	unsigned number;        /* among the conditions of the policy; names it in a residue */
	struct span span;       /* where it is written; in a define, if it comes from one */
	struct span right_span; /* of the right side of a test; no source: there is none */
	bool exception;         /* the negation of what stands behind `unless` */
	bool varies; /* a score is compared in force, and no bound settles it from the start */
};

/* ---- rules ---- */

/* What is added to one of the sums, in thousandths. */
struct plan_score {
	unsigned sum; /* from 1; 0: nothing */
	int64_t points;
};

struct plan_action {
	const struct action_def *def;
	int code;
	struct str enhanced;
	struct str name; /* of a field */
	struct template text;
	unsigned *inputs;
	size_t input_count;
	struct plan_score score;
};

struct plan_rule {
	struct cond *cond; /* NULL: always */
	unsigned rest;     /* among those that may wait for a later stage: memo.c; 0: it is none */
	enum verdict verdict;
	bool decisive; /* then the last action is */
	bool observe;  /* evaluated and told, never done: it gives no verdict and holds none back */
	bool edits;    /* has an action that changes header or envelope */
	bool envelope; /* has one that changes the envelope */
	bool logs;     /* has a log action */
	struct plan_action *actions;
	size_t action_count;
	unsigned *text_slots; /* facts that its texts interpolate */
	size_t text_slot_count;
	struct plan_score *scores; /* each sum once */
	size_t score_count;
	struct str name; /* label, or FILE:LINE */
	struct span span;
	const struct rule *tree; /* as written */
	size_t line;
	struct str condition; /* as written, on one line; empty: always */
};

struct policy_table {
	const struct table_def *def;
	const struct table *table;
};

/* ---- assertions: what must hold for every message, see prove.h ---- */

struct plan_assertion {
	struct span span;
	struct cond *cond;
	struct str condition; /* as written, on one line */
	bool negated;
	enum outcome outcome;
	bool by; /* the verdict is told at `stage` or earlier */
	enum stage stage;
};

/* A file of the policy language, as it was read. */
struct policy_source {
	const char *path; /* as it was opened */
	const char *real; /* without links and dots; of the policy's own file NULL */
	struct str text;
};

struct policy {
	struct arena *arena;
	const char *path;
	const char *directory; /* where files are looked for that it names */
	char id[17];           /* hexadecimal: of the sources and tables that it was made from */
	struct plan_rule *rules;
	size_t rule_count;
	bool edits_recipients; /* some rule changes the envelope */
	struct plan_assertion *assertions;
	size_t assertion_count;
	struct slot *slots;
	size_t slot_count;           /* those that rules rest on */
	size_t all_slot_count;       /* and behind them those that only assertions name */
	struct dict slot_names;      /* of facts; with arguments: of the first such slot */
	struct dict slot_keys;       /* the loader's own: of each slot, arguments included */
	unsigned cells[SCOPE_COUNT]; /* slots of each scope */
	unsigned cond_count;
	unsigned memos[SCOPE_COUNT]; /* conditions noted for a message, and for a recipient */
	unsigned rests;              /* rules that may wait for a later stage */
	struct memo *rule_memos;     /* of each rule's condition, together: every walk reads all */
	struct str *sums; /* names; the first, which has none, is the sum of all scores */
	size_t sum_count;
	bool reads_sums;        /* some rule asks for a score */
	bool scores;            /* some rule adds to one */
	bool observes;          /* some rule is only observed */
	struct value *settings; /* by the registry's order of settings; lists for braces */
	const struct table **setting_tables; /* of settings that name a table, else NULL */
	const struct policy_test *tests;     /* policytest.h */
	size_t test_count;
	const struct span *settings_at; /* where each is set; no source: it is not */
	const struct tree *tree;        /* as written, with what it includes */
	const struct policy_source
	    *sources; /* the policy's own file first, then what it includes */
	size_t source_count;
	const char *const *table_files; /* paths of files that tables were read from */
	size_t table_file_count;
	uint64_t tables_state;             /* of these files, before they were read */
	const struct policy_table *tables; /* those with a name */
	size_t table_count;
};

struct policy_override {
	const char *name, *value; /* of a setting, as `set NAME VALUE` would say it */
};

/*
 * Loads a policy file. On errors in it: NULL, and they are in `diag`. Warnings do not stop it.
 * Overrides are settings that win over the file's (command line --set); NULL-named one ends them.
 */
struct policy *policy_load(const char *path, const struct policy_override *overrides,
			   struct diag *diag);
/* The same from a text; `directory` is where relative files are looked for. */
struct policy *policy_compile(const struct source *source, const char *directory,
			      const struct policy_override *overrides, struct diag *diag);
void policy_free(struct policy **policy);

/*
 * The same policy, with its tables read anew from their files; what the files of the policy
 * itself look like by now does not matter. NULL: a table is wrong, which is reported.
 */
struct policy *policy_refresh(const struct policy *policy, struct diag *diag);
/* A number that is another one when a file of a table has been changed. 0: there is none. */
uint64_t policy_tables_state(const struct policy *policy);

/* The value of a setting; ABSENT if it is not set and has no fallback. */
const struct value *policy_setting(const struct policy *policy, const struct setting_def *def);
/* By name, for those who read it once. The name must be registered. */
const struct value *policy_setting_named(const struct policy *policy, const char *name);
/* `set mode observe`: everything is decided, nothing is done. */
bool policy_observes(const struct policy *policy);
/*
 * The text of a setting as a policy file says it, without loading it: the file may be full of
 * mistakes. Settings of included files are not seen. The setting's fallback, or NULL, if it is
 * not set there, or the file cannot be read.
 */
const char *policy_peek(struct arena *arena, const char *path, const char *setting);
/* The table that a setting names, or NULL. */
const struct table *policy_setting_table(const struct policy *policy, const char *name);
/* Where a setting is set; no source: nowhere, or on the command line. */
struct span policy_setting_span(const struct policy *policy, const char *name);
/* The slot of a fact without arguments, or -1 if no rule needs it. */
int policy_slot(const struct policy *policy, const char *fact);

/* ---- facts that are given outright, by a test or on the command line ---- */

struct given {
	unsigned slot;
	struct value value; /* PRESENT, ABSENT or FAILED; known from the slot's stage on */
};

/*
 * A fact as "FACT=VALUE" gives it: FACT as a rule would write it, VALUE a literal, several of them
 * in braces, `absent` or `failed`; a text needs no quotes. 1: *given_r is set. 0: right, but no
 * rule of the policy uses the fact. -1: wrong, reported to `diag`. All memory is of `arena`.
 */
int policy_given(const struct policy *policy, struct arena *arena, const char *text,
		 struct diag *diag, struct given *given_r);

#endif
