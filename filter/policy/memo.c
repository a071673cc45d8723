/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Conditions that are settled are not looked at again. Facts do not change while they are known,
 * so what is settled stays settled for the message, or for the recipient whose facts it rests on;
 * only what speaks of all recipients may change until the last one has come.
 */

#include "filter/policy/evaluate.h"
#include "filter/policy/loader.h"

/* What a condition rests on. */
struct rest {
	bool recipient, growing, sum;
};

static void rest_on(const struct policy *policy, unsigned slot, struct rest *rest)
{
	rest->recipient |= policy->slots[slot].scope == SCOPE_RECIPIENT;
	rest->growing |= policy->slots[slot].growing;
	rest->sum |= policy->slots[slot].sum > 0;
}

static struct rest assign(struct policy *policy, struct cond *cond)
{
	struct rest rest = {cond->memo_scope == SCOPE_RECIPIENT, cond->memo_growing, false};

	/* The condition of a group is a part of many. */
	if (cond->memo > 0)
		return rest;
	if (cond->kind == COND_TEST) {
		rest_on(policy, cond->left, &rest);
		if (cond->right_kind == RIGHT_SLOT)
			rest_on(policy, cond->right, &rest);
		for (size_t i = 0; cond->right_kind == RIGHT_TEMPLATE && i < cond->template.count;
		     i++)
			if (cond->template.pieces[i].is_slot)
				rest_on(policy, cond->template.pieces[i].slot, &rest);
	}
	for (size_t i = 0; i < cond->count; i++) {
		struct rest part = assign(policy, cond->parts[i]);

		rest.recipient |= part.recipient;
		rest.growing |= part.growing;
		rest.sum |= part.sum;
	}
	/* A score differs from rule to rule. */
	if (rest.sum)
		return rest;
	cond->memo_scope = rest.recipient ? SCOPE_RECIPIENT : SCOPE_MESSAGE;
	cond->memo_growing = rest.growing;
	cond->memo = ++policy->memos[cond->memo_scope];
	return rest;
}

void memo_assign(struct policy *policy)
{
	for (size_t i = 0; i < policy->rule_count; i++)
		if (policy->rules[i].cond)
			assign(policy, policy->rules[i].cond);
}

size_t engine_cells(const struct policy *policy, enum scope scope)
{
	size_t bytes = (policy->memos[scope] + 1) * sizeof(cond_set);

	return policy->cells[scope] + (bytes + sizeof(struct cell) - 1) / sizeof(struct cell);
}
