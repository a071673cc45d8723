/* SPDX-License-Identifier: BSD-2-Clause */
/* The vocabulary as sections of a manual page: facts by family, actions, settings, tables. */

#include "filter/command/facts.h"

#include <stdio.h>
#include <string.h>

#include "postern/check.h"

/* Room for what is escaped: mandoc frowns at lines of more than 80. */
#define COLUMNS 70

/* Text for a line of its own: what roff would take for a request or an escape is guarded. */
static void print_text(const char *text, size_t n)
{
	if (n > 0 && (*text == '.' || *text == '\''))
		fputs("\\&", stdout);
	for (size_t i = 0; i < n; i++) {
		if (text[i] == '\\')
			fputs("\\e", stdout);
		else if (text[i] == '"')
			fputs("\\(dq", stdout);
		else
			putchar(text[i]);
	}
	putchar('\n');
}

/* A sentence, on as many lines as it takes. */
static void print_sentence(const char *text, size_t n)
{
	while (n > COLUMNS) {
		size_t cut = COLUMNS;

		while (cut > 0 && text[cut] != ' ')
			cut--;
		if (cut == 0)
			break;
		print_text(text, cut);
		text += cut + 1;
		n -= cut + 1;
	}
	print_text(text, n);
}

/* Sentences begin on lines of their own. */
static void print_sentences(const char *text)
{
	const char *end;

	while ((end = strstr(text, ". ")) != NULL) {
		print_sentence(text, (size_t)(end + 1 - text));
		text = end + 2;
	}
	print_sentence(text, strlen(text));
}

static void print_list(const char *width)
{
	printf(".Bl -tag -width \"%s\"\n", width);
}

static bool has_facts(const struct family *family)
{
	for (const struct fact_def *d = family->facts; d && d->name; d++)
		if (!d->internal)
			return true;
	return false;
}

static void print_fact(struct arena *arena, const struct fact_def *d)
{
	printf(".It Ic %s", d->name);
	for (const struct type *p = d->parameters; p && p->base != TYPE_OPAQUE; p++) {
		printf("%s", p == d->parameters ? " Ns Pq " : " , ");
		printf("Ar %s", type_text(arena, p).s);
	}
	putchar('\n');
	print_sentences(d->help);
	printf(".br\n" STR_FMT ";\nknown from %s, for the %s", STR_ARG(type_text(arena, &d->type)),
	       stage_name(d->stage), scope_name(d->scope));
	if (d->cost == COST_DNS)
		fputs("; asks the DNS", stdout);
	if (d->on_failure != FAILURE_NEVER)
		printf("; on failure %s", d->on_failure == FAILURE_DEFER ? "defer" : "skip");
	fputs(".\n", stdout);
}

static void print_facts(struct arena *arena)
{
	puts(".Sh FACTS");
	for (const struct family *const *f = families; *f; f++) {
		if (!has_facts(*f))
			continue;
		printf(".Ss %s\n", (*f)->name);
		print_list("recipient.parameter");
		for (const struct fact_def *d = (*f)->facts; d->name; d++)
			if (!d->internal)
				print_fact(arena, d);
		puts(".El");
	}
}

static void print_actions(void)
{
	puts(".Sh ACTIONS");
	print_list("remove authentication-results");
	for (const struct family *const *f = families; *f; f++) {
		for (const struct action_def *d = (*f)->actions; d && d->name; d++) {
			printf(".It Ic %s\n", d->name);
			print_sentences(d->help);
		}
	}
	puts(".El");
}

static void print_setting(struct arena *arena, const struct setting_def *d)
{
	printf(".It Ic %s\n", d->name);
	print_sentences(d->help);
	puts(".br");
	if (d->words) {
		for (const char *const *word = d->words; *word; word++)
			printf("%s%s", word == d->words ? "" : word[1] ? ", " : " or ", *word);
	} else {
		fputs(d->table ? "the name of a table" : type_text(arena, &d->type).s, stdout);
	}
	if (d->least != 0 || d->most != 0)
		printf(", %lld to %lld", (long long)d->least, (long long)d->most);
	if (d->fallback)
		printf("; by default %s", d->fallback);
	fputs(".\n", stdout);
}

static void print_settings(struct arena *arena)
{
	puts(".Sh SETTINGS");
	print_list("dkim.minimum-bits");
	for (const struct family *const *f = families; *f; f++)
		for (const struct setting_def *d = (*f)->settings; d && d->name; d++)
			print_setting(arena, d);
	puts(".El");
}

static void print_tables(void)
{
	puts(".Sh TABLES\nKinds, which say what an item is:\n.Bl -bullet -compact");
	for (int kind = 0; kind < TABLE_KINDS; kind++)
		printf(".It\n.Ic %s\n", table_kind_name((enum table_kind)kind));
	puts(".El\n.Pp\nTypes, which say where the items are, if not in braces:\n.Bl -bullet "
	     "-compact");
	for (const struct table_type *const *type = table_types; *type; type++)
		printf(".It\n.Ic %s\n", (*type)->name);
	puts(".El");
}

static void print_warnings(void)
{
	puts(".Sh WARNINGS");
	print_list("forged-results");
	for (const struct warning_def *def = warnings; def->name; def++) {
		printf(".It Cm %s\n", def->name);
		printf("%s.\n", def->help);
	}
	puts(".El");
}

void facts_mdoc(struct arena *arena)
{
	print_facts(arena);
	print_actions();
	print_settings(arena);
	print_tables();
	print_warnings();
}
