/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DMARC (RFC 9989): what the author's domain says about mail in its name, and whether this is mail
 * of its own. The record is asked for as soon as the author is known; what DKIM cannot change any
 * more is told then, before the body.
 */

#include "postern/dmarc.h"

#include "postern/arena.h"
#include "postern/author.h"
#include "postern/fact.h"
#include "postern/policy.h"

static const char *const results[] = {"none", "pass", "fail", "temperror", "permerror", NULL};
static const struct enum_def dmarc_enum = {"dmarc", results};
static const char *const policies[] = {"none", "quarantine", "reject", NULL};
static const struct enum_def policy_enum = {"dmarc.policy", policies};
enum mechanism { MECHANISM_SPF, MECHANISM_DKIM };
static const char *const mechanisms[] = {"spf", "dkim", NULL};
static const struct enum_def mechanism_enum = {"dmarc.aligned-by", mechanisms};

static const struct setting_def settings[] = {
    {.name = "dmarc.discovery",
     .type = {TYPE_TEXT, false, NULL},
     .fallback = "treewalk",
     .words = NAMES("treewalk", "psl"),
     .help = "How organizational domains are found: treewalk (RFC 9989), or psl, the public "
	     "suffix list (RFC 7489)."},
    {.name = NULL},
};

static enum dmarc_discovery discovery(const struct policy *policy)
{
	return str_eq(policy_setting(policy, &settings[0])->text, STR("psl")) ? DMARC_PSL
									      : DMARC_TREEWALK;
}

/* ---- what is looked up ---- */

/* The policies of the author's domains. */
struct asked {
	const char *trouble; /* of From: then there are none */
	struct dmarc_author authors[AUTHOR_DOMAINS_MOST];
	size_t count;
};

/*
 * What the alignment of SPF will ask, if it passes: the policy says whether that matters, and SPF's
 * own lookups need not be waited for.
 */
static void ask_sender(const struct fact_call *call, const struct dmarc_author *author,
		       struct str sender)
{
	const struct spf_outcome passed = {.result = SPF_PASS_, .domain = sender};
	enum dmarc_alignment aligned;

	dmarc_spf_aligned(call->arena, author, &passed, discovery(call->policy), call->lookups,
			  &aligned);
}

static enum fact_state record_provide(const struct fact_call *call, struct value *value_r)
{
	const struct author *author = call->inputs[0]->opaque;
	struct asked *asked = arena_new_of(call->arena, struct asked);
	bool pending = false;

	asked->trouble = author->trouble;
	asked->count = author->trouble ? 0 : author->domain_count;
	for (size_t i = 0; i < asked->count; i++)
		pending |= dmarc_discover(call->arena, author->domains[i], discovery(call->policy),
					  call->lookups, &asked->authors[i]) == STEP_PENDING;
	if (pending)
		return FACT_UNKNOWN;
	for (size_t i = 0; i < asked->count && call->inputs[1]->state == FACT_PRESENT; i++)
		ask_sender(call, &asked->authors[i], call->inputs[1]->text);
	*value_r = (struct value){.state = FACT_PRESENT, .opaque = asked};
	return FACT_PRESENT;
}

static enum fact_state aligned_value(const enum dmarc_alignment *aligned, bool pending,
				     struct value *value_r)
{
	if (pending)
		return FACT_UNKNOWN;
	*value_r = (struct value){.state = FACT_PRESENT, .opaque = aligned};
	return FACT_PRESENT;
}

static enum fact_state spf_provide(const struct fact_call *call, struct value *value_r)
{
	const struct asked *asked = call->inputs[0]->opaque;
	enum dmarc_alignment *aligned =
	    arena_array(call->arena, AUTHOR_DOMAINS_MOST, sizeof(*aligned));
	bool pending = false;

