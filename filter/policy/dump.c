/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What was made of a policy, printed: its slots, and its plan, which is the rules with all names
 * resolved and the stages at which each can be decided. For people who look for a reason.
 */

#include "filter/policy/loader.h"
#include "postern/check.h"

/* ---- slots ---- */

static void print_inputs(const struct policy *policy, const struct slot *slot, FILE *out)
{
	const char *before = "  <- ";

	for (size_t i = 0; i < slot->input_count + slot->late_count; i++, before = ", ")
		fprintf(out, "%s" STR_FMT, before, STR_ARG(policy->slots[slot->inputs[i]].text));
	for (size_t i = 0; i < slot->argument_count; i++) {
		if (!slot->arguments[i].is_slot)
			continue;
		fprintf(out, "%s" STR_FMT, before,
			STR_ARG(policy->slots[slot->arguments[i].slot].text));
		before = ", ";
	}
}

void dump_types(const struct policy *policy, FILE *out)
{
	struct arena *arena = arena_new(NULL);

	fputs("fact                         stage    scope       cost  failure  type\n", out);
	for (size_t i = 0; i < policy->slot_count; i++) {
		const struct slot *slot = &policy->slots[i];
		struct str type = slot->def->type.base == TYPE_OPAQUE
				      ? STR("internal")
				      : type_text(arena, &slot->def->type);

		fprintf(out, "%-28.*s %-8s %-11s %-5s %-8s " STR_FMT, STR_ARG(slot->text),
			stage_name(slot->stage), scope_name(slot->scope),
			cost_name(slot->def->cost),
			slot->may_defer  ? "defer"
			: slot->may_skip ? "skip"
					 : "-",
			STR_ARG(type));
		print_inputs(policy, slot, out);
		fputc('\n', out);
	}
	arena_free(&arena);
}

/* ---- conditions ---- */

/* Source text on one line: runs of white space and comments are one blank. */
static void print_source(struct span span, FILE *out)
{
	bool blank = false, comment = false, quoted = false;

	for (size_t i = span.from; i < span.to; i++) {
		char c = span.source->text.s[i];

		quoted ^= c == '"' && !comment;
		comment = (comment || (c == '#' && !quoted)) && c != '\n';
		if (comment || c == ' ' || c == '\t' || c == '\n' || c == '\r') {
			blank = true;
			continue;
		}
		if (blank)
			fputc(' ', out);
		blank = false;
		fputc(c, out);
	}
}

static void print_test(const struct policy *policy, const struct cond *test, FILE *out)
{
	static const char *const quantifiers[] = {
	    [QUANT_NONE] = "", [QUANT_ANY] = "any ", [QUANT_EVERY] = "every ", [QUANT_NO] = "no "};

	fprintf(out, "%s" STR_FMT, quantifiers[test->quantifier],
		STR_ARG(policy->slots[test->left].text));
	if (test->op != OP_IS_PRESENT && !test->right_span.source)
		return; /* true or false by itself */
	fprintf(out, " %s", compare_op_name(test->op));
	if (test->op != OP_IS_PRESENT) {
		fputc(' ', out);
		print_source(test->right_span, out);
	}
}

/* The parser bounds how deep conditions nest. */
static void print_cond(const struct policy *policy, const struct cond *cond, int depth, FILE *out)
{
	if (cond->kind == COND_TEST) {
		print_test(policy, cond, out);
		return;
	}
	if (cond->kind == COND_NOT) {
		fputs("not ", out);
		print_cond(policy, cond->parts[0], depth + 1, out);
		return;
	}
	fputs(depth > 0 ? "(" : "", out);
	for (size_t i = 0; i < cond->count; i++) {
		if (i > 0)
			fputs(cond->kind == COND_AND ? " and " : " or ", out);
		print_cond(policy, cond->parts[i], depth + 1, out);
	}
	fputs(depth > 0 ? ")" : "", out);
}

/* ---- rules ---- */

struct needs {
	const struct policy *policy;
	FILE *out;
	bool *told;
	bool any;
};

