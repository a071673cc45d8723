/* SPDX-License-Identifier: BSD-2-Clause */
/* Tables as a policy defines them: with their items in braces, or in a file. */

#include "filter/policy/loader.h"

static const char *const later_types[] = {"cdb", "lmdb", "sqlite", "redis", "socketmap", "spf"};

bool item_text(const struct operand *item, struct str *text_r)
{
	switch (item->kind) {
	case OPERAND_SET:
	case OPERAND_PATTERN:
		return false;
	case OPERAND_STRING:
		if (item->text.pieces.count > 1)
			return false;
		if (item->text.pieces.count == 1 && item->text.pieces.items[0].fact)
			return false;
		*text_r =
		    item->text.pieces.count == 1 ? item->text.pieces.items[0].literal : STR("");
		return true;
	default:
		*text_r = item->word;
		return !item->called;
	}
}

/* A bare word in braces is itself, even where a table has that name: hardly what was meant. */
static void check_name(struct loader *loader, const struct operand *item, const char *why)
{
	struct loader_name *name =
	    item->kind == OPERAND_WORD ? loader_find(loader, item->word) : NULL;

	if (!name || name->kind != NAME_TABLE) {
		if (why)
			loader_error(loader, item->span, "%s", why);
		return;
	}
	if (why)
		loader_error(loader, item->span,
			     "a table does not stand in braces, write 'in " STR_FMT "'",
			     STR_ARG(item->word));
	else
		diag_warn(loader->diag, "table-in-braces", item->span,
			  "this is the text '" STR_FMT "', not the table, write 'in " STR_FMT
			  "' for that",
			  STR_ARG(item->word), STR_ARG(item->word));
}

static bool fill_pattern(struct loader *loader, struct table *table, const struct operand *item)
{
	struct span span = item->span;
	const char *why = NULL;
	size_t at = 0;

	if (item->kind != OPERAND_PATTERN) {
		check_name(loader, item, "a pattern is wanted here, write '/.../'");
		return false;
	}
	if (table_add_pattern(table, item->word, item->flags, &why, &at))
		return true;
	if (span.from + 1 + at < span.to)
		span.from += 1 + at;
	loader_error(loader, span, "%s", why);
	return false;
}

static bool fill(struct loader *loader, struct table *table, const struct operand *items,
		 size_t count)
{
	bool ok = true;

	for (size_t i = 0; i < count; i++) {
		const char *why = "a literal is wanted here";
		struct str text;
		bool added;

		if (table_kind(table) == TABLE_PATTERNS) {
			ok &= fill_pattern(loader, table, &items[i]);
			continue;
		}
		added = item_text(&items[i], &text) && table_add(table, text, &why);
		check_name(loader, &items[i], added ? NULL : why);
		ok &= added;
	}
	return ok;
}

const struct table *table_inline(struct loader *loader, enum table_kind kind,
				 const struct operand *set)
{
	struct table *table = table_new(loader->arena, kind, NULL);
	bool ok = fill(loader, table, set->items.items, set->items.count);

	table_finish(table);
	if (kind == TABLE_PATTERNS)
		*vec_push(loader->arena, &loader->pattern_tables) = table;
	return ok ? table : NULL;
}

static bool listed(struct str name, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (str_eq(name, str_of(names[i])))
			return true;
	return false;
}

static void unknown(struct loader *loader, struct span span, const char *what, struct str name,
		    const char *const *names, size_t count)
{
	struct str meant = loader_meant(loader, name, names, count);

	/* Without a name the parser has said so. */
	if (name.n > 0)
		loader_error(loader, span, "no %s '" STR_FMT "'" STR_FMT, what, STR_ARG(name),
			     STR_ARG(meant));
}

/* The names of all kinds, and of all types of this version and later ones. */
static const char *const *kinds(struct loader *loader, size_t *count_r)
{
	const char **names = arena_array(loader->arena, TABLE_KINDS, sizeof(*names));

	for (*count_r = 0; *count_r < TABLE_KINDS; (*count_r)++)
		names[*count_r] = table_kind_name((enum table_kind) * count_r);
	return names;
}

