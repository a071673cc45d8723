/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which messages were being judged when a filter process crashed: in memory that outlives it. A
 * filter process notes a fingerprint for the length of each callback, the parent counts what a
 * crash has left there. It writes the counts while no filter process lives, so nothing is locked.
 */

#include "filter/milter/process.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "postern/clock.h"
#include "postern/log.h"

/* Callbacks at the same time beyond that are not noted; crashes have fewer. */
#define PLACES 1024
/*
 * Messages remembered; the one whose crash is the longest ago gives way. All of two crashes have
 * room: else who sends enough others at the same time would have each crash be the first.
 */
#define SUSPECTS (2 * PLACES)
#define LINES_MOST 10
/* No fingerprint: a place that is being written. */
#define TAKEN 1

struct suspect {
	uint64_t fingerprint, beginnings[SUSPECT_BEGINNINGS];
	int64_t last; /* when it crashed; 0: no entry */
	unsigned crashes;
	atomic_bool told; /* its deferral is logged */
};

struct place {
	_Atomic uint64_t fingerprint; /* 0: free */
	uint64_t beginnings[SUSPECT_BEGINNINGS];
};

struct suspects {
	uint64_t key;
	atomic_uint next; /* place to try */
	unsigned count;   /* of those that are deferred, or were */
	unsigned used;    /* of the entries: those behind never were */
	struct place places[PLACES];
	struct suspect entries[SUSPECTS];
};

struct suspects *suspects_new(void)
{
	struct suspects *s =
	    mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (s == MAP_FAILED)
		return NULL;
	if (getrandom(&s->key, sizeof(s->key), 0) != (ssize_t)sizeof(s->key))
		s->key = (uint64_t)clock_now(&clock_system);
	return s;
}

void suspects_free(struct suspects **s)
{
	if (*s)
		munmap(*s, sizeof(**s));
	*s = NULL;
}

/* FNV-1a, with a basis that nobody outside knows. */
uint64_t suspects_hash(const struct suspects *s, uint64_t before, const void *bytes, size_t n)
{
	const unsigned char *at = bytes;
	uint64_t hash = before ^ (s ? s->key : 0);

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ at[i]) * 0x100000001b3;
	/* So that "ab", "c" is not "a", "bc"; and 0 stands for no message. */
	hash = (hash ^ n) * 0x100000001b3;
	return hash > TAKEN ? hash : TAKEN + 1;
}

int suspects_enter(struct suspects *s, uint64_t fingerprint, const uint64_t *beginnings)
{
	unsigned first;

	if (!s || fingerprint == 0)
		return -1;
	first = atomic_fetch_add_explicit(&s->next, 1, memory_order_relaxed);
	for (unsigned i = 0; i < PLACES; i++) {
		struct place *place = &s->places[(first + i) % PLACES];
		uint64_t empty = 0;

		if (!atomic_compare_exchange_strong(&place->fingerprint, &empty, TAKEN))
			continue;
		memcpy(place->beginnings, beginnings, sizeof(place->beginnings));
		atomic_store(&place->fingerprint, fingerprint);
		return (int)(place - s->places);
	}
	return -1;
}

void suspects_leave(struct suspects *s, int place)
{
	if (place >= 0)
		atomic_store(&s->places[place].fingerprint, 0);
}

static bool is_fresh(const struct suspect *entry, int64_t now)
{
	return entry->last != 0 && now - entry->last < SUSPECT_TIME;
}

static bool begins_so(const struct suspect *entry, uint64_t fingerprint)
{
	for (size_t i = 0; i < SUSPECT_BEGINNINGS; i++)
		if (entry->beginnings[i] == fingerprint)
			return true;
	return false;
}

enum suspicion suspects_suspicion(struct suspects *s, uint64_t fingerprint, bool *first_r)
{
	enum suspicion found = SUSPICION_NONE;
	int64_t now;

	*first_r = false;
	if (!s || s->count == 0 || fingerprint == 0)
		return SUSPICION_NONE;
	now = clock_now(&clock_system);
	for (size_t i = 0; i < s->used; i++) {
		struct suspect *entry = &s->entries[i];

		if (entry->crashes < SUSPECT_CRASHES || !is_fresh(entry, now))
			continue;
		if (entry->fingerprint == fingerprint) {
			*first_r = !atomic_exchange(&entry->told, true);
			return SUSPICION_DEFER;
		}
		if (begins_so(entry, fingerprint))
			found = SUSPICION_POSTPONE;
	}
	return found;
}

/* Its entry, or the one that it gets. */
static struct suspect *entry_of(struct suspects *s, uint64_t fingerprint, int64_t now)
{
	struct suspect *oldest = &s->entries[0];

	for (size_t i = 0; i < s->used; i++) {
		struct suspect *entry = &s->entries[i];

		if (entry->fingerprint == fingerprint && is_fresh(entry, now))
			return entry;
		if (entry->last < oldest->last)
			oldest = entry;
	}
	if (s->used < SUSPECTS && (s->used == 0 || is_fresh(oldest, now)))
		oldest = &s->entries[s->used++];
	memset(oldest, 0, sizeof(*oldest));
	oldest->fingerprint = fingerprint;
	return oldest;
}

void suspects_crashed(struct suspects *s)
{
	int64_t now = clock_now(&clock_system);
	unsigned lines = 0;

	if (!s)
		return;
	for (size_t i = 0; i < PLACES; i++) {
		uint64_t fingerprint = atomic_exchange(&s->places[i].fingerprint, 0);
		struct suspect *entry;

		if (fingerprint <= TAKEN)
			continue;
		entry = entry_of(s, fingerprint, now);
		memcpy(entry->beginnings, s->places[i].beginnings, sizeof(entry->beginnings));
		/* On two connections at once it is still one crash. */
		if (entry->last == now)
			continue;
		entry->last = now;
		if (++entry->crashes >= SUSPECT_CRASHES) {
			s->count++;
			atomic_store(&entry->told, false);
		}
		if (lines++ < LINES_MOST)
			log_line(LOG_LEVEL_ERROR,
				 "message %016llx was being judged when the filter process "
				 "crashed (%u%s)",
				 (unsigned long long)fingerprint, entry->crashes,
				 entry->crashes >= SUSPECT_CRASHES ? ": deferred from now on" : "");
	}
}
