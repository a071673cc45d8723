/* SPDX-License-Identifier: BSD-2-Clause */
/* Reports of what is wrong with a text: exact to the caret, in order, and bounded. */

#include "postern/diag.h"

#include <stdlib.h>
#include <unistd.h>

#include "postern/arena.h"
#include "tests/unit/unit.h"

static struct arena *arena;

static struct source *source(const char *name, const char *text)
{
	struct source *s = arena_new_of(arena, struct source);

	*s = (struct source){name, str_of(text)};
	return s;
}

/* The place of a part of a source's text. */
static struct span at(const struct source *s, const char *part)
{
	const char *found = strstr(s->text.s, part);

	if (!found)
		abort();
	return (struct span){s, (size_t)(found - s->text.s),
			     (size_t)(found - s->text.s) + strlen(part)};
}

static struct str printed(const struct diag *diag)
{
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);
	struct str copy;

	diag_print(diag, out);
	fclose(out);
	copy = str_dup(arena, (struct str){text, n});
	free(text);
	return copy;
}

static void test_places(void)
{
	struct source *s = source("f", "ab\ncd\n\nef");
	static const struct {
		size_t from, line, column;
	} cases[] = {{0, 1, 1}, {1, 1, 2}, {2, 1, 3}, {3, 2, 1},
		     {5, 2, 3}, {6, 3, 1}, {7, 4, 1}, {9, 4, 3}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		size_t line = 0, column = 0;

		span_place((struct span){s, cases[i].from, cases[i].from}, &line, &column);
		CHECK_INT(line, cases[i].line);
		CHECK_INT(column, cases[i].column);
	}
	struct span joined = span_join(at(s, "b"), at(s, "d"));

	CHECK_INT(joined.from, 1);
	CHECK_INT(joined.to, 5);
}

static void test_a_report(void)
{
	struct diag *diag = diag_new(arena);
	struct source *s = source("p.policy", "accept\nrelay: reject when dkim is fail\n");

	diag_error(diag, at(s, "dkim"), "'%s' is first known at %s", "dkim", "message");
	diag_note(diag, at(s, "reject"), "this can only be said at rcpt");
	CHECK_STR(printed(diag), "p.policy:2:20: error: 'dkim' is first known at message\n"
				 "    2 | relay: reject when dkim is fail\n"
				 "      |                    ^~~~\n"
				 "p.policy:2:8: note: this can only be said at rcpt\n"
				 "    2 | relay: reject when dkim is fail\n"
				 "      |        ^~~~~~\n");
	CHECK_INT(diag_errors(diag), 1);
	CHECK_INT(diag_warnings(diag), 0);
}

static void test_carets(void)
{
	struct diag *diag = diag_new(arena);
	struct source *s = source("f", "\tone\ttwo x\r\nlast");

	diag_error(diag, at(s, "two"), "tabs are copied");
	diag_error(diag, at(s, "x"), "one byte");
	diag_error(diag, at(s, "x\r\nla"), "ends with its line");
	diag_warning(diag, (struct span){s, s->text.n, s->text.n}, "at the end");
	CHECK_STR(printed(diag),
		  "f:1:6: error: tabs are copied\n    1 | \tone\ttwo x\n      | \t   \t^~~\n"
		  "f:1:10: error: one byte\n    1 | \tone\ttwo x\n      | \t   \t    ^\n"
		  "f:1:10: error: ends with its line\n    1 | \tone\ttwo x\n      | \t   \t    ^\n"
		  "f:2:5: warning: at the end\n    2 | last\n      |     ^\n");
}

/* What does not belong on a terminal is not printed on it. */
static void test_hostile_bytes(void)
{
	struct diag *diag = diag_new(arena);
	struct source *s = source("f", "a\x1b[31m\x7f b\n");

	diag_error(diag, at(s, "b"), "says '%s'", "\x1b]0;x\x07\n\x7f");
	CHECK_STR(printed(diag), "f:1:9: error: says '\\x1B]0;x\\x07\\x0A\\x7F'\n"
				 "    1 | a?[31m? b\n      |         ^\n");
}

