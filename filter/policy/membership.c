/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What stands behind `in` and `not in`: a table, the values of a map under a key, or a set in
 * braces. It stands apart from single values because a table is chosen by the type of what is
 * looked for, and a look at one may take the place of the comparison.
 */

#include "filter/policy/right.h"

bool membership_is_map(const struct loader_name *name)
{
	return name->table && table_kind(name->table) == TABLE_MAP;
}

static int table_kind_for(enum type_base base)
{
	switch (base) {
	case TYPE_IP:
		return TABLE_NETWORKS;
	case TYPE_DOMAIN:
		return TABLE_DOMAINS;
	case TYPE_ADDRESS:
		return TABLE_ADDRESSES;
	case TYPE_TEXT:
		return TABLE_STRINGS;
	default:
		return -1;
	}
}

/* What is compared is no longer the fact on the left but the look that it is the key of. */
static bool in_look(struct loader *loader, const struct loader_name *name,
		    const struct fact_def *def, struct cond *cond)
{
	if (!right_is_text(def->type.base))
		return false;
	cond->left = slot_of_slot(loader, def->type.list ? name->each : name->fact, cond->left);
	cond->base = TYPE_BOOLEAN;
	cond->op = cond->op == OP_IN ? OP_IS : OP_IS_NOT;
	cond->right_kind = RIGHT_VALUE;
	cond->value = value_boolean(true);
	return true;
}

/* "FACT in map(KEY)": any of the values is that of the fact. */
static bool in_map(struct loader *loader, const struct operand *right, const struct fact_def *def,
		   struct cond *cond)
{
	int slot = slot_of_operand(loader, right, false);

	if (slot < 0)
		return false;
	if (def->type.list || !right_is_text(def->type.base)) {
		loader_error(loader, right->span,
			     "a map's values are texts, and are compared with one text, address or "
			     "domain: '%s' is " STR_FMT,
			     def->name, STR_ARG(type_phrase(loader, &def->type)));
		return false;
	}
	cond->right = cond->left;
	cond->right_kind = RIGHT_SLOT;
	cond->left = (unsigned)slot;
	cond->quantifier = QUANT_ANY;
	cond->base = TYPE_TEXT;
	cond->op = cond->op == OP_IN ? OP_IS : OP_IS_NOT;
	return true;
}

static bool in_table(struct loader *loader, const struct operand *right, const struct fact_def *def,
		     struct cond *cond)
{
	const struct loader_name *name = loader_find(loader, right->word);
	int kind = table_kind_for(def->type.base);

	if (tablefact_map(loader, right))
		return in_map(loader, right, def, cond);
	if (!name || name->kind != NAME_TABLE || right->called) {
		const struct fact_def *fact = loader_fact(right->word);

		if (fact && !fact->internal)
			loader_error(loader, right->span,
				     "'%s' is a fact, not a table, write '%s%s is %s'", fact->name,
				     fact->type.list ? "any " : "",
				     fact->type.list ? fact->name : def->name,
				     fact->type.list ? def->name : fact->name);
		else if (name)
			loader_error(loader, right->span, "'" STR_FMT "' is a %s",
				     STR_ARG(right->word),
				     name->kind == NAME_TABLE
					 ? "table without keys, write it without '(...)'"
					 : "define, not a table");
		else
			loader_unknown(loader, right->span, right->word);
		return false;
	}
	if (!name->table)
		return false; /* its definition was wrong, and was reported */
	if (membership_is_map(name)) {
		loader_error(loader, right->span,
			     "'" STR_FMT "' is a map, write '%s in " STR_FMT "(KEY)'",
			     STR_ARG(right->word), def->name, STR_ARG(right->word));
		loader_note(loader, name->span, "defined here");
		return false;
	}
	if (name->fact && in_look(loader, name, def, cond))
		return true;
	if (def->type.base == TYPE_NETWORK && table_kind(name->table) == TABLE_NETWORKS) {
		loader_error(loader, right->span,
			     "'%s' is a network, tables of networks hold addresses "
			     "such as 'client.ip'",
			     def->name);
		return false;
	}
	if (kind < 0 || table_kind(name->table) != (enum table_kind)kind) {
		loader_error(loader, right->span,
			     "'" STR_FMT "' is a table of %s, '%s' is " STR_FMT,
			     STR_ARG(right->word), table_kind_name(table_kind(name->table)),
			     def->name, STR_ARG(right_type(loader, &def->type)));
		loader_note(loader, name->span, "defined here");
		return false;
	}
	cond->right_kind = RIGHT_TABLE;
	cond->table = name->table;
	return true;
}

static bool in_set(struct loader *loader, const struct operand *right, const struct fact_def *def,
		   struct cond *cond)
{
	int kind = table_kind_for(def->type.base);
	bool ok = true;

	if (right->items.count == 0) {
		loader_error(loader, right->span, "nothing stands between these braces");
		return false;
	}
	if (kind >= 0) {
		cond->right_kind = RIGHT_TABLE;
		cond->table = table_inline(loader, (enum table_kind)kind, right);
		return cond->table != NULL;
	}
	cond->right_kind = RIGHT_SET;
	cond->set = arena_array(loader->arena, right->items.count, sizeof(*cond->set));
	cond->set_count = right->items.count;
	for (size_t i = 0; i < right->items.count; i++) {
		struct cond one = {.op = OP_IN};
		const struct operand *item = &right->items.items[i];

		if (!right_value(loader, item, def, &one)) {
			ok = false;
		} else if (one.right_kind != RIGHT_VALUE) {
			loader_error(loader, item->span, "a literal is wanted here");
			ok = false;
		}
		cond->set[i] = one.value;
	}
	return ok;
}

bool membership_in(struct loader *loader, const struct operand *right, const struct fact_def *def,
		   struct cond *cond)
{
	struct operand set = {.kind = OPERAND_SET, .span = right->span};

	if (right->kind == OPERAND_WORD)
		return in_table(loader, right, def, cond);
	if (right->kind == OPERAND_SET)
		return in_set(loader, right, def, cond);
	*vec_push(loader->arena, &set.items) = *right;
	return in_set(loader, &set, def, cond);
}
