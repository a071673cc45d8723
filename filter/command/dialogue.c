/* SPDX-License-Identifier: BSD-2-Clause */
/* Command line to dialogue, dialogue to session. */

#include "filter/command/dialogue.h"

#include <getopt.h>
#include <stdlib.h>

#include "filter/command/eml.h"
#include "postern/diag.h"

#define DNS_FILE_MOST (64u << 20)
#define CLIENT_PORT 25252 /* some port: a client without one is local submission */

enum {
	OPT_CLIENT = 256,
	OPT_HELO,
	OPT_SENDER,
	OPT_RECIPIENT,
	OPT_AUTH,
	OPT_MACRO,
	OPT_GIVEN,
	OPT_SET,
	OPT_TIME,
	OPT_DNS,
	OPT_JSON
};

static const struct option options[] = {
    {"client", required_argument, NULL, OPT_CLIENT},
    {"helo", required_argument, NULL, OPT_HELO},
    {"sender", required_argument, NULL, OPT_SENDER},
    {"recipient", required_argument, NULL, OPT_RECIPIENT},
    {"auth", required_argument, NULL, OPT_AUTH},
    {"macro", required_argument, NULL, OPT_MACRO},
    {"given", required_argument, NULL, OPT_GIVEN},
    {"set", required_argument, NULL, OPT_SET},
    {"time", required_argument, NULL, OPT_TIME},
    {"dns", required_argument, NULL, OPT_DNS},
    {"json", no_argument, NULL, OPT_JSON},
    {"policy", required_argument, NULL, 'c'},
    {NULL, 0, NULL, 0},
};

static const char *bracketed(struct arena *arena, const char *address)
{
	if (address[0] == '<')
		return address;
	return str_printf(arena, "<%s>", address).s;
}

static bool parse_client(struct dialogue *d, const char *text)
{
	struct str client = str_of(text);
	ptrdiff_t comma = str_chr(client, ',');

	if (comma >= 0) {
		d->name = text + comma + 1;
		client.n = (size_t)comma;
	}
	d->has_ip = ip_parse(client, &d->ip);
	return d->has_ip;
}

static bool parse_pair(struct dialogue *d, const char *text, struct policy_override *pair_r)
{
	const char *equals = strchr(text, '=');
	struct str name = str_of(text);

	if (!equals || equals == text)
		return false;
	name.n = (size_t)(equals - text);
	/* A macro may be named as MTAs write it, {name}. */
	if (name.n > 2 && name.s[0] == '{' && name.s[name.n - 1] == '}')
		name = str_sub(name, 1, name.n - 2);
	pair_r->name = str_dup(d->arena, name).s;
	pair_r->value = equals + 1;
	return true;
}

/* `word`: the option as it was written. */
static int parse_option(const struct command *command, struct dialogue *d, int option,
			const char *word)
{
	struct policy_override pair;
	uint64_t seconds;

	switch (option) {
	case 'c':
		d->policy = optarg;
		return 0;
	case OPT_CLIENT:
		if (parse_client(d, optarg))
			return 0;
		return command_usage(command, "--client: '%s' is not IP or IP,NAME", optarg);
	case OPT_HELO:
		d->helo = optarg;
		return 0;
	case OPT_SENDER:
		d->sender = bracketed(d->arena, optarg);
		return 0;
	case OPT_RECIPIENT:
		*vec_push(d->arena, &d->recipients) = bracketed(d->arena, optarg);
		return 0;
	case OPT_AUTH:
		*vec_push(d->arena, &d->macros) = (struct policy_override){"auth_authen", optarg};
		return 0;
	case OPT_GIVEN:
		*vec_push(d->arena, &d->given) = optarg;
		return 0;
	case OPT_MACRO:
	case OPT_SET:
		if (!parse_pair(d, optarg, &pair))
			return command_usage(command, "'%s' is not NAME=VALUE", optarg);
		if (option == OPT_MACRO)
			*vec_push(d->arena, &d->macros) = pair;
		else
			*vec_push(d->arena, &d->settings) = pair;
		return 0;
	case OPT_TIME:
		if (!str_uint(str_of(optarg), INT64_MAX / 2, &seconds))
			return command_usage(command, "--time: '%s' is not a number of seconds",
					     optarg);
		d->clock.wall = (int64_t)seconds;
		return 0;
	case OPT_DNS:
		d->dns = optarg;
		return 0;
	case OPT_JSON:
		d->json = true;
		return 0;
	case ':':
		return command_usage(command, "'%s' wants a value", word);
	default:
		return command_usage(command, "no option '%s'", word);
	}
}

int dialogue_parse(const struct command *command, struct dialogue *d, int argc, char **argv)
{
	int option, status;

	d->name = "unknown";
	d->sender = "<>";
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":c:", options, NULL)) != -1) {
		status = parse_option(command, d, option, argv[optind - 1]);
		if (status != 0)
			return status;
	}
	if (argc - optind > 1)
		return command_usage(command, "one message at a time, and '%s' is a second",
				     argv[optind + 1]);
	if (optind < argc)
		d->message = argv[optind];
	if (d->recipients.count == 0)
		*vec_push(d->arena, &d->recipients) = "<postmaster>";
	*vec_push(d->arena, &d->settings) = (struct policy_override){NULL, NULL};
	/* With answers from a file time stands still but for names that never answer. */
	if (d->dns) {
		if (d->clock.wall == 0)
			d->clock.wall = clock_time(&clock_system);
		d->clock.manual = true;
	}
	return 0;
}

