/* SPDX-License-Identifier: BSD-2-Clause */
/* Tables as a policy defines them: with their items in braces, or in a file. */

#include "filter/policy/loader.h"

static const char *const kinds[] = {"networks", "domains",  "addresses",
				    "strings",  "patterns", "map"};
static const char *const later_kinds[] = {"patterns", "map"};
static const char *const types[] = {"file", "cdb", "lmdb", "sqlite", "redis", "socketmap", "spf"};

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

static bool fill(struct loader *loader, struct table *table, const struct operand *items,
		 size_t count)
{
	bool ok = true;

	for (size_t i = 0; i < count; i++) {
		const char *why = "a literal is wanted here";
		struct str text;
		bool added = item_text(&items[i], &text) && table_add(table, text, &why);

		check_name(loader, &items[i], added ? NULL : why);
		ok &= added;
	}
	return ok;
}

const struct table *table_inline(struct loader *loader, enum table_kind kind,
				 const struct operand *set)
{
	struct table *table = table_new(loader->arena, kind);
	bool ok = fill(loader, table, set->items.items, set->items.count);

	table_finish(table);
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

static void fill_from_file(struct loader *loader, struct table *table, const struct table_def *def)
{
	struct operand location = {.kind = OPERAND_STRING, .text = def->location};
	const char *path;
	struct str text;

	if (!def->location.span.source)
		return; /* missing, which the parser reported */
	if (!item_text(&location, &text) || text.n == 0) {
		loader_error(loader, def->location.span, "the name of a file is wanted here");
		return;
	}
	path = loader_path(loader, def->span.source, text);
	loader_id(loader,
		  table_read_file(table, loader->arena, path, def->location.span, loader->diag));
}

static void options(struct loader *loader, const struct table_def *def)
{
	for (size_t i = 0; i < def->options.count; i++)
		loader_error(loader, def->options.items[i].span,
			     "a table %s takes no option '" STR_FMT "'",
			     def->type.n ? "of type 'file'" : "with its items in braces",
			     STR_ARG(def->options.items[i].name));
}

void table_define(struct loader *loader, const struct table_def *def)
{
	struct loader_name *name = loader_find(loader, def->name);
	int kind = table_kind_of(def->kind);
	struct table *table;

	if (kind < 0) {
		if (listed(def->kind, later_kinds, 2))
			loader_error(loader, def->kind_span,
				     "tables of '" STR_FMT "' are not supported by this version",
				     STR_ARG(def->kind));
		else
			unknown(loader, def->kind_span, "kind of table", def->kind, kinds,
				sizeof(kinds) / sizeof(kinds[0]));
		return;
	}
	table = table_new(loader->arena, (enum table_kind)kind);
	if (def->type.n == 0) {
		fill(loader, table, def->items.items, def->items.count);
		options(loader, def);
	} else if (str_eq(def->type, STR("file"))) {
		fill_from_file(loader, table, def);
		options(loader, def);
	} else if (listed(def->type, types, sizeof(types) / sizeof(types[0]))) {
		loader_error(loader, def->type_span,
			     "tables of type '" STR_FMT "' are not supported by this version",
			     STR_ARG(def->type));
	} else {
		unknown(loader, def->type_span, "type of table", def->type, types,
			sizeof(types) / sizeof(types[0]));
	}
	table_finish(table);
	if (name && !name->table) {
		name->table = table;
		name->def = def;
	}
}
