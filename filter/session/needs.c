/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a policy needs of the MTA. Each step that is not asked for, and each reply that can only be
 * "go on" and is therefore not given, saves a round through libmilter; whatever is left out here
 * is told at a later stage, so a mistake on the cautious side costs time, never a verdict.
 */

#include "filter/session/private.h"

static bool any_slot_at(const struct policy *policy, enum stage stage)
{
	for (size_t i = 0; i < policy->slot_count; i++)
		if (policy->slots[i].stage >= stage)
			return true;
	return false;
}

static enum stage rule_stage(const struct policy *policy, const struct plan_rule *rule, bool holds)
{
	return rule->cond ? cond_stage(policy, policy->slots, rule->cond, holds) : STAGE_CONNECT;
}

/* Can an accept be certain, with nothing pending, by this stage? */
static bool accept_by(const struct policy *policy, enum stage stage)
{
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct plan_rule *rule = &policy->rules[i];

		if (rule->decisive && !rule->edits && rule->verdict == VERDICT_ACCEPT &&
		    rule_stage(policy, rule, true) <= stage)
			return true;
		/* An edit or a refusal that always applies, or may until later, ends the hope. */
		if (!rule->cond || rule_stage(policy, rule, false) > stage)
			return false;
	}
	return true;
}

static bool refusal_at(const struct policy *policy, enum stage stage)
{
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct plan_rule *rule = &policy->rules[i];

		if (rule->decisive && rule->verdict != VERDICT_HOLD && rule->cond &&
		    rule_stage(policy, rule, true) == stage)
			return true;
	}
	return false;
}

/* A refusal at RCPT or before may be told at DATA: the latch, a count that is final now. */
static bool latch_possible(const struct policy *policy)
{
	return policy_slot(policy, "recipients") >= 0 || policy_slot(policy, "recipient.count") >= 0 ||
	       policy_slot(policy, "attempted") >= 0;
}

static const char *macros_at(const struct policy *policy, enum stage stage, const char *always)
{
	struct buf out = {.arena = policy->arena};

	buf_puts(&out, always);
	for (size_t i = 0; i < policy->slot_count; i++) {
		const struct fact_def *def = policy->slots[i].def;

		if (def->macro && def->stage == stage)
			buf_printf(&out, "%s%s%s%s", out.n > 0 ? " " : "",
			    strlen(def->macro) > 1 ? "{" : "", def->macro,
			    strlen(def->macro) > 1 ? "}" : "");
	}
	return buf_str(&out).s;
}

void session_needs(const struct policy *policy, struct session_needs *needs_r)
{
	struct session_needs *n = needs_r;
	const struct value *early = policy_setting_named(policy, "early");

	*n = (struct session_needs){.rcpt = true, .rcpt_reply = true, .data = true};
	for (size_t i = 0; i < policy->slot_count; i++)
		n->helo |= policy->slots[i].def->scope == SCOPE_HELO;
	n->rejected_rcpt = policy_slot(policy, "attempted") >= 0;
	n->headers = any_slot_at(policy, STAGE_HEADERS);
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct plan_rule *rule = &policy->rules[i];

		for (size_t j = 0; j < rule->action_count; j++)
			if (rule->actions[j].def->class == ACTION_EDIT)
				n->headers = n->edits_headers = true;
		n->holds |= rule->decisive && rule->verdict == VERDICT_HOLD;
		n->edits_recipients |= rule->decisive && rule->verdict == VERDICT_DISCARD;
	}
	for (const struct family *const *f = families; *f; f++)
		if ((*f)->stream && policy_slot(policy, (*f)->stream->fact) >= 0)
			n->headers = n->body = true;
	n->eoh = n->headers;
	n->connect_reply = accept_by(policy, STAGE_CONNECT) || early->state == FACT_PRESENT;
	n->data_reply = accept_by(policy, STAGE_DATA) || refusal_at(policy, STAGE_DATA) ||
	                latch_possible(policy);
	n->eoh_reply = accept_by(policy, STAGE_HEADERS) || refusal_at(policy, STAGE_HEADERS);
	n->connect_macros = macros_at(policy, STAGE_CONNECT, "j");
	n->helo_macros = macros_at(policy, STAGE_HELO, "");
	n->mail_macros = macros_at(policy, STAGE_MAIL, "{mail_addr} {auth_authen}");
	n->rcpt_macros = macros_at(policy, STAGE_RCPT, "{rcpt_addr} {rcpt_mailer}");
	n->data_macros = macros_at(policy, STAGE_DATA, "i");
	n->eom_macros = macros_at(policy, STAGE_MESSAGE, "i");
}
