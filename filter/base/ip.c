/* SPDX-License-Identifier: BSD-2-Clause */
/* IP addresses and networks, IPv4 as mapped IPv6 throughout. */

#include "postern/ip.h"

#include <arpa/inet.h>
#include <stdio.h>

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool ip_parse(struct str text, struct ip *ip_r)
{
	char buf[INET6_ADDRSTRLEN + 1];

	/* inet_pton() reads C strings: a NUL inside must not hide what follows. */
	if (text.n == 0 || text.n >= sizeof(buf) || str_chr(text, '\0') >= 0)
		return false;
	memcpy(buf, text.s, text.n);
	buf[text.n] = '\0';
	if (str_chr(text, ':') >= 0)
		return inet_pton(AF_INET6, buf, ip_r->bytes) == 1;
	memcpy(ip_r->bytes, mapped, sizeof(mapped));
	return inet_pton(AF_INET, buf, ip_r->bytes + 12) == 1;
}

static void mask(struct ip *ip, unsigned prefix)
{
	for (unsigned i = 0; i < 16; i++) {
		if (prefix >= 8 * (i + 1))
			continue;
		if (prefix <= 8 * i)
			ip->bytes[i] = 0;
		else
			ip->bytes[i] &= (uint8_t)(0xff << (8 * (i + 1) - prefix));
	}
}

/* As routers abbreviate networks: 10/8, 192.168/16. */
static bool is_short(struct str address)
{
	size_t dots = 0;

	for (size_t i = 0; i < address.n; i++) {
		if (address.s[i] == '.')
			dots++;
		else if (address.s[i] < '0' || address.s[i] > '9')
			return false;
	}
	return address.n > 0 && dots < 3;
}

bool ip_network_parse(struct str text, struct ip_network *network_r, const char **why_r)
{
	ptrdiff_t slash = str_chr(text, '/');
	struct str address = slash < 0 ? text : str_sub(text, 0, (size_t)slash);
	struct ip masked;
	uint64_t length;
	bool dotted = str_chr(address, ':') < 0;

	if (!ip_parse(address, &network_r->ip)) {
		*why_r = is_short(address)
			     ? "an IPv4 network is written with four numbers, as 10.0.0.0/8"
			     : "not an IP address";
		return false;
	}
	network_r->prefix = 128;
	if (slash < 0)
		return true;
	if (!str_uint(str_sub(text, (size_t)slash + 1, text.n), 1000, &length) ||
	    length > (dotted ? 32 : 128)) {
		*why_r = dotted ? "the length of an IPv4 network is a number up to 32"
				: "the length of an IPv6 network is a number up to 128";
		return false;
	}
	network_r->prefix = (uint8_t)(dotted ? length + 96 : length);
	masked = network_r->ip;
	mask(&masked, network_r->prefix);
	if (!ip_eq(&masked, &network_r->ip)) {
		*why_r = "bits are set past the network's length";
		return false;
	}
	return true;
}

bool ip_is_v4(const struct ip *ip)
{
	return memcmp(ip->bytes, mapped, sizeof(mapped)) == 0;
}

bool ip_eq(const struct ip *a, const struct ip *b)
{
	return memcmp(a->bytes, b->bytes, 16) == 0;
}

bool ip_in(const struct ip *ip, const struct ip_network *network)
{
	struct ip masked = *ip;

	/* ::/0 and other short IPv6 networks do not hold IPv4 clients, though those are mapped. */
	if (network->prefix < 96 && ip_is_v4(ip))
		return false;
	mask(&masked, network->prefix);
	return ip_eq(&masked, &network->ip);
}

bool ip_is_loopback(const struct ip *ip)
{
	static const uint8_t loopback6[16] = {[15] = 1};

	return ip_is_v4(ip) ? ip->bytes[12] == 127 : memcmp(ip->bytes, loopback6, 16) == 0;
}

/* inet_ntop() would go through sprintf(), and this is done several times a message. */
static void dotted(const uint8_t *bytes, char *buf)
{
	for (int i = 0; i < 4; i++) {
		unsigned value = bytes[i];

		if (i > 0)
			*buf++ = '.';
		if (value >= 100)
			*buf++ = (char)('0' + value / 100);
		if (value >= 10)
			*buf++ = (char)('0' + value / 10 % 10);
		*buf++ = (char)('0' + value % 10);
	}
	*buf = '\0';
}

const char *ip_text(const struct ip *ip, char *buf)
{
	if (ip_is_v4(ip))
		dotted(ip->bytes + 12, buf);
	else
		inet_ntop(AF_INET6, ip->bytes, buf, IP_TEXT_MAX);
	return buf;
}

const char *ip_network_text(const struct ip_network *network, char *buf)
{
	bool v4 = ip_is_v4(&network->ip) && network->prefix >= 96;
	size_t n;

	ip_text(&network->ip, buf);
	n = strlen(buf);
	if (network->prefix < 128)
		snprintf(buf + n, IP_TEXT_MAX - n, "/%d", network->prefix - (v4 ? 96 : 0));
	return buf;
}
