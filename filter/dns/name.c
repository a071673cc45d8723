/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Domain names: from text, from master files and from messages into one lower-case wire form,
 * and back into printable text. Also the keyed hash under which questions are found, because
 * strangers choose the names that we ask for.
 */

#include "filter/dns/name.h"

#include "postern/arena.h"
#include "postern/ip.h"

/* Collects a name label by label. */
struct name_writer {
	struct name *name;
	size_t label; /* where the length of the open label stands */
	size_t n;
};

static struct name_writer writer_start(struct name *name)
{
	return (struct name_writer){.name = name, .label = 0, .n = 1};
}

static uint8_t fold(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

static bool writer_byte(struct name_writer *w, uint8_t c)
{
	/* One byte is kept for the root label. */
	if (w->n - w->label > LABEL_MAX || w->n >= NAME_MAX_WIRE - 1)
		return false;
	w->name->wire[w->n++] = fold(c);
	return true;
}

/* Closes a label; an empty one is the author's mistake. */
static bool writer_dot(struct name_writer *w)
{
	size_t length = w->n - w->label - 1;

	if (length == 0)
		return false;
	w->name->wire[w->label] = (uint8_t)length;
	w->label = w->n++;
	return true;
}

/* A final dot may have closed the last label already. */
static bool writer_end(struct name_writer *w)
{
	if (w->n - w->label > 1 && !writer_dot(w))
		return false;
	w->name->wire[w->label] = 0;
	w->name->n = (uint8_t)w->n;
	return true;
}

bool name_from_text(struct str text, struct name *name_r)
{
	struct name_writer w = writer_start(name_r);

	for (size_t i = 0; i < text.n; i++) {
		if (text.s[i] == '.' ? !writer_dot(&w) : !writer_byte(&w, (uint8_t)text.s[i]))
			return false;
	}
	return writer_end(&w) && name_r->n > 1;
}

bool master_escape(struct str text, size_t *at, unsigned *value_r)
{
	size_t left = text.n - *at - 1;
	const char *s = text.s + *at + 1;

	if (left == 0)
		return false;
	if (s[0] < '0' || s[0] > '9') {
		*value_r = (uint8_t)s[0];
		*at += 1;
		return true;
	}
	if (left < 3 || s[1] < '0' || s[1] > '9' || s[2] < '0' || s[2] > '9')
		return false;
	*value_r =
	    (unsigned)(s[0] - '0') * 100 + (unsigned)(s[1] - '0') * 10 + (unsigned)(s[2] - '0');
	*at += 3;
	return *value_r <= 255;
}

bool name_from_master(struct str text, struct name *name_r)
{
	struct name_writer w = writer_start(name_r);

	if (str_eq(text, STR(".")))
		return writer_end(&w);
	for (size_t i = 0; i < text.n; i++) {
		unsigned value = (uint8_t)text.s[i];

		if (value == '.') {
			if (!writer_dot(&w))
				return false;
			continue;
		}
		if (value == '\\' && !master_escape(text, &i, &value))
			return false;
		if (!writer_byte(&w, (uint8_t)value))
			return false;
	}
	return writer_end(&w) && name_r->n > 1;
}

bool name_from_message(const uint8_t *message, size_t size, size_t *offset, struct name *name_r)
{
	size_t at = *offset, floor = *offset, n = 0;
	bool jumped = false;

	for (;;) {
		size_t length;

		if (at >= size)
			return false;
		length = message[at];
		if ((length & 0xc0) == 0xc0) {
			size_t target;

			if (at + 1 >= size)
				return false;
			target = (length & 0x3f) << 8 | message[at + 1];
			if (!jumped)
				*offset = at + 2;
			jumped = true;
			/* Only ever further back: no loop, and at most 255 bytes of labels. */
			if (target >= floor)
				return false;
			at = floor = target;
			continue;
		}
		if (length > LABEL_MAX || at + 1 + length > size || n + 1 + length > NAME_MAX_WIRE)
			return false;
		name_r->wire[n++] = (uint8_t)length;
		at++;
		if (length == 0)
			break;
		for (size_t i = 0; i < length; i++)
			name_r->wire[n++] = fold(message[at++]);
	}
	if (!jumped)
		*offset = at;
	name_r->n = (uint8_t)n;
	return true;
}

struct str name_text(const struct name *name, char buf[NAME_TEXT_MAX])
{
	size_t n = 0;

	for (size_t at = 0; name->wire[at] != 0;) {
		size_t end = at + 1 + name->wire[at];

		if (at > 0)
			buf[n++] = '.';
		for (at++; at < end; at++) {
			unsigned c = name->wire[at];

			if (c > ' ' && c < 0x7f && c != '.' && c != '\\') {
				buf[n++] = (char)c;
				continue;
			}
			buf[n++] = '\\';
			buf[n++] = (char)('0' + c / 100);
			buf[n++] = (char)('0' + c / 10 % 10);
			buf[n++] = (char)('0' + c % 10);
		}
	}
	buf[n] = '\0';
	return (struct str){buf, n};
}

bool name_eq(const struct name *a, const struct name *b)
{
	return a->n == b->n && memcmp(a->wire, b->wire, a->n) == 0;
}

static uint64_t rotate(uint64_t x, unsigned by)
{
	return x << by | x >> (64 - by);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] = rotate(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] = rotate(v[2], 32);
}

/* SipHash with one round a word and three at the end; the type stands in the last word. */
void dns_key_hash(struct dns_key *key, const uint64_t seed[2])
{
	uint64_t v[4] = {
	    seed[0] ^ UINT64_C(0x736f6d6570736575), seed[1] ^ UINT64_C(0x646f72616e646f6d),
	    seed[0] ^ UINT64_C(0x6c7967656e657261), seed[1] ^ UINT64_C(0x7465646279746573)};
	size_t n = key->name.n;

	for (size_t at = 0; at <= n; at += 8) {
		size_t take = n - at < 8 ? n - at : 8;
		uint64_t word = 0;

		memcpy(&word, key->name.wire + at, take);
		if (take < 8)
			word ^= (uint64_t)key->type << 56;
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(v);
	key->hash = v[0] ^ v[1] ^ v[2] ^ v[3];
}

bool dns_key_eq(const struct dns_key *a, const struct dns_key *b)
{
	return a->hash == b->hash && a->type == b->type && name_eq(&a->name, &b->name);
}

const char *dns_type_name(enum dns_type type)
{
	switch (type) {
	case DNS_A:
		return "A";
	case DNS_CNAME:
		return "CNAME";
	case DNS_PTR:
		return "PTR";
	case DNS_MX:
		return "MX";
	case DNS_TXT:
		return "TXT";
	case DNS_AAAA:
		return "AAAA";
	}
	return "unknown";
}

struct str dns_reverse_name(struct arena *arena, const struct ip *ip)
{
	struct buf buf = {.arena = arena};
	const uint8_t *b = ip->bytes;

	if (ip_is_v4(ip)) {
		buf_printf(&buf, "%u.%u.%u.%u.in-addr.arpa", b[15], b[14], b[13], b[12]);
		return buf_str(&buf);
	}
	for (int i = 15; i >= 0; i--)
		buf_printf(&buf, "%x.%x.", b[i] & 15U, (unsigned)b[i] >> 4);
	buf_puts(&buf, "ip6.arpa");
	return buf_str(&buf);
}
