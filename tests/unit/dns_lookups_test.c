/* SPDX-License-Identifier: BSD-2-Clause */
/* The lookups of a message: once each, within budgets and deadlines, in time and on a clock. */

#include "tests/unit/unit.h"

#include "postern/arena.h"
#include "postern/diag.h"
#include "postern/dns.h"

static struct arena *arena;
static struct clock hands;
static struct resolver *resolver;
static struct lookups *lookups;

static const char zone[] = "a.example A 192.0.2.1\n"
			   "t.example TXT \"text\"\n"
			   "slow.example TIMEOUT\nslow1.example TIMEOUT\nslow2.example TIMEOUT\n"
			   "slow3.example TIMEOUT\n"
			   "broken.example SERVFAIL\n";

static void start(void)
{
	static const struct source source = {"zone", {zone, sizeof(zone) - 1}};

	arena = arena_new(NULL);
	hands = (struct clock){.manual = true, .monotonic = 1000, .wall = 1};
	CHECK_INT(resolver_from_source(&source, &hands, diag_new(arena), &resolver), 0);
	lookups = lookups_new(arena, resolver, &hands);
}

static void stop(void)
{
	arena_free(&arena);
	resolver_free(&resolver);
	resolver_free(&resolver);
}

static const struct dns_answer *get(const char *name, enum dns_type type)
{
	return lookups_get(lookups, str_of(name), type, LOOKUP_OTHER);
}

static void test_answers(void)
{
	const struct dns_answer *answer;

	start();
	answer = get("A.Example.", DNS_A);
	CHECK(answer && answer->status == DNS_FOUND && answer->count == 1);
	CHECK(get("a.example", DNS_A) == answer);
	CHECK_INT(lookups_asked(lookups), 1);
	answer = get("a.example", DNS_TXT);
	CHECK(answer && answer->status == DNS_NODATA && answer->count == 0);
	answer = get("b.example", DNS_TXT);
	CHECK(answer && answer->status == DNS_NXDOMAIN);
	answer = get("broken.example", DNS_TXT);
	CHECK(answer && answer->status == DNS_FAILED);
	CHECK_STR(str_of(answer->problem), "SERVFAIL");
	CHECK_INT(lookups_asked(lookups), 4);
	CHECK_INT(lookups_pending(lookups), 0);
	CHECK(!lookups_wait(lookups, INT64_MAX));
	stop();
}

static void test_malformed_names(void)
{
	static const char *const names[] = {
	    "",      ".",
	    "a..b",  ".a",
	    "a.b..", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.example"};

	start();
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct dns_answer *answer = get(names[i], DNS_A);

		CHECK(answer && answer->status == DNS_NXDOMAIN);
	}
	CHECK_INT(lookups_asked(lookups), 0);
	stop();
}

static void test_budgets(void)
{
	const struct dns_answer *answer;
	char name[32];

	start();
	for (int i = 0; i < LIMIT_LOOKUPS; i++) {
		snprintf(name, sizeof(name), "n%d.example", i);
		CHECK_INT(get(name, DNS_A)->status, DNS_NXDOMAIN);
	}
	answer = get("a.example", DNS_A);
	CHECK_INT(answer->status, DNS_FAILED);
	CHECK_STR(str_of(answer->problem), "too many lookups");
	CHECK_INT(get("a.example", DNS_A)->status, DNS_FAILED);
	CHECK_INT(get("n0.example", DNS_A)->status, DNS_NXDOMAIN);
	for (int i = 0; i < LIMIT_SPF_LOOKUPS; i++) {
		snprintf(name, sizeof(name), "s%d.example", i);
		answer = lookups_get(lookups, str_of(name), DNS_A, LOOKUP_SPF);
		CHECK_INT(answer->status, DNS_NXDOMAIN);
	}
	answer = lookups_get(lookups, STR("a.example"), DNS_A, LOOKUP_SPF);
	CHECK_INT(answer->status, DNS_FAILED);
	CHECK_INT(lookups_asked(lookups), LIMIT_LOOKUPS + LIMIT_SPF_LOOKUPS);
	stop();
}

static void test_query_deadline(void)
{
	const struct dns_answer *answer;

	start();
	CHECK(get("slow.example", DNS_A) == NULL);
	CHECK(get("slow.example", DNS_A) == NULL);
	CHECK_INT(lookups_pending(lookups), 1);
	CHECK_INT(lookups_asked(lookups), 1);
	/* The caller's own deadline comes first. */
	CHECK(!lookups_wait(lookups, hands.monotonic + 2 * NS_PER_S));
	CHECK_INT(hands.monotonic, 1000 + 2 * NS_PER_S);
	CHECK(get("slow.example", DNS_A) == NULL);
	CHECK(lookups_wait(lookups, INT64_MAX));
	CHECK_INT(hands.monotonic, 1000 + LIMIT_QUERY_SECONDS * NS_PER_S);
	answer = get("slow.example", DNS_A);
	CHECK(answer && answer->status == DNS_FAILED);
	CHECK_STR(str_of(answer->problem), "timed out");
	CHECK(get("slow.example", DNS_A) == answer);
	CHECK(!lookups_wait(lookups, INT64_MAX));
	CHECK_INT(lookups_pending(lookups), 0);
	stop();
}

