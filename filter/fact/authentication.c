/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Authentication-Results (RFC 8601): one field that says what was found out, and the removal of
 * those that claim to be ours and are not.
 */

#include "postern/arc.h"
#include "postern/arena.h"
#include "postern/authres.h"
#include "postern/dkim.h"
#include "postern/dmarc.h"
#include "postern/fact.h"
#include "postern/mail.h"
#include "postern/policy.h"
#include "postern/spf.h"

/* Results of signatures that did not pass; real mail has a handful. */
#define OTHERS_MOST 20

enum {
	IN_MTA,
	IN_SPF,
	IN_DKIM,
	IN_SENDER,
	IN_HELO,
	IN_USER,
	IN_ARC,
	IN_SPF_HELO,
	IN_ORIGIN,
	IN_DMARC
};

static struct str authserv(const struct action_call *call)
{
	const struct value *setting = policy_setting_named(call->policy, "authserv");
	struct str name;

	if (setting->state == FACT_PRESENT)
		return setting->text;
	if (call->inputs[IN_MTA]->state == FACT_PRESENT &&
	    domain_normal(call->arena, call->inputs[IN_MTA]->text, &name))
		return name;
	return STR("localhost");
}

static void remove_forged(const struct action_call *call)
{
	const struct fields *fields = edit_fields(call->edits);
	struct str ours = authserv(call);

	for (size_t i = 0; i < fields->count; i++) {
		const struct field *field = &fields->items[i];

		if (str_caseeq(field->name, STR("Authentication-Results")) &&
		    authres_claim(call->arena, field->value, ours) != AUTHRES_FOREIGN)
			edit_remove(call->edits, field);
	}
}

static void set_properties(struct arena *arena, struct authres_result *result, size_t count,
			   const struct authres_property *properties)
{
	struct authres_property *copy = arena_array(arena, count, sizeof(*copy));

	result->count = 0;
	for (size_t i = 0; i < count; i++)
		if (properties[i].value.n > 0)
			copy[result->count++] = properties[i];
	result->properties = copy;
}

/* RFC 7208 2.4: the null sender is checked by its HELO name. */
static bool null_sender(const struct action_call *call)
{
	const struct value *sender = call->inputs[IN_SENDER];

	return sender->state == FACT_PRESENT && sender->text.n == 0;
}

static void add_spf(const struct action_call *call, const struct spf_outcome *spf, bool by_helo,
		    struct authres_result *result)
{
	const struct value *sender = call->inputs[IN_SENDER], *helo = call->inputs[IN_HELO];

	*result = (struct authres_result){
	    .method = "spf", .result = spf_result_name(spf->result), .reason = spf->problem};
	if (by_helo)
		set_properties(call->arena, result, 1,
			       (struct authres_property[]){{"smtp", "helo", helo->text}});
	else
		set_properties(call->arena, result, 1,
			       (struct authres_property[]){{"smtp", "mailfrom", sender->text}});
}

static void add_dkim(const struct action_call *call, const struct dkim_signature *signature,
		     struct authres_result *result)
{
	*result = (struct authres_result){.method = "dkim",
					  .result = dkim_result_name(signature->result),
					  .reason = str_of(signature->reason)};
	set_properties(call->arena, result, 5,
		       (struct authres_property[]){
			   {"header", "d", signature->domain},
			   {"header", "i", signature->identity},
			   {"header", "s", signature->selector},
			   {"header", "a", str_of(signature->algorithm)},
			   {"header", "b", signature->b},
		       });
}

/*
 * RFC 9989 9.1: the author's domain, and the policy after all its options. Of several authors the
 * one that decides alone: a pass of another beside it would be taken for the message's.
 */
static void add_dmarc(const struct action_call *call, struct authres_result *result)
{
	const struct dmarc_outcome *dmarc = call->inputs[IN_DMARC]->opaque;
	const struct dmarc_author *author = dmarc->verdict.author;
	bool policy = author && author->found && !author->policy_unsure;

	*result = (struct authres_result){
	    .method = "dmarc",
	    .result = dmarc_result_name(dmarc->verdict.result),
	    .reason = str_of(dmarc->trouble ? dmarc->trouble : dmarc->verdict.reason)};
	set_properties(
	    call->arena, result, 2,
	    (struct authres_property[]){
		{"header", "from", author ? author->domain : STR("")},
		{"policy", "dmarc", policy ? str_of(dmarc_policy_name(author->policy)) : STR("")},
	    });
}

/* RFC 8617 10.2. A message without a chain has no result: most have none. */
static void add_arc(const struct action_call *call, const struct arc_outcome *arc,
		    struct authres_result *result)
{
	bool pass = arc->result == ARC_RESULT_PASS;
	struct str oldest = {0};

	if (pass && !arc->vouching_open)
		oldest = str_printf(call->arena, "%u", arc->oldest_pass);
	*result = (struct authres_result){.method = "arc",
					  .result = arc_result_name(arc->result),
					  .reason = str_of(pass ? NULL : arc->reason)};
	set_properties(call->arena, result, 1,
		       (struct authres_property[]){{"header", "oldest-pass", oldest}});
}

