/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Body canonicalization and hashing for ARC. What may still turn out not to count, blank lines and
 * blanks at the end, is counted and not kept, so that a body of any size takes the same memory.
 */

#include "filter/auth/arcbody.h"

#include "postern/arena.h"

#define OUT_SIZE 4096 /* canonical octets gathered for one call of the hash */

/* One canonicalization under way. */
struct canon {
	bool used, relaxed;
	bool any;      /* an octet was given out: the body is not empty */
	bool cr;       /* the last octet was a CR */
	bool space;    /* blanks since the last octet that counts */
	uint64_t ends; /* line ends since then */
	size_t n;
	char out[OUT_SIZE];
};

struct target {
	bool relaxed, partial;
	uint64_t length, left; /* of a partial one */
	struct arccrypt_hash *hash;
};

struct arcbody {
	struct arena *arena;
	struct canon canons[2];
	struct target targets[LIMIT_ARC_BODIES];
	size_t count;
};

struct arcbody *arcbody_new(struct arena *arena)
{
	struct arcbody *body = arena_new_of(arena, struct arcbody);

	body->arena = arena;
	return body;
}

int arcbody_want(struct arcbody *body, bool relaxed, bool partial, uint64_t length)
{
	struct target *target = body->targets;

	if (!partial)
		length = 0;
	for (; target < body->targets + body->count; target++)
		if (target->relaxed == relaxed && target->partial == partial &&
		    target->length == length)
			return (int)(target - body->targets);
	if (body->count == LIMIT_ARC_BODIES)
		return -1;
	*target = (struct target){relaxed, partial, length, length, arccrypt_hash_new(body->arena)};
	body->canons[relaxed].used = true;
	body->canons[relaxed].relaxed = relaxed;
	return (int)body->count++;
}

static void give(struct arcbody *body, bool relaxed, struct str octets)
{
	for (size_t i = 0; i < body->count; i++) {
		struct target *target = &body->targets[i];
		struct str part = octets;

		if (target->relaxed != relaxed)
			continue;
		if (target->partial) {
			part =
			    str_sub(octets, 0, target->left < octets.n ? target->left : octets.n);
			target->left -= part.n;
		}
		arccrypt_hash_add(target->hash, part);
	}
}

static void flush(struct arcbody *body, struct canon *canon)
{
	give(body, canon->relaxed, (struct str){canon->out, canon->n});
	canon->n = 0;
}

static inline void put(struct arcbody *body, struct canon *canon, const char *s, size_t n)
{
	if (n > OUT_SIZE - canon->n)
		flush(body, canon);
	if (n > OUT_SIZE) {
		give(body, canon->relaxed, (struct str){s, n});
		return;
	}
	/* Most that is put where blanks and CRs alternate is one octet long. */
	if (n == 1)
		canon->out[canon->n] = *s;
	else
		memcpy(canon->out + canon->n, s, n);
	canon->n += n;
}

/* Octets that count follow: so what stood before them counts too. */
static inline void put_counting(struct arcbody *body, struct canon *canon, const char *s, size_t n)
{
	for (; canon->ends > 0; canon->ends--)
		put(body, canon, "\r\n", 2);
	if (canon->space)
		put(body, canon, " ", 1);
	canon->space = false;
	canon->any = true;
	put(body, canon, s, n);
}

/* How many octets of `s` stand for themselves. */
static size_t plain(const struct canon *canon, struct str s)
{
	ptrdiff_t cr;
	size_t n = 0;

	if (!canon->relaxed) {
		cr = str_chr(s, '\r');
		return cr < 0 ? s.n : (size_t)cr;
	}
	while (n < s.n && s.s[n] != ' ' && s.s[n] != '\t' && s.s[n] != '\r')
		n++;
	return n;
}

static void canon_add(struct arcbody *body, struct canon *canon, struct str chunk)
{
	const char *s = chunk.s, *end = chunk.s + chunk.n;

	while (s < end) {
		size_t taken = 1;

		if (canon->cr) {
			canon->cr = false;
			if (*s == '\n') {
				canon->space = false;
				canon->ends++;
				s++;
			} else {
				put_counting(body, canon, "\r", 1);
			}
			continue;
		}
		if (*s == '\r') {
			canon->cr = true;
		} else if (canon->relaxed && (*s == ' ' || *s == '\t')) {
			canon->space = true;
		} else {
			taken = plain(canon, (struct str){s, (size_t)(end - s)});
			put_counting(body, canon, s, taken);
		}
		s += taken;
	}
}

void arcbody_add(struct arcbody *body, struct str chunk)
{
	for (size_t i = 0; i < 2; i++)
		if (body->canons[i].used)
			canon_add(body, &body->canons[i], chunk);
}

bool arcbody_wants(const struct arcbody *body)
{
	for (size_t i = 0; i < body->count; i++)
		if (!body->targets[i].partial || body->targets[i].left > 0)
			return true;
	return false;
}

void arcbody_end(struct arcbody *body)
{
	for (size_t i = 0; i < 2; i++) {
		struct canon *canon = &body->canons[i];

		if (!canon->used)
			continue;
		if (canon->cr)
			put_counting(body, canon, "\r", 1);
		/* An empty body is one line end where it is simple, and nothing where relaxed. */
		if (canon->any || !canon->relaxed)
			put(body, canon, "\r\n", 2);
		flush(body, canon);
	}
}

enum arcbody_match arcbody_compare(struct arcbody *body, int number, struct str hash)
{
	struct target *target = &body->targets[number];
	struct arccrypt_digest digest;

	if (!arccrypt_hash_read(target->hash, &digest))
		return ARCBODY_BROKEN;
	if (target->partial && target->left > 0)
		return ARCBODY_TOO_SHORT;
	return str_eq(hash, (struct str){(const char *)digest.bytes, sizeof(digest.bytes)})
		   ? ARCBODY_MATCHES
		   : ARCBODY_DIFFERS;
}
