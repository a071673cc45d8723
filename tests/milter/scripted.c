/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A daemon of the milter room around a session that does as it is told: what to answer stands in
 * the local part of the sender ("mail-reject", "eom-tempfail") or the recipient, in the HELO name
 * or the client's name. It writes every event to the log.
 *
 * scripted [-b FILE] [-g GROUP] [-m MODE] [-u USER] [-n NEED,...] [-s STATUS] [-x] WHERE
 *   -b  start says that it is no use while that file is there
 *   -n  what session_needs() says; "all" for everything, "macros" for lists of macros
 *   -s  the status that start returns
 *   -x  session_new() finds no memory
 */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "postern/arena.h"
#include "postern/log.h"
#include "postern/milter.h"
#include "postern/session.h"

struct policy {
	struct session_needs needs;
	bool no_sessions;
};

struct session {
	struct arena *arena;
	const struct session_env *env;
	struct str script; /* local part of the sender */
	struct edit edits[8];
};

static const struct {
	const char *name;
	size_t offset;
} flags[] = {
#define FLAG(name)                                                                                 \
	{                                                                                          \
#name, offsetof(struct session_needs, name)                                        \
	}
    FLAG(helo),
    FLAG(rcpt),
    FLAG(rejected_rcpt),
    FLAG(data),
    FLAG(headers),
    FLAG(eoh),
    FLAG(body),
    FLAG(connect_reply),
    FLAG(rcpt_reply),
    FLAG(data_reply),
    FLAG(eoh_reply),
    FLAG(edits_headers),
    FLAG(edits_recipients),
    FLAG(holds),
};

void session_needs(const struct policy *policy, struct session_needs *needs_r)
{
	*needs_r = policy->needs;
}

struct session *session_new(const struct policy *policy, const struct session_env *env)
{
	struct arena *arena;
	struct session *s;

	if (policy->no_sessions)
		return NULL;
	arena = arena_new(NULL);
	s = arena_new_of(arena, struct session);
	s->arena = arena;
	s->env = env;
	return s;
}

void session_free(struct session **session)
{
	struct arena *arena;

	if (!*session)
		return;
	log_line(LOG_LEVEL_INFO, "event free");
	arena = (*session)->arena;
	*session = NULL;
	arena_free(&arena);
}

static const char *macro(const struct session *s, const char *name)
{
	const char *value = s->env->macro(s->env->ctx, name);

	return value ? str_clean(s->arena, str_of(value), 200).s : "-";
}

static void event(struct session *s, const char *name, struct str text)
{
	struct str clean = str_clean(s->arena, text, 2000);

	log_line(LOG_LEVEL_INFO, "event %s [" STR_FMT "]", name, STR_ARG(clean));
}

static struct str local_part(struct str path)
{
	path = str_sub(path, str_starts(path, STR("<")) ? 1 : 0, path.n);
	return str_sub(path, 0, str_chr(path, '@') < 0 ? path.n : (size_t)str_chr(path, '@'));
}

/* STAGE-KIND, as far as it is about this stage. */
static struct reply answer(struct session *s, struct str script, const char *stage)
{
	static const char *const kinds[] = {
	    [REPLY_CONTINUE] = "continue", [REPLY_ACCEPT] = "accept",   [REPLY_REJECT] = "reject",
	    [REPLY_TEMPFAIL] = "tempfail", [REPLY_DISCARD] = "discard", [REPLY_SKIP] = "skip"};
	struct reply reply = {.kind = REPLY_CONTINUE};
	struct str kind;

