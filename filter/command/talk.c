/* SPDX-License-Identifier: BSD-2-Clause */
/* What is said to the running daemon, and what it answers: over its control socket. */

#include "filter/command/talk.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "filter/command/json.h"
#include "postern/arena.h"
#include "postern/diag.h"
#include "postern/policy.h"

#define PREFIX "unix:"

int talk_options(const struct command *self, int argc, char **argv, struct talk *talk_r)
{
	static const struct option options[] = {{"policy", required_argument, NULL, 'c'},
						{"control", required_argument, NULL, 's'},
						{"json", no_argument, NULL, 'j'},
						{NULL, 0, NULL, 0}};
	int option;

	*talk_r = (struct talk){.policy = DEFAULT_POLICY};
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":c:", options, NULL)) != -1) {
		if (option == 'c')
			talk_r->policy = optarg;
		else if (option == 's')
			talk_r->control = optarg;
		else if (option == 'j')
			talk_r->json = true;
		else if (option == ':')
			return command_usage(self, "'%s' wants a value", argv[optind - 1]);
		else
			return command_usage(self, "no option '%s'", argv[optind - 1]);
	}
	if (optind < argc)
		return command_usage(self, "'%s' is one word too many", argv[optind]);
	return EXIT_FINE;
}

/* The path of the socket: as said, else as the policy says. False: reported. */
static bool talk_path(const struct command *self, const struct talk *talk,
		      struct sockaddr_un *address_r)
{
	struct arena *arena = arena_new(NULL);
	const char *where = talk->control;
	bool ok = false;

	if (!where)
		where = policy_peek(arena, talk->policy, "control");
	if (where && strncmp(where, PREFIX, strlen(PREFIX)) == 0)
		where += strlen(PREFIX);
	else if (!talk->control)
		where = NULL;
	memset(address_r, 0, sizeof(*address_r));
	address_r->sun_family = AF_UNIX;
	if (!where)
		fprintf(stderr,
			"postern %s: the policy '%s' names no control socket, say --control PATH\n",
			self->name, talk->policy);
	else if (strlen(where) >= sizeof(address_r->sun_path))
		fprintf(stderr, "postern %s: the path of the control socket is too long\n",
			self->name);
	else
		ok = true;
	if (ok)
		strcpy(address_r->sun_path, where);
	arena_free(&arena);
	return ok;
}

json_t *talk_ask(const struct command *self, const struct talk *talk, const char *request)
{
	struct sockaddr_un address;
	json_error_t error;
	json_t *object = NULL;
	FILE *stream;
	int fd;

	if (!talk_path(self, talk, &address))
		return NULL;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		fprintf(stderr, "postern %s: no daemon answers at '%s': %s\n", self->name,
			address.sun_path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	stream = fdopen(fd, "r+");
	if (!stream) {
		close(fd);
		return NULL;
	}
	if (fprintf(stream, "%s\n", request) > 0 && fflush(stream) == 0)
		object = json_loadf(stream, 0, &error);
	if (!object)
		fprintf(stderr, "postern %s: the daemon gave no answer, or ended meanwhile\n",
			self->name);
	fclose(stream);
	return object;
}
