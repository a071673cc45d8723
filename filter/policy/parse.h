/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_POLICY_PARSE_H
#define FILTER_POLICY_PARSE_H

/*
 * What the files of the parser share: a cursor over the tokens, which also knows where an item
 * may begin and how to go on after a mistake, and one function for each level of the grammar.
 * A function that meets a mistake reports it once and leaves the cursor where the next clause,
 * joint or item can be read, so that its caller has nothing to add.
 */

#include "postern/tree.h"

#include "filter/policy/lex.h"

/*
 * Braces, parentheses, calls and strings inside each other. People need three or four; the
 * parser's own stack holds a few hundred.
 */
#define PARSE_DEPTH 64

struct parser {
	struct arena *arena;
	struct diag *diag;
	struct tree *tree;
	struct lex lex;
	const char *const *actions; /* known ones */
	size_t action_count;
	const char **starters; /* known actions and the words that begin other items */
	size_t starter_count;
	size_t at;        /* end of the last token taken */
	struct span last; /* that token */
	size_t margin;    /* column in which the present item's first word stands */
	unsigned depth;   /* of nesting, at most PARSE_DEPTH */
	unsigned parens;  /* open parentheses: ')' belongs to somebody */
	bool body;        /* in the condition of a group: '{' may open its body */
	bool lost;        /* a brace was found unclosed to the end of the source */
};

/* Moves a vector's contents to another of the same kind. */
#define vec_move(to, from)                                                                         \
	((to)->items = (from)->items, (to)->count = (from)->count, (to)->room = (from)->room)

/* ---- cursor.c ---- */

struct token cursor_peek(const struct parser *p, enum lex_mode mode);
struct token cursor_after(const struct parser *p, const struct token *token, enum lex_mode mode);
/* Takes the next token, and reports its problem. */
struct token cursor_take(struct parser *p, enum lex_mode mode);
/* Takes the next token if it is this word or mark. */
bool cursor_word(struct parser *p, const char *word);
bool cursor_mark(struct parser *p, const char *mark);
/* From the start of `from` to the end of the last token taken. */
struct span cursor_since(const struct parser *p, struct span from);
size_t cursor_column(const struct token *token);

/*
 * The known action that the tokens at `t` name, of one word or two, else NULL. words_r: how many.
 */
const char *cursor_action(const struct parser *p, const struct token *t, int *words_r);
/* Is this the name of a known action? */
bool cursor_known(const struct parser *p, const char *name);
bool cursor_is_label(const struct parser *p, const struct token *t);
/* "when" or "unless" that is no label. */
bool cursor_is_clause(const struct parser *p, const struct token *t);
/* Does the token begin an item: a label, an action, "set NAME", "if" and so on? */
bool cursor_looks_item(const struct parser *p, const struct token *t);
/* Does an item begin at the byte `at`, even one with a misspelt first word? */
bool cursor_begins_item(const struct parser *p, size_t at);
/* Does the '{' token open a group's body, rather than a set? */
bool cursor_begins_body(const struct parser *p, const struct token *brace);
/* At the end of a rule, whatever was read of it: an item begins, a brace closes, the file ends. */
bool cursor_at_stop(const struct parser *p);

/* A word first on its line and not indented deeper than the item: another item, if it must be. */
bool cursor_outdented(const struct parser *p, const struct token *t);

enum joint { JOINT_NONE, JOINT_AND, JOINT_OR };
/* "and" and "or", also as people from other languages write them. */
enum joint cursor_joint(const struct token *t);

enum braces { BRACES_CLOSED, BRACES_NESTED, BRACES_OPEN };
/*
 * Where the set that was opened before the byte `at` ends: at its '}', at another '{', or, where
 * it is not closed, at the line that begins another item.
 */
enum braces cursor_braces(const struct parser *p, size_t at, size_t *end_r);

/* Reports that `what` was expected in place of the next token, or that token's own problem. */
void cursor_unexpected(struct parser *p, enum lex_mode mode, const char *what);
/* Reports that `what` is missing behind the last token taken. */
void cursor_missing(struct parser *p, const char *what);
enum {
	SYNC_JOINT = 1,  /* stop at "and", "or" */
	SYNC_CLAUSE = 2, /* stop at "when", "unless", and where a line looks like another item */
	SYNC_COMMA = 4,
};
/* Skips to where reading can go on: a stop, or what `where` and the cursor's state add to them. */
void cursor_sync(struct parser *p, unsigned where);
/* Counts a level of nesting; false, with a report, past the limit: then skip what is inside. */
bool cursor_enter(struct parser *p, struct span span);
/* Skips to behind the mark that closes what `open` opened and the last token began. */
void cursor_skip_nested(struct parser *p, const char *open, const char *close);

