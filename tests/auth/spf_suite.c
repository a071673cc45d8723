/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver of spf_suite.py: reads zones and checks from stdin, a line each, every field but
 * the first in hexadecimal, and prints what SPF says, once for each way in which answers arrive:
 *
 *   zone                                      starts an empty zone
 *   record NAME TYPE DATA                     TYPE as a number; 0: the name times out
 *   check CLIENT LOCAL DOMAIN HELO SCOPE      SCOPE is "helo" or "mfrom"
 */

#include <stdio.h>

#include "postern/spf.h"
#include "tests/auth/spf_dns.h"

#define FIELDS 6

static struct str unhex(struct arena *arena, const char *hex)
{
	struct buf out = {.arena = arena};
	unsigned byte;

	for (; sscanf(hex, "%2x", &byte) == 1; hex += 2)
		buf_putc(&out, (char)byte);
	return str_dup(arena, buf_str(&out));
}

static void check(const struct zone *zone, const struct str *fields, enum arrival arrival)
{
	struct arena *arena = arena_new(NULL);
	struct clock clock = {.manual = true, .wall = 1700000000};
	struct lookups lookups = {.arena = arena, .zone = zone, .arrival = arrival};
	struct spf_request request = {.local = fields[2],
				      .domain = fields[3],
				      .helo = fields[4],
				      .helo_scope = str_eq(fields[5], STR("helo"))};
	const struct spf_outcome *outcome;
	struct spf_check *task;

	if (!ip_parse(fields[1], &request.ip)) {
		printf("%d bad-client\n", (int)arrival);
		arena_free(&arena);
		return;
	}
	task = spf_check_new(arena, &request, &clock);
	while (spf_check_step(task, &lookups, &outcome) == STEP_PENDING)
		if (!lookups_wait(&lookups, 0)) {
			printf("%d stuck\n", (int)arrival);
			arena_free(&arena);
			return;
		}
	printf("%d %s %zu %zu explanation=" STR_FMT " problem=" STR_FMT "\n", (int)arrival,
	       spf_result_name(outcome->result), lookups.questions.count, lookups.rounds,
	       STR_ARG(outcome->explanation), STR_ARG(outcome->problem));
	arena_free(&arena);
}

int main(void)
{
	struct zone zone = {0};
	char *line = NULL;
	size_t size = 0;

	spf_init();
	while (getline(&line, &size, stdin) > 0) {
		struct arena *arena = arena_new(NULL);
		struct str fields[FIELDS] = {{0}};
		char *rest = NULL, *word = strtok_r(line, " \n", &rest);
		struct str verb = str_dup(arena, str_of(word));

		for (int i = 1; i < FIELDS && (word = strtok_r(NULL, " \n", &rest)) != NULL; i++)
			fields[i] = unhex(arena, word + 1);
		if (str_eq(verb, STR("zone"))) {
			arena_free(&zone.arena);
			zone = (struct zone){.arena = arena_new(NULL)};
		} else if (str_eq(verb, STR("record"))) {
			zone_add(&zone, fields[1], atoi(fields[2].s), fields[3]);
		} else if (str_eq(verb, STR("check"))) {
			for (int i = ARRIVE_AT_ONCE; i <= ARRIVE_NEWEST_FIRST; i++)
				check(&zone, fields, (enum arrival)i);
		}
		fflush(stdout);
		arena_free(&arena);
	}
	arena_free(&zone.arena);
	free(line);
	return 0;
}
