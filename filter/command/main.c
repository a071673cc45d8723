/* SPDX-License-Identifier: BSD-2-Clause */
/* The program: finds the command and runs it. */

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "filter/command/command.h"
#include "postern/arena.h"
#include "postern/fact.h"

/* clang-format off */
static const struct command *const commands[] = {
	&command_serve,
	&command_check,
	&command_test,
	&command_explain,
	&command_auth,
	&command_facts,
	&command_fmt,
	&command_status,
	&command_stats,
	&command_reload,
	&command_why,
	&command_log,
	&command_replay,
	&command_doctor,
};
/* clang-format on */

#define COUNT (sizeof(commands) / sizeof(commands[0]))

static void usage(FILE *out)
{
	fputs("usage: postern COMMAND [ARGUMENT ...]\n\n", out);
	for (size_t i = 0; i < COUNT; i++)
		fprintf(out, "  %-8s %s\n", commands[i]->name, commands[i]->help);
	fputs("\n'postern COMMAND --help' tells more; 'postern --version' the version.\n", out);
}

const struct command *const *command_all(size_t *count_r)
{
	*count_r = COUNT;
	return commands;
}

void command_help(const struct command *command, FILE *out)
{
	fprintf(out, "usage: postern %s %s\n\n%s.\n", command->name, command->synopsis,
		command->help);
	if (command->options)
		fprintf(out, "\n%s", command->options);
	if (command->further)
		command->further(out);
}

int command_usage(const struct command *command, const char *fmt, ...)
{
	va_list args;

	fprintf(stderr, "postern %s: ", command->name);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, "\nusage: postern %s %s\n", command->name, command->synopsis);
	return EXIT_BROKEN;
}

static void check_registry(void)
{
	struct arena *arena = arena_new(NULL);
	const char *fault = registry_check(arena);

	if (fault) {
		fprintf(stderr, "postern: the registry is broken: %s\n", fault);
		abort();
	}
	arena_free(&arena);
}

static int run(const struct command *command, int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			command_help(command, stdout);
			return EXIT_FINE;
		}
	}
	check_registry();
	return command->run(command, argc, argv);
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		usage(stderr);
		return EXIT_BROKEN;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0) {
		usage(stdout);
		return EXIT_FINE;
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("postern " PACKAGE_VERSION);
		return EXIT_FINE;
	}
	for (size_t i = 0; i < COUNT; i++)
		if (strcmp(argv[1], commands[i]->name) == 0)
			return run(commands[i], argc - 1, argv + 1);
	fprintf(stderr, "postern: no command '%s'\n", argv[1]);
	usage(stderr);
	return EXIT_BROKEN;
}