static const char *const *types(struct loader *loader, size_t *count_r)
{
	VEC(const char *) names = {0};

	for (const struct table_type *const *type = table_types; *type; type++)
		*vec_push(loader->arena, &names) = (*type)->name;
	for (size_t i = 0; i < sizeof(later_types) / sizeof(later_types[0]); i++)
		*vec_push(loader->arena, &names) = later_types[i];
	*count_r = names.count;
	return names.items;
}

/* The type that a definition names; NULL: reported. */
static const struct table_type *type_named(struct loader *loader, const struct table_def *def)
{
	size_t count;
	const char *const *names;

	for (const struct table_type *const *type = table_types; *type; type++)
		if (str_eq(def->type, str_of((*type)->name)))
			return *type;
	if (listed(def->type, later_types, sizeof(later_types) / sizeof(later_types[0]))) {
		loader_error(loader, def->type_span,
			     "tables of type '" STR_FMT "' are not supported by this version",
			     STR_ARG(def->type));
		return NULL;
	}
	names = types(loader, &count);
	unknown(loader, def->type_span, "type of table", def->type, names, count);
	return NULL;
}

static void open_table(struct loader *loader, struct table *table, const struct table_def *def)
{
	struct operand location = {.kind = OPERAND_STRING, .text = def->location};
	size_t errors = diag_errors(loader->diag);
	struct table_call call = {
	    .place = def->location.span,
	    .diag = loader->diag,
	    .text = STR(""),
	};

	if (!def->location.span.source)
		return; /* missing, which the parser reported */
	if (!item_text(&location, &call.location) || call.location.n == 0) {
		loader_error(loader, def->location.span, "the name of a file is wanted here");
		return;
	}
	call.scratch = arena_new(loader->arena);
	call.path = loader_path(loader, def->span.source, call.location);
	if (table_type_of(table)->reads_file) {
		/* Before it is read: what changes from here on is noticed. */
		*vec_push(loader->arena, &loader->table_states) = file_state(call.path);
		*vec_push(loader->arena, &loader->table_files) = call.path;
	}
	table_type_of(table)->open(table, &call);
	loader_id(loader, call.text);
	/* Reports point into the file's text. */
	if (diag_errors(loader->diag) == errors)
		arena_free(&call.scratch);
}

/* What the failure of a look does; other options are the type's. */
static enum on_failure options(struct loader *loader, const struct table_def *def,
			       const struct table_type *type)
{
	enum on_failure on_failure = FAILURE_NEVER;

	for (size_t i = 0; i < def->options.count; i++) {
		const struct table_option *option = &def->options.items[i];

		if (!str_eq(option->name, STR("on failure"))) {
			loader_error(loader, option->span,
				     "a table %s takes no option '" STR_FMT "'",
				     type ? str_printf(loader->arena, "of type '%s'", type->name).s
					  : "with its items in braces",
				     STR_ARG(option->name));
		} else if (on_failure != FAILURE_NEVER) {
			loader_error(loader, option->span, "'on failure' stands here twice");
		} else if (str_eq(option->value.word, STR("skip"))) {
			on_failure = FAILURE_SKIP;
		} else {
			on_failure = FAILURE_DEFER;
			if (!str_eq(option->value.word, STR("defer")))
				loader_error(loader, option->value.span,
					     "'on failure' is 'defer' or 'skip', not '" STR_FMT "'",
					     STR_ARG(option->value.word));
		}
	}
	return on_failure == FAILURE_NEVER ? FAILURE_DEFER : on_failure;
}

void table_define(struct loader *loader, const struct table_def *def)
{
	struct loader_name *name = loader_find(loader, def->name);
	int kind = table_kind_of(def->kind);
	const struct table_type *type = NULL;
	enum on_failure on_failure;
	struct table *table;
	size_t count;

	if (kind < 0) {
		const char *const *names = kinds(loader, &count);

		unknown(loader, def->kind_span, "kind of table", def->kind, names, count);
		return;
	}
	if (def->type.n > 0 && !(type = type_named(loader, def)))
		return;
	table = table_new(loader->arena, (enum table_kind)kind, type);
	if (type)
		open_table(loader, table, def);
	else
		fill(loader, table, def->items.items, def->items.count);
	on_failure = options(loader, def, type);
	table_finish(table);
	if (kind == TABLE_PATTERNS)
		*vec_push(loader->arena, &loader->pattern_tables) = table;
	if (!name || name->table)
		return;
	name->table = table;
	name->def = def;
	tablefact_make(loader, name, on_failure);
}
