/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_DNS_REPLY_H
#define FILTER_DNS_REPLY_H

#include "filter/dns/answer.h"
#include "filter/dns/name.h"

/*
 * Reads a DNS message (RFC 1035 section 4) as the answer to a question, which it must repeat.
 * The caller gets a reference. Whatever cannot be read as a whole is DNS_FAILED.
 */
const struct answer *reply_read(const struct dns_key *question, const uint8_t *message, size_t size,
				bool secure);
/* What a response code without a message stands for (RFC 1035 section 4.1.1). */
const struct answer *reply_error(unsigned rcode);

#endif
