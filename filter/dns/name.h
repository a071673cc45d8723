/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_DNS_NAME_H
#define FILTER_DNS_NAME_H

/*
 * Domain names as the DNS has them: labels with their lengths in front, lower case, closed by
 * the root's empty label. In this form every byte is allowed and equal names are equal bytes.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/dns.h"
#include "postern/str.h"

#define NAME_MAX_WIRE 255 /* RFC 1035 section 2.3.4 */
#define LABEL_MAX 63
#define NAME_TEXT_MAX 1024 /* every byte of a name as \DDD, dots, NUL */

struct name {
	uint8_t n; /* bytes, the root label's zero included */
	uint8_t wire[NAME_MAX_WIRE];
};

/* What is asked: the key of the cache and of the questions in flight. */
struct dns_key {
	uint64_t hash;
	enum dns_type type;
	struct name name;
};

/*
 * From text that somebody sent: split at dots, all other bytes as they are, one final dot
 * optional. False if no DNS message can hold it, and for the root.
 */
bool name_from_text(struct str text, struct name *name_r);
/* From a master file: \DDD and \X stand for a byte, "." for the root (RFC 1035 section 5.1). */
bool name_from_master(struct str text, struct name *name_r);
/* Reads \DDD or \X at text.s[*at], a backslash, and leaves *at on its last byte. */
bool master_escape(struct str text, size_t *at, unsigned *value_r);
/*
 * From a message, at *offset, which is moved behind it. Compression pointers must point
 * backwards, so that the work is bounded.
 */
bool name_from_message(const uint8_t *message, size_t size, size_t *offset, struct name *name_r);
/*
 * Labels with dots between, none at the end, the root as "". A byte that is not a visible
 * character, a dot or a backslash is printed \DDD: name_from_master() reads it back.
 */
struct str name_text(const struct name *name, char buf[NAME_TEXT_MAX]);
bool name_eq(const struct name *a, const struct name *b);

/* Sets the hash, which nobody can foresee who does not know the seed. */
void dns_key_hash(struct dns_key *key, const uint64_t seed[2]);
bool dns_key_eq(const struct dns_key *a, const struct dns_key *b);

#endif
