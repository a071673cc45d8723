/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A stack of multiparts and messages stands in for recursion, its depth bounded. It stands apart
 * as the one place that knows boundaries: which of those that are open a line is, or which some
 * program may take it for.
 */

#include "filter/mail/mimelevels.h"

/* No boundary is longer: RFC 2046 allows 70 bytes, a header line has at most 998. */
#define BOUNDARY_MAX 998

void mimelevels_push(struct mimelevels *levels, struct mimefound *found, struct str boundary,
		     bool digest)
{
	struct mimelevel *level = &levels->items[levels->depth];

	if (levels->depth + levels->above >= LIMIT_MIME_NESTING) {
		mimefound_give_up(found, "parts nested too deep");
		return;
	}
	if (boundary.n > BOUNDARY_MAX) {
		mimefound_give_up(found, "a boundary that is too long");
		return;
	}
	for (size_t i = 0; boundary.n > 0 && i < levels->depth; i++)
		if (str_eq(boundary,
			   (struct str){levels->items[i].boundary, levels->items[i].length}))
			mimefound_trouble(found, "a boundary that is used twice");
	if (!level->boundary && boundary.n > 0)
		level->boundary = arena_alloc(found->arena, BOUNDARY_MAX);
	if (boundary.n > 0)
		memcpy(level->boundary, boundary.s, boundary.n);
	level->length = boundary.n;
	level->digest = digest;
	levels->depth++;
}

/* Is it "--" and the boundary of this level? Then what stands behind it. */
static bool at_boundary(const struct mimelevel *level, struct str text, struct str *rest_r)
{
	if (level->length == 0 || text.n < level->length + 2 ||
	    memcmp(text.s + 2, level->boundary, level->length) != 0)
		return false;
	*rest_r = str_sub(text, level->length + 2, text.n);
	return true;
}

/* A line that only begins like one, or ends in an odd way, some programs take for one. */
int mimelevels_find(const struct mimelevels *levels, struct mimefound *found, struct str text,
		    bool whole, bool *close_r)
{
	bool nearly = false;
	int at = -1;

	while (text.n > 0 && (text.s[text.n - 1] == ' ' || text.s[text.n - 1] == '\t'))
		text.n--;
	for (size_t i = levels->depth; i-- > 0;) {
		struct str rest;

		if (!at_boundary(&levels->items[i], text, &rest))
			continue;
		if (!whole || (rest.n > 0 && !str_eq(rest, STR("--")))) {
			nearly = true;
		} else if (at >= 0) {
			mimefound_trouble(found, "a boundary that is used twice");
		} else {
			at = (int)i;
			*close_r = rest.n > 0;
		}
	}
	if (at < 0 && nearly)
		mimefound_trouble(found, "a line that is nearly a boundary");
	return at;
}
