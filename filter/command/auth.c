/* SPDX-License-Identifier: BSD-2-Clause */
/* postern auth: SPF, DKIM, DMARC and ARC of a message, without a policy. */

#include "filter/command/dialogue.h"
#include "filter/command/json.h"
#include "postern/arc.h"
#include "postern/author.h"
#include "postern/diag.h"
#include "postern/dkim.h"
#include "postern/dmarc.h"
#include "postern/spf.h"

/* Rests on every fact that is printed, so that all of them are looked up. */
static const char policy_text[] = "add authentication-results\n"
				  "add header \"X-Facts: ${spf} ${spf.helo} ${dkim} "
				  "${dmarc.aligned-by} ${from.domain} ${from.trouble}\"\n";

static const void *opaque(const struct session *s, const char *fact)
{
	const struct value *value = session_value(s, fact);

	return value && value->state == FACT_PRESENT ? value->opaque : NULL;
}

static json_t *spf_json(const struct spf_outcome *spf, const char *scope)
{
	if (!spf)
		return json_null();
	return json_pack("{s:s, s:o, s:s, s:o, s:o}", "result", spf_result_name(spf->result),
			 "domain", json_str(spf->domain, true), "scope", scope, "explanation",
			 json_str(spf->explanation, true), "problem", json_str(spf->problem, true));
}

static json_t *dkim_json(const struct dkim_outcome *dkim)
{
	json_t *list = json_array();

	for (size_t i = 0; dkim && i < dkim->count; i++) {
		const struct dkim_signature *s = &dkim->signatures[i];

		json_array_append_new(
		    list,
		    json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "result",
			      dkim_result_name(s->result), "domain", json_str(s->domain, true),
			      "selector", json_str(s->selector, true), "algorithm",
			      json_str(str_of(s->algorithm), true), "bits",
			      s->bits ? json_integer(s->bits) : json_null(), "identity",
			      json_str(s->identity, true), "reason", json_text(s->reason)));
	}
	return list;
}

/* Of several authors it aligns if it does with all; null: it could not be found out. */
static json_t *alignment_json(const enum dmarc_alignment *aligned, size_t count)
{
	bool sure = true, all = count > 0;

	for (size_t i = 0; i < count; i++) {
		sure &= aligned[i] != DMARC_UNSURE;
		all &= aligned[i] != DMARC_UNALIGNED;
	}
	return all && !sure ? json_null() : json_boolean(all);
}

static json_t *dmarc_json(const struct dmarc_outcome *dmarc)
{
	const struct dmarc_verdict *v = &dmarc->verdict;
	bool found = v->author && v->author->found;
	bool disposed = !dmarc->trouble && v->disposition_settled == DMARC_SETTLED;

	return json_pack(
	    "{s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "result", dmarc_result_name(v->result), "domain",
	    found ? json_str(v->author->source, true) : json_null(), "policy",
	    json_text(found && !v->author->policy_unsure ? dmarc_policy_name(v->author->policy)
							 : NULL),
	    "disposition", json_text(disposed ? dmarc_policy_name(v->disposition) : NULL),
	    "spf_aligned", alignment_json(dmarc->spf, dmarc->count), "dkim_aligned",
	    alignment_json(dmarc->dkim, dmarc->count), "reason",
	    json_text(dmarc->trouble ? dmarc->trouble : v->reason));
}

static json_t *arc_json(const struct arc_outcome *arc)
{
	json_t *sealers;

	if (!arc)
		return json_null();
	sealers = json_array();
	for (size_t i = 0; i < arc->count; i++)
		json_array_append_new(sealers, json_str(arc->sealers[i], false));
	return json_pack("{s:s, s:o, s:o, s:o}", "result", arc_result_name(arc->result), "instance",
			 arc->instance ? json_integer(arc->instance) : json_null(), "sealers",
			 sealers, "reason", json_text(arc->reason));
}

static json_t *from_json(const struct author *author)
{
	json_t *addresses = json_array();
	bool single = author && !author->trouble && author->domain_count == 1;

	for (size_t i = 0; author && i < author->mailboxes.count; i++)
		json_array_append_new(addresses, json_str(author->mailboxes.items[i].text, false));
	return json_pack("{s:o, s:o, s:o}", "addresses", addresses, "domain",
			 single ? json_str(author->domains[0], true) : json_null(), "trouble",
			 json_text(author ? author->trouble : NULL));
}

static const char *field_written(const struct report *report)
{
	for (size_t i = 0; i < report->edits.count; i++)
		if (report->edits.items[i].kind == EDIT_INSERT_HEADER)
			return report->edits.items[i].value;
	return NULL;
}

static const char *spf_scope(const struct session *s)
{
	const struct value *sender = session_value(s, "sender");

	return sender && sender->state == FACT_PRESENT && sender->text.n == 0 ? "helo" : "mfrom";
}

static void print_json(const struct session *s)
{
	const struct dmarc_outcome *dmarc = opaque(s, "dmarc.outcome");

	json_print(json_pack(
	    "{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "spf",
	    spf_json(opaque(s, "spf.outcome"), spf_scope(s)), "spf_helo",
	    spf_json(opaque(s, "spf.helo-outcome"), "helo"), "dkim",
	    dkim_json(opaque(s, "dkim.outcome")), "dmarc", dmarc ? dmarc_json(dmarc) : json_null(),
	    "arc", arc_json(opaque(s, "arc.outcome")), "from", from_json(opaque(s, "from.author")),
	    "authentication_results", json_text(field_written(session_report(s)))));
}

