/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exceptions that anyone can claim: an accept, or an `unless` of a refusal, that holds by what the
 * sender writes and nothing that vouches for it. A condition weighs as much as the weakest way to
 * make it true: by claims alone, by nothing that speaks of the sender, or by proof.
 */

#include "filter/policy/warn.h"

enum weight { WEIGHT_FORGED, WEIGHT_FREE, WEIGHT_PROVED };

struct scale {
	struct checker *checker;
	bool own;               /* only what tells our own clients, at MAIL at the latest, proves */
	VEC(unsigned) vouchers; /* tests that hold beside the one that is weighed */
	const struct cond *weak; /* the first claim that was found */
	unsigned claim;          /* its slot that the sender makes up */
};

/* A positive claim: that something is so, not that it is not. */
static bool claims(const struct cond *test, bool holds)
{
	bool no = test->quantifier == QUANT_NO;

	if (test->base == TYPE_BOOLEAN && test->right_kind == RIGHT_VALUE && test->op == OP_IS)
		no = no != !test->value.number;
	return holds != no;
}

/* The null sender claims to be nobody. */
static bool claims_nobody(const struct cond *test)
{
	return test->base == TYPE_ADDRESS && test->op == OP_IS && test->right_kind == RIGHT_VALUE &&
	       test->value.text.n == 0;
}

static bool vouched(const struct scale *scale, const struct fact_def *def)
{
	for (size_t i = 0; i < scale->vouchers.count; i++) {
		const struct slot *by = warn_slot(scale->checker, scale->vouchers.items[i]);

		for (const char *const *name = def->vouched; name && *name; name++)
			if (strcmp(by->def->name, *name) == 0)
				return true;
	}
	return false;
}

/* What a map has on a key that nobody can make up is what the policy's author grants to it. */
static enum trust slot_trust(const struct scale *scale, const struct slot *slot)
{
	enum trust trust = slot->def->trust;

	if (!slot->def->table || slot->def->type.base != TYPE_TEXT)
		return trust;
	for (size_t i = 0; i < slot->argument_count; i++)
		if (slot->arguments[i].is_slot &&
		    warn_slot(scale->checker, slot->arguments[i].slot)->def->trust == TRUST_PROVED)
			trust = TRUST_PROVED;
	return trust;
}

/* What a fact weighs on one side of a comparison; a lookup by a claim is as good as the claim. */
static enum weight slot_weight(const struct scale *scale, unsigned number)
{
	const struct slot *slot = warn_slot(scale->checker, number);
	enum trust trust = slot_trust(scale, slot);

	for (size_t i = 0; i < slot->argument_count && trust == TRUST_NONE; i++)
		if (slot->arguments[i].is_slot &&
		    slot_weight(scale, slot->arguments[i].slot) == WEIGHT_FORGED)
			return WEIGHT_FORGED;
	if (trust == TRUST_FORGEABLE && !vouched(scale, slot->def))
		return WEIGHT_FORGED;
	if (scale->own &&
	    (trust != TRUST_PROVED || slot->def->cost != COST_FREE || slot->stage > STAGE_MAIL))
		return WEIGHT_FREE;
	return trust == TRUST_NONE ? WEIGHT_FREE : WEIGHT_PROVED;
}

static enum weight test_weight(struct scale *scale, const struct cond *test, bool holds)
{
	enum weight left, right;

	if (!claims(test, holds) || claims_nobody(test))
		return WEIGHT_FREE;
	left = slot_weight(scale, test->left);
	right = test->right_kind == RIGHT_SLOT ? slot_weight(scale, test->right) : WEIGHT_FREE;
	if (left == WEIGHT_PROVED || right == WEIGHT_PROVED)
		return WEIGHT_PROVED;
	if (left == WEIGHT_FREE && right == WEIGHT_FREE)
		return WEIGHT_FREE;
	if (!scale->weak) {
		scale->weak = test;
		scale->claim = left == WEIGHT_FORGED ? test->left : test->right;
	}
	return WEIGHT_FORGED;
}

