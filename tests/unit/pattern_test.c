/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Patterns find what PCRE2 finds, whatever they begin with: the same pattern behind an empty
 * group, of which no beginning is known, is the measure. Machine code finds the same.
 */

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "postern/arena.h"
#include "postern/pattern.h"
#include "tests/unit/unit.h"

static int matched_by(bool machine, const char *text, const char *flags, struct str subject)
{
	struct arena *arena = arena_new(NULL);
	const char *why = NULL;
	size_t at = 0;
	struct pattern *pattern = pattern_new(arena, str_of(text), str_of(flags), &why, &at);
	int result;

	if (pattern && machine)
		CHECK(pattern_jit(pattern));
	result = pattern ? pattern_matches(pattern, subject) : -2;
	arena_free(&arena);
	return result;
}

static int matches(const char *text, const char *flags, struct str subject)
{
	return matched_by(false, text, flags, subject);
}

static void test_beginnings(void)
{
	CHECK(matches("foo42\\b", "i", STR("a FOO42 b")) == 1);
	CHECK(matches("foo42\\b", "", STR("a FOO42 b")) == 0);
	CHECK(matches("foo42\\b", "i", STR("a foo421")) == 0);
	CHECK(matches("foo", "", STR("xfoo")) == 1);
	CHECK(matches("foo", "", STR("fo")) == 0);
	CHECK(matches("foo*", "", STR("fo")) == 1);
	CHECK(matches("foo?bar", "", STR("fobar")) == 1);
	CHECK(matches("foo{0,1}b", "", STR("fob")) == 1);
	CHECK(matches("foo(?#c)*b", "", STR("fob")) == 1);
	CHECK(matches("foo\\E*b", "", STR("fob")) == 1);
	CHECK(matches("foo|bar", "", STR("bar")) == 1);
	CHECK(matches("fo o *b", "x", STR("fob")) == 1);
	CHECK(matches("a*", "", STR("")) == 1);
	CHECK(matches("a*", "", (struct str){NULL, 0}) == 1);
	CHECK(matches("a", "i", STR("")) == 0);
	CHECK(matches("abcdefghijklmnopqrstuvwxyz", "i", STR("ABCDEFGHIJKLMNOPQRSTUVWXYZ")) == 1);
	CHECK(matches("abcdefghijklmnopqrstuvwxyz", "", STR("abcdefghijklmnopqrst")) == 0);
	CHECK(matches("s", "i", STR("\xc5\xbf")) == 0);
	CHECK(matches("kk", "i",
		      STR("\xe2\x84\xaa"
			  "k")) == 0);
}

static void fill(char *to, size_t most, const char *from, size_t count)
{
	size_t n = (size_t)rand() % most;

	for (size_t i = 0; i < n; i++)
		to[i] = from[(size_t)rand() % count];
	to[n] = '\0';
}

static void test_as_without_one(void)
{
	static const char letters[] = "aAbB1ab";
	static const char parts[] = "aabbB1*?+{2,}[]()|.\\^$ #";
	bool machine = pattern_jit_missing() == NULL;
	int compiled = 0, matched = 0, differ = 0;

	srand(4711);
	for (int i = 0; i < 60000; i++) {
		char text[12], subject[12], behind[32];
		const char *flags = rand() % 2 ? "i" : "";
		int found, expected;

		fill(text, sizeof(text), parts, sizeof(parts) - 1);
		fill(subject, sizeof(subject), letters, sizeof(letters) - 1);
		snprintf(behind, sizeof(behind), "(?:)(?:%s)", text);
		found = matches(text, flags, str_of(subject));
		expected = matches(behind, flags, str_of(subject));
		/* What does not stand alone may stand within a group, and the other way round. */
		if (found == -2 || expected == -2)
			continue;
		compiled++;
		matched += found == 1;
		if (machine && i % 4 == 0 &&
		    matched_by(true, text, flags, str_of(subject)) != found) {
			differ++;
			printf("/%s/%s on '%s': not %d as machine code\n", text, flags, subject,
			       found);
		}
		if (found != expected) {
			differ++;
			printf("/%s/%s on '%s': %d, not %d\n", text, flags, subject, found,
			       expected);
		}
	}
	CHECK(compiled > 10000 && matched > 1000);
	CHECK(differ == 0);
}

/* ---- machine code ---- */

