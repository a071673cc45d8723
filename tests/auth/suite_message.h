/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_SUITE_MESSAGE_H
#define TESTS_SUITE_MESSAGE_H

/* A message file, taken apart as an MTA hands it over. */

#include <stdbool.h>

#include "postern/str.h"

struct arena;

/* The bytes of a file; stops the program where it cannot be read. */
struct str suite_read(struct arena *arena, const char *path);
/* Calls `field_fn` for each field, with LF in its folds where `lf`, and returns the body. */
struct str suite_header(struct arena *arena, struct str message, bool lf,
			void (*field_fn)(void *ctx, struct str name, struct str value), void *ctx);

#endif
