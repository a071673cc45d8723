/* SPDX-License-Identifier: BSD-2-Clause */
/* SPF of the envelope sender and of the HELO name (RFC 7208). */

#include "postern/arena.h"
#include "postern/fact.h"
#include "postern/mail.h"
#include "postern/policy.h"
#include "postern/spf.h"

static const char *const results[] = {"none",     "neutral",   "pass",      "fail",
				      "softfail", "temperror", "permerror", NULL};
static const struct enum_def spf_enum = {"spf", results};

/* A result that needs no record to be read. */
static enum fact_state fixed(const struct fact_call *call, enum spf_result result,
			     struct str domain, const char *problem, struct value *value_r)
{
	struct spf_outcome *outcome = arena_new_of(call->arena, struct spf_outcome);

	outcome->result = result;
	outcome->domain = domain;
	outcome->problem = str_of(problem);
	*value_r = (struct value){.state = FACT_PRESENT, .opaque = outcome};
	return FACT_PRESENT;
}

static struct str receiver(const struct policy *policy)
{
	const struct value *authserv = policy_setting_named(policy, "authserv");

	return authserv->state == FACT_PRESENT ? authserv->text : STR("");
}

static enum fact_state step(const struct fact_call *call, struct spf_request *request,
			    struct value *value_r)
{
	const struct spf_outcome *outcome;

	if (!*call->task) {
		request->receiver = receiver(call->policy);
		*call->task = spf_check_new(call->arena, request, call->clock);
	}
	if (spf_check_step(*call->task, call->lookups, &outcome) == STEP_PENDING)
		return FACT_UNKNOWN;
	*value_r = (struct value){.state = FACT_PRESENT, .opaque = outcome};
	return FACT_PRESENT;
}

static enum fact_state helo_check(const struct fact_call *call, const struct value *ip,
				  const struct value *helo, struct value *value_r)
{
	struct spf_request request = {.ip = ip->network.ip, .helo = helo->text, .helo_scope = true};

	if (helo->state != FACT_PRESENT || !domain_normal(call->arena, helo->text, &request.domain))
		return fixed(call, SPF_NONE_, STR(""), "the HELO name is not a domain", value_r);
	return step(call, &request, value_r);
}

static enum fact_state mfrom_provide(const struct fact_call *call, struct value *value_r)
{
	const struct value *ip = call->inputs[0], *helo = call->inputs[1],
			   *sender = call->inputs[2];
	struct spf_request request = {.ip = ip->network.ip, .helo = helo->text};

	if (ip->state != FACT_PRESENT)
		return fixed(call, SPF_NONE_, STR(""), "the client has no IP address", value_r);
	if (sender->state != FACT_PRESENT || call->inputs[3]->number)
		return fixed(call, SPF_PERMERROR_, STR(""), "the envelope sender is ambiguous",
			     value_r);
	/* RFC 7208 2.4: the null sender is checked as postmaster at the HELO name. */
	if (sender->text.n == 0)
		return helo_check(call, ip, helo, value_r);
	request.local = call->inputs[4]->text;
	request.domain = call->inputs[5]->text;
	return step(call, &request, value_r);
}

static enum fact_state helo_provide(const struct fact_call *call, struct value *value_r)
{
	if (call->inputs[0]->state != FACT_PRESENT)
		return fixed(call, SPF_NONE_, STR(""), "the client has no IP address", value_r);
	return helo_check(call, call->inputs[0], call->inputs[1], value_r);
}

static enum fact_state result_provide(const struct fact_call *call, struct value *value_r)
{
	const struct spf_outcome *outcome = call->inputs[0]->opaque;

	*value_r = value_enum((int)outcome->result);
	return FACT_PRESENT;
}

static enum fact_state domain_provide(const struct fact_call *call, struct value *value_r)
{
	const struct spf_outcome *outcome = call->inputs[0]->opaque;

	if (outcome->domain.n == 0)
		return FACT_ABSENT;
	*value_r = value_text(outcome->domain);
	return FACT_PRESENT;
}

static enum fact_state explanation_provide(const struct fact_call *call, struct value *value_r)
{
	const struct spf_outcome *outcome = call->inputs[0]->opaque;

	if (outcome->explanation.n == 0)
		return FACT_ABSENT;
	*value_r = value_text(outcome->explanation);
	return FACT_PRESENT;
}

#define SPF .stage = STAGE_MAIL, .scope = SCOPE_MESSAGE

static const struct fact_def facts[] = {
    {.name = "spf.outcome",
     .type = {TYPE_OPAQUE, false, NULL},
     SPF,
     .cost = COST_DNS,
     .inputs = NAMES("origin.ip", "origin.helo", "sender", "sender.ambiguous", "sender.local",
		     "sender.domain"),
     .provide = mfrom_provide,
     .internal = true,
     .help = "The check of the envelope sender."},
    {.name = "spf.helo-outcome",
     .type = {TYPE_OPAQUE, false, NULL},
     SPF,
     .cost = COST_DNS,
     .inputs = NAMES("origin.ip", "origin.helo"),
     .provide = helo_provide,
     .internal = true,
     .help = "The check of the HELO name."},
    {.name = "spf",
     .always = true,
     .type = {TYPE_ENUM, false, &spf_enum},
     SPF,
     .inputs = NAMES("spf.outcome"),
     .provide = result_provide,
     .reported = true,
     .help = "Result of SPF for the envelope sender (RFC 7208)."},
    {.name = "spf.helo",
     .always = true,
     .type = {TYPE_ENUM, false, &spf_enum},
     SPF,
     .inputs = NAMES("spf.helo-outcome"),
     .provide = result_provide,
     .help = "Result of SPF for the HELO name."},
    {.name = "spf.domain",
     .type = {TYPE_DOMAIN, false, NULL},
     SPF,
     .inputs = NAMES("spf.outcome"),
     .provide = domain_provide,
     .help = "Domain that SPF was checked for."},
    {.name = "spf.explanation",
     .type = {TYPE_TEXT, false, NULL},
     SPF,
     .inputs = NAMES("spf.outcome"),
     .provide = explanation_provide,
     .help = "What the domain itself says about a fail."},
    {.name = NULL},
};

const struct family family_spf = {.name = "spf", .facts = facts};
