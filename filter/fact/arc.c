/* SPDX-License-Identifier: BSD-2-Clause */
/* ARC (RFC 8617): what the servers that a message came through sealed, and whether it holds. */

#include "postern/arc.h"
#include "postern/arena.h"
#include "postern/fact.h"
#include "postern/limits.h"
#include "postern/policy.h"

static const char *const results[] = {"none", "pass", "fail", "temperror", NULL};
static const struct enum_def arc_enum = {"arc", results};

/* ---- the bytes of the message ---- */

static void *stream_open(struct arena *arena, const struct policy *policy,
			 const struct clock *clock)
{
	struct dkim_options options = {
	    .minimum_bits =
		(unsigned)(policy_setting_named(policy, "dkim.minimum-bits")->number / 1000),
	    .allow_partial =
		str_eq(policy_setting_named(policy, "dkim.partial")->text, STR("allow")),
	};

	return arc_verifier_new(arena, &options, clock_time(clock));
}

static void stream_header(void *stream, struct str name, struct str value)
{
	arc_verifier_header(stream, name, value);
}

static void stream_eoh(void *stream, struct lookups *lookups)
{
	arc_verifier_eoh(stream, lookups);
}

static bool stream_body(void *stream, struct str chunk)
{
	arc_verifier_body(stream, chunk);
	return arc_verifier_wants_body(stream);
}

static bool stream_wants_body(const void *stream)
{
	return arc_verifier_wants_body(stream);
}

static const struct stream_def stream = {
    .fact = "arc.stream",
    .open = stream_open,
    .header = stream_header,
    .eoh = stream_eoh,
    .body = stream_body,
    .wants_body = stream_wants_body,
};

/* ---- facts ---- */

static enum fact_state outcome_provide(const struct fact_call *call, struct value *value_r)
{
	const struct arc_outcome *outcome;

	/* Providers get their inputs as const; the stream is the one thing that they move on. */
	if (arc_verifier_finish((struct arc_verifier *)(uintptr_t)call->inputs[0]->opaque,
				call->lookups, &outcome) == STEP_PENDING)
		return FACT_UNKNOWN;
	*value_r = (struct value){.state = FACT_PRESENT, .opaque = outcome};
	return FACT_PRESENT;
}

static enum fact_state result_provide(const struct fact_call *call, struct value *value_r)
{
	const struct arc_outcome *outcome = call->inputs[0]->opaque;

	*value_r = value_enum((int)outcome->result);
	return FACT_PRESENT;
}

static const char lookup_failed[] = "a key of the ARC chain could not be looked up";

/* Newest first, and only those that vouch for the message as it is. */
static enum fact_state sealer_provide(const struct fact_call *call, struct value *value_r)
{
	const struct arc_outcome *outcome = call->inputs[0]->opaque;
	VEC(struct value) domains = {0};

	if (outcome->result == ARC_RESULT_TEMPERROR) {
		*value_r = value_failed(lookup_failed);
		return FACT_FAILED;
	}
	for (size_t i = 0; i < outcome->vouching; i++)
		*vec_push(call->arena, &domains) = value_text(outcome->sealers[i]);
	*value_r = value_list(domains.items, domains.count);
	value_r->incomplete = outcome->vouching_open;
	return FACT_PRESENT;
}

static enum fact_state oldest_provide(const struct fact_call *call, struct value *value_r)
{
	const struct arc_outcome *outcome = call->inputs[0]->opaque;

	if (outcome->result == ARC_RESULT_TEMPERROR || outcome->vouching_open) {
		*value_r = value_failed(lookup_failed);
		return FACT_FAILED;
	}
	if (outcome->result != ARC_RESULT_PASS)
		return FACT_ABSENT;
	*value_r = value_number((int64_t)outcome->oldest_pass * 1000);
	return FACT_PRESENT;
}

#define ARC .stage = STAGE_MESSAGE, .scope = SCOPE_MESSAGE

static const struct fact_def facts[] = {
    {.name = "arc.stream",
     .type = {TYPE_OPAQUE, false, NULL},
     ARC,
     .internal = true,
     .help = "The bytes of the message, as the verifier saw them."},
    {.name = "arc.outcome",
     .type = {TYPE_OPAQUE, false, NULL},
     ARC,
     .cost = COST_DNS,
     .inputs = NAMES("arc.stream"),
     .provide = outcome_provide,
     .internal = true,
     .lookups = LIMIT_ARC_KEYS,
     .help = "The result of the chain."},
    {.name = "arc",
     .type = {TYPE_ENUM, false, &arc_enum},
     ARC,
     .inputs = NAMES("arc.outcome"),
     .provide = result_provide,
     .reported = true,
     .help = "Result of the message's ARC chain (RFC 8617)."},
    {.name = "arc.sealer",
     .type = {TYPE_DOMAIN, true, NULL},
     ARC,
     .inputs = NAMES("arc.outcome"),
     .provide = sealer_provide,
     .on_failure = FAILURE_DEFER,
     .trust = TRUST_PROVED,
     .help = "Domains (d=) that sealed the message as it is, newest first; none unless arc is "
	     "pass."},
    {.name = "arc.oldest-pass",
     .type = {TYPE_NUMBER, false, NULL},
     ARC,
     .inputs = NAMES("arc.outcome"),
     .provide = oldest_provide,
     .on_failure = FAILURE_DEFER,
     .help = "Instance since which the message is unchanged; 0: since the first (RFC 8617 5.2)."},
    {.name = NULL},
};

const struct family family_arc = {.name = "arc", .facts = facts, .stream = &stream};