	if (!str_starts(script, str_of(stage)) || str_chr(script, '-') != (ptrdiff_t)strlen(stage))
		return reply;
	kind = str_sub(script, strlen(stage) + 1, script.n);
	if (str_eq(kind, STR("crash")))
		raise(SIGKILL);
	if (str_eq(kind, STR("hang")))
		sleep(30);
	if (str_eq(kind, STR("slow")))
		for (int i = 0; i < 4; i++) {
			nanosleep(&(struct timespec){.tv_nsec = 250000000}, NULL);
			s->env->progress(s->env->ctx);
		}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (str_eq(kind, str_of(kinds[i])))
			reply.kind = (enum reply_kind)i;
	reply.code = reply.kind == REPLY_TEMPFAIL ? 452 : 554;
	reply.enhanced = reply.kind == REPLY_TEMPFAIL ? "4.7.99" : "5.7.99";
	reply.text = str_printf(s->arena, "told at %s, 100%% sure", stage).s;
	if (str_eq(kind, STR("mismatch"))) {
		reply.kind = REPLY_REJECT;
		reply.code = 451;
		reply.enhanced = "4.7.1";
	} else if (str_eq(kind, STR("long"))) {
		char *text = arena_alloc(s->arena, 3000);

		memset(text, 'x', 2500);
		text[979] = '%';
		reply.kind = REPLY_TEMPFAIL;
		reply.code = 450;
		reply.enhanced = "4.2.0";
		reply.text = text;
	} else if (str_eq(kind, STR("lines"))) {
		reply.kind = REPLY_REJECT;
		reply.enhanced = "nonsense";
		reply.text = "one\r\n250 two \xc3\xa4";
	}
	return reply;
}

struct reply session_connect(struct session *s, struct str name, const struct ip *ip, unsigned port)
{
	char text[IP_TEXT_MAX];

	event(s, "connect",
	      str_printf(s->arena, STR_FMT " %s %u j=%s client_addr=%s", STR_ARG(name),
			 ip ? ip_text(ip, text) : "none", port, macro(s, "j"),
			 macro(s, "client_addr")));
	return answer(s, str_dup(s->arena, name), "connect");
}

struct reply session_helo(struct session *s, struct str name)
{
	event(s, "helo", name);
	return answer(s, str_dup(s->arena, name), "helo");
}

static void event_path(struct session *s, const char *name, struct str path,
		       const char *const *parameters, const char *facts)
{
	struct buf line = {.arena = s->arena};

	buf_add(&line, path);
	for (; *parameters; parameters++)
		buf_printf(&line, " %s", *parameters);
	buf_printf(&line, " %s", facts);
	event(s, name, buf_str(&line));
}

struct reply session_mail(struct session *s, struct str path, const char *const *parameters)
{
	event_path(s, "mail", path, parameters,
		   str_printf(s->arena, "auth_authen=%s", macro(s, "auth_authen")).s);
	s->script = str_dup(s->arena, local_part(path));
	return answer(s, s->script, "mail");
}

struct reply session_rcpt(struct session *s, struct str path, const char *const *parameters)
{
	event_path(s, "rcpt", path, parameters,
		   str_printf(s->arena, "rcpt_addr=%s rcpt_mailer=%s", macro(s, "rcpt_addr"),
			      macro(s, "rcpt_mailer"))
		       .s);
	return answer(s, str_dup(s->arena, local_part(path)), "rcpt");
}

struct reply session_data(struct session *s)
{
	event(s, "data", STR(""));
	return answer(s, s->script, "data");
}

void session_header(struct session *s, struct str name, struct str value)
{
	event(s, "header",
	      str_printf(s->arena, STR_FMT ":" STR_FMT, STR_ARG(name), STR_ARG(value)));
}

struct reply session_eoh(struct session *s)
{
	event(s, "eoh", STR(""));
	return answer(s, s->script, "eoh");
}

struct reply session_body(struct session *s, struct str chunk)
{
	event(s, "body", str_printf(s->arena, "%zu", chunk.n));
	return answer(s, s->script, "body");
}

static void edit(struct session *s, struct edits *edits, struct edit what)
{
	s->edits[edits->count++] = what;
	edits->items = s->edits;
}