static void test_long_lines(void)
{
	struct diag *diag = diag_new(arena);
	struct buf text = {.arena = arena};
	struct source *s;
	struct str out;

	for (int i = 0; i < 200; i++)
		buf_puts(&text, "0123456789");
	buf_puts(&text, "HERE");
	for (int i = 0; i < 200; i++)
		buf_puts(&text, "0123456789");
	s = source("f", buf_str(&text).s);
	diag_error(diag, at(s, "HERE"), "far out");
	out = printed(diag);
	CHECK(str_starts(out, STR("f:1:2001: error: far out\n    1 | ...")));
	CHECK(out.n < 500);
	CHECK(str_ends(out, STR("^~~~\n")));
	/* The caret stands under the H. */
	const char *here = strstr(out.s, "HERE"), *caret = strchr(out.s, '^');
	const char *line = strstr(out.s, "    1 | "), *below = strstr(out.s, "      | ");

	CHECK(here && caret && line && below && here - line == caret - below);
}

static void test_order(void)
{
	struct diag *diag = diag_new(arena);
	struct source *a = source("a", "one two three\n"), *b = source("b", "four\n");
	struct span nowhere = {NULL, 0, 0};

	diag_error(diag, at(b, "four"), "fourth");
	diag_error(diag, at(a, "three"), "third");
	diag_error(diag, at(a, "one"), "first");
	diag_note(diag, at(b, "four"), "of first");
	diag_note(diag, nowhere, "of first, too");
	diag_error(diag, at(a, "two"), "second");
	diag_error(diag, at(a, "one"), "first");
	diag_warning(diag, nowhere, "no place");
	CHECK_STR(printed(diag),
		  "warning: no place\n"
		  "a:1:1: error: first\n    1 | one two three\n      | ^~~\n"
		  "b:1:1: note: of first\n    1 | four\n      | ^~~~\n"
		  "note: of first, too\n"
		  "a:1:5: error: second\n    1 | one two three\n      |     ^~~\n"
		  "a:1:9: error: third\n    1 | one two three\n      |         ^~~~~\n"
		  "b:1:1: error: fourth\n    1 | four\n      | ^~~~\n");
	CHECK_INT(diag_errors(diag), 4);
	CHECK_INT(diag_warnings(diag), 1);
}

static void test_named_warnings(void)
{
	struct diag *diag = diag_new(arena);
	struct source *s = source("f", "one two\n");

	diag_silence(diag, "quiet");
	diag_warn(diag, "quiet", at(s, "one"), "not kept");
	diag_note(diag, at(s, "two"), "nor this");
	diag_warn(diag, "loud", at(s, "two"), "kept");
	diag_note(diag, at(s, "one"), "with a note");
	diag_warning(diag, at(s, "one"), "without a name");
	CHECK_STR(printed(diag), "f:1:1: warning: without a name\n    1 | one two\n      | ^~~\n"
				 "f:1:5: warning: kept [loud]\n    1 | one two\n      |     ^~~\n"
				 "f:1:1: note: with a note\n    1 | one two\n      | ^~~\n");
	CHECK_INT(diag_warnings(diag), 2);
	diag_strict(diag);
	CHECK(str_has(printed(diag), STR("f:1:5: error: kept [loud]\n")));
	CHECK(str_has(printed(diag), STR("f:1:1: note: with a note\n")));
	CHECK_INT(diag_errors(diag), 0);
	diag_silence(diag, NULL);
	diag_warn(diag, "loud", at(s, "one"), "not kept either");
	diag_error(diag, at(s, "one"), "an error is");
	CHECK_INT(diag_warnings(diag), 2);
	CHECK_INT(diag_errors(diag), 1);
}

static void count_reports(void *ctx, const struct diag_report *report)
{
	size_t *counts = ctx;

	counts[report->level]++;
}

static void test_each(void)
{
	struct diag *diag = diag_new(arena);
	struct source *s = source("f", "one two\n");
	size_t counts[3] = {0};

	diag_error(diag, at(s, "two"), "twice");
	diag_error(diag, at(s, "two"), "twice");
	diag_note(diag, at(s, "one"), "of the second");
	diag_warn(diag, "x", at(s, "two"), "once");
	diag_note(diag, at(s, "one"), "a note");
	diag_each(diag, count_reports, counts);
	CHECK_INT(counts[DIAG_ERROR], 1);
	CHECK_INT(counts[DIAG_WARNING], 1);
	CHECK_INT(counts[DIAG_NOTE], 1);
}