	for (size_t i = 0; i < asked->count; i++)
		pending |= dmarc_spf_aligned(call->arena, &asked->authors[i],
					     call->inputs[1]->opaque, discovery(call->policy),
					     call->lookups, &aligned[i]) == STEP_PENDING;
	return aligned_value(aligned, pending, value_r);
}

static enum fact_state dkim_provide(const struct fact_call *call, struct value *value_r)
{
	const struct asked *asked = call->inputs[0]->opaque;
	enum dmarc_alignment *aligned =
	    arena_array(call->arena, AUTHOR_DOMAINS_MOST, sizeof(*aligned));
	bool partial =
	    str_eq(policy_setting_named(call->policy, "dkim.partial")->text, STR("allow"));
	bool pending = false;

	for (size_t i = 0; i < asked->count; i++)
		pending |= dmarc_dkim_aligned(
			       call->arena, &asked->authors[i], call->inputs[1]->opaque, partial,
			       discovery(call->policy), call->lookups, &aligned[i]) == STEP_PENDING;
	return aligned_value(aligned, pending, value_r);
}

/* The policies are looked up as the From field comes; of several, none names the author. */
static void ask_ahead(const struct ahead_call *call)
{
	struct dmarc_author policy;
	struct author author;

	if (call->before > 0)
		return;
	author_read(call->arena, call->value, &author);
	for (size_t i = 0; i < author.domain_count && !author.trouble; i++)
		dmarc_discover(call->arena, author.domains[i], discovery(call->policy),
			       call->lookups, &policy);
}

static const struct ahead_def ahead = {.field = "From", .fact = "dmarc.record", .ask = ask_ahead};

/* ---- what follows ---- */

enum { IN_RECORD, IN_SPF, IN_DKIM };

/* NULL: not known yet. Where it could not be found out, each may or may not be aligned. */
static const enum dmarc_alignment *dkim_aligned(const struct value *value)
{
	static const enum dmarc_alignment unsure[AUTHOR_DOMAINS_MOST] = {DMARC_UNSURE, DMARC_UNSURE,
									 DMARC_UNSURE};

	if (value->state == FACT_PRESENT)
		return value->opaque;
	return value->state == FACT_FAILED ? unsure : NULL;
}

static const struct asked *judge(const struct fact_call *call, struct dmarc_verdict *verdict)
{
	const struct asked *asked = call->inputs[IN_RECORD]->opaque;

	*verdict = (struct dmarc_verdict){.result = DMARC_RESULT_PERMERROR};
	if (asked->count > 0)
		dmarc_judge(asked->authors, asked->count, call->inputs[IN_SPF]->opaque,
			    dkim_aligned(call->inputs[IN_DKIM]), verdict);
	return asked;
}

static enum fact_state failed(const char *why, struct value *value_r)
{
	*value_r = value_failed(why);
	return FACT_FAILED;
}

static enum fact_state outcome_provide(const struct fact_call *call, struct value *value_r)
{
	struct dmarc_outcome *outcome = arena_new_of(call->arena, struct dmarc_outcome);
	const struct asked *asked = judge(call, &outcome->verdict);

	outcome->trouble = asked->trouble;
	outcome->authors = asked->authors;
	outcome->count = asked->count;
	outcome->spf = call->inputs[IN_SPF]->opaque;
	outcome->dkim = call->inputs[IN_DKIM]->opaque;
	*value_r = (struct value){.state = FACT_PRESENT, .opaque = outcome};
	return FACT_PRESENT;
}

static enum fact_state told_provide(const struct fact_call *call, struct value *value_r)
{
	const struct value *outcome = call->inputs[1];

	if (call->inputs[0]->number)
		return FACT_ABSENT;
	if (outcome->state == FACT_UNKNOWN)
		return fact_wait_late(call);
	*value_r = *outcome;
	return outcome->state;
}

static enum fact_state result_provide(const struct fact_call *call, struct value *value_r)
{
	struct dmarc_verdict verdict;

