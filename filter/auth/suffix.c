/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The public suffix list through libpsl, of which this file is the only owner. Read-only once it is
 * there, so all threads share it.
 */

#include "filter/auth/suffix.h"

#include <libpsl.h>
#include <pthread.h>

#include "postern/arena.h"

static const psl_ctx_t *list;

static void read_list(void)
{
	list = psl_latest(NULL);
	if (!list)
		list = psl_builtin();
}

struct str suffix_organization(struct arena *arena, struct str domain)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct str copy = str_dup(arena, domain);
	const char *org;

	pthread_once(&once, read_list);
	if (!list)
		return STR("");
	org = psl_registrable_domain(list, copy.s);
	return org ? str_of(org) : domain;
}
