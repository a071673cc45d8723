/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A whole SPF check over a DNS of any bytes. The first lines are the client with the sender's local
 * part, and the HELO; each further one is a record, "NAME TYPE DATA". In whatever order the answers
 * come, the outcome is the same, and the questions are bounded.
 */

#include "postern/arena.h"
#include "postern/spf.h"

#include "tests/auth/spf_dns.h"
#include "tests/fuzz/input.h"

/* RFC 7208 4.6.4: the record, 10 terms with 10 hosts each, the client's names, an explanation. */
#define QUESTIONS_MOST (1 + 10 * 11 + 11 + 1)
#define RECORDS_MOST 60
#define EXPLANATION_MOST 900

/* The types of records by one letter; 0: the name times out. */
static int type_of(char letter)
{
	switch (letter) {
	case '4':
		return DNS_A;
	case '6':
		return DNS_AAAA;
	case 'm':
		return DNS_MX;
	case 'p':
		return DNS_PTR;
	case 'c':
		return DNS_CNAME;
	case '0':
		return 0;
	default:
		return DNS_TXT;
	}
}

static void add_record(struct zone *zone, struct str line)
{
	struct str name = input_piece(&line, ' '), type = input_piece(&line, ' ');
	int kind = type_of(type.n > 0 ? type.s[0] : 't');
	struct ip ip;

	if ((kind == DNS_A || kind == DNS_AAAA) &&
	    (!ip_parse(line, &ip) || ip_is_v4(&ip) != (kind == DNS_A)))
		return;
	zone_add(zone, name, kind, line);
}

static struct spf_outcome check(struct arena *arena, const struct zone *zone,
				const struct spf_request *request, enum arrival arrival)
{
	struct clock clock = {.manual = true, .wall = 1700000000};
	struct lookups lookups = {
	    .arena = arena, .zone = zone, .arrival = arrival, .clock = &clock};
	struct spf_check *one = spf_check_new(arena, request, &clock);
	const struct spf_outcome *outcome;

	while (spf_check_step(one, &lookups, &outcome) == STEP_PENDING)
		require(lookups_wait(&lookups, 0));
	require(lookups.questions.count <= QUESTIONS_MOST);
	require(outcome->explanation.n == 0 || outcome->result == SPF_FAIL_);
	require(outcome->explanation.n <= EXPLANATION_MOST);
	for (size_t i = 0; i < outcome->explanation.n; i++)
		require(outcome->explanation.s[i] >= ' ' && outcome->explanation.s[i] <= '~');
	for (size_t i = 0; i < outcome->problem.n; i++)
		require(outcome->problem.s[i] >= ' ' && outcome->problem.s[i] <= '~');
	return *outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = {(const char *)data, size}, line = input_piece(&rest, '\n');
	struct arena *arena = arena_new(NULL);
	struct zone zone = {.arena = arena};
	struct spf_request request = {.domain = STR("a.example"), .receiver = STR("mx.example")};
	struct spf_outcome first;
	bool v6 = line.n > 0 && line.s[0] == '6';

	spf_init();
	require(ip_parse(v6 ? STR("2001:db8::1") : STR("192.0.2.1"), &request.ip));
	request.helo_scope = line.n > 0 && line.s[0] == 'h';
	request.local = str_sub(line, 1, line.n);
	request.helo = input_piece(&rest, '\n');
	while (rest.n > 0 && zone.records.count < RECORDS_MOST)
		add_record(&zone, input_piece(&rest, '\n'));
	first = check(arena, &zone, &request, ARRIVE_AT_ONCE);
	for (int arrival = ARRIVE_TOGETHER; arrival <= ARRIVE_NEWEST_FIRST; arrival++) {
		struct spf_outcome other = check(arena, &zone, &request, (enum arrival)arrival);

		require(other.result == first.result &&
			str_eq(other.explanation, first.explanation) &&
			str_eq(other.problem, first.problem));
	}
	arena_free(&arena);
	return 0;
}
