/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POSTERN_MIME_H
#define POSTERN_MIME_H

/*
 * The parts of a message (RFC 2045, 2046): what their header fields say of them. The body streams
 * by, only fields are kept, so that memory is bounded whatever the message is.
 *
 *   m = mime_new(arena);
 *   mime_header(m, name, value) ...; mime_eoh(m);
 *   mime_body(m, chunk) ...          until it says that it needs no more
 *   parts = mime_finish(m);
 *
 * Programs that show mail read broken structure each in its own way. Here a part is reported where
 * any of the usual readings sees one; where readings differ in a way that could hide a part, and
 * beyond every limit, `trouble` says so: then there may be parts that are not reported.
 */

#include <stdbool.h>
#include <stddef.h>

#include "postern/str.h"

struct arena;
struct mime;

struct mime_parts {
	/* File names, decoded to UTF-8; bytes that no charset explains stay as they are. */
	const struct str *names;
	size_t name_count;
	/* type/subtype in lower case, of each part but multiparts. */
	const struct str *types;
	size_t type_count;
	const char *trouble; /* NULL: these are all */
};

/* Once, before the first thread is started. */
void mime_init(void);
/* The same, and all that could load a library later on is loaded. */
void mime_init_confined(void);

struct mime *mime_new(struct arena *arena);
/* A field of the message; `value` with folds as LF or CRLF. */
void mime_header(struct mime *mime, struct str name, struct str value);
void mime_eoh(struct mime *mime);
/* False: no more of the body can tell anything. */
bool mime_body(struct mime *mime, struct str chunk);
bool mime_wants_body(const struct mime *mime);
/* All was shown. The result lives as long as the arena. */
const struct mime_parts *mime_finish(struct mime *mime);

/*
 * What follows the last dot of a file name, in lower case; empty where there is none. Dots, blanks
 * and quotes at the end do not count: Windows drops them.
 */
struct str mime_extension(struct arena *arena, struct str name);

#endif
