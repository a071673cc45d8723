/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tables of patterns: a text is in the table if one of them matches it. What one pattern may cost
 * is bounded where patterns are; what all of a table may cost, here.
 */

#include <time.h>

#include "filter/table/store.h"
#include "postern/limits.h"
#include "postern/pattern.h"

/* Patterns between two looks at the clock. */
#define STRIDE 64

static int64_t cpu_time(void)
{
	struct timespec now;

	if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) != 0)
		return 0;
	return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* The slash that ends it; -1: none. */
static ptrdiff_t closing(struct str line)
{
	for (size_t i = 1; i < line.n; i++) {
		if (line.s[i] == '/')
			return (ptrdiff_t)i;
		if (line.s[i] == '\\')
			i++;
	}
	return -1;
}

static struct str undo_slashes(struct arena *arena, struct str text)
{
	struct buf out = {.arena = arena};

	for (size_t i = 0; i < text.n; i++) {
		if (text.s[i] == '\\' && i + 1 < text.n) {
			if (text.s[i + 1] != '/')
				buf_putc(&out, '\\');
			i++;
		}
		buf_putc(&out, text.s[i]);
	}
	return buf_str(&out);
}

size_t patterns_read(struct arena *arena, struct str line, struct str *text_r, struct str *flags_r,
		     const char **why_r)
{
	ptrdiff_t close = closing(line);
	size_t end;

	if (line.n == 0 || line.s[0] != '/' || close <= 1) {
		*why_r = close == 1 ? "the pattern is empty"
				    : "a pattern stands between slashes, write '/.../' or '/.../i'";
		return 0;
	}
	end = (size_t)close + 1;
	while (end < line.n && line.s[end] != ' ' && line.s[end] != '\t' && line.s[end] != '#')
		end++;
	*text_r = undo_slashes(arena, str_sub(line, 1, (size_t)close - 1));
	*flags_r = str_sub(line, (size_t)close + 1, end - (size_t)close - 1);
	if (flags_r->n == 0 || str_eq(*flags_r, STR("i")))
		return end;
	*why_r = "only the flag 'i' stands behind a pattern, and '\\/' is a slash in it";
	return 0;
}

int patterns_match(const struct patterns *patterns, struct str text)
{
	int64_t until = 0;
	bool failed = false;

	for (size_t i = 0; i < patterns->all.count; i++) {
		int matches = pattern_matches(patterns->all.items[i], text);

		if (matches > 0)
			return 1;
		failed |= matches < 0;
		if (i % STRIDE == 0 || matches < 0) {
			int64_t now = cpu_time();

			if (until == 0)
				until = now + LIMIT_PATTERNS_MS * (NS_PER_S / 1000);
			else if (now > until)
				return -1;
		}
	}
	return failed ? -1 : 0;
}
