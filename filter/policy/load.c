/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads a policy: parse, collect names, resolve settings, tables and rules. Nothing of it is used
 * unless all of it is right.
 */

#include <inttypes.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdlib.h>

#include "filter/policy/loader.h"
#include "filter/policy/sums.h"

static const char *const later_facts[] = {"over",    "greylisted", "remembered",
					  "country", "asn",        NULL};

const char *later_fact(struct str name)
{
	for (const char *const *word = later_facts; *word; word++)
		if (str_eq(name, str_of(*word)) && !registry_fact(name))
			return *word;
	return NULL;
}

void loader_id(struct loader *loader, struct str bytes)
{
	/* FNV-1a: tells versions of a policy apart; nothing rests on its strength. */
	for (size_t i = 0; i < bytes.n; i++)
		loader->id = (loader->id ^ (unsigned char)bytes.s[i]) * UINT64_C(0x100000001b3);
}

void loader_error(struct loader *loader, struct span span, const char *fmt, ...)
{
	char text[2000];
	va_list args;

	loader->silent = diag_within(loader->diag, span);
	if (loader->silent)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	diag_error(loader->diag, span, "%s", text);
}

void loader_note(struct loader *loader, struct span span, const char *fmt, ...)
{
	char text[2000];
	va_list args;

	if (loader->silent)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	diag_note(loader->diag, span, "%s", text);
}

void loader_later(struct loader *loader, struct span span, const char *keyword)
{
	span.to = span.from + strlen(keyword);
	loader_error(loader, span, "'%s' is not supported by this version", keyword);
}

struct loader_name *loader_find(struct loader *loader, struct str name)
{
	size_t at;

	return dict_find(&loader->names_by, name, &at) ? &loader->names.items[at] : NULL;
}

struct str loader_meant(struct loader *loader, struct str name, const char *const *names,
			size_t count)
{
	const char *nearest = diag_nearest(name, names, count);

	return nearest ? str_printf(loader->arena, ", is '%s' meant?", nearest) : STR("");
}

/* What is near of all that a condition may name. */
struct str loader_near(struct loader *loader, struct str name)
{
	size_t count = 0;
	const char *const *facts = registry_fact_names(loader->arena, &count);
	VEC(const char *) all = {0};

	for (size_t i = 0; i < count; i++)
		*vec_push(loader->arena, &all) = facts[i];
	for (size_t i = 0; i < loader->names.count; i++)
		*vec_push(loader->arena, &all) =
		    str_dup(loader->arena, loader->names.items[i].name).s;
	return loader_meant(loader, name, all.items, all.count);
}

