/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When each rule could answer, when it does, and what holds it back: a rule above that is not
 * settled yet and would say something else, or could not be judged and would defer. Rules that
 * stand below one that always decides never answer.
 */

#include "filter/policy/warn.h"

/* Refusals that a warning names beside the first. */
#define OTHERS_SHOWN 3

struct search {
	const struct policy *policy;
	bool found;
};

static void find_failure(void *ctx, unsigned number)
{
	struct search *search = ctx;

	search->found |= search->policy->slots[number].may_defer;
}

static void find_recipient(void *ctx, unsigned number)
{
	struct search *search = ctx;

	search->found |= search->policy->slots[number].scope == SCOPE_RECIPIENT;
}

/* Does it depend on the recipient? */
static bool for_recipient(const struct policy *policy, const struct plan_rule *rule)
{
	struct search search = {.policy = policy};

	warn_slots(rule->cond, find_recipient, &search);
	return search.found;
}

/* What a rule above means for those below. */
struct obstacle {
	const struct plan_rule *rule;
	enum stage gone; /* the earliest at which it may turn out not to apply */
	bool fails;      /* it may defer, because something could not be found out */
	bool recipient;  /* it may turn out otherwise for another recipient */
};

static struct obstacle obstacle_of(const struct policy *policy, const struct plan_rule *rule)
{
	struct search search = {.policy = policy};

	warn_slots(rule->cond, find_failure, &search);
	return (struct obstacle){rule, cond_stage(policy, policy->slots, rule->cond, false),
				 search.found, for_recipient(policy, rule)};
}

/* While it is not settled, may it bring about something else than this verdict? */
static bool says_otherwise(const struct obstacle *above, enum verdict verdict)
{
	return above->rule->verdict != verdict || (above->fails && verdict != VERDICT_DEFER);
}

static bool edits_pending(const struct policy *policy, size_t end, enum stage stage)
{
	for (size_t i = 0; i <= end; i++) {
		const struct plan_rule *rule = &policy->rules[i];

		if (!rule->tree->observe && (rule->edits || !rule->decisive) &&
		    (i == end || !rule->cond ||
		     cond_stage(policy, policy->slots, rule->cond, false) > stage))
			return true;
	}
	return false;
}

/*
 * When a verdict that is certain at a stage, for one recipient or for the message, is told: the
 * table of the protocol's means.
 */
static enum stage told(const struct policy *policy, size_t i, enum stage stage, bool recipient)
{
	const struct plan_rule *rule = &policy->rules[i];
	bool early = policy_setting_named(policy, "early")->state == FACT_PRESENT;

	switch (rule->verdict) {
	case VERDICT_REJECT:
	case VERDICT_DEFER:
		if (stage == STAGE_CONNECT && early)
			return stage;
		return stage < STAGE_MAIL ? STAGE_MAIL : stage;
	case VERDICT_ACCEPT:
		if (edits_pending(policy, i, stage))
			return STAGE_MESSAGE;
		if (stage == STAGE_HELO)
			return STAGE_MAIL;
		return stage == STAGE_RCPT ? STAGE_DATA : stage;
	case VERDICT_DISCARD:
		if (stage == STAGE_RCPT)
			return recipient ? STAGE_MESSAGE : STAGE_DATA;
		return stage < STAGE_MAIL ? STAGE_MAIL : stage;
	case VERDICT_HOLD:
		break;
	}
	return STAGE_MESSAGE;
}

/* The earliest stage at which the rule applies, and its reply can be written. */
static enum stage certain(const struct policy *policy, const struct plan_rule *rule)
{
	enum stage stage = cond_stage(policy, policy->slots, rule->cond, true);
	const struct plan_action *action = &rule->actions[rule->action_count - 1];

	for (size_t i = 0; i < action->text.count; i++)
		if (action->text.pieces[i].is_slot &&
		    policy->slots[action->text.pieces[i].slot].stage > stage)
			stage = policy->slots[action->text.pieces[i].slot].stage;
	return stage;
}

/* Does `above` hold wherever `cond` does, because it is a group around it? */
static bool around(const struct cond *above, const struct cond *cond)
{
	if (!above)
		return true;
	while (cond && cond != above)
		cond = cond->kind == COND_AND && cond->count > 0 ? cond->parts[0] : NULL;
	return cond == above;
}

const struct check_row *check_table(const struct policy *policy, struct arena *arena,
				    size_t *count_r)
{
	VEC(struct check_row) rows = {0};
	VEC(struct obstacle) obstacles = {0};

	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct plan_rule *rule = &policy->rules[i];
		struct check_row row = {.rule = rule};
		bool recipient = for_recipient(policy, rule), other = recipient;
		enum stage alone, stage;

		if (!warn_decides(rule))
			continue;
		alone = stage = certain(policy, rule);
		for (size_t j = 0; j < obstacles.count; j++) {
			const struct obstacle *above = &obstacles.items[j];

			if (!row.above && around(above->rule->cond, rule->cond))
				row.above = above->rule;
			if (above->gone <= stage || !says_otherwise(above, rule->verdict))
				continue;
			stage = above->gone;
			row.held_by = above->rule;
			other |= above->recipient;
		}
		row.could = told(policy, i, alone, recipient);
		row.answers = told(policy, i, stage, other);
		if (row.answers <= row.could)
			row.held_by = NULL;
		*vec_push(arena, &rows) = row;
		*vec_push(arena, &obstacles) = obstacle_of(policy, rule);
	}
	*count_r = rows.count;
	return rows.items;
}

/* One command more costs nothing; a message that is sent for nothing does. */
static bool is_late(const struct check_row *row)
{
	return row->held_by && !row->above && row->answers > STAGE_RCPT &&
	       (row->rule->verdict == VERDICT_REJECT || row->rule->verdict == VERDICT_DEFER);
}

/* One warning for all that a rule holds back: the first, and some of the others. */
static void warn_held(struct checker *checker, const struct check_row *rows, size_t count, size_t i)
{
	const struct check_row *row = &rows[i];
	size_t others = 0;

	for (size_t j = 0; j < i; j++)
		if (is_late(&rows[j]) && rows[j].held_by == row->held_by)
			return;
	if (!warn_at(checker, "late", warn_verdict_span(row->rule),
		     "'" STR_FMT "' could answer at %s, but answers at %s, because '" STR_FMT
		     "' above it is undecided until then",
		     STR_ARG(row->rule->name), stage_name(row->could), stage_name(row->answers),
		     STR_ARG(row->held_by->name)))
		return;
	diag_note(checker->diag, row->held_by->span,
		  "if the refusal is meant for such mail too, write it above this rule");
	for (size_t j = i + 1; j < count; j++) {
		if (!is_late(&rows[j]) || rows[j].held_by != row->held_by)
			continue;
		if (++others <= OTHERS_SHOWN)
			diag_note(checker->diag, warn_verdict_span(rows[j].rule),
				  "this could answer at %s", stage_name(rows[j].could));
	}
	if (others > OTHERS_SHOWN)
		diag_note(checker->diag, (struct span){0}, "and %zu more", others - OTHERS_SHOWN);
}

void warn_late(struct checker *checker)
{
	size_t count;
	const struct check_row *rows = check_table(checker->policy, checker->arena, &count);

	for (size_t i = 0; i < count; i++)
		if (!rows[i].above && is_late(&rows[i]))
			warn_held(checker, rows, count, i);
}
