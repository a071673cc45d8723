/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scores while a policy is loaded: the names that some action gives, which are those that a
 * condition can ask for, and when their sums can be known.
 */

#include "filter/policy/loader.h"

#define PREFIX "score."
/* Thousandths: a million rules of it stay far below what the engine counts with. */
#define SCORE_MOST ((int64_t)1000000 * 1000)

/* The number of a sum, from 1; 0: there is none of this name. */
static unsigned sum_find(const struct loader *loader, struct str name)
{
	for (size_t i = 0; i < loader->sums.count; i++)
		if (str_eq(loader->sums.items[i].name, name))
			return (unsigned)i + 1;
	return 0;
}

static void sum_name(struct loader *loader, struct str name)
{
	if (sum_find(loader, name) == 0)
		*vec_push(loader->arena, &loader->sums) =
		    (struct loader_sum){.name = name, .earliest = STAGE_MESSAGE};
}

static void names_of(struct loader *loader, const struct rule *rule)
{
	for (size_t i = 0; i < rule->actions.count; i++) {
		const struct action *action = &rule->actions.items[i];

		if (str_eq(action->name, STR("score")) && action->arguments.count > 1 &&
		    action->arguments.items[0].kind == OPERAND_WORD)
			sum_name(loader, action->arguments.items[0].word);
	}
}

void scores_collect(struct loader *loader, struct item *const *items, size_t count)
{
	if (loader->sums.count == 0)
		sum_name(loader, STR(""));
	for (size_t i = 0; i < count; i++) {
		if (items[i]->kind == ITEM_RULE)
			names_of(loader, &items[i]->rule);
		else if (items[i]->kind == ITEM_GROUP)
			scores_collect(loader, items[i]->group.items.items,
				       items[i]->group.items.count);
	}
}

const struct fact_def *loader_fact(struct str name)
{
	return registry_fact(str_starts(name, STR(PREFIX)) ? STR("score") : name);
}

static void unknown(struct loader *loader, struct span span, struct str name)
{
	VEC(const char *) names = {0};
	struct str meant;

	for (size_t i = 1; i < loader->sums.count; i++)
		*vec_push(loader->arena, &names) =
		    str_printf(loader->arena, PREFIX STR_FMT, STR_ARG(loader->sums.items[i].name))
			.s;
	meant = loader_meant(loader, name, names.items, names.count);
	if (meant.n > 0)
		loader_error(loader, span, "no action adds to '" STR_FMT "'" STR_FMT, STR_ARG(name),
			     STR_ARG(meant));
	else
		loader_error(loader, span,
			     "no action adds to '" STR_FMT "', write 'score " STR_FMT
			     " NUMBER' in a rule above",
			     STR_ARG(name), STR_ARG(str_sub(name, strlen(PREFIX), name.n)));
}

bool score_slot(struct loader *loader, const struct operand *operand, struct slot *slot)
{
	struct str name = operand->word;
	bool named = str_starts(name, STR(PREFIX));

	slot->sum = sum_find(loader, named ? str_sub(name, strlen(PREFIX), name.n) : STR(""));
	if (named && (slot->sum <= 1 || name.n == strlen(PREFIX))) {
		unknown(loader, operand->span, name);
		return false;
	}
	if (operand->called) {
		loader_error(loader, operand->span,
			     "'" STR_FMT "' takes no argument, write '" STR_FMT "'", STR_ARG(name),
			     STR_ARG(name));
		return false;
	}
	slot->text = str_dup(loader->arena, name);
	slot->stage = loader->sums.items[slot->sum - 1].latest;
	return true;
}

/* ---- the action ---- */

bool score_arguments(struct loader *loader, const struct action *action,
		     struct plan_action *action_r)
{
	const struct operand *items = action->arguments.items;
	size_t count = action->arguments.count;
	const struct operand *last = count > 0 ? &items[count - 1] : NULL;

	if (count == 0 || count > 2 || last->kind != OPERAND_NUMBER ||
	    (count == 2 && items[0].kind != OPERAND_WORD)) {
		loader_error(loader, action->span,
			     "'score' takes a number, and before it perhaps a name, write 'score "
			     "2.5' or 'score NAME 2.5'");
		return false;
	}
	if (count == 2 && (items[0].called || str_chr(items[0].word, '.') >= 0)) {
		loader_error(loader, items[0].span,
			     "the name of a score is one word without a dot");
		return false;
	}
	if (last->number > SCORE_MOST || last->number < -SCORE_MOST) {
		loader_error(loader, last->span, "a score is a number from -%lld to %lld",
			     (long long)SCORE_MOST / 1000, (long long)SCORE_MOST / 1000);
		return false;
	}
	action_r->score.sum = count == 2 ? sum_find(loader, items[0].word) : 1;
	action_r->score.points = last->number;
	return true;
}

