/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_OBSERVE_PACK_H
#define FILTER_OBSERVE_PACK_H

/*
 * Numbers and texts as bytes, and back. Reading never goes past the end: what is cut off or absurd
 * sets `bad`, and everything read from then on is zero or empty.
 */

#include <stdbool.h>
#include <stdint.h>

#include "postern/arena.h"
#include "postern/str.h"

void pack_number(struct buf *out, uint64_t number);
void pack_signed(struct buf *out, int64_t number);
void pack_text(struct buf *out, struct str text);

struct unpack {
	struct str left;
	bool bad;
};

uint64_t unpack_number(struct unpack *in);
int64_t unpack_signed(struct unpack *in);
/* Borrows. */
struct str unpack_text(struct unpack *in);
/* A number of things that each take at least one byte more; 0 where they cannot be there. */
size_t unpack_count(struct unpack *in, size_t most);

#endif
