/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads tests: where one ends and what is given in it; what is expected is in expectparse.c. A
 * fact that is given outright is read here too where it stands on a command line.
 */

#include "filter/policy/parse.h"

/* What stands behind a word of a test. */
enum wanted { NOTHING, CLIENT_IP, NAME, MAYBE_NAME, ADDRESS, QUOTED, SECONDS, FACT, VALUE };

struct statement {
	const char *word;
	enum wanted wanted[2];
	const char *what[2]; /* how an error calls it */
};

/* By their kind. */
static const struct statement statements[] = {
    [GIVEN_CLIENT] = {"client", {CLIENT_IP, MAYBE_NAME}, {"an IP address", NULL}},
    [GIVEN_HELO] = {"helo", {NAME}, {"a name"}},
    [GIVEN_SENDER] = {"sender", {ADDRESS}, {NULL}},
    [GIVEN_RECIPIENT] = {"recipient", {ADDRESS}, {NULL}},
    [GIVEN_AUTH] = {"auth", {NAME}, {"the name of a user"}},
    [GIVEN_MACRO] = {"macro", {NAME, NAME}, {"the name of a macro", "its value"}},
    [GIVEN_HEADER] = {"header", {QUOTED}, {"a field, \"Name: value\","}},
    [GIVEN_BODY] = {"body", {QUOTED}, {"a line of text in quotes"}},
    [GIVEN_MESSAGE] = {"message", {QUOTED}, {"the name of a file in quotes"}},
    [GIVEN_DNS] = {"dns", {QUOTED}, {"a record in quotes"}},
    [GIVEN_DNS_FILE] = {"dns file", {QUOTED}, {"the name of a file in quotes"}},
    [GIVEN_SET] = {"set", {NAME, VALUE}, {"the name of a setting", "its value"}},
    [GIVEN_TIME] = {"time", {SECONDS}, {"a number of seconds since 1970"}},
    [GIVEN_FACT] = {"given", {FACT, VALUE}, {"a fact", "its value"}},
};

#define STATEMENTS (sizeof(statements) / sizeof(statements[0]))

const char *test_given_word(enum test_given_kind kind)
{
	return statements[kind].word;
}

bool parse_at_statement(const struct token *t)
{
	for (size_t i = 0; i < STATEMENTS; i++)
		if (token_is_word(t, statements[i].word))
			return true;
	return token_is_word(t, "expect");
}

/* ---- values ---- */

bool parse_value(struct parser *p, const char *what, struct operand *value_r)
{
	struct token t = cursor_peek(p, LEX_ITEM);

	if (t.kind == TOKEN_END || t.kind == TOKEN_MARK || (t.first && parse_at_statement(&t))) {
		cursor_missing(p, what);
		return false;
	}
	t = cursor_take(p, LEX_ITEM);
	if (t.kind == TOKEN_WRONG)
		return false;
	parse_literal(p, &t, value_r);
	return true;
}

bool parse_address(struct parser *p, struct operand *value_r)
{
	struct token t = cursor_peek(p, LEX_OPERAND);

	if (t.kind != TOKEN_ADDRESS) {
		cursor_missing(p, "an address in < >");
		return false;
	}
	t = cursor_take(p, LEX_OPERAND);
	parse_literal(p, &t, value_r);
	return true;
}

bool parse_quoted(struct parser *p, const char *what, struct operand *value_r)
{
	struct token t = cursor_peek(p, LEX_ITEM);

	if (t.kind != TOKEN_STRING) {
		cursor_missing(p, what);
		return false;
	}
	t = cursor_take(p, LEX_ITEM);
	parse_literal(p, &t, value_r);
	return true;
}

/* A literal of one kind, at its place. */
static bool parse_kind(struct parser *p, enum token_kind kind, const char *what,
		       struct operand *value_r)
{
	struct token t = cursor_peek(p, LEX_ITEM);

