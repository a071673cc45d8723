/* SPDX-License-Identifier: BSD-2-Clause */
/* Replies: what becomes of good ones, and that bad ones of every kind are failures. */

#include "tests/unit/unit.h"

#include <stdlib.h>

#include "filter/dns/reply.h"

static uint8_t packet[65535];
static size_t size;

static void put(const void *bytes, size_t n)
{
	memcpy(packet + size, bytes, n);
	size += n;
}

static void put16(unsigned value)
{
	put((uint8_t[]){(uint8_t)(value >> 8), (uint8_t)value}, 2);
}

static struct dns_key start(unsigned flags, unsigned answers, unsigned authority,
			    enum dns_type type)
{
	struct dns_key key = {.type = type};

	CHECK(name_from_text(STR("q.example"), &key.name));
	size = 0;
	put16(0);
	put16(flags);
	put16(1);
	put16(answers);
	put16(authority);
	put16(0);
	put(key.name.wire, key.name.n); /* at 12; "example" at 14 */
	put16(type);
	put16(1);
	return key;
}

static void record(const char *owner, size_t owner_size, unsigned type, unsigned ttl,
		   const void *data, size_t n)
{
	put(owner, owner_size);
	put16(type);
	put16(1);
	put16(0);
	put16(ttl);
	put16((unsigned)n);
	put(data, n);
}

#define OWNER "\xc0\x0c", 2

static const struct answer *read_it(const struct dns_key *key)
{
	/* A copy of just its size, so that the sanitizer sees every step beyond. */
	uint8_t *copy = malloc(size);
	const struct answer *answer;

	memcpy(copy, packet, size);
	answer = reply_read(key, copy, size, false);
	free(copy);
	return answer;
}

static void check_failed(const struct dns_key *key, const char *problem)
{
	const struct answer *answer = read_it(key);

	CHECK_INT(answer->public.status, DNS_FAILED);
	CHECK_STR(str_of(answer->public.problem), problem);
	CHECK_INT(answer->public.oversize, strcmp(problem, "answer too large") == 0);
	answer_drop(answer);
}

static void test_records(void)
{
	struct dns_key key = start(0x8180, 2, 0, DNS_A);
	const struct answer *answer;

	record(OWNER, DNS_A, 300, "\300\0\2\1", 4);
	record(OWNER, DNS_A, 200, "\300\0\2\2", 4);
	answer = read_it(&key);
	CHECK_INT(answer->public.status, DNS_FOUND);
	CHECK_INT(answer->public.count, 2);
	CHECK_INT(answer->public.ttl, 200);
	CHECK(memcmp(answer->public.records[1].data.s, "\300\0\2\2", 4) == 0);
	answer_drop(answer);

	key = start(0x8180, 2, 0, DNS_MX);
	record(OWNER, DNS_MX, 300, "\0\12\4Mx.1\xc0\x0e", 9);
	record(OWNER, DNS_MX, 300, "\0\0\0", 3);
	answer = read_it(&key);
	CHECK_INT(answer->public.count, 2);
	CHECK_INT(answer->public.records[0].preference, 10);
	CHECK_STR(answer->public.records[0].data, "mx\\0461.example");
	CHECK_STR(answer->public.records[1].data, "");
	answer_drop(answer);

	key = start(0x8180, 2, 0, DNS_TXT);
	record(OWNER, DNS_TXT, 300, "\2ab\0\1c", 6);
	record(OWNER, DNS_TXT, 300, "\0", 1);
	answer = read_it(&key);
	CHECK_INT(answer->public.count, 2);
	CHECK_STR(answer->public.records[0].data, "abc");
	CHECK_STR(answer->public.records[1].data, "");
	answer_drop(answer);
}

static void test_cnames(void)
{
	struct dns_key key = start(0x8180, 3, 0, DNS_A);
	const struct answer *answer;

	record(OWNER, DNS_CNAME, 60, "\1x\xc0\x0e", 4);
	record("\1Y\xc0\x0e", 4, DNS_A, 300, "\300\0\2\1", 4); /* nobody's */
	record("\1X\xc0\x0e", 4, DNS_A, 300, "\300\0\2\2", 4);
	answer = read_it(&key);
	CHECK_INT(answer->public.status, DNS_FOUND);
	CHECK_INT(answer->public.count, 1);
	CHECK_INT(answer->public.ttl, 60);
	CHECK_INT(answer->public.records[0].data.s[3], 2);
	answer_drop(answer);

	key = start(0x8180, 12, 0, DNS_A);
	for (int i = 0; i < 12; i++)
		record(OWNER, DNS_CNAME, 60, "\xc0\x0c", 2);
	check_failed(&key, "too many CNAMEs");

	key = start(0x8180, 1, 0, DNS_CNAME);
	record(OWNER, DNS_CNAME, 60, "\1x\xc0\x0e", 4);
	answer = read_it(&key);
	CHECK_INT(answer->public.count, 1);
	CHECK_STR(answer->public.records[0].data, "x.example");
	answer_drop(answer);
}

