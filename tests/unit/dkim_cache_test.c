/* SPDX-License-Identifier: BSD-2-Clause */
/* The cache of decoded keys: it stands in OpenSSL's place, and never gives a wrong key. */

#include <dlfcn.h>
#include <pthread.h>

#include <openssl/x509.h>

#include "filter/auth/dkimcache.h"
#include "filter/auth/dkimtag.h"
#include "postern/arena.h"
#include "tests/unit/dkim_signer.h"
#include "tests/unit/unit.h"

#define KEYS 700 /* more than it has room for */

static struct arena *arena;
static struct str keys[KEYS];

static EVP_PKEY *decode(struct str octets)
{
	BIO *bio = BIO_new_mem_buf(octets.s, (int)octets.n);
	EVP_PKEY *key = d2i_PUBKEY_bio(bio, NULL);

	BIO_free(bio);
	return key;
}

static bool is_key_of(EVP_PKEY *key, struct str octets)
{
	unsigned char *der = NULL;
	int n = i2d_PUBKEY(key, &der);
	bool same = n > 0 && str_eq((struct str){(char *)der, (size_t)n}, octets);

	OPENSSL_free(der);
	return same;
}

/* libopendkim finds the program's function, as any library does. */
static void test_in_place(void)
{
	CHECK(dlsym(RTLD_DEFAULT, "d2i_PUBKEY_bio") == (void *)d2i_PUBKEY_bio);
	CHECK(dlsym(RTLD_NEXT, "d2i_PUBKEY_bio") != (void *)d2i_PUBKEY_bio);
}

static void test_remembers(void)
{
	EVP_PKEY *one = decode(keys[0]), *two = decode(keys[0]), *three;

	CHECK(one && one == two);
	dkimcache_clear();
	three = decode(keys[0]);
	CHECK(three && three != one && is_key_of(three, keys[0]) && is_key_of(one, keys[0]));
	EVP_PKEY_free(one);
	EVP_PKEY_free(two);
	EVP_PKEY_free(three);
}

static void test_broken(void)
{
	CHECK(!decode(STR("")));
	CHECK(!decode(STR("no key")));
	for (size_t n = 0; n < keys[0].n; n += 5)
		CHECK(!decode(str_sub(keys[0], 0, n)));
}

static void *decode_all(void *wrong)
{
	for (size_t i = 0; i < 2 * KEYS; i++) {
		EVP_PKEY *key = decode(keys[i * 7 % KEYS]);

		if (!key || !is_key_of(key, keys[i * 7 % KEYS]))
			*(bool *)wrong = true;
		EVP_PKEY_free(key);
	}
	return NULL;
}

static void test_threads(void)
{
	pthread_t threads[2];
	bool wrong[2] = {false, false};

	for (size_t i = 0; i < 2; i++)
		CHECK(pthread_create(&threads[i], NULL, decode_all, &wrong[i]) == 0);
	for (size_t i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	CHECK(!wrong[0] && !wrong[1]);
}

int main(void)
{
	arena = arena_new(NULL);
	for (size_t i = 0; i < KEYS; i++)
		CHECK(dkimtag_base64(arena, signer_fake_rsa(arena, 1024, 3), &keys[i]));
	RUN(test_in_place);
	RUN(test_remembers);
	RUN(test_broken);
	RUN(test_threads);
	dkimcache_clear();
	arena_free(&arena);
	return unit_done();
}
