/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_COMMAND_EML_H
#define FILTER_COMMAND_EML_H

/* A message file, cut into fields and body as an MTA would pass it to a filter. */

#include <stdbool.h>

#include "postern/arena.h"
#include "postern/fact.h"

struct eml {
	const struct field *fields; /* names as written, values with leading space, folds as LF */
	size_t field_count;
	struct str body; /* lines end in CRLF; stray CR and LF stay where the file has CRLF */
	bool utf8;       /* a byte over 127 stands in the header */
};

/* Is there a byte over 127? */
bool eml_8bit(struct str s);
/* Reads a file with LF or CRLF line ends; "-" is standard input. False: *why_r says why. */
bool eml_read(struct arena *arena, const char *path, struct eml *eml_r, const char **why_r);

#endif
