/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_AUTH_ORGDOMAIN_H
#define FILTER_AUTH_ORGDOMAIN_H

/* The walk from a name up to its organizational domain, and what was found on it. */

#include "postern/dmarc.h"
#include "postern/limits.h"

enum orgwalk_state {
	ORGWALK_NOTHING,
	ORGWALK_RECORD,
	ORGWALK_SEVERAL, /* DMARC records at one name: they count as none (4.10 steps 2 and 6) */
	ORGWALK_FAILED,
};

struct orgwalk {
	enum dmarc_discovery discovery;
	struct str names[LIMIT_WALK]; /* longest first; the first is where it started */
	enum orgwalk_state states[LIMIT_WALK];
	struct dmarc_record records[LIMIT_WALK];
	size_t count;
	bool no_list;       /* DMARC_PSL: there is no public suffix list */
	bool first_missing; /* _dmarc below the first name is NXDOMAIN: the name may be, too */
};

/* Asks for all names at once; DONE when all are answered. */
enum step orgwalk_step(struct arena *arena, struct str domain, enum dmarc_discovery discovery,
		       struct lookups *lookups, struct orgwalk *walk_r);

struct orgwalk_end {
	bool failed; /* a lookup failed that decides; the rest is not set */
	struct str org;
	int org_record; /* index of the record at `org`, or -1 */
	int psd_record; /* of the record with psd=y right above `org`, or -1 */
};

/* The selection of 4.10.2; or what the public suffix list says. */
void orgwalk_select(const struct orgwalk *walk, struct orgwalk_end *end_r);

#endif
