/* SPDX-License-Identifier: BSD-2-Clause */
/* DKIM (RFC 6376): the signatures of the message, and whether one speaks for the author. */

#include "postern/dkim.h"
#include "postern/arena.h"
#include "postern/author.h"
#include "postern/dmarc.h"
#include "postern/fact.h"
#include "postern/policy.h"

static const char *const results[] = {"none",    "pass",      "fail",      "policy",
				      "neutral", "temperror", "permerror", NULL};
static const struct enum_def dkim_enum = {"dkim", results};

static const struct setting_def settings[] = {
    {.name = "dkim.minimum-bits",
     .type = {TYPE_NUMBER, false, NULL},
     .fallback = "1024",
     .least = 512,
     .most = 4096,
     .help = "Shortest RSA key that may pass, in bits."},
    {.name = "dkim.sha1",
     .type = {TYPE_TEXT, false, NULL},
     .fallback = "refuse",
     .words = NAMES("refuse", "allow"),
     .help = "allow: rsa-sha1 may pass, against RFC 8301."},
    {.name = "dkim.partial",
     .type = {TYPE_TEXT, false, NULL},
     .fallback = "refuse",
     .words = NAMES("refuse", "allow"),
     .help = "allow: a signature of part of the body (l=) may align."},
    {.name = "dkim.signatures",
     .type = {TYPE_NUMBER, false, NULL},
     .fallback = "10",
     .least = 5,
     .most = 20,
     .help = "Signatures tried at the most."},
    {.name = NULL},
};

static bool allowed(const struct policy *policy, const struct setting_def *def)
{
	return str_eq(policy_setting(policy, def)->text, STR("allow"));
}

/* ---- the bytes of the message ---- */

static void *stream_open(struct arena *arena, const struct policy *policy,
			 const struct clock *clock)
{
	struct dkim_options *options = arena_new_of(arena, struct dkim_options);

	options->minimum_bits = (unsigned)(policy_setting(policy, &settings[0])->number / 1000);
	options->allow_sha1 = allowed(policy, &settings[1]);
	options->allow_partial = allowed(policy, &settings[2]);
	options->max_signatures = (unsigned)(policy_setting(policy, &settings[3])->number / 1000);
	return dkim_verifier_new(arena, options, clock_time(clock));
}

static void stream_header(void *stream, struct str name, struct str value)
{
	dkim_verifier_header(stream, name, value);
}

static void stream_eoh(void *stream, struct lookups *lookups)
{
	dkim_verifier_eoh(stream, lookups);
}

static bool stream_body(void *stream, struct str chunk)
{
	dkim_verifier_body(stream, chunk);
	return dkim_verifier_wants_body(stream);
}

static bool stream_wants_body(const void *stream)
{
	return dkim_verifier_wants_body(stream);
}

static const struct stream_def stream = {
    .fact = "dkim.stream",
    .open = stream_open,
    .header = stream_header,
    .eoh = stream_eoh,
    .body = stream_body,
    .wants_body = stream_wants_body,
};

static void ask_ahead(const struct ahead_call *call)
{
	if (call->stream)
		dkim_verifier_ahead(call->stream, call->lookups);
}

static const struct ahead_def ahead = {
    .field = "DKIM-Signature", .fact = "dkim.outcome", .ask = ask_ahead};

/* ---- facts ---- */

static enum fact_state outcome_provide(const struct fact_call *call, struct value *value_r)
{
	const struct dkim_outcome *outcome;

	/* Providers get their inputs as const; the stream is the one thing that they move on. */
	if (dkim_verifier_finish((struct dkim_verifier *)(uintptr_t)call->inputs[0]->opaque,
				 call->lookups, &outcome) == STEP_PENDING)
		return FACT_UNKNOWN;
	*value_r = (struct value){.state = FACT_PRESENT, .opaque = outcome};
	return FACT_PRESENT;
}

static enum fact_state result_provide(const struct fact_call *call, struct value *value_r)
{
	const struct dkim_outcome *outcome = call->inputs[0]->opaque;