/* All that passed, and of the rest as many as there is room for: a field has its limits. */
static bool told(const struct dkim_outcome *dkim, size_t i, size_t *others)
{
	if (dkim->signatures[i].result == DKIM_RESULT_PASS)
		return true;
	return (*others)++ < OTHERS_MOST;
}

static bool writes_received(const struct action_call *call)
{
	return str_eq(policy_setting_named(call->policy, "spf.received")->text, STR("yes"));
}

/*
 * Those of others stand below the Received field of our server, which shows whose they are (RFC
 * 7208 9.1); those that name us are forged, and go: some readers look no further.
 */
static void remove_received(const struct action_call *call)
{
	const struct fields *fields = edit_fields(call->edits);
	struct str ours = authserv(call);

	for (size_t i = 0; i < fields->count; i++)
		if (str_caseeq(fields->items[i].name, STR("Received-SPF")) &&
		    spf_received_claims(call->arena, fields->items[i].value, ours))
			edit_remove(call->edits, &fields->items[i]);
}

static void add_received(const struct action_call *call, const struct spf_outcome *outcome)
{
	const struct value *ip = call->inputs[IN_ORIGIN];
	struct spf_received received = {
	    .outcome = outcome,
	    .ip = ip->state == FACT_PRESENT ? &ip->network.ip : NULL,
	    .sender = call->inputs[IN_SENDER]->text,
	    .helo = call->inputs[IN_HELO]->text,
	    .receiver = authserv(call),
	    .helo_scope = null_sender(call),
	};

	edit_insert(call->edits, STR("Received-SPF"), spf_received_write(call->arena, &received));
}

/*
 * The policy's id stands behind the first result, where other filters have their comments and
 * readers are used to them; behind the authserv-id some readers take it for a part of that.
 */
static void insert_results(const struct action_call *call, struct authres_result *results,
			   size_t count)
{
	bool utf8 = edit_fields(call->edits)->utf8;
	struct str comment = {0}, text;

	if (str_eq(policy_setting_named(call->policy, "authserv.policy")->text, STR("yes")))
		comment = str_printf(call->arena, "policy %.8s", call->policy->id);
	if (count > 0)
		results[0].comment = comment;
	text = authres_write(call->arena, authserv(call), results, count, utf8);
	if (count == 0 && comment.n > 0)
		text = str_printf(call->arena, STR_FMT " (" STR_FMT ")", STR_ARG(text),
				  STR_ARG(comment));
	edit_insert(call->edits, STR("Authentication-Results"), text);
}

static void add_commit(const struct action_call *call)
{
	const struct dkim_outcome *dkim =
	    call->inputs[IN_DKIM]->state == FACT_PRESENT ? call->inputs[IN_DKIM]->opaque : NULL;
	const struct arc_outcome *arc =
	    call->inputs[IN_ARC]->state == FACT_PRESENT ? call->inputs[IN_ARC]->opaque : NULL;
	size_t signatures = dkim ? dkim->count : 0, count = 0, others = 0;
	struct authres_result *results = arena_array(call->arena, signatures + 5, sizeof(*results));

	remove_forged(call);
	if (writes_received(call))
		remove_received(call);
	if (call->inputs[IN_USER]->state == FACT_PRESENT) {
		results[count] = (struct authres_result){.method = "auth", .result = "pass"};
		set_properties(
		    call->arena, &results[count++], 1,
		    (struct authres_property[]){{"smtp", "auth", call->inputs[IN_USER]->text}});
	}
	if (call->inputs[IN_SPF]->state == FACT_PRESENT) {
		const struct spf_outcome *spf = call->inputs[IN_SPF]->opaque;

		add_spf(call, spf, null_sender(call), &results[count++]);
		if (writes_received(call))
			add_received(call, spf);
	}
	if (call->inputs[IN_SPF_HELO]->state == FACT_PRESENT)
		add_spf(call, call->inputs[IN_SPF_HELO]->opaque, true, &results[count++]);
	for (size_t i = 0; i < signatures; i++)
		if (told(dkim, i, &others))
			add_dkim(call, &dkim->signatures[i], &results[count++]);
	if (dkim && signatures == 0)
		results[count++] = (struct authres_result){.method = "dkim", .result = "none"};
	if (call->inputs[IN_DMARC]->state == FACT_PRESENT)
		add_dmarc(call, &results[count++]);
	if (arc && arc->result != ARC_RESULT_NONE)
		add_arc(call, arc, &results[count++]);
	insert_results(call, results, count);
}

static const char *const inputs[] = {
    "mta.name",    "spf.told",      "dkim.outcome", "sender",     "origin.helo", "auth.user",
    "arc.outcome", "spf.helo-told", "origin.ip",    "dmarc.told", NULL};

static const struct action_def actions[] = {
    {.name = "add authentication-results",
     .class = ACTION_EDIT,
     .inputs = inputs,
     .commit = add_commit,
     .help = "Remove forged Authentication-Results, put our own on top (RFC 8601)."},
    {.name = "remove authentication-results",
     .class = ACTION_EDIT,
     .inputs = NAMES("mta.name"),
     .commit = remove_forged,
     .help = "Remove Authentication-Results that claim to be ours."},
    {.name = NULL},
};

const struct family family_authentication = {.name = "authentication", .actions = actions};
