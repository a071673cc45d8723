/* SPDX-License-Identifier: BSD-2-Clause */
/* postern explain: what would happen to this message, rule by rule, and why. */

#include "filter/command/explain.h"

#include "filter/command/dialogue.h"
#include "postern/diag.h"
#include "postern/dkim.h"
#include "postern/mime.h"
#include "postern/spf.h"

#define DEFAULT_POLICY "/etc/postern/postern.policy"

static const char *const edit_names[] = {
    [EDIT_REMOVE_HEADER] = "remove",
    [EDIT_REPLACE_HEADER] = "replace",
    [EDIT_ADD_HEADER] = "add",
    [EDIT_INSERT_HEADER] = "insert",
    [EDIT_REMOVE_RECIPIENT] = "recipient",
    [EDIT_ADD_RECIPIENT] = "recipient",
    [EDIT_HOLD] = "hold",
};

const struct report_outcome *explain_overall(const struct report *report)
{
	if (report->outcome.settled || report->recipient_count == 0)
		return &report->outcome;
	return &report->recipients[0].outcome;
}

/* An edit's value; of a recipient: what is done, and the address. */
static const char *edit_value(struct arena *arena, const struct edit *edit)
{
	if (edit->kind == EDIT_ADD_RECIPIENT || edit->kind == EDIT_REMOVE_RECIPIENT)
		return str_printf(arena, "%s %s",
				  edit->kind == EDIT_ADD_RECIPIENT ? "add" : "remove", edit->value)
		    .s;
	return edit->value;
}

static json_t *outcome_json(const struct report_outcome *o)
{
	return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "verdict", verdict_name(o->verdict),
			 "stage", stage_name(o->stage), "rule", json_text(o->rule), "code",
			 o->code ? json_integer(o->code) : json_null(), "enhanced",
			 json_text(o->enhanced), "text", json_text(o->text));
}

/* A whole number where it is one. */
static json_t *score_json(int64_t thousandths)
{
	return thousandths % 1000 == 0 ? json_integer(thousandths / 1000)
				       : json_real((double)thousandths / 1000);
}

static json_t *edits_json(struct arena *arena, const struct edits *edits)
{
	json_t *list = json_array();

	for (size_t i = 0; i < edits->count; i++) {
		const struct edit *edit = &edits->items[i];

		if (edit->kind == EDIT_HOLD)
			continue; /* that is the verdict */
		json_array_append_new(
		    list, json_pack("{s:s, s:o, s:o, s:i}", "edit", edit_names[edit->kind], "name",
				    json_text(edit->name), "value",
				    json_text(edit_value(arena, edit)), "index", edit->index));
	}
	return list;
}

static json_t *observed_json(const struct report *report)
{
	json_t *list = json_array();

	for (size_t i = 0; i < report->observed_count; i++) {
		const struct report_observed *o = &report->observed[i];

		json_array_append_new(
		    list,
		    json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "rule", json_text(o->rule),
			      "verdict", json_text(o->decides ? verdict_name(o->verdict) : NULL),
			      "code", o->code ? json_integer(o->code) : json_null(), "enhanced",
			      json_text(o->enhanced), "text", json_text(o->text), "edits",
			      edits_json(report->arena, &o->edits)));
	}
	return list;
}

json_t *explain_json(const struct report *report)
{
	json_t *object = outcome_json(explain_overall(report)), *list = json_array();

	for (size_t i = 0; i < report->recipient_count; i++) {
		json_t *one =
		    json_pack("{s:o}", "address", json_str(report->recipients[i].address, false));
		json_t *outcome = outcome_json(&report->recipients[i].outcome);

		json_object_update(one, outcome);
		json_decref(outcome);
		json_array_append_new(list, one);
	}
	json_object_set_new(object, "recipients", list);
	json_object_set_new(object, "edits", edits_json(report->arena, &report->edits));
	if (report->observing)
		json_object_set_new(object, "mode", json_string("observe"));
	json_object_set_new(object, "observed", observed_json(report));
	json_object_set_new(object, "score", score_json(report->score));
	json_object_set_new(object, "lookups", json_integer((json_int_t)report->lookups));
	list = json_array();
	for (size_t i = 0; i < report->trace_count; i++) {
		const struct report_trace *t = &report->trace[i];

		json_array_append_new(
		    list, json_pack("{s:s, s:o, s:i, s:o, s:s}", "stage", stage_name(t->stage),
				    "rule", json_text(t->rule), "line", (int)t->line, "condition",
				    json_text(t->condition), "value", t->value));
	}
	json_object_set_new(object, "trace", list);
	return object;
}

