/* SPDX-License-Identifier: BSD-2-Clause */
/* The vocabulary as a syntax file for Vim. */

#include "filter/command/facts.h"

#include <stdio.h>
#include <string.h>

/* A name is not part of a longer one. */
#define BEFORE "\\%(^\\|[^A-Za-z0-9_.-]\\)\\@1<="
#define BEHIND "\\%($\\|[^A-Za-z0-9_.-]\\)\\@="

struct group {
	const char *name;
	bool any;
};

static void group_begin(struct group *group)
{
	printf("syn match %s \"%s\\%%(", group->name, BEFORE);
}

/* Dots mean themselves, a blank any white space. */
static void group_add(struct group *group, const char *word)
{
	fputs(group->any ? "\\|" : "", stdout);
	group->any = true;
	for (; *word; word++) {
		if (*word == '.')
			fputs("\\.", stdout);
		else if (*word == ' ')
			fputs("\\_s\\+", stdout);
		else
			putchar(*word);
	}
}

static void group_end(const struct group *group, const char *link)
{
	printf("\\)%s\"\nhi def link %s %s\n", BEHIND, group->name, link);
}

static void print_words(const char *name, const char *const *words, const char *link)
{
	struct group group = {.name = name};

	group_begin(&group);
	for (; *words; words++)
		group_add(&group, *words);
	group_end(&group, link);
}

static void print_values(void)
{
	struct group group = {.name = "posternValue"};

	group_begin(&group);
	group_add(&group, "true");
	group_add(&group, "false");
	for (const struct family *const *f = families; *f; f++)
		for (const struct fact_def *d = (*f)->facts; d && d->name; d++)
			for (const char *const *v =
				 d->type.base == TYPE_ENUM ? d->type.enumeration->values : NULL;
			     v && *v; v++)
				group_add(&group, *v);
	group_end(&group, "Constant");
}

static void print_tables(void)
{
	struct group group = {.name = "posternTable"};

	group_begin(&group);
	for (int kind = 0; kind < TABLE_KINDS; kind++)
		group_add(&group, table_kind_name((enum table_kind)kind));
	for (const struct table_type *const *type = table_types; *type; type++)
		group_add(&group, (*type)->name);
	group_end(&group, "Type");
}

void facts_vim(struct arena *arena)
{
	static const char *const keywords[] = {"set",  "table",  "define",  "include",
					       "if",   "when",   "unless",  "assert",
					       "test", "expect", "observe", NULL};
	static const char *const operators[] = {
	    "and",     "or",       "not",         "is",        "in",      "any",    "every", "no",
	    "matches", "contains", "starts with", "ends with", "present", "absent", NULL};

	puts("\" Vim syntax file for policies of Postern, made by 'postern facts --vim'.\n"
	     "if exists(\"b:current_syntax\")\n  finish\nendif\nsyn case match");
	/* Later ones win where two begin at one place. */
	print_values();
	print_tables();
	print_words("posternOperator", operators, "Operator");
	print_words("posternKeyword", keywords, "Keyword");
	print_words("posternSetting", registry_setting_names(arena, NULL), "Identifier");
	print_words("posternFact", registry_fact_names(arena, NULL), "Identifier");
	print_words("posternAction", registry_action_names(arena, NULL), "Statement");
	puts("syn match posternNumber \"" BEFORE
	     "-\\=\\d[0-9.:/]*\\%(ms\\|[smhdwB]\\|[KMG]B\\)\\=" BEHIND "\"\n"
	     "hi def link posternNumber Number\n"
	     "syn match posternLabel \"^\\s*[A-Za-z][A-Za-z0-9_-]*:\"\n"
	     "hi def link posternLabel Label\n"
	     "syn match posternAddress \"<[^ \\t<>]*>\"\n"
	     "hi def link posternAddress String\n"
	     "syn region posternPattern start=\"\\%(matches\\s\\+\\)\\@<=/\" skip=\"\\\\.\" "
	     "end=\"/[a-z]*\" oneline\n"
	     "hi def link posternPattern String\n"
	     "syn match posternEscape \"\\\\[\\\"\\\\]\\|\\$\\$\" contained\n"
	     "hi def link posternEscape SpecialChar\n"
	     "syn region posternInterpolated matchgroup=Special start=\"\\${\" end=\"}\" contained "
	     "contains=posternFact oneline\n"
	     "syn region posternString start=\"\\\"\" skip=\"\\\\.\" end=\"\\\"\" "
	     "contains=posternEscape,posternInterpolated\n"
	     "hi def link posternString String\n"
	     "syn match posternComment \"#.*\" contains=@Spell\n"
	     "hi def link posternComment Comment\n"
	     "let b:current_syntax = \"postern\"");
}
