/* SPDX-License-Identifier: BSD-2-Clause */
/* Settings: values for the registry's rows, from `set`, from the command line, or by default. */

#include "filter/policy/lex.h"
#include "filter/policy/loader.h"

static size_t row_of(const struct setting_def *def)
{
	size_t row = 0;

	for (const struct family *const *f = families; *f; f++)
		for (const struct setting_def *d = (*f)->settings; d && d->name; d++, row++)
			if (d == def)
				return row;
	return row;
}

static const struct setting_def *setting_row(size_t row)
{
	for (const struct family *const *f = families; *f; f++)
		for (const struct setting_def *d = (*f)->settings; d && d->name; d++)
			if (row-- == 0)
				return d;
	return NULL;
}

const struct value *policy_setting(const struct policy *policy, const struct setting_def *def)
{
	return &policy->settings[row_of(def)];
}

const struct value *policy_setting_named(const struct policy *policy, const char *name)
{
	return policy_setting(policy, registry_setting(str_of(name)));
}

bool policy_observes(const struct policy *policy)
{
	return str_eq(policy_setting_named(policy, "mode")->text, STR("observe"));
}

const struct table *policy_setting_table(const struct policy *policy, const char *name)
{
	return policy->setting_tables[row_of(registry_setting(str_of(name)))];
}

struct span policy_setting_span(const struct policy *policy, const char *name)
{
	return policy->settings_at[row_of(registry_setting(str_of(name)))];
}

void settings_begin(struct loader *loader)
{
	size_t count = row_of(NULL);

	loader->policy->settings = arena_array(loader->arena, count + 1, sizeof(struct value));
	loader->policy->setting_tables =
	    arena_array(loader->arena, count + 1, sizeof(struct table *));
	loader->settings_at = arena_array(loader->arena, count + 1, sizeof(struct span));
}

static bool word_allowed(const struct setting_def *def, struct str text)
{
	if (!def->words)
		return true;
	for (const char *const *w = def->words; *w; w++)
		if (str_eq(text, str_of(*w)))
			return true;
	return false;
}

static struct str words_text(struct loader *loader, const struct setting_def *def)
{
	struct buf out = {.arena = loader->arena};

	for (const char *const *w = def->words; *w; w++)
		buf_printf(&out, "%s'%s'", w == def->words ? "" : w[1] ? ", " : " or ", *w);
	return buf_str(&out);
}

static bool is_number(enum type_base base)
{
	return base == TYPE_NUMBER || base == TYPE_DURATION || base == TYPE_SIZE;
}

/* A number, with its unit where its type has one. */
static bool convert_number(struct loader *loader, const struct setting_def *def, struct span span,
			   struct str text, struct value *value_r)
{
	static const enum token_kind kinds[] = {[TYPE_NUMBER] = TOKEN_NUMBER,
						[TYPE_DURATION] = TOKEN_DURATION,
						[TYPE_SIZE] = TOKEN_SIZE};
	struct type scalar = {.base = def->type.base};
	enum lex_problem problem;
	int64_t number;
	size_t at;

	if (literal_classify(text, &number, &problem, &at) != kinds[def->type.base]) {
		loader_error(loader, span, "'%s' is " STR_FMT "%s", def->name,
			     STR_ARG(type_phrase(loader, &scalar)),
			     def->type.base == TYPE_DURATION ? ", such as 30d"
			     : def->type.base == TYPE_SIZE   ? ", such as 10MB"
							     : "");
		return false;
	}
	*value_r = value_number(number);
	if (def->type.base == TYPE_NUMBER && (def->least != 0 || def->most != 0) &&
	    (number % 1000 != 0 || number < def->least * 1000 || number > def->most * 1000)) {
		loader_error(loader, span, "'%s' is a number from %lld to %lld", def->name,
			     (long long)def->least, (long long)def->most);
		return false;
	}
	return true;
}

/* One value from its text. */
static bool convert(struct loader *loader, const struct setting_def *def, struct span span,
		    struct str text, struct value *value_r)
{
	struct type scalar = def->type;
	const char *why = "none";

	scalar.list = false;
	if (is_number(def->type.base))
		return convert_number(loader, def, span, text, value_r);
	if (!word_allowed(def, text)) {
		loader_error(loader, span, "'%s' is " STR_FMT, def->name,
			     STR_ARG(words_text(loader, def)));
		return false;
	}
	if (value_parse(loader->arena, &scalar, text, value_r, &why))
		return true;
	loader_error(loader, span, "'%s' is " STR_FMT ", and this is %s", def->name,
		     STR_ARG(type_phrase(loader, &scalar)), why);
	return false;
}