	*value_r = value_enum((int)outcome->best);
	return FACT_PRESENT;
}

/*
 * Domains whose signature passed. One whose key could not be looked up may be missing: then the
 * list is incomplete, and decides only what it holds.
 */
static enum fact_state domain_provide(const struct fact_call *call, struct value *value_r)
{
	const struct dkim_outcome *outcome = call->inputs[0]->opaque;
	VEC(struct value) domains = {0};
	bool incomplete = false;

	for (size_t i = 0; i < outcome->count; i++) {
		if (outcome->signatures[i].result == DKIM_RESULT_PASS)
			*vec_push(call->arena, &domains) =
			    value_text(outcome->signatures[i].domain);
		incomplete |= outcome->signatures[i].result == DKIM_RESULT_TEMPERROR;
	}
	*value_r = value_list(domains.items, domains.count);
	value_r->incomplete = incomplete;
	return FACT_PRESENT;
}

static enum fact_state aligned_provide(const struct fact_call *call, struct value *value_r)
{
	const struct author *author = call->inputs[1]->opaque;
	/* Whether the domain has a policy, and which, does not matter here. */
	struct dmarc_author relaxed = {.domain = author->domains[0], .found = true};
	bool psl = str_eq(policy_setting_named(call->policy, "dmarc.discovery")->text, STR("psl"));
	enum dmarc_alignment aligned;

	*value_r = value_boolean(false);
	if (author->trouble || author->domain_count != 1)
		return FACT_PRESENT;
	if (dmarc_dkim_aligned(
		call->arena, &relaxed, call->inputs[0]->opaque, allowed(call->policy, &settings[2]),
		psl ? DMARC_PSL : DMARC_TREEWALK, call->lookups, &aligned) == STEP_PENDING)
		return FACT_UNKNOWN;
	if (aligned == DMARC_UNSURE) {
		*value_r = value_failed("a DKIM key or DMARC record could not be looked up");
		return FACT_FAILED;
	}
	*value_r = value_boolean(aligned == DMARC_ALIGNED);
	return FACT_PRESENT;
}

#define DKIM .stage = STAGE_MESSAGE, .scope = SCOPE_MESSAGE

static const struct fact_def facts[] = {
    {.name = "dkim.stream",
     .type = {TYPE_OPAQUE, false, NULL},
     DKIM,
     .internal = true,
     .help = "The bytes of the message, as the verifier saw them."},
    {.name = "dkim.outcome",
     .type = {TYPE_OPAQUE, false, NULL},
     DKIM,
     .cost = COST_DNS,
     .inputs = NAMES("dkim.stream"),
     .provide = outcome_provide,
     .internal = true,
     .lookups_signature = 1,
     .help = "The results of all signatures."},
    {.name = "dkim",
     .always = true,
     .type = {TYPE_ENUM, false, &dkim_enum},
     DKIM,
     .inputs = NAMES("dkim.outcome"),
     .provide = result_provide,
     .reported = true,
     .help = "Best result of the message's DKIM signatures."},
    {.name = "dkim.domain",
     .type = {TYPE_DOMAIN, true, NULL},
     DKIM,
     .inputs = NAMES("dkim.outcome"),
     .provide = domain_provide,
     .on_failure = FAILURE_DEFER,
     .trust = TRUST_PROVED,
     .help = "Domains (d=) of the signatures that passed."},
    {.name = "dkim.aligned",
     .always = true,
     .type = {TYPE_BOOLEAN, false, NULL},
     DKIM,
     .cost = COST_DNS,
     .inputs = NAMES("dkim.outcome", "from.author"),
     .provide = aligned_provide,
     .on_failure = FAILURE_DEFER,
     .walks = WALK_AUTHOR | WALK_SIGNATURE,
     .help = "A signature that passed is of the author's organization."},
    {.name = NULL},
};

const struct family family_dkim = {
    .name = "dkim", .facts = facts, .settings = settings, .stream = &stream, .ahead = &ahead};
