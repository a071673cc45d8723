/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_MEMORY_ENDS_H
#define TESTS_MEMORY_ENDS_H

/* What serves the messages of memory_ends_test.c: apart, for milter and DNS have names in common.
 */

#include <stdbool.h>

#include "postern/milter.h"

struct clock;

/* Starts the libraries. False: not all start. */
bool memory_ends_begin(void);

/* Compiles the policy and makes the resolver. False: it said why not. */
bool memory_ends_serve(struct milter_policy *served_r, struct clock *clock);

#endif
