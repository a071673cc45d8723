/* SPDX-License-Identifier: BSD-2-Clause */
/* Holds the outcome of a test against what it expects. */

#include "filter/command/explain.h"
#include "filter/command/testrun.h"

static const char *outcome_text(struct arena *arena, const struct report_outcome *o)
{
	struct buf out = {.arena = arena};

	buf_puts(&out, o->verdict == VERDICT_HOLD ? "hold" : verdict_name(o->verdict));
	if (o->code != 0)
		buf_printf(&out, " %d %s", o->code, o->enhanced ? o->enhanced : "");
	if (o->text)
		buf_printf(&out, " \"%s\"", o->text);
	buf_printf(&out, ", at %s, by %s", stage_name(o->stage), o->rule ? o->rule : "no rule");
	return buf_str(&out).s;
}

/* ---- edits ---- */

static const char *const edit_names[] = {
    [EDIT_REMOVE_HEADER] = "remove header",
    [EDIT_REPLACE_HEADER] = "replace header",
    [EDIT_ADD_HEADER] = "add header",
    [EDIT_INSERT_HEADER] = "insert header",
    [EDIT_REMOVE_RECIPIENT] = "remove recipient",
    [EDIT_ADD_RECIPIENT] = "add recipient",
    [EDIT_HOLD] = "hold",
};

/* `<a@b>`, and the same without its brackets. */
static bool same_address(const char *path, const char *value)
{
	struct str bare = str_sub(str_of(path), 1, strlen(path) - 2);

	return str_caseeq(str_of(path), str_of(value)) || str_caseeq(bare, str_of(value));
}

static bool edit_matches(struct arena *arena, const struct expectation *expected,
			 const struct edit *edit)
{
	struct str value, wanted;

	if (strcmp(edit_names[edit->kind], expected->edit) != 0)
		return false;
	if (!edit->name)
		return same_address(expected->name, edit->value);
	if (!str_caseeq(str_of(expected->name), str_of(edit->name)))
		return false;
	if (!expected->text)
		return true;
	value = explain_unfolded(arena, edit->value ? edit->value : "");
	wanted = explain_unfolded(arena, expected->text);
	return expected->contains ? str_has(value, wanted) : str_eq(value, wanted);
}

static void add_edit(struct arena *arena, struct buf *out, const struct edit *edit)
{
	buf_printf(out, "%s%s ", out->n > 0 ? ", " : "", edit_names[edit->kind]);
	if (edit->name)
		buf_printf(out, "\"%s", edit->name);
	if (edit->value)
		buf_printf(out, "%s" STR_FMT, edit->name ? ": " : "",
			   STR_ARG(explain_unfolded(arena, edit->value)));
	if (edit->name)
		buf_puts(out, "\"");
}

/* All but the hold, which is the verdict. */
static const char *edits_text(struct arena *arena, const struct edits *edits)
{
	struct buf out = {.arena = arena};

	for (size_t i = 0; i < edits->count; i++)
		if (edits->items[i].kind != EDIT_HOLD)
			add_edit(arena, &out, &edits->items[i]);
	return out.n > 0 ? buf_str(&out).s : "no edits";
}

static bool edits_as_expected(struct arena *arena, const struct expectation *expected,
			      const struct edits *edits)
{
	bool found = false;

	for (size_t i = 0; i < edits->count && !found; i++)
		found = edits->items[i].kind != EDIT_HOLD &&
			(!expected->edit || edit_matches(arena, expected, &edits->items[i]));
	return found != expected->negated;
}

/* ---- the same as another policy ---- */

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* What the MTA and its client see of an outcome. When, and by which rule, is not part of it. */
static bool same_outcome(const struct report_outcome *a, const struct report_outcome *b)
{
	return a->verdict == b->verdict && a->code == b->code &&
	       same_text(a->enhanced, b->enhanced) && same_text(a->text, b->text);
}

