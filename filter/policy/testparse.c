/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads tests: what is given, what is expected. A fact that is given outright is read here too
 * where it stands on a command line.
 */

#include "filter/policy/parse.h"

/* The byte behind the '=' that parts FACT from VALUE; 0: there is none. */
static size_t behind_equals(struct str text)
{
	bool quoted = false;

	for (size_t i = 0; i < text.n; i++) {
		if (text.s[i] == '"')
			quoted = !quoted;
		else if (text.s[i] == '=' && !quoted)
			return i + 1;
	}
	return 0;
}

static struct parser parser_of(struct arena *arena, const struct source *source, size_t from,
			       size_t to, struct diag *diag)
{
	return (struct parser){
	    .arena = arena,
	    .diag = diag,
	    .lex = {.source = source, .limit = to},
	    .at = from,
	    .last = {source, from, from},
	};
}

/* Up to its end a value is one literal, or braces, or else a text as it stands. */
static bool command_line_value(struct parser *p, struct operand *value_r)
{
	struct str all = p->lex.source->text;
	struct token t = cursor_peek(p, LEX_ITEM);
	size_t from = p->at;

	if (token_is_mark(&t, "{") || t.kind == TOKEN_STRING) {
		if (!parse_operand(p, value_r, "a value"))
			return false;
		t = cursor_peek(p, LEX_ITEM);
		if (t.kind == TOKEN_END)
			return true;
		cursor_unexpected(p, LEX_ITEM, "the end");
		return false;
	}
	if (t.kind != TOKEN_END && t.kind != TOKEN_MARK && t.kind != TOKEN_WRONG &&
	    t.problem == LEX_FINE && t.span.to == all.n) {
		parse_literal(p, &t, value_r);
		return true;
	}
	*value_r = (struct operand){.kind = OPERAND_STRING, .span = {t.span.source, from, all.n}};
	*vec_push(p->arena, &value_r->text.pieces) =
	    (struct text_piece){.literal = str_sub(all, from, all.n - from)};
	return true;
}

bool tree_parse_given(struct arena *arena, const struct source *source, struct diag *diag,
		      struct operand *fact_r, struct operand *value_r)
{
	size_t value = behind_equals(source->text), before = diag_errors(diag);
	struct parser p;

	if (value < 2) {
		diag_error(diag, (struct span){source, 0, source->text.n},
			   "this is not FACT=VALUE");
		return false;
	}
	lex_bytes(source, diag);
	p = parser_of(arena, source, 0, value - 1, diag);
	if (!parse_operand(&p, fact_r, "a fact"))
		return false;
	if (fact_r->kind != OPERAND_WORD || cursor_peek(&p, LEX_PLAIN).kind != TOKEN_END) {
		diag_error(diag, (struct span){source, 0, value - 1},
			   "a fact is wanted before the '='");
		return false;
	}
	p = parser_of(arena, source, value, source->text.n, diag);
	return command_line_value(&p, value_r) && diag_errors(diag) == before;
}
