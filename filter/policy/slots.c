/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of facts become slots, once: a slot is a fact with its arguments, and every rule that
 * speaks of it shares it. What a slot rests on has slots too, whether a rule names it or not.
 */

#include "filter/policy/loader.h"

static const struct type parameter_end = {.base = TYPE_OPAQUE};

struct str type_phrase(struct loader *loader, const struct type *type)
{
	struct str text = type_text(loader->arena, type);
	bool vowel = text.s[0] == 'a' || text.s[0] == 'I';

	if (type->base == TYPE_ENUM && !type->list)
		return text;
	return str_printf(loader->arena, "%s " STR_FMT, vowel ? "an" : "a", STR_ARG(text));
}

/*
 * Inputs come first, so that a slot's stages, scope and failures can be read off theirs. A late
 * one does not put off the stage at which the slot may be known.
 */
static void inherit(struct slot *slot, const struct slot *from, bool late)
{
	if (from->scope > slot->scope)
		slot->scope = from->scope;
	if (from->stage > slot->stage && !late)
		slot->stage = from->stage;
	slot->growing |= from->growing;
	slot->stages |= from->stages;
	slot->asks |= from->asks;
	slot->may_defer |= from->may_defer;
	slot->may_skip |= from->may_skip;
}

static size_t count_of(const char *const *names)
{
	size_t count = 0;

	while (names && names[count])
		count++;
	return count;
}

static bool setting_given(const struct loader *loader, const char *name)
{
	return policy_setting_named(loader->policy, name)->state == FACT_PRESENT;
}

static void inputs(struct loader *loader, struct slot *slot)
{
	const struct fact_def *def = slot->def;
	bool late = def->late && (!def->late_if || setting_given(loader, def->late_if));

	slot->input_count = count_of(def->inputs);
	slot->late_count = late ? count_of(def->late) : 0;
	slot->inputs =
	    arena_array(loader->arena, slot->input_count + slot->late_count, sizeof(*slot->inputs));
	for (size_t i = 0; i < slot->input_count + slot->late_count; i++) {
		late = i >= slot->input_count;
		slot->inputs[i] = slot_of_fact(
		    loader, registry_fact(
				str_of(late ? def->late[i - slot->input_count] : def->inputs[i])));
		inherit(slot, &loader->slots.items[slot->inputs[i]], late);
	}
}

/* Equal for slots that are the same: one fact, and arguments that compare as equal. */
static struct str key_of(struct loader *loader, const struct slot *slot)
{
	struct buf key = {.arena = loader->arena};

	buf_add(&key, (struct str){(const char *)&slot->def, sizeof(slot->def)});
	buf_printf(&key, "%u:", slot->sum);
	for (size_t i = 0; i < slot->argument_count; i++) {
		const struct slot_argument *argument = &slot->arguments[i];
		const struct value *value = &argument->value;

		if (argument->is_slot) {
			buf_printf(&key, "$%u;", argument->slot);
			continue;
		}
		buf_printf(&key, "=%lld,%zu:", (long long)value->number, value->text.n);
		buf_add(&key, str_lower(loader->arena, value->text));
		buf_add(&key, (struct str){(const char *)&value->network, sizeof(value->network)});
	}
	return buf_str(&key);
}

/* -1: it is only sought, and there is none. */
static int intern(struct loader *loader, struct slot *slot)
{
	const struct fact_def *def = slot->def;
	struct str key = key_of(loader, slot);
	size_t at;

	if (dict_find(&loader->slots_by, key, &at) && at < loader->slots.count)
		return (int)at;
	if (loader->seek) {
		loader->unused = true;
		return -1;
	}
	slot->scope = def->scope;
	slot->growing = def->stage == STAGE_RCPT && def->scope < SCOPE_RECIPIENT;
	if (slot->sum == 0)
		slot->stage = def->stage;
	slot->stages = 0;
	slot->asks = def->cost >= COST_DNS;
	slot->may_defer = def->on_failure == FAILURE_DEFER;
	slot->may_skip = def->on_failure == FAILURE_SKIP;
	for (size_t i = 0; i < slot->argument_count; i++)
		if (slot->arguments[i].is_slot)
			inherit(slot, &loader->slots.items[slot->arguments[i].slot], false);
	inputs(loader, slot);
	slot->stages = (slot->stages & ~0u << slot->stage) | 1u << slot->stage;
	slot->index = loader->policy->cells[slot->scope]++;
	at = loader->slots.count;
	dict_add(loader->arena, &loader->slots_by, key, at);
	if (!dict_find(&loader->policy->slot_names, str_of(def->name), &(size_t){0}))
		dict_add(loader->arena, &loader->policy->slot_names, str_of(def->name), at);
	*vec_push(loader->arena, &loader->slots) = *slot;
	return (int)at;
}

unsigned slot_of_fact(struct loader *loader, const struct fact_def *def)
{
	struct slot slot = {.def = def, .text = str_of(def->name)};

	return (unsigned)intern(loader, &slot);
}

