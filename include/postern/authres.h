/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POSTERN_AUTHRES_H
#define POSTERN_AUTHRES_H

/*
 * Authentication-Results (RFC 8601): writing ours, and telling which of a message's are forged.
 */

#include <stdbool.h>

#include "postern/str.h"

struct arena;

/* One "method=result" with its reason and properties, in the order in which they were added. */
struct authres_property {
	const char *ptype;    /* "smtp", "header", "policy", "body" */
	const char *property; /* "mailfrom", "helo", "d", "s", "i", "b", "a", "from", ... */
	struct str value;     /* bytes from the wire: checked and quoted when written */
};

struct authres_result {
	const char *method; /* "spf", "dkim", "dmarc", "arc", "auth" */
	const char *result; /* "pass", "fail", "none", ... */
	struct str reason;  /* empty: none; cleaned and quoted when written */
	struct str comment; /* empty: none; letters, digits and blanks, else it is left out */
	const struct authres_property *properties;
	size_t count;
};

/*
 * The value of a field (without "Authentication-Results:"), folded with LF and a tab at no more
 * than 78 columns where that can be, without a final line end. No results: "authserv; none". A
 * property whose value cannot stand as RFC 8601's pvalue, even quoted (control characters, bytes
 * over 127 unless `utf8`), is left out; domains and addresses that need no quotes get none. At most
 * 64 KB.
 */
struct str authres_write(struct arena *arena, struct str authserv,
			 const struct authres_result *results, size_t count, bool utf8);

enum authres_claim {
	AUTHRES_FOREIGN, /* parsed, and bears another authserv-id */
	AUTHRES_OURS,    /* bears our authserv-id or a name below it */
	AUTHRES_UNCLEAR, /* its authserv-id cannot be parsed: removed like a forged one */
};

/*
 * Whose field is it? Looks at the authserv-id only (and version), in any disguise: case, comments,
 * quoting, folds, a dot at its end, non-ASCII. `value` as the MTA passed it, of any length.
 */
enum authres_claim authres_claim(struct arena *arena, struct str value, struct str authserv);

#endif
