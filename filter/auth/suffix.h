/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_AUTH_SUFFIX_H
#define FILTER_AUTH_SUFFIX_H

/* The public suffix list, as RFC 7489 3.2 uses it. */

#include "postern/str.h"

struct arena;

/*
 * The organizational domain of `domain` (normal form): the label below its public suffix, with the
 * suffix; `domain` itself where it is one; empty where there is no list to be had. It is
 * read once, when it is first wanted: the system's, or the one that libpsl was built with.
 */
struct str suffix_organization(struct arena *arena, struct str domain);

#endif
