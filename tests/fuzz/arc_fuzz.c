/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A message of any bytes: its chain gives the same result however the body is cut, and one that
 * passes has every set that a chain needs. The seeds are sealed with the key that is published
 * here.
 */

#include "postern/arc.h"
#include "postern/arena.h"
#include "postern/diag.h"

#include "tests/fuzz/input.h"

static const char records[] = "s._domainkey.example.org TXT \"v=DKIM1; k=ed25519; "
			      "p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\"\n"
			      "slow._domainkey.example.org SERVFAIL\n";

static struct resolver *resolver;
static struct clock now = {.manual = true, .wall = 1700000000};

static void start(void)
{
	static const struct source zone = {"zone", {records, sizeof(records) - 1}};
	struct arena *arena = arena_new(NULL);

	require(resolver_from_source(&zone, &now, diag_new(arena), &resolver) == 0);
	arena_free(&arena);
}

static const struct arc_outcome *verify(struct arena *arena, struct str rest, size_t chunk)
{
	struct dkim_options options = {.minimum_bits = 1024, .allow_partial = true};
	struct arc_verifier *v = arc_verifier_new(arena, &options, clock_time(&now));
	struct lookups *lookups = lookups_new(arena, resolver, &now);
	const struct arc_outcome *outcome;

	while (rest.n > 0) {
		ptrdiff_t end = str_chr(rest, '\n'), colon;
		struct str line = str_sub(rest, 0, end < 0 ? rest.n : (size_t)end);

		rest = str_sub(rest, line.n + 1, rest.n);
		line = str_trim(line);
		if (line.n == 0)
			break;
		colon = str_chr(line, ':');
		arc_verifier_header(v, str_sub(line, 0, colon < 0 ? line.n : (size_t)colon),
				    str_sub(line, colon < 0 ? line.n : (size_t)colon + 1, line.n));
	}
	arc_verifier_eoh(v, lookups);
	for (; rest.n > 0; rest = str_sub(rest, chunk, rest.n))
		arc_verifier_body(v, str_sub(rest, 0, chunk));
	while (arc_verifier_finish(v, lookups, &outcome) == STEP_PENDING)
		lookups_wait(lookups, clock_now(&now) + NS_PER_S);
	return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new(NULL);
	struct str message = {(const char *)data, size};
	const struct arc_outcome *whole, *pieces;

	if (!resolver)
		start();
	whole = verify(arena, message, size + 1);
	pieces = verify(arena, message, size % 5 + 1);
	require(whole->result == pieces->result && whole->vouching == pieces->vouching);
	require(whole->instance <= 50 && whole->vouching <= whole->count);
	require((whole->result == ARC_RESULT_PASS) == (whole->count > 0));
	require(whole->count == 0 || whole->count == whole->instance);
	require(whole->result == ARC_RESULT_NONE || whole->result == ARC_RESULT_PASS ||
		whole->reason);
	arena_free(&arena);
	return 0;
}
