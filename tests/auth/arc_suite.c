/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * arc_suite ZONE MESSAGE [TIME]: verifies the chain of one message in every way of feeding it and
 * prints a line for each: result, instance, sealers that vouch and all, questions asked, reason.
 */

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "postern/arc.h"
#include "postern/arena.h"
#include "tests/auth/dkim_lookups.h"
#include "tests/auth/suite_message.h"

static void feed(void *ctx, struct str name, struct str value)
{
	arc_verifier_header(ctx, name, value);
}

static void verify(struct str message, const char *zone, int64_t now, size_t chunk, bool pending)
{
	struct dkim_options options = {.minimum_bits = 1024};
	struct arena *arena = arena_new(NULL);
	struct lookups *lookups = dkim_lookups_new(arena, pending);
	struct arc_verifier *v = arc_verifier_new(arena, &options, now);
	const struct arc_outcome *outcome;
	struct str body;

	if (!dkim_lookups_file(lookups, zone))
		exit(2);
	body = suite_header(arena, message, pending, feed, v);
	arc_verifier_eoh(v, lookups);
	while (body.n > 0 && arc_verifier_wants_body(v)) {
		arc_verifier_body(v, str_sub(body, 0, chunk));
		body = str_sub(body, chunk, body.n);
	}
	while (arc_verifier_finish(v, lookups, &outcome) == STEP_PENDING)
		if (!lookups_wait(lookups, 0))
			exit(3);
	printf("%s\t%u\t%zu\t%zu\t%zu\t%s\n", arc_result_name(outcome->result), outcome->instance,
	       outcome->vouching, outcome->count, lookups_asked(lookups),
	       outcome->reason ? outcome->reason : "");
	arena_free(&arena);
}

int main(int argc, char **argv)
{
	static const size_t chunks[] = {1, 2, 7, 64, 1000, (size_t)1 << 30};
	struct arena *arena;
	struct str message;

	if (argc < 3)
		return 2;
	arena = arena_new(NULL);
	message = suite_read(arena, argv[2]);
	for (size_t i = 0; i < sizeof(chunks) / sizeof(chunks[0]); i++)
		for (int pending = 0; pending < 2; pending++)
			verify(message, argv[1], argc > 3 ? strtoll(argv[3], NULL, 10) : time(NULL),
			       chunks[i], pending);
	arena_free(&arena);
	return 0;
}
