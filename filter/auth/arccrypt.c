/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What ARC needs of OpenSSL; of ARC's files only this one includes it. RSA keys come out of the
 * memory of decoded keys that DKIM uses (dkimcache.c), since decoding costs more than verifying.
 */

#include "filter/auth/arccrypt.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "postern/arena.h"

struct arccrypt_hash {
	EVP_MD_CTX *running, *copy;
	bool broken;
};

static void hash_free(void *handle)
{
	struct arccrypt_hash *hash = handle;

	EVP_MD_CTX_free(hash->running);
	EVP_MD_CTX_free(hash->copy);
}

struct arccrypt_hash *arccrypt_hash_new(struct arena *arena)
{
	struct arccrypt_hash *hash = arena_new_of(arena, struct arccrypt_hash);

	arena_cleanup(arena, hash_free, hash);
	hash->running = EVP_MD_CTX_new();
	hash->copy = EVP_MD_CTX_new();
	arccrypt_hash_restart(hash);
	return hash;
}

void arccrypt_hash_restart(struct arccrypt_hash *hash)
{
	hash->broken = !hash->running || !hash->copy ||
		       EVP_DigestInit_ex(hash->running, EVP_sha256(), NULL) != 1;
}

void arccrypt_hash_branch(struct arccrypt_hash *hash, const struct arccrypt_hash *from)
{
	hash->broken = !hash->running || !hash->copy || from->broken ||
		       EVP_MD_CTX_copy_ex(hash->running, from->running) != 1;
}

void arccrypt_hash_add(struct arccrypt_hash *hash, struct str bytes)
{
	if (!hash->broken && bytes.n > 0)
		hash->broken = EVP_DigestUpdate(hash->running, bytes.s, bytes.n) != 1;
}

bool arccrypt_hash_read(struct arccrypt_hash *hash, struct arccrypt_digest *digest_r)
{
	hash->broken = hash->broken || EVP_MD_CTX_copy_ex(hash->copy, hash->running) != 1 ||
		       EVP_DigestFinal_ex(hash->copy, digest_r->bytes, NULL) != 1;
	return !hash->broken;
}

static int verify_rsa(EVP_PKEY *key, const struct arccrypt_digest *digest, struct str signature)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
	int result = -1;

	if (context && EVP_PKEY_verify_init(context) == 1 &&
	    EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1 &&
	    EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) == 1)
		result = EVP_PKEY_verify(context, (const unsigned char *)signature.s, signature.n,
					 digest->bytes, sizeof(digest->bytes)) == 1;
	EVP_PKEY_CTX_free(context);
	return result;
}

static int verify_ed25519(EVP_PKEY *key, const struct arccrypt_digest *digest, struct str signature)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	int result = -1;

	if (context && EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1)
		result = EVP_DigestVerify(context, (const unsigned char *)signature.s, signature.n,
					  digest->bytes, sizeof(digest->bytes)) == 1;
	EVP_MD_CTX_free(context);
	return result;
}

static EVP_PKEY *read_key(struct str bytes, bool ed25519)
{
	EVP_PKEY *key;
	BIO *bio;

	if (ed25519)
		return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL,
						   (const unsigned char *)bytes.s, bytes.n);
	bio = BIO_new_mem_buf(bytes.s, (int)bytes.n);
	if (!bio)
		return NULL;
	key = d2i_PUBKEY_bio(bio, NULL); /* dkimcache.c's */
	BIO_free(bio);
	return key;
}

int arccrypt_verify(struct str key, bool ed25519, const struct arccrypt_digest *digest,
		    struct str signature)
{
	EVP_PKEY *decoded = read_key(key, ed25519);
	int result = -1;

	if (decoded)
		result = ed25519 ? verify_ed25519(decoded, digest, signature)
				 : verify_rsa(decoded, digest, signature);
	EVP_PKEY_free(decoded);
	ERR_clear_error();
	return result;
}