	if (t.kind != kind) {
		cursor_missing(p, what);
		return false;
	}
	t = cursor_take(p, LEX_ITEM);
	parse_literal(p, &t, value_r);
	return true;
}

static bool parse_fact_name(struct parser *p, const char *what, struct operand *fact_r)
{
	struct token t = cursor_peek(p, LEX_PLAIN), next = cursor_after(p, &t, LEX_PLAIN);

	if (t.first && parse_at_statement(&t)) {
		cursor_missing(p, what);
		return false;
	}
	/* Whatever else the word may be: a fact may have the name of an action. */
	if (t.kind == TOKEN_WORD && !token_is_mark(&next, "(")) {
		t = cursor_take(p, LEX_PLAIN);
		parse_literal(p, &t, fact_r);
		return true;
	}
	if (!parse_operand(p, fact_r, what))
		return false;
	if (fact_r->kind == OPERAND_WORD)
		return true;
	diag_error(p->diag, fact_r->span, "%s is wanted here", what);
	return false;
}

static bool parse_wanted(struct parser *p, enum wanted wanted, const char *what,
			 struct test_given *given)
{
	struct token t = cursor_peek(p, LEX_ITEM);
	struct operand value = {0};
	bool ok = false;

	switch (wanted) {
	case NOTHING:
		return true;
	case MAYBE_NAME:
		/* A name that is a word of tests stands in quotes. */
		if (t.kind == TOKEN_END || t.kind == TOKEN_MARK || parse_at_statement(&t))
			return true;
		ok = parse_value(p, what, &value);
		break;
	case NAME:
		ok = parse_value(p, what, &value);
		break;
	case CLIENT_IP:
		ok = parse_kind(p, TOKEN_IP, what, &value);
		break;
	case SECONDS:
		ok = parse_kind(p, TOKEN_NUMBER, what, &value);
		break;
	case ADDRESS:
		ok = parse_address(p, &value);
		break;
	case QUOTED:
		ok = parse_quoted(p, what, &value);
		break;
	case FACT:
		ok = parse_fact_name(p, what, &value);
		break;
	case VALUE:
		ok = token_is_mark(&t, "{") ? parse_operand(p, &value, what)
					    : parse_value(p, what, &value);
		break;
	}
	if (ok)
		*vec_push(p->arena, &given->values) = value;
	return ok;
}

/* ---- statements ---- */

void parse_skip_statement(struct parser *p)
{
	for (;;) {
		struct token t = cursor_peek(p, LEX_ITEM);

		if (t.kind == TOKEN_END || parse_at_statement(&t) ||
		    (t.first && t.kind == TOKEN_WORD))
			return;
		p->at = t.span.to;
		p->last = t.span;
	}
}

static void parse_given(struct parser *p, struct test_block *test, const struct token *keyword)
{
	struct test_given given = {.kind = GIVEN_CLIENT, .span = keyword->span};
	const struct statement *statement;

	while (!token_is_word(keyword, statements[given.kind].word))
		given.kind++;
	if (given.kind == GIVEN_DNS && cursor_word(p, "file"))
		given.kind = GIVEN_DNS_FILE;
	statement = &statements[given.kind];
	for (size_t i = 0; i < 2; i++) {
		if (!parse_wanted(p, statement->wanted[i], statement->what[i], &given)) {
			parse_skip_statement(p);
			return;
		}
	}
	given.span = cursor_since(p, keyword->span);
	if (test->expects.count > 0)
		diag_error(p->diag, keyword->span, "what is given stands before what is expected");
	*vec_push(p->arena, &test->givens) = given;
}

