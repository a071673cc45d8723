/* SPDX-License-Identifier: BSD-2-Clause */
/* What a test expects, from the tree to what an outcome can be held against. */

#include "filter/policy/loader.h"
#include "postern/mail.h"

static enum verdict verdict_of(struct str word)
{
	static const struct {
		const char *word;
		enum verdict verdict;
	} verdicts[] = {
	    {"accept", VERDICT_ACCEPT},   {"reject", VERDICT_REJECT}, {"defer", VERDICT_DEFER},
	    {"discard", VERDICT_DISCARD}, {"hold", VERDICT_HOLD},
	};
	size_t i = 0;

	while (!str_eq(word, str_of(verdicts[i].word)))
		i++;
	return verdicts[i].verdict;
}

static int stage_of(struct str word)
{
	int stage = 0;

	if (word.n == 0)
		return -1;
	while (!str_eq(word, str_of(stage_name((enum stage)stage))))
		stage++;
	return stage;
}

/* The rule of a name, label or FILE:LINE; NULL: reported. */
static const struct plan_rule *rule_of(struct loader *loader, const struct operand *operand)
{
	VEC(const char *) names = {0};
	struct str text = {0}, meant;

	item_text(operand, &text);
	for (size_t i = 0; i < loader->rules.count; i++) {
		if (str_eq(loader->rules.items[i].name, text))
			return &loader->rules.items[i];
		*vec_push(loader->arena, &names) = loader->rules.items[i].name.s;
	}
	meant = loader_meant(loader, text, names.items, names.count);
	loader_error(loader, operand->span, "no rule '" STR_FMT "'" STR_FMT, STR_ARG(text),
		     STR_ARG(meant));
	return NULL;
}

static bool may_give(const struct plan_rule *rule, enum verdict verdict)
{
	/* A message whose last recipient is removed is discarded. */
	if (rule->envelope && verdict == VERDICT_DISCARD)
		return true;
	/* Any decisive rule defers where a lookup fails. */
	return rule->decisive && (rule->verdict == verdict || verdict == VERDICT_DEFER);
}

static void expect_rule(struct loader *loader, const struct test_expect *tree,
			struct expectation *expectation)
{
	const struct plan_rule *rule = NULL;
	const struct operand *name = tree->values.items;

	if (tree->values.count > 0)
		rule = rule_of(loader, name);
	if (!rule || diag_within(loader->diag, rule->span))
		return;
	expectation->rule = rule->name.s;
	if ((!rule->decisive && !rule->envelope) || rule->observe)
		loader_error(loader, name->span, "the rule '%s' decides nothing", rule->name.s);
	else if (tree->kind == EXPECT_VERDICT && !may_give(rule, expectation->verdict))
		loader_error(loader, name->span, "the rule '%s' never says '" STR_FMT "'",
			     rule->name.s, STR_ARG(tree->word));
	else
		return;
	loader_note(loader, rule->span, "the rule stands here");
}

static void expect_code(struct loader *loader, const struct test_expect *tree,
			struct expectation *expectation)
{
	const struct operand *code = &tree->values.items[0];

	expectation->code = (int)(code->number / 1000);
	if (code->number % 1000 != 0 || code->number < 400 * 1000 || code->number > 599 * 1000)
		loader_error(loader, code->span, "a code is a number from 400 to 599");
	if (tree->values.count > 1)
		expectation->enhanced = str_dup(loader->arena, tree->values.items[1].word).s;
}

/* "Name: value", or "Name" for whatever value. */
static void expect_field(struct loader *loader, const struct test_expect *tree,
			 struct expectation *expectation)
{
	const struct operand *operand = &tree->values.items[0];
	const char *field, *text = NULL;
	ptrdiff_t colon;

	if (!test_text(loader, operand, &field) ||
	    (tree->contains && !test_text(loader, &tree->values.items[1], &text)))
		return;
	colon = str_chr(str_of(field), ':');
	if (!field_name_ok(str_sub(str_of(field), 0, colon < 0 ? strlen(field) : (size_t)colon))) {
		loader_error(loader, operand->span,
			     "a field is wanted here, write \"Name\" or \"Name: value\"");
		return;
	}
	if (colon >= 0 && (tree->contains || str_eq(tree->word, STR("remove header")))) {
		loader_error(loader, operand->span, "the name of a field is wanted here");
		return;
	}
	expectation->name =
	    str_dup(loader->arena,
		    str_sub(str_of(field), 0, colon < 0 ? strlen(field) : (size_t)colon))
		.s;
	expectation->text = text;
	if (colon >= 0)
		expectation->text = str_dup(loader->arena, str_trim(str_of(field + colon + 1))).s;
}

static void expect_edit(struct loader *loader, const struct test_expect *tree,
			struct expectation *expectation)
{
	if (tree->values.count == 0)
		return;
	expectation->edit = str_dup(loader->arena, tree->word).s;
	if (str_ends(tree->word, STR("recipient")))
		expectation->name = test_path(loader, &tree->values.items[0]);
	else
		expect_field(loader, tree, expectation);
}

/* Which of the test's recipients. */
static void expect_recipient(struct loader *loader, const struct test_expect *tree,
			     const struct policy_test *test, struct expectation *expectation)
{
	const char *path = test_path(loader, &tree->recipient);

	for (size_t i = 0; i < test->recipient_count; i++)
		if (str_caseeq(str_of(path), str_of(test->recipients[i])))
			expectation->recipient = (int)i;
	if (expectation->recipient < 0)
		loader_error(loader, tree->recipient.span, "no recipient %s in this test", path);
}

static void expect_value(struct loader *loader, const struct test_expect *tree,
			 struct expectation *expectation)
{
	switch (tree->kind) {
	case EXPECT_VERDICT:
		expectation->verdict = verdict_of(tree->word);
		expect_rule(loader, tree, expectation);
		break;
	case EXPECT_RULE:
		expect_rule(loader, tree, expectation);
		break;
	case EXPECT_STAGE:
		break;
	case EXPECT_CODE:
		expect_code(loader, tree, expectation);
		break;
	case EXPECT_TEXT:
		test_text(loader, &tree->values.items[0], &expectation->text);
		break;
	case EXPECT_EDIT:
		expect_edit(loader, tree, expectation);
		break;
	case EXPECT_SCORE:
		expectation->number = tree->values.items[0].number;
		break;
	case EXPECT_SAME:
		expectation->path = test_file(loader, &tree->values.items[0]);
		break;
	}
}

void expectations_add(struct loader *loader, const struct test_block *tree,
		      struct policy_test *test)
{
	size_t count = tree->expects.count, column;
	struct expectation *all = arena_array(loader->arena, count, sizeof(*all));

	for (size_t i = 0; i < count; i++) {
		const struct test_expect *one = &tree->expects.items[i];

		all[i] = (struct expectation){
		    .kind = one->kind,
		    .written = written_text(loader, one->span).s,
		    .stage = stage_of(one->stage),
		    .recipient = -1,
		    .contains = one->contains,
		    .negated = one->negated,
		};
		span_place(one->span, &all[i].line, &column);
		expect_value(loader, one, &all[i]);
		if (one->single)
			expect_recipient(loader, one, test, &all[i]);
	}
	test->expectations = all;
	test->expectation_count = count;
}
