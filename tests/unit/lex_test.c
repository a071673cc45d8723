/* SPDX-License-Identifier: BSD-2-Clause */
/* The policy language's tokens, mode by mode, and the tree's promises that no printout shows. */

#include "postern/arena.h"
#include "postern/tree.h"

#include "filter/policy/lex.h"
#include "filter/policy/parse.h"
#include "tests/policy/words.h"
#include "tests/unit/unit.h"

static struct arena *arena;
static struct source source;
static struct tree *tree;

static struct token lex(const char *text, enum lex_mode mode)
{
	source = (struct source){"test.policy", str_of(text)};
	return lex_token(&(struct lex){.source = &source, .limit = strlen(text)}, 0, mode);
}

/* The number of errors; the tree is left in `tree`. */
static size_t parse(const char *text)
{
	struct diag *diag = diag_new(arena);

	source = (struct source){"test.policy", str_of(text)};
	tree = tree_parse(arena, &source, &test_words, diag);
	return diag_errors(diag);
}

#define CHECK_TOKEN(input, mode, wanted, expected)                                                 \
	do {                                                                                       \
		struct token token_ = lex(input, mode);                                            \
		CHECK_INT(token_.kind, wanted);                                                    \
		CHECK_INT(token_.problem, LEX_FINE);                                               \
		CHECK_STR(token_.text, expected);                                                  \
	} while (0)

static void words_and_marks(void)
{
	CHECK_TOKEN("  spf.helo is", LEX_PLAIN, TOKEN_WORD, "spf.helo");
	CHECK_TOKEN("# a\r\n\tspf-fail: reject", LEX_PLAIN, TOKEN_WORD, "spf-fail");
	CHECK_TOKEN("_x9", LEX_PLAIN, TOKEN_WORD, "_x9");
	CHECK_TOKEN("<= 5", LEX_PLAIN, TOKEN_MARK, "<=");
	CHECK_TOKEN("< 5", LEX_OPERAND, TOKEN_MARK, "<");
	CHECK_TOKEN("<5", LEX_PLAIN, TOKEN_MARK, "<");
	CHECK_TOKEN("(a)", LEX_OPERAND, TOKEN_MARK, "(");
	CHECK_INT(lex("", LEX_PLAIN).kind, TOKEN_END);
	CHECK_INT(lex(" # to the end", LEX_PLAIN).kind, TOKEN_END);
	CHECK_INT(lex("\xef\xbb\xbf"
		      "a",
		      LEX_PLAIN)
		      .kind,
		  TOKEN_WORD);
	CHECK(lex("\n a", LEX_PLAIN).first);
	CHECK(lex("a", LEX_PLAIN).first);
}

static void literals(void)
{
	CHECK_TOKEN("\"a \\\" b\" c", LEX_PLAIN, TOKEN_STRING, "a \\\" b");
	CHECK_TOKEN("\"${f(\"}\")} b\"", LEX_PLAIN, TOKEN_STRING, "${f(\"}\")} b");
	CHECK_TOKEN("<a@b>", LEX_OPERAND, TOKEN_ADDRESS, "a@b");
	CHECK_TOKEN("<>", LEX_OPERAND, TOKEN_ADDRESS, "");
	CHECK_TOKEN("<\"a> b\"@c>", LEX_ITEM, TOKEN_ADDRESS, "\"a> b\"@c");
	CHECK_TOKEN("/a\\/b/i", LEX_OPERAND, TOKEN_PATTERN, "a\\/b");
	CHECK_STR(lex("/a/i ", LEX_ITEM).flags, "i");
	CHECK_TOKEN("5.7.23 \"x\"", LEX_OPERAND, TOKEN_CODE, "5.7.23");
	CHECK_TOKEN("192.0.2.0/24", LEX_OPERAND, TOKEN_IP, "192.0.2.0/24");
	CHECK_TOKEN("::1", LEX_OPERAND, TOKEN_IP, "::1");
	CHECK_TOKEN("fe80::1", LEX_OPERAND, TOKEN_IP, "fe80::1");
	CHECK_TOKEN("2001:db8::/32", LEX_ITEM, TOKEN_IP, "2001:db8::/32");
	CHECK_TOKEN("fe80: accept", LEX_OPERAND, TOKEN_WORD, "fe80");
}

