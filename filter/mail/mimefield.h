/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_MAIL_MIMEFIELD_H
#define FILTER_MAIL_MIMEFIELD_H

/* The values of the fields that tell of a part, and the encodings of its content: all of GMime. */

#include <stdbool.h>

#include "postern/arena.h"
#include "postern/str.h"

struct mimefield_parser;
struct mimefield_decoder;

struct mimefield_parser *mimefield_parser_new(struct arena *arena);

struct mimefield {
	struct str type;     /* of a Content-Type: type/subtype in lower case */
	struct str boundary; /* of a Content-Type; empty: none */
	VEC(struct str) names;
	const char *trouble; /* not all that others may read in it is here; NULL: it is */
};

/*
 * Reads the value of a Content-Type (`type`) or Content-Disposition. All strings of the result
 * stand in `arena`.
 */
void mimefield_read(struct mimefield_parser *parser, struct arena *arena, struct str value,
		    bool type, struct mimefield *field_r);

struct mimefield_decoder *mimefield_decoder_new(struct arena *arena);
/*
 * Begins to decode what a Content-Transfer-Encoding names: >0. 0: it is not encoded; <0: nobody
 * knows how others read it.
 */
int mimefield_decoder_start(struct mimefield_decoder *decoder, struct str encoding);
/* Decodes at most MIMEFIELD_DECODE bytes; what it returns stands until the next call. */
#define MIMEFIELD_DECODE 8192
struct str mimefield_decode(struct mimefield_decoder *decoder, struct str bytes);

#endif