static void print_outcome(const struct report_outcome *o)
{
	printf("%s", verdict_name(o->verdict));
	if (o->code != 0)
		printf(" %d %s", o->code, o->enhanced ? o->enhanced : "");
	if (o->text)
		printf(" \"%s\"", o->text);
	printf(", at %s, by %s\n", stage_name(o->stage), o->rule ? o->rule : "no rule");
}

struct str explain_unfolded(struct arena *arena, const char *value)
{
	struct buf out = {.arena = arena};

	for (const char *c = value; *c; c++) {
		if (*c == '\n' && (c[1] == ' ' || c[1] == '\t'))
			continue;
		buf_putc(&out, *c == '\t' ? ' ' : *c);
	}
	return str_clean(arena, str_trim(buf_str(&out)), 2000);
}

static void print_edit(struct arena *arena, const struct edit *edit)
{
	printf("%s %s", edit_names[edit->kind], edit->name ? edit->name : "");
	if (edit->index > 0)
		printf(" (number %d)", edit->index);
	if (edit->value)
		printf("%s" STR_FMT, edit->name ? ": " : "",
		       STR_ARG(explain_unfolded(arena, edit_value(arena, edit))));
	printf("\n");
}

/* What a rule that is tried would have done: a line for each thing. */
static void print_observed(struct arena *arena, const struct report_observed *o)
{
	printf("observed   " STR_FMT "\n", STR_ARG(report_would_have(arena, o)));
	for (size_t i = 0; i < o->edits.count; i++) {
		printf("observed   %s would have made the edit ", o->rule);
		print_edit(arena, &o->edits.items[i]);
	}
}

void explain_print(struct arena *arena, const struct report *report)
{
	printf("verdict    %s", report->observing ? "would have been " : "");
	print_outcome(explain_overall(report));
	if (report->observing)
		printf("mode       observe: nothing of this is done\n");
	for (size_t i = 0; i < report->recipient_count; i++) {
		printf("recipient  <" STR_FMT ">: ", STR_ARG(report->recipients[i].address));
		print_outcome(&report->recipients[i].outcome);
	}
	for (size_t i = 0; i < report->edits.count; i++) {
		printf("edit       ");
		print_edit(arena, &report->edits.items[i]);
	}
	for (size_t i = 0; i < report->observed_count; i++)
		print_observed(arena, &report->observed[i]);
	if (report->scores)
		printf("score      " STR_FMT "\n", STR_ARG(report_score(arena, report)));
	printf("lookups    %zu\n", report->lookups);
	for (size_t i = 0; i < report->trace_count; i++) {
		const struct report_trace *t = &report->trace[i];

		printf("%-10s %-7s  %s: %s\n", stage_name(t->stage), t->value, t->rule,
		       t->condition[0] ? t->condition : "always");
	}
}

static int explain(struct dialogue *d, const struct policy *policy)
{
	struct resolver *resolver = dialogue_resolver(d, policy);
	struct session *s = resolver ? dialogue_play(d, policy, resolver) : NULL;
	int status = s ? EXIT_FINE : EXIT_BROKEN;

	if (s && d->json)
		json_print(explain_json(session_report(s)));
	else if (s)
		explain_print(d->arena, session_report(s));
	session_free(&s);
	resolver_free(&resolver);
	return status;
}

static int run(const struct command *self, int argc, char **argv)
{
	struct arena *arena = arena_new(NULL);
	struct dialogue d = {.arena = arena, .policy = DEFAULT_POLICY};
	struct diag *diag = diag_new(arena);
	struct policy *policy = NULL;
	const char *why = NULL;
	int status = dialogue_parse(self, &d, argc, argv);

	if (status == 0) {
		spf_init();
		mime_init();
		status = EXIT_BROKEN;
		policy = policy_load(d.policy, d.settings.items, diag);
		diag_print(diag, stderr);
		if (dkim_verifier_init(&why) < 0)
			fprintf(stderr, "postern: libopendkim does not start: %s\n", why);
		else if (policy)
			status = explain(&d, policy);
	}
	policy_free(&policy);
	arena_free(&arena);
	return status;
}

const struct command command_explain = {
    .name = "explain",
    .synopsis = "[-c POLICY] [DIALOGUE] [MESSAGE.eml]",
    .help = "what would happen to this message, rule by rule, and why",
    .options = "  -c POLICY            default " DEFAULT_POLICY "\n" DIALOGUE_OPTIONS
	       "  --given FACT=VALUE   a fact taken for granted, as spf=fail\n",
    .run = run,
};
