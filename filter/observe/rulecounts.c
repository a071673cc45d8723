/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The counts of rules: slots with a name each, in shared memory, and beside them, in the process
 * alone, the way from a name to its slot. Slots get their names while no one else looks, when a
 * policy is put in force; all that happens in between is adding.
 */

#include "filter/observe/rulecounts.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "postern/clock.h"
#include "postern/policy.h"

#define BUCKETS 2048
#define NONE UINT16_MAX
#define OTHER RULES_MOST /* the slot of those that have none */
#define NAME_KEPT 100    /* of a name that is too long; a hash stands for the rest */

struct slot_of_rule {
	atomic_bool named; /* set last: without it the slot is free */
	char name[RULE_NAME_MOST];
	atomic_uint_least64_t hits, observed, failures;
	atomic_int_least64_t last;
	/* Of the policy in force; what follows is under the lock. */
	int position; /* -1: of another */
	bool decides;
	enum verdict verdict;
};

struct rule_counts {
	struct slot_of_rule slots[RULES_MOST + 1];
};

static struct {
	pthread_rwlock_t lock;
	uint16_t buckets[BUCKETS], chain[RULES_MOST];
} room = {.lock = PTHREAD_RWLOCK_INITIALIZER};

/* FNV-1a: names come from the policy's author, who has no reason to make them collide. */
static uint64_t hash_of(struct str name)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < name.n; i++)
		hash = (hash ^ (unsigned char)name.s[i]) * UINT64_C(0x100000001b3);
	return hash;
}

static void key_of(struct str name, char key[RULE_NAME_MOST])
{
	if (name.n < RULE_NAME_MOST)
		snprintf(key, RULE_NAME_MOST, STR_FMT, STR_ARG(name));
	else
		snprintf(key, RULE_NAME_MOST, "%.*s~%016llx", NAME_KEPT, name.s,
			 (unsigned long long)hash_of(name));
}

static uint16_t *bucket_of(const char *key)
{
	return &room.buckets[hash_of(str_of(key)) % BUCKETS];
}

/* The lock is held. */
static size_t find(const struct rule_counts *rules, const char *key)
{
	for (uint16_t at = *bucket_of(key); at != NONE; at = room.chain[at])
		if (strcmp(rules->slots[at].name, key) == 0)
			return at;
	return OTHER;
}

static void index_slot(const struct rule_counts *rules, size_t at)
{
	uint16_t *bucket = bucket_of(rules->slots[at].name);

	room.chain[at] = *bucket;
	*bucket = (uint16_t)at;
}

static void index_all(const struct rule_counts *rules)
{
	memset(room.buckets, 0xff, sizeof(room.buckets));
	for (size_t i = 0; i < RULES_MOST; i++)
		if (atomic_load(&rules->slots[i].named))
			index_slot(rules, i);
}

static void slot_name(struct slot_of_rule *slot, const char *key)
{
	atomic_store(&slot->named, false);
	atomic_store(&slot->hits, 0);
	atomic_store(&slot->observed, 0);
	atomic_store(&slot->failures, 0);
	atomic_store(&slot->last, 0);
	memcpy(slot->name, key, strlen(key) + 1);
	atomic_store(&slot->named, true);
}

/* A free slot, else of those not in force the one that was needed least lately; OTHER: none. */
static size_t claim(const struct rule_counts *rules)
{
	size_t oldest = OTHER;

	for (size_t i = 0; i < RULES_MOST; i++) {
		const struct slot_of_rule *slot = &rules->slots[i];

		if (!atomic_load(&slot->named))
			return i;
		if (slot->position < 0 &&
		    (oldest == OTHER ||
		     atomic_load(&slot->last) < atomic_load(&rules->slots[oldest].last)))
			oldest = i;
	}
	return oldest;
}

struct rule_counts *rulecounts_new(void)
{
	struct rule_counts *rules =
	    mmap(NULL, sizeof(*rules), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (rules == MAP_FAILED)
		return NULL;
	strcpy(rules->slots[OTHER].name, "(other)");
	rules->slots[OTHER].position = -1;
	return rules;
}

void rulecounts_begin(struct rule_counts *rules)
{
	for (size_t i = 0; i < RULES_MOST; i++)
		rules->slots[i].position = -1;
	index_all(rules);
}

void rulecounts_adopt(struct rule_counts *rules, const struct policy *policy)
{
	char key[RULE_NAME_MOST];

	pthread_rwlock_wrlock(&room.lock);
	/* All that keep their place first: none of them may go for another. */
	for (size_t i = 0; i < RULES_MOST; i++)
		rules->slots[i].position = -1;
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < policy->rule_count; i++) {
			const struct plan_rule *rule = &policy->rules[i];
			size_t at;

			key_of(rule->name, key);
			at = find(rules, key);
			if (at == OTHER && round == 1 && (at = claim(rules)) != OTHER) {
				slot_name(&rules->slots[at], key);
				index_all(rules);
			}
			if (at == OTHER || rules->slots[at].position >= 0)
				continue;
			rules->slots[at].position = (int)i;
			rules->slots[at].decides = rule->decisive;
			rules->slots[at].verdict = rule->verdict;
		}
	}
	pthread_rwlock_unlock(&room.lock);
}

void rulecounts_add(struct rule_counts *rules, struct str name, enum rule_event event)
{
	char key[RULE_NAME_MOST];
	struct slot_of_rule *slot;

	key_of(name, key);
	pthread_rwlock_rdlock(&room.lock);
	slot = &rules->slots[find(rules, key)];
	if (event == RULE_FAILURE) {
		counter_add(&slot->failures);
	} else {
		counter_add(event == RULE_HIT ? &slot->hits : &slot->observed);
		atomic_store_explicit(&slot->last, clock_time(&clock_system), memory_order_relaxed);
	}
	pthread_rwlock_unlock(&room.lock);
}

struct place {
	int position;
	size_t slot;
};

static int by_position(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->position != y->position)
		return (unsigned)x->position < (unsigned)y->position ? -1 : 1;
	return x->slot < y->slot ? -1 : 1;
}

static void view_slot(const struct slot_of_rule *slot, struct rule_view *view_r)
{
	memcpy(view_r->name, slot->name, sizeof(view_r->name));
	view_r->in_force = slot->position >= 0;
	view_r->decides = slot->decides;
	view_r->verdict = slot->verdict;
	view_r->hits = counter_read(&slot->hits);
	view_r->observed = counter_read(&slot->observed);
	view_r->failures = counter_read(&slot->failures);
	view_r->last = atomic_load_explicit(&slot->last, memory_order_relaxed);
}

void counters_each_rule(const struct counters *counters,
			void (*visit)(void *ctx, const struct rule_view *rule), void *ctx)
{
	const struct rule_counts *rules = counters->rules;
	struct place places[RULES_MOST + 1];
	struct rule_view view;
	size_t count = 0;

	pthread_rwlock_rdlock(&room.lock);
	for (size_t i = 0; i <= RULES_MOST; i++) {
		const struct slot_of_rule *slot = &rules->slots[i];

		if (i == OTHER ? counter_read(&slot->hits) + counter_read(&slot->observed) +
					 counter_read(&slot->failures) >
				     0
			       : atomic_load(&slot->named))
			places[count++] = (struct place){slot->position, i};
	}
	qsort(places, count, sizeof(places[0]), by_position);
	for (size_t i = 0; i < count; i++) {
		view_slot(&rules->slots[places[i].slot], &view);
		visit(ctx, &view);
	}
	pthread_rwlock_unlock(&room.lock);
}