/* Answers that take their time: those asked for together come together. */
static void test_delay(void)
{
	static const int64_t delay = 50 * NS_PER_MS;

	start();
	resolver_delay(resolver, delay);
	CHECK(get("a.example", DNS_A) == NULL);
	CHECK(get("t.example", DNS_TXT) == NULL);
	CHECK(!lookups_wait(lookups, hands.monotonic + delay / 2));
	CHECK(get("none.example", DNS_A) == NULL);
	CHECK(lookups_wait(lookups, INT64_MAX));
	CHECK_INT(hands.monotonic, 1000 + delay);
	CHECK(get("a.example", DNS_A) != NULL);
	CHECK(get("t.example", DNS_TXT) != NULL);
	CHECK(get("none.example", DNS_A) == NULL);
	CHECK(lookups_wait(lookups, INT64_MAX));
	CHECK_INT(hands.monotonic, 1000 + delay + delay / 2);
	CHECK_INT(lookups_time(lookups), delay + delay / 2);
	CHECK(get("none.example", DNS_A)->status == DNS_NXDOMAIN);
	/* One that comes too late, and one that is not waited for, leave nothing behind. */
	resolver_delay(resolver, (LIMIT_QUERY_SECONDS + 1) * NS_PER_S);
	CHECK(get("a.example", DNS_AAAA) == NULL);
	CHECK(lookups_wait(lookups, INT64_MAX));
	CHECK(get("a.example", DNS_AAAA)->status == DNS_FAILED);
	CHECK(get("t.example", DNS_A) == NULL);
	stop();
}

static void test_expires_without_wait(void)
{
	start();
	CHECK(get("slow.example", DNS_A) == NULL);
	clock_advance(&hands, LIMIT_QUERY_SECONDS * NS_PER_S);
	CHECK_INT(get("slow.example", DNS_A)->status, DNS_FAILED);
	stop();
}

static void test_message_deadline(void)
{
	const struct dns_answer *answer;

	start();
	CHECK(get("slow.example", DNS_A) == NULL);
	clock_advance(&hands, 4 * NS_PER_S);
	CHECK(get("slow1.example", DNS_A) == NULL);
	clock_advance(&hands, 4 * NS_PER_S);
	CHECK(get("slow2.example", DNS_A) == NULL);
	clock_advance(&hands, 4 * NS_PER_S);
	CHECK(get("slow3.example", DNS_A) == NULL); /* at 12 s: has 3 */
	CHECK(lookups_wait(lookups, INT64_MAX));
	CHECK_INT(hands.monotonic, 1000 + 12 * NS_PER_S); /* what had failed was not told yet */
	CHECK(lookups_wait(lookups, INT64_MAX));
	CHECK_INT(hands.monotonic, 1000 + 13 * NS_PER_S);
	CHECK(lookups_wait(lookups, INT64_MAX));
	CHECK_INT(hands.monotonic, 1000 + 15 * NS_PER_S);
	CHECK(!lookups_wait(lookups, INT64_MAX));
	answer = get("a.example", DNS_A);
	CHECK_INT(answer->status, DNS_FAILED);
	CHECK_STR(str_of(answer->problem), "timed out");
	CHECK_INT(lookups_asked(lookups), 4);
	stop();
}

/* What a client takes to send its message is not counted. */
static void test_slow_client(void)
{
	start();
	CHECK(get("slow.example", DNS_A) == NULL);
	clock_advance(&hands, 60 * NS_PER_S);
	CHECK_INT(get("slow.example", DNS_A)->status, DNS_FAILED);
	CHECK_INT(get("a.example", DNS_A)->status, DNS_FOUND);
	clock_advance(&hands, 60 * NS_PER_S);
	CHECK(get("slow1.example", DNS_A) == NULL);
	CHECK(lookups_wait(lookups, INT64_MAX));
	CHECK(get("slow2.example", DNS_A) == NULL);
	CHECK(lookups_wait(lookups, INT64_MAX));
	CHECK_INT(hands.monotonic, 1000 + 130 * NS_PER_S);
	CHECK_INT(get("slow3.example", DNS_A)->status, DNS_FAILED);
	stop();
}

/* An answer that came while another question was asked is news for the next wait, but once. */
static void test_news(void)
{
	start();
	CHECK(get("slow.example", DNS_A) == NULL);
	clock_advance(&hands, LIMIT_QUERY_SECONDS * NS_PER_S);
	CHECK(get("slow1.example", DNS_A) == NULL);
	CHECK_INT(lookups_pending(lookups), 2);
	CHECK(lookups_wait(lookups, hands.monotonic));
	CHECK_INT(lookups_pending(lookups), 1);
	CHECK(!lookups_wait(lookups, hands.monotonic));
	stop();
}

