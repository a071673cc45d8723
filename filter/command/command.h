/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_COMMAND_COMMAND_H
#define FILTER_COMMAND_COMMAND_H

/*
 * The program's commands: one row each, defined in a file of its own. run() gets the arguments
 * with the command's own name as argv[0] and returns the exit status.
 */

#include <stdio.h>

#define EXIT_FINE 0
#define EXIT_NO 1     /* the answer is no */
#define EXIT_BROKEN 2 /* usage, or a policy with errors */

/* The policy that commands mean where none is named. */
#define DEFAULT_POLICY "/etc/postern/postern.policy"

struct command {
	const char *name;
	const char *synopsis; /* of the arguments */
	const char *help;     /* one line */
	const char *options;  /* a line each, or NULL */
	int (*run)(const struct command *self, int argc, char **argv);
	void (*further)(FILE *out); /* prints what --help says besides; or NULL */
};

/* clang-format off */
extern const struct command
	command_serve,
	command_check,
	command_test,
	command_explain,
	command_auth,
	command_facts,
	command_fmt,
	command_status,
	command_stats,
	command_reload,
	command_why,
	command_log,
	command_replay,
	command_doctor;
/* clang-format on */

/* All commands, in the order of the program's own help. */
const struct command *const *command_all(size_t *count_r);
void command_help(const struct command *command, FILE *out);
/* "postern NAME: TEXT" and a hint at --help on stderr; returns EXIT_BROKEN. */
int command_usage(const struct command *command, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

struct diag;
struct policy;
/* Reports what `serve` would not start with, of the settings of a policy. */
void serve_check(const struct policy *policy, struct diag *diag);

#endif
