/* SPDX-License-Identifier: BSD-2-Clause */
/* Key records: the zoo of keys, and the tags around them. */

#include <openssl/rsa.h>

#include "filter/auth/dkimkey.h"
#include "postern/arena.h"
#include "tests/unit/dkim_signer.h"
#include "tests/unit/unit.h"

static struct arena *arena;
static struct dkimkey key;
static const char *why;
static const struct dkim_options options = {.minimum_bits = 1024, .max_signatures = 10};

static struct dkimsig signature(enum dkimsig_algorithm algorithm)
{
	return (struct dkimsig){.algorithm = algorithm,
				.domain = STR("example.org"),
				.identity_domain = STR("example.org")};
}

static enum dkim_result choose(enum dkimsig_algorithm algorithm, struct str a, struct str b)
{
	const struct dns_record records[] = {{.data = a}, {.data = b}};
	const struct dns_answer answer = {
	    .status = DNS_FOUND, .records = records, .count = b.n > 0 ? 2 : 1};
	struct dkimsig s = signature(algorithm);

	return dkimkey_choose(arena, &answer, &s, &options, &key, &why);
}

static enum dkim_result read_one(struct str record)
{
	return choose(DKIMSIG_RSA_SHA256, record, STR(""));
}

static struct str record(struct str public)
{
	return str_printf(arena, "v=DKIM1; p=" STR_FMT, STR_ARG(public));
}

static void test_zoo(void)
{
	static const struct {
		unsigned bits, exponent;
		enum dkim_result result;
		const char *why;
	} zoo[] = {
	    {512, 3, DKIM_RESULT_POLICY, "key too short"},
	    {1023, 3, DKIM_RESULT_POLICY, "key too short"},
	    {1024, 1, DKIM_RESULT_PASS, NULL},
	    {2048, 3, DKIM_RESULT_PASS, NULL},
	    {2047, 4, DKIM_RESULT_PASS, NULL},
	    {2048, 5, DKIM_RESULT_POLICY, "exponent of the key too large"},
	    {3072, 256, DKIM_RESULT_POLICY, "exponent of the key too large"},
	    {4096, 4, DKIM_RESULT_PASS, NULL},
	    {4097, 3, DKIM_RESULT_POLICY, "key too long"},
	    {8192, 3, DKIM_RESULT_POLICY, "key too long"},
	    {16384, 8, DKIM_RESULT_POLICY, "key too long"},
	};

	arena = arena_new(NULL);
	for (size_t i = 0; i < sizeof(zoo) / sizeof(zoo[0]); i++) {
		struct str public = signer_fake_rsa(arena, zoo[i].bits, zoo[i].exponent);

		CHECK_INT(read_one(record(public)), zoo[i].result);
		CHECK_INT(key.bits, zoo[i].bits);
		if (zoo[i].why) {
			CHECK_STR(str_of(why), zoo[i].why);
			continue;
		}
		CHECK(key.record.n < 1024);
		CHECK_STR(key.record, str_printf(arena, "k=rsa; p=" STR_FMT, STR_ARG(public)).s);
	}
	arena_free(&arena);
}

/* Both encodings, in pieces, give the one record. */
static void test_encodings(void)
{
	EVP_PKEY *rsa = EVP_RSA_gen(1024);
	struct str spki, pkcs1;
	struct buf spaced;

	arena = arena_new(NULL);
	spki = signer_public(arena, rsa, false);
	pkcs1 = signer_public(arena, rsa, true);
	CHECK(!str_eq(spki, pkcs1));
	CHECK_INT(read_one(record(pkcs1)), DKIM_RESULT_PASS);
	CHECK_STR(key.record, str_printf(arena, "k=rsa; p=" STR_FMT, STR_ARG(spki)).s);
	spaced = (struct buf){.arena = arena};
	buf_puts(&spaced, "k = rsa ;\r\n n=caf\xc3\xa9 \x01; p = ");
	for (size_t i = 0; i < spki.n; i++)
		buf_printf(&spaced, "%c%s", spki.s[i], i % 9 == 0 ? " " : "");
	CHECK_INT(read_one(buf_str(&spaced)), DKIM_RESULT_PASS);
	CHECK_STR(key.record, str_printf(arena, "k=rsa; p=" STR_FMT, STR_ARG(spki)).s);
	CHECK_INT(read_one(str_printf(arena, "n=%05000d; p=" STR_FMT, 0, STR_ARG(spki))),
		  DKIM_RESULT_PASS);
	CHECK(key.record.n < 1024);
	arena_free(&arena);
	EVP_PKEY_free(rsa);
}

/* Every way of cutting a key short, and octets that are no key at all. */
static void test_broken_der(void)
{
	EVP_PKEY *rsa = EVP_RSA_gen(1024);
	struct str public, bytes;

	arena = arena_new(NULL);
	for (int pkcs1 = 0; pkcs1 < 2; pkcs1++) {
		public = signer_public(arena, rsa, pkcs1);
		dkimtag_base64(arena, public, &bytes);
		for (size_t n = 0; n < bytes.n; n++) {
			struct str cut = signer_base64(arena, str_dup(arena, str_sub(bytes, 0, n)));

			CHECK(read_one(record(cut)) != DKIM_RESULT_PASS);
		}
		for (size_t i = 0; i < 40; i++) {
			struct str changed = str_dup(arena, bytes);

			for (unsigned value = 0; value < 256; value += 17) {
				((char *)changed.s)[i] = (char)value;
				read_one(record(signer_base64(arena, changed)));
			}
		}
	}
	arena_free(&arena);
	EVP_PKEY_free(rsa);
}

