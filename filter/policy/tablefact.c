/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tables that are looked up, as facts: a map is called like one, and `FACT in TABLE` is one where
 * the table may need time or may not answer. So a look is made once for as long as its key stays,
 * is begun only where it matters, and fails as the table's `on failure` says.
 */

#include "filter/policy/loader.h"

static const struct type text_parameter[] = {{.base = TYPE_TEXT}, {.base = TYPE_OPAQUE}};

static enum fact_state look(const struct fact_call *call, const struct value *key, void **task,
			    struct value *value_r)
{
	struct table_look with = {
	    .key = key,
	    .arena = call->arena,
	    .lookups = call->lookups,
	    .clock = call->clock,
	    .task = task,
	};

	return table_type_of(call->table)->look(call->table, &with, value_r);
}

static enum fact_state map_provide(const struct fact_call *call, struct value *value_r)
{
	return look(call, call->arguments[0], call->task, value_r);
}

/* RFC 5321 4.5.1: <postmaster> without a domain is always this server's own. */
static enum fact_state in_provide(const struct fact_call *call, struct value *value_r)
{
	if (!call->arguments[0]->ours)
		return look(call, call->arguments[0], call->task, value_r);
	*value_r = value_boolean(true);
	return FACT_PRESENT;
}

/* One that could not be looked up makes the list incomplete: the others may settle it. */
static enum fact_state each_provide(const struct fact_call *call, struct value *value_r)
{
	const struct value *list = call->arguments[0];
	struct value *found = arena_array(call->arena, list->count, sizeof(*found));
	enum fact_state whole = FACT_PRESENT;
	void **tasks = *call->task;
	size_t count = 0;

	if (!tasks)
		*call->task = tasks = arena_array(call->arena, list->count, sizeof(*tasks));
	value_r->incomplete = list->incomplete;
	for (size_t i = 0; i < list->count; i++) {
		enum fact_state state = look(call, &list->items[i], &tasks[i], &found[count]);

		if (state == FACT_PRESENT)
			count++;
		else if (state == FACT_FAILED)
			value_r->incomplete = true;
		else
			whole = FACT_UNKNOWN;
	}
	value_r->items = found;
	value_r->count = count;
	return whole;
}

static const struct fact_def *make(struct loader *loader, const struct loader_name *name,
				   struct type type, enum on_failure on_failure,
				   enum fact_state (*provide)(const struct fact_call *call,
							      struct value *value_r))
{
	struct fact_def *def = arena_new_of(loader->arena, struct fact_def);

	*def = (struct fact_def){
	    .name = str_dup(loader->arena, name->name).s,
	    .type = type,
	    .stage = STAGE_CONNECT,
	    .scope = SCOPE_CONNECTION,
	    .cost = table_type_of(name->table)->cost,
	    .provide = provide,
	    .on_failure = on_failure,
	    .parameters = text_parameter,
	    .internal = true, /* no journal keeps it: another day the table says something else */
	    .table = name->table,
	};
	return def;
}

void tablefact_make(struct loader *loader, struct loader_name *name, enum on_failure on_failure)
{
	bool remote = table_type_of(name->table)->cost >= COST_DNS;
	enum table_kind kind = table_kind(name->table);
	struct type text = {.base = TYPE_TEXT, .list = true}, one = {.base = TYPE_BOOLEAN},
		    each = {.base = TYPE_BOOLEAN, .list = true};

	if (kind == TABLE_MAP) {
		/* In memory there is nothing that could fail. */
		name->fact =
		    make(loader, name, text, remote ? on_failure : FAILURE_NEVER, map_provide);
	} else if (kind == TABLE_PATTERNS || remote) {
		name->fact = make(loader, name, one, on_failure, in_provide);
		name->each = make(loader, name, each, on_failure, each_provide);
	}
}

void tablefact_known(struct loader *loader, const struct fact_def *def)
{
	struct loader_name name = {.name = str_of(def->name), .kind = NAME_TABLE};

	if (!def->table || table_kind(def->table) != TABLE_MAP || loader_find(loader, name.name))
		return;
	name.table = def->table;
	name.fact = def;
	dict_add(loader->arena, &loader->names_by, name.name, loader->names.count);
	*vec_push(loader->arena, &loader->names) = name;
}

const struct loader_name *tablefact_map(struct loader *loader, const struct operand *operand)
{
	const struct loader_name *name =
	    operand->called ? loader_find(loader, operand->word) : NULL;

	if (!name || name->kind != NAME_TABLE)
		return NULL;
	return !name->table || table_kind(name->table) == TABLE_MAP ? name : NULL;
}
