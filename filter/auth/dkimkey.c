/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DKIM key records. libopendkim has room for 1023 bytes of a record, knows only one of the two
 * encodings of an RSA key, lets the last of equal tags win and does not compare the key's type
 * with the signature's; so the record is read and judged here, and what it gets is made anew
 * from the numbers of the key.
 */

#include "filter/auth/dkimkey.h"

#include <openssl/evp.h>

#include "postern/arena.h"

/* ---- DER, as much of it as a public key needs (X.690 8.1) ---- */

#define DER_INTEGER 0x02
#define DER_BIT_STRING 0x03
#define DER_OID 0x06
#define DER_SEQUENCE 0x30

static const unsigned char oid_rsa[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01};
static const unsigned char rsa_algorithm[] = {
    DER_SEQUENCE, 13, DER_OID, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 5, 0};

/* Takes one element off the front of *in. False where there is none, or another one. */
static bool der_take(struct str *in, unsigned char tag, struct str *content_r)
{
	const unsigned char *p = (const unsigned char *)in->s;
	size_t header = 2, length;

	if (in->n < 2 || p[0] != tag)
		return false;
	length = p[1];
	if (length & 0x80) {
		size_t octets = length & 0x7f;

		if (octets < 1 || octets > 3 || in->n < header + octets)
			return false;
		for (length = 0; octets > 0; octets--)
			length = length << 8 | p[header++];
	}
	if (length > in->n - header)
		return false;
	*content_r = str_sub(*in, header, length);
	*in = str_sub(*in, header + length, in->n);
	return true;
}

/* A positive INTEGER without its leading zeros. */
static bool der_take_number(struct str *in, struct str *number_r)
{
	if (!der_take(in, DER_INTEGER, number_r) || number_r->n == 0 ||
	    (unsigned char)number_r->s[0] > 0x7f)
		return false;
	while (number_r->n > 0 && number_r->s[0] == 0)
		*number_r = str_sub(*number_r, 1, number_r->n);
	return number_r->n > 0;
}

struct rsa_key {
	struct str modulus, exponent;
};

/* SubjectPublicKeyInfo (RFC 5280 4.1) or a bare RSAPublicKey (RFC 8017 A.1.1). */
static bool rsa_read(struct str der, struct rsa_key *key_r)
{
	struct str key, algorithm, oid, bits;

	if (!der_take(&der, DER_SEQUENCE, &key))
		return false;
	if (der_take(&key, DER_SEQUENCE, &algorithm)) {
		if (!der_take(&algorithm, DER_OID, &oid) ||
		    !str_eq(oid, (struct str){(const char *)oid_rsa, sizeof(oid_rsa)}) ||
		    !der_take(&key, DER_BIT_STRING, &bits) || bits.n == 0 || bits.s[0] != 0)
			return false;
		bits = str_sub(bits, 1, bits.n);
		if (!der_take(&bits, DER_SEQUENCE, &key))
			return false;
	}
	return der_take_number(&key, &key_r->modulus) && der_take_number(&key, &key_r->exponent);
}

static unsigned rsa_bits(const struct rsa_key *key)
{
	unsigned bits = (unsigned)key->modulus.n * 8;

	for (unsigned char top = (unsigned char)key->modulus.s[0]; top < 0x80; top <<= 1)
		bits--;
	return bits;
}

/* Puts an element in front of what stands in `out`. */
static struct str der_wrap(struct arena *arena, unsigned char tag, struct str prefix,
			   struct str content)
{
	struct buf out = {.arena = arena};
	size_t length = prefix.n + content.n;

	buf_putc(&out, (char)tag);
	if (length > 0xff) {
		buf_putc(&out, (char)0x82);
		buf_putc(&out, (char)(length >> 8));
	} else if (length > 0x7f) {
		buf_putc(&out, (char)0x81);
	}
	buf_putc(&out, (char)(length & 0xff));
	buf_add(&out, prefix);
	buf_add(&out, content);
	return buf_str(&out);
}

static struct str der_number(struct arena *arena, struct str number)
{
	bool sign = (unsigned char)number.s[0] > 0x7f;

	return der_wrap(arena, DER_INTEGER, (struct str){"", sign ? 1 : 0}, number);
}

static struct str rsa_write(struct arena *arena, const struct rsa_key *key)
{
	struct str numbers = der_wrap(arena, DER_SEQUENCE, der_number(arena, key->modulus),
				      der_number(arena, key->exponent));

	return der_wrap(arena, DER_SEQUENCE,
			(struct str){(const char *)rsa_algorithm, sizeof(rsa_algorithm)},
			der_wrap(arena, DER_BIT_STRING, (struct str){"", 1}, numbers));
}

/* ---- records ---- */

static struct str record_write(struct arena *arena, const char *type, struct str bytes)
{
	struct str head = str_printf(arena, "k=%s; p=", type);
	char *text = arena_alloc(arena, head.n + bytes.n / 3 * 4 + 5);
	int n;

	memcpy(text, head.s, head.n);
	n = EVP_EncodeBlock((unsigned char *)text + head.n, (const unsigned char *)bytes.s,
			    (int)bytes.n);
	return (struct str){text, head.n + (size_t)n};
}

