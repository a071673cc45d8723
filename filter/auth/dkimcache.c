/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Decoded RSA keys. Three quarters of the time of a verification go into d2i_PUBKEY_bio(), which
 * libopendkim calls anew for every signature; ours is found in its place, since a program's own
 * symbols come first, and remembers what it decoded. A key is found by all of its octets.
 */

#include "filter/auth/dkimcache.h"

#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/x509.h>

#define SLOTS 512      /* direct-mapped: 310 KB, and 2 MB of OpenSSL's when all are taken */
#define OCTETS_MAX 600 /* of a key; one of 4096 bits has 550, and no longer one gets here */
#define FNV_BASIS 14695981039346656037u
#define FNV_PRIME 1099511628211u

static struct slot {
	EVP_PKEY *key; /* NULL: empty */
	size_t n;
	unsigned char octets[OCTETS_MAX];
} slots[SLOTS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct slot *slot_of(const unsigned char *octets, size_t n)
{
	uint64_t hash = FNV_BASIS;

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ octets[i]) * FNV_PRIME;
	return &slots[(hash ^ hash >> 32) % SLOTS];
}

/* A reference to the key with these octets, or NULL. */
static EVP_PKEY *cache_find(struct slot *slot, const unsigned char *octets, size_t n)
{
	EVP_PKEY *key = NULL;

	pthread_mutex_lock(&lock);
	if (slot->key && slot->n == n && memcmp(slot->octets, octets, n) == 0 &&
	    EVP_PKEY_up_ref(slot->key))
		key = slot->key;
	pthread_mutex_unlock(&lock);
	return key;
}

static void cache_put(struct slot *slot, const unsigned char *octets, size_t n, EVP_PKEY *key)
{
	EVP_PKEY *old;

	if (!EVP_PKEY_up_ref(key))
		return;
	pthread_mutex_lock(&lock);
	old = slot->key;
	slot->key = key;
	slot->n = n;
	memcpy(slot->octets, octets, n);
	pthread_mutex_unlock(&lock);
	EVP_PKEY_free(old);
}

void dkimcache_clear(void)
{
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < SLOTS; i++) {
		EVP_PKEY_free(slots[i].key);
		slots[i].key = NULL;
	}
	pthread_mutex_unlock(&lock);
}

EVP_PKEY *d2i_PUBKEY_bio(BIO *bio, EVP_PKEY **key_r)
{
	unsigned char octets[OCTETS_MAX];
	const unsigned char *p = octets;
	int n = BIO_read(bio, octets, sizeof(octets));
	struct slot *slot;
	EVP_PKEY *key;

	if (n <= 0)
		return NULL;
	slot = slot_of(octets, (size_t)n);
	key = cache_find(slot, octets, (size_t)n);
	if (!key) {
		key = d2i_PUBKEY(NULL, &p, n);
		if (key)
			cache_put(slot, octets, (size_t)n, key);
	}
	if (key && key_r) {
		EVP_PKEY_free(*key_r);
		*key_r = key;
	}
	return key;
}