static void numbers(void)
{
	CHECK_INT(lex("5", LEX_PLAIN).number, 5000);
	CHECK_INT(lex("-2.5", LEX_PLAIN).number, -2500);
	CHECK_INT(lex("0.001", LEX_PLAIN).number, 1);
	CHECK_INT(lex("1.5h", LEX_PLAIN).number, 5400000);
	CHECK_INT(lex("250ms", LEX_PLAIN).number, 250);
	CHECK_INT(lex("2w", LEX_PLAIN).number, 1209600000);
	CHECK_INT(lex("1.5KB", LEX_PLAIN).number, 1536);
	CHECK_INT(lex("2GB", LEX_PLAIN).number, 2147483648);
	CHECK_INT(lex("9223372036854775.807", LEX_PLAIN).number, INT64_MAX);
	CHECK_INT(lex("9223372036854775.808", LEX_PLAIN).problem, LEX_RANGE);
	CHECK_INT(lex("99999999999999999999", LEX_PLAIN).problem, LEX_RANGE);
	CHECK_INT(lex("9007199254740992GB", LEX_PLAIN).problem, LEX_RANGE);
	CHECK_INT(lex("1.0001", LEX_PLAIN).problem, LEX_PRECISION);
	CHECK_INT(lex("1.001s", LEX_PLAIN).number, 1001);
	CHECK_INT(lex("1.5B", LEX_PLAIN).problem, LEX_PRECISION);
	CHECK_INT(lex("5mb", LEX_PLAIN).problem, LEX_UNIT);
	CHECK_INT(lex("5mb", LEX_PLAIN).kind, TOKEN_SIZE);
	CHECK_INT(lex("1.2.3.4.5", LEX_PLAIN).problem, LEX_NUMBER);
	CHECK_INT(lex("1..2", LEX_PLAIN).problem, LEX_NUMBER);
	CHECK_INT(lex("-5m", LEX_PLAIN).problem, LEX_NUMBER);
}

