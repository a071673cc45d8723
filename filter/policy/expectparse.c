/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads what a test expects: a verdict, a rule, a stage, a reply, edits, the score, or the same as
 * another policy says.
 */

#include "filter/policy/parse.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const stages[] = {"connect", "helo",    "mail",   "rcpt",
				     "data",    "headers", "message"};

/* The word of a list that `t` is; reports it, with the nearest, if it is none. */
static const char *known(struct parser *p, const struct token *t, const char *const *words,
			 size_t count, const char *what)
{
	const char *nearest;

	for (size_t i = 0; i < count; i++)
		if (token_is_word(t, words[i]))
			return words[i];
	nearest = diag_nearest(t->text, words, count);
	diag_error(p->diag, t->span, "'" STR_FMT "' is not %s%s%s%s", STR_ARG(t->text), what,
		   nearest ? ", write '" : "", nearest ? nearest : "", nearest ? "'" : "");
	return NULL;
}

static bool is_stage(const struct token *t)
{
	for (size_t i = 0; i < COUNT(stages); i++)
		if (token_is_word(t, stages[i]))
			return true;
	return false;
}

static bool parse_stage(struct parser *p, struct test_expect *expect)
{
	const char *stage;
	struct token t = cursor_peek(p, LEX_ITEM);

	/* "helo" and "message" begin a statement as well: here they are stages. */
	if (t.kind != TOKEN_WORD || (t.first && parse_at_statement(&t) && !is_stage(&t))) {
		cursor_missing(p, "a stage");
		return false;
	}
	t = cursor_take(p, LEX_ITEM);
	stage = known(p, &t, stages, COUNT(stages), "a stage");
	if (!stage)
		return false;
	expect->stage = str_of(stage);
	return true;
}

static bool parse_number(struct parser *p, const char *what, struct test_expect *expect)
{
	struct token t = cursor_peek(p, LEX_ITEM);
	struct operand number;

	if (t.kind != TOKEN_NUMBER) {
		cursor_missing(p, what);
		return false;
	}
	if (!parse_value(p, what, &number))
		return false;
	*vec_push(p->arena, &expect->values) = number;
	return true;
}

static bool push_quoted(struct parser *p, const char *what, struct test_expect *expect)
{
	struct operand text;

	if (!parse_quoted(p, what, &text))
		return false;
	*vec_push(p->arena, &expect->values) = text;
	return true;
}

/* Is a rule named here, rather than something else begun? */
static bool at_rule(const struct parser *p)
{
	struct token t = cursor_peek(p, LEX_ITEM);

	/* On the same line a rule may be called as what is given: that stands further up. */
	return t.kind != TOKEN_END && t.kind != TOKEN_MARK && t.kind != TOKEN_ADDRESS &&
	       !(t.first && parse_at_statement(&t)) && !token_is_word(&t, "expect") &&
	       !token_is_word(&t, "at") && !token_is_word(&t, "for");
}

static bool parse_rule_name(struct parser *p, struct test_expect *expect)
{
	struct operand rule;

	if (!parse_value(p, "the name of a rule", &rule))
		return false;
	*vec_push(p->arena, &expect->values) = rule;
	return true;
}

/* ---- edits ---- */

/* "add header" and so on, of two words. */
static bool parse_edit_name(struct parser *p, struct test_expect *expect)
{
	static const char *const names[] = {"add header",    "insert header", "replace header",
					    "remove header", "add recipient", "remove recipient"};
	struct token first = cursor_peek(p, LEX_PLAIN), second = cursor_after(p, &first, LEX_PLAIN),
		     both = first;
	const char *name;

	if (first.kind != TOKEN_WORD || parse_at_statement(&first)) {
		cursor_missing(p, "an edit such as 'add header'");
		return false;
	}
	cursor_take(p, LEX_PLAIN);
	if (second.kind == TOKEN_WORD && !second.first) {
		cursor_take(p, LEX_PLAIN);
		both.span = span_join(first.span, second.span);
		both.text = str_printf(p->arena, STR_FMT " " STR_FMT, STR_ARG(first.text),
				       STR_ARG(second.text));
	}
	name = known(p, &both, names, COUNT(names), "an edit");
	if (name)
		expect->word = str_of(name);
	return name != NULL;
}

static bool parse_edit(struct parser *p, struct test_expect *expect)
{
	struct operand address;

	if (!parse_edit_name(p, expect))
		return false;
	if (str_ends(expect->word, STR("recipient"))) {
		if (!parse_address(p, &address))
			return false;
		*vec_push(p->arena, &expect->values) = address;
		return true;
	}
	if (!push_quoted(p, "a field in quotes", expect))
		return false;
	expect->contains = cursor_word(p, "contains");
	return !expect->contains || push_quoted(p, "a text", expect);
}

