/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POSTERN_TREE_H
#define POSTERN_TREE_H

/*
 * A policy as its author wrote it: the syntax tree. The parser only builds it; it knows no facts
 * and opens no tables. Every node has its place. All memory belongs to the arena of the load.
 *
 * Literals keep their text and kind; what a bare word means (a value of an enumeration, an
 * item's text, a fact, a define) is settled by whoever resolves names.
 */

#include <stdbool.h>
#include <stdint.h>

#include "postern/arena.h"
#include "postern/diag.h"
#include "postern/str.h"

/* ---- operands ---- */

enum operand_kind {
	OPERAND_WORD,     /* a name with dots, perhaps called with arguments; or a bare word */
	OPERAND_STRING,   /* "...": parts, see struct text */
	OPERAND_ADDRESS,  /* <a@b>; text is what stands between, empty for <> */
	OPERAND_PATTERN,  /* /.../ : text is the pattern, flags what follows */
	OPERAND_NUMBER,   /* thousandths in `number`; text as written */
	OPERAND_DURATION, /* milliseconds in `number` */
	OPERAND_SIZE,     /* bytes in `number` */
	OPERAND_CODE,     /* enhanced status code, as text: two dots */
	OPERAND_IP,       /* an IP address or network, as text: 192.0.2.1, ::1, 192.0.2.0/24 */
	OPERAND_SET,      /* { items } */
};

/* "..." in pieces: literal bytes (escapes undone) and ${facts} between them. */
struct text_piece {
	struct str literal;   /* if fact is NULL */
	struct operand *fact; /* an OPERAND_WORD */
};
struct text {
	struct span span;
	VEC(struct text_piece) pieces; /* none: the empty string */
};

enum quantifier { QUANT_NONE, QUANT_ANY, QUANT_EVERY, QUANT_NO };

struct operand {
	enum operand_kind kind;
	struct span span;
	enum quantifier quantifier; /* only on the left side of a comparison */
	struct str word;  /* WORD: the dotted name; ADDRESS, PATTERN, CODE, IP, numbers: text */
	struct str flags; /* PATTERN: letters after the closing slash */
	int64_t number;
	struct text text;          /* STRING */
	bool called;               /* WORD with parentheses */
	VEC(struct operand) items; /* SET: its items; called WORD: its arguments */
};

/* ---- expressions ---- */

/* What was not understood, and reported, is an EXPR_AND without parts. */
enum expr_kind { EXPR_AND, EXPR_OR, EXPR_NOT, EXPR_COMPARE, EXPR_BOOLEAN };

enum compare_op {
	OP_IS,
	OP_IS_NOT,
	OP_IN,
	OP_NOT_IN,
	OP_MATCHES,
	OP_CONTAINS,
	OP_STARTS_WITH,
	OP_ENDS_WITH,
	OP_LT,
	OP_LE,
	OP_GT,
	OP_GE,
	OP_IS_PRESENT,
	OP_IS_ABSENT,
};

struct expr {
	enum expr_kind kind;
	struct span span;
	VEC(struct expr *) parts; /* AND, OR: two or more (none: not understood); NOT: one */
	struct operand left;      /* COMPARE; BOOLEAN: the fact or define */
	enum compare_op
	    op; /* "is in" is OP_IN, "is not in" OP_NOT_IN, "is not present" OP_IS_ABSENT */
	struct span op_span;
	struct operand right; /* COMPARE but IS_PRESENT, IS_ABSENT */
};

/* ---- rules ---- */

struct action {
	struct str
	    name; /* as in the registry: "accept", "reject", "add header", "prefix subject", ... */
	struct span span; /* the whole action */
	struct span name_span;
	VEC(struct operand) arguments; /* in order: numbers, codes, strings, addresses, words */
};

struct rule {
	struct span span; /* from label or action to the end of the last condition */
	struct str label; /* empty: none */
	struct span label_span;
	bool observe;
	VEC(struct action) actions; /* without those whose name is unknown */
	struct expr *when;          /* NULL: always */
	VEC(struct expr *) unless;
};

struct group {
	struct span span; /* the "if ... " part */
	struct expr *condition;
	VEC(struct expr *) unless;
	VEC(struct item *) items;
};

/* ---- the rest ---- */

struct set {
	struct span span, name_span;
	struct str name;            /* dotted: "dkim.minimum-bits" */
	VEC(struct operand) values; /* one; several stand in braces */
};

struct table_option {
	struct span span;
	struct str name; /* "query", "on failure" */
	struct operand value;
};

struct table_def {
	struct span span, name_span, kind_span, type_span;
	struct str name;
	struct str kind;      /* "networks", "domains", ... as written */
	struct str type;      /* "file", ...; empty: inline items */
	struct text location; /* the STRING of a source with a type */
	VEC(struct operand) items;
	VEC(struct table_option) options;
};

