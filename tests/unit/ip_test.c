/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses and networks: what is one, what is none, and which holds which. */

#include "postern/ip.h"

#include "tests/unit/unit.h"

static bool parses(const char *text)
{
	struct ip ip;

	return ip_parse(str_of(text), &ip);
}

static struct ip ip(const char *text)
{
	struct ip address = {{0}};

	CHECK(ip_parse(str_of(text), &address));
	return address;
}

static struct ip_network network(const char *text)
{
	struct ip_network net = {{{0}}, 0};
	const char *why = "";

	if (!ip_network_parse(str_of(text), &net, &why))
		printf("%s: %s\n", text, why);
	CHECK(ip_network_parse(str_of(text), &net, &why));
	return net;
}

static bool in(const char *address, const char *net)
{
	struct ip a = ip(address);
	struct ip_network n = network(net);

	return ip_in(&a, &n);
}

static void test_addresses(void)
{
	static const char *const right[] = {"192.0.2.1",
					    "0.0.0.0",
					    "255.255.255.255",
					    "::",
					    "::1",
					    "2001:db8::1",
					    "2001:DB8:0:0:0:0:0:1",
					    "::ffff:192.0.2.1",
					    "64:ff9b::192.0.2.1",
					    "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255"};
	static const char *const wrong[] = {
	    "",
	    "192.0.2",
	    "192.0.2.1.1",
	    "192.0.2.256",
	    "192.0.2.01",
	    "192.0.2.1 ",
	    " 192.0.2.1",
	    "0x7f.0.0.1",
	    "2130706433",
	    "1.2.3.400",
	    ":",
	    ":::",
	    "1::2::3",
	    "2001:db8::g",
	    "fe80::1%eth0",
	    "[::1]",
	    "2001:db8::/32",
	    "12345::",
	    "1:2:3:4:5:6:7",
	    "1:2:3:4:5:6:7:8:9",
	    "::ffff:192.0.2.1111111111111111111111111111111111111111",
	    "IPv6:::1"};

	for (size_t i = 0; i < sizeof(right) / sizeof(*right); i++)
		CHECK(parses(right[i]));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		if (parses(wrong[i])) {
			printf("'%s' is taken\n", wrong[i]);
			CHECK(false);
		}
	/* A NUL inside does not hide what follows it. */
	CHECK(!ip_parse((struct str){"192.0.2.1\0.evil", 15}, &(struct ip){{0}}));
	CHECK(!ip_parse((struct str){"::1\0", 4}, &(struct ip){{0}}));
}

static void test_texts(void)
{
	static const char *const same[] = {"192.0.2.1", "::1", "2001:db8::1", "::"};
	static const char *const nets[] = {"192.0.2.0/24",   "0.0.0.0/0",  "192.0.2.1",
					   "::/0",           "::1",        "2001:db8::/32",
					   "2001:db8::/127", "10.0.0.0/8", "192.0.2.0/31"};
	char buf[IP_TEXT_MAX];

	for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++) {
		struct ip a = ip(same[i]);

		CHECK_STR(str_of(ip_text(&a, buf)), same[i]);
	}
	for (size_t i = 0; i < sizeof(nets) / sizeof(*nets); i++) {
		struct ip_network n = network(nets[i]);

		CHECK_STR(str_of(ip_network_text(&n, buf)), nets[i]);
	}
	struct ip long_one = ip("ffff:ffff:ffff:ffff:ffff:fffe:ffff:ffff");

	CHECK_STR(str_of(ip_text(&long_one, buf)), "ffff:ffff:ffff:ffff:ffff:fffe:ffff:ffff");
}

/* The mapped form is the same client. */
static void test_mapped_addresses(void)
{
	struct ip four = ip("192.0.2.1"), mapped = ip("::ffff:192.0.2.1"),
		  hex = ip("::ffff:c000:201");
	struct ip compatible = ip("::192.0.2.1");

	CHECK(ip_eq(&four, &mapped) && ip_eq(&four, &hex));
	CHECK(ip_is_v4(&mapped) && !ip_is_v4(&compatible));
	CHECK(!ip_eq(&four, &compatible));
	CHECK(in("::ffff:192.0.2.1", "192.0.2.0/24"));
	CHECK(in("192.0.2.1", "::ffff:192.0.2.0/120"));
	CHECK(in("192.0.2.1", "::ffff:0:0/96"));
	CHECK_INT(network("192.0.2.0/24").prefix, 120);
}

