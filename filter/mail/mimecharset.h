/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_MAIL_MIMECHARSET_H
#define FILTER_MAIL_MIMECHARSET_H

/* The names of charsets in the fields of a part, before GMime reads them. */

#include "postern/arena.h"
#include "postern/str.h"

#define MIMECHARSETS 40
/* All that are known, in lower case. */
extern const char *const mimecharset_names[MIMECHARSETS];

/*
 * The text with every name of a charset that is not known replaced by one that is. It holds no
 * NUL; the result has one behind it and stands in `arena`. Where the text is cut, because programs
 * read it in several ways, *trouble_r is set.
 */
struct str mimecharset_known(struct arena *arena, struct str text, const char **trouble_r);

#endif