static struct resolver *from_file(struct dialogue *d)
{
	struct diag *diag = diag_new(d->arena);
	struct resolver *resolver = NULL;
	struct source *source;
	const char *why = NULL;

	if (!source_read(d->arena, d->dns, DNS_FILE_MOST, &source, &why)) {
		fprintf(stderr, "postern: %s: %s\n", d->dns, why);
		return NULL;
	}
	if (resolver_from_source(source, &d->clock, diag, &resolver) < 0) {
		diag_print(diag, stderr);
		return NULL;
	}
	return resolver;
}

struct resolver *dialogue_resolver(struct dialogue *d, const struct policy *policy)
{
	const struct value *address = policy_setting_named(policy, "resolver");
	struct resolver_config config = {0};
	struct resolver *resolver = NULL;
	const char *why = NULL;

	if (d->dns)
		return from_file(d);
	if (address->state == FACT_PRESENT)
		config.address = str_dup(d->arena, address->text).s;
	if (resolver_new(&config, &resolver, &why) < 0)
		fprintf(stderr, "postern: the resolver does not start: %s\n", why);
	return resolver;
}

static const char *macro(void *ctx, const char *name)
{
	const struct dialogue *d = ctx;

	for (size_t i = 0; i < d->macros.count; i++)
		if (strcmp(d->macros.items[i].name, name) == 0)
			return d->macros.items[i].value;
	return NULL;
}

static void play_content(struct session *s, const struct eml *eml)
{
	struct edits edits;
	struct reply reply = session_data(s);

	if (reply.kind != REPLY_CONTINUE)
		return;
	for (size_t i = 0; i < eml->field_count; i++)
		session_header(s, eml->fields[i].name, eml->fields[i].value);
	if (session_eoh(s).kind != REPLY_CONTINUE)
		return;
	if (eml->body.n > 0) {
		reply = session_body(s, eml->body);
		if (reply.kind != REPLY_CONTINUE && reply.kind != REPLY_SKIP)
			return;
	}
	reply = session_eom(s, &edits);
	if (reply.kind == REPLY_CONTINUE)
		session_committed(s);
}

static unsigned client_port(const struct dialogue *d)
{
	for (size_t i = 0; i < d->given.count; i++)
		if (strcmp(d->given.items[i], "client.port=absent") == 0)
			return 0;
	return CLIENT_PORT;
}

static void play(struct dialogue *d, struct session *s, const struct eml *eml)
{
	static const char *const no_parameters[] = {NULL}, *const utf8[] = {"SMTPUTF8", NULL};
	size_t taken = 0;

	if (session_connect(s, str_of(d->name), d->has_ip ? &d->ip : NULL, client_port(d)).kind !=
	    REPLY_CONTINUE)
		return;
	if (d->helo && session_helo(s, str_of(d->helo)).kind != REPLY_CONTINUE)
		return;
	if (session_mail(s, str_of(d->sender), eml->utf8 ? utf8 : no_parameters).kind !=
	    REPLY_CONTINUE)
		return;
	for (size_t i = 0; i < d->recipients.count; i++)
		taken += session_rcpt(s, str_of(d->recipients.items[i]), no_parameters).kind ==
			 REPLY_CONTINUE;
	if (taken > 0)
		play_content(s, eml);
}

/* The facts of --given; false: one is wrong, and it was said. */
static bool given_facts(struct dialogue *d, const struct policy *policy, struct given *given,
			size_t *count_r)
{
	struct diag *diag = diag_new(d->arena);

	*count_r = 0;
	for (size_t i = 0; i < d->given.count; i++)
		*count_r +=
		    policy_given(policy, d->arena, d->given.items[i], diag, &given[*count_r]) > 0;
	diag_print(diag, stderr);
	return diag_errors(diag) == 0;
}

struct session *dialogue_run(struct dialogue *d, const struct policy *policy,
			     struct resolver *resolver, const struct eml *eml,
			     const struct given *given, size_t given_count)
{
	struct session_env env = {
	    .resolver = resolver,
	    .clock = &d->clock,
	    .macro = macro,
	    .ctx = d,
	    .trace = true,
	    .given = given,
	    .given_count = given_count,
	};
	struct session *s = session_new(policy, &env);

	if (s)
		play(d, s, eml);
	return s;
}

struct session *dialogue_play(struct dialogue *d, const struct policy *policy,
			      struct resolver *resolver)
{
	struct given *given = arena_array(d->arena, d->given.count, sizeof(*given));
	struct eml eml = {0};
	const char *why = NULL;
	size_t count;

	if (d->message && !eml_read(d->arena, d->message, &eml, &why)) {
		fprintf(stderr, "postern: %s: %s\n", d->message, why);
		return NULL;
	}
	if (!given_facts(d, policy, given, &count))
		return NULL;
	return dialogue_run(d, policy, resolver, &eml, given, count);
}