static void set_table(struct loader *loader, const struct setting_def *def, struct span span,
		      struct str text)
{
	struct loader_name *name = loader_find(loader, text);

	if (!name || name->kind != NAME_TABLE) {
		loader_error(loader, span, "'%s' is the name of a table, and '" STR_FMT "' is none",
			     def->name, STR_ARG(text));
	} else if (name->table && table_kind(name->table) != TABLE_NETWORKS) {
		loader_error(loader, span, "'%s' is a table of networks, '" STR_FMT "' one of %s",
			     def->name, STR_ARG(text), table_kind_name(table_kind(name->table)));
		loader_note(loader, name->span, "defined here");
	} else {
		loader->policy->setting_tables[row_of(def)] = name->table;
	}
}

static void store(struct loader *loader, const struct setting_def *def, const struct set *set)
{
	struct value *value = &loader->policy->settings[row_of(def)];
	size_t count = set->values.count;
	struct value *items = arena_array(loader->arena, count, sizeof(*items));

	for (size_t i = 0; i < count; i++) {
		const struct operand *operand = &set->values.items[i];
		struct str text = {0};

		if (!item_text(operand, &text)) {
			loader_error(loader, operand->span, "a literal is wanted here");
			return;
		}
		if (def->table) {
			set_table(loader, def, operand->span, text);
			items[i] = value_text(text);
		} else if (!convert(loader, def, operand->span, text, &items[i])) {
			return;
		}
	}
	*value = def->type.list ? value_list(items, count) : items[0];
}

static void unknown(struct loader *loader, struct span span, struct str name)
{
	size_t count;
	const char *const *names = registry_setting_names(loader->arena, &count);
	struct str meant = loader_meant(loader, name, names, count);

	loader_error(loader, span, "no setting '" STR_FMT "'" STR_FMT, STR_ARG(name),
		     STR_ARG(meant));
}

/* NULL: reported. */
static const struct setting_def *known(struct loader *loader, struct span span, struct str name)
{
	const struct setting_def *def = registry_setting(name);

	if (!def)
		unknown(loader, span, name);
	return def;
}

void setting_set(struct loader *loader, const struct set *set)
{
	const struct setting_def *def = known(loader, set->name_span, set->name);
	struct span *first = def ? &loader->settings_at[row_of(def)] : NULL;

	if (!def)
		return;
	if (first->source) {
		loader_error(loader, set->name_span, "'%s' is set twice", def->name);
		loader_note(loader, *first, "first set here");
		return;
	}
	*first = set->name_span;
	if (set->values.count == 0 || (set->values.count > 1 && !def->type.list))
		loader_error(loader, set->span, "'%s' takes one value", def->name);
	else
		store(loader, def, set);
}

bool setting_try(struct loader *loader, const struct set *set)
{
	const struct setting_def *def = known(loader, set->name_span, set->name);
	size_t errors = diag_errors(loader->diag);
	const struct table *table;
	struct value value;

	if (!def)
		return false;
	value = loader->policy->settings[row_of(def)];
	table = loader->policy->setting_tables[row_of(def)];
	store(loader, def, set);
	loader->policy->settings[row_of(def)] = value;
	loader->policy->setting_tables[row_of(def)] = table;
	return diag_errors(loader->diag) == errors;
}

static void override(struct loader *loader, const struct policy_override *o)
{
	const struct setting_def *def;
	struct source *source = arena_new_of(loader->arena, struct source);
	struct span span = {source, 0, strlen(o->value)};
	struct str text = str_of(o->value);
	struct value *item = arena_new_of(loader->arena, struct value);

	source->name = str_printf(loader->arena, "--set %s", o->name).s;
	source->text = text;
	def = known(loader, span, str_of(o->name));
	if (!def)
		return;
	if (def->table) {
		set_table(loader, def, span, text);
		*item = value_text(text);
	} else if (!convert(loader, def, span, text, item)) {
		return;
	}
	loader->policy->settings[row_of(def)] = def->type.list ? value_list(item, 1) : *item;
}

void settings_finish(struct loader *loader, const struct policy_override *overrides)
{
	size_t count = row_of(NULL);

	for (; overrides && overrides->name; overrides++)
		override(loader, overrides);
	for (size_t i = 0; i < count; i++) {
		const struct setting_def *def = setting_row(i);
		struct value *value = &loader->policy->settings[i];
		struct span nowhere = {0};

		if (value->state != FACT_UNKNOWN)
			continue;
		*value = value_absent();
		if (!def->fallback)
			continue;
		convert(loader, def, nowhere, str_of(def->fallback), value);
		if (def->type.list) {
			struct value *item = arena_new_of(loader->arena, struct value);

			*item = *value;
			*value = value_list(item, 1);
		}
	}
}