static void print_need(struct needs *needs, unsigned slot)
{
	if (needs->told[slot])
		return;
	needs->told[slot] = true;
	fprintf(needs->out, "%s" STR_FMT, needs->any ? ", " : "  needs    ",
		STR_ARG(needs->policy->slots[slot].text));
	needs->any = true;
}

static void cond_needs(struct needs *needs, const struct cond *cond)
{
	for (size_t i = 0; i < cond->count; i++)
		cond_needs(needs, cond->parts[i]);
	if (cond->kind != COND_TEST)
		return;
	print_need(needs, cond->left);
	if (cond->right_kind == RIGHT_SLOT)
		print_need(needs, cond->right);
	for (size_t i = 0; cond->right_kind == RIGHT_TEMPLATE && i < cond->template.count; i++)
		if (cond->template.pieces[i].is_slot)
			print_need(needs, cond->template.pieces[i].slot);
}

static void print_needs(const struct policy *policy, const struct plan_rule *rule,
			struct arena *arena, FILE *out)
{
	struct needs needs = {.policy = policy, .out = out};

	needs.told = arena_array(arena, policy->slot_count, sizeof(*needs.told));
	if (rule->cond)
		cond_needs(&needs, rule->cond);
	for (size_t i = 0; i < rule->text_slot_count; i++)
		print_need(&needs, rule->text_slots[i]);
	for (size_t i = 0; i < rule->action_count; i++)
		for (size_t j = 0; j < rule->actions[i].input_count; j++)
			print_need(&needs, rule->actions[i].inputs[j]);
	if (needs.any)
		fputc('\n', out);
}

static void print_rule(const struct policy *policy, const struct plan_rule *rule,
		       const struct check_row *row, struct arena *arena, FILE *out)
{
	fprintf(out, STR_FMT " (line %zu)\n", STR_ARG(rule->name), rule->line);
	for (size_t i = 0; i < rule->action_count; i++) {
		fputs(rule->observe ? "  observes " : "  does     ", out);
		print_source(rule->tree->actions.items[i].span, out);
		fputc('\n', out);
	}
	fputs("  when     ", out);
	if (rule->cond)
		print_cond(policy, rule->cond, 0, out);
	else
		fputs("always", out);
	if (rule->cond)
		fprintf(out, "\n  settles  true from %s, false from %s",
			stage_name(cond_stage(policy, policy->slots, rule->cond, true)),
			stage_name(cond_stage(policy, policy->slots, rule->cond, false)));
	fputc('\n', out);
	print_needs(policy, rule, arena, out);
	if (!row)
		return;
	if (row->above)
		fprintf(out, "  answers  never, for '" STR_FMT "' leaves nothing\n",
			STR_ARG(row->above->name));
	else if (row->held_by)
		fprintf(out, "  answers  at %s, held back by '" STR_FMT "' (could at %s)\n",
			stage_name(row->answers), STR_ARG(row->held_by->name),
			stage_name(row->could));
	else
		fprintf(out, "  answers  at %s\n", stage_name(row->answers));
}

void dump_plan(const struct policy *policy, FILE *out)
{
	struct arena *arena = arena_new(NULL);
	size_t count, at = 0;
	const struct check_row *rows = check_table(policy, arena, &count);

	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct plan_rule *rule = &policy->rules[i];
		const struct check_row *row =
		    at < count && rows[at].rule == rule ? &rows[at++] : NULL;

		print_rule(policy, rule, row, arena, out);
	}
	arena_free(&arena);
}

/* ---- the tree ---- */

bool dump_tree(const char *path, struct diag *diag, FILE *out)
{
	struct arena *arena = arena_new(NULL);
	struct source *source;
	size_t errors = diag_errors(diag);
	const char *why = NULL;

	diag_keep(diag, arena);
	if (source_read(arena, path, POLICY_FILE_MOST, &source, &why)) {
		struct tree_words words = {loader_actions(arena)};

		tree_print(tree_parse(arena, source, &words, diag), out);
	} else {
		diag_error(diag, (struct span){0}, "%s: %s", path, why);
	}
	return diag_errors(diag) == errors;
}
