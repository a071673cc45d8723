/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Conditions that are settled are not looked at again. Facts do not change while they are known,
 * so what is settled stays settled for the message, or for the recipient whose facts it rests on;
 * only what speaks of all recipients may change until the last one has come. For the same reason a
 * rule that waits for nothing but facts of a later stage rests until then.
 */

#include "filter/policy/evaluate.h"
#include "filter/policy/loader.h"

/* What a condition is made from. */
struct basis {
	bool recipient, growing, sum;
	enum stage stage; /* the latest */
};

/* Places of tests, by what they compare. */
struct places {
	struct arena *arena;
	struct dict tests;
};

static void basis_slot(const struct policy *policy, unsigned n, struct basis *basis)
{
	const struct slot *slot = &policy->slots[n];

	basis->recipient |= slot->scope == SCOPE_RECIPIENT;
	basis->growing |= slot->growing;
	basis->sum |= slot->sum > 0;
	if (slot->stage > basis->stage)
		basis->stage = slot->stage;
}

static void basis_test(const struct policy *policy, const struct cond *cond, struct basis *basis)
{
	basis_slot(policy, cond->left, basis);
	if (cond->right_kind == RIGHT_SLOT)
		basis_slot(policy, cond->right, basis);
	for (size_t i = 0; cond->right_kind == RIGHT_TEMPLATE && i < cond->template.count; i++)
		if (cond->template.pieces[i].is_slot)
			basis_slot(policy, cond->template.pieces[i].slot, basis);
}

/* Equal for tests that always come out alike; empty: nothing like it is looked for. */
static struct str place_key(struct places *places, const struct cond *cond)
{
	struct buf key = {.arena = places->arena};

	buf_printf(&key, "%u %d %d %d ", cond->left, cond->op, cond->quantifier, cond->right_kind);
	switch (cond->right_kind) {
	case RIGHT_NONE:
		break;
	case RIGHT_VALUE:
		buf_printf(&key, "%d %lld ", cond->value.state, (long long)cond->value.number);
		buf_add(&key, (struct str){(const char *)&cond->value.network,
					   sizeof(cond->value.network)});
		buf_add(&key, cond->value.text);
		break;
	case RIGHT_SLOT:
		buf_printf(&key, "%u", cond->right);
		break;
	case RIGHT_TABLE:
		buf_printf(&key, "%p", (const void *)cond->table);
		break;
	case RIGHT_TEMPLATE:
	case RIGHT_SET:
	case RIGHT_PATTERN:
		return STR("");
	}
	return buf_str(&key);
}

static unsigned place_of(struct policy *policy, struct places *places, const struct cond *cond)
{
	struct str key = cond->kind == COND_TEST ? place_key(places, cond) : STR("");
	unsigned place;
	size_t found;

	if (key.n > 0 && dict_find(&places->tests, key, &found))
		return (unsigned)found;
	place = ++policy->memos[cond->memo.scope];
	if (key.n > 0)
		dict_add(places->arena, &places->tests, key, place);
	return place;
}

static struct basis assign(struct policy *policy, struct places *places, struct cond *cond)
{
	struct basis basis = {cond->memo.scope == SCOPE_RECIPIENT, cond->memo.growing, false,
			      cond->memo.stage};

	/* The condition of a group is a part of many. */
	if (cond->memo.at > 0)
		return basis;
	if (cond->kind == COND_TEST)
		basis_test(policy, cond, &basis);
	for (size_t i = 0; i < cond->count; i++) {
		struct basis part = assign(policy, places, cond->parts[i]);

		basis.recipient |= part.recipient;
		basis.growing |= part.growing;
		basis.sum |= part.sum;
		if (part.stage > basis.stage)
			basis.stage = part.stage;
	}
	/* A score differs from rule to rule. */
	if (basis.sum)
		return basis;
	cond->memo.scope = (uint8_t)(basis.recipient ? SCOPE_RECIPIENT : SCOPE_MESSAGE);
	cond->memo.growing = basis.growing;
	cond->memo.stage = (uint8_t)basis.stage;
	cond->memo.at = place_of(policy, places, cond);
	return basis;
}

/* Can nothing but the stage bring it on, from some stage on? Its texts are part of it. */
static bool may_rest(const struct policy *policy, const struct plan_rule *rule, struct basis basis)
{
	for (size_t i = 0; i < rule->text_slot_count; i++)
		basis_slot(policy, rule->text_slots[i], &basis);
	return !basis.recipient && !basis.growing && !basis.sum && basis.stage >= STAGE_DATA;
}

void memo_assign(struct policy *policy)
{
	struct places places = {.arena = arena_new(policy->arena)};

	policy->rule_memos =
	    arena_array(policy->arena, policy->rule_count, sizeof(*policy->rule_memos));
	for (size_t i = 0; i < policy->rule_count; i++) {
		struct plan_rule *rule = &policy->rules[i];
		struct basis basis;

		if (!rule->cond)
			continue;
		basis = assign(policy, &places, rule->cond);
		policy->rule_memos[i] = rule->cond->memo;
		if (may_rest(policy, rule, basis))
			rule->rest = ++policy->rests;
	}
	arena_free(&places.arena);
}

/* Behind the cells of a scope stand its memos, and behind those of a message its rests. */
static size_t memo_bytes(const struct policy *policy, enum scope scope)
{
	size_t bytes = (policy->memos[scope] + 1) * sizeof(cond_set), align = _Alignof(struct rest);

	return (bytes + align - 1) / align * align;
}

size_t engine_cells(const struct policy *policy, enum scope scope)
{
	size_t bytes = memo_bytes(policy, scope);

	if (scope == SCOPE_MESSAGE)
		bytes += policy->rests * sizeof(struct rest);
	return policy->cells[scope] + (bytes + sizeof(struct cell) - 1) / sizeof(struct cell);
}

struct rest *memo_rests(const struct view *view)
{
	struct cell *cells = view->cells[SCOPE_MESSAGE];
	unsigned char *memos;

	if (view->policy->rests == 0 || !cells || view->assumed)
		return NULL;
	memos = (unsigned char *)(cells + view->policy->cells[SCOPE_MESSAGE]);
	return (struct rest *)(void *)(memos + memo_bytes(view->policy, SCOPE_MESSAGE));
}

/* From one stage to the next it would not be worth while. */
void memo_note_rest(const struct view *view, struct rest *rest, struct evaluation e,
		    const unsigned *open, size_t count)
{
	enum stage until = STAGE_MESSAGE;

	for (size_t i = 0; i < count; i++)
		if (view->policy->slots[open[i]].stage < until)
			until = view->policy->slots[open[i]].stage;
	if (cond_settled(e.possible) || count == 0 || until <= view->stage + 1)
		return;
	*rest = (struct rest){.count = count, .until = until, .evaluation = e};
	rest->open = &rest->one;
	if (count > 1)
		rest->open = arena_array(view->arenas[SCOPE_MESSAGE], count, sizeof(*open));
	memcpy(rest->open, open, count * sizeof(*open));
}