static void test_machine_code(void)
{
	static const struct {
		const char *text, *flags, *subject;
		int result;
	} rows[] = {
	    {"viagra|cialis", "i", "buy CIALIS now", 1},
	    {"viagra|cialis", "", "buy CIALIS now", 0},
	    {"^dyn[a-z]*[-.]\\d{1,3}", "i", "Dynamic-12.example.net", 1},
	    {"^dyn[a-z]*[-.]\\d{1,3}", "i", "a.dynamic-12.example.net", 0},
	    {"( a ) \\1 # twice", "x", "aa", -2},
	    {"(?<q>['\"]).*\\k<q>", "", "say 'so\"", 0},
	    {"(?<q>['\"]).*\\k<q>", "", "say 'so'", 1},
	    {"(?<=a)b(?!c)", "", "abc abd", 1},
	    {"(?>a+)b", "", "aaab", 1},
	    {"(?<p>\\((?:[^()]|(?&p))*\\))$", "", "x(a(b)c)", 1},
	    {"[^\\x00-\\x7f]", "", "caf\xe9", 1},
	    {"(*NO_JIT)a.c", "", "xabc", 1},
	    {"^$", "", "", 1},
	    {"x", "", "", 0},
	};

	if (pattern_jit_missing()) {
		SKIP(pattern_jit_missing());
		return;
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct str subject = str_of(rows[i].subject);

		CHECK_INT(matched_by(false, rows[i].text, rows[i].flags, subject), rows[i].result);
		CHECK_INT(matched_by(true, rows[i].text, rows[i].flags, subject), rows[i].result);
	}
	CHECK_INT(matched_by(true, "a*", "", (struct str){NULL, 0}), 1);
}

/* Steps, bytes to go back to, and the length of a text. */
static void test_limits(void)
{
	static char many[70000];

	memset(many, 'a', sizeof(many));
	for (int machine = 0; machine <= (pattern_jit_missing() ? 0 : 1); machine++) {
		CHECK_INT(
		    matched_by(machine, "(?:a+)+$", "", STR("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaab")),
		    -1);
		CHECK_INT(matched_by(machine, "^(?:a|b)*$", "", (struct str){many, 16000}), 1);
		CHECK_INT(matched_by(machine, "^(?:a|b)*$", "", (struct str){many, 65000}), -1);
		CHECK_INT(matched_by(machine, "a", "", (struct str){many, sizeof(many)}), -1);
	}
}

static long pages(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	long count = -1;

	if (!file || fscanf(file, "%ld", &count) != 1)
		count = -1;
	if (file)
		fclose(file);
	return count;
}

static void *match(void *pattern)
{
	static char many[16000];

	CHECK_INT(pattern_matches(pattern, (struct str){memset(many, 'a', sizeof(many)), 16000}),
		  1);
	return NULL;
}

static void run_threads(struct pattern *pattern, int count)
{
	for (int i = 0; i < count; i++) {
		pthread_t thread;

		CHECK(pthread_create(&thread, NULL, match, pattern) == 0 &&
		      pthread_join(thread, NULL) == 0);
	}
}

/* A stack of a megabyte goes when its thread does. */
static void test_threads(void)
{
	struct arena *arena = arena_new(NULL);
	const char *why = NULL;
	size_t at = 0;
	struct pattern *pattern = pattern_new(arena, STR("^(?:a|b)*$"), STR(""), &why, &at);
	long before, after;

	(void)pattern_jit(pattern);
	run_threads(pattern, 20);
	before = pages();
	run_threads(pattern, 200);
	after = pages();
	CHECK(before > 0 && (after - before) / 256 < 100);
	arena_free(&arena);
}

static void test_never(void)
{
	struct arena *arena = arena_new(NULL);
	const char *why = NULL;
	size_t at = 0;
	struct pattern *pattern = pattern_new(arena, STR("a"), STR(""), &why, &at);

	pattern_jit_never();
	CHECK(pattern_jit_missing() && strstr(pattern_jit_missing(), "restart"));
	CHECK(!pattern_jit(pattern));
	CHECK_INT(pattern_matches(pattern, STR("a")), 1);
	arena_free(&arena);
}

int main(void)
{
	RUN(test_beginnings);
	RUN(test_as_without_one);
	RUN(test_machine_code);
	RUN(test_limits);
	RUN(test_threads);
	RUN(test_never);
	return unit_done();
}
