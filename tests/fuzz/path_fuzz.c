/* SPDX-License-Identifier: BSD-2-Clause */
/* An envelope path of any bytes, and a domain: what has a normal form keeps it. */

#include "postern/arena.h"
#include "postern/mail.h"

#include "tests/fuzz/input.h"

static void check_domain(struct arena *arena, struct str text)
{
	struct str domain, again;

	if (!domain_normal(arena, text, &domain))
		return;
	require(domain.n > 0 && domain.n <= 253);
	require(domain_normal(arena, domain, &again) && str_eq(domain, again));
	require(domain_normal(arena, domain_display(arena, domain), &again));
	require(str_eq(domain, again) && domain_within(domain, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new(NULL);
	struct str text = {(const char *)data, size};
	struct path path, again;
	const char *why = NULL;

	for (int recipient = 0; recipient < 2; recipient++) {
		if (!path_parse(arena, text, recipient, &path, &why)) {
			require(why != NULL);
			continue;
		}
		require(path.null == (path.text.n == 0));
		require(path_parse(arena, path.text, recipient, &again, &why));
		require(str_eq(path.text, again.text) && str_eq(path.local, again.local));
		require(str_eq(path.domain, again.domain) && str_eq(path.tag, again.tag));
	}
	check_domain(arena, text);
	arena_free(&arena);
	return 0;
}
