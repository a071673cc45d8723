/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_POLICY_LOADER_H
#define FILTER_POLICY_LOADER_H

/*
 * A policy while it is being built: from the tree to slots, tables, conditions and rules. One
 * loader a load; all it makes belongs to the policy's arena, all it finds wrong goes to `diag`.
 */

#include "postern/arena.h"
#include "postern/dict.h"
#include "postern/engine.h"
#include "postern/policy.h"
#include "postern/policytest.h"

enum name_kind { NAME_TABLE, NAME_DEFINE };

struct loader_name {
	struct str name;
	struct span span;
	enum name_kind kind;
	const struct table *table;
	const struct fact_def
	    *fact; /* of a map, or of a table that is looked up: see tablefact.c */
	const struct fact_def *each; /* the same for each of a list */
	const struct table_def *def;
	const struct define *define;
	bool busy;  /* a define whose value is being resolved: meeting it again is a cycle */
	bool wrong; /* a define whose value was wrong, which was reported */
};

/* A score that some action gives, and when what gives it, so far, can be known. */
struct loader_sum {
	struct str name; /* empty: the sum of all */
	enum stage latest, earliest;
};

struct loader {
	struct arena *arena;
	struct diag *diag;
	struct policy *policy;
	const char *directory;       /* where files are looked for that `source` names */
	const struct source *source; /* of the policy; others are included */
	const struct tree_words *words;
	VEC(struct loader_name) names;
	VEC(struct policy_source) sources;
	VEC(const char *) table_files;
	VEC(uint64_t) table_states;
	const struct policy *kept; /* whose sources are taken in place of files, or NULL */
	VEC(struct loader_sum) sums;
	VEC(struct slot) slots;
	VEC(struct plan_rule) rules;
	VEC(struct policy_test) tests;
	VEC(struct plan_assertion) assertions;
	VEC(struct pattern *) patterns;     /* of conditions */
	VEC(struct table *) pattern_tables; /* with a name or without */
	VEC(struct span) labels;            /* of labelled rules, for "is used twice" */
	struct dict names_by, labels_by, slots_by;
	struct {
		const struct source *source;
		size_t from, line;
	} counted;                /* lines, up to here */
	struct span *settings_at; /* where each setting is set, by the registry's order */
	bool silent;              /* the last error was left out, and so are its notes */
	bool seek;                /* facts get no new slots; `unused` says that one has none */
	bool unused;
	uint64_t id;
};

/* A fact of the language that this version does not know yet; NULL: not one of them. */
const char *later_fact(struct str name);

/*
 * An error and its notes, unless something inside the place is known to be wrong already: what
 * follows from one mistake is not another.
 */
