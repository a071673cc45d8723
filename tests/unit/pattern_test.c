/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Patterns find what PCRE2 finds, whatever they begin with: the same pattern behind an empty
 * group, of which no beginning is known, is the measure.
 */

#include <stdlib.h>

#include "postern/arena.h"
#include "postern/pattern.h"
#include "tests/unit/unit.h"

static int matches(const char *text, const char *flags, struct str subject)
{
	struct arena *arena = arena_new(NULL);
	const char *why = NULL;
	size_t at = 0;
	struct pattern *pattern = pattern_new(arena, str_of(text), str_of(flags), &why, &at);
	int result = pattern ? pattern_matches(pattern, subject) : -2;

	arena_free(&arena);
	return result;
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
		if (found != expected) {
			differ++;
			printf("/%s/%s on '%s': %d, not %d\n", text, flags, subject, found,
			       expected);
		}
	}
	CHECK(compiled > 10000 && matched > 1000);
	CHECK(differ == 0);
}

int main(void)
{
	RUN(test_beginnings);
	RUN(test_as_without_one);
	return unit_done();
}
