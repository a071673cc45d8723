/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is left of a policy for one recipient. Two recipients whose residues are equal get the
 * same outcome whatever is still to come. Values of facts that live longer than a recipient are
 * the same for both and are left out; those of the recipient are written out, each with its
 * length, so that no two different residues print alike.
 */

#include "filter/policy/sums.h"

/*
 * While it is written: the text of each rule that may add to a score, so that it is put in only
 * where some other part rests on that score.
 */
struct scoring {
	const struct plan_rule *rule;
	struct str text;
	size_t from, to; /* the sums that it rests on itself, among those asked for */
};

struct residue {
	struct view *view;
	struct buf *out;
	VEC(unsigned) asked; /* sums that the text in the making rests on */
};

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
static void put_slot(struct residue *r, unsigned n)
{
	const struct slot *slot = &r->view->policy->slots[n];
	const struct value *value = view_value(r->view, n);
	struct buf *out = r->out;

	if (slot->sum > 0) {
		const struct bounds *b = sums_bounds(r->view, slot);

		buf_printf(out, "$%u=%lld,%lld", n, (long long)b->least, (long long)b->most);
		if (b->least != b->most)
			*vec_push(out->arena, &r->asked) = slot->sum;
		return;
	}
	if (slot->scope != SCOPE_RECIPIENT)
		return;
	buf_printf(out, "$%u", n);
	if (value_known(value)) {
		put_value(out, value);
		return;
	}
	for (size_t i = 0; i < slot->input_count + slot->late_count; i++)
		put_slot(r, slot->inputs[i]);
	for (size_t i = 0; i < slot->argument_count; i++)
		if (slot->arguments[i].is_slot)
			put_slot(r, slot->arguments[i].slot);
}

static void put_template(struct residue *r, const struct template *text)
{
	for (size_t i = 0; i < text->count; i++)
		if (text->pieces[i].is_slot)
			put_slot(r, text->pieces[i].slot);
}

static void put_cond(struct residue *r, const struct cond *cond)
{
	cond_set possible = evaluate(r->view, cond, NULL).possible;

	if (cond_settled(possible)) {
		buf_printf(r->out, "!%d", (int)possible);
		return;
	}
	buf_printf(r->out, "(%u", cond->number);
	if (cond->kind == COND_TEST) {
		put_slot(r, cond->left);
		if (cond->right_kind == RIGHT_SLOT)
			put_slot(r, cond->right);
		if (cond->right_kind == RIGHT_TEMPLATE)
			put_template(r, &cond->template);
	}
	for (size_t i = 0; i < cond->count; i++) {
		/* A part that cannot change the result any more is the same as none. */
		cond_set part = evaluate(r->view, cond->parts[i], NULL).possible;

		if (part != (cond->kind == COND_OR ? COND_FALSE : COND_TRUE))
			put_cond(r, cond->parts[i]);
	}
	buf_putc(r->out, ')');
}

static bool is_part(enum action_class class)
{
	return class == ACTION_EDIT || class == ACTION_DECISIVE;
}

static void put_rule(struct residue *r, const struct plan_rule *rule, bool all_texts)
{
	if (rule->cond)
		put_cond(r, rule->cond);
	for (size_t j = 0; j < rule->action_count; j++)
		if (all_texts || is_part(rule->actions[j].def->class))
			put_template(r, &rule->actions[j].text);
}

/* Is it part of what makes the kind, but for what it adds to scores? */
static bool counts(const struct plan_rule *rule, cond_set state)
{
	if (rule->observe || state == COND_FALSE)
		return false;
	for (size_t j = 0; j < rule->action_count; j++)
		if (rule->actions[j].def->class == ACTION_EDIT)
			return rule->decisive || state & COND_TRUE;
	return rule->decisive;
}

/* Adds the rules, from the last up, on which some score that was asked for rests. */
static void put_scoring(struct residue *r, const struct scoring *scoring, size_t count,
			size_t *until)
{
	for (size_t i = count; i-- > 0;) {
		const struct plan_rule *rule = scoring[i].rule;
		bool matters = false;

		for (size_t j = 0; j < rule->score_count && !matters; j++)
			matters = i < until[rule->scores[j].sum - 1];
		if (!matters)
			continue;
		buf_printf(r->out, "+%zu", (size_t)(rule - r->view->policy->rules));
		buf_add(r->out, scoring[i].text);
		for (size_t j = scoring[i].from; j < scoring[i].to; j++)
			if (until[r->asked.items[j] - 1] < i)
				until[r->asked.items[j] - 1] = i;
	}
}

struct str engine_residue(struct view *view, struct arena *arena)
{
	const struct policy *policy = view->policy;
	struct buf out = {.arena = arena};
	struct residue r = {.view = view, .out = &out};
	VEC(struct scoring) scoring = {0};
	/* Of each sum: how many of those rules stand above the last place that asks for it. */
	size_t *until = arena_array(arena, policy->sum_count, sizeof(*until));

	sums_begin(view);
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct plan_rule *rule = &policy->rules[i];
		struct evaluation e = evaluate_rule(view, rule, NULL);
		size_t from = r.asked.count;

		if (counts(rule, e.possible)) {
			buf_printf(&out, ";%zu", i);
			put_rule(&r, rule, false);
			for (size_t j = from; j < r.asked.count; j++)
				until[r.asked.items[j] - 1] = scoring.count;
			if (rule->decisive && !(e.possible & (COND_FALSE | COND_FAILED_SKIP)))
				break;
		}
		if (rule->score_count == 0 || rule->observe)
			continue;
		if (!rule->decisive && !cond_settled(e.possible) && e.possible & COND_TRUE) {
			struct buf text = {.arena = arena};

			from = r.asked.count;
			r.out = &text;
			put_rule(&r, rule, true);
			r.out = &out;
			*vec_push(arena, &scoring) =
			    (struct scoring){rule, buf_str(&text), from, r.asked.count};
		}
		sums_add(view, rule, e);
	}
	put_scoring(&r, scoring.items, scoring.count, until);
	sums_end(view);
	return buf_str(&out);
}