static bool same_edits(const struct edits *a, const struct edits *b)
{
	for (size_t i = 0; i < a->count && i < b->count; i++) {
		const struct edit *x = &a->items[i], *y = &b->items[i];

		if (x->kind != y->kind || x->index != y->index || !same_text(x->name, y->name) ||
		    !same_text(x->value, y->value))
			return false;
	}
	return a->count == b->count;
}

/* What is told of recipient `row`: where the message was refused before, of the message. */
static const struct report_outcome *outcome_of(const struct report *report, size_t row)
{
	return row < report->recipient_count ? &report->recipients[row].outcome
					     : explain_overall(report);
}

/* NULL, or in which way the other policy's outcome differs. */
static const char *difference(struct arena *arena, const struct policy_test *test,
			      const struct report *here, const struct report *there)
{
	const struct report_outcome *outcome = explain_overall(there);

	if (!same_outcome(explain_overall(here), outcome))
		return str_printf(arena, "there: %s", outcome_text(arena, outcome)).s;
	for (size_t i = 0; i < test->recipient_count; i++)
		if (!same_outcome(outcome_of(here, i), outcome_of(there, i)))
			return str_printf(arena, "there, for %s: %s", test->recipients[i],
					  outcome_text(arena, outcome_of(there, i)))
			    .s;
	if (!same_edits(&here->edits, &there->edits))
		return str_printf(arena, "there: %s", edits_text(arena, &there->edits)).s;
	return NULL;
}

static void check_same(struct test_result *result, const struct expectation *expected,
		       const struct same_as *same, const char **came_r)
{
	const char *why = NULL;
	const struct report *there = same->play(same->ctx, expected->path, &why);

	*came_r = there ? difference(result->arena, result->test, result->report, there) : why;
}

/* ---- all of them ---- */

static bool outcome_as_expected(const struct expectation *expected,
				const struct report_outcome *outcome)
{
	if (expected->kind == EXPECT_VERDICT && outcome->verdict != expected->verdict)
		return false;
	if (expected->stage >= 0 && (int)outcome->stage != expected->stage)
		return false;
	if (expected->kind == EXPECT_RULE && !expected->rule)
		return !outcome->rule;
	return !expected->rule || same_text(expected->rule, outcome->rule);
}

static bool text_as_expected(const struct expectation *expected, const char *text)
{
	if (!text)
		return false;
	return expected->contains ? str_has(str_of(text), str_of(expected->text))
				  : strcmp(text, expected->text) == 0;
}

static void check(struct test_result *result, const struct expectation *expected,
		  const struct same_as *same)
{
	const struct report *report = result->report;
	const struct report_outcome *outcome =
	    expected->recipient < 0 ? explain_overall(report)
				    : outcome_of(report, (size_t)expected->recipient);
	const char *came = NULL;
	bool ok = true;

	switch (expected->kind) {
	case EXPECT_VERDICT:
	case EXPECT_RULE:
	case EXPECT_STAGE:
		ok = outcome_as_expected(expected, outcome);
		break;
	case EXPECT_CODE:
		ok = outcome->code == expected->code &&
		     (!expected->enhanced || same_text(expected->enhanced, outcome->enhanced));
		break;
	case EXPECT_TEXT:
		ok = text_as_expected(expected, outcome->text);
		break;
	case EXPECT_EDIT:
		if (!edits_as_expected(result->arena, expected, &report->edits))
			came = edits_text(result->arena, &report->edits);
		break;
	case EXPECT_SAME:
		check_same(result, expected, same, &came);
		break;
	case EXPECT_SCORE:
		if (report->score != expected->number)
			came = str_printf(result->arena, "a score of " STR_FMT,
					  STR_ARG(report_score(result->arena, report)))
				   .s;
		break;
	}
	if (!ok)
		came = outcome_text(result->arena, outcome);
	if (came)
		*vec_push(result->arena, &result->faults) = (struct test_fault){expected, came};
}

void testexpect_check(struct test_result *result, const struct same_as *same)
{
	for (size_t i = 0; i < result->test->expectation_count; i++)
		check(result, &result->test->expectations[i], same);
}
