/* SPDX-License-Identifier: BSD-2-Clause */
/* The answer cache: lifetimes, what is never kept, the bound, threads. */

#include "tests/unit/unit.h"

#include <pthread.h>
#include <stdio.h>

#include "filter/dns/cache.h"

static const uint64_t seed[2] = {3, 4};

static struct dns_key key_of(const char *name, enum dns_type type)
{
	struct dns_key key = {.type = type};

	CHECK(name_from_text(str_of(name), &key.name));
	dns_key_hash(&key, seed);
	return key;
}

static const struct answer *answer_of(const char *text, uint32_t ttl)
{
	struct draft draft = {0};

	if (text) {
		draft_record(&draft, 0);
		draft_add(&draft, text, strlen(text));
	}
	return draft_finish(&draft, DNS_TXT, DNS_NODATA, ttl, false);
}

static void put(struct cache *cache, const char *name, const char *text, uint32_t ttl, int64_t now)
{
	struct dns_key key = key_of(name, DNS_TXT);
	const struct answer *answer = answer_of(text, ttl);

	cache_put(cache, &key, answer, now);
	answer_drop(answer);
}

static bool holds(struct cache *cache, const char *name, int64_t now)
{
	struct dns_key key = key_of(name, DNS_TXT);
	const struct answer *answer = cache_get(cache, &key, now);

	answer_drop(answer);
	return answer != NULL;
}

static void test_lifetime(void)
{
	struct cache *cache = cache_new(1 << 20);
	struct dns_key key = key_of("A.example", DNS_TXT);
	const struct answer *answer;

	put(cache, "a.example", "one", 60, 0);
	put(cache, "b.example", NULL, 1, 0);
	put(cache, "zero.example", "x", 0, 0);
	CHECK(holds(cache, "b.example", NS_PER_S - 1));
	CHECK(!holds(cache, "b.example", NS_PER_S));
	CHECK(!holds(cache, "zero.example", 0));
	answer = cache_get(cache, &key, 59 * NS_PER_S);
	CHECK(answer != NULL);
	put(cache, "a.example", "two", 60, 59 * NS_PER_S);
	CHECK_STR(answer->public.records[0].data, "one");
	answer_drop(answer);
	answer = cache_get(cache, &key, 100 * NS_PER_S);
	CHECK_STR(answer->public.records[0].data, "two");
	cache_free(&cache);
	CHECK_STR(answer->public.records[0].data, "two");
	answer_drop(answer);
}

static void test_not_kept(void)
{
	struct cache *cache = cache_new(1 << 20);
	struct dns_key key = key_of("a.example", DNS_TXT), other = key_of("a.example", DNS_A);

	put(cache, "a.example", "x", 60, 0);
	CHECK(cache_get(cache, &other, 0) == NULL);
	cache_put(cache, &key, answer_failed(PROBLEM_SERVFAIL), 0);
	CHECK(cache_get(cache, &key, 0) == NULL);
	CHECK_INT(cache_bytes(cache), 0);
	cache_free(&cache);
}

static void test_bound(void)
{
	struct cache *cache = cache_new(20000);
	char name[32], text[201] = "";

	memset(text, 'x', 200);
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "n%d.example", i);
		put(cache, name, text, 60, 0);
		CHECK(holds(cache, "n0.example", 0));
		CHECK(cache_bytes(cache) <= 20000);
	}
	CHECK(holds(cache, "n999.example", 0));
	CHECK(holds(cache, "n990.example", 0));
	CHECK(!holds(cache, "n1.example", 0));
	CHECK(cache_bytes(cache) > 15000);
	cache_free(&cache);
	cache = cache_new(300);
	put(cache, "a.example", text, 60, 0);
	CHECK(!holds(cache, "a.example", 0));
	cache_free(&cache);
}

static void *hammer(void *arg)
{
	struct cache *cache = arg;
	char name[32];

	for (int i = 0; i < 20000; i++) {
		struct dns_key key = {.type = DNS_TXT};
		const struct answer *answer;

		snprintf(name, sizeof(name), "n%d.example", i * 7919 % 500);
		name_from_text(str_of(name), &key.name);
		dns_key_hash(&key, seed);
		answer = cache_get(cache, &key, i);
		if (!answer) {
			answer = answer_of(name, 1);
			cache_put(cache, &key, answer, i);
		}
		if (!str_eq(answer->public.records[0].data, str_of(name)))
			return cache;
		answer_drop(answer);
	}
	return NULL;
}

static void test_threads(void)
{
	struct cache *cache = cache_new(65536);
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, hammer, cache);
	for (int i = 0; i < 4; i++) {
		void *wrong;

		pthread_join(threads[i], &wrong);
		CHECK(!wrong);
	}
	cache_free(&cache);
}

int main(void)
{
	RUN(test_lifetime);
	RUN(test_not_kept);
	RUN(test_bound);
	RUN(test_threads);
	return unit_done();
}