/* What is said for one of our words elsewhere: SMTP's, and what other tools call it. */
static const char *foreign(const struct token *t)
{
	static const char *const words[][2] = {
	    {"from", "sender"},    {"mail", "sender"},    {"to", "recipient"},
	    {"rcpt", "recipient"}, {"ehlo", "helo"},      {"ip", "client"},
	    {"user", "auth"},      {"subject", "header"}, {"eml", "message"},
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (t->kind == TOKEN_WORD && str_caseeq(t->text, str_of(words[i][0])))
			return words[i][1];
	return NULL;
}

static void unknown_word(struct parser *p)
{
	const char *words[STATEMENTS + 1], *nearest;
	struct token t = cursor_peek(p, LEX_PLAIN);

	if (t.kind != TOKEN_WORD) {
		cursor_unexpected(p, LEX_ITEM, "what is given or expected");
		t = cursor_peek(p, LEX_ITEM);
	} else {
		for (size_t i = 0; i < STATEMENTS; i++)
			words[i] = statements[i].word;
		words[STATEMENTS] = "expect";
		nearest = foreign(&t);
		if (!nearest)
			nearest = diag_nearest(t.text, words, STATEMENTS + 1);
		diag_error(p->diag, t.span, "'" STR_FMT "' says nothing in a test%s%s%s",
			   STR_ARG(t.text), nearest ? ", write '" : "", nearest ? nearest : "",
			   nearest ? "'" : "");
	}
	p->at = t.span.to;
	p->last = t.span;
	parse_skip_statement(p);
}

static void parse_statements(struct parser *p, struct test_block *test)
{
	for (;;) {
		struct token t = cursor_peek(p, LEX_ITEM);

		if (t.kind == TOKEN_END)
			return;
		if (!parse_at_statement(&t)) {
			unknown_word(p);
			continue;
		}
		t = cursor_take(p, LEX_ITEM);
		if (token_is_word(&t, "expect"))
			parse_expect(p, test, &t);
		else
			parse_given(p, test, &t);
	}
}

/*
 * Where the test ends whose '{' was taken: at its '}', true; or, where that is missing, at the line
 * that looks as if the next item began there, or the end of the source.
 */
static bool find_end(struct parser *p, const struct token *keyword, size_t *end_r)
{
	size_t levels = 1, column = keyword->first ? cursor_column(keyword) : 1, line = 0;

	for (size_t at = p->at;;) {
		struct token t = lex_token(&p->lex, at, LEX_ITEM);

		*end_r = t.span.from;
		if (t.kind == TOKEN_END)
			break;
		if (line == 0 && t.first && cursor_column(&t) <= column &&
		    !parse_at_statement(&t) && cursor_begins_item(p, at))
			line = t.span.from;
		levels += token_is_mark(&t, "{");
		levels -= token_is_mark(&t, "}");
		if (levels == 0)
			return true;
		at = t.span.to;
	}
	/* Once only: to look ahead to the end for each of many would take too long. */
	if (line > 0 && !p->lost)
		*end_r = line;
	p->lost = true;
	return false;
}

struct item *parse_test(struct parser *p, const struct token *keyword)
{
	struct item *item = parse_new_item(p, ITEM_TEST);
	struct test_block *test = &item->test;
	size_t limit = p->lex.limit, end, errors;
	struct span open;
	bool closed;

	if (!parse_string(p, "the name of the test", &test->name) || !cursor_mark(p, "{")) {
		if (p->last.from != keyword->span.from)
			cursor_missing(p, "'{'");
		cursor_sync(p, 0);
		return item;
	}
	test->name_span = test->name.span;
	open = p->last;
	errors = diag_errors(p->diag);
	closed = find_end(p, keyword, &end);
	p->lex.limit = end;
	parse_statements(p, test);
	p->lex.limit = limit;
	p->at = end;
	if (!closed)
		diag_error(p->diag, open, "the '{' is not closed, write '}'");
	else
		cursor_mark(p, "}");
	if (test->expects.count == 0 && diag_errors(p->diag) == errors)
		diag_error(p->diag, test->name_span, "nothing is expected in this test");
	return item;
}

/* ---- on the command line ---- */

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
