/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_COMMAND_EXPLAIN_H
#define FILTER_COMMAND_EXPLAIN_H

/* How a report is told to people and to programs. */

#include "filter/command/json.h"
#include "postern/session.h"

/* The outcome of the message: where all recipients were refused, that of the first. */
const struct report_outcome *explain_overall(const struct report *report);
/* A field's value on one line, escaped. */
struct str explain_unfolded(struct arena *arena, const char *value);
/* Prints on standard output, a line for each rule as it went. */
void explain_print(struct arena *arena, const struct report *report);
json_t *explain_json(const struct report *report);

#endif
