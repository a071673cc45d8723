/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_DNS_SCRIPT_H
#define FILTER_DNS_SCRIPT_H

#include "filter/dns/answer.h"
#include "filter/dns/name.h"

struct diag;
struct source;

/*
 * A file of records in place of the DNS, as resolver_from_source() describes it. NULL if there
 * were mistakes, all of which were reported.
 */
struct script;

struct script *script_new(const struct source *source, struct diag *diag);
void script_free(struct script **script); /* NULL is fine */
/* The answer with a reference, or NULL if the name or this type of it never answers. */
const struct answer *script_answer(const struct script *script, const struct dns_key *key);

#endif
