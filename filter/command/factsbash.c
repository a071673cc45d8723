/* SPDX-License-Identifier: BSD-2-Clause */
/* Completion for bash: the commands, the options that their help tells of, and names. */

#include <stdio.h>
#include <string.h>

#include "filter/command/command.h"
#include "filter/command/facts.h"
#include "postern/check.h"

/* An option as the help of a command tells of it: "  --name VALUE  what it is". */
struct option_line {
	struct str name, value; /* value: empty if it takes none */
};

/* The next option from `*text` on; false: there is none. */
static bool next_option(const char **text, struct option_line *option_r)
{
	while (*text && **text) {
		const char *line = *text, *end = strchr(line, '\n');
		size_t name, value = 0;

		*text = end ? end + 1 : NULL;
		if (strncmp(line, "  -", 3) != 0)
			continue;
		line += 2;
		name = strcspn(line, " \n");
		if (line[name] == ' ' && line[name + 1] != ' ')
			value = strcspn(line + name + 1, " \n");
		if (name == 1)
			continue; /* "-" is standard input */
		option_r->name = (struct str){line, name};
		option_r->value = (struct str){line + name + 1, value};
		return true;
	}
	return false;
}

/* An option with several lines is named once; lines of one follow each other. */
static void print_options(const struct command *command)
{
	const char *text = command->options;
	struct option_line option;
	struct str last = {0};

	fputs("--help", stdout);
	while (next_option(&text, &option)) {
		if (!str_eq(option.name, last))
			printf(" " STR_FMT, STR_ARG(option.name));
		last = option.name;
	}
}

/* Does its value stand in the help in capitals, so that files may be meant? */
static void print_value_options(const struct command *command)
{
	const char *text = command->options;
	struct option_line option;
	struct str last = {0};
	bool any = false;

	while (next_option(&text, &option)) {
		if (option.value.n > 0 && !str_eq(option.name, last)) {
			printf("%s" STR_FMT, any ? "|" : "", STR_ARG(option.name));
			any = true;
		}
		last = option.name;
	}
	fputs(any ? "" : "-", stdout);
}

static void print_commands(void)
{
	size_t count;
	const struct command *const *commands = command_all(&count);

	fputs("	local commands=\"", stdout);
	for (size_t i = 0; i < count; i++)
		printf("%s%s", i > 0 ? " " : "", commands[i]->name);
	puts("\" options values\n	case ${COMP_WORDS[1]} in");
	for (size_t i = 0; i < count; i++) {
		printf("	%s)\n		options=\"", commands[i]->name);
		print_options(commands[i]);
		fputs("\" values=\"@(", stdout);
		print_value_options(commands[i]);
		puts(")\"\n		;;");
	}
	puts("	*)\n		options= values=\"@(-)\"\n		;;\n	esac");
}

static void print_settings(void)
{
	fputs("	local settings=\"", stdout);
	for (const struct family *const *f = families; *f; f++)
		for (const struct setting_def *d = (*f)->settings; d && d->name; d++)
			printf("%s= ", d->name);
	puts("\"");
}

static void print_warnings(void)
{
	fputs("	local warnings=\"error none", stdout);
	for (const struct warning_def *def = warnings; def->name; def++)
		printf(" no-%s", def->name);
	puts("\"");
}

void facts_bash(struct arena *arena)
{
	(void)arena;
	puts("# Completion of postern's commands for bash, made by 'postern facts --bash'.\n"
	     "_postern()\n{\n"
	     "	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} extglob=\n"
	     "	COMPREPLY=()");
	print_commands();
	print_settings();
	print_warnings();
	puts("	shopt -q extglob || { extglob=1; shopt -s extglob; }\n"
	     "	if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
	     "		COMPREPLY=($(compgen -W \"$commands --help --version\" -- \"$word\"))\n"
	     "	elif [ \"$before\" = -W ]; then\n"
	     "		COMPREPLY=($(compgen -W \"$warnings\" -- \"$word\"))\n"
	     "	elif [ \"$before\" = --dump ]; then\n"
	     "		COMPREPLY=($(compgen -W \"tree types plan\" -- \"$word\"))\n"
	     "	elif [ \"$before\" = --set ]; then\n"
	     "		COMPREPLY=($(compgen -W \"$settings\" -- \"$word\"))\n"
	     "		[[ ${COMPREPLY[0]-} == *= ]] && type compopt >/dev/null 2>&1 && compopt -o "
	     "nospace "
	     "2>/dev/null\n"
	     "	elif [[ $before == $values ]]; then\n"
	     "		local IFS=$'\\n'\n"
	     "		COMPREPLY=($(compgen -f -- \"$word\"))\n"
	     "	elif [[ $word == -* ]]; then\n"
	     "		COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))\n"
	     "	else\n"
	     "		local IFS=$'\\n'\n"
	     "		COMPREPLY=($(compgen -d -S / -- \"$word\")\n"
	     "			$(compgen -f -X '!*.@(policy|eml)' -- \"$word\"))\n"
	     "	fi\n"
	     "	[ -z \"$extglob\" ] || shopt -u extglob\n"
	     "}\n"
	     "complete -o filenames -F _postern postern");
}
