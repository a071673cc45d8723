/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_MAIL_MIMEFOUND_H
#define FILTER_MAIL_MIMEFOUND_H

/* What is found in a message, shared with the messages that are decoded from it: mime.c. */

#include <stdbool.h>
#include <stddef.h>

#include "postern/arena.h"
#include "postern/mime.h"
#include "postern/str.h"

struct mimefound {
	struct arena *arena;
	VEC(struct str) names, types;
	size_t parts, field_bytes, name_bytes;
	const char *trouble;
	bool stop; /* a limit was reached, no more is looked at */
	struct mime_parts result;
};

/* Notes the first thing that is not clear; a literal. */
void mimefound_trouble(struct mimefound *found, const char *what);
/* The same, and nothing more is looked at. */
void mimefound_give_up(struct mimefound *found, const char *what);
/* One part more. */
void mimefound_part(struct mimefound *found);
/* Bytes of fields of parts that are to be read; false: they are too many. */
bool mimefound_field(struct mimefound *found, size_t bytes);
/* The type of a part; it is not copied. */
void mimefound_type(struct mimefound *found, struct str type);
/* A name, unless its part, whose names begin at `first`, has it already; it is not copied. */
void mimefound_name(struct mimefound *found, size_t first, struct str name);
const struct mime_parts *mimefound_result(struct mimefound *found);

#endif
