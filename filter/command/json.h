/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_COMMAND_JSON_H
#define FILTER_COMMAND_JSON_H

/* Small helpers over Jansson, for the commands that print JSON. */

#include <jansson.h>

#include "postern/str.h"

/* A string; bytes that are not UTF-8 become U+FFFD, an empty one null if `or_null`. */
json_t *json_str(struct str text, bool or_null);
/* NULL gives null. */
json_t *json_text(const char *text);
/* Prints one object and a line end on stdout, and frees it. */
void json_print(json_t *object);

#endif
