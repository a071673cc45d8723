/* SPDX-License-Identifier: BSD-2-Clause */
/* Sets of networks: sorted, disjoint ranges of each family. */

#include <stdlib.h>

#include "filter/table/store.h"

static uint32_t number_of(const struct ip *ip)
{
	return (uint32_t)ip->bytes[12] << 24 | (uint32_t)ip->bytes[13] << 16 |
	       (uint32_t)ip->bytes[14] << 8 | ip->bytes[15];
}

static size_t more_room(size_t room)
{
	return room > 0 ? room + room / 2 : 8;
}

bool networks_add(struct arena *arena, struct networks *networks, struct str item,
		  const char **why_r)
{
	struct ip_network network;
	struct ip last;

	if (!ip_network_parse(item, &network, why_r))
		return false;
	last = network.ip;
	for (unsigned bit = network.prefix; bit < 128; bit++)
		last.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	if (ip_is_v4(&network.ip) && network.prefix >= 96) {
		if (networks->four_count == networks->four_room) {
			networks->four_room = more_room(networks->four_room);
			networks->four = store_resize(arena, networks->four,
						      networks->four_room * sizeof(struct range4));
		}
		networks->four[networks->four_count++] =
		    (struct range4){number_of(&network.ip), number_of(&last)};
		return true;
	}
	if (networks->six_count == networks->six_room) {
		networks->six_room = more_room(networks->six_room);
		networks->six =
		    store_resize(arena, networks->six, networks->six_room * sizeof(struct range6));
	}
	networks->six[networks->six_count++] = (struct range6){network.ip, last};
	return true;
}

/* By first address, the larger network before those that it holds. */
static int by_first4(const void *va, const void *vb)
{
	const struct range4 *a = va, *b = vb;

	if (a->first != b->first)
		return a->first < b->first ? -1 : 1;
	return a->last == b->last ? 0 : a->last > b->last ? -1 : 1;
}

static int by_first6(const void *va, const void *vb)
{
	const struct range6 *a = va, *b = vb;
	int order = memcmp(a->first.bytes, b->first.bytes, 16);

	return order != 0 ? order : memcmp(b->last.bytes, a->last.bytes, 16);
}

/* Networks nest or are disjoint, so the outer one stays. */
void networks_finish(struct arena *arena, struct networks *networks)
{
	size_t kept = 0;

	if (networks->four_count > 0) {
		qsort(networks->four, networks->four_count, sizeof(struct range4), by_first4);
		for (size_t i = 1; i < networks->four_count; i++)
			if (networks->four[i].first > networks->four[kept].last)
				networks->four[++kept] = networks->four[i];
		networks->four_count = networks->four_room = kept + 1;
		networks->four = store_resize(arena, networks->four,
					      networks->four_room * sizeof(struct range4));
	}
	kept = 0;
	if (networks->six_count > 0) {
		qsort(networks->six, networks->six_count, sizeof(struct range6), by_first6);
		for (size_t i = 1; i < networks->six_count; i++)
			if (memcmp(networks->six[i].first.bytes, networks->six[kept].last.bytes,
				   16) > 0)
				networks->six[++kept] = networks->six[i];
		networks->six_count = networks->six_room = kept + 1;
		networks->six =
		    store_resize(arena, networks->six, networks->six_room * sizeof(struct range6));
	}
}

static bool have4(const struct networks *networks, uint32_t ip)
{
	size_t low = 0, high = networks->four_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (ip < networks->four[middle].first)
			high = middle;
		else if (ip > networks->four[middle].last)
			low = middle + 1;
		else
			return true;
	}
	return false;
}

static bool have6(const struct networks *networks, const struct ip *ip)
{
	size_t low = 0, high = networks->six_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (memcmp(ip->bytes, networks->six[middle].first.bytes, 16) < 0)
			high = middle;
		else if (memcmp(ip->bytes, networks->six[middle].last.bytes, 16) > 0)
			low = middle + 1;
		else
			return true;
	}
	return false;
}

bool networks_have(const struct networks *networks, const struct ip *ip)
{
	return ip_is_v4(ip) ? have4(networks, number_of(ip)) : have6(networks, ip);
}

static struct ip mapped(uint32_t number)
{
	return (struct ip){{[10] = 0xff,
			    [11] = 0xff,
			    [12] = (uint8_t)(number >> 24),
			    [13] = (uint8_t)(number >> 16),
			    [14] = (uint8_t)(number >> 8),
			    [15] = (uint8_t)number}};
}

const struct ip *networks_all(const struct networks *networks, struct arena *arena)
{
	size_t count = 0;
	struct ip *all =
	    arena_array(arena, 2 * (networks->four_count + networks->six_count) + 1, sizeof(*all));

	for (size_t i = 0; i < networks->six_count; i++) {
		all[count++] = networks->six[i].first;
		all[count++] = networks->six[i].last;
	}
	for (size_t i = 0; i < networks->four_count; i++) {
		all[count++] = mapped(networks->four[i].first);
		all[count++] = mapped(networks->four[i].last);
	}
	return all;
}

void networks_free(struct networks *networks)
{
	free(networks->four);
	free(networks->six);
	*networks = (struct networks){0};
}