/* Were the last one not counted, who asked would take it for one that never comes. */
static void test_last_answer_comes_unseen(void)
{
	start();
	CHECK(get("slow.example", DNS_A) == NULL);
	clock_advance(&hands, LIMIT_QUERY_SECONDS * NS_PER_S);
	CHECK(get("a.example", DNS_A) != NULL);
	CHECK_INT(lookups_pending(lookups), 1);
	CHECK(lookups_wait(lookups, hands.monotonic));
	CHECK_INT(lookups_pending(lookups), 0);
	CHECK(!lookups_wait(lookups, hands.monotonic));
	CHECK(get("slow.example", DNS_A) != NULL);
	stop();
}

static size_t visits, visited_pending;

static void visit(void *ctx, struct str name, enum dns_type type, const struct dns_answer *answer)
{
	static const char *const expected[] = {"t.example", "Slow.example", "a.example."};

	CHECK(ctx == &visits);
	CHECK(visits < 3 && str_eq(name, str_of(expected[visits])));
	CHECK_INT(type, visits == 0 ? DNS_TXT : DNS_A);
	visits++;
	visited_pending += !answer;
}

static void test_each(void)
{
	start();
	get("t.example", DNS_TXT);
	get("Slow.example", DNS_A);
	get("a.example.", DNS_A);
	get("A.example", DNS_A);
	get("..", DNS_A);
	lookups_each(lookups, visit, &visits);
	CHECK_INT(visits, 3);
	CHECK_INT(visited_pending, 1);
	stop();
}

/* On the machine's clock a question that is never answered is waited for in real time. */
static void test_real_time(void)
{
	int64_t before = clock_now(&clock_system), took;

	start();
	hands = clock_system;
	CHECK(get("slow.example", DNS_A) == NULL);
	CHECK(!lookups_wait(lookups, before + 50 * NS_PER_MS));
	took = clock_now(&clock_system) - before;
	CHECK(took >= 50 * NS_PER_MS && took < 2 * NS_PER_S);
	stop();
}

static void test_resolver_first(void)
{
	start();
	CHECK(get("slow.example", DNS_A) == NULL);
	CHECK_INT(get("a.example", DNS_A)->status, DNS_FOUND);
	resolver_free(&resolver);
	CHECK(resolver == NULL);
	CHECK_INT(get("a.example", DNS_A)->count, 1);
	stop();
}

/* Two resolvers that nobody answers, freed while messages wait for them. */
static void test_two_resolvers(void)
{
	static const struct resolver_config config = {.address = "127.0.0.1@9"};
	struct resolver *resolvers[2] = {NULL, NULL};
	struct lookups *waiting[2];
	const struct dns_answer *answer;
	const char *why;

	arena = arena_new(NULL);
	for (int i = 0; i < 2; i++) {
		CHECK_INT(resolver_new(&config, &resolvers[i], &why), 0);
		waiting[i] = lookups_new(arena, resolvers[i], &clock_system);
		CHECK(!lookups_get(waiting[i], STR("a.example"), DNS_A, LOOKUP_SPF));
		CHECK_INT(lookups_pending(waiting[i]), 1);
	}
	CHECK(!lookups_wait(waiting[0], clock_now(&clock_system) + 50 * NS_PER_MS));
	resolver_free(&resolvers[0]);
	CHECK(lookups_wait(waiting[0], INT64_MAX));
	answer = lookups_get(waiting[0], STR("a.example"), DNS_A, LOOKUP_SPF);
	CHECK(answer && answer->status == DNS_FAILED);
	answer = lookups_get(waiting[0], STR("b.example"), DNS_A, LOOKUP_SPF);
	CHECK(answer && answer->status == DNS_FAILED);
	CHECK_STR(str_of(answer->problem), "resolver stopped");
	CHECK_INT(lookups_pending(waiting[1]), 1);
	arena_free(&arena);
	resolver_free(&resolvers[1]);
}

static void test_bad_settings(void)
{
	struct resolver *bad = NULL;
	const char *why = NULL;

	CHECK_INT(resolver_new(&(struct resolver_config){.address = "nowhere"}, &bad, &why), -1);
	CHECK(why && strstr(why, "ADDRESS@PORT") != NULL);
	CHECK(bad == NULL);
}

int main(void)
{
	RUN(test_answers);
	RUN(test_malformed_names);
	RUN(test_budgets);
	RUN(test_query_deadline);
	RUN(test_delay);
	RUN(test_expires_without_wait);
	RUN(test_message_deadline);
	RUN(test_slow_client);
	RUN(test_news);
	RUN(test_last_answer_comes_unseen);
	RUN(test_each);
	RUN(test_real_time);
	RUN(test_resolver_first);
	RUN(test_two_resolvers);
	RUN(test_bad_settings);
	return unit_done();
}
