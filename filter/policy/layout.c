/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Breaks pieces into lines: decides for each group whether it is flat, keeps comments at the end
 * of their lines, and at last puts comments of neighbouring lines into one column.
 */

#include "filter/policy/layout.h"

/* Blanks between a line and its comment. */
#define APART 2

struct line {
	struct str code, comment;
	size_t indent;
	bool alone; /* nothing but a comment, and not one that belongs to the line above */
};

struct open_group {
	int indent;
	bool flat;
};

struct layout {
	struct arena *arena;
	const struct piece *pieces;
	size_t count;
	VEC(struct line) lines;
	VEC(struct open_group) groups;
	VEC(struct str) waiting; /* comments that stand before the next line */
	struct buf code;         /* of the present line */
	struct str comment;
	size_t column, indent;
	bool begun; /* the present line has a text */
	bool ended; /* the present line has a comment */
	bool used;  /* there is a present line */
};

size_t layout_column(size_t column, struct str text)
{
	for (size_t i = 0; i < text.n; i++) {
		if (text.s[i] == '\t')
			column += 8 - column % 8;
		else if (((unsigned char)text.s[i] & 0xc0) != 0x80)
			column++;
	}
	return column;
}

/* ---- lines ---- */

static void push_line(struct layout *l, struct str code, struct str comment, bool alone)
{
	*vec_push(l->arena, &l->lines) =
	    (struct line){.code = code, .comment = comment, .indent = l->indent, .alone = alone};
}

static void pad(struct layout *l, size_t column)
{
	for (; l->column < column; l->column++)
		buf_putc(&l->code, ' ');
}

static void finish_line(struct layout *l)
{
	if (l->used)
		push_line(l, buf_str(&l->code), l->comment, false);
	l->used = false;
}

static void begin_line(struct layout *l, int indent)
{
	l->indent = indent < 0 ? 0 : (size_t)indent;
	l->code = (struct buf){.arena = l->arena};
	l->comment = (struct str){0};
	l->column = 0;
	l->begun = l->ended = false;
	l->used = true;
	pad(l, l->indent);
}

static void comment_line(struct layout *l, int indent, struct str comment)
{
	finish_line(l);
	begin_line(l, indent);
	buf_add(&l->code, comment);
	push_line(l, buf_str(&l->code), (struct str){0}, true);
	l->used = false;
}

/* A new line, below the comments that wait for it; these stand no less deep than the group. */
static void new_line(struct layout *l, int indent)
{
	int group = l->groups.items[l->groups.count - 1].indent;

	for (size_t i = 0; i < l->waiting.count; i++)
		comment_line(l, indent > group ? indent : group, l->waiting.items[i]);
	l->waiting.count = 0;
	finish_line(l);
	begin_line(l, indent);
}

static bool must_end(const struct layout *l)
{
	return l->ended || l->waiting.count > 0;
}

/* ---- groups ---- */

/*
 * Does the group that the piece `at` opens fit, up to the first break behind it? Looks no further
 * than a line is long.
 */
static bool fits(const struct layout *l, size_t at)
{
	size_t column = l->column, levels = 0;
	bool comment = false, inside = true;

	for (; at < l->count && column <= LAYOUT_COLUMNS; at++) {
		const struct piece *p = &l->pieces[at];

		switch (p->kind) {
		case PIECE_TEXT:
			if (comment)
				return !inside;
			column = layout_column(column, p->text);
			break;
		case PIECE_COMMENT:
			comment = true;
			break;
		case PIECE_BREAK:
		case PIECE_FILL:
			if (!inside)
				return true;
			column++;
			break;
		case PIECE_SPACE:
			column++;
			break;
		case PIECE_PAD:
			column = column < (size_t)p->n ? (size_t)p->n : column + 1;
			break;
		case PIECE_LINE:
			return !inside;
		case PIECE_OPEN:
			if (inside && p->broken)
				return false;
			levels++;
			break;
		case PIECE_CLOSE:
			levels -= levels > 0;
			inside = inside && levels > 0;
			break;
		}
	}
	return column <= LAYOUT_COLUMNS;
}