static void test_negative(void)
{
	static const uint8_t soa[] = {0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0,
				      0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 99};
	struct dns_key key = start(0x8183, 0, 1, DNS_A);
	const struct answer *answer;

	record("\xc0\x0e", 2, 6, 300, soa, sizeof(soa));
	answer = read_it(&key);
	CHECK_INT(answer->public.status, DNS_NXDOMAIN);
	CHECK_INT(answer->public.ttl, 99);
	answer_drop(answer);
	key = start(0x8180, 0, 0, DNS_A);
	answer = read_it(&key);
	CHECK_INT(answer->public.status, DNS_NODATA);
	CHECK_INT(answer->public.ttl, 0);
	answer_drop(answer);
	key = start(0x8180, 0, 1, DNS_A);
	record("\xc0\x0e", 2, 6, 300, soa, sizeof(soa) - 1);
	check_failed(&key, "malformed reply");
	key = start(0x8183, 1, 0, DNS_A);
	record(OWNER, DNS_A, 300, "\300\0\2\1", 4);
	check_failed(&key, "malformed reply");
}

static void test_malformed(void)
{
	struct dns_key key = start(0x8182, 0, 0, DNS_A);
	check_failed(&key, "SERVFAIL");
	key = start(0x8185, 0, 0, DNS_A);
	check_failed(&key, "REFUSED");
	key = start(0x8181, 0, 0, DNS_A);
	check_failed(&key, "error reply");
	key = start(0x0180, 0, 0, DNS_A);
	check_failed(&key, "malformed reply");
	key = start(0x8380, 0, 0, DNS_A);
	check_failed(&key, "malformed reply");
	key = start(0x8180, 5, 0, DNS_A); /* promises more than it has */
	record(OWNER, DNS_A, 300, "\300\0\2\1", 4);
	check_failed(&key, "malformed reply");
	key = start(0x8180, 1, 0, DNS_A);
	record(OWNER, DNS_A, 300, "\300\0\2", 3);
	check_failed(&key, "malformed reply");
	key = start(0x8180, 1, 0, DNS_TXT);
	record(OWNER, DNS_TXT, 300, "\5abc", 4);
	check_failed(&key, "malformed reply");
	key = start(0x8180, 1, 0, DNS_TXT);
	record(OWNER, DNS_TXT, 300, "", 0);
	check_failed(&key, "malformed reply");
	key = start(0x8180, 1, 0, DNS_MX);
	record(OWNER, DNS_MX, 300, "\0\1", 2);
	check_failed(&key, "malformed reply");
	key = start(0x8180, 1, 0, DNS_MX);
	record(OWNER, DNS_MX, 300, "\0\1\0x", 4);
	check_failed(&key, "malformed reply");
	key = start(0x8180, 0, 0, DNS_A);
	key.type = DNS_TXT; /* an answer to another question */
	check_failed(&key, "malformed reply");
	key = start(0x8180, 0, 0, DNS_A);
	key.name.wire[1] = 'z';
	check_failed(&key, "malformed reply");
}

static void test_limits(void)
{
	struct dns_key key = start(0x8180, 65, 0, DNS_TXT);
	char text[253];
	const struct answer *answer;

	text[0] = (char)252;
	memset(text + 1, 'x', 252);
	for (int i = 0; i < 65; i++)
		record(OWNER, DNS_TXT, 300, text, sizeof(text));
	answer = read_it(&key);
	CHECK_INT(answer->public.count, 65);
	answer_drop(answer);
	key = start(0x8180, 66, 0, DNS_TXT);
	for (int i = 0; i < 66; i++)
		record(OWNER, DNS_TXT, 300, text, sizeof(text));
	check_failed(&key, "answer too large");

	/* 4,000 records of 14 bytes that unfold to 250 each. */
	key = start(0x8180, 4001, 0, DNS_PTR);
	text[0] = 62;
	text[63] = 62;
	text[126] = 62;
	text[189] = 60;
	text[250] = 0;
	size_t at = size + 12;
	record(OWNER, DNS_PTR, 300, text, 251);
	for (int i = 0; i < 4000; i++)
		record(OWNER, DNS_PTR, 300, (uint8_t[]){(uint8_t)(0xc0 | at >> 8), (uint8_t)at}, 2);
	check_failed(&key, "answer too large");
}

/* Every truncation, and many random changes, of a reply with all that a reply can have. */
static void test_damage(void)
{
	static uint8_t good[1024];
	size_t good_size;
	struct dns_key key = start(0x8180, 4, 0, DNS_MX);
	unsigned found = 0;

	record(OWNER, DNS_CNAME, 60, "\1x\xc0\x0e", 4);
	record("\1x\xc0\x0e", 4, DNS_MX, 300, "\0\12\2mx\xc0\x0e", 7);
	record("\1x\xc0\x0e", 4, DNS_MX, 300, "\0\12\2my\xc0\x0c", 7);
	record("\1x\xc0\x0e", 4, DNS_TXT, 300, "\2my", 3);
	good_size = size;
	memcpy(good, packet, size);
	for (size = 0; size < good_size; size++)
		check_failed(&key, "malformed reply");
	srand(1);
	for (int i = 0; i < 100000; i++) {
		const struct answer *answer;

		memcpy(packet, good, good_size);
		for (int changes = rand() % 4; changes >= 0; changes--)
			packet[(size_t)rand() % good_size] = (uint8_t)rand();
		answer = read_it(&key);
		found += answer->public.status == DNS_FOUND;
		CHECK((answer->public.status == DNS_FOUND) == (answer->public.count > 0));
		CHECK((answer->public.status == DNS_FAILED) == (answer->public.problem != NULL));
		answer_drop(answer);
	}
	CHECK(found > 0);
}

int main(void)
{
	RUN(test_records);
	RUN(test_cnames);
	RUN(test_negative);
	RUN(test_malformed);
	RUN(test_limits);
	RUN(test_damage);
	return unit_done();
}