static void print_spf(struct arena *arena, const char *label, const struct spf_outcome *spf)
{
	if (!spf)
		return;
	printf("%-9s %s", label, spf_result_name(spf->result));
	if (spf->domain.n > 0)
		printf(" for " STR_FMT, STR_ARG(str_clean(arena, spf->domain, 300)));
	if (spf->problem.n > 0)
		printf(" (" STR_FMT ")", STR_ARG(str_clean(arena, spf->problem, 300)));
	if (spf->explanation.n > 0)
		printf(": " STR_FMT, STR_ARG(str_clean(arena, spf->explanation, 500)));
	printf("\n");
}

static void print_dmarc(const struct dmarc_outcome *dmarc)
{
	const struct dmarc_author *author = dmarc->verdict.author;
	const char *reason = dmarc->trouble ? dmarc->trouble : dmarc->verdict.reason;

	printf("dmarc     %s", dmarc_result_name(dmarc->verdict.result));
	if (author)
		printf(" for " STR_FMT, STR_ARG(author->domain));
	if (author && author->found)
		printf(", policy %s of " STR_FMT, dmarc_policy_name(author->policy),
		       STR_ARG(author->source));
	printf("%s%s%s\n", reason ? " (" : "", reason ? reason : "", reason ? ")" : "");
}

static void print_arc(const struct arc_outcome *arc)
{
	if (!arc)
		return;
	printf("arc       %s", arc_result_name(arc->result));
	for (size_t i = 0; i < arc->count; i++)
		printf("%s " STR_FMT "%s", i == 0 ? ", sealed by" : ",", STR_ARG(arc->sealers[i]),
		       i < arc->vouching ? "" : " (changed since)");
	printf("%s%s%s\n", arc->reason ? " (" : "", arc->reason ? arc->reason : "",
	       arc->reason ? ")" : "");
}

static void print_text(struct arena *arena, const struct session *s)
{
	const struct dkim_outcome *dkim = opaque(s, "dkim.outcome");
	const struct dmarc_outcome *dmarc = opaque(s, "dmarc.outcome");
	const struct author *author = opaque(s, "from.author");
	const char *field = field_written(session_report(s));

	print_spf(arena, "spf", opaque(s, "spf.outcome"));
	print_spf(arena, "spf helo", opaque(s, "spf.helo-outcome"));
	for (size_t i = 0; dkim && i < dkim->count; i++) {
		const struct dkim_signature *sig = &dkim->signatures[i];

		printf("dkim      %s for " STR_FMT ", selector " STR_FMT ", %s",
		       dkim_result_name(sig->result), STR_ARG(sig->domain), STR_ARG(sig->selector),
		       sig->algorithm);
		if (sig->bits > 0)
			printf(", %u bits", sig->bits);
		printf("%s%s%s\n", sig->reason ? " (" : "", sig->reason ? sig->reason : "",
		       sig->reason ? ")" : "");
	}
	if (dkim && dkim->count == 0)
		printf("dkim      none\n");
	if (dmarc)
		print_dmarc(dmarc);
	print_arc(opaque(s, "arc.outcome"));
	for (size_t i = 0; author && i < author->mailboxes.count; i++)
		printf("from      " STR_FMT "\n",
		       STR_ARG(str_clean(arena, author->mailboxes.items[i].text, 300)));
	if (author && author->trouble)
		printf("from      cannot be trusted: %s\n", author->trouble);
	if (field)
		printf("\nAuthentication-Results: %s\n", field);
}

static int auth(struct dialogue *d, const struct policy *policy)
{
	struct resolver *resolver = dialogue_resolver(d, policy);
	struct session *s = resolver ? dialogue_play(d, policy, resolver) : NULL;
	int status = s ? EXIT_FINE : EXIT_BROKEN;

	if (s && d->json)
		print_json(s);
	else if (s)
		print_text(d->arena, s);
	session_free(&s);
	resolver_free(&resolver);
	return status;
}

static int run(const struct command *self, int argc, char **argv)
{
	static const struct source source = {"auth", {policy_text, sizeof(policy_text) - 1}};
	struct arena *arena = arena_new(NULL);
	struct dialogue d = {.arena = arena};
	struct diag *diag = diag_new(arena);
	struct policy *policy = NULL;
	const char *why = NULL;
	int status = dialogue_parse(self, &d, argc, argv);

	if (status == 0 && d.policy)
		status = command_usage(self, "this command has no -c: it reads no policy");
	if (status == 0 && d.given.count > 0)
		status = command_usage(self, "this command has no --given: it finds facts out");
	if (status == 0 && !d.message)
		status = command_usage(self, "which message?");
	if (status == 0) {
		spf_init();
		status = EXIT_BROKEN;
		policy = policy_compile(&source, ".", d.settings.items, diag);
		diag_print(diag, stderr);
		if (dkim_verifier_init(&why) < 0)
			fprintf(stderr, "postern: libopendkim does not start: %s\n", why);
		else if (policy)
			status = auth(&d, policy);
	}
	policy_free(&policy);
	arena_free(&arena);
	return status;
}

const struct command command_auth = {
    .name = "auth",
    .synopsis = "[DIALOGUE] MESSAGE.eml",
    .help = "SPF, DKIM, DMARC and ARC of a message, without a policy",
    .options = DIALOGUE_OPTIONS,
    .run = run,
};