struct reply session_eom(struct session *s, struct edits *edits_r)
{
	*edits_r = (struct edits){.items = NULL};
	event(s, "eom", str_printf(s->arena, "i=%s", macro(s, "i")));
	if (str_eq(s->script, STR("edits")) || str_eq(s->script, STR("edits-refused"))) {
		edit(s, edits_r, (struct edit){EDIT_REMOVE_HEADER, "X-Old", NULL, 2});
		edit(s, edits_r, (struct edit){EDIT_REMOVE_HEADER, "X-Old", NULL, 1});
		edit(s, edits_r, (struct edit){EDIT_REPLACE_HEADER, "Subject", "new", 1});
		edit(s, edits_r, (struct edit){EDIT_ADD_HEADER, "X-Last", " led", 0});
		edit(s, edits_r,
		     (struct edit){EDIT_INSERT_HEADER, "Authentication-Results", "mx;\n\tspf=none",
				   0});
		edit(s, edits_r, (struct edit){EDIT_REMOVE_RECIPIENT, NULL, "<b@example.net>", 0});
		edit(s, edits_r, (struct edit){EDIT_ADD_RECIPIENT, NULL, "<c@example.net>", 0});
	}
	if (str_eq(s->script, STR("edits-refused")))
		edit(s, edits_r, (struct edit){EDIT_REMOVE_HEADER, "", NULL, 1});
	if (str_eq(s->script, STR("edits-empty"))) {
		edit(s, edits_r, (struct edit){EDIT_REPLACE_HEADER, "Subject", "", 1});
		edit(s, edits_r, (struct edit){EDIT_HOLD, NULL, "", 0});
	}
	if (str_eq(s->script, STR("hold")))
		edit(s, edits_r, (struct edit){EDIT_HOLD, NULL, "looks odd", 0});
	if (s->env->settled)
		s->env->settled(s->env->ctx, s);
	return answer(s, s->script, "eom");
}

void session_committed(struct session *s)
{
	(void)s;
}

struct reply session_edit_failed(struct session *s, const struct edit *refused)
{
	event(s, "edit-failed", str_of(refused->name));
	return (struct reply){.kind = REPLY_TEMPFAIL,
			      .code = 451,
			      .enhanced = "4.3.0",
			      .text = "Message could not be edited"};
}

void session_postpone(struct session *s, bool on)
{
	if (on)
		event(s, "postpone", STR(""));
}

void session_abort(struct session *s)
{
	event(s, "abort", STR(""));
}

static void settled(void *ctx, const struct session *session)
{
	(void)session;
	log_line(LOG_LEVEL_INFO, "event settled [%s]", (const char *)ctx);
}

static void finish(void *ctx)
{
	log_line(LOG_LEVEL_INFO, "event finish [%s]", (const char *)ctx);
}

static void reload(void *ctx)
{
	log_line(LOG_LEVEL_INFO, "event reload [%s]", (const char *)ctx);
}

struct options {
	struct policy policy;
	int status;
	const char *broken;
};

static int start(void *ctx, struct milter_service *service_r)
{
	struct options *options = ctx;

	service_r->served.policy = &options->policy;
	service_r->clock = &clock_system;
	service_r->settled = settled;
	service_r->finish = finish;
	service_r->reload = reload;
	service_r->ctx = (void *)"service";
	return options->broken && access(options->broken, F_OK) == 0 ? MILTER_BROKEN
								     : options->status;
}

static void need(struct session_needs *needs, const char *name)
{
	if (strcmp(name, "macros") == 0) {
		needs->connect_macros = "client_addr {client_port}";
		needs->rcpt_macros = "rcpt_mailer tls_version";
		return;
	}
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (strcmp(name, flags[i].name) == 0 || strcmp(name, "all") == 0)
			*(bool *)((char *)needs + flags[i].offset) = true;
}

int main(int argc, char **argv)
{
	struct options options = {.policy.needs = {.connect_macros = "",
						   .helo_macros = "",
						   .mail_macros = "",
						   .rcpt_macros = "",
						   .data_macros = "",
						   .eom_macros = ""}};
	struct milter_config config = {.name = "scripted", .mode = 0660};
	char *word;
	int c;

	while ((c = getopt(argc, argv, "b:g:m:u:n:s:x")) != -1) {
		switch (c) {
		case 'b':
			options.broken = optarg;
			break;
		case 'g':
			config.group = optarg;
			break;
		case 'm':
			config.mode = (unsigned)strtoul(optarg, NULL, 8);
			break;
		case 'u':
			config.user = optarg;
			break;
		case 'n':
			while ((word = strsep(&optarg, ",")) != NULL)
				need(&options.policy.needs, word);
			break;
		case 's':
			options.status = atoi(optarg);
			break;
		case 'x':
			options.policy.no_sessions = true;
			break;
		default:
			return MILTER_BROKEN;
		}
	}
	if (optind + 1 != argc)
		return MILTER_BROKEN;
	config.listen = argv[optind];
	return milter_run(&config, start, &options);
}