static void test_networks(void)
{
	CHECK(in("192.0.2.255", "192.0.2.0/24"));
	CHECK(!in("192.0.3.0", "192.0.2.0/24"));
	CHECK(in("192.0.2.129", "192.0.2.128/25") && !in("192.0.2.127", "192.0.2.128/25"));
	CHECK(in("192.0.2.1", "192.0.2.1") && !in("192.0.2.2", "192.0.2.1"));
	CHECK(in("192.0.2.1", "0.0.0.0/0") && in("255.255.255.255", "0.0.0.0/0"));
	CHECK(in("2001:db8:ffff::1", "2001:db8::/32") && !in("2001:db9::", "2001:db8::/32"));
	CHECK(in("2001:db8::1", "2001:db8::/127") && !in("2001:db8::2", "2001:db8::/127"));
	/* One family does not hold the other. */
	CHECK(in("2001:db8::1", "::/0"));
	CHECK(!in("192.0.2.1", "::/0") && !in("::ffff:192.0.2.1", "::/0"));
	CHECK(!in("192.0.2.1", "::/1") && !in("192.0.2.1", "::/80"));
	CHECK(!in("2001:db8::1", "0.0.0.0/0") && !in("::1", "0.0.0.0/0"));
	CHECK(!in("::192.0.2.1", "192.0.2.0/24"));
	CHECK(in("::1", "::/96"));
}

static void test_networks_that_are_none(void)
{
	static const char *const wrong[] = {"",
					    "/",
					    "/24",
					    "192.0.2.0/",
					    "192.0.2.0/33",
					    "192.0.2.0/99",
					    "192.0.2.0/-1",
					    "192.0.2.0/+8",
					    "192.0.2.0/8 ",
					    "192.0.2.0/24/8",
					    "192.0.2.1/24",
					    "192.0.2.0/23x",
					    "2001:db8::/129",
					    "2001:db8::1/64",
					    "::1/0",
					    "not an ip",
					    "10/8",
					    "192.0.2.0/255.255.255.0",
					    "192.0.2.0/18446744073709551640",
					    "1.2.3.400"};
	struct ip_network net;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		const char *why = NULL;

		if (ip_network_parse(str_of(wrong[i]), &net, &why)) {
			printf("'%s' is taken\n", wrong[i]);
			CHECK(false);
		}
		CHECK(why != NULL);
	}
}

/* Every length of prefix against every single bit that may differ. */
static void test_every_prefix(void)
{
	for (unsigned prefix = 0; prefix <= 128; prefix++) {
		struct ip_network net = {.prefix = (uint8_t)prefix};

		for (unsigned bit = 0; bit < 128; bit++) {
			struct ip a = {{0}};

			a.bytes[bit / 8] = (uint8_t)(0x80 >> bit % 8);
			CHECK_INT(ip_in(&a, &net), bit >= prefix);
		}
	}
}

static void test_loopback(void)
{
	struct ip a = ip("127.0.0.1"), b = ip("127.255.0.1"), c = ip("::1"), d = ip("128.0.0.1");
	struct ip e = ip("::2"), f = ip("::ffff:127.0.0.1");

	CHECK(ip_is_loopback(&a) && ip_is_loopback(&b) && ip_is_loopback(&c) && ip_is_loopback(&f));
	CHECK(!ip_is_loopback(&d) && !ip_is_loopback(&e));
}

int main(void)
{
	RUN(test_addresses);
	RUN(test_texts);
	RUN(test_mapped_addresses);
	RUN(test_networks);
	RUN(test_networks_that_are_none);
	RUN(test_every_prefix);
	RUN(test_loopback);
	return unit_done();
}
