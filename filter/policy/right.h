/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_POLICY_RIGHT_H
#define FILTER_POLICY_RIGHT_H

/*
 * The right side of a comparison: one value, a pattern, or several. All of these complete the
 * right side of `cond`, whose `op` is set, for a left side that is the fact `def`; false: reported.
 */

#include "filter/policy/loader.h"

/* ---- right.c ---- */

/* Of these types each can be compared with the others. */
bool right_is_text(enum type_base base);
/* A number, with or without a unit. */
bool right_is_number(enum type_base base);
/* "an IP address", also of a list's elements. */
struct str right_type(struct loader *loader, const struct type *type);

/* The one value of is, <, contains and their like. */
bool right_value(struct loader *loader, const struct operand *right, const struct fact_def *def,
		 struct cond *cond);
/* What the left side is matched with. */
bool right_pattern(struct loader *loader, const struct operand *right, struct cond *cond);

/* ---- membership.c ---- */

bool membership_is_map(const struct loader_name *name);
/*
 * What stands behind `in` and `not in`. The left side too is set anew where a table is looked up;
 * cond->left and cond->base are set before.
 */
bool membership_in(struct loader *loader, const struct operand *right, const struct fact_def *def,
		   struct cond *cond);

#endif
