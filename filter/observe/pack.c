/* SPDX-License-Identifier: BSD-2-Clause */
/* Seven bits a byte, least first, the eighth says that more follow; texts after their length. */

#include "filter/observe/pack.h"

#define BITS 7
#define MORE 0x80

void pack_number(struct buf *out, uint64_t number)
{
	while (number >= MORE) {
		buf_putc(out, (char)(number | MORE));
		number >>= BITS;
	}
	buf_putc(out, (char)number);
}

/* The sign goes to the lowest bit, so that small negative numbers stay short. */
void pack_signed(struct buf *out, int64_t number)
{
	pack_number(out, (uint64_t)number << 1 ^ (number < 0 ? UINT64_MAX : 0));
}

void pack_text(struct buf *out, struct str text)
{
	pack_number(out, text.n);
	buf_add(out, text);
}

uint64_t unpack_number(struct unpack *in)
{
	uint64_t number = 0;

	for (unsigned shift = 0; shift < 64 && !in->bad; shift += BITS) {
		unsigned char c;

		if (in->left.n == 0)
			break;
		c = (unsigned char)in->left.s[0];
		in->left = str_sub(in->left, 1, in->left.n);
		number |= (uint64_t)(c & ~MORE) << shift;
		if (!(c & MORE))
			return number;
	}
	in->bad = true;
	return 0;
}

int64_t unpack_signed(struct unpack *in)
{
	uint64_t number = unpack_number(in);

	return (int64_t)(number >> 1 ^ (number & 1 ? UINT64_MAX : 0));
}

struct str unpack_text(struct unpack *in)
{
	uint64_t n = unpack_number(in);
	struct str text;

	if (in->bad || n > in->left.n) {
		in->bad = true;
		return STR("");
	}
	text = str_sub(in->left, 0, (size_t)n);
	in->left = str_sub(in->left, (size_t)n, in->left.n);
	return text;
}

size_t unpack_count(struct unpack *in, size_t most)
{
	uint64_t count = unpack_number(in);

	if (in->bad || count > most || count > in->left.n) {
		in->bad = true;
		return 0;
	}
	return (size_t)count;
}
