/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_DKIM_LOOKUPS_H
#define TESTS_DKIM_LOOKUPS_H

/*
 * Lookups out of memory, for tests of what asks them: no resolver, no thread, and on demand
 * every answer is pending until somebody waits for it. Stands in for filter/dns.
 */

#include <stdbool.h>

#include "postern/dns.h"

/* With `pending`, a question is answered only after a lookups_wait(), one a call. */
struct lookups *dkim_lookups_new(struct arena *arena, bool pending);
void dkim_lookups_txt(struct lookups *lookups, const char *name, struct str text);
/* DNS_FAILED with `problem`. */
void dkim_lookups_fail(struct lookups *lookups, const char *name, const char *problem);
/* One line of a file of records (TXT, TIMEOUT, SERVFAIL, BOGUS, NODATA; others are passed over). */
void dkim_lookups_line(struct lookups *lookups, struct str line);
/* Reads a whole file of them; false where it cannot be read. */
bool dkim_lookups_file(struct lookups *lookups, const char *path);

#endif