static void add(struct plan_rule *rule, unsigned sum, int64_t points)
{
	size_t i = 0;

	while (i < rule->score_count && rule->scores[i].sum != sum)
		i++;
	if (i == rule->score_count)
		rule->scores[rule->score_count++] = (struct plan_score){.sum = sum};
	rule->scores[i].points += points;
}

/* When all is known on which the rule rests. */
static enum stage latest_of(const struct loader *loader, const struct cond *cond)
{
	const struct slot *slots = loader->slots.items;
	enum stage stage = STAGE_CONNECT, one;

	for (size_t i = 0; i < cond->count; i++)
		if ((one = latest_of(loader, cond->parts[i])) > stage)
			stage = one;
	if (cond->kind == COND_TEST)
		stage = cond_stage(loader->policy, slots, cond, true);
	return stage;
}

static enum stage slot_earliest(const struct loader *loader, unsigned n)
{
	const struct slot *slot = &loader->slots.items[n];

	return slot->sum > 0 ? loader->sums.items[slot->sum - 1].earliest : slot->stage;
}

/* When the first is known that could settle it. */
static enum stage earliest_of(const struct loader *loader, const struct cond *cond)
{
	enum stage stage = STAGE_MESSAGE, one;

	if (cond->kind == COND_TEST) {
		stage = slot_earliest(loader, cond->left);
		/* A score may be known before what it is compared with. */
		if (loader->slots.items[cond->left].sum > 0 && cond->right_kind == RIGHT_SLOT &&
		    (one = slot_earliest(loader, cond->right)) < stage)
			stage = one;
	}
	for (size_t i = 0; i < cond->count; i++)
		if ((one = earliest_of(loader, cond->parts[i])) < stage)
			stage = one;
	return stage;
}

void scores_add(struct loader *loader, struct plan_rule *rule)
{
	enum stage latest, earliest;
	bool later = false;

	rule->scores = arena_array(loader->arena, rule->action_count + 1, sizeof(*rule->scores));
	for (size_t i = 0; i < rule->action_count; i++) {
		const struct plan_score *score = &rule->actions[i].score;

		if (score->sum == 0)
			continue;
		add(rule, 1, score->points);
		if (score->sum > 1)
			add(rule, score->sum, score->points);
	}
	if (rule->score_count == 0 || rule->decisive || rule->observe)
		return;
	latest = rule->cond ? latest_of(loader, rule->cond) : STAGE_CONNECT;
	earliest = rule->cond ? earliest_of(loader, rule->cond) : STAGE_CONNECT;
	for (size_t i = 0; i < rule->text_slot_count; i++)
		if (loader->slots.items[rule->text_slots[i]].stage > latest)
			latest = loader->slots.items[rule->text_slots[i]].stage;
	for (size_t i = 0; i < rule->score_count; i++) {
		struct loader_sum *sum = &loader->sums.items[rule->scores[i].sum - 1];

		later |= latest > sum->latest;
		sum->latest = latest > sum->latest ? latest : sum->latest;
		sum->earliest = earliest < sum->earliest ? earliest : sum->earliest;
	}
	/* Rules below rest on it, and are checked against what they rest on. */
	for (size_t i = 0; later && i < loader->slots.count; i++)
		if (loader->slots.items[i].sum > 0)
			loader->slots.items[i].stage =
			    loader->sums.items[loader->slots.items[i].sum - 1].latest;
}

void scores_finish(struct loader *loader)
{
	struct policy *policy = loader->policy;

	for (size_t i = 0; i < policy->rule_count; i++) {
		policy->observes |= policy->rules[i].observe;
		policy->scores |= policy->rules[i].score_count > 0;
	}
	policy->sum_count = loader->sums.count;
	policy->sums = arena_array(loader->arena, policy->sum_count, sizeof(*policy->sums));
	for (size_t i = 0; i < policy->sum_count; i++)
		policy->sums[i] = loader->sums.items[i].name;
	for (size_t i = 0; i < policy->all_slot_count; i++) {
		struct slot *slot = &policy->slots[i];

		slot->earliest = slot->stage;
		if (slot->sum == 0)
			continue;
		slot->earliest = loader->sums.items[slot->sum - 1].earliest;
		policy->reads_sums = true;
	}
}