unsigned slot_of_slot(struct loader *loader, const struct fact_def *def, unsigned argument)
{
	struct slot slot = {.def = def, .argument_count = 1};

	slot.text = str_printf(loader->arena, STR_FMT " in %s",
			       STR_ARG(loader->slots.items[argument].text), def->name);
	slot.arguments = arena_new_of(loader->arena, struct slot_argument);
	*slot.arguments = (struct slot_argument){.is_slot = true, .slot = argument};
	return (unsigned)intern(loader, &slot);
}

/* A domain is a text, and a text may be a domain: which, is found out when its value is there. */
static bool is_name(enum type_base base)
{
	return base == TYPE_DOMAIN || base == TYPE_TEXT;
}

/* Can a fact of this type stand where the parameter's is wanted? An address is a text as well. */
static bool fits(const struct type *is, const struct type *wanted)
{
	if (is->list)
		return false;
	return is->base == wanted->base || (is_name(is->base) && is_name(wanted->base)) ||
	       (is->base == TYPE_ADDRESS && wanted->base == TYPE_TEXT);
}

/* A constant or a fact of the parameter's type. */
static bool argument(struct loader *loader, const struct operand *operand, const struct type *type,
		     struct slot_argument *argument_r)
{
	const char *why = "this is none";
	struct str text;

	if (operand->kind == OPERAND_WORD) {
		const struct type *is;
		int slot;

		if (!loader_fact(operand->word) && !operand->called) {
			loader_unknown_text(loader, operand->span, operand->word);
			return false;
		}
		slot = slot_of_operand(loader, operand, false);
		if (slot < 0)
			return false;
		is = &loader->slots.items[slot].def->type;
		if (loader->slots.items[slot].sum > 0) {
			loader_error(
			    loader, operand->span,
			    "a score differs from rule to rule, it is no argument of a fact");
			return false;
		}
		if (!fits(is, type)) {
			loader_error(loader, operand->span,
				     "'%s' is " STR_FMT ", " STR_FMT " is wanted here",
				     loader->slots.items[slot].def->name,
				     STR_ARG(type_phrase(loader, is)),
				     STR_ARG(type_phrase(loader, type)));
			return false;
		}
		argument_r->is_slot = true;
		argument_r->slot = (unsigned)slot;
		return true;
	}
	if (item_text(operand, &text) &&
	    (type->base != TYPE_TEXT || operand->kind == OPERAND_STRING) &&
	    value_parse(loader->arena, type, text, &argument_r->value, &why))
		return true;
	loader_error(loader, operand->span, STR_FMT " is wanted here, and %s",
		     STR_ARG(type_phrase(loader, type)), why);
	return false;
}

static size_t parameter_count(const struct fact_def *def)
{
	size_t count = 0;

	while (def->parameters && def->parameters[count].base != parameter_end.base)
		count++;
	return count;
}

static bool arguments(struct loader *loader, const struct operand *operand, struct slot *slot)
{
	size_t count = parameter_count(slot->def);
	struct buf text = {.arena = loader->arena};
	bool ok = true;

	if (operand->items.count != count || (operand->called && count == 0)) {
		if (count == 0)
			loader_error(loader, operand->span, "'%s' takes no argument, write '%s'",
				     slot->def->name, slot->def->name);
		else
			loader_error(
			    loader, operand->span, "'%s' takes %zu argument%s, write '%s(\"...\")'",
			    slot->def->name, count, count == 1 ? "" : "s", slot->def->name);
		return false;
	}
	buf_puts(&text, slot->def->name);
	slot->arguments = arena_array(loader->arena, count, sizeof(*slot->arguments));
	slot->argument_count = count;
	for (size_t i = 0; i < count; i++) {
		const struct span at = operand->items.items[i].span;

		ok &= argument(loader, &operand->items.items[i], &slot->def->parameters[i],
			       &slot->arguments[i]);
		buf_puts(&text, i == 0 ? "(" : ", ");
		buf_add(&text, str_sub(at.source->text, at.from, at.to - at.from));
	}
	if (count > 0)
		buf_putc(&text, ')');
	slot->text = buf_str(&text);
	return ok;
}

int slot_of_operand(struct loader *loader, const struct operand *operand, bool plural)
{
	const struct fact_def *def = loader_fact(operand->word);
	const struct loader_name *map = tablefact_map(loader, operand);
	struct slot slot = {0};

	if (map && !map->fact)
		return -1; /* its definition was wrong, and was reported */
	if (map)
		def = map->fact;
	else if (def && !def->internal && plural && def->plural)
		def = registry_fact(str_of(def->plural));
	else if (!def || def->internal) {
		const struct loader_name *name = loader_find(loader, operand->word);

		if (name && name->table && table_kind(name->table) == TABLE_MAP)
			loader_error(loader, operand->span,
				     "'" STR_FMT "' is a map, write '" STR_FMT "(KEY)'",
				     STR_ARG(operand->word), STR_ARG(operand->word));
		else if (name)
			loader_error(loader, operand->span, "'" STR_FMT "' is a %s, not a fact",
				     STR_ARG(operand->word),
				     name->kind == NAME_TABLE ? "table" : "define");
		else
			loader_unknown(loader, operand->span, operand->word);
		return -1;
	}
	slot.def = def;
	if (def->sum) {
		if (!score_slot(loader, operand, &slot))
			return -1;
	} else if (!arguments(loader, operand, &slot))
		return -1;
	return intern(loader, &slot);
}