static void test_limit(void)
{
	struct diag *diag = diag_new(arena);
	struct source *s = source("f", "x\n");
	struct str out;

	for (int i = 0; i < DIAG_LIMIT + 23; i++) {
		diag_error(diag, at(s, "x"), "number %d", i);
		diag_note(diag, at(s, "x"), "note %d.", i);
	}
	out = printed(diag);
	CHECK_INT(diag_errors(diag), DIAG_LIMIT + 23);
	CHECK(str_has(out, STR("note 99.\n")));
	CHECK(!str_has(out, STR("number 100")) && !str_has(out, STR("note 100.")));
	CHECK(str_ends(out, STR("and 23 more\n")));
	CHECK(diag_errors(diag_new(arena)) == 0);
	CHECK_STR(printed(diag_new(arena)), "");
}

static void test_long_texts(void)
{
	struct diag *diag = diag_new(arena);
	struct buf text = {.arena = arena};

	for (int i = 0; i < 10000; i++)
		buf_puts(&text, "word ");
	diag_error(diag, (struct span){NULL, 0, 0}, "%s", buf_str(&text).s);
	CHECK(printed(diag).n < 2100);
}

static void test_nearest(void)
{
	static const char *const names[] = {"spf",         "sender",    "sender.domain",
					    "subject",     "recipient", "recipient.domain",
					    "dkim.aligned"};
	const size_t count = sizeof(names) / sizeof(*names);
	static const struct {
		const char *name, *nearest;
	} cases[] = {{"spff", "spf"},
		     {"sfp", NULL},
		     {"sendr", "sender"},
		     {"sender.domian", "sender.domain"},
		     {"recipient.domain", "recipient.domain"},
		     {"reciepient.domain", "recipient.domain"},
		     {"dkim.algined", "dkim.aligned"},
		     {"zzz", NULL},
		     {"", NULL},
		     {"s", NULL},
		     {"completely.different", NULL}};
	char longer[200];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *nearest = diag_nearest(str_of(cases[i].name), names, count);

		CHECK_STR(str_of(nearest), cases[i].nearest ? cases[i].nearest : "");
	}
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	CHECK(diag_nearest(str_of(longer), names, count) == NULL);
	CHECK(diag_nearest(STR("spf"), names, 0) == NULL);
}

static void test_files(void)
{
	char path[] = "/tmp/diagXXXXXX";
	int fd = mkstemp(path);
	struct source *s = NULL;
	const char *why = NULL;

	CHECK(fd >= 0);
	CHECK(write(fd, "a\0b\n", 4) == 4);
	close(fd);
	CHECK(source_read(arena, path, 4, &s, &why));
	CHECK(s && s->text.n == 4 && memcmp(s->text.s, "a\0b\n", 5) == 0);
	CHECK_STR(str_of(s->name), path);
	CHECK(!source_read(arena, path, 3, &s, &why));
	CHECK_STR(str_of(why), "larger than 3 bytes");
	unlink(path);
	CHECK(!source_read(arena, path, 100, &s, &why));
	CHECK_STR(str_of(why), "No such file or directory");
	CHECK(!source_read(arena, "/tmp", 100, &s, &why));
	CHECK_STR(str_of(why), "Is a directory");
}

static void test_kept_arenas(void)
{
	struct arena *own = arena_new(NULL), *sources = arena_new(NULL);
	struct diag *diag = diag_new(own);
	struct source *s = arena_new_of(sources, struct source);

	*s = (struct source){"f", str_dup(sources, STR("x\n"))};
	diag_error(diag, (struct span){s, 0, 1}, "kept");
	diag_keep(diag, sources);
	CHECK_STR(printed(diag), "f:1:1: error: kept\n    1 | x\n      | ^\n");
	arena_free(&own);
}

int main(void)
{
	arena = arena_new(NULL);
	RUN(test_places);
	RUN(test_a_report);
	RUN(test_carets);
	RUN(test_hostile_bytes);
	RUN(test_long_lines);
	RUN(test_order);
	RUN(test_named_warnings);
	RUN(test_each);
	RUN(test_limit);
	RUN(test_long_texts);
	RUN(test_nearest);
	RUN(test_files);
	RUN(test_kept_arenas);
	arena_free(&arena);
	return unit_done();
}
