/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POSTERN_AUTHOR_H
#define POSTERN_AUTHOR_H

/*
 * Who the message says it is from: the result of reading its From field, behind the internal fact
 * from.author. Families that judge the author (DKIM, DMARC) share it.
 */

#include "postern/mail.h"

/* Author domains that are judged at the most; beyond, the field cannot be trusted. */
#define AUTHOR_DOMAINS_MOST 3

struct author {
	const char *trouble; /* why the author cannot be trusted, or NULL */
	struct mailboxes mailboxes;
	struct str domains[AUTHOR_DOMAINS_MOST]; /* distinct */
	size_t domain_count;
};

/* What the value of the one From field says: filter/fact/from.c. */
void author_read(struct arena *arena, struct str value, struct author *author_r);

#endif
