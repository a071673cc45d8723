/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_COMMAND_COVERAGE_H
#define FILTER_COMMAND_COVERAGE_H

/* Which rules of a policy its tests reach: decided by them, or, of edits and logs, applied. */

#include <stdbool.h>

#include "postern/arena.h"
#include "postern/policy.h"
#include "postern/session.h"

struct coverage;

struct coverage *coverage_new(struct arena *arena, const struct policy *policy);
/* One more test, and how it ended. */
void coverage_add(struct coverage *coverage, const struct report *report);
/* Names the rules that no test reached, on standard output. True if there are none. */
bool coverage_print(const struct coverage *coverage, const char *path);

#endif
