/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_COMMAND_TALK_H
#define FILTER_COMMAND_TALK_H

/* The client's side of the control socket: for status, stats and reload. */

#include <stdbool.h>

#include <jansson.h>

#include "filter/command/command.h"

struct talk {
	const char *policy;  /* its setting 'control' tells where the daemon listens */
	const char *control; /* path of the socket, where the policy is not to be asked */
	bool json;
};

#define TALK_OPTIONS                                                                               \
	"  -c POLICY       where 'set control' is looked up; default " DEFAULT_POLICY "\n"         \
	"  --control PATH  the socket itself\n"                                                    \
	"  --json          for programs\n"

/* EXIT_FINE, or the status to end with. */
int talk_options(const struct command *self, int argc, char **argv, struct talk *talk_r);
/* The daemon's answer; NULL: there is none, which was reported. */
json_t *talk_ask(const struct command *self, const struct talk *talk, const char *request);

#endif
