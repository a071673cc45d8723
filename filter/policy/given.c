/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Facts that are given outright, by a test or on the command line: a fact as a rule writes it, and
 * a value of its type, `absent` or `failed`.
 */

#include "filter/policy/loader.h"

static bool is_word(const struct operand *operand, const char *word)
{
	return operand->kind == OPERAND_WORD && !operand->called &&
	       str_eq(operand->word, str_of(word));
}

/* "'spf' is one of none pass fail, is 'fail' meant?", or why the value is none of its type. */
static void wrong(struct loader *loader, const struct operand *value, const struct fact_def *def,
		  const char *why)
{
	struct str meant = {0};
	size_t count = 0;

	if (def->type.base == TYPE_ENUM) {
		while (def->type.enumeration->values[count])
			count++;
		meant = loader_meant(loader, value->word, def->type.enumeration->values, count);
	}
	loader_error(loader, value->span, "'%s' is " STR_FMT ", and this is %s" STR_FMT, def->name,
		     STR_ARG(type_phrase(loader, &def->type)), why, STR_ARG(meant));
}

static bool fits_number(enum type_base base, enum operand_kind kind)
{
	return (base == TYPE_NUMBER && kind == OPERAND_NUMBER) ||
	       (base == TYPE_DURATION && kind == OPERAND_DURATION) ||
	       (base == TYPE_SIZE && kind == OPERAND_SIZE);
}

/* One literal, as a value of the fact's type or, of a list, of its elements'. */
static bool literal(struct loader *loader, const struct operand *operand,
		    const struct fact_def *def, struct value *value_r)
{
	const char *why = "several values";
	struct str text;

	if (fits_number(def->type.base, operand->kind)) {
		*value_r = value_number(operand->number);
		return true;
	}
	if (operand->kind == OPERAND_ADDRESS && operand->word.n == 0 &&
	    def->type.base == TYPE_ADDRESS) {
		*value_r = value_text(STR(""));
		return true;
	}
	if (def->type.base == TYPE_NUMBER || def->type.base == TYPE_DURATION ||
	    def->type.base == TYPE_SIZE) {
		why = def->type.base == TYPE_NUMBER ? "not a number without a unit"
		      : def->type.base == TYPE_SIZE ? "not one, as 5MB"
						    : "not one, as 5m";
	} else if (operand->kind != OPERAND_SET) {
		why = "not a literal";
		if (item_text(operand, &text) &&
		    value_parse(loader->arena, &def->type, text, value_r, &why))
			return true;
	}
	wrong(loader, operand, def, why);
	return false;
}

static bool list(struct loader *loader, const struct operand *operand, const struct fact_def *def,
		 struct value *value_r)
{
	bool several = operand->kind == OPERAND_SET, ok = true;
	size_t count = several ? operand->items.count : 1;
	struct value *items = arena_array(loader->arena, count, sizeof(*items));

	for (size_t i = 0; i < count; i++)
		ok &= literal(loader, several ? &operand->items.items[i] : operand, def, &items[i]);
	*value_r = value_list(items, count);
	return ok;
}

/* Only what rests on a lookup can fail. `slot`: -1 where no rule uses the fact. */
static bool failure(struct loader *loader, const struct operand *operand,
		    const struct fact_def *def, int slot, struct value *value_r)
{
	const struct slot *used = slot < 0 ? NULL : &loader->slots.items[slot];

	*value_r = value_failed("given as failed");
	if (!used || used->may_defer || used->may_skip)
		return true;
	for (size_t i = 0; def->type.base == TYPE_ENUM && def->type.enumeration->values[i]; i++) {
		if (strcmp(def->type.enumeration->values[i], "temperror") != 0)
			continue;
		loader_error(loader, operand->span,
			     "'%s' does not fail, a lookup that did makes it 'temperror'",
			     def->name);
		return false;
	}
	loader_error(loader, operand->span, "'%s' does not fail, nothing is looked up for it",
		     def->name);
	return false;
}

int given_resolve(struct loader *loader, const struct operand *fact, const struct operand *value,
		  struct given *given_r)
{
	const struct loader_name *map = tablefact_map(loader, fact);
	const struct fact_def *def = map ? map->fact : registry_fact(fact->word);
	bool ok;
	int slot;

	if (str_eq(fact->word, STR("score")) || str_starts(fact->word, STR("score."))) {
		loader_error(loader, fact->span,
			     "'" STR_FMT "' is what the rules add up, it cannot be given",
			     STR_ARG(fact->word));
		return -1;
	}
	loader->seek = true;
	loader->unused = false;
	slot = slot_of_operand(loader, fact, false);
	loader->seek = false;
	if (slot < 0 && !loader->unused)
		return -1;
	if (is_word(value, "absent")) {
		given_r->value = value_absent();
		ok = true;
	} else if (is_word(value, "failed")) {
		ok = failure(loader, value, def, slot, &given_r->value);
	} else if (def->type.list) {
		ok = list(loader, value, def, &given_r->value);
	} else {
		ok = literal(loader, value, def, &given_r->value);
	}
	if (!ok)
		return -1;
	given_r->slot = slot < 0 ? 0 : (unsigned)slot;
	return slot >= 0;
}

void given_begin(struct loader *loader, const struct policy *policy)
{
	loader->slots.items = policy->slots;
	loader->slots.count = loader->slots.room = policy->slot_count;
	loader->slots_by = policy->slot_keys;
	for (size_t i = 0; i < policy->slot_count; i++)
		tablefact_known(loader, policy->slots[i].def);
}

int policy_given(const struct policy *policy, struct arena *arena, const char *text,
		 struct diag *diag, struct given *given_r)
{
	struct source *source = arena_new_of(arena, struct source);
	struct loader loader = {.arena = arena, .diag = diag, .source = source};
	struct operand fact, value;

	source->name = "--given";
	source->text = str_dup(arena, str_of(text));
	given_begin(&loader, policy);
	if (!tree_parse_given(arena, source, diag, &fact, &value))
		return -1;
	return given_resolve(&loader, &fact, &value, given_r);
}