/* Tests that hold wherever the condition does, and say 'pass' or true. */
static void gather_vouchers(struct scale *scale, const struct cond *cond, bool holds)
{
	if (cond->kind == COND_NOT)
		gather_vouchers(scale, cond->parts[0], !holds);
	else if (cond->kind == (holds ? COND_AND : COND_OR))
		for (size_t i = 0; i < cond->count; i++)
			gather_vouchers(scale, cond->parts[i], holds);
	if (cond->kind != COND_TEST || !claims(cond, holds))
		return;
	if (cond->base == TYPE_BOOLEAN ||
	    (warn_names_value(scale->checker->policy, cond, "pass") &&
	     (cond->right_kind == RIGHT_VALUE || cond->set_count == 1)))
		*vec_push(scale->checker->arena, &scale->vouchers) = cond->left;
}

static enum weight weigh(struct scale *scale, const struct cond *cond, bool holds)
{
	size_t before = scale->vouchers.count;
	const struct cond *weak = scale->weak;
	enum weight whole;

	if (cond->kind == COND_TEST)
		return test_weight(scale, cond, holds);
	if (cond->kind == COND_NOT)
		return weigh(scale, cond->parts[0], !holds);
	if (cond->kind == (holds ? COND_OR : COND_AND)) {
		whole = WEIGHT_PROVED;
		for (size_t i = 0; i < cond->count; i++) {
			enum weight part = weigh(scale, cond->parts[i], holds);

			whole = part < whole ? part : whole;
		}
		return whole;
	}
	whole = WEIGHT_FREE;
	gather_vouchers(scale, cond, holds);
	for (size_t i = 0; i < cond->count && whole != WEIGHT_PROVED; i++) {
		enum weight part = weigh(scale, cond->parts[i], holds);

		if (part == WEIGHT_PROVED || whole == WEIGHT_FREE)
			whole = part;
	}
	scale->vouchers.count = before;
	if (whole == WEIGHT_PROVED)
		scale->weak = weak;
	return whole;
}

bool warn_own_clients(struct checker *checker, const struct cond *cond, bool holds)
{
	struct scale scale = {.checker = checker, .own = true};

	return cond && weigh(&scale, cond, holds) == WEIGHT_PROVED;
}

/* What would make it more than a claim. */
static struct str mend(struct checker *checker, const struct slot *slot)
{
	const char *const *by;

	for (by = slot->def->vouched; by && *by; by++) {
		const struct fact_def *def = registry_fact(str_of(*by));

		if (def)
			return str_printf(checker->arena, "add 'and %s%s'", def->name,
					  def->type.base == TYPE_BOOLEAN ? "" : " is pass");
	}
	return STR("add what proves it, such as 'client.ip in ...' or 'any dkim.domain in ...'");
}

static void warn_exception(struct checker *checker, const struct plan_rule *rule,
			   const struct cond *cond, const char *what, const char *note)
{
	struct scale scale = {.checker = checker};
	const struct slot *claim;

	if (weigh(&scale, cond, true) != WEIGHT_FORGED)
		return;
	claim = warn_slot(checker, scale.claim);
	if (warn_at(checker, "forgeable", scale.weak->span,
		    "any sender can make up '" STR_FMT "', and %s on it alone, " STR_FMT,
		    STR_ARG(claim->text), what, STR_ARG(mend(checker, claim))))
		diag_note(checker->diag, warn_verdict_span(rule), "%s", note);
}

/* The `unless` parts of a rule and of the groups around it. */
static void exceptions(struct checker *checker, const struct plan_rule *rule,
		       const struct cond *cond)
{
	if (!cond)
		return;
	if (cond->exception)
		warn_exception(checker, rule, cond->parts[0], "the exception rests",
			       "this is what it is an exception from");
	for (size_t i = 0; cond->kind == COND_AND && i < cond->count; i++)
		exceptions(checker, rule, cond->parts[i]);
}

static bool stops_below(const struct policy *policy, size_t i)
{
	while (++i < policy->rule_count)
		if (warn_stops(&policy->rules[i]))
			return true;
	return false;
}

void warn_forgeable(struct checker *checker)
{
	const struct policy *policy = checker->policy;

	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct plan_rule *rule = &policy->rules[i];

		if (warn_stops(rule))
			exceptions(checker, rule, rule->cond);
		else if (rule->decisive && rule->cond && stops_below(policy, i))
			warn_exception(checker, rule, rule->cond, "this accept rests",
				       "such mail is not asked what stands below");
	}
}
