/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a policy asks of all recipients of a message, where a message for several may be split: each
 * part then has recipients of its own. And the results of SPF, DKIM and their like that are called
 * temperror while the DNS does not answer, where no rule says what is to become of such mail.
 */

#include "filter/policy/warn.h"

/* ---- splitting ---- */

struct search {
	struct checker *checker;
	const struct plan_rule *rule;
	bool recipient, later;
};

static void find_scope(void *ctx, unsigned number)
{
	struct search *search = ctx;
	const struct slot *slot = warn_slot(search->checker, number);

	search->recipient |= slot->scope == SCOPE_RECIPIENT;
	search->later |= slot->stage > STAGE_RCPT;
}

/*
 * Does the rule make recipients differ after RCPT? A refusal at RCPT does not: who is refused there
 * is no longer part of the message.
 */
static bool splits(struct checker *checker, const struct plan_rule *rule)
{
	struct search search = {.checker = checker};

	warn_slots(rule->cond, find_scope, &search);
	for (size_t i = 0; i < rule->action_count; i++)
		for (size_t j = 0;
		     rule->actions[i].def->class == ACTION_EDIT && j < rule->actions[i].text.count;
		     j++)
			if (rule->actions[i].text.pieces[j].is_slot)
				find_scope(&search, rule->actions[i].text.pieces[j].slot);
	if (!search.recipient || rule->tree->observe)
		return false;
	if (rule->decisive && (rule->verdict == VERDICT_REJECT || rule->verdict == VERDICT_DEFER))
		return search.later;
	return rule->decisive || rule->edits;
}

/* A fact about all recipients so far. */
static bool of_all(const struct slot *slot)
{
	return slot->def->stage == STAGE_RCPT && slot->scope < SCOPE_RECIPIENT;
}

static void warn_test(void *ctx, const struct cond *test, bool holds)
{
	struct search *search = ctx;
	const struct slot *slot = warn_slot(search->checker, test->left);

	if (!of_all(slot) || (slot->def->type.list && test->quantifier != QUANT_EVERY && holds))
		return;
	if (warn_at(search->checker, "split", test->span,
		    "this asks about all recipients, but a message for several may be split: each "
		    "part is then asked by itself"))
		diag_note(search->checker->diag, search->rule->span,
			  "this rule tells recipients apart, write 'set mixed message' to keep "
			  "them together");
}

static void warn_split(struct checker *checker)
{
	const struct policy *policy = checker->policy;
	struct search search = {.checker = checker};

	if (!str_eq(policy_setting_named(policy, "mixed")->text, STR("defer")))
		return;
	for (size_t i = 0; i < policy->rule_count && !search.rule; i++)
		if (splits(checker, &policy->rules[i]))
			search.rule = &policy->rules[i];
	for (size_t i = 0; search.rule && i < policy->rule_count; i++)
		if (policy->rules[i].decisive || policy->rules[i].edits)
			warn_tests(policy->rules[i].cond, true, warn_test, &search);
}

/* ---- temperror ---- */

struct named {
	struct checker *checker;
	const struct plan_rule *rule;
	bool *slots; /* of each, whether a rule names its temperror */
};

static bool has_temperror(const struct slot *slot)
{
	const struct type *type = &slot->def->type;

	for (const char *const *v = type->base == TYPE_ENUM ? type->enumeration->values : NULL;
	     v && *v; v++)
		if (strcmp(*v, "temperror") == 0)
			return true;
	return false;
}

static void find_named(void *ctx, const struct cond *test, bool holds)
{
	struct named *named = ctx;

	(void)holds;
	if (warn_names_value(named->checker->policy, test, "temperror"))
		named->slots[test->left] = true;
}

static void warn_unnamed(void *ctx, const struct cond *test, bool holds)
{
	struct named *named = ctx;
	struct checker *checker = named->checker;
	const struct slot *slot = warn_slot(checker, test->left);

	if (!has_temperror(slot) || named->slots[test->left] || test->op == OP_IS_PRESENT)
		return;
	/* Where it makes a defer apply, that is what should become of it. */
	if (!holds && named->rule->verdict == VERDICT_DEFER)
		return;
	named->slots[test->left] = true;
	if (warn_at(checker, "temperror", test->span,
		    "while the DNS does not answer, '" STR_FMT
		    "' is temperror, which no rule names: %s",
		    STR_ARG(slot->text),
		    holds ? "such mail passes here" : "such mail is stopped here"))
		diag_note(checker->diag, warn_verdict_span(named->rule),
			  "write 'defer \"...\" when " STR_FMT " is temperror' above this rule",
			  STR_ARG(slot->text));
}

static void warn_temperror(struct checker *checker)
{
	const struct policy *policy = checker->policy;
	struct named named = {.checker = checker};

	named.slots = arena_array(checker->arena, policy->slot_count, sizeof(*named.slots));
	for (size_t i = 0; i < policy->rule_count; i++)
		warn_tests(policy->rules[i].cond, true, find_named, &named);
	for (size_t i = 0; i < policy->rule_count; i++) {
		named.rule = &policy->rules[i];
		if (warn_stops(named.rule))
			warn_tests(named.rule->cond, true, warn_unnamed, &named);
	}
}

void warn_recipients(struct checker *checker)
{
	warn_split(checker);
	warn_temperror(checker);
}