static void open_group(struct layout *l, size_t at)
{
	const struct piece *p = &l->pieces[at];
	const struct open_group *outer =
	    l->groups.count > 0 ? &l->groups.items[l->groups.count - 1] : NULL;
	struct open_group group = {.indent = (outer ? outer->indent : 0) + p->n};

	group.flat = !p->broken && ((outer && outer->flat) || fits(l, at));
	*vec_push(l->arena, &l->groups) = group;
}

/* ---- pieces ---- */

static void add_comment(struct layout *l, const struct piece *p, int indent)
{
	switch (p->place) {
	case COMMENT_ALONE:
		*vec_push(l->arena, &l->waiting) = p->text;
		return;
	case COMMENT_BETWEEN:
		finish_line(l);
		if (p->blank)
			push_line(l, (struct str){0}, (struct str){0}, false);
		comment_line(l, indent, p->text);
		return;
	case COMMENT_CONTINUED:
		finish_line(l);
		begin_line(l, 0);
		break;
	case COMMENT_BEHIND:
		break;
	}
	l->comment = p->text;
	l->ended = true;
}

static void add_break(struct layout *l, const struct piece *p, size_t at)
{
	const struct open_group *group = &l->groups.items[l->groups.count - 1];
	bool flat = group->flat;

	if (p->kind == PIECE_FILL && !flat && at + 1 < l->count)
		flat = layout_column(l->column + 1, l->pieces[at + 1].text) <= LAYOUT_COLUMNS;
	if (!flat || must_end(l))
		new_line(l, group->indent + p->n);
	else
		pad(l, l->column + 1);
}

static void add(struct layout *l, size_t at)
{
	const struct piece *p = &l->pieces[at];
	int indent = l->groups.count > 0 ? l->groups.items[l->groups.count - 1].indent : 0;

	switch (p->kind) {
	case PIECE_TEXT:
		buf_add(&l->code, p->text);
		l->column = layout_column(l->column, p->text);
		l->begun = true;
		break;
	case PIECE_COMMENT:
		add_comment(l, p, indent);
		break;
	case PIECE_SPACE:
		pad(l, l->column + 1);
		break;
	case PIECE_BREAK:
	case PIECE_FILL:
		add_break(l, p, at);
		break;
	case PIECE_LINE:
		finish_line(l);
		if (p->blank)
			push_line(l, (struct str){0}, (struct str){0}, false);
		new_line(l, indent);
		break;
	case PIECE_PAD:
		pad(l, l->begun && l->column >= (size_t)p->n ? l->column + 1 : (size_t)p->n);
		break;
	case PIECE_OPEN:
		open_group(l, at);
		break;
	case PIECE_CLOSE:
		l->groups.count--;
		break;
	}
}

/* ---- comments in columns ---- */

/* The comments from line `at` on that stand in lines one below the other; returns the next line. */
static size_t align(struct layout *l, size_t at, struct buf *out)
{
	size_t column = 0, end = at;

	for (; end < l->lines.count && l->lines.items[end].comment.n > 0; end++) {
		size_t width = layout_column(0, l->lines.items[end].code);

		column = width > column ? width : column;
	}
	column += APART;
	/* A comment of its own that stood in this column would be read as belonging to these. */
	if (end < l->lines.count && l->lines.items[end].alone &&
	    l->lines.items[end].indent == column)
		column++;
	for (; at < end; at++) {
		const struct line *line = &l->lines.items[at];

		buf_add(out, line->code);
		for (size_t i = layout_column(0, line->code); i < column; i++)
			buf_putc(out, ' ');
		buf_add(out, line->comment);
		buf_putc(out, '\n');
	}
	return end;
}

struct str layout(struct arena *arena, const struct piece *list, size_t count)
{
	struct layout l = {.arena = arena, .pieces = list, .count = count};
	struct buf out = {.arena = arena};

	for (size_t i = 0; i < count; i++)
		add(&l, i);
	finish_line(&l);
	for (size_t i = 0; i < l.lines.count;) {
		if (l.lines.items[i].comment.n > 0) {
			i = align(&l, i, &out);
			continue;
		}
		buf_add(&out, l.lines.items[i++].code);
		buf_putc(&out, '\n');
	}
	return buf_str(&out);
}
