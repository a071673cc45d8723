/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The operators of comparisons: what they are called, how authors may write them, and what
 * authors who come from other languages write instead.
 */

#include "filter/policy/parse.h"

static const char *const op_names[] = {
    [OP_IS] = "is",
    [OP_IS_NOT] = "is not",
    [OP_IN] = "in",
    [OP_NOT_IN] = "not in",
    [OP_MATCHES] = "matches",
    [OP_CONTAINS] = "contains",
    [OP_STARTS_WITH] = "starts with",
    [OP_ENDS_WITH] = "ends with",
    [OP_LT] = "<",
    [OP_LE] = "<=",
    [OP_GT] = ">",
    [OP_GE] = ">=",
    [OP_IS_PRESENT] = "is present",
    [OP_IS_ABSENT] = "is absent",
};

/* As authors may write them, longer ones first. */
static const struct spelling {
	const char *words[3];
	enum compare_op op;
} spellings[] = {
    {{"is", "not", "in"}, OP_NOT_IN},
    {{"is", "not", "present"}, OP_IS_ABSENT},
    {{"is", "not", "absent"}, OP_IS_PRESENT},
    {{"is", "not", NULL}, OP_IS_NOT},
    {{"is", "in", NULL}, OP_IN},
    {{"is", "present", NULL}, OP_IS_PRESENT},
    {{"is", "absent", NULL}, OP_IS_ABSENT},
    {{"is", NULL, NULL}, OP_IS},
    {{"not", "in", NULL}, OP_NOT_IN},
    {{"in", NULL, NULL}, OP_IN},
    {{"matches", NULL, NULL}, OP_MATCHES},
    {{"contains", NULL, NULL}, OP_CONTAINS},
    {{"starts", "with", NULL}, OP_STARTS_WITH},
    {{"ends", "with", NULL}, OP_ENDS_WITH},
    {{"<=", NULL, NULL}, OP_LE},
    {{">=", NULL, NULL}, OP_GE},
    {{"<", NULL, NULL}, OP_LT},
    {{">", NULL, NULL}, OP_GT},
};

/* From other languages. */
static const struct foreign {
	const char *word;
	enum compare_op op;
} foreigners[] = {
    {"=", OP_IS},
    {"==", OP_IS},
    {"equals", OP_IS},
    {"eq", OP_IS},
    {"!=", OP_IS_NOT},
    {"<>", OP_IS_NOT},
    {"ne", OP_IS_NOT},
    {"=~", OP_MATCHES},
    {"like", OP_MATCHES},
    {"has", OP_CONTAINS},
    {"=<", OP_LE},
    {"=>", OP_GE},
    {"exists", OP_IS_PRESENT},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const char *compare_op_name(enum compare_op op)
{
	return op_names[op];
}

static bool fits(const struct token *t, const char *word)
{
	return token_is_word(t, word) || token_is_mark(t, word);
}

static bool take_spelling(struct parser *p, const struct spelling *spelling)
{
	struct token t = cursor_peek(p, LEX_PLAIN), first = t;
	size_t n = 0;

	for (; n < COUNT(spelling->words) && spelling->words[n]; n++) {
		if (!fits(&t, spelling->words[n]))
			return false;
		p->last = t.span;
		t = cursor_after(p, &t, LEX_PLAIN);
	}
	p->at = p->last.to;
	p->last = span_join(first.span, p->last);
	return true;
}

/* Reports an operator that is none; true if it is plain which one is meant. */
static bool mend_operator(struct parser *p, struct expr *expr)
{
	struct token t = cursor_take(p, LEX_PLAIN), next = cursor_peek(p, LEX_PLAIN);
	size_t near = COUNT(op_names);
	const char *nearest;

	expr->op_span = t.span;
	if (token_is_word(&t, "not") && next.kind == TOKEN_WORD) {
		diag_error(p->diag, t.span,
			   "'not' stands before the whole comparison, except 'not in'");
		for (size_t i = 0; i < COUNT(spellings); i++)
			if (fits(&next, spellings[i].words[0]) && take_spelling(p, &spellings[i])) {
				expr->op = spellings[i].op;
				return true;
			}
		return false;
	}
	for (size_t i = 0; i < COUNT(foreigners); i++)
		if (fits(&t, foreigners[i].word))
			near = foreigners[i].op;
	nearest = t.kind == TOKEN_WORD ? diag_nearest(t.text, op_names, COUNT(op_names)) : NULL;
	for (size_t i = 0; nearest && near == COUNT(op_names) && i < COUNT(op_names); i++)
		if (op_names[i] == nearest)
			near = i;
	if (near == COUNT(op_names)) {
		diag_error(p->diag, t.span, "'" STR_FMT "' is no operator", STR_ARG(t.text));
		return false;
	}
	diag_error(p->diag, t.span, "'" STR_FMT "' is no operator, write '%s'", STR_ARG(t.text),
		   op_names[near]);
	expr->op = (enum compare_op)near;
	return true;
}

enum found parse_operator(struct parser *p, struct expr *expr)
{
	struct token t = cursor_peek(p, LEX_PLAIN);
	size_t start = p->at;
	struct span last = p->last;

	for (size_t i = 0; i < COUNT(spellings); i++) {
		if (take_spelling(p, &spellings[i])) {
			expr->op = spellings[i].op;
			expr->op_span = p->last;
			return FOUND_OPERATOR;
		}
		p->at = start;
		p->last = last;
	}
	if (t.kind == TOKEN_MARK && (!strchr("<>=!", t.text.s[0]) || token_is_mark(&t, "!")))
		return FOUND_NONE;
	if (t.kind == TOKEN_END || cursor_joint(&t) != JOINT_NONE || cursor_is_clause(p, &t) ||
	    cursor_at_stop(p) || cursor_outdented(p, &t))
		return FOUND_NONE;
	if (t.kind == TOKEN_WORD || t.kind == TOKEN_MARK)
		return mend_operator(p, expr) ? FOUND_OPERATOR : FOUND_WRONG;
	cursor_unexpected(p, LEX_PLAIN, "an operator");
	return FOUND_WRONG;
}
