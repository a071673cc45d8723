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

/*
 * A score may be settled by bounds alone, or when the first of its rules is. What it is compared
 * with may be the last that is missing.
 */
static enum stage test_first(const struct policy *policy, const struct cond *cond)
{
	const struct slot *left = &policy->slots[cond->left];

	if (left->sum > 0 && (!cond->varies || cond->right_kind == RIGHT_SLOT))
		return STAGE_CONNECT;
	return left->earliest;
}

/*
 * When a condition may be settled at the earliest: true, or else false or failed. An absent left
 * side settles a comparison whatever stands on the right.
 */
static enum stage earliest_any(const struct policy *policy, const struct cond *cond)
{
	enum stage stage = STAGE_MESSAGE;

	if (cond->kind == COND_TEST)
		return test_first(policy, cond);
	for (size_t i = 0; i < cond->count; i++) {
		enum stage part = earliest_any(policy, cond->parts[i]);

		if (part < stage)
			stage = part;
	}
	return stage;
}

static enum stage earliest(const struct policy *policy, const struct cond *cond, bool holds)
{
	bool one = (cond->kind == COND_OR) == holds;
	enum stage stage = one ? STAGE_MESSAGE : STAGE_CONNECT;

	if (cond->kind == COND_TEST || (cond->kind == COND_NOT && !holds))
		return earliest_any(policy, cond);
	if (cond->kind == COND_NOT)
		return earliest(policy, cond->parts[0], false);
	for (size_t i = 0; i < cond->count; i++) {
		enum stage part = earliest(policy, cond->parts[i], holds);

		if (one ? part < stage : part > stage)
			stage = part;
	}
	return stage;
}

/* May it turn out by this stage that the rule does not apply? */
static bool gone_by(const struct policy *policy, const struct plan_rule *rule, enum stage stage)
{
	for (size_t i = 0; i < rule->text_slot_count; i++) {
		const struct slot *slot = &policy->slots[rule->text_slots[i]];

		if ((slot->may_defer || slot->may_skip) && slot->stage <= stage)
			return true;
	}
	return rule->cond && earliest(policy, rule->cond, false) <= stage;
}

/* Can an accept be certain, with nothing pending, by this stage? */
static bool accept_by(const struct policy *policy, enum stage stage)
{
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct plan_rule *rule = &policy->rules[i];

		if (rule->observe || !(rule->decisive || rule->edits || rule->logs))
			continue;
		if (rule->decisive && !rule->edits && rule->verdict == VERDICT_ACCEPT) {
			if (!rule->cond || earliest(policy, rule->cond, true) <= stage)
				return true;
		} else if (!gone_by(policy, rule, stage)) {
			return false;
		}
	}
	return true;
}

static bool slot_at(const struct policy *policy, unsigned slot, enum stage stage)
{
	return policy->slots[slot].stages & 1u << stage;
}

static bool cond_at(const struct policy *policy, const struct cond *cond, enum stage stage)
{
	for (size_t i = 0; i < cond->count; i++)
		if (cond_at(policy, cond->parts[i], stage))
			return true;
	if (cond->kind != COND_TEST)
		return false;
	for (size_t i = 0; cond->right_kind == RIGHT_TEMPLATE && i < cond->template.count; i++)
		if (cond->template.pieces[i].is_slot &&
		    slot_at(policy, cond->template.pieces[i].slot, stage))
			return true;
	return slot_at(policy, cond->left, stage) ||
	       (cond->right_kind == RIGHT_SLOT && slot_at(policy, cond->right, stage));
}

/* Does some verdict rest on what may become known at this stage? */
static bool decided_at(const struct policy *policy, enum stage stage)
{
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct plan_rule *rule = &policy->rules[i];

		if (rule->observe || !(rule->decisive || rule->score_count > 0))
			continue;
		if (rule->cond && cond_at(policy, rule->cond, stage))
			return true;
		for (size_t j = 0; j < rule->text_slot_count; j++)
			if (slot_at(policy, rule->text_slots[j], stage))
				return true;
	}
	return false;
}

/* What RCPT shows of the whole message is told at DATA: a latch, a count that is final now. */
static bool message_known_at_rcpt(const struct policy *policy)
{
	for (size_t i = 0; i < policy->slot_count; i++)
		if (policy->slots[i].stage == STAGE_RCPT &&
		    policy->slots[i].scope < SCOPE_RECIPIENT)
			return true;
	return false;
}

void needs_replies(const struct policy *policy, bool *connect_r, bool *data_r, bool *eoh_r)
{
	*connect_r = accept_by(policy, STAGE_CONNECT) ||
		     policy_setting_named(policy, "early")->state == FACT_PRESENT;
	*data_r = accept_by(policy, STAGE_DATA) || decided_at(policy, STAGE_DATA) ||
		  message_known_at_rcpt(policy);
	*eoh_r = accept_by(policy, STAGE_HEADERS) || decided_at(policy, STAGE_HEADERS);
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
	bool observing = policy_observes(policy);

	*n = (struct session_needs){.rcpt = true, .rcpt_reply = !observing};
	for (size_t i = 0; i < policy->slot_count; i++)
		n->helo |= policy->slots[i].def->scope == SCOPE_HELO;
	n->rejected_rcpt = policy_slot(policy, "attempted") >= 0;
	n->headers = any_slot_at(policy, STAGE_HEADERS);
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct plan_rule *rule = &policy->rules[i];

		if (rule->observe || observing)
			continue;
		for (size_t j = 0; j < rule->action_count; j++)
			if (rule->actions[j].def->class == ACTION_EDIT)
				n->edits_headers = true;
		n->holds |= rule->decisive && rule->verdict == VERDICT_HOLD;
		n->edits_recipients |= rule->decisive && rule->verdict == VERDICT_DISCARD;
		n->edits_recipients |= rule->envelope;
	}
	for (size_t i = 0; i < policy->rule_count; i++)
		n->headers |= policy->rules[i].edits;
	for (const struct family *const *f = families; *f; f++)
		if ((*f)->stream && policy_slot(policy, (*f)->stream->fact) >= 0)
			n->headers = n->body = true;
	n->eoh = n->headers;
	needs_replies(policy, &n->connect_reply, &n->data_reply, &n->eoh_reply);
	/* What DATA shows, the first sign of content shows as well; only observing ends there. */
	n->data = n->data_reply || observing;
	n->connect_macros = macros_at(policy, STAGE_CONNECT, "j");
	n->helo_macros = macros_at(policy, STAGE_HELO, "");
	n->mail_macros = macros_at(policy, STAGE_MAIL, "{mail_addr} {auth_authen}");
	n->rcpt_macros = macros_at(policy, STAGE_RCPT, "{rcpt_addr} {rcpt_mailer}");
	n->data_macros = macros_at(policy, STAGE_DATA, "i");
	n->eom_macros = macros_at(policy, STAGE_MESSAGE, "i");
}
