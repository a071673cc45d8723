/* SPDX-License-Identifier: BSD-2-Clause */
/* Authentication-Results of any bytes, read; and written, which must be ours and clean. */

#include "postern/arena.h"
#include "postern/authres.h"

#include "tests/fuzz/input.h"

static void check_written(struct arena *arena, struct str text, bool utf8)
{
	struct str ours = STR("mx.example.org");
	struct authres_property properties[] = {
	    {"smtp", "mailfrom", str_sub(text, text.n / 3, text.n / 3)},
	    {"smtp", "helo", str_sub(text, text.n / 3 * 2, text.n)}};
	struct authres_result results[] = {
	    {"spf", "pass", str_sub(text, 0, text.n / 3), properties, 2},
	    {.method = "dmarc", .result = "fail"}};
	struct str field = authres_write(arena, ours, results, 2, utf8);
	size_t semicolons = 0;
	bool quoted = false;

	require(authres_claim(arena, field, ours) == AUTHRES_OURS);
	require(str_ends(field, STR(";\n\tdmarc=fail")));
	for (size_t i = 0; i < field.n; i++) {
		char c = field.s[i];
		bool fold = (c == '\n' && i + 1 < field.n && field.s[i + 1] == '\t') ||
			    (c == '\t' && i > 0 && field.s[i - 1] == '\n');

		require((c >= ' ' && c <= '~') || (fold && !quoted) ||
			(utf8 && (unsigned char)c > 127));
		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted)
			semicolons += c == ';';
	}
	require(!quoted && semicolons == 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new(NULL);
	struct str text = {(const char *)data, size};

	authres_claim(arena, text, STR("mx.example.org"));
	check_written(arena, text, false);
	check_written(arena, text, true);
	arena_free(&arena);
	return 0;
}
