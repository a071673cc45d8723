/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The four values of a condition, and sets of them. The tables are the definition; everything
 * else goes through them.
 */

#include "postern/engine.h"

enum { F, T, D, S, VALUES }; /* false, true, failed: defer, failed: skip */

static const unsigned char and_table[VALUES][VALUES] = {
    /*        F  T  D  S */
    [F] = {F, F, F, F},
    [T] = {F, T, D, S},
    [D] = {F, D, D, D},
    [S] = {F, S, D, S},
};

static const unsigned char or_table[VALUES][VALUES] = {
    /*        F  T  D  S */
    [F] = {F, T, D, S},
    [T] = {T, T, T, T},
    [D] = {D, T, D, D},
    [S] = {S, T, D, S},
};

static cond_set combine(cond_set a, cond_set b, const unsigned char table[VALUES][VALUES])
{
	cond_set result = 0;

	for (unsigned i = 0; i < VALUES; i++)
		for (unsigned j = 0; j < VALUES; j++)
			if (a & 1u << i && b & 1u << j)
				result |= (cond_set)(1u << table[i][j]);
	return result;
}

/* Nearly always one of two is settled, and decides or changes nothing. */
cond_set cond_and(cond_set a, cond_set b)
{
	if (a == COND_TRUE || b == 0)
		return b;
	if (b == COND_TRUE || a == 0)
		return a;
	if (a == COND_FALSE || b == COND_FALSE)
		return COND_FALSE;
	return combine(a, b, and_table);
}

cond_set cond_or(cond_set a, cond_set b)
{
	if (a == COND_FALSE || b == 0)
		return b;
	if (b == COND_FALSE || a == 0)
		return a;
	if (a == COND_TRUE || b == COND_TRUE)
		return COND_TRUE;
	return combine(a, b, or_table);
}

cond_set cond_not(cond_set a)
{
	return (cond_set)((a & COND_FAILED) | (a & COND_TRUE ? COND_FALSE : 0) |
			  (a & COND_FALSE ? COND_TRUE : 0));
}

const char *cond_name(cond_set s)
{
	if (s == COND_FALSE)
		return "false";
	if (s == COND_TRUE)
		return "true";
	if (s != 0 && (s & ~COND_FAILED) == 0)
		return "failed";
	return "unknown";
}