static enum dkim_result read_rsa(struct arena *arena, struct str bytes,
				 const struct dkim_options *options, struct dkimkey *key_r,
				 const char **why_r)
{
	struct rsa_key key;

	if (!rsa_read(bytes, &key)) {
		*why_r = "not an RSA key";
		return DKIM_RESULT_PERMERROR;
	}
	key_r->bits = rsa_bits(&key);
	if (key_r->bits < options->minimum_bits || key_r->bits > DKIMKEY_BITS_MAX) {
		*why_r = key_r->bits > DKIMKEY_BITS_MAX ? "key too long" : "key too short";
		return DKIM_RESULT_POLICY;
	}
	if (key.exponent.n > 4) {
		*why_r = "exponent of the key too large";
		return DKIM_RESULT_POLICY;
	}
	key_r->bytes = rsa_write(arena, &key);
	key_r->record = record_write(arena, "rsa", key_r->bytes);
	return DKIM_RESULT_PASS;
}

static enum dkim_result read_ed25519(struct arena *arena, struct str bytes, struct dkimkey *key_r,
				     const char **why_r)
{
	if (bytes.n != 32) {
		*why_r = "not an Ed25519 key";
		return DKIM_RESULT_PERMERROR;
	}
	key_r->bits = 256;
	key_r->bytes = bytes;
	key_r->record = record_write(arena, "ed25519", bytes);
	return DKIM_RESULT_PASS;
}

/* 6.1.2, steps 3 to 7: NULL where the record, its key aside, allows this signature. */
static const char *record_fault(struct arena *arena, const struct dkimtag_list *tags,
				const struct dkimsig *signature)
{
	const struct str *version = dkimtag_get(tags, "v"), *type = dkimtag_get(tags, "k");
	const struct str *flags = dkimtag_get(tags, "t"), *key = dkimtag_get(tags, "p");
	const struct str *hashes = dkimtag_get(tags, "h"), *services = dkimtag_get(tags, "s");
	bool ed25519 = signature->algorithm == DKIMSIG_ED25519_SHA256;
	const char *hash = signature->algorithm == DKIMSIG_RSA_SHA1 ? "sha1" : "sha256";

	if (version && (!str_eq(*version, STR("DKIM1")) || version != &tags->items[0].value))
		return "unknown version of the key record";
	if (!str_caseeq(type ? *type : STR("rsa"), ed25519 ? STR("ed25519") : STR("rsa")))
		return "key of another type";
	if (hashes && !dkimtag_has(arena, *hashes, hash))
		return "key does not allow this hash";
	if (services && !dkimtag_has(arena, *services, "*") &&
	    !dkimtag_has(arena, *services, "email"))
		return "key is not for mail";
	if (flags && dkimtag_has(arena, *flags, "s") &&
	    !str_eq(signature->identity_domain, signature->domain))
		return "key does not allow i= below d=";
	if (!key)
		return "no key in the key record";
	return key->n == 0 ? "key revoked" : NULL;
}

static enum dkim_result record_read(struct arena *arena, struct str text,
				    const struct dkimsig *signature,
				    const struct dkim_options *options, struct dkimkey *key_r,
				    const char **why_r)
{
	struct dkimtag_list tags;
	struct str bytes;

	*key_r = (struct dkimkey){0};
	if (!dkimtag_split(arena, text, &tags, why_r)) {
		*why_r = "key record malformed";
		return DKIM_RESULT_PERMERROR;
	}
	*why_r = record_fault(arena, &tags, signature);
	if (*why_r)
		return DKIM_RESULT_PERMERROR;
	if (!dkimtag_base64(arena, dkimtag_compact(arena, *dkimtag_get(&tags, "p")), &bytes)) {
		*why_r = "key is not base64";
		return DKIM_RESULT_PERMERROR;
	}
	if (signature->algorithm == DKIMSIG_ED25519_SHA256)
		return read_ed25519(arena, bytes, key_r, why_r);
	return read_rsa(arena, bytes, options, key_r, why_r);
}

const struct dns_answer *dkimkey_answer(struct arena *arena, const struct dkimsig *signature,
					struct lookups *lookups)
{
	struct str name = str_printf(arena, STR_FMT "._domainkey." STR_FMT,
				     STR_ARG(signature->selector), STR_ARG(signature->domain));

	return lookups_get(lookups, name, DNS_TXT, LOOKUP_OTHER);
}

enum dkim_result dkimkey_choose(struct arena *arena, const struct dns_answer *answer,
				const struct dkimsig *signature, const struct dkim_options *options,
				struct dkimkey *key_r, const char **why_r)
{
	enum dkim_result result = DKIM_RESULT_PERMERROR;

	*key_r = (struct dkimkey){0};
	if (answer->status == DNS_FAILED) {
		*why_r = str_printf(arena, "key lookup failed: %s",
				    answer->problem ? answer->problem : "no answer")
			     .s;
		return DKIM_RESULT_TEMPERROR;
	}
	*why_r = "no key";
	for (size_t i = 0; i < answer->count && i < DKIMKEY_RECORDS_MAX; i++) {
		struct dkimkey key;
		const char *why;
		enum dkim_result one =
		    record_read(arena, answer->records[i].data, signature, options, &key, &why);

		if (i == 0 || one == DKIM_RESULT_PASS) {
			result = one;
			*key_r = key;
			*why_r = why;
		}
		if (one == DKIM_RESULT_PASS)
			break;
	}
	return result;
}
