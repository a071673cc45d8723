/* SPDX-License-Identifier: BSD-2-Clause */
/* SPF of the envelope sender and of the HELO name (RFC 7208). */

#include "postern/arena.h"
#include "postern/fact.h"
#include "postern/mail.h"
#include "postern/policy.h"
#include "postern/spf.h"
#include "postern/table.h"

static const char *const results[] = {"none",     "neutral",   "pass",      "fail",
				      "softfail", "temperror", "permerror", NULL};
static const struct enum_def spf_enum = {"spf", results};

static const struct setting_def settings[] = {
    {.name = "spf.received",
     .type = {TYPE_TEXT, false, NULL},
     .fallback = "no",
     .words = NAMES("no", "yes"),
     .help = "yes: 'add authentication-results' adds a Received-SPF field as well."},
    {.name = NULL},
};

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

/* Not SMTP over IP, or relays whose fields do not tell: nobody to judge. */
static enum fact_state no_client(const struct fact_call *call, const struct value *problem,
				 struct value *value_r)
{
	return fixed(call, SPF_NONE_, STR(""),
		     problem->state == FACT_PRESENT ? problem->text.s
						    : "the client has no IP address",
		     value_r);
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
		return no_client(call, call->inputs[6], value_r);
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
		return no_client(call, call->inputs[2], value_r);
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

/* RFC 7208 4.6.4: the record, and ten terms with ten hosts each. */
#define SPF_LOOKUPS (1 + 10 + 10 * 10)

/*
 * Who has logged in, has no queue or submits on this host is one of our own: what is about the
 * servers of others has no say of them unless a rule asks for it.
 */
static enum fact_state ours_provide(const struct fact_call *call, struct value *value_r)
{
	const struct table *submitters = policy_setting_table(call->policy, "submitters");
	const struct value *user = call->inputs[0], *client = call->inputs[1],
			   *port = call->inputs[2];
	bool ip = client->state == FACT_PRESENT;

	*value_r = value_boolean(
	    user->state == FACT_PRESENT ||
	    (port->state == FACT_ABSENT && (!ip || ip_is_loopback(&client->network.ip))) ||
	    (ip && submitters && table_has_ip(submitters, &client->network.ip)));
	return FACT_PRESENT;
}

/* What is told of a message in Authentication-Results. */
static enum fact_state told_provide(const struct fact_call *call, struct value *value_r)
{
	const struct value *outcome = call->inputs[2];

	if (call->inputs[0]->number)
		return FACT_ABSENT;
	if (outcome->state == FACT_UNKNOWN)
		return fact_wait_late(call);
	*value_r = *outcome;
	return outcome->state;
}

/* The null sender has been checked by its HELO name already; what is no domain was not checked. */
static enum fact_state helo_told_provide(const struct fact_call *call, struct value *value_r)
{
	const struct value *sender = call->inputs[1];
	const struct spf_outcome *outcome;

	if (sender->state == FACT_PRESENT && sender->text.n == 0)
		return FACT_ABSENT;
	if (told_provide(call, value_r) != FACT_PRESENT)
		return *call->late_wanted ? FACT_UNKNOWN : FACT_ABSENT;
	outcome = value_r->opaque;
	return outcome->domain.n > 0 ? FACT_PRESENT : FACT_ABSENT;
}

#define SPF .stage = STAGE_MAIL, .scope = SCOPE_MESSAGE

static const struct fact_def facts[] = {
    {.name = "spf.outcome",
     .type = {TYPE_OPAQUE, false, NULL},
     SPF,
     .cost = COST_DNS,
     .inputs = NAMES("origin.ip", "origin.helo", "sender", "sender.ambiguous", "sender.local",
		     "sender.domain", "origin.problem"),
     .provide = mfrom_provide,
     .internal = true,
     .lookups_spf = SPF_LOOKUPS,
     .help = "The check of the envelope sender."},
    {.name = "spf.helo-outcome",
     .type = {TYPE_OPAQUE, false, NULL},
     SPF,
     .cost = COST_DNS,
     .inputs = NAMES("origin.ip", "origin.helo", "origin.problem"),
     .provide = helo_provide,
     .internal = true,
     .lookups_spf = SPF_LOOKUPS,
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
     .trust = TRUST_FORGEABLE,
     .vouched = NAMES("spf"),
     .help = "Domain that SPF was checked for."},
    {.name = "spf.explanation",
     .type = {TYPE_TEXT, false, NULL},
     SPF,
     .inputs = NAMES("spf.outcome"),
     .provide = explanation_provide,
     .trust = TRUST_FORGEABLE,
     .vouched = NAMES("spf"),
     .help = "What the domain itself says about a fail."},
    {.name = "spf.ours",
     .type = {TYPE_BOOLEAN, false, NULL},
     SPF,
     .inputs = NAMES("auth.user", "client.ip", "client.port"),
     .provide = ours_provide,
     .internal = true,
     .help = "The client is one of our own."},
    {.name = "spf.told",
     .type = {TYPE_OPAQUE, false, NULL},
     SPF,
     .inputs = NAMES("spf.ours", "sender"),
     .late = NAMES("spf.outcome"),
     .provide = told_provide,
     .internal = true,
     .help = "The check of the envelope sender, of mail that is not our own."},
    {.name = "spf.helo-told",
     .type = {TYPE_OPAQUE, false, NULL},
     SPF,
     .inputs = NAMES("spf.ours", "sender"),
     .late = NAMES("spf.helo-outcome"),
     .provide = helo_told_provide,
     .internal = true,
     .help = "The check of the HELO name, of mail that is not our own."},
    {.name = NULL},
};

const struct family family_spf = {.name = "spf", .facts = facts, .settings = settings};