	judge(call, &verdict);
	if (verdict.result_settled == DMARC_OPEN)
		return fact_wait_late(call);
	*value_r = value_enum((int)verdict.result);
	return FACT_PRESENT;
}

static enum fact_state disposition_provide(const struct fact_call *call, struct value *value_r)
{
	struct dmarc_verdict verdict;
	const struct asked *asked = judge(call, &verdict);

	if (asked->count == 0)
		return FACT_ABSENT;
	if (verdict.disposition_settled == DMARC_OPEN)
		return fact_wait_late(call);
	if (verdict.disposition_settled == DMARC_FAILED)
		return failed(verdict.reason ? verdict.reason : "a lookup of DMARC failed",
			      value_r);
	*value_r = value_enum((int)verdict.disposition);
	return FACT_PRESENT;
}

/* The author whose policy it is, or the state in which its policy and domain are. */
static const struct dmarc_author *policy_author(const struct fact_call *call,
						enum fact_state *state_r)
{
	struct dmarc_verdict verdict;
	const struct asked *asked = judge(call, &verdict);

	*state_r = FACT_PRESENT;
	if (asked->count == 0)
		*state_r = FACT_ABSENT;
	else if (!verdict.author)
		*state_r = fact_wait_late(call);
	else if (verdict.author->failed)
		*state_r = FACT_FAILED;
	else if (!verdict.author->found)
		*state_r = FACT_ABSENT;
	return verdict.author;
}

static enum fact_state policy_provide(const struct fact_call *call, struct value *value_r)
{
	enum fact_state state;
	const struct dmarc_author *author = policy_author(call, &state);

	if (state == FACT_FAILED || (state == FACT_PRESENT && author->policy_unsure))
		return failed("the DMARC policy cannot be looked up", value_r);
	if (state == FACT_PRESENT)
		*value_r = value_enum((int)author->policy);
	return state;
}

static enum fact_state domain_provide(const struct fact_call *call, struct value *value_r)
{
	enum fact_state state;
	const struct dmarc_author *author = policy_author(call, &state);

	if (state == FACT_FAILED)
		return failed("the DMARC record cannot be looked up", value_r);
	if (state == FACT_PRESENT)
		*value_r = value_text(author->source);
	return state;
}

/* Of several authors, what speaks for every one of them. */
static enum dmarc_alignment aligned_for_all(const enum dmarc_alignment *aligned, size_t count)
{
	enum dmarc_alignment all = DMARC_ALIGNED;

	for (size_t i = 0; i < count; i++) {
		if (aligned[i] == DMARC_UNALIGNED)
			return DMARC_UNALIGNED;
		if (aligned[i] == DMARC_UNSURE)
			all = DMARC_UNSURE;
	}
	return count > 0 ? all : DMARC_UNALIGNED;
}

static enum fact_state aligned_by_provide(const struct fact_call *call, struct value *value_r)
{
	const struct asked *asked = call->inputs[IN_RECORD]->opaque;
	enum dmarc_alignment spf = aligned_for_all(call->inputs[IN_SPF]->opaque, asked->count);
	enum dmarc_alignment dkim = aligned_for_all(call->inputs[IN_DKIM]->opaque, asked->count);

	if (dkim == DMARC_UNSURE || (dkim == DMARC_UNALIGNED && spf == DMARC_UNSURE))
		return failed("a lookup of SPF, DKIM or DMARC failed", value_r);
	if (dkim == DMARC_UNALIGNED && spf == DMARC_UNALIGNED)
		return FACT_ABSENT;
	*value_r = value_enum(dkim == DMARC_ALIGNED ? MECHANISM_DKIM : MECHANISM_SPF);
	return FACT_PRESENT;
}

#define INTERNAL                                                                                   \
	.type = {TYPE_OPAQUE, false, NULL}, .scope = SCOPE_MESSAGE, .cost = COST_DNS,              \
	.internal = true
