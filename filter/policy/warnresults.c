/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Authentication-Results that claim to be ours: mail that is delivered before they were removed
 * keeps them, and mail programs believe them. Our own clients may bring what they like.
 */

#include "filter/policy/warn.h"

static const struct action *results_action(const struct plan_rule *rule)
{
	for (size_t i = 0; i < rule->action_count; i++) {
		const struct plan_action *action = &rule->actions[i];

		if (str_ends(str_of(action->def->name), STR(" authentication-results")) ||
		    (action->def->parameters == PARAMETERS_NAME &&
		     str_caseeq(action->name, STR("Authentication-Results"))))
			return &rule->tree->actions.items[i];
	}
	return NULL;
}

/* From here on all mail of strangers is rid of them. */
static bool covers(struct checker *checker, const struct plan_rule *rule)
{
	return results_action(rule) && !rule->tree->observe &&
	       (!rule->cond || warn_own_clients(checker, rule->cond, false));
}

static bool delivers(const struct plan_rule *rule)
{
	return warn_decides(rule) &&
	       (rule->verdict == VERDICT_ACCEPT || rule->verdict == VERDICT_HOLD);
}

static void warn_above(struct checker *checker, size_t end, const struct action *results)
{
	for (size_t i = 0; i < end; i++) {
		const struct plan_rule *rule = &checker->policy->rules[i];

		if (!delivers(rule) || results_action(rule) ||
		    warn_own_clients(checker, rule->cond, true))
			continue;
		if (warn_at(checker, "forged-results", warn_verdict_span(rule),
			    "what '" STR_FMT "' lets pass keeps forged Authentication-Results, "
			    "write 'remove authentication-results' above it",
			    STR_ARG(rule->name)))
			diag_note(checker->diag, results->span, "they are removed only here");
	}
}

struct search {
	const struct policy *policy;
	bool found;
};

static void find_result(void *ctx, unsigned number)
{
	static const char *const checks[] = {"spf", "dkim", "dmarc", "arc"};
	struct search *search = ctx;
	struct str name = str_of(search->policy->slots[number].def->name);
	ptrdiff_t dot = str_chr(name, '.');
	struct str family = dot < 0 ? name : str_sub(name, 0, (size_t)dot);

	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		search->found |= str_eq(family, str_of(checks[i]));
}

/* The first rule that asks for SPF, DKIM and their like. */
static const struct plan_rule *first_that_checks(const struct policy *policy)
{
	struct search search = {.policy = policy};

	for (size_t i = 0; i < policy->rule_count; i++) {
		warn_slots(policy->rules[i].cond, find_result, &search);
		if (search.found)
			return &policy->rules[i];
	}
	return NULL;
}

void warn_results(struct checker *checker)
{
	const struct policy *policy = checker->policy;
	const struct action *first = NULL;
	const struct plan_rule *checks;
	size_t i;

	for (i = 0; i < policy->rule_count; i++) {
		if (!first)
			first = results_action(&policy->rules[i]);
		if (covers(checker, &policy->rules[i]))
			break;
	}
	if (first) {
		warn_above(checker, i,
			   i < policy->rule_count ? results_action(&policy->rules[i]) : first);
		if (i == policy->rule_count)
			warn_at(checker, "forged-results", first->span,
				"mail to which this rule does not apply keeps forged "
				"Authentication-Results, write 'remove authentication-results' "
				"without a condition");
		return;
	}
	checks = first_that_checks(policy);
	if (checks)
		warn_at(checker, "forged-results", checks->span,
			"this policy checks senders, but leaves forged Authentication-Results in "
			"place, write 'add authentication-results' above what accepts");
}