static void test_types(void)
{
	EVP_PKEY *ed25519 = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	struct str public;

	arena = arena_new(NULL);
	public = signer_public(arena, ed25519, false);
	CHECK_INT(choose(DKIMSIG_ED25519_SHA256,
			 str_printf(arena, "k=ed25519; p=" STR_FMT, STR_ARG(public)), STR("")),
		  DKIM_RESULT_PASS);
	CHECK_INT(key.bits, 256);
	CHECK_INT(choose(DKIMSIG_ED25519_SHA256, record(public), STR("")), DKIM_RESULT_PERMERROR);
	CHECK_STR(str_of(why), "key of another type");
	CHECK_INT(choose(DKIMSIG_ED25519_SHA256, STR("k=ed25519; p=AAAA"), STR("")),
		  DKIM_RESULT_PERMERROR);
	CHECK_INT(read_one(str_printf(arena, "k=ed25519; p=" STR_FMT, STR_ARG(public))),
		  DKIM_RESULT_PERMERROR);
	arena_free(&arena);
	EVP_PKEY_free(ed25519);
}

static void test_faults(void)
{
	static const struct {
		const char *record, *why;
	} cases[] = {
	    {"", "no key in the key record"},
	    {"v=DKIM1", "no key in the key record"},
	    {"v=DKIM1; p=", "key revoked"},
	    {"v=DKIM1; p=AAAA", "not an RSA key"},
	    {"v=DKIM1; p=A", "key is not base64"},
	    {"v=DKIM1; p=%%%%", "key is not base64"},
	    {"p=AAAA; v=DKIM1", "unknown version of the key record"},
	    {"v=dkim1; p=AAAA", "unknown version of the key record"},
	    {"v=spf1 -all", "unknown version of the key record"},
	    {"v=DKIM1; p=AAAA; p=AAAA", "key record malformed"},
	    {"v=DKIM1 p", "unknown version of the key record"},
	    {"google-site-verification", "key record malformed"},
	    {"k=rsa; h=sha1; p=AAAA", "key does not allow this hash"},
	    {"k=rsa; h=; p=AAAA", "key does not allow this hash"},
	    {"k=rsa; s=tls; p=AAAA", "key is not for mail"},
	    {"k=dsa; p=AAAA", "key of another type"},
	};

	arena = arena_new(NULL);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CHECK_INT(read_one(str_of(cases[i].record)), DKIM_RESULT_PERMERROR);
		CHECK_STR(str_of(why), cases[i].why);
	}
	arena_free(&arena);
}

static void test_answers(void)
{
	struct dns_answer answer = {.status = DNS_FAILED, .problem = "SERVFAIL"};
	struct dkimsig s = signature(DKIMSIG_RSA_SHA256);
	struct str good;

	arena = arena_new(NULL);
	CHECK_INT(dkimkey_choose(arena, &answer, &s, &options, &key, &why), DKIM_RESULT_TEMPERROR);
	CHECK_STR(str_of(why), "key lookup failed: SERVFAIL");
	answer.status = DNS_NODATA;
	CHECK_INT(dkimkey_choose(arena, &answer, &s, &options, &key, &why), DKIM_RESULT_PERMERROR);
	CHECK_STR(str_of(why), "no key");
	good = record(signer_fake_rsa(arena, 1024, 3));
	CHECK_INT(choose(DKIMSIG_RSA_SHA256, STR("some other text"), good), DKIM_RESULT_PASS);
	CHECK_INT(choose(DKIMSIG_RSA_SHA256, good, STR("p=")), DKIM_RESULT_PASS);
	CHECK_INT(choose(DKIMSIG_RSA_SHA256, STR("p="), STR("x")), DKIM_RESULT_PERMERROR);
	CHECK_STR(str_of(why), "key revoked");
	arena_free(&arena);
}

static void test_subdomains(void)
{
	const struct dns_record records[] = {{.data = STR("t=y:s; p=AAAA")}};
	const struct dns_answer answer = {.status = DNS_FOUND, .records = records, .count = 1};
	struct dkimsig s = signature(DKIMSIG_RSA_SHA256);

	arena = arena_new(NULL);
	dkimkey_choose(arena, &answer, &s, &options, &key, &why);
	CHECK_STR(str_of(why), "not an RSA key");
	s.identity_domain = STR("news.example.org");
	dkimkey_choose(arena, &answer, &s, &options, &key, &why);
	CHECK_STR(str_of(why), "key does not allow i= below d=");
	arena_free(&arena);
}

int main(void)
{
	RUN(test_zoo);
	RUN(test_encodings);
	RUN(test_broken_der);
	RUN(test_types);
	RUN(test_faults);
	RUN(test_answers);
	RUN(test_subdomains);
	return unit_done();
}
