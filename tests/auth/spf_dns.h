/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_AUTH_SPF_DNS_H
#define TESTS_AUTH_SPF_DNS_H

/*
 * A double of the lookups for the tests of SPF: a list of records in memory. Answers come at
 * once, or only after lookups_wait(): all pending ones, or one by one. It counts the waits.
 */

#include <stdlib.h>

#include "postern/arena.h"
#include "postern/dns.h"
#include "postern/ip.h"

enum arrival { ARRIVE_AT_ONCE, ARRIVE_TOGETHER, ARRIVE_OLDEST_FIRST, ARRIVE_NEWEST_FIRST };

struct zone_record {
	struct str name;
	int type; /* enum dns_type, or 0: all other types of the name time out */
	struct str data;
};

struct zone {
	struct arena *arena;
	VEC(struct zone_record) records;
};

struct question {
	struct str name;
	enum dns_type type;
	bool answered;
	struct dns_answer answer;
};

struct lookups {
	struct arena *arena;
	const struct zone *zone;
	enum arrival arrival;
	struct clock *clock; /* a wait moves it on by `latency` */
	int64_t latency;
	size_t rounds;
	VEC(struct question *) questions;
};

static inline struct str zone_name(struct str name)
{
	return str_sub(name, 0, str_ends(name, STR(".")) ? name.n - 1 : name.n);
}

/* `data` as in the answer; of A and AAAA as text. */
static inline void zone_add(struct zone *zone, struct str name, int type, struct str data)
{
	struct ip ip;

	if (type == DNS_A || type == DNS_AAAA) {
		if (!ip_parse(data, &ip))
			abort();
		data.s = (char *)ip.bytes + (type == DNS_A ? 12 : 0);
		data.n = type == DNS_A ? 4 : 16;
	} else if (type != DNS_TXT) {
		data = str_lower(zone->arena, zone_name(data));
	}
	*vec_push(zone->arena, &zone->records) = (struct zone_record){
	    str_dup(zone->arena, zone_name(name)), type, str_dup(zone->arena, data)};
}

/* As much as the resolver lets through. */
#define TXT_MOST 16384

static inline bool name_fits(struct str name)
{
	size_t label = 0;

	if (name.n == 0 || name.n > 253)
		return false;
	for (size_t i = 0; i < name.n; i++) {
		if (name.s[i] == '.' ? label == 0 : label == 63)
			return false;
		label = name.s[i] == '.' ? 0 : label + 1;
	}
	return label > 0;
}

static inline void question_answer(struct lookups *lookups, struct question *question)
{
	VEC(struct dns_record) found = {0};
	struct str name = zone_name(question->name);
	bool exists = false, timeout = false;

	for (int hops = 0; hops < 9; hops++) {
		struct str alias = {"", 0};

		for (size_t i = 0; i < lookups->zone->records.count; i++) {
			const struct zone_record *r = &lookups->zone->records.items[i];

			if (!name_fits(name) || !str_caseeq(r->name, name))
				continue;
			exists = true;
			timeout = timeout || r->type == 0 || hops == 8;
			if (r->type == (int)question->type)
				*vec_push(lookups->arena, &found) =
				    (struct dns_record){.data = r->data};
			else if (r->type == DNS_CNAME)
				alias = r->data;
		}
		if (found.count > 0 || alias.n == 0)
			break;
		name = alias;
	}
	question->answered = true;
	question->answer.count = found.count;
	question->answer.records = found.items;
	question->answer.status = found.count > 0 ? DNS_FOUND
				  : timeout       ? DNS_FAILED
				  : exists        ? DNS_NODATA
						  : DNS_NXDOMAIN;
	question->answer.problem = question->answer.status == DNS_FAILED ? "timed out" : NULL;
	for (size_t i = 0; i < found.count; i++)
		if (question->type == DNS_TXT && found.items[i].data.n > TXT_MOST)
			question->answer = (struct dns_answer){
			    .status = DNS_FAILED, .problem = "answer too large", .oversize = true};
}

const struct dns_answer *lookups_get(struct lookups *lookups, struct str name, enum dns_type type,
				     enum lookup_for purpose)
{
	struct question *question = NULL;

	(void)purpose;
	for (size_t i = 0; i < lookups->questions.count; i++)
		if (lookups->questions.items[i]->type == type &&
		    str_caseeq(lookups->questions.items[i]->name, name))
			question = lookups->questions.items[i];
	if (!question) {
		question = arena_new_of(lookups->arena, struct question);
		question->name = str_dup(lookups->arena, name);
		question->type = type;
		*vec_push(lookups->arena, &lookups->questions) = question;
		if (lookups->arrival == ARRIVE_AT_ONCE)
			question_answer(lookups, question);
	}
	return question->answered ? &question->answer : NULL;
}

bool lookups_wait(struct lookups *lookups, int64_t deadline)
{
	size_t count = lookups->questions.count;
	bool any = false;

	(void)deadline;
	for (size_t i = 0; i < count; i++) {
		size_t k = lookups->arrival == ARRIVE_NEWEST_FIRST ? count - 1 - i : i;
		struct question *question = lookups->questions.items[k];

		if (question->answered || (any && lookups->arrival != ARRIVE_TOGETHER))
			continue;
		question_answer(lookups, question);
		any = true;
	}
	if (any) {
		lookups->rounds++;
		if (lookups->clock)
			clock_advance(lookups->clock, lookups->latency);
	}
	return any;
}

int64_t lookups_time(const struct lookups *lookups)
{
	return lookups->clock ? clock_now(lookups->clock) : 0;
}

const char *dns_type_name(enum dns_type type)
{
	return type == DNS_A      ? "A"
	       : type == DNS_AAAA ? "AAAA"
	       : type == DNS_MX   ? "MX"
	       : type == DNS_PTR  ? "PTR"
				  : "TXT";
}

struct str dns_reverse_name(struct arena *arena, const struct ip *ip)
{
	struct buf out = {.arena = arena};

	if (ip_is_v4(ip))
		return str_printf(arena, "%d.%d.%d.%d.in-addr.arpa", ip->bytes[15], ip->bytes[14],
				  ip->bytes[13], ip->bytes[12]);
	for (size_t i = 16; i-- > 0;)
		buf_printf(&out, "%x.%x.", ip->bytes[i] & 0xfU, ip->bytes[i] >> 4);
	buf_puts(&out, "ip6.arpa");
	return buf_str(&out);
}

#endif
