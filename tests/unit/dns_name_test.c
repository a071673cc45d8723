/* SPDX-License-Identifier: BSD-2-Clause */
/* Domain names: what a message can hold, escapes, compression, the hash, the names for PTR. */

#include "tests/unit/unit.h"

#include "filter/dns/name.h"
#include "postern/arena.h"
#include "postern/ip.h"

static bool text_fits(const char *text)
{
	struct name name;

	return name_from_text(str_of(text), &name);
}

static void test_from_text(void)
{
	struct name name;
	char buf[NAME_TEXT_MAX];

	CHECK(name_from_text(STR("Example.ORG."), &name));
	CHECK_INT(name.n, 13);
	CHECK(memcmp(name.wire, "\7example\3org", 13) == 0);
	CHECK_STR(name_text(&name, buf), "example.org");
	CHECK(name_from_text(STR("a\\b\0 c\xff.x"), &name));
	CHECK_STR(name_text(&name, buf), "a\\092b\\000\\032c\\255.x");
	CHECK(text_fits("_dmarc._x.example"));
	CHECK(!text_fits(""));
	CHECK(!text_fits("."));
	CHECK(!text_fits(".."));
	CHECK(!text_fits(".a"));
	CHECK(!text_fits("a..b"));
	CHECK(!text_fits("a.b.."));
}

static void test_lengths(void)
{
	char text[300];
	struct name name;
	char buf[NAME_TEXT_MAX];

	memset(text, 'x', sizeof(text));
	CHECK(name_from_text((struct str){text, 63}, &name));
	CHECK(!name_from_text((struct str){text, 64}, &name));
	for (size_t i = 63; i < sizeof(text); i += 64)
		text[i] = '.';
	CHECK(name_from_text((struct str){text, 253}, &name));
	CHECK_INT(name.n, 255);
	CHECK_INT(name_text(&name, buf).n, 253);
	CHECK(!name_from_text((struct str){text, 254}, &name));
	text[253] = '.';
	CHECK(name_from_text((struct str){text, 254}, &name));
	CHECK_INT(name.n, 255);
	CHECK(!name_from_text((struct str){text, 300}, &name));
	memset(text, '\\', sizeof(text));
	for (size_t i = 63; i < sizeof(text); i += 64)
		text[i] = '.';
	CHECK(name_from_text((struct str){text, 253}, &name));
	CHECK_INT(name_text(&name, buf).n, 250 * 4 + 3);
}

static void test_from_master(void)
{
	struct name name, again;
	char buf[NAME_TEXT_MAX];

	CHECK(name_from_master(STR("a\\.b.\\065\\\\.org"), &name));
	CHECK_STR(name_text(&name, buf), "a\\046b.a\\092.org");
	CHECK(name_from_master(str_of(buf), &again) && name_eq(&name, &again));
	CHECK(name_from_master(STR("."), &name));
	CHECK_INT(name.n, 1);
	CHECK_STR(name_text(&name, buf), "");
	CHECK(!name_from_master(STR("a\\"), &name));
	CHECK(!name_from_master(STR("a\\12"), &name));
	CHECK(!name_from_master(STR("a\\1x2"), &name));
	CHECK(!name_from_master(STR("a\\256"), &name));
	CHECK(!name_from_master(STR("a..b"), &name));
	CHECK(!name_from_master(STR(""), &name));
}

static void test_from_message(void)
{
	/* 0: "a.b", 5: "C" then a pointer to "b", 9: to itself, 11: forwards, 13: loop of two. */
	static const uint8_t message[] = {1, 'a',  1,  'b', 0,   1,    'C', 0xc0, 2, 0xc0,
					  9, 0xc0, 13, 1,   'x', 0xc0, 13,  0x40, 5, 'x'};
	struct name name;
	size_t at = 5;
	char buf[NAME_TEXT_MAX];

	CHECK(name_from_message(message, sizeof(message), &at, &name));
	CHECK_STR(name_text(&name, buf), "c.b");
	CHECK_INT(at, 9);
	CHECK(!name_from_message(message, sizeof(message), &at, &name));
	at = 11;
	CHECK(!name_from_message(message, sizeof(message), &at, &name));
	at = 13;
	CHECK(!name_from_message(message, sizeof(message), &at, &name));
	at = 17;
	CHECK(!name_from_message(message, sizeof(message), &at, &name));
	at = 19;
	CHECK(!name_from_message(message, sizeof(message), &at, &name));
	at = 20;
	CHECK(!name_from_message(message, sizeof(message), &at, &name));
	at = 0;
	CHECK(!name_from_message(message, 4, &at, &name));
}

static void test_hash(void)
{
	static const uint64_t seed[2] = {1, 2}, other[2] = {1, 3};
	struct dns_key a = {.type = DNS_A}, b = {.type = DNS_TXT};

	CHECK(name_from_text(STR("mx.Example"), &a.name));
	CHECK(name_from_text(STR("MX.example"), &b.name));
	dns_key_hash(&a, seed);
	dns_key_hash(&b, seed);
	CHECK(!dns_key_eq(&a, &b));
	CHECK(a.hash != b.hash);
	b.type = DNS_A;
	dns_key_hash(&b, seed);
	CHECK(dns_key_eq(&a, &b));
	dns_key_hash(&b, other);
	CHECK(a.hash != b.hash);
}

static void test_reverse(void)
{
	struct arena *arena = arena_new(NULL);
	struct ip ip;

	CHECK(ip_parse(STR("192.0.2.254"), &ip));
	CHECK_STR(dns_reverse_name(arena, &ip), "254.2.0.192.in-addr.arpa");
	CHECK(ip_parse(STR("2001:db8::567:89ab"), &ip));
	CHECK_STR(dns_reverse_name(arena, &ip), "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0."
						"8.b.d.0.1.0.0.2.ip6.arpa");
	CHECK_STR(str_of(dns_type_name(DNS_AAAA)), "AAAA");
	CHECK_STR(str_of(dns_type_name(DNS_PTR)), "PTR");
	arena_free(&arena);
}

int main(void)
{
	RUN(test_from_text);
	RUN(test_lengths);
	RUN(test_from_master);
	RUN(test_from_message);
	RUN(test_hash);
	RUN(test_reverse);
	return unit_done();
}
