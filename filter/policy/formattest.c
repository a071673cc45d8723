/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lays tests out. What stands on one line stays on one line, as what belongs together; blanks are
 * made even, and a line that would be too long is broken before a statement.
 */

#include "filter/policy/format.h"

#define TEST_INDENT 4
/* Blanks between the statements of a line. */
#define APART 3

/* The next word of a statement is written without a blank before it. */
static bool touches(struct str last, const struct token *t)
{
	if (token_is_mark(t, ")") || token_is_mark(t, "(") || token_is_mark(t, ","))
		return true;
	return str_eq(last, STR("("));
}

/* The statement's words from its first byte to its last, and how wide they are. */
static size_t statement_width(const struct format *f, struct span span)
{
	struct lex lex = {.source = f->lex.source, .limit = span.to};
	struct str last = {0};
	size_t width = 0;

	for (struct token t = lex_token(&lex, span.from, LEX_ITEM); t.kind != TOKEN_END;
	     t = lex_token(&lex, t.span.to, LEX_ITEM)) {
		struct str word = str_sub(lex.source->text, t.span.from, t.span.to - t.span.from);

		width = layout_column(width + (last.n > 0 && !touches(last, &t)), word);
		last = word;
	}
	return width;
}

static void statement(struct format *f, struct span span)
{
	struct lex lex = {.source = f->lex.source, .limit = span.to};
	struct str last = {0};

	for (struct token t = lex_token(&lex, span.from, LEX_ITEM); t.kind != TOKEN_END;
	     t = lex_token(&lex, t.span.to, LEX_ITEM)) {
		if (last.n > 0 && !touches(last, &t))
			format_piece(f, PIECE_SPACE, 0);
		format_copy(f, t.span.from, t.span.to);
		last = str_sub(lex.source->text, t.span.from, t.span.to - t.span.from);
	}
}

static bool line_between(const struct format *f, size_t from, size_t to)
{
	return str_chr(str_sub(f->lex.source->text, from, to - from), '\n') >= 0;
}

/* A new line, below the comments that stand before the byte `to`. */
static void new_line(struct format *f, size_t to)
{
	bool blank;

	format_end(f);
	blank = format_between(f, to);
	*vec_push(f->arena, &f->out) = (struct piece){.kind = PIECE_LINE, .blank = blank};
}

static void apart(struct format *f)
{
	for (int i = 0; i < APART; i++)
		format_piece(f, PIECE_SPACE, 0);
}

typedef VEC(struct span) spans;

static spans statements(struct format *f, const struct test_block *test)
{
	spans all = {0};

	for (size_t i = 0; i < test->givens.count; i++)
		*vec_push(f->arena, &all) = test->givens.items[i].span;
	for (size_t i = 0; i < test->expects.count; i++)
		*vec_push(f->arena, &all) = test->expects.items[i].span;
	return all;
}

static void lines(struct format *f, const spans *all, size_t end)
{
	size_t column = 0;

	format_end(f);
	f->indent += TEST_INDENT;
	f->fresh = true;
	format_open(f, TEST_INDENT, true);
	for (size_t i = 0; i < all->count; i++) {
		struct span span = all->items[i];
		size_t width = statement_width(f, span);

		if (i > 0 && !line_between(f, all->items[i - 1].to, span.from) &&
		    column + APART + width <= LAYOUT_COLUMNS) {
			apart(f);
			column += APART + width;
		} else {
			new_line(f, span.from);
			column = (size_t)f->indent + width;
		}
		statement(f, span);
	}
	format_end(f);
	format_between(f, end - 1);
	format_piece(f, PIECE_CLOSE, 0);
	format_piece(f, PIECE_LINE, 0);
	f->indent -= TEST_INDENT;
}

void format_test(struct format *f, const struct test_block *test, size_t end)
{
	spans all = statements(f, test);
	size_t name = test->name_span.to - test->name_span.from, open;
	size_t width = (size_t)f->indent + strlen("test ") + name + strlen(" {  }");

	for (size_t i = 0; i < all.count; i++)
		width += statement_width(f, all.items[i]) + (i > 0 ? APART : 0);
	format_take(f);
	format_piece(f, PIECE_SPACE, 0);
	format_take(f);
	format_piece(f, PIECE_SPACE, 0);
	format_take(f);
	open = f->at;
	if (line_between(f, open, end) || width > LAYOUT_COLUMNS) {
		lines(f, &all, end);
	} else {
		for (size_t i = 0; i < all.count; i++) {
			if (i > 0)
				apart(f);
			else
				format_piece(f, PIECE_SPACE, 0);
			statement(f, all.items[i]);
		}
		format_piece(f, PIECE_SPACE, 0);
	}
	format_take(f);
}
