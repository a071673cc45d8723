/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_FUZZ_RESULTS_H
#define TESTS_FUZZ_RESULTS_H

/*
 * Reads an Authentication-Results field by the grammar of RFC 8601 2.2 alone; it shares nothing
 * with the code that writes it. What is not of the grammar stops the program.
 */

#include "postern/arena.h"

#include "tests/fuzz/input.h"

struct results_property {
	struct str name, value; /* "header.d" */
};

struct results_one {
	struct str method, result;
	VEC(struct results_property) properties;
};

struct results {
	struct str authserv;
	VEC(struct results_one) all; /* none of "none" */
};

/* Blanks and folds. */
static inline void results_space(struct str *in)
{
	while (in->n > 0 &&
	       (in->s[0] == ' ' || in->s[0] == '\t' ||
		(in->n > 1 && in->s[0] == '\n' && (in->s[1] == ' ' || in->s[1] == '\t'))))
		*in = str_sub(*in, 1, in->n);
}

static inline bool results_mark(struct str *in, char mark)
{
	results_space(in);
	if (in->n == 0 || in->s[0] != mark)
		return false;
	*in = str_sub(*in, 1, in->n);
	return true;
}

/* A quoted string without its quotes, or what stands up to a blank or ';'. */
static inline struct str results_value(struct arena *arena, struct str *in)
{
	struct buf out = {.arena = arena};

	results_space(in);
	if (in->n == 0 || in->s[0] != '"') {
		size_t n = 0;

		while (n < in->n && strchr(" \t\n;", in->s[n]) == NULL)
			n++;
		require(n > 0);
		buf_add(&out, str_sub(*in, 0, n));
		*in = str_sub(*in, n, in->n);
		return buf_str(&out);
	}
	*in = str_sub(*in, 1, in->n);
	while (in->n > 0 && in->s[0] != '"') {
		size_t skip = in->s[0] == '\\';

		require(in->n > skip);
		buf_putc(&out, in->s[skip]);
		*in = str_sub(*in, skip + 1, in->n);
	}
	require(results_mark(in, '"'));
	return buf_str(&out);
}

/* Letters, digits, '-' and '.'. */
static inline struct str results_word(struct str *in)
{
	size_t n = 0;
	struct str word;

	results_space(in);
	while (n < in->n &&
	       (in->s[n] == '-' || in->s[n] == '.' || in->s[n] == '_' ||
		(in->s[n] >= '0' && in->s[n] <= '9') || (in->s[n] >= 'a' && in->s[n] <= 'z')))
		n++;
	require(n > 0);
	word = str_sub(*in, 0, n);
	*in = str_sub(*in, n, in->n);
	return word;
}

static inline void results_read_one(struct arena *arena, struct str *in, struct results_one *one)
{
	one->method = results_word(in);
	require(results_mark(in, '='));
	one->result = results_word(in);
	for (results_space(in); in->n > 0 && in->s[0] != ';'; results_space(in)) {
		struct results_property *p = vec_push(arena, &one->properties);

		p->name = results_word(in);
		require(results_mark(in, '='));
		p->value = results_value(arena, in);
	}
}

static inline struct results results_read(struct arena *arena, struct str in)
{
	struct results results = {0};
	struct str rest;

	results.authserv = results_value(arena, &in);
	require(results_mark(&in, ';'));
	rest = in;
	results_space(&rest);
	if (str_eq(rest, STR("none")))
		return results;
	do {
		struct results_one *one = vec_push(arena, &results.all);

		*one = (struct results_one){0};
		results_read_one(arena, &in, one);
	} while (results_mark(&in, ';'));
	results_space(&in);
	require(in.n == 0);
	return results;
}

#endif
