/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is left of a policy for one recipient. Two recipients whose residues are equal get the
 * same outcome whatever is still to come. Values of facts that live longer than a recipient are
 * the same for both and are left out; those of the recipient are written out, each with its
 * length, so that no two different residues print alike.
 */

#include "filter/policy/evaluate.h"

static void put_value(struct buf *out, const struct value *value)
{
	char network[IP_TEXT_MAX];

	buf_printf(out, "=%d,%lld,%zu:", (int)value->state, (long long)value->number,
		   value->text.n);
	buf_add(out, value->text);
	buf_puts(out, ip_network_text(&value->network, network));
	buf_printf(out, ",%zu", value->count);
	for (size_t i = 0; i < value->count; i++) {
		buf_printf(out, ",%lld,%zu:", (long long)value->items[i].number,
			   value->items[i].text.n);
		buf_add(out, value->items[i].text);
	}
}

/* A fact of the recipient; one that is not known yet is known by what it will be computed from. */
static void put_slot(struct view *view, struct buf *out, unsigned n)
{
	const struct slot *slot = &view->policy->slots[n];
	const struct value *value = view_value(view, n);

	if (slot->scope != SCOPE_RECIPIENT)
		return;
	buf_printf(out, "$%u", n);
	if (value_known(value)) {
		put_value(out, value);
		return;
	}
	for (size_t i = 0; i < slot->input_count + slot->late_count; i++)
		put_slot(view, out, slot->inputs[i]);
	for (size_t i = 0; i < slot->argument_count; i++)
		if (slot->arguments[i].is_slot)
			put_slot(view, out, slot->arguments[i].slot);
}

static void put_template(struct view *view, struct buf *out, const struct template *text)
{
	for (size_t i = 0; i < text->count; i++)
		if (text->pieces[i].is_slot)
			put_slot(view, out, text->pieces[i].slot);
}

static void put_cond(struct view *view, struct buf *out, const struct cond *cond)
{
	cond_set possible = evaluate(view, cond, NULL).possible;

	if (cond_settled(possible)) {
		buf_printf(out, "!%d", (int)possible);
		return;
	}
	buf_printf(out, "(%u", cond->number);
	if (cond->kind == COND_TEST) {
		put_slot(view, out, cond->left);
		if (cond->right_kind == RIGHT_SLOT)
			put_slot(view, out, cond->right);
		if (cond->right_kind == RIGHT_TEMPLATE)
			put_template(view, out, &cond->template);
	}
	for (size_t i = 0; i < cond->count; i++) {
		/* A part that cannot change the result any more is the same as none. */
		cond_set part = evaluate(view, cond->parts[i], NULL).possible;

		if (part != (cond->kind == COND_OR ? COND_FALSE : COND_TRUE))
			put_cond(view, out, cond->parts[i]);
	}
	buf_putc(out, ')');
}

struct str engine_residue(struct view *view, struct arena *arena)
{
	const struct policy *policy = view->policy;
	struct buf out = {.arena = arena};

	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct plan_rule *rule = &policy->rules[i];
		cond_set state = engine_rule(view, rule);
		bool counts = rule->decisive;

		for (size_t j = 0; j < rule->action_count; j++)
			if (rule->actions[j].def->class == ACTION_EDIT)
				counts = true;
		if (state == COND_FALSE || !counts)
			continue;
		if (!rule->decisive && (state & COND_TRUE) == 0)
			continue;
		buf_printf(&out, ";%zu", i);
		if (rule->cond)
			put_cond(view, &out, rule->cond);
		for (size_t j = 0; j < rule->action_count; j++) {
			enum action_class class = rule->actions[j].def->class;

			if (class == ACTION_EDIT || class == ACTION_DECISIVE)
				put_template(view, &out, &rule->actions[j].text);
		}
		if (rule->decisive && !(state & (COND_FALSE | COND_FAILED_SKIP)))
			break;
	}
	return buf_str(&out);
}
