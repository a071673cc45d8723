/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_DNS_MASTER_H
#define FILTER_DNS_MASTER_H

/*
 * Files of records in master-file form (RFC 1035 section 5.1), one record a line:
 *
 *   NAME [TTL] [IN] TYPE DATA      ; a comment, which a word that begins with # starts too
 *
 * with the pseudo types TIMEOUT, SERVFAIL, BOGUS and NODATA, which may be followed by the type
 * of record that they are about. Names stand in full, a final dot is optional.
 */

#include "postern/arena.h"

#include "filter/dns/name.h"

struct diag;
struct source;

enum entry_kind {
	ENTRY_RECORD,
	ENTRY_EXISTS, /* no record that we could be asked for, but the name is there */
	ENTRY_TIMEOUT,
	ENTRY_SERVFAIL,
	ENTRY_BOGUS
};

struct entry {
	struct str path; /* the name's labels with their lengths, the topmost first, no root */
	size_t line;
	enum entry_kind kind;
	uint16_t type; /* 0: of any type */
	uint16_t preference;
	uint32_t ttl;
	struct str data;           /* as in struct dns_record */
	const struct name *target; /* of a CNAME */
};

struct entries {
	VEC(struct entry) list;
};

/* Reads all records into the arena, in the order of the file. False if there were mistakes. */
bool master_read(const struct source *source, struct diag *diag, struct arena *arena,
		 struct entries *entries);
/* Writes the path of a name, of name->n - 1 bytes, into `buf` of NAME_MAX_WIRE bytes. */
struct str master_path(const struct name *name, char *buf);

#endif