void loader_error(struct loader *loader, struct span span, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void loader_note(struct loader *loader, struct span span, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* A keyword at the begin of a span that this version does not know yet. */
void loader_later(struct loader *loader, struct span span, const char *keyword);
/* Adds bytes to what the policy's id is made of. */
void loader_id(struct loader *loader, struct str bytes);
struct loader_name *loader_find(struct loader *loader, struct str name);
/* Reports a name that is not known, with the nearest that is. */
void loader_unknown(struct loader *loader, struct span span, struct str name);
/* The same where a text may have been meant, and its quotes forgotten. */
void loader_unknown_text(struct loader *loader, struct span span, struct str name);
/* ", is 'NAME' meant?" for the nearest of the names; empty where none is near. */
struct str loader_meant(struct loader *loader, struct str name, const char *const *names,
			size_t count);
/* The same for the nearest fact, table or define. */
struct str loader_near(struct loader *loader, struct str name);
/* "a number", "an IP address", "one of none pass fail". */
struct str type_phrase(struct loader *loader, const struct type *type);

/* The registered fact that a policy names so; `score.NAME` is one for any name. */
const struct fact_def *loader_fact(struct str name);

/* ---- scores.c ---- */

/* Finds the names that actions give, before any condition is resolved. */
void scores_collect(struct loader *loader, struct item *const *items, size_t count);
/* Completes the slot of a score; false: reported. */
bool score_slot(struct loader *loader, const struct operand *operand, struct slot *slot);
/* [NAME] NUMBER; false: reported. */
bool score_arguments(struct loader *loader, const struct action *action,
		     struct plan_action *action_r);
/* What a rule, resolved but for this, adds to the sums that rules below it ask for. */
void scores_add(struct loader *loader, struct plan_rule *rule);
void scores_finish(struct loader *loader);

/* ---- refresh.c ---- */

/* A file of the language that was read before, where that is what is wanted; else NULL. */
const struct policy_source *source_kept(const struct loader *loader, const char *path);
/* A number that changes when the file is another one or has another content. */
uint64_t file_state(const char *path);
/* What policy_tables_state() makes of several. */
uint64_t files_state(const uint64_t *states, size_t count);

/* ---- jit.c ---- */

/* After the last pattern: machine code of them all, where that is set. */
void jit_finish(struct loader *loader);

/* ---- load.c ---- */

/* From the arena, source and settings of a load to a policy; NULL: reported. */
struct policy *load_compile(struct arena *arena, const struct source *source, const char *directory,
			    const struct policy_override *overrides, const struct policy *kept,
			    struct diag *diag);

/* ---- include.c ---- */

#define POLICY_FILE_MOST (16u << 20)

/* Puts the items of included files where the includes stand, in groups too. */
void includes_expand(struct loader *loader, struct tree *tree);
/* The path of a file that `source` names: relative to that source. `name` is not empty. */
const char *loader_path(struct loader *loader, const struct source *source, struct str name);

/* The actions that the parser knows: of this version, and of later ones. NULL-terminated. */
const char *const *loader_actions(struct arena *arena);

/* ---- slots.c ---- */

/*
 * The slot of a fact as an operand names it. -1: reported. `plural`: any, every or no stood
 * before it.
 */
int slot_of_operand(struct loader *loader, const struct operand *operand, bool plural);
/* The slot of a registered fact without arguments. */
unsigned slot_of_fact(struct loader *loader, const struct fact_def *def);
/* The slot of a look at a table, by the fact that is the key. */
unsigned slot_of_slot(struct loader *loader, const struct fact_def *def, unsigned argument);

/* ---- given.c ---- */

/* A loader that knows the facts of a policy that was loaded, to resolve what is given. */
void given_begin(struct loader *loader, const struct policy *policy);
/* A fact that is given outright: as policy_given(). */
int given_resolve(struct loader *loader, const struct operand *fact, const struct operand *value,
		  struct given *given_r);

/* ---- tabledef.c ---- */

void table_define(struct loader *loader, const struct table_def *def);
/* A table of the items in braces, for `in { ... }`; NULL: reported. */
const struct table *table_inline(struct loader *loader, enum table_kind kind,
				 const struct operand *set);
/* The text of a literal item; false: it is none (a text with facts, a nested set). */
bool item_text(const struct operand *item, struct str *text_r);

/* ---- tablefact.c ---- */

/* The facts through which a table is looked up, if it is not compared with directly. */
void tablefact_make(struct loader *loader, struct loader_name *name, enum on_failure on_failure);
/* Of a policy that was loaded: its maps get their names again. */
void tablefact_known(struct loader *loader, const struct fact_def *def);
/* The map that an operand calls, or NULL. */
const struct loader_name *tablefact_map(struct loader *loader, const struct operand *operand);

/* ---- settings.c ---- */

void setting_set(struct loader *loader, const struct set *set);
void settings_begin(struct loader *loader);
void settings_finish(struct loader *loader, const struct policy_override *overrides);

/* Is it one that could be set? Reported if not; sets nothing. */
bool setting_try(struct loader *loader, const struct set *set);

/* ---- tests.c, expectations.c ---- */

/* After all rules: makes a test of the policy. */
void test_add(struct loader *loader, const struct test_block *tree);
/* What a test expects; what is given in it is there. */
void expectations_add(struct loader *loader, const struct test_block *tree,
		      struct policy_test *test);
/* The text of a literal; false: reported. */
bool test_text(struct loader *loader, const struct operand *operand, const char **text_r);
/* An address as SMTP has it, <a@b>. */
const char *test_path(struct loader *loader, const struct operand *operand);
/* The path of a file that is named; NULL: reported. */
const char *test_file(struct loader *loader, const struct operand *operand);

/* ---- expression.c, comparison.c ---- */

/* A condition, or NULL where it was wrong (reported). */
struct cond *expression(struct loader *loader, const struct expr *expr);
/* Resolves a define that perhaps no rule names. */
void define_check(struct loader *loader, const struct define *define);
struct cond *comparison(struct loader *loader, const struct expr *expr);
struct cond *cond_new(struct loader *loader, enum cond_kind kind);
/* AND of those that are not NULL; NULL if there are none. */
struct cond *cond_join(struct loader *loader, struct cond **parts, size_t count);
struct cond *cond_negate(struct loader *loader, struct cond *cond);
bool template_of(struct loader *loader, const struct text *text, struct template *template_r);

/* Gives each condition of the policy its place in memory: memo.c. */
void memo_assign(struct policy *policy);

/* ---- rules.c, actions.c ---- */

/* Conditions of the groups around a rule. */
struct surroundings {
	struct cond *cond; /* NULL: none */
	struct str text;
};
void rule_add(struct loader *loader, const struct rule *rule, const struct surroundings *around);
void group_add(struct loader *loader, const struct group *group, const struct surroundings *around);
/* What stands in a place, on one line. */
struct str written_text(struct loader *loader, struct span span);
void assertion_add(struct loader *loader, const struct assertion *assertion);
/* Fills *action_r; false: reported. */
bool action_resolve(struct loader *loader, const struct action *action,
		    struct plan_action *action_r);

#endif
