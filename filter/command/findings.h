/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_COMMAND_FINDINGS_H
#define FILTER_COMMAND_FINDINGS_H

/* What was found wrong with a policy, as JSON. */

#include "filter/command/json.h"
#include "postern/diag.h"

/*
 * An array of {level, name, file, line, column, length, text, notes}, in the order of the places;
 * notes are objects with the same file to text. What has no place has null for it.
 */
json_t *findings_json(const struct diag *diag);

#endif
