/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_POLICY_LAYOUT_H
#define FILTER_POLICY_LAYOUT_H

/*
 * Lines of at most LAYOUT_COLUMNS from a list of pieces that says where a line may break. A group
 * is flat, all its breaks blanks, if it fits on its line together with what cannot be parted from
 * it, and no comment stands in it; else each of its breaks begins a line. A comment ends its
 * line, so that no comment moves to another place and none is lost.
 */

#include "postern/arena.h"
#include "postern/str.h"

#define LAYOUT_COLUMNS 100

enum piece_kind {
	PIECE_TEXT,
	PIECE_COMMENT, /* stands before a BREAK, a FILL, a LINE, a CLOSE or another one */
	PIECE_SPACE,   /* one blank */
	PIECE_BREAK,   /* a blank in a flat group, else a new line */
	PIECE_FILL,    /* a blank while the text that follows fits on the line */
	PIECE_LINE,    /* a new line */
	PIECE_PAD,     /* blanks up to column `n`, one at least */
	PIECE_OPEN,    /* a group begins */
	PIECE_CLOSE,
};

enum comment_place {
	COMMENT_BEHIND,    /* the text before it, on its line */
	COMMENT_CONTINUED, /* below one that stands behind a text, in its column */
	COMMENT_ALONE,     /* on a line of its own, before what follows */
	COMMENT_BETWEEN,   /* items, in the column of the group */
};

struct piece {
	enum piece_kind kind;
	struct str text;          /* of TEXT and COMMENT */
	enum comment_place place; /* of COMMENT */
	int n;                    /* PAD: column; OPEN, BREAK: indent, relative to the group's */
	bool broken;              /* OPEN: never flat */
	bool blank;               /* LINE, COMMENT_BETWEEN: after a blank line */
};

typedef VEC(struct piece) pieces;

/* The column behind a text that begins in one: a character is one wide, a tab ends at the next 8.
 */
size_t layout_column(size_t column, struct str text);
/* The pieces as lines, in the arena. */
struct str layout(struct arena *arena, const struct piece *pieces, size_t count);

#endif