/* "no rule", "no edits", "no edit ..." */
static bool parse_no(struct parser *p, struct test_expect *expect)
{
	static const char *const words[] = {"rule", "edit", "edits"};
	struct token t = cursor_peek(p, LEX_PLAIN);
	struct operand word;

	if (!parse_value(p, "'rule', 'edit' or 'edits'", &word))
		return false;
	if (!known(p, &t, words, COUNT(words), "what a test can expect not to be there"))
		return false;
	expect->negated = true;
	if (token_is_word(&t, "rule")) {
		expect->kind = EXPECT_RULE;
		return true;
	}
	expect->kind = EXPECT_EDIT;
	return token_is_word(&t, "edits") || parse_edit(p, expect);
}

/* ---- all of them ---- */

enum expected {
	ACCEPT,
	REJECT,
	DEFER,
	DISCARD,
	HOLD,
	RULE,
	STAGE,
	CODE,
	TEXT,
	EDIT,
	SCORE,
	SAME,
	NO
};

/* What follows the word that says what is expected. */
static bool parse_expected(struct parser *p, enum expected word, struct test_expect *expect)
{
	struct token t;

	switch (word) {
	case RULE:
		expect->kind = EXPECT_RULE;
		return parse_rule_name(p, expect);
	case STAGE:
		expect->kind = EXPECT_STAGE;
		return parse_stage(p, expect);
	case CODE:
		expect->kind = EXPECT_CODE;
		if (!parse_number(p, "a code of three digits", expect))
			return false;
		t = cursor_peek(p, LEX_ITEM);
		if (t.kind == TOKEN_CODE) {
			t = cursor_take(p, LEX_ITEM);
			parse_literal(p, &t, vec_push(p->arena, &expect->values));
		}
		return true;
	case TEXT:
		expect->kind = EXPECT_TEXT;
		expect->contains = cursor_word(p, "contains");
		return push_quoted(p, "a text in quotes", expect);
	case EDIT:
		expect->kind = EXPECT_EDIT;
		return parse_edit(p, expect);
	case SCORE:
		expect->kind = EXPECT_SCORE;
		return parse_number(p, "a number", expect);
	case SAME:
		expect->kind = EXPECT_SAME;
		if (!cursor_word(p, "as")) {
			cursor_missing(p, "'as'");
			return false;
		}
		return push_quoted(p, "the name of a policy in quotes", expect);
	case NO:
		return parse_no(p, expect);
	default:
		expect->kind = EXPECT_VERDICT;
		return !at_rule(p) || parse_rule_name(p, expect);
	}
}

/* { "at" STAGE | "for" ADDRESS }, where these have a meaning. */
static bool parse_limits(struct parser *p, struct test_expect *expect)
{
	for (;;) {
		struct token t = cursor_peek(p, LEX_PLAIN);

		if (!token_is_word(&t, "at") && !token_is_word(&t, "for"))
			return true;
		if (expect->kind > EXPECT_TEXT ||
		    (token_is_word(&t, "at") && expect->kind != EXPECT_VERDICT)) {
			diag_error(p->diag, t.span, "'" STR_FMT "' stands behind a verdict%s",
				   STR_ARG(t.text),
				   token_is_word(&t, "at") ? "" : ", rule, stage, code or text");
			return false;
		}
		cursor_take(p, LEX_PLAIN);
		if (token_is_word(&t, "at") ? !parse_stage(p, expect)
					    : !parse_address(p, &expect->recipient))
			return false;
		expect->single |= token_is_word(&t, "for");
	}
}

void parse_expect(struct parser *p, struct test_block *test, const struct token *keyword)
{
	static const char *const words[] = {
	    [ACCEPT] = "accept", [REJECT] = "reject", [DEFER] = "defer", [DISCARD] = "discard",
	    [HOLD] = "hold",     [RULE] = "rule",     [STAGE] = "stage", [CODE] = "code",
	    [TEXT] = "text",     [EDIT] = "edit",     [SCORE] = "score", [SAME] = "same",
	    [NO] = "no",
	};
	struct test_expect expect = {.span = keyword->span};
	struct token t = cursor_peek(p, LEX_PLAIN);
	enum expected word = ACCEPT;
	const char *name = "hold";

	if (t.kind != TOKEN_WORD || parse_at_statement(&t)) {
		cursor_missing(p, "what is expected");
		parse_skip_statement(p);
		return;
	}
	cursor_take(p, LEX_PLAIN);
	/* What JSON and metrics call it. */
	if (token_is_word(&t, "quarantine"))
		diag_error(p->diag, t.span, "'quarantine' is the verdict of 'hold', write 'hold'");
	else
		name = known(p, &t, words, COUNT(words), "what a test can expect");
	while (name && strcmp(words[word], name) != 0)
		word++;
	if (!name || !parse_expected(p, word, &expect) || !parse_limits(p, &expect)) {
		parse_skip_statement(p);
		return;
	}
	if (expect.kind == EXPECT_VERDICT)
		expect.word = str_of(name);
	expect.span = cursor_since(p, keyword->span);
	*vec_push(p->arena, &test->expects) = expect;
}
