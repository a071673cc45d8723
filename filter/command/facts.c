/* SPDX-License-Identifier: BSD-2-Clause */
/* postern facts: the vocabulary, from the registry. */

#include <string.h>

#include "filter/command/command.h"
#include "filter/command/facts.h"
#include "filter/command/json.h"
#include "postern/arena.h"
#include "postern/fact.h"
#include "postern/limits.h"
#include "postern/table.h"

static struct str fact_text(struct arena *arena, const struct fact_def *def)
{
	struct buf out = {.arena = arena};

	buf_puts(&out, def->name);
	for (const struct type *p = def->parameters; p && p->base != TYPE_OPAQUE; p++) {
		buf_puts(&out, p == def->parameters ? "(" : ", ");
		buf_add(&out, type_text(arena, p));
	}
	if (def->parameters)
		buf_putc(&out, ')');
	return buf_str(&out);
}

static void each_fact(struct arena *arena,
		      void (*fn)(struct arena *arena, const struct fact_def *def, void *ctx),
		      void *ctx)
{
	for (const struct family *const *f = families; *f; f++)
		for (const struct fact_def *d = (*f)->facts; d && d->name; d++)
			if (!d->internal)
				fn(arena, d, ctx);
}

/* "mail", or "mail/headers" where it may hang on what is known only there. */
static struct str stages_text(struct arena *arena, const struct fact_def *d)
{
	struct buf out = {.arena = arena};
	unsigned stages = registry_stages(d);

	for (unsigned i = 0; i < STAGE_COUNT; i++)
		if (stages & 1u << i)
			buf_printf(&out, "%s%s", out.n > 0 ? "/" : "", stage_name((enum stage)i));
	return buf_str(&out);
}

static void fact_line(struct arena *arena, const struct fact_def *d, void *ctx)
{
	(void)ctx;
	printf("  %-28s %-16s %-11s %-5s " STR_FMT "\n      %s\n", fact_text(arena, d).s,
	       stages_text(arena, d).s, scope_name(d->scope), cost_name(d->cost),
	       STR_ARG(type_text(arena, &d->type)), d->help);
}

static void print_text(struct arena *arena)
{
	puts("FACTS                          first known      scope      cost  type");
	each_fact(arena, fact_line, NULL);
	puts("\nACTIONS");
	for (const struct family *const *f = families; *f; f++)
		for (const struct action_def *d = (*f)->actions; d && d->name; d++)
			printf("  %-30s %s\n", d->name, d->help);
	puts("\nSETTINGS");
	for (const struct family *const *f = families; *f; f++)
		for (const struct setting_def *d = (*f)->settings; d && d->name; d++)
			printf("  %-18s %-10s %s\n", d->name, d->fallback ? d->fallback : "-",
			       d->help);
	puts("\nTABLES");
	for (int kind = 0; kind < TABLE_KINDS; kind++) {
		printf("  %-12s inline", table_kind_name((enum table_kind)kind));
		for (const struct table_type *const *type = table_types; *type; type++)
			printf(", %s", (*type)->name);
		printf("\n");
	}
}

static int walk(const struct fact_def *d, unsigned which)
{
	return d->walks & which ? LIMIT_WALK : 0;
}

static void fact_json(struct arena *arena, const struct fact_def *d, void *ctx)
{
	json_t *inputs = json_array(), *lookups;

	for (const char *const *in = d->inputs; in && *in; in++)
		json_array_append_new(inputs, json_string(*in));
	for (const char *const *in = d->late; in && *in; in++)
		json_array_append_new(inputs, json_string(*in));
	lookups = json_pack("{s:i, s:i, s:i}", "shared",
			    (int)d->lookups + walk(d, WALK_AUTHOR) + walk(d, WALK_SPF),
			    "each_signature", (int)d->lookups_signature + walk(d, WALK_SIGNATURE),
			    "spf", (int)d->lookups_spf);
	json_array_append_new(
	    ctx, json_pack("{s:s, s:o, s:b, s:s, s:s, s:s, s:o, s:s, s:o, s:s}", "name", d->name,
			   "type", json_str(type_text(arena, &d->type), false), "called",
			   d->parameters != NULL, "stage", stage_name(d->stage), "scope",
			   scope_name(d->scope), "cost", cost_name(d->cost), "inputs", inputs,
			   "trust", trust_name(d->trust), "lookups", lookups, "help", d->help));
}

static void print_json(struct arena *arena)
{
	static const char *const classes[] = {"decisive", "edit", "envelope", "log", "score"};
	json_t *facts = json_array(), *actions = json_array(), *settings = json_array(),
	       *tables = json_array();

	each_fact(arena, fact_json, facts);
	for (const struct family *const *f = families; *f; f++)
		for (const struct action_def *d = (*f)->actions; d && d->name; d++)
			json_array_append_new(actions,
					      json_pack("{s:s, s:s, s:s}", "name", d->name, "class",
							classes[d->class], "help", d->help));
	for (const struct family *const *f = families; *f; f++)
		for (const struct setting_def *d = (*f)->settings; d && d->name; d++)
			json_array_append_new(
			    settings,
			    json_pack("{s:s, s:o, s:o, s:s}", "name", d->name, "type",
				      json_str(type_text(arena, &d->type), false), "default",
				      json_text(d->fallback), "help", d->help));
	for (int kind = 0; kind < TABLE_KINDS; kind++) {
		json_t *types = json_pack("[s]", "inline");

		for (const struct table_type *const *type = table_types; *type; type++)
			json_array_append_new(types, json_string((*type)->name));
		json_array_append_new(tables, json_pack("{s:s, s:o}", "kind",
							table_kind_name((enum table_kind)kind),
							"types", types));
	}
	json_print(json_pack("{s:o, s:o, s:o, s:o}", "facts", facts, "actions", actions, "settings",
			     settings, "tables", tables));
}

static int run(const struct command *self, int argc, char **argv)
{
	static const struct {
		const char *option;
		void (*print)(struct arena *arena);
	} forms[] = {{"", print_text},
		     {"--json", print_json},
		     {"--mdoc", facts_mdoc},
		     {"--vim", facts_vim},
		     {"--bash", facts_bash}};
	const char *wanted = argc > 1 ? argv[1] : "";
	struct arena *arena;
	size_t form = 0;

	while (form < sizeof(forms) / sizeof(forms[0]) && strcmp(forms[form].option, wanted) != 0)
		form++;
	if (argc > 2 || form == sizeof(forms) / sizeof(forms[0]))
		return command_usage(self, "no option '%s'", argv[argc > 2 ? 2 : 1]);
	arena = arena_new(NULL);
	forms[form].print(arena);
	arena_free(&arena);
	return EXIT_FINE;
}

const struct command command_facts = {
    .name = "facts",
    .synopsis = "[--json | --mdoc | --vim | --bash]",
    .help = "the vocabulary: facts, actions, settings, table types",
    .options = "  --json  print JSON\n"
	       "  --mdoc  print sections of a manual page\n"
	       "  --vim   print a syntax file for Vim\n"
	       "  --bash  print completion for bash\n",
    .run = run,
};
