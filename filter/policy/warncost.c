/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The most DNS lookups that one message can cost: the sum over all facts that rules and actions
 * need, each counted once. What SPF asks has a budget of its own (RFC 7208 4.6.4).
 */

#include "filter/policy/warn.h"
#include "postern/limits.h"

struct needed {
	const struct policy *policy;
	bool *slots;
};

static void need(void *ctx, unsigned number)
{
	struct needed *needed = ctx;
	const struct slot *slot = &needed->policy->slots[number];

	if (needed->slots[number])
		return;
	needed->slots[number] = true;
	/* What a slot rests on was there before it: this goes down, and ends. */
	for (size_t i = 0; i < slot->input_count + slot->late_count; i++)
		need(ctx, slot->inputs[i]);
	for (size_t i = 0; i < slot->argument_count; i++)
		if (slot->arguments[i].is_slot)
			need(ctx, slot->arguments[i].slot);
}

static void need_rule(struct needed *needed, const struct plan_rule *rule)
{
	warn_slots(rule->cond, need, needed);
	for (size_t i = 0; i < rule->text_slot_count; i++)
		need(needed, rule->text_slots[i]);
	for (size_t i = 0; i < rule->action_count; i++)
		for (size_t j = 0; j < rule->actions[i].input_count; j++)
			need(needed, rule->actions[i].inputs[j]);
}

struct check_cost check_lookups(const struct policy *policy)
{
	struct arena *arena = arena_new(NULL);
	struct needed needed = {.policy = policy};
	struct check_cost cost = {0};
	unsigned walks = 0;

	needed.slots = arena_array(arena, policy->slot_count, sizeof(*needed.slots));
	for (size_t i = 0; i < policy->rule_count; i++)
		need_rule(&needed, &policy->rules[i]);
	for (size_t i = 0; i < policy->slot_count; i++) {
		const struct slot *slot = &policy->slots[i];

		if (!needed.slots[i])
			continue;
		cost.shared += slot->def->lookups;
		cost.signature += slot->def->lookups_signature;
		cost.spf += slot->def->lookups_spf;
		walks |= slot->def->walks;
		cost.recipients |= slot->def->lookups > 0 && slot->scope == SCOPE_RECIPIENT;
	}
	cost.shared += (walks & WALK_AUTHOR ? LIMIT_WALK : 0) + (walks & WALK_SPF ? LIMIT_WALK : 0);
	cost.signature += walks & WALK_SIGNATURE ? LIMIT_WALK : 0;
	if (cost.signature > 0)
		cost.signatures =
		    (unsigned)(policy_setting_named(policy, "dkim.signatures")->number / 1000);
	arena_free(&arena);
	return cost;
}

void warn_cost(struct checker *checker)
{
	struct check_cost cost = check_lookups(checker->policy);
	struct span place = {checker->policy->tree->source, 0, 0};
	unsigned sum = cost.shared + cost.signature;

	if (sum > LIMIT_LOOKUPS)
		warn_at(checker, "lookups", place,
			"a message with one signature may cost %u DNS lookups beside SPF, and %d "
			"are made at most: what is asked last then fails",
			sum, LIMIT_LOOKUPS);
}