/* How that is written here which other languages have, and write so. */
static struct str mend(struct loader *loader, struct str name, struct str hint)
{
	static const char *const words[][2] = {
	    {"null", "; 'is absent' asks for no value, '<>' is the null sender"},
	    {"true", "; a rule without 'when' matches always"},
	    {"always", "; a rule without 'when' matches always"},
	    {"false", "; 'observe' before its action takes a rule out of force"},
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (str_caseeq(name, str_of(words[i][0])))
			return str_of(words[i][1]);
	if (str_starts(name, STR("header.")) && !str_starts(hint, STR(", is 'header.")))
		return str_printf(loader->arena, ", write 'header(\"" STR_FMT "\")'",
				  STR_ARG(str_sub(name, 7, name.n - 7)));
	return hint;
}

void loader_unknown(struct loader *loader, struct span span, struct str name)
{
	struct str hint = mend(loader, name, loader_near(loader, name));

	if (later_fact(name))
		loader_error(loader, span,
			     "the fact '" STR_FMT "' is not supported by this version",
			     STR_ARG(name));
	else
		loader_error(loader, span, "no fact, table or define '" STR_FMT "'" STR_FMT,
			     STR_ARG(name), STR_ARG(hint));
}

void loader_unknown_text(struct loader *loader, struct span span, struct str name)
{
	if (later_fact(name) || loader_find(loader, name) || loader_near(loader, name).n > 0)
		loader_unknown(loader, span, name);
	else
		loader_error(loader, span,
			     "no fact '" STR_FMT "', write '\"" STR_FMT "\"' if it is a text",
			     STR_ARG(name), STR_ARG(name));
}

static void name_add(struct loader *loader, struct str name, struct span span, enum name_kind kind,
		     const struct define *define)
{
	struct loader_name *other = loader_find(loader, name);

	if (str_chr(name, '.') >= 0)
		return; /* only facts have dots; the parser said so */
	if (other) {
		loader_error(loader, span, "the name '" STR_FMT "' is used twice", STR_ARG(name));
		loader_note(loader, other->span, "first used here");
		return;
	}
	if (registry_fact(name) || later_fact(name)) {
		loader_error(loader, span, "'" STR_FMT "' is the name of a fact", STR_ARG(name));
		return;
	}
	dict_add(loader->arena, &loader->names_by, name, loader->names.count);
	*vec_push(loader->arena, &loader->names) =
	    (struct loader_name){.name = name, .span = span, .kind = kind, .define = define};
}

static void names(struct loader *loader, const struct tree *tree)
{
	for (size_t i = 0; i < tree->items.count; i++) {
		const struct item *item = tree->items.items[i];

		if (item->kind == ITEM_TABLE)
			name_add(loader, item->table.name, item->table.name_span, NAME_TABLE, NULL);
		else if (item->kind == ITEM_DEFINE)
			name_add(loader, item->define.name, item->define.name_span, NAME_DEFINE,
				 &item->define);
	}
	for (size_t i = 0; i < tree->items.count; i++)
		if (tree->items.items[i]->kind == ITEM_TABLE)
			table_define(loader, &tree->items.items[i]->table);
}

static void item_add(struct loader *loader, const struct item *item)
{
	static const struct surroundings nothing;

	switch (item->kind) {
	case ITEM_DEFINE:
		define_check(loader, &item->define);
		break;
	case ITEM_RULE:
		rule_add(loader, &item->rule, &nothing);
		break;
	case ITEM_GROUP:
		group_add(loader, &item->group, &nothing);
		break;
	case ITEM_SET:     /* these are there before, */
	case ITEM_TABLE:   /* all of them are filled, */
	case ITEM_INCLUDE: /* and these have been expanded */
	case ITEM_TEST:    /* follow when all rules are there */
	case ITEM_ASSERT:  /* as these do */
		break;
	}
}

/* Facts that only assertions name are asked of no message: their slots stand behind the others. */
static void assertions(struct loader *loader, const struct tree *tree)
{
	loader->policy->slot_count = loader->slots.count;
	for (size_t i = 0; i < tree->items.count; i++)
		if (tree->items.items[i]->kind == ITEM_ASSERT)
			assertion_add(loader, &tree->items.items[i]->assertion);
}

static bool has_slot(const struct loader *loader, const char *fact)
{
	size_t at;

	return dict_find(&loader->policy->slot_names, str_of(fact), &at);
}

/*
 * Facts that the log tells of every message get a slot where what they rest on has one: that costs
 * no lookup and no step of the dialogue. A stream needs the header's fields besides, and so does a
 * journal of all.
 */
static void further_slots(struct loader *loader)
{
	if (str_eq(policy_setting_named(loader->policy, "journal")->text, STR("all")))
		slot_of_fact(loader, registry_fact(STR("message.fields")));
	for (const struct family *const *f = families; *f; f++)
		if ((*f)->stream && has_slot(loader, (*f)->stream->fact))
			slot_of_fact(loader, registry_fact(STR("message.fields")));
	for (const struct family *const *f = families; *f; f++) {
		for (const struct fact_def *d = (*f)->facts; d && d->name; d++) {
			bool at_hand = d->reported;

			for (const char *const *in = d->inputs; in && *in; in++)
				at_hand = at_hand && has_slot(loader, *in);
			for (const char *const *in = d->late; in && *in; in++)
				at_hand = at_hand && has_slot(loader, *in);
			if (at_hand)
				slot_of_fact(loader, d);
		}
	}
}

/* Words of later versions are parsed too, so that they are told apart from mistakes. */
const char *const *loader_actions(struct arena *arena)
{
	static const char *const more[] = {"greylist", "remember", "forget", "sign", "seal"};
	VEC(const char *) words = {0};
	size_t count;
	const char *const *actions = registry_action_names(arena, &count);

	for (size_t i = 0; i < count; i++)
		*vec_push(arena, &words) = actions[i];
	for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++)
		if (!registry_action(str_of(more[i])))
			*vec_push(arena, &words) = more[i];
	*vec_push(arena, &words) = NULL;
	return words.items;
}

static void parse_into(struct loader *loader, const struct source *source,
		       const struct policy_override *overrides)
{
	struct tree_words words = {loader_actions(loader->arena)};
	struct tree *tree;

	loader->source = source;
	loader->words = &words;
	tree = tree_parse(loader->arena, source, &words, loader->diag);
	includes_expand(loader, tree);
	loader->policy->tree = tree;
	settings_begin(loader);
	scores_collect(loader, tree->items.items, tree->items.count);
	names(loader, tree);
	/* Settings first, wherever they stand: some facts rest on more where one is set. */
	for (size_t i = 0; i < tree->items.count; i++)
		if (tree->items.items[i]->kind == ITEM_SET)
			setting_set(loader, &tree->items.items[i]->set);
	settings_finish(loader, overrides);
	for (size_t i = 0; i < tree->items.count; i++)
		item_add(loader, tree->items.items[i]);
	further_slots(loader);
	for (size_t i = 0; i < tree->items.count; i++)
		if (tree->items.items[i]->kind == ITEM_TEST)
			test_add(loader, &tree->items.items[i]->test);
	assertions(loader, tree);
}

