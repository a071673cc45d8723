/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules and groups: a group's condition is and-ed to each of its rules. */

#include "filter/policy/loader.h"

static struct str source_text(const struct span *span)
{
	return str_sub(span->source->text, span->from, span->to - span->from);
}

/* On one line, comments and runs of white space made one blank. */
static void add_text(struct buf *out, struct str text)
{
	bool blank = false, comment = false, quoted = false;

	for (size_t i = 0; i < text.n; i++) {
		char c = text.s[i];

		if (c == '"' && !comment)
			quoted = !quoted;
		if (c == '#' && !quoted)
			comment = true;
		if (c == '\n')
			comment = false;
		if (comment || c == ' ' || c == '\t' || c == '\n' || c == '\r') {
			blank = true;
			continue;
		}
		if (blank && out->n > 0)
			buf_putc(out, ' ');
		blank = false;
		buf_putc(out, c);
	}
}

struct str written_text(struct loader *loader, struct span span)
{
	struct buf out = {.arena = loader->arena};

	add_text(&out, source_text(&span));
	return buf_str(&out);
}

static struct str condition_text(struct loader *loader, struct str around, const struct expr *when,
				 struct expr *const *unless, size_t count)
{
	struct buf out = {.arena = loader->arena};

	if (around.n > 0)
		buf_printf(&out, "if " STR_FMT, STR_ARG(around));
	if (when) {
		buf_puts(&out, out.n > 0 ? " when " : "when ");
		add_text(&out, source_text(&when->span));
	}
	for (size_t i = 0; i < count; i++) {
		buf_puts(&out, out.n > 0 ? " unless " : "unless ");
		add_text(&out, source_text(&unless[i]->span));
	}
	return buf_str(&out);
}

/* The condition of a rule or group; false in *ok where a part of it was wrong. */
static struct cond *whole(struct loader *loader, struct cond *around, const struct expr *when,
			  struct expr *const *unless, size_t count, bool *ok)
{
	struct cond **parts = arena_array(loader->arena, count + 2, sizeof(*parts));

	parts[0] = around;
	if (when) {
		parts[1] = expression(loader, when);
		*ok &= parts[1] != NULL;
	}
	for (size_t i = 0; i < count; i++) {
		parts[i + 2] = cond_negate(loader, expression(loader, unless[i]));
		*ok &= parts[i + 2] != NULL;
		if (parts[i + 2]) {
			parts[i + 2]->exception = true;
			parts[i + 2]->span = unless[i]->span;
		}
	}
	return cond_join(loader, parts, count + 2);
}

static void check_label(struct loader *loader, const struct rule *rule)
{
	size_t at;

	if (dict_find(&loader->labels_by, rule->label, &at)) {
		loader_error(loader, rule->label_span, "the label '" STR_FMT "' is used twice",
			     STR_ARG(rule->label));
		loader_note(loader, loader->labels.items[at], "first used here");
		return;
	}
	dict_add(loader->arena, &loader->labels_by, rule->label, loader->labels.count);
	*vec_push(loader->arena, &loader->labels) = rule->label_span;
}

static void check_mixture(struct loader *loader, const struct rule *tree,
			  const struct plan_rule *rule)
{
	const struct action *edit = NULL, *decisive = NULL;

	for (size_t i = 0; i < rule->action_count; i++) {
		const struct action_def *def = rule->actions[i].def;
		const struct action *action = &tree->actions.items[i];

		if (!def)
			continue;
		if (decisive && def->class == ACTION_DECISIVE) {
			loader_error(loader, action->name_span,
				     "a rule has one decisive action: "
				     "'%s' never acts after '" STR_FMT "'",
				     def->name, STR_ARG(decisive->name));
			loader_note(loader, decisive->name_span, "the first one");
			return;
		}
		if (decisive) {
			loader_error(loader, decisive->name_span,
				     "'" STR_FMT "' stands last in its rule, "
				     "write '%s' before it",
				     STR_ARG(decisive->name), def->name);
			return;
		}
		if (def->class == ACTION_DECISIVE)
			decisive = action;
		else if (def->class != ACTION_LOG && !edit)
			edit = action;
	}
	if (edit && decisive && rule->decisive && rule->verdict != VERDICT_ACCEPT &&
	    rule->verdict != VERDICT_HOLD) {
		loader_error(loader, edit->name_span,
			     "'" STR_FMT "' has no effect: "
			     "'" STR_FMT "' delivers nothing",
			     STR_ARG(edit->name), STR_ARG(decisive->name));
		loader_note(loader, decisive->name_span, "decided here");
	}
}

/* Where the piece of a text stands: the text is the last argument of its action. */
static struct span piece_span(const struct action *action, size_t piece)
{
	const struct operand *text = &action->arguments.items[action->arguments.count - 1];

	return text->text.pieces.items[piece].fact->span;
}

/* Facts in a reply must be known as soon as the rule can be decided. */
static void check_texts(struct loader *loader, const struct rule *tree, struct plan_rule *rule)
{
	enum stage decided = cond_stage(loader->policy, loader->slots.items, rule->cond, true);
	VEC(unsigned) slots = {0};

	for (size_t i = 0; i < rule->action_count; i++) {
		const struct plan_action *action = &rule->actions[i];

		for (size_t j = 0; j < action->text.count; j++) {
			const struct template_piece *piece = &action->text.pieces[j];
			const struct slot *slot;

			if (!piece->is_slot)
				continue;
			*vec_push(loader->arena, &slots) = piece->slot;
			slot = &loader->slots.items[piece->slot];
			if (action->def->class != ACTION_DECISIVE || slot->stage <= decided)
				continue;
			loader_error(loader, piece_span(&tree->actions.items[i], j),
				     "'" STR_FMT "' is first known at %s, '" STR_FMT
				     "' can be decided at %s",
				     STR_ARG(slot->text), stage_name(slot->stage),
				     STR_ARG(rule->name), stage_name(decided));
			if (tree->when)
				loader_note(loader, tree->when->span,
					    "this condition is settled by then");
		}
	}
	rule->text_slots = slots.items;
	rule->text_slot_count = slots.count;
}