/* ---- operand.c ---- */

/*
 * An operand where one may start. False if there is none: what it is called, "an operand", is
 * then reported as missing; or it was not understood.
 */
bool parse_operand(struct parser *p, struct operand *operand, const char *what);
/*
 * Keywords are contextual: a table may be called 'accept'. A word where an operand may start is
 * one, unless what follows shows that the operand was forgotten: "when unless trusted".
 */
bool parse_at_operand(const struct parser *p, const struct token *t);
/* Is the token a fact behind "any", rather than what follows a fact that is called "any"? */
bool parse_at_quantified(const struct parser *p, const struct token *t);
/* Turns a literal's token, already taken, into an operand. */
void parse_literal(struct parser *p, const struct token *token, struct operand *operand);
/* The pieces of a string's token, already taken. */
void parse_text(struct parser *p, const struct token *token, struct text *text);
/* The items of a set whose '{' was taken, up to and with its '}'. */
void parse_braces(struct parser *p, struct operand *set);

/* ---- operator.c ---- */

enum found { FOUND_NONE, FOUND_OPERATOR, FOUND_WRONG };
/*
 * The operator behind an operand, into expr->op and op_span. A wrong one was reported; where it
 * is plain which one is meant, that one is found.
 */
enum found parse_operator(struct parser *p, struct expr *expr);

/* ---- expr.c ---- */

/* A condition up to its end. Never NULL; what was not understood is an EXPR_AND without parts. */
struct expr *parse_condition(struct parser *p);
struct expr *parse_broken(struct parser *p, struct span span);
/*
 * "spf is fail or softfail": where part `at` of a list and perhaps more are bare words, or
 * literals, behind a comparison with 'is' or 'in', what was meant: "spf in { fail softfail }".
 * Else the empty string. count_r: how many parts are such. Whether a word is a condition of its
 * own after all is for whoever knows names.
 */
struct str expr_meant_set(struct arena *arena, const struct expr *list, size_t at, size_t *count_r);

/* ---- declare.c ---- */

/* Is the next thing another item, so that what was expected here is missing? */
bool parse_at_next_item(const struct parser *p);
/* A string; false, with a report that `what` is missing, if there is none. */
bool parse_string(struct parser *p, const char *what, struct text *text);
/* Items whose keyword was taken. NULL where too little was understood. */
struct item *parse_set(struct parser *p);
struct item *parse_table(struct parser *p);
struct item *parse_define(struct parser *p);
struct item *parse_include(struct parser *p);

/* ---- testparse.c, expectparse.c ---- */

/* A test, whose keyword was taken. */
struct item *parse_test(struct parser *p, const struct token *keyword);
/* Is it a word that begins what is given or expected in a test? */
bool parse_at_statement(const struct token *t);
/* To the next of them, or a line that begins with another word; strings are passed over whole. */
void parse_skip_statement(struct parser *p);
/* A literal: a name, a number, an address; false, with a report that `what` is missing. */
bool parse_value(struct parser *p, const char *what, struct operand *value_r);
/* An address in < >, or a string; false, with a report. */
bool parse_address(struct parser *p, struct operand *value_r);
bool parse_quoted(struct parser *p, const char *what, struct operand *value_r);
/* What is expected, behind its keyword. */
void parse_expect(struct parser *p, struct test_block *test, const struct token *keyword);

/* ---- ruleparse.c ---- */

struct clauses {
	struct expr *when;
	VEC(struct expr *) unless;
};
/* { "when" expr | "unless" expr }, in a rule or an assertion. */
void parse_clauses(struct parser *p, struct clauses *clauses);
/* A rule, from its label or action; NULL if there is only a label. */
struct item *parse_rule(struct parser *p);
struct item *parse_new_item(struct parser *p, enum item_kind kind);
/* Offers the nearest of the words that begin an item; NULL if none is near. */
const char *parse_nearest(struct parser *p, const struct token *t, struct str *written_r);

#endif
