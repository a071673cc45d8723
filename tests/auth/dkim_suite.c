/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dkim_suite ZONE MESSAGE TIME [BITS [sha1]]: verifies one message in every way of feeding it
 * and prints a line for each: the results of its signatures, top to bottom. With
 * "org DOMAIN ZONE" it prints the organizational domain of a name.
 */

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "postern/arena.h"
#include "postern/dkim.h"
#include "postern/dmarc.h"
#include "tests/auth/dkim_lookups.h"
#include "tests/auth/suite_message.h"

static void feed(void *ctx, struct str name, struct str value)
{
	dkim_verifier_header(ctx, name, value);
}

static void verify(struct str message, const char *zone, const struct dkim_options *options,
		   int64_t now, size_t chunk, bool pending)
{
	struct arena *arena = arena_new(NULL);
	struct lookups *lookups = dkim_lookups_new(arena, pending);
	struct dkim_verifier *v = dkim_verifier_new(arena, options, now);
	const struct dkim_outcome *outcome;
	struct str body;

	if (!dkim_lookups_file(lookups, zone))
		exit(2);
	body = suite_header(arena, message, pending, feed, v);
	dkim_verifier_eoh(v, lookups);
	while (body.n > 0 && dkim_verifier_wants_body(v)) {
		dkim_verifier_body(v, str_sub(body, 0, chunk));
		body = str_sub(body, chunk, body.n);
	}
	while (dkim_verifier_finish(v, lookups, &outcome) == STEP_PENDING)
		if (!lookups_wait(lookups, 0))
			exit(3);
	printf("%s", dkim_result_name(outcome->best));
	for (size_t i = 0; i < outcome->count; i++) {
		const struct dkim_signature *s = &outcome->signatures[i];

		printf("\t%s;" STR_FMT ";%s;%s;%u;%s", dkim_result_name(s->result),
		       STR_ARG(s->domain), s->algorithm, s->partial ? "partial" : "whole", s->bits,
		       s->reason ? s->reason : "");
	}
	printf("\n");
	arena_free(&arena);
}

static int organizational(const char *domain, const char *zone)
{
	for (int pending = 0; pending < 2; pending++) {
		struct arena *arena = arena_new(NULL);
		struct lookups *lookups = dkim_lookups_new(arena, pending);
		struct str org;
		bool failed;

		if (!dkim_lookups_file(lookups, zone))
			return 2;
		while (orgdomain_step(arena, str_of(domain), DMARC_TREEWALK, lookups, &org,
				      &failed) == STEP_PENDING)
			if (!lookups_wait(lookups, 0))
				return 3;
		printf(STR_FMT "%s %zu\n", STR_ARG(org), failed ? "failed" : "",
		       lookups_asked(lookups));
		arena_free(&arena);
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const size_t chunks[] = {1, 2, 7, 64, 1000, (size_t)1 << 30};
	struct dkim_options options = {.minimum_bits = 1024, .max_signatures = 10};
	struct arena *arena;
	const char *why;
	struct str message;
	int64_t now;

	if (argc == 4 && strcmp(argv[1], "org") == 0)
		return organizational(argv[2], argv[3]);
	if (argc < 4 || dkim_verifier_init(&why) != 0)
		return 2;
	now = strtoll(argv[3], NULL, 10);
	if (now == 0)
		now = time(NULL);
	if (argc > 4)
		options.minimum_bits = (unsigned)atoi(argv[4]);
	options.allow_sha1 = argc > 5;
	arena = arena_new(NULL);
	message = suite_read(arena, argv[2]);
	for (size_t i = 0; i < sizeof(chunks) / sizeof(chunks[0]); i++)
		for (int pending = 0; pending < 2; pending++)
			verify(message, argv[1], &options, now, chunks[i], pending);
	arena_free(&arena);
	return 0;
}