#define TOLD                                                                                       \
	.stage = STAGE_HEADERS, .scope = SCOPE_MESSAGE,                                            \
	.inputs = NAMES("dmarc.record", "dmarc.spf"), .late = NAMES("dmarc.dkim")

static const struct fact_def facts[] = {
    {.name = "dmarc.record",
     INTERNAL,
     .stage = STAGE_HEADERS,
     .inputs = NAMES("from.author", "sender.domain"),
     .walks = WALK_AUTHOR | WALK_SPF,
     .provide = record_provide,
     .lookups = 1, /* whether the domain exists */
     .help = "The policies of the author's domains."},
    {.name = "dmarc.spf",
     INTERNAL,
     .stage = STAGE_HEADERS,
     .inputs = NAMES("dmarc.record", "spf.outcome"),
     .walks = WALK_SPF,
     .provide = spf_provide,
     .help = "Whether SPF aligns with each author domain."},
    {.name = "dmarc.dkim",
     INTERNAL,
     .stage = STAGE_MESSAGE,
     .inputs = NAMES("dmarc.record", "dkim.outcome"),
     .walks = WALK_SIGNATURE,
     .provide = dkim_provide,
     .help = "Whether a DKIM signature aligns with each author domain."},
    {.name = "dmarc.outcome",
     .type = {TYPE_OPAQUE, false, NULL},
     .stage = STAGE_MESSAGE,
     .scope = SCOPE_MESSAGE,
     .inputs = NAMES("dmarc.record", "dmarc.spf", "dmarc.dkim"),
     .provide = outcome_provide,
     .internal = true,
     .help = "All of it."},
    {.name = "dmarc.told",
     .type = {TYPE_OPAQUE, false, NULL},
     .stage = STAGE_MAIL,
     .scope = SCOPE_MESSAGE,
     .inputs = NAMES("spf.ours"),
     .late = NAMES("dmarc.outcome"),
     .provide = told_provide,
     .internal = true,
     .help = "What Authentication-Results say: of mail that is not our own."},
    {.name = "dmarc",
     .type = {TYPE_ENUM, false, &dmarc_enum},
     TOLD,
     .provide = result_provide,
     .reported = true,
     .always = true,
     .help = "Result of DMARC (RFC 9989) for the author's domain; told with the header where SPF "
	     "aligns or DKIM cannot matter."},
    {.name = "dmarc.policy",
     .type = {TYPE_ENUM, false, &policy_enum},
     TOLD,
     .provide = policy_provide,
     .on_failure = FAILURE_DEFER,
     .help = "The policy that applies (p, sp or np, milder with t=y), whatever the result; absent "
	     "without a record."},
    {.name = "dmarc.disposition",
     .type = {TYPE_ENUM, false, &policy_enum},
     TOLD,
     .provide = disposition_provide,
     .always = true,
     .on_failure = FAILURE_DEFER,
     .help = "What the author's domain asks to do with this message: the policy if it failed, "
	     "else none."},
    {.name = "dmarc.domain",
     .type = {TYPE_DOMAIN, false, NULL},
     TOLD,
     .provide = domain_provide,
     .on_failure = FAILURE_DEFER,
     .trust = TRUST_FORGEABLE,
     .vouched = NAMES("dmarc"),
     .help = "The domain whose record applies: the author's own, or one above it."},
    {.name = "dmarc.aligned-by",
     .type = {TYPE_ENUM, false, &mechanism_enum},
     .stage = STAGE_MESSAGE,
     .scope = SCOPE_MESSAGE,
     .inputs = NAMES("dmarc.record", "dmarc.spf", "dmarc.dkim"),
     .provide = aligned_by_provide,
     .on_failure = FAILURE_DEFER,
     .help = "What speaks for the author: dkim where a signature aligns, spf where only SPF does; "
	     "absent where nothing does."},
    {.name = NULL},
};

const struct family family_dmarc = {
    .name = "dmarc", .facts = facts, .settings = settings, .ahead = &ahead};
