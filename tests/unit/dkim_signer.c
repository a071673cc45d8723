/* SPDX-License-Identifier: BSD-2-Clause */
/* The tests' own DKIM signer: canonicalization after RFC 6376 3.4, hashes and keys by OpenSSL. */

#include "tests/unit/dkim_signer.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "postern/arena.h"

static void must(bool ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "signer: %s\n", what);
		exit(2);
	}
}

struct str signer_base64(struct arena *arena, struct str bytes)
{
	char *out = arena_alloc(arena, bytes.n / 3 * 4 + 5);
	int n = EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)bytes.s, (int)bytes.n);

	return (struct str){out, (size_t)n};
}

static bool wsp(char c)
{
	return c == ' ' || c == '\t';
}

/* 3.4.1, 3.4.2: one field, without its final CRLF. */
static void canon_field(struct buf *out, struct str name, struct str value, bool relaxed)
{
	bool space = false, any = false;

	if (!relaxed) {
		buf_add(out, name);
		buf_putc(out, ':');
		buf_add(out, value);
		return;
	}
	buf_add(out, str_lower(out->arena, str_trim(name)));
	buf_putc(out, ':');
	for (size_t i = 0; i < value.n; i++) {
		char c = value.s[i];

		if (c == '\r' && i + 1 < value.n && value.s[i + 1] == '\n') {
			i++;
		} else if (wsp(c)) {
			space = true;
		} else {
			if (space && any)
				buf_putc(out, ' ');
			buf_putc(out, c);
			any = true;
			space = false;
		}
	}
}

struct str signer_canon_field(struct arena *arena, struct str name, struct str value, bool relaxed)
{
	struct buf out = {.arena = arena};

	canon_field(&out, name, value, relaxed);
	return buf_str(&out);
}

/* 3.4.3, 3.4.4. Lines end with CRLF; one without gets it. */
struct str signer_canon_body(struct arena *arena, struct str body, bool relaxed)
{
	struct buf out = {.arena = arena};
	size_t blank = 0, at = 0;

	buf_puts(&out, "");
	while (at < body.n) {
		size_t end = at, next;
		bool space = false, any = false;

		while (end < body.n &&
		       !(body.s[end] == '\n' && end > at && body.s[end - 1] == '\r'))
			end++;
		next = end < body.n ? end + 1 : end;
		if (end < body.n)
			end--;
		if (relaxed)
			while (end > at && wsp(body.s[end - 1]))
				end--;
		if (end == at) {
			blank++;
			at = next;
			continue;
		}
		for (; blank > 0; blank--)
			buf_puts(&out, "\r\n");
		for (; at < end; at++) {
			if (relaxed && wsp(body.s[at])) {
				space = true;
				continue;
			}
			if (space)
				buf_putc(&out, ' ');
			space = false;
			any = true;
			buf_putc(&out, body.s[at]);
		}
		must(any, "an empty line");
		buf_puts(&out, "\r\n");
		at = next;
	}
	if (!relaxed && out.n == 0)
		buf_puts(&out, "\r\n");
	return buf_str(&out);
}

struct str signer_digest(struct arena *arena, struct str text, const char *a)
{
	unsigned char *out = arena_alloc(arena, EVP_MAX_MD_SIZE);
	unsigned n;

	must(EVP_Digest(text.s, text.n, out, &n,
			strcmp(a, "rsa-sha1") == 0 ? EVP_sha1() : EVP_sha256(), NULL) == 1,
	     "digest");
	return (struct str){(char *)out, n};
}

struct str signer_signature(struct arena *arena, const struct signer *signer, struct str text)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	size_t n = 1024;
	unsigned char *out = arena_alloc(arena, n);

	if (strcmp(signer->a, "ed25519-sha256") == 0) {
		text = signer_digest(arena, text, signer->a); /* RFC 8463 3 */
		must(EVP_DigestSignInit(context, NULL, NULL, NULL, signer->key) == 1, "init");
	} else {
		must(EVP_DigestSignInit(context, NULL,
					strcmp(signer->a, "rsa-sha1") == 0 ? EVP_sha1()
									   : EVP_sha256(),
					NULL, signer->key) == 1,
		     "init");
	}
	must(EVP_DigestSign(context, out, &n, (const unsigned char *)text.s, text.n) == 1, "sign");
	EVP_MD_CTX_free(context);
	return (struct str){(char *)out, n};
}

