/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The answer cache: shards with a lock each, so that threads seldom meet; in a shard a hash
 * table whose entries also form a list, the most recently used in front. A hit is one short
 * critical section and no system call.
 */

#include "filter/dns/cache.h"

#include <pthread.h>
#include <stdlib.h>

#define SHARDS 16
/* A shard smaller than this could not hold one large answer: then there is a single one. */
#define SHARD_BYTES_MIN 65536
/* What an entry is expected to take: the table gets a bucket for each. */
#define ENTRY_BYTES 512

struct entry {
	struct entry *chain;         /* of the bucket */
	struct entry *newer, *older; /* of the shard */
	const struct answer *answer;
	int64_t expires;
	size_t size;
	uint64_t hash;
	enum dns_type type;
	uint8_t n;
	uint8_t wire[];
};

struct shard {
	pthread_mutex_t lock;
	struct entry **buckets;
	size_t mask;
	struct entry *newest, *oldest;
	size_t bytes, limit;
};

struct cache {
	size_t shard_count;
	struct shard shards[SHARDS];
};

static bool shard_start(struct shard *shard, size_t limit)
{
	size_t buckets = 16;

	while (buckets < limit / ENTRY_BYTES)
		buckets *= 2;
	shard->buckets = calloc(buckets, sizeof(*shard->buckets));
	if (!shard->buckets)
		return false;
	shard->mask = buckets - 1;
	shard->limit = limit;
	pthread_mutex_init(&shard->lock, NULL);
	return true;
}

struct cache *cache_new(size_t bytes)
{
	struct cache *cache = calloc(1, sizeof(*cache));
	size_t shards = bytes / SHARDS >= SHARD_BYTES_MIN ? SHARDS : 1;

	if (!cache)
		return NULL;
	while (cache->shard_count < shards) {
		if (!shard_start(&cache->shards[cache->shard_count], bytes / shards)) {
			cache_free(&cache);
			return NULL;
		}
		cache->shard_count++;
	}
	return cache;
}

static struct shard *cache_shard(struct cache *cache, uint64_t hash)
{
	/* The low bits choose the bucket. */
	return &cache->shards[(hash >> 60) % cache->shard_count];
}

static void list_remove(struct shard *shard, struct entry *entry)
{
	if (entry->newer)
		entry->newer->older = entry->older;
	else
		shard->newest = entry->older;
	if (entry->older)
		entry->older->newer = entry->newer;
	else
		shard->oldest = entry->newer;
}

static void list_push(struct shard *shard, struct entry *entry)
{
	entry->newer = NULL;
	entry->older = shard->newest;
	if (shard->newest)
		shard->newest->newer = entry;
	else
		shard->oldest = entry;
	shard->newest = entry;
}

/* Where the pointer to the entry stands, or would stand. */
static struct entry **shard_find(struct shard *shard, const struct dns_key *key)
{
	struct entry **at = &shard->buckets[key->hash & shard->mask];

	while (*at &&
	       ((*at)->hash != key->hash || (*at)->type != key->type || (*at)->n != key->name.n ||
		memcmp((*at)->wire, key->name.wire, (*at)->n) != 0))
		at = &(*at)->chain;
	return at;
}

static void shard_drop(struct shard *shard, struct entry **at)
{
	struct entry *entry = *at;

	*at = entry->chain;
	list_remove(shard, entry);
	shard->bytes -= entry->size;
	answer_drop(entry->answer);
	free(entry);
}

static void shard_drop_oldest(struct shard *shard)
{
	struct entry **at = &shard->buckets[shard->oldest->hash & shard->mask];

	while (*at != shard->oldest)
		at = &(*at)->chain;
	shard_drop(shard, at);
}

void cache_free(struct cache **cache_p)
{
	struct cache *cache = *cache_p;

	if (!cache)
		return;
	*cache_p = NULL;
	for (size_t i = 0; i < cache->shard_count; i++) {
		struct shard *shard = &cache->shards[i];

		while (shard->oldest)
			shard_drop_oldest(shard);
		free(shard->buckets);
		pthread_mutex_destroy(&shard->lock);
	}
	free(cache);
}

const struct answer *cache_get(struct cache *cache, const struct dns_key *key, int64_t now)
{
	struct shard *shard = cache_shard(cache, key->hash);
	const struct answer *answer = NULL;
	struct entry **at;

	pthread_mutex_lock(&shard->lock);
	at = shard_find(shard, key);
	if (*at && (*at)->expires <= now) {
		shard_drop(shard, at);
	} else if (*at) {
		answer = answer_hold((*at)->answer);
		if (*at != shard->newest) {
			list_remove(shard, *at);
			list_push(shard, *at);
		}
	}
	pthread_mutex_unlock(&shard->lock);
	return answer;
}

static struct entry *entry_new(const struct dns_key *key, const struct answer *answer, int64_t now)
{
	size_t size = sizeof(struct entry) + key->name.n;
	struct entry *entry = malloc(size);

	if (!entry)
		return NULL;
	entry->answer = answer;
	entry->expires = now + (int64_t)answer->public.ttl * NS_PER_S;
	entry->size = size + answer->size;
	entry->hash = key->hash;
	entry->type = key->type;
	entry->n = key->name.n;
	memcpy(entry->wire, key->name.wire, key->name.n);
	return entry;
}

void cache_put(struct cache *cache, const struct dns_key *key, const struct answer *answer,
	       int64_t now)
{
	struct shard *shard = cache_shard(cache, key->hash);
	struct entry *entry = NULL;
	struct entry **at;

	if (answer->public.status != DNS_FAILED && answer->public.ttl > 0)
		entry = entry_new(key, answer, now);
	if (entry && entry->size > shard->limit) {
		free(entry);
		entry = NULL;
	}
	pthread_mutex_lock(&shard->lock);
	at = shard_find(shard, key);
	if (*at)
		shard_drop(shard, at);
	if (entry) {
		while (shard->bytes + entry->size > shard->limit)
			shard_drop_oldest(shard);
		answer_hold(answer);
		at = &shard->buckets[key->hash & shard->mask];
		entry->chain = *at;
		*at = entry;
		list_push(shard, entry);
		shard->bytes += entry->size;
	}
	pthread_mutex_unlock(&shard->lock);
}

size_t cache_bytes(struct cache *cache)
{
	size_t bytes = 0;

	for (size_t i = 0; i < cache->shard_count; i++) {
		pthread_mutex_lock(&cache->shards[i].lock);
		bytes += cache->shards[i].bytes;
		pthread_mutex_unlock(&cache->shards[i].lock);
	}
	return bytes;
}
