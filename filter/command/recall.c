/* SPDX-License-Identifier: BSD-2-Clause */
/* Puts recorded facts in the place of what a session would find out, and asks the engine. */

#include "filter/command/recall.h"

#include <stdlib.h>
#include <string.h>

#include "postern/arena.h"
#include "postern/clock.h"

struct named_slot {
	struct str text;
	unsigned slot;
};

struct recall {
	struct arena *arena;
	const struct policy *policy;
	struct named_slot *slots; /* by name */
	struct arena *scratch;
	struct view view;
};

static int by_text(const void *left, const void *right)
{
	const struct named_slot *a = left, *b = right;
	size_t shorter = a->text.n < b->text.n ? a->text.n : b->text.n;
	int order = shorter > 0 ? memcmp(a->text.s, b->text.s, shorter) : 0;

	return order != 0 ? order : (a->text.n > b->text.n) - (a->text.n < b->text.n);
}

struct recall *recall_new(struct arena *arena, const struct policy *policy)
{
	struct recall *r = arena_new_of(arena, struct recall);

	r->arena = arena;
	r->policy = policy;
	r->slots = arena_array(arena, policy->slot_count + 1, sizeof(*r->slots));
	for (unsigned i = 0; i < policy->slot_count; i++)
		r->slots[i] = (struct named_slot){policy->slots[i].text, i};
	qsort(r->slots, policy->slot_count, sizeof(*r->slots), by_text);
	r->scratch = arena_new(arena);
	return r;
}

/* A value of the recorded type as one of the policy's. False: they do not fit. */
static bool fit_scalar(const struct type *type, enum type_base base, const struct value *from,
		       struct value *to)
{
	*to = *from;
	if (type->base != base)
		return false;
	if (base != TYPE_ENUM)
		return true;
	for (int i = 0; type->enumeration->values[i]; i++) {
		if (str_eq(from->text, str_of(type->enumeration->values[i]))) {
			to->number = i;
			return true;
		}
	}
	return false;
}

static bool fit(struct arena *arena, const struct type *type, const struct record_fact *fact,
		struct value *value_r)
{
	struct value *items;

	*value_r = fact->value;
	if (fact->value.state != FACT_PRESENT)
		return true;
	if (type->list != fact->list)
		return false;
	if (!type->list)
		return fit_scalar(type, fact->base, &fact->value, value_r);
	items = arena_array(arena, fact->value.count, sizeof(*items));
	for (size_t i = 0; i < fact->value.count; i++)
		if (!fit_scalar(type, fact->base, &fact->value.items[i], &items[i]))
			return false;
	value_r->items = items;
	return true;
}

static void put_fact(struct recall *r, const struct record_fact *fact)
{
	struct named_slot key = {.text = fact->name};
	const struct named_slot *found =
	    bsearch(&key, r->slots, r->policy->slot_count, sizeof(key), by_text);
	const struct slot *slot;
	struct value value;

	if (!found)
		return;
	slot = &r->policy->slots[found->slot];
	if (fit(r->scratch, &slot->def->type, fact, &value) && r->view.cells[slot->scope])
		r->view.cells[slot->scope][slot->index].value = value;
}

static void put_value(struct recall *r, const char *fact, struct value value)
{
	int n = policy_slot(r->policy, fact);
	const struct slot *slot = n < 0 ? NULL : &r->policy->slots[n];
	struct cell *cell =
	    slot && r->view.cells[slot->scope] ? &r->view.cells[slot->scope][slot->index] : NULL;

	if (cell && cell->value.state == FACT_UNKNOWN)
		cell->value = value;
}

/* Addresses are in every record, whatever the policy of then had looked at. */
static void put_address(struct recall *r, const char *whole, const char *local, const char *domain,
			struct str address)
{
	ptrdiff_t at = str_rchr(address, '@');

	put_value(r, whole, value_text(address));
	put_value(r, local,
		  address.n == 0
		      ? value_absent()
		      : value_text(str_sub(address, 0, at < 0 ? address.n : (size_t)at)));
	put_value(r, domain,
		  at < 0 ? value_absent()
			 : value_text(str_sub(address, (size_t)at + 1, address.n)));
}

/* "<a@b>" */
static struct str bare(struct str sender)
{
	return sender.n >= 2 && sender.s[0] == '<' ? str_sub(sender, 1, sender.n - 2) : sender;
}

void recall_decide(struct recall *r, const struct record *record, int recipient,
		   struct decision *d_r)
{
	arena_free(&r->scratch);
	r->scratch = arena_new(r->arena);
	r->view =
	    (struct view){.policy = r->policy, .stage = STAGE_MESSAGE, .clock = &clock_system};
	for (int scope = 0; scope < SCOPE_COUNT; scope++) {
		if (scope == SCOPE_RECIPIENT && recipient < 0)
			continue;
		r->view.arenas[scope] = r->scratch;
		r->view.cells[scope] = arena_array(
		    r->scratch, engine_cells(r->policy, (enum scope)scope), sizeof(struct cell));
	}
	for (size_t i = 0; i < record->fact_count; i++)
		if (record->facts[i].recipient < 0 || record->facts[i].recipient == recipient)
			put_fact(r, &record->facts[i]);
	put_address(r, "sender", "sender.local", "sender.domain", bare(record->sender));
	if (recipient >= 0 && (size_t)recipient < record->recipient_count)
		put_address(r, "recipient", "recipient.local", "recipient.domain",
			    record->recipients[recipient].address);
	engine_decide(&r->view, r->scratch, NULL, NULL, d_r);
}

struct str recall_missing(const struct recall *r, const struct decision *d)
{
	for (size_t i = 0; i < d->open_count; i++)
		if (!r->policy->slots[d->open[i]].def->internal)
			return r->policy->slots[d->open[i]].text;
	return d->open_count > 0 ? r->policy->slots[d->open[0]].text : STR("");
}
