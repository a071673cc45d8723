/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a command line says about a policy: lines "NAME=VALUE" as --set takes them, and
 * "?FACT=VALUE" as --given does. They are taken or reported, and a fact that is taken is known.
 * What only a server reads of the settings is looked at as it would.
 */

#include <stdio.h>

#include "filter/command/command.h"
#include "postern/arena.h"
#include "postern/diag.h"
#include "postern/policy.h"

#include "tests/fuzz/input.h"

#define LINES_MOST 16

static const char policy_text[] =
    "table local domains { example.org }\n"
    "table inner networks { 192.0.2.0/24 }\n"
    "set authserv \"mx.example.org\"\n"
    "reject \"no\" when recipient.domain not in local or any dnsbl(\"bl.example\") in inner\n"
    "reject \"no\" when spf is fail unless dkim.aligned or arc is pass or hops > 30\n"
    "defer \"no\" when any header(\"X-A\") contains \"a\" and size > 5MB and client.ip in inner\n"
    "score 2 when subject is present or sender is <a@example.org>\n"
    "add header \"X-Score: ${score}\" when score > 1.5 or time.weekday is monday\n"
    "hold \"old\" when arc.oldest-pass > 1 or dmarc.disposition is reject\n";

static void give(const struct policy *policy, struct arena *arena, const char *text,
		 struct diag *diag)
{
	size_t before = diag_errors(diag);
	struct given given = {0};
	int found = policy_given(policy, arena, text, diag, &given);

	require(found >= 0 ? diag_errors(diag) == before : diag_errors(diag) > before);
	if (found > 0)
		require(given.slot < policy->all_slot_count &&
			(given.value.state == FACT_PRESENT || given.value.state == FACT_ABSENT ||
			 given.value.state == FACT_FAILED));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct source source = {"policy", {policy_text, sizeof(policy_text) - 1}};
	struct str rest = {(const char *)data, size};
	struct arena *arena = arena_new(NULL);
	struct diag *diag = diag_new(arena), *plain = diag_new(arena);
	struct policy_override overrides[LINES_MOST + 1];
	const char *given[LINES_MOST];
	size_t set = 0, count = 0;
	struct policy *policy;
	FILE *nowhere = fopen("/dev/null", "w");

	while (rest.n > 0 && set + count < LINES_MOST) {
		struct str line = input_piece(&rest, '\n');
		bool fact = line.n > 0 && line.s[0] == '?';
		struct str name = line, value = name;

		if (fact) {
			given[count++] = str_dup(arena, str_sub(line, 1, line.n)).s;
		} else if (str_chr(line, '=') > 0) {
			name = input_piece(&value, '=');
			overrides[set++] = (struct policy_override){str_dup(arena, name).s,
								    str_dup(arena, value).s};
		}
	}
	overrides[set] = (struct policy_override){NULL, NULL};
	policy = policy_compile(&source, "/nonexistent", overrides, diag);
	require(policy || diag_errors(diag) > 0);
	if (policy)
		serve_check(policy, diag);
	else
		policy = policy_compile(&source, "/nonexistent", NULL, plain);
	require(policy);
	for (size_t i = 0; i < count; i++)
		give(policy, arena, given[i], diag);
	require(nowhere);
	diag_print(diag, nowhere);
	fclose(nowhere);
	policy_free(&policy);
	arena_free(&arena);
	return 0;
}
