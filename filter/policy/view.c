/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is known: a view's slots, computed from their inputs when they are looked at. Lookups begin
 * only in view_start(); an input that failed makes what is computed from it failed.
 */

#include "postern/engine.h"

#include "filter/policy/sums.h"
#include "postern/arena.h"
#include "postern/mail.h"

static const struct value unknown = {.state = FACT_UNKNOWN}, absent = {.state = FACT_ABSENT};

static struct cell *cell_of(const struct view *view, const struct slot *slot)
{
	struct cell *cells = view->cells[slot->scope];

	return cells ? &cells[slot->index] : NULL;
}

/* What a slot is given outright, or NULL. */
static const struct value *given(const struct view *view, unsigned n)
{
	return view->given && view->given[n].state != FACT_UNKNOWN ? &view->given[n] : NULL;
}

static bool looked_up(const struct slot *slot)
{
	return slot->def->cost >= COST_DNS;
}

/* A text, as a HELO name, where a domain is wanted: in normal form, or absent where it is none. */
static const struct value *as_domain(struct view *view, const struct slot *slot,
				     const struct value *value, struct value *converted)
{
	struct str domain;

	if (value->state != FACT_PRESENT || (value->text.n > 0 && value->text.s[0] == '['))
		return value;
	*converted = *value;
	if (domain_normal(view->arenas[slot->scope], value->text, &domain))
		converted->text = domain;
	else
		converted->state = FACT_ABSENT;
	return converted;
}

/* All inputs known: true. Else the state that they give the slot is left in *state_r. */
static bool gather(struct view *view, const struct slot *slot, const struct value **inputs,
		   struct value *converted, const struct value **arguments, struct value *value_r)
{
	for (size_t i = 0; i < slot->argument_count; i++) {
		const struct slot_argument *argument = &slot->arguments[i];

		arguments[i] =
		    argument->is_slot ? view_value(view, argument->slot) : &argument->value;
		if (argument->is_slot && slot->def->parameters[i].base == TYPE_DOMAIN)
			arguments[i] = as_domain(view, slot, arguments[i], &converted[i]);
		if (arguments[i]->state == FACT_PRESENT)
			continue;
		/* A fact of an absent argument is absent; of a failed one, failed. */
		if (value_known(arguments[i]))
			*value_r = *arguments[i];
		return false;
	}
	for (size_t i = 0; i < slot->input_count; i++) {
		inputs[i] = view_value(view, slot->inputs[i]);
		if (!value_known(inputs[i]))
			return false;
	}
	for (size_t i = 0; i < slot->input_count; i++) {
		if (inputs[i]->state == FACT_FAILED) {
			*value_r = *inputs[i];
			return false;
		}
	}
	for (size_t i = 0; slot->def->late && slot->def->late[i]; i++)
		inputs[slot->input_count + i] =
		    i < slot->late_count ? view_value(view, slot->inputs[slot->input_count + i])
					 : &absent;
	return true;
}

static void compute(struct view *view, const struct slot *slot, struct cell *cell)
{
	const struct value *inputs[FACT_INPUTS_MOST], *arguments[FACT_INPUTS_MOST];
	struct fact_call call = {
	    .inputs = inputs,
	    .arguments = arguments,
	    .arena = view->arenas[slot->scope],
	    .lookups = view->lookups,
	    .clock = view->clock,
	    .policy = view->policy,
	    .table = slot->def->table,
	    .task = &cell->task,
	    .late_wanted = &cell->late_wanted,
	};
	struct value value = {0}, converted[FACT_INPUTS_MOST];

	cell->late_wanted = false;
	if (gather(view, slot, inputs, converted, arguments, &value))
		value.state = slot->def->provide(&call, &value);
	cell->value = value;
}

const struct value *view_value(struct view *view, unsigned n)
{
	const struct slot *slot = &view->policy->slots[n];
	struct cell *cell = cell_of(view, slot);

	if (slot->sum > 0)
		return sums_value(view, slot);
	if (!cell)
		return &unknown;
	if (given(view, n))
		return view->stage < slot->stage ? &unknown : given(view, n);
	if (cell->value.state != FACT_UNKNOWN || !slot->def->provide || view->stage < slot->stage)
		return &cell->value;
	if (looked_up(slot) && (!cell->started || !view->lookups))
		return &unknown;
	compute(view, slot, cell);
	return &cell->value;
}

/* Does it do without its late inputs, as far as it says; or could one of them become known? */
static bool late_awaitable(struct view *view, unsigned n)
{
	const struct slot *slot = &view->policy->slots[n];

	view_value(view, n);
	if (!cell_of(view, slot)->late_wanted)
		return true;
	for (size_t i = slot->input_count; i < slot->input_count + slot->late_count; i++)
		if (!value_known(view_value(view, slot->inputs[i])) &&
		    view_awaitable(view, slot->inputs[i]))
			return true;
	return false;
}

bool view_awaitable(struct view *view, unsigned n)
{
	const struct slot *slot = &view->policy->slots[n];
	struct cell *cell = cell_of(view, slot);

	if (slot->sum > 0)
		return sums_awaitable(view, slot);
	if (!cell || !view->lookups || !slot->def->provide || view->stage < slot->stage ||
	    given(view, n) || cell->value.state == FACT_GROWING)
		return false;
	for (size_t i = 0; i < slot->input_count; i++)
		if (!value_known(view_value(view, slot->inputs[i])) &&
		    !view_awaitable(view, slot->inputs[i]))
			return false;
	if (slot->late_count > 0 && !late_awaitable(view, n))
		return false;
	for (size_t i = 0; i < slot->argument_count; i++)
		if (slot->arguments[i].is_slot &&
		    !value_known(view_value(view, slot->arguments[i].slot)) &&
		    !view_awaitable(view, slot->arguments[i].slot))
			return false;
	return true;
}

bool view_start(struct view *view, unsigned n)
{
	const struct slot *slot = &view->policy->slots[n];
	struct cell *cell = cell_of(view, slot);

	if (given(view, n))
		return value_known(view_value(view, n));
	if (!cell || !view->lookups)
		return false;
	if (value_known(&cell->value))
		return true;
	for (size_t i = 0; i < slot->argument_count; i++)
		if (slot->arguments[i].is_slot)
			view_start(view, slot->arguments[i].slot);
	for (size_t i = 0; i < slot->input_count; i++)
		view_start(view, slot->inputs[i]);
	cell->started = true;
	if (value_known(view_value(view, n)))
		return true;
	if (!cell->late_wanted)
		return false;
	for (size_t i = 0; i < slot->late_count; i++)
		view_start(view, slot->inputs[slot->input_count + i]);
	return value_known(view_value(view, n));
}

void view_set(struct view *view, const char *fact, struct value value)
{
	int n = policy_slot(view->policy, fact);
	struct cell *cell = n < 0 ? NULL : cell_of(view, &view->policy->slots[n]);

	if (cell)
		cell->value = value;
}

struct str engine_text(struct view *view, struct arena *arena, const struct template *text)
{
	struct buf out = {.arena = arena};

	for (size_t i = 0; i < text->count; i++) {
		const struct template_piece *piece = &text->pieces[i];

		if (!piece->is_slot)
			buf_add(&out, piece->literal);
		else
			buf_add(&out,
				value_print(arena, &view->policy->slots[piece->slot].def->type,
					    view_value(view, piece->slot)));
	}
	return buf_str(&out);
}
