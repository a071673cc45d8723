/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_COMMAND_DIALOGUE_H
#define FILTER_COMMAND_DIALOGUE_H

/*
 * An SMTP dialogue given on the command line, and a message from a file, played to a session as an
 * MTA would.
 */

#include <stdbool.h>

#include "filter/command/command.h"
#include "postern/arena.h"
#include "postern/dns.h"
#include "postern/policy.h"
#include "postern/session.h"

struct eml;

struct dialogue {
	struct arena *arena;
	const char *policy; /* -c */
	bool json;
	bool has_ip;
	struct ip ip;
	const char *name;                     /* of the client; "unknown" */
	const char *helo;                     /* NULL: not said */
	const char *sender;                   /* in angle brackets */
	VEC(const char *) recipients;         /* the same */
	VEC(struct policy_override) settings; /* ends with a NULL name once parsed */
	VEC(struct policy_override) macros;
	VEC(const char *) given; /* FACT=VALUE */
	const char *dns;         /* file of records; NULL: the real DNS */
	const char *message;     /* file; NULL: none */
	struct clock clock;
};

#define DIALOGUE_OPTIONS                                                                           \
	"  --client IP[,NAME]   the SMTP client\n"                                                 \
	"  --helo NAME          what it says in HELO\n"                                            \
	"  --sender ADDRESS     envelope sender; \"\" or <> is the null sender\n"                  \
	"  --recipient ADDRESS  a recipient; may repeat (default: postmaster)\n"                   \
	"  --auth USER          logged in as USER\n"                                               \
	"  --macro NAME=VALUE   a macro of the MTA\n"                                              \
	"  --set NAME=VALUE     a setting, as 'set NAME VALUE' in the policy\n"                    \
	"  --time SECONDS       the time to judge at, since 1970\n"                                \
	"  --dns FILE           answers from this file of records only\n"                          \
	"  --json               print JSON\n"

/* Parses the options. Returns 0, or an exit status. */
int dialogue_parse(const struct command *command, struct dialogue *d, int argc, char **argv);

/* The resolver that --dns or the policy asks for; NULL: said why. */
struct resolver *dialogue_resolver(struct dialogue *d, const struct policy *policy);

/*
 * Plays it. The session is left at the end of the message, for session_report(); its edits are
 * taken as made. NULL: said why.
 */
struct session *dialogue_play(struct dialogue *d, const struct policy *policy,
			      struct resolver *resolver);
/* The same with a message and facts that are at hand. NULL: memory ended. */
struct session *dialogue_run(struct dialogue *d, const struct policy *policy,
			     struct resolver *resolver, const struct eml *eml,
			     const struct given *given, size_t given_count);

#endif
