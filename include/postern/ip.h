/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POSTERN_IP_H
#define POSTERN_IP_H

/*
 * IP addresses and networks. An address is 16 bytes in network order; IPv4 stands as the mapped
 * address ::ffff:a.b.c.d, so that a client that a dual-stack listener shows in mapped form is
 * the same client. A network's prefix length counts from the start of the 16 bytes (IPv4 /24 is
 * 120); ip_network_text() prints the customary form.
 */

#include <stdbool.h>
#include <stdint.h>

#include "postern/str.h"

struct ip {
	uint8_t bytes[16];
};

struct ip_network {
	struct ip ip;   /* bits past the prefix are zero */
	uint8_t prefix; /* 0 to 128 */
};

/* Parses dotted or colon form, whole string; no zone ids, no leading zeros in dotted form. */
bool ip_parse(struct str text, struct ip *ip_r);
/*
 * Parses ADDRESS or ADDRESS/LENGTH. On failure *why_r says what is wrong ("the length of an IPv4
 * network is at most 32", "host bits are set: 192.0.2.0/24 is meant").
 */
bool ip_network_parse(struct str text, struct ip_network *network_r, const char **why_r);

bool ip_is_v4(const struct ip *ip);
bool ip_eq(const struct ip *a, const struct ip *b);
bool ip_in(const struct ip *ip, const struct ip_network *network);
bool ip_is_loopback(const struct ip *ip);

#define IP_TEXT_MAX 64
/* Prints into `buf` of IP_TEXT_MAX bytes and returns it. IPv4 prints dotted. */
const char *ip_text(const struct ip *ip, char *buf);
const char *ip_network_text(const struct ip_network *network, char *buf);

#endif
