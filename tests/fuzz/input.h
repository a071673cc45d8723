/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_FUZZ_INPUT_H
#define TESTS_FUZZ_INPUT_H

/* What the targets share: an input is cut into pieces at a mark, and what must hold, holds. */

#include <stdio.h>
#include <stdlib.h>

#include "postern/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define require(what) required(what, __FILE__, __LINE__, #what)

static inline void required(bool held, const char *file, int line, const char *what)
{
	if (held)
		return;
	fprintf(stderr, "%s:%d: ERROR: does not hold: %s\n", file, line, what);
	abort();
}

/* The piece up to the next mark, or the rest; empty where nothing is left. */
static inline struct str input_piece(struct str *rest, char mark)
{
	ptrdiff_t end = str_chr(*rest, mark);
	struct str piece = end < 0 ? *rest : str_sub(*rest, 0, (size_t)end);

	*rest = str_sub(*rest, piece.n + 1, rest->n);
	return piece;
}

#endif
