/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Replies and log lines that do not come out as written: a text at connect, where none can be
 * sent; a fact in a log line that is not known by then; a refusal that our own relay hears instead
 * of the sender, and turns into a bounce to whoever was forged.
 */

#include "filter/policy/warn.h"

static bool refuses(const struct plan_rule *rule)
{
	return rule->decisive &&
	       (rule->verdict == VERDICT_REJECT || rule->verdict == VERDICT_DEFER);
}

/* ---- set early connect ---- */

static void warn_early(struct checker *checker)
{
	struct span setting = policy_setting_span(checker->policy, "early");
	size_t count;
	const struct check_row *rows = check_table(checker->policy, checker->arena, &count);
	bool any = false;

	if (policy_setting_named(checker->policy, "early")->state != FACT_PRESENT)
		return;
	for (size_t i = 0; i < count; i++) {
		if (!refuses(rows[i].rule) || rows[i].answers > STAGE_CONNECT || rows[i].above)
			continue;
		any = true;
		if (warn_at(checker, "unsent-text", warn_verdict_span(rows[i].rule),
			    "'" STR_FMT "' is answered at connect, where no text can be sent",
			    STR_ARG(rows[i].rule->name)))
			diag_note(checker->diag, setting,
				  "without 'set early connect' it is answered at MAIL, with its "
				  "text");
	}
	if (!any)
		warn_at(checker, "no-effect", setting,
			"'set early connect' changes nothing: no rule refuses at connect");
}

static void warn_submitters(struct checker *checker)
{
	struct span setting = policy_setting_span(checker->policy, "submitters");

	if (setting.source &&
	    !str_eq(policy_setting_named(checker->policy, "mixed")->text, STR("defer")))
		warn_at(checker, "no-effect", setting,
			"'submitters' matters only with 'set mixed defer'");
}

/* ---- texts of log lines ---- */

static void warn_log(struct checker *checker, const struct plan_rule *rule, size_t number)
{
	const struct policy *policy = checker->policy;
	const struct plan_action *action = &rule->actions[number];
	const struct action *tree = &rule->tree->actions.items[number];
	enum stage decided = cond_stage(policy, policy->slots, rule->cond, true);

	for (size_t i = 0; i < action->text.count; i++) {
		const struct text *text = &tree->arguments.items[tree->arguments.count - 1].text;
		const struct slot *slot = warn_slot(checker, action->text.pieces[i].slot);

		if (!action->text.pieces[i].is_slot || slot->stage <= decided)
			continue;
		if (warn_at(checker, "unknown-text", text->pieces.items[i].fact->span,
			    "'" STR_FMT "' is first known at %s, '" STR_FMT
			    "' can be decided at %s: the log will have '-' here",
			    STR_ARG(slot->text), stage_name(slot->stage), STR_ARG(rule->name),
			    stage_name(decided)))
			diag_note(checker->diag, warn_verdict_span(rule),
				  "a log waits for nothing, ask for it in the condition if it is "
				  "wanted");
	}
}

static void warn_logs(struct checker *checker)
{
	for (size_t i = 0; i < checker->policy->rule_count; i++) {
		const struct plan_rule *rule = &checker->policy->rules[i];

		for (size_t j = 0; rule->decisive && j < rule->action_count; j++)
			if (rule->actions[j].def->class == ACTION_LOG)
				warn_log(checker, rule, j);
	}
}

/* ---- set relays ---- */

/* Is it a test for the table of relays? */
static bool asks_relays(const struct checker *checker, const struct cond *test,
			const struct table *relays)
{
	return test->kind == COND_TEST && test->right_kind == RIGHT_TABLE &&
	       test->table == relays &&
	       strcmp(warn_slot(checker, test->left)->def->name, "client.ip") == 0;
}

/* Is the condition surely true (or false), whatever else, where a relay is the client? */
static bool surely(const struct checker *checker, const struct cond *cond,
		   const struct table *relays, bool value)
{
	bool all = cond->kind == (value ? COND_AND : COND_OR);

	if (cond->kind == COND_NOT)
		return surely(checker, cond->parts[0], relays, !value);
	if (cond->kind == COND_TEST)
		return value && asks_relays(checker, cond, relays);
	for (size_t i = 0; i < cond->count; i++)
		if (surely(checker, cond->parts[i], relays, value) != all)
			return !all;
	return all;
}

#define RULES_SHOWN 5

static void warn_relays(struct checker *checker)
{
	const struct policy *policy = checker->policy;
	const struct table *relays = policy_setting_table(policy, "relays");
	struct span setting = policy_setting_span(policy, "relays");
	const struct plan_rule *shown[RULES_SHOWN];
	size_t count = 0;

	for (size_t i = 0; relays && i < policy->rule_count; i++) {
		const struct plan_rule *rule = &policy->rules[i];

		bool always;

		if (!warn_decides(rule))
			continue;
		always = !rule->cond || surely(checker, rule->cond, relays, true);
		if (rule->verdict != VERDICT_REJECT) {
			if (always)
				break; /* nothing below applies to a relay */
			continue;
		}
		if (rule->cond && surely(checker, rule->cond, relays, false))
			continue;
		if (count < RULES_SHOWN)
			shown[count] = rule;
		count++;
	}
	if (count == 0 ||
	    !warn_at(checker, "relay-bounce", setting,
		     "mail that a relay of ours brings may be rejected: the relay then sends a "
		     "bounce, to a sender who may be forged; write 'unless client.ip in ...', "
		     "'hold' or 'discard'"))
		return;
	for (size_t i = 0; i < count && i < RULES_SHOWN; i++)
		diag_note(checker->diag, warn_verdict_span(shown[i]), "rejected here");
}

void warn_replies(struct checker *checker)
{
	warn_early(checker);
	warn_submitters(checker);
	warn_logs(checker);
	warn_relays(checker);
}