static void keep_tables(struct loader *loader)
{
	VEC(struct policy_table) tables = {0};

	for (size_t i = 0; i < loader->names.count; i++)
		if (loader->names.items[i].table)
			*vec_push(loader->arena, &tables) = (struct policy_table){
			    loader->names.items[i].def, loader->names.items[i].table};
	loader->policy->tables = tables.items;
	loader->policy->table_count = tables.count;
}

/* Takes over the arena: it becomes the policy's, or, so that errors can be shown, the diag's. */
struct policy *load_compile(struct arena *arena, const struct source *source, const char *directory,
			    const struct policy_override *overrides, const struct policy *kept,
			    struct diag *diag)
{
	struct policy *policy = arena_new_of(arena, struct policy);
	struct loader loader = {
	    .arena = arena,
	    .diag = diag,
	    .policy = policy,
	    .directory = directory,
	    .kept = kept,
	    .id = UINT64_C(0xcbf29ce484222325),
	};
	size_t before = diag_errors(diag);

	policy->arena = arena;
	policy->path = str_dup(arena, str_of(source->name)).s;
	*vec_push(arena, &loader.sources) =
	    (struct policy_source){.path = policy->path, .text = source->text};
	loader_id(&loader, source->text);
	parse_into(&loader, source, overrides);
	keep_tables(&loader);
	policy->settings_at = loader.settings_at;
	policy->rules = loader.rules.items;
	policy->rule_count = loader.rules.count;
	policy->slots = loader.slots.items;
	policy->all_slot_count = loader.slots.count;
	policy->slot_keys = loader.slots_by;
	policy->tests = loader.tests.items;
	policy->test_count = loader.tests.count;
	policy->assertions = loader.assertions.items;
	policy->assertion_count = loader.assertions.count;
	policy->sources = loader.sources.items;
	policy->source_count = loader.sources.count;
	policy->table_files = loader.table_files.items;
	policy->table_file_count = loader.table_files.count;
	policy->tables_state = files_state(loader.table_states.items, loader.table_states.count);
	policy->directory = directory;
	scores_finish(&loader);
	memo_assign(policy);
	snprintf(policy->id, sizeof(policy->id), "%016" PRIx64, loader.id);
	if (diag_errors(diag) == before) {
		sums_check(policy);
		jit_finish(&loader);
		return policy;
	}
	diag_keep(diag, arena);
	return NULL;
}

struct policy *policy_compile(const struct source *source, const char *directory,
			      const struct policy_override *overrides, struct diag *diag)
{
	struct arena *arena = arena_new(NULL);
	struct source *own = arena_new_of(arena, struct source);

	own->name = str_dup(arena, str_of(source->name)).s;
	own->text = str_dup(arena, source->text);
	return load_compile(arena, own, directory, overrides, NULL, diag);
}

struct policy *policy_load(const char *path, const struct policy_override *overrides,
			   struct diag *diag)
{
	struct arena *arena = arena_new(NULL);
	const char *slash = strrchr(path, '/'), *why = NULL, *directory = ".";
	struct source *source;
	struct policy *policy;

	if (!source_read(arena, path, POLICY_FILE_MOST, &source, &why)) {
		diag_error(diag, (struct span){0}, "%s: %s", path, why);
		arena_free(&arena);
		return NULL;
	}
	if (slash)
		directory =
		    str_dup(arena, (struct str){path, slash == path ? 1 : (size_t)(slash - path)})
			.s;
	policy = load_compile(arena, source, directory, overrides, NULL, diag);
	/* The texts that tables were read from are as large as the tables, and needed no more. */
	malloc_trim(0);
	return policy;
}

void policy_free(struct policy **policy)
{
	struct arena *arena;

	if (!*policy)
		return;
	arena = (*policy)->arena;
	*policy = NULL;
	arena_free(&arena);
}

int policy_slot(const struct policy *policy, const char *fact)
{
	size_t at;

	if (!dict_find(&policy->slot_names, str_of(fact), &at) || at >= policy->slot_count ||
	    policy->slots[at].argument_count > 0)
		return -1;
	return (int)at;
}
