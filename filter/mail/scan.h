/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_MAIL_SCAN_H
#define FILTER_MAIL_SCAN_H

/* What the parsers of paths, address lists, fields and domains share: characters and pieces. */

#include <stdbool.h>
#include <stdint.h>

#include "postern/str.h"

struct arena;

/* Local parts: RFC 5321 says 64 bytes; longer ones are in use (VERP, SRS), these are not. */
#define SCAN_LOCAL_MAX 255

/* The code point that `s` begins with and its length in bytes; 0 where it is no UTF-8. */
size_t scan_utf8(struct str s, uint32_t *code_r);
/* atext of RFC 5322 3.2.3, and any byte of RFC 6532's UTF-8. */
bool scan_atext(char c);
/*
 * Code points that show nothing or turn the text around: C1 controls, default ignorables, marks
 * of direction, blanks beside the one of ASCII. The joiners U+200C and U+200D are not among them:
 * scripts need them.
 */
bool scan_invisible(uint32_t code);
/* Why `text` cannot be mail's: a control character (folds and tabs are none), bad UTF-8; or NULL.
 */
const char *scan_trouble(struct str text);
/* Why `local`, quotes removed, cannot be a local part of anybody's, or NULL. */
const char *scan_local_trouble(struct str local);
/* An address literal (RFC 5321 4.1.3) of IPv4 or IPv6, brackets included, in its one form. */
bool scan_literal(struct arena *arena, struct str text, struct str *literal_r);
/* local@domain, the local part in quotes where it must be; without domain the local part alone. */
struct str scan_address(struct arena *arena, struct str local, struct str domain);

#endif
