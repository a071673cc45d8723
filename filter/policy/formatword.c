/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads the words of a policy a second time, for the formatter. The tree has no comments: they
 * are found between the words. One that stands where the layout never breaks a line is held back
 * to the next place where it may.
 */

#include "filter/policy/format.h"

void format_open(struct format *f, int indent, bool broken)
{
	*vec_push(f->arena, &f->out) =
	    (struct piece){.kind = PIECE_OPEN, .n = indent, .broken = broken};
}

/* ---- comments ---- */

static void push_comment(struct format *f, struct str text, enum comment_place place, bool blank)
{
	*vec_push(f->arena, &f->out) =
	    (struct piece){.kind = PIECE_COMMENT, .text = text, .place = place, .blank = blank};
}

/*
 * The comment that begins at or after *at and before `to`, with *at moved to its end. lines_r: the
 * ends of lines on the way, also if there is none.
 */
static bool next_comment(const struct format *f, size_t *at, size_t to, size_t *lines_r,
			 struct str *comment_r)
{
	struct str text = f->lex.source->text;
	size_t i = *at, end;

	*lines_r = 0;
	for (; i < to && text.s[i] != '#'; i++)
		*lines_r += text.s[i] == '\n';
	if (i >= to)
		return false;
	for (end = i; end < text.n && text.s[end] != '\n';)
		end++;
	*comment_r = str_trim(str_sub(text, i, end - i));
	*at = end;
	return true;
}

static size_t comment_column(const struct format *f, struct str comment)
{
	struct str text = f->lex.source->text;
	size_t at = (size_t)(comment.s - text.s), start = at;

	while (start > 0 && text.s[start - 1] != '\n')
		start--;
	return layout_column(0, str_sub(text, start, at - start));
}

/* Holds the comments up to `to` back. */
static void hold(struct format *f, size_t to)
{
	struct str comment;
	size_t lines;

	while (next_comment(f, &f->at, to, &lines, &comment))
		*vec_push(f->arena, &f->held) = comment;
	f->at = to;
}

/* The comments behind the last word; those `below` its line too, or these are for others. */
static void settle(struct format *f, bool below)
{
	size_t to = format_next(f, NULL), at = f->at, lines, column = 0;
	bool chain = false, any = f->held.count > 0;
	struct str comment;

	for (size_t i = 0; i < f->held.count; i++)
		push_comment(f, f->held.items[i], i > 0 ? COMMENT_CONTINUED : COMMENT_BEHIND,
			     false);
	f->held.count = 0;
	while (next_comment(f, &at, to, &lines, &comment)) {
		size_t here = comment_column(f, comment);

		chain = lines == 0 || (chain && lines == 1 && here == column);
		if (!chain && !below)
			return;
		push_comment(f, comment,
			     !chain ? COMMENT_ALONE
			     : any  ? COMMENT_CONTINUED
				    : COMMENT_BEHIND,
			     false);
		any = true;
		column = here;
		f->at = at;
	}
}

void format_end(struct format *f)
{
	settle(f, false);
}

bool format_between(struct format *f, size_t to)
{
	struct str comment;
	size_t lines;
	bool blank;

	while (next_comment(f, &f->at, to, &lines, &comment)) {
		push_comment(f, comment, COMMENT_BETWEEN, lines > 1 && !f->fresh);
		f->fresh = false;
	}
	blank = lines > 1 && !f->fresh;
	f->fresh = false;
	f->at = to;
	return blank;
}

/* ---- words ---- */

void format_piece(struct format *f, enum piece_kind kind, int n)
{
	if (kind == PIECE_BREAK || kind == PIECE_FILL)
		settle(f, true);
	*vec_push(f->arena, &f->out) = (struct piece){.kind = kind, .n = n};
}

size_t format_next(const struct format *f, char *first_r)
{
	struct token token = lex_token(&f->lex, f->at, LEX_PLAIN);

	if (first_r)
		*first_r = token.kind == TOKEN_END ? '\0' : f->lex.source->text.s[token.span.from];
	return token.span.from;
}

void format_word(struct format *f, size_t to, struct str text)
{
	*vec_push(f->arena, &f->out) = (struct piece){.kind = PIECE_TEXT, .text = text};
	hold(f, to);
}

void format_copy(struct format *f, size_t from, size_t to)
{
	format_word(f, from, str_sub(f->lex.source->text, from, to - from));
	f->at = to;
}

void format_take(struct format *f)
{
	struct token token = lex_token(&f->lex, f->at, LEX_PLAIN);

	format_copy(f, token.span.from, token.span.to);
}