/* 3.7, step 2: the fields that h= names, each time the next from the bottom. */
void signer_add_fields(struct buf *out, const struct signer *signer,
		       const struct signer_field *fields, size_t count, bool relaxed)
{
	bool *used = arena_array(out->arena, count + 1, sizeof(*used));
	char *list = strdup(signer->h), *rest = list, *name;

	while ((name = strsep(&rest, ":")) != NULL) {
		struct str wanted = str_trim(str_of(name));

		for (size_t i = count; i-- > 0;) {
			if (used[i] || !str_caseeq(str_trim(fields[i].name), wanted))
				continue;
			used[i] = true;
			canon_field(out, fields[i].name, fields[i].value, relaxed);
			buf_puts(out, "\r\n");
			break;
		}
	}
	free(list);
}

struct str signer_sign(struct arena *arena, const struct signer *signer,
		       const struct signer_field *fields, size_t count, struct str body)
{
	bool relaxed_header = strncmp(signer->c, "relaxed", 7) == 0;
	bool relaxed_body = strstr(signer->c, "/relaxed") != NULL;
	struct str canonical = signer_canon_body(arena, body, relaxed_body), field;
	struct buf text = {.arena = arena};

	if (signer->signed_body >= 0)
		canonical = str_sub(canonical, 0, (size_t)signer->signed_body);
	field = str_printf(
	    arena, " v=1; a=%s; c=%s; d=%s; s=%s;\r\n\th=%s;%s%s%s %s%s bh=" STR_FMT "%s",
	    signer->a, signer->c, signer->d, signer->s, signer->h, signer->l ? " l=" : "",
	    signer->l ? signer->l : "", signer->l ? ";" : "", signer->more ? signer->more : "",
	    signer->more ? ";" : "",
	    STR_ARG(signer_base64(arena, signer_digest(arena, canonical, signer->a))),
	    signer->q ? signer->q : "; b=");
	signer_add_fields(&text, signer, fields, count, relaxed_header);
	canon_field(&text, STR("DKIM-Signature"), field, relaxed_header);
	return str_printf(
	    arena, STR_FMT STR_FMT, STR_ARG(field),
	    STR_ARG(signer_base64(arena, signer_signature(arena, signer, buf_str(&text)))));
}

struct str signer_public(struct arena *arena, EVP_PKEY *key, bool pkcs1)
{
	unsigned char *der = NULL, raw[32];
	size_t size = sizeof(raw);
	int n;
	struct str out;

	if (EVP_PKEY_get_raw_public_key(key, raw, &size) == 1)
		return signer_base64(arena, (struct str){(char *)raw, size});
	n = pkcs1 ? i2d_PublicKey(key, &der) : i2d_PUBKEY(key, &der);
	must(n > 0, "public key");
	out = signer_base64(arena, (struct str){(char *)der, (size_t)n});
	OPENSSL_free(der);
	return out;
}

struct str signer_fake_rsa(struct arena *arena, unsigned bits, unsigned exponent_octets)
{
	BIGNUM *n = BN_new(), *e = BN_new();
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	OSSL_PARAM *parameters;
	EVP_PKEY *key = NULL;
	struct str out;

	must(BN_rand(n, (int)bits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD) == 1, "modulus");
	must(BN_rand(e, (int)exponent_octets * 8, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD) == 1,
	     "exponent");
	must(OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) == 1, "n");
	must(OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) == 1, "e");
	parameters = OSSL_PARAM_BLD_to_param(build);
	must(EVP_PKEY_fromdata_init(context) == 1 &&
		 EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters) == 1,
	     "key from data");
	out = signer_public(arena, key, false);
	EVP_PKEY_free(key);
	EVP_PKEY_CTX_free(context);
	OSSL_PARAM_free(parameters);
	OSSL_PARAM_BLD_free(build);
	BN_free(n);
	BN_free(e);
	return out;
}
