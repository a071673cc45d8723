/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tells by its look what a run of digits, dots, colons and letters is: one dot makes a decimal,
 * two an enhanced status code, three an IPv4 address, colons an IPv6 address; a unit touches its
 * number. Whether an address or a code exists is for whoever knows what it is compared with.
 */

#include "filter/policy/lex.h"

struct unit {
	const char *name;
	int64_t factor; /* in milliseconds, or in bytes */
	enum token_kind kind;
};

static const struct unit units[] = {
    {"ms", 1, TOKEN_DURATION},
    {"s", 1000, TOKEN_DURATION},
    {"m", 60 * 1000, TOKEN_DURATION},
    {"h", 60 * 60 * 1000, TOKEN_DURATION},
    {"d", 24 * 60 * 60 * 1000, TOKEN_DURATION},
    {"w", 7 * 24 * 60 * 60 * 1000, TOKEN_DURATION},
    {"B", 1, TOKEN_SIZE},
    {"KB", 1024, TOKEN_SIZE},
    {"MB", 1024 * 1024, TOKEN_SIZE},
    {"GB", 1024 * 1024 * 1024, TOKEN_SIZE},
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* "/24" or nothing, to the end of the text. */
static bool prefix_fits(struct str text, size_t at)
{
	if (at == text.n)
		return true;
	if (text.s[at] != '/' || at + 1 == text.n || text.n - at > 4)
		return false;
	for (size_t i = at + 1; i < text.n; i++)
		if (!is_digit(text.s[i]))
			return false;
	return true;
}

static bool looks_like_ip6(struct str text)
{
	size_t i = 0, colons = 0;

	for (; i < text.n && (is_hex(text.s[i]) || text.s[i] == ':' || text.s[i] == '.'); i++)
		colons += text.s[i] == ':';
	return colons >= 2 && prefix_fits(text, i);
}

/* Adds a digit; false where the number leaves its range. */
static bool add_digit(int64_t *number, char c)
{
	return !__builtin_mul_overflow(*number, 10, number) &&
	       !__builtin_add_overflow(*number, c - '0', number);
}

/* Thousandths of the digits with at most one dot among them. */
static enum lex_problem read_number(struct str digits, int64_t *number_r)
{
	int64_t number = 0;
	size_t i = 0, decimals = 0;

	for (; i < digits.n && digits.s[i] != '.'; i++)
		if (!add_digit(&number, digits.s[i]))
			return LEX_RANGE;
	if (i < digits.n)
		i++;
	for (; i < digits.n; i++, decimals++) {
		if (decimals == 3)
			return LEX_PRECISION;
		if (!add_digit(&number, digits.s[i]))
			return LEX_RANGE;
	}
	for (; decimals < 3; decimals++)
		if (!add_digit(&number, '0'))
			return LEX_RANGE;
	*number_r = number;
	return LEX_FINE;
}

static enum token_kind with_unit(struct str name, int64_t *number_r, enum lex_problem *problem_r)
{
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (!str_eq(name, str_of(units[i].name)))
			continue;
		if (__builtin_mul_overflow(*number_r, units[i].factor, number_r))
			*problem_r = LEX_RANGE;
		else if (*number_r % 1000 != 0)
			*problem_r = LEX_PRECISION;
		*number_r /= 1000;
		return *problem_r == LEX_FINE ? units[i].kind : TOKEN_WORD;
	}
	*problem_r = LEX_UNIT;
	return TOKEN_WORD;
}

const char *literal_unit(struct str name)
{
	/* A single letter is no hint: M may be minutes or megabytes. */
	for (size_t i = 0; name.n > 1 && i < sizeof(units) / sizeof(units[0]); i++)
		if (str_caseeq(name, str_of(units[i].name)))
			return units[i].name;
	return NULL;
}

enum token_kind literal_classify(struct str text, int64_t *number_r, enum lex_problem *problem_r,
				 size_t *at_r)
{
	size_t sign = text.n > 0 && text.s[0] == '-', i = sign, dots = 0;

	*number_r = 0;
	*at_r = 0;
	*problem_r = LEX_FINE;
	if (looks_like_ip6(text))
		return TOKEN_IP;
	*problem_r = LEX_NUMBER;
	/* Digits with single dots between them. */
	while (i < text.n && (is_digit(text.s[i]) || text.s[i] == '.')) {
		if (text.s[i] == '.' && (i == sign || !is_digit(text.s[i - 1])))
			return TOKEN_WORD;
		dots += text.s[i] == '.';
		i++;
	}
	if (i == sign || !is_digit(text.s[i - 1]) || (sign && dots > 1))
		return TOKEN_WORD;
	if (dots > 1) {
		if (dots > 3 || !prefix_fits(text, i) || (dots == 2 && i < text.n))
			return TOKEN_WORD;
		*problem_r = LEX_FINE;
		return dots == 2 ? TOKEN_CODE : TOKEN_IP;
	}
	for (size_t j = i; j < text.n; j++)
		if (!((text.s[j] | 0x20) >= 'a' && (text.s[j] | 0x20) <= 'z'))
			return TOKEN_WORD;
	if (sign && i < text.n)
		return TOKEN_WORD; /* neither time nor size is negative */
	*problem_r = read_number(str_sub(text, sign, i - sign), number_r);
	if (*problem_r != LEX_FINE)
		return TOKEN_WORD;
	if (sign)
		*number_r = -*number_r;
	if (i == text.n)
		return TOKEN_NUMBER;
	*at_r = i;
	return with_unit(str_sub(text, i, text.n - i), number_r, problem_r);
}