/* Rules come in the order of their source, so lines are counted on from the last one. */
static size_t line_of(struct loader *loader, struct span span)
{
	if (loader->counted.source != span.source || span.from < loader->counted.from) {
		loader->counted.source = span.source;
		loader->counted.from = 0;
		loader->counted.line = 1;
	}
	for (; loader->counted.from < span.from; loader->counted.from++)
		loader->counted.line += span.source->text.s[loader->counted.from] == '\n';
	return loader->counted.line;
}

void rule_add(struct loader *loader, const struct rule *tree, const struct surroundings *around)
{
	struct plan_rule rule = {.span = tree->span, .tree = tree};
	bool ok = true;

	rule.line = line_of(loader, tree->span);
	if (tree->label.n > 0) {
		check_label(loader, tree);
		rule.name = str_dup(loader->arena, tree->label);
	} else {
		rule.name = str_printf(loader->arena, "%s:%zu",
				       strrchr(tree->span.source->name, '/')
					   ? strrchr(tree->span.source->name, '/') + 1
					   : tree->span.source->name,
				       rule.line);
	}
	rule.observe = tree->observe;
	rule.cond =
	    whole(loader, around->cond, tree->when, tree->unless.items, tree->unless.count, &ok);
	rule.condition = condition_text(loader, around->text, tree->when, tree->unless.items,
					tree->unless.count);
	rule.actions = arena_array(loader->arena, tree->actions.count, sizeof(*rule.actions));
	rule.action_count = tree->actions.count;
	for (size_t i = 0; i < tree->actions.count; i++) {
		ok &= action_resolve(loader, &tree->actions.items[i], &rule.actions[i]);
		if (!rule.actions[i].def)
			continue;
		switch (rule.actions[i].def->class) {
		case ACTION_DECISIVE:
			if (!rule.decisive)
				rule.verdict = rule.actions[i].def->verdict;
			rule.decisive = true;
			break;
		case ACTION_LOG:
			rule.logs = true;
			break;
		case ACTION_ENVELOPE:
			rule.edits = rule.envelope = true;
			loader->policy->edits_recipients |= !tree->observe;
			break;
		case ACTION_SCORE:
			break;
		default:
			rule.edits = true;
			break;
		}
	}
	check_mixture(loader, tree, &rule);
	if (ok)
		check_texts(loader, tree, &rule);
	if (ok)
		scores_add(loader, &rule);
	*vec_push(loader->arena, &loader->rules) = rule;
}

static bool asks_score(const struct loader *loader, const struct cond *cond)
{
	for (size_t i = 0; i < cond->count; i++)
		if (asks_score(loader, cond->parts[i]))
			return true;
	return cond->kind == COND_TEST &&
	       (loader->slots.items[cond->left].sum > 0 ||
		(cond->right_kind == RIGHT_SLOT && loader->slots.items[cond->right].sum > 0));
}

void assertion_add(struct loader *loader, const struct assertion *tree)
{
	struct plan_assertion assertion = {
	    .span = tree->span,
	    .negated = tree->negated,
	    .outcome = tree->outcome,
	    .by = tree->by,
	};
	bool ok = true;

	assertion.cond =
	    whole(loader, NULL, tree->when, tree->unless.items, tree->unless.count, &ok);
	assertion.condition = condition_text(loader, (struct str){0}, tree->when,
					     tree->unless.items, tree->unless.count);
	for (int stage = 0; stage < STAGE_COUNT; stage++)
		if (str_eq(tree->stage, str_of(stage_name((enum stage)stage))))
			assertion.stage = (enum stage)stage;
	if (ok && assertion.cond && asks_score(loader, assertion.cond))
		loader_error(loader, tree->when->span,
			     "a score is that of the rules above one, an assertion stands at none: "
			     "name what scores");
	else if (ok)
		*vec_push(loader->arena, &loader->assertions) = assertion;
}

void group_add(struct loader *loader, const struct group *group, const struct surroundings *around)
{
	struct surroundings inside = {0};
	struct buf text = {.arena = loader->arena};
	bool ok = true;

	inside.cond = whole(loader, around->cond, group->condition, group->unless.items,
			    group->unless.count, &ok);
	buf_add(&text, around->text);
	if (group->condition) {
		buf_puts(&text, text.n > 0 ? " and " : "");
		add_text(&text, source_text(&group->condition->span));
	}
	for (size_t i = 0; i < group->unless.count; i++) {
		buf_puts(&text, " unless ");
		add_text(&text, source_text(&group->unless.items[i]->span));
	}
	inside.text = buf_str(&text);
	for (size_t i = 0; i < group->items.count; i++) {
		const struct item *item = group->items.items[i];

		if (item->kind == ITEM_RULE)
			rule_add(loader, &item->rule, &inside);
		else if (item->kind == ITEM_GROUP)
			group_add(loader, &item->group, &inside);
		else
			loader_error(loader, item->span,
				     "only rules and groups of rules stand in a group, also in a "
				     "file that is included there");
	}
}
