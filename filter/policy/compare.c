/* SPDX-License-Identifier: BSD-2-Clause */
/* One comparison of two values that are present. */

#include "filter/policy/evaluate.h"
#include "postern/pattern.h"

static char fold(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool contains(struct str text, struct str part)
{
	if (part.n == 0)
		return true;
	for (size_t i = 0; i + part.n <= text.n; i++)
		if (fold(text.s[i]) == fold(part.s[0]) &&
		    str_caseeq(str_sub(text, i, part.n), part))
			return true;
	return false;
}

static bool in_set(const struct cond *cond, const struct value *left)
{
	for (size_t i = 0; i < cond->set_count; i++)
		if (value_compare(cond->base, left, &cond->set[i]) == 0)
			return true;
	return false;
}

static bool in_table(const struct cond *cond, const struct value *left)
{
	if (table_kind(cond->table) == TABLE_NETWORKS)
		return table_has_ip(cond->table, &left->network.ip);
	/* RFC 5321 4.5.1: <postmaster> without a domain is always this server's own. */
	return left->ours || table_has_text(cond->table, left->text);
}

static bool ends(struct str text, struct str part)
{
	return text.n >= part.n && str_caseeq(str_sub(text, text.n - part.n, part.n), part);
}

int compare_test(struct view *view, const struct cond *cond, const struct value *left,
		 const struct value *right)
{
	struct arena *scratch = NULL;
	struct value text;
	int result;

	if (!right)
		return cond->op == OP_IS_NOT || cond->op == OP_NOT_IN;
	if (cond->right_kind == RIGHT_TEMPLATE) {
		scratch = arena_new(view->arenas[SCOPE_MESSAGE] ? view->arenas[SCOPE_MESSAGE]
								: view->arenas[SCOPE_CONNECTION]);
		text = value_text(engine_text(view, scratch, &cond->template));
		right = &text;
	}
	switch (cond->op) {
	case OP_IN:
	case OP_NOT_IN:
		result = cond->table ? in_table(cond, left) : in_set(cond, left);
		break;
	case OP_MATCHES:
		result = pattern_matches(cond->pattern, left->text);
		break;
	case OP_CONTAINS:
		result = contains(left->text, right->text);
		break;
	case OP_STARTS_WITH:
		result = str_casestarts(left->text, right->text);
		break;
	case OP_ENDS_WITH:
		result = ends(left->text, right->text);
		break;
	case OP_LT:
		result = value_compare(cond->base, left, right) < 0;
		break;
	case OP_LE:
		result = value_compare(cond->base, left, right) <= 0;
		break;
	case OP_GT:
		result = value_compare(cond->base, left, right) > 0;
		break;
	case OP_GE:
		result = value_compare(cond->base, left, right) >= 0;
		break;
	default:
		result = value_compare(cond->base, left, right) == 0;
		break;
	}
	arena_free(&scratch);
	if (result >= 0 && (cond->op == OP_IS_NOT || cond->op == OP_NOT_IN))
		return !result;
	return result;
}