static void bare_words(void)
{
	static const char *const words[] = {".googlegroups.com",
					    "postmaster@x",
					    "*.example.org",
					    "7z",
					    "1.2.3.4.5",
					    "5mb",
					    "a/b",
					    "o'brien@x",
					    "[192.0.2.1]",
					    "-x",
					    "a:b",
					    "-",
					    "50%"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		CHECK_TOKEN(words[i], LEX_ITEM, TOKEN_WORD, words[i]);
	CHECK_TOKEN("exe}", LEX_ITEM, TOKEN_WORD, "exe");
	CHECK_TOKEN("exe#c", LEX_ITEM, TOKEN_WORD, "exe");
	CHECK_INT(lex("25", LEX_ITEM).kind, TOKEN_NUMBER);
	CHECK_INT(lex("3d", LEX_ITEM).kind, TOKEN_DURATION);
}

static void problems(void)
{
	CHECK_INT(lex("\"a\nb\"", LEX_PLAIN).problem, LEX_STRING_OPEN);
	CHECK_INT(lex("\"a\nb\"", LEX_PLAIN).span.to, 2);
	CHECK_INT(lex("\"a\r\nb\"", LEX_PLAIN).span.to, 2);
	CHECK_INT(lex("\"a ${b\" c", LEX_PLAIN).problem, LEX_FACT_OPEN);
	CHECK_INT(lex("\"a ${b\" c", LEX_PLAIN).problem_at, 3);
	CHECK_INT(lex("'a'", LEX_PLAIN).problem, LEX_QUOTES);
	CHECK_INT(lex("<a@b c", LEX_OPERAND).problem, LEX_ADDRESS_OPEN);
	CHECK_INT(lex("<a b@c>", LEX_OPERAND).problem, LEX_ADDRESS_BLANK);
	CHECK_INT(lex("a@b", LEX_PLAIN).problem, LEX_ADDRESS_BARE);
	CHECK_INT(lex("/a", LEX_OPERAND).problem, LEX_PATTERN_OPEN);
	CHECK_INT(lex("//", LEX_OPERAND).problem, LEX_PATTERN_EMPTY);
	CHECK_INT(lex("/a/b/c", LEX_OPERAND).problem, LEX_PATH);
	CHECK_INT(lex("// c", LEX_PLAIN).problem, LEX_COMMENT);
	CHECK_INT(lex("a..b", LEX_PLAIN).problem, LEX_NAME);
	CHECK_INT(lex("~", LEX_PLAIN).problem, LEX_SIGN);
	CHECK_INT(lex("${a}", LEX_PLAIN).problem, LEX_FACT_OUTSIDE);
}

static void utf8(void)
{
	CHECK_INT(lex_utf8("a", 1), 1);
	CHECK_INT(lex_utf8("\xc3\xbc", 2), 2);
	CHECK_INT(lex_utf8("\xe6\xbc\xa2", 3), 3);
	CHECK_INT(lex_utf8("\xf0\x9f\x98\x80", 4), 4);
	CHECK_INT(lex_utf8("\xc3", 1), 0);
	CHECK_INT(lex_utf8("\xc0\x80", 2), 0);
	CHECK_INT(lex_utf8("\xe0\x80\x80", 3), 0);
	CHECK_INT(lex_utf8("\xed\xa0\x80", 3), 0);
	CHECK_INT(lex_utf8("\xf4\x90\x80\x80", 4), 0);
	CHECK_INT(lex_utf8("\x80", 1), 0);
	CHECK_INT(lex_unfit(STR("\r\n"), 0), 0);
	CHECK_INT(lex_unfit(STR("\r"), 0), 1);
	CHECK_INT(lex_unfit(STR("\0"), 0), 1);
	CHECK_INT(lex_unfit(STR("\xe2\x80\xae"), 0), 3);
	CHECK_INT(lex_unfit(STR("\xc2\x85"), 0), 2);
	CHECK_INT(lex_unfit(STR("\xc2\xa0"), 0), 0);
}

static void layout_has_no_meaning(void)
{
	CHECK_INT(parse("accept when spf is not in { pass none } unless a"), 0);
	CHECK_INT(tree->items.count, 1);
	CHECK_INT(parse("accept\nwhen\nspf\nis\nnot\nin\n{\npass\nnone\n}\nunless\na"), 0);
	CHECK_INT(tree->items.count, 1);
	CHECK_INT(tree->items.items[0]->rule.when->op, OP_NOT_IN);
	CHECK_INT(tree->items.items[0]->rule.unless.count, 1);
	CHECK_INT(
	    parse(
		"score\nseed\n5\nlog\n\"x\"\nset\nx\ny\ntable\nt\nmap\nfile\n\"t\"\nquery\n\"q\""),
	    0);
	CHECK_INT(tree->items.count, 4);
}

static void meant_sets(void)
{
	const struct expr *when;
	size_t count;

	CHECK_INT(parse("accept when spf is fail or softfail or none or a is b"), 0);
	when = tree->items.items[0]->rule.when;
	CHECK_STR(expr_meant_set(arena, when, 1, &count), "spf in { fail softfail none }");
	CHECK_INT(count, 2);
	CHECK_STR(expr_meant_set(arena, when, 0, &count), "");
	CHECK_STR(expr_meant_set(arena, when, 3, &count), "");
	CHECK_INT(parse("accept when any x.y is not a and b"), 0);
	when = tree->items.items[0]->rule.when;
	CHECK_STR(expr_meant_set(arena, when, 1, &count), "any x.y not in { a b }");
	CHECK_INT(parse("accept when a or b"), 0);
	CHECK_STR(expr_meant_set(arena, tree->items.items[0]->rule.when, 1, &count), "");
}

static void broken_parts_stay_in_the_tree(void)
{
	const struct expr *when;

	CHECK_INT(parse("accept when a foo b and c"), 1);
	when = tree->items.items[0]->rule.when;
	CHECK_INT(when->kind, EXPR_AND);
	CHECK_INT(when->parts.count, 2);
	CHECK_INT(when->parts.items[0]->kind, EXPR_AND);
	CHECK_INT(when->parts.items[0]->parts.count, 0);
	CHECK_INT(parse("define x\ndefine y ="), 2);
	CHECK_INT(tree->items.count, 2);
	CHECK(tree->items.items[0]->define.value != NULL);
	CHECK_INT(parse("rejekt 550 \"x\" when a"), 1);
	CHECK_STR(tree->items.items[0]->rule.actions.items[0].name, "reject");
	CHECK_INT(parse("frobnicate 550 \"x\" when a"), 1);
	CHECK_INT(tree->items.items[0]->rule.actions.count, 0);
}

/* Long input of one kind each: linear time, and a stack that does not grow with it. */
static void long_input(void)
{
	static const char *const pieces[] = {"(",
					     "accept when (",
					     "f(",
					     "if a {\n",
					     "{ ",
					     "\"",
					     "\"${",
					     "\"${a(",
					     "not ",
					     "<a",
					     "test \"x\" {\n",
					     "a and ",
					     "a or b and ",
					     "[",
					     "/",
					     "x: ",
					     "}",
					     "set x { a\n",
					     "accept when f(",
					     "\xe2\x80\x9c",
					     "observe ",
					     ", ",
					     "add ",
					     "0",
					     "1.",
					     "'",
					     "accept when x in { a\n",
					     "\"${a(\"",
					     "unless ",
					     "table t networks { "};

	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		struct arena *own = arena_new(NULL);
		struct buf text = {.arena = own};
		struct source long_source = {"long.policy", {NULL, 0}};

		while (text.n < 200000)
			buf_puts(&text, pieces[i]);
		long_source.text = buf_str(&text);
		CHECK(tree_parse(own, &long_source, &test_words, diag_new(own)) != NULL);
		arena_free(&own);
	}
}

int main(void)
{
	arena = arena_new(NULL);
	RUN(words_and_marks);
	RUN(literals);
	RUN(numbers);
	RUN(bare_words);
	RUN(problems);
	RUN(utf8);
	RUN(layout_has_no_meaning);
	RUN(meant_sets);
	RUN(broken_parts_stay_in_the_tree);
	RUN(long_input);
	arena_free(&arena);
	return unit_done();
}
