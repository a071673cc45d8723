/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POSTERN_FORMAT_H
#define POSTERN_FORMAT_H

/*
 * The canonical form of a policy. It depends on the words of a policy, its comments and the blank
 * lines between its items, on no other white space; it is a fixed point, and means the same.
 *
 *   set NAME   VALUE            names of neighbouring declarations padded to one column
 *   table NAME KIND { ITEMS }   wrapped at 100 columns, as everything
 *
 *   LABEL:      accept when CONDITION      one action without a text: on one line, if it fits
 *               ACTION, ACTION             actions at 12, or behind the longest label of the block
 *                 when CONDITION
 *                   and CONDITION          broken only where it does not fit
 *                 unless CONDITION
 *   if CONDITION {
 *     ITEMS
 *   }
 *
 * Operators are written as the language spells them: `in` for `is in`, `not in` for `is not in`,
 * `is absent` for `is not present`. Literals, and what stands in a test, stay as written.
 *
 * Comments stay with the word they stand behind, or on their own line before the word they stand
 * above. One blank line between items stays; more become one.
 */

#include "postern/arena.h"
#include "postern/diag.h"
#include "postern/str.h"

/*
 * Formats a policy, whose names and tables need not be right. False if it has mistakes of syntax,
 * which are in `diag`. The text belongs to the arena.
 */
bool format_policy(struct arena *arena, const struct source *source, struct diag *diag,
		   struct str *text_r);

#endif
