/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_POLICY_FORMAT_H
#define FILTER_POLICY_FORMAT_H

/*
 * What the files of the formatter share: a reader that goes through the source a second time,
 * led by the tree, and makes pieces of its words, and of the comments that the tree does not have.
 */

#include "postern/tree.h"

#include "filter/policy/layout.h"
#include "filter/policy/lex.h"

struct format {
	struct arena *arena;
	struct lex lex;
	pieces out;
	VEC(struct str) held; /* comments for the end of the line */
	size_t at;            /* end of what was read */
	int indent;           /* of the present block */
	bool fresh;           /* nothing stands in the block yet */
};

/* ---- formatword.c: of the source, with their comments ---- */

/* The next word or sign of a name, a keyword, a parenthesis. */
void format_take(struct format *f);
/* The bytes of the source as they are. */
void format_copy(struct format *f, size_t from, size_t to);
/* A text in place of several words, which end at the byte `to`. */
void format_word(struct format *f, size_t to, struct str text);
/* The end of an item, or of the line above a block: comments on this line belong to it. */
void format_end(struct format *f);
/* The comments before the byte `to`, where an item begins or a block ends. After a blank line? */
bool format_between(struct format *f, size_t to);
/* The place of the next word, and its first byte. */
size_t format_next(const struct format *f, char *first_r);

void format_piece(struct format *f, enum piece_kind kind, int n);
/* A group; `broken`: each of its breaks begins a line. */
void format_open(struct format *f, int indent, bool broken);

/* ---- formatexpr.c: operands and conditions ---- */

void format_operand(struct format *f, const struct operand *operand);
/* Items in braces, with these. */
void format_braces(struct format *f, const struct operand *items, size_t count);
void format_condition(struct format *f, const struct expr *expr);
/*
 * "when" or "if" and a condition, which goes on `further` in where it is broken; "unless" and
 * others, `indent` in.
 */
void format_clauses(struct format *f, int indent, int further, const struct expr *when,
		    struct expr *const *unless, size_t count);

/* ---- formattest.c ---- */

/* A test, which ends at the byte `end`. */
void format_test(struct format *f, const struct test_block *test, size_t end);

#endif
