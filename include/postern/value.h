/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POSTERN_VALUE_H
#define POSTERN_VALUE_H

/*
 * What facts are worth: types, values, and the states in which a fact can be. Present, absent, not
 * known yet and failed never merge: each is a state of its own, and no value stands in for another.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "postern/ip.h"
#include "postern/str.h"

struct arena;

enum type_base {
	TYPE_BOOLEAN,
	TYPE_NUMBER,   /* thousandths; whole, but for the score */
	TYPE_DURATION, /* milliseconds */
	TYPE_SIZE,     /* bytes */
	TYPE_TEXT,     /* any bytes; compared without regard to ASCII case */
	TYPE_ADDRESS,  /* local@domain, canonical; "" is the null address */
	TYPE_DOMAIN,   /* lower-case A-labels, or an address literal in brackets */
	TYPE_IP,
	TYPE_NETWORK,
	TYPE_PATTERN,
	TYPE_ENUM,
	TYPE_OPAQUE, /* a pointer between providers; no policy can name it */
};

struct enum_def {
	const char *name;
	const char *const *values; /* NULL-terminated; the index is the value */
};

struct type {
	enum type_base base;
	bool list;
	const struct enum_def *enumeration; /* TYPE_ENUM */
};

/* "number", "list of domain", "one of none neutral pass ...". */
struct str type_text(struct arena *arena, const struct type *type);

enum fact_state {
	FACT_UNKNOWN = 0, /* not known yet */
	FACT_ABSENT,
	FACT_FAILED,  /* could not be found out; final for its scope */
	FACT_GROWING, /* a list or count of recipients that may still become longer */
	FACT_PRESENT,
};

struct value {
	enum fact_state state;
	int64_t number;            /* BOOLEAN (0, 1), NUMBER, DURATION, SIZE, ENUM */
	struct str text;           /* TEXT, ADDRESS, DOMAIN; of FAILED: why, for the trace */
	struct ip_network network; /* IP (its ip alone), NETWORK */
	const void *opaque;
	const struct value *items; /* of a list */
	size_t count;
	bool ours;       /* DOMAIN: of a bare postmaster, which is ours whatever our names are */
	bool incomplete; /* a list: a lookup failed, more may belong to it */
};

static inline bool value_known(const struct value *v)
{
	return v->state == FACT_ABSENT || v->state == FACT_FAILED || v->state == FACT_PRESENT;
}

/* Builders, all PRESENT; texts are borrowed. */
struct value value_boolean(bool b);
struct value value_number(int64_t thousandths);
struct value value_enum(int index);
struct value value_text(struct str text);
struct value value_ip(const struct ip *ip);
struct value value_list(const struct value *items, size_t count);
struct value value_absent(void);
struct value value_failed(const char *why);

/*
 * A literal as a value of `type` (its base; `list` is ignored). False, and *why_r is a text, where
 * it is none. Domains and addresses are brought to their normal form.
 */
bool value_parse(struct arena *arena, const struct type *type, struct str text,
		 struct value *value_r, const char **why_r);

/* <0, 0, >0. Both PRESENT, scalars, and of one base type that has an order or equality. */
int value_compare(enum type_base base, const struct value *a, const struct value *b);

/*
 * For people: replies, headers and logs. Absent prints "-". Bytes that are not printable ASCII are
 * escaped, so what comes out is safe in all three. At most 300 bytes.
 */
struct str value_print(struct arena *arena, const struct type *type, const struct value *value);

#endif