struct define {
	struct span span, name_span;
	struct str name;
	struct expr *value;
};

struct include {
	struct span span;
	struct text path;
};

/* Of an assertion: a verdict, or several. */
enum outcome {
	OUTCOME_ACCEPT,
	OUTCOME_REJECT,
	OUTCOME_DEFER,
	OUTCOME_DISCARD,
	OUTCOME_HOLD,
	OUTCOME_REFUSED,   /* reject or defer */
	OUTCOME_DELIVERED, /* accept or hold */
};

struct assertion {
	struct span span, outcome_span, stage_span;
	bool negated; /* "not" stands before the outcome */
	enum outcome outcome;
	bool by; /* a stage is named: */
	struct str stage;
	struct expr *when;
	VEC(struct expr *) unless;
};

/* ---- tests ---- */

enum test_given_kind {
	GIVEN_CLIENT,    /* IP [NAME] */
	GIVEN_HELO,      /* NAME */
	GIVEN_SENDER,    /* ADDRESS */
	GIVEN_RECIPIENT, /* ADDRESS */
	GIVEN_AUTH,      /* USER */
	GIVEN_MACRO,     /* NAME VALUE */
	GIVEN_HEADER,    /* "Name: value" */
	GIVEN_BODY,      /* "a line" */
	GIVEN_MESSAGE,   /* "FILE" */
	GIVEN_DNS,       /* "RECORD" */
	GIVEN_DNS_FILE,  /* "FILE" */
	GIVEN_SET,       /* NAME VALUE */
	GIVEN_TIME,      /* SECONDS */
	GIVEN_FACT,      /* FACT VALUE */
};

struct test_given {
	enum test_given_kind kind;
	struct span span;
	VEC(struct operand) values;
};

enum test_expect_kind {
	EXPECT_VERDICT, /* accept ...; values: the rule, if one is named */
	EXPECT_RULE,    /* values: the rule; none: no rule is to decide */
	EXPECT_STAGE,
	EXPECT_CODE,  /* values: the code, the enhanced one if there is one */
	EXPECT_TEXT,  /* values: the text */
	EXPECT_EDIT,  /* values: field or address; none: there are to be no edits */
	EXPECT_SCORE, /* values: a number */
	EXPECT_SAME,  /* values: the file of another policy */
};

struct test_expect {
	enum test_expect_kind kind;
	struct span span;
	struct str word; /* VERDICT: which; EDIT: "add header" and so on */
	bool negated;    /* EDIT: "no" stands before it */
	bool contains;   /* TEXT, EDIT: the last value is a part of what is to be there */
	VEC(struct operand) values;
	struct str stage; /* "at STAGE", or of STAGE; empty: none */
	bool single;      /* "for <address>": */
	struct operand recipient;
};

struct test_block {
	struct span name_span;
	struct text name;
	VEC(struct test_given) givens;
	VEC(struct test_expect) expects;
};

const char *test_given_word(enum test_given_kind kind);

enum item_kind {
	ITEM_SET,
	ITEM_TABLE,
	ITEM_DEFINE,
	ITEM_INCLUDE,
	ITEM_RULE,
	ITEM_GROUP,
	ITEM_ASSERT,
	ITEM_TEST
};

struct item {
	enum item_kind kind;
	struct span span;
	union {
		struct set set;
		struct table_def table;
		struct define define;
		struct include include;
		struct rule rule;
		struct group group;
		struct assertion assertion;
		struct test_block test;
	};
};

struct tree {
	const struct source *source;
	VEC(struct item *) items;
};

/*
 * The words that begin an action, from the registry, so that the parser knows which consist of
 * two ("add header") and can tell an action from a misspelt one. NULL-terminated.
 */
struct tree_words {
	const char *const *actions;
};

/*
 * Parses a source. Every mistake goes to `diag`; the tree holds what could be understood, so
 * that resolving can go on and find more. Never NULL.
 */
struct tree *tree_parse(struct arena *arena, const struct source *source,
			const struct tree_words *words, struct diag *diag);
/*
 * A fact and its value from a text FACT=VALUE, for what stands on a command line: there a text
 * needs no quotes. False: reported.
 */
bool tree_parse_given(struct arena *arena, const struct source *source, struct diag *diag,
		      struct operand *fact_r, struct operand *value_r);
/* Prints the tree, one node a line, indented: for tests and for people who look for a fault. */
void tree_print(const struct tree *tree, FILE *out);

const char *compare_op_name(enum compare_op op);
const char *outcome_name(enum outcome outcome);

#endif
