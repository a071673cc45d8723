/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A Postfix, as its own postconf tells of it: which of its SMTP services ask us, by which path, and
 * what they do while we are away or slow.
 */

#include "filter/command/doctor.h"

#include <stdio.h>
#include <string.h>

#define POSTCONF "/usr/sbin/postconf"

/* One SMTP service of master.cf, or mail that no SMTP service took. */
struct service {
	const char *name; /* "smtp/inet" */
	bool chroot, local;
	struct str milters;
};

/* One entry of a list of milters, with what it says for itself alone. */
struct milter {
	struct str where;
	struct str default_action, connect_timeout, command_timeout, content_timeout;
};

struct postfix {
	struct doctor *doctor;
	const char *parameters; /* all of them, a line each: postconf takes its time */
	const char *queue;
	const char *owner;
	size_t asking; /* services that ask us */
};

static const char *postconf(struct doctor *doctor, const char *first, const char *second)
{
	const char *argv[] = {POSTCONF, "-c", doctor->config, first, second, NULL};
	const char *plain[] = {POSTCONF, first, second, NULL};

	return doctor_run(doctor->arena, doctor->config ? argv : plain);
}

static struct str strip(struct str text)
{
	while (text.n > 0 && (text.s[0] == ' ' || text.s[0] == '\t'))
		text = str_sub(text, 1, text.n);
	while (text.n > 0 && strchr(" \t\n", text.s[text.n - 1]))
		text = str_sub(text, 0, text.n - 1);
	return text;
}

/* The value behind "NAME = " in lines of postconf; false: there is none of that name. */
static bool value_of(const char *lines, const char *name, struct str *value_r)
{
	size_t n = strlen(name);

	for (const char *line = lines; line && *line;) {
		const char *end = strchr(line, '\n');
		struct str row = {line, end ? (size_t)(end - line) : strlen(line)};

		if (row.n > n && strncmp(line, name, n) == 0 && strncmp(line + n, " =", 2) == 0) {
			*value_r = strip(str_sub(row, n + 2, row.n));
			return true;
		}
		line = end ? end + 1 : NULL;
	}
	return false;
}

/* A parameter of main.cf with its $names undone; empty where this Postfix has none of that name. */
static const char *parameter(const struct postfix *p, const char *name)
{
	struct str value = {0};

	return value_of(p->parameters, name, &value) ? str_dup(p->doctor->arena, value).s : "";
}

/* ---- lists of milters ---- */

static void milter_attribute(struct milter *milter, struct str attribute)
{
	static const struct {
		const char *name;
		size_t offset;
	} known[] = {
	    {"default_action", offsetof(struct milter, default_action)},
	    {"connect_timeout", offsetof(struct milter, connect_timeout)},
	    {"command_timeout", offsetof(struct milter, command_timeout)},
	    {"content_timeout", offsetof(struct milter, content_timeout)},
	};
	ptrdiff_t is = str_chr(attribute, '=');

	for (size_t i = 0; is > 0 && i < sizeof(known) / sizeof(known[0]); i++)
		if (str_eq(strip(str_sub(attribute, 0, (size_t)is)), str_of(known[i].name)))
			*(struct str *)((char *)milter + known[i].offset) =
			    strip(str_sub(attribute, (size_t)is + 1, attribute.n));
}

/* "unix:a { inet:b:1, default_action=accept }": the next of the list. False: there is none. */
static bool milter_next(struct str *list, struct milter *milter_r)
{
	struct str rest = *list, inside;
	size_t n = 0;

	*milter_r = (struct milter){0};
	while (rest.n > 0 && strchr(" \t\n,", rest.s[0]))
		rest = str_sub(rest, 1, rest.n);
	if (rest.n == 0)
		return false;
	if (rest.s[0] != '{') {
		while (n < rest.n && !strchr(" \t\n,", rest.s[n]))
			n++;
		milter_r->where = str_sub(rest, 0, n);
		*list = str_sub(rest, n, rest.n);
		return true;
	}
	while (n < rest.n && rest.s[n] != '}')
		n++;
	inside = str_sub(rest, 1, n - 1);
	*list = str_sub(rest, n + (n < rest.n), rest.n);
	while (inside.n > 0) {
		ptrdiff_t comma = str_chr(inside, ',');
		struct str part = strip(str_sub(inside, 0, comma < 0 ? inside.n : (size_t)comma));

		if (milter_r->where.n == 0)
			milter_r->where = part;
		else
			milter_attribute(milter_r, part);
		inside = comma < 0 ? STR("") : str_sub(inside, (size_t)comma + 1, inside.n);
	}
	return true;
}

/* The path at which this service finds a unix socket: below the queue if relative or chrooted. */
static const char *seen_path(const struct postfix *p, const struct service *service,
			     struct str where)
{
	struct str path = str_sub(where, strlen("unix:"), where.n);

	if (path.n > 0 && path.s[0] == '/' && !service->chroot)
		return str_dup(p->doctor->arena, path).s;
	return str_printf(p->doctor->arena, "%s%s" STR_FMT, p->queue,
			  path.n > 0 && path.s[0] == '/' ? "" : "/", STR_ARG(path))
	    .s;
}

/* "inet:HOST:PORT" against our "inet:PORT@HOST". */
static bool same_inet(struct str where, struct str listen)
{
	ptrdiff_t colon = str_rchr(where, ':'), start = str_chr(listen, ':');
	ptrdiff_t at = str_chr(listen, '@');

	return colon > 0 && start > 0 && at > start &&
	       str_eq(str_sub(where, (size_t)colon + 1, where.n),
		      str_sub(listen, (size_t)start + 1, (size_t)(at - start - 1)));
}

static bool is_ours(const struct postfix *p, const struct service *service, struct str where)
{
	struct str listen = str_of(p->doctor->listen);

	if (str_starts(where, STR("unix:")) && str_starts(listen, STR("unix:")))
		return strcmp(seen_path(p, service, where), p->doctor->listen + strlen("unix:")) ==
		       0;
	return str_starts(where, STR("inet:")) && str_starts(listen, STR("inet")) &&
	       same_inet(where, listen);
}

/* ---- one service ---- */

static void look_action(const struct postfix *p, const char *service, struct str action)
{
	static const char *const mend = "say default_action=tempfail for this milter";

	if (str_eq(action, STR("accept")))
		doctor_find(p->doctor, FINDING_BAD, "milter_default_action", mend,
			    "%s: mail passes unchecked while Postern is away (accept)", service);
	else if (str_eq(action, STR("reject")))
		doctor_find(p->doctor, FINDING_BAD, "milter_default_action", mend,
			    "%s: mail is refused for good while Postern is away (reject)", service);
	else if (str_eq(action, STR("quarantine")))
		doctor_find(p->doctor, FINDING_NOTE, "milter_default_action", mend,
			    "%s: mail is held, unchecked, while Postern is away (quarantine)",
			    service);
	else
		doctor_find(p->doctor, FINDING_FINE, "milter_default_action", NULL,
			    "%s: mail is put off while Postern is away (" STR_FMT ")", service,
			    STR_ARG(action));
}

static void look_timeout(const struct postfix *p, const char *service, const char *name,
			 struct str own, long least)
{
	struct str text = own.n > 0 ? own : str_of(parameter(p, name));
	long seconds = doctor_seconds(text, 1);

	if (seconds >= 0 && seconds < least)
		doctor_find(p->doctor, FINDING_BAD, name,
			    str_printf(p->doctor->arena, "give it %ld s", least).s,
			    "%s: Postfix gives up after " STR_FMT
			    ", Postern may wait longer for DNS",
			    service, STR_ARG(text));
}

static void look_milter(const struct postfix *p, const struct service *service,
			const struct milter *milter)
{
	struct str action = milter->default_action.n > 0
				? milter->default_action
				: str_of(parameter(p, "milter_default_action"));

	look_action(p, service->name, action);
	look_timeout(p, service->name, "milter_command_timeout", milter->command_timeout,
		     DOCTOR_COMMAND_SECONDS);
	look_timeout(p, service->name, "milter_content_timeout", milter->content_timeout,
		     DOCTOR_MESSAGE_SECONDS);
}

static void look_service(struct postfix *p, const struct service *service)
{
	struct str list = service->milters;
	struct str before = {0}, after = {0}, wrong = {0};
	struct milter milter;
	bool ours = false;

	while (milter_next(&list, &milter)) {
		if (is_ours(p, service, milter.where)) {
			ours = true;
			look_milter(p, service, &milter);
		} else if (ours) {
			after = milter.where;
		} else {
			before = milter.where;
		}
		if (!ours && str_starts(milter.where, STR("unix:")) &&
		    str_starts(str_of(p->doctor->listen), STR("unix:")) &&
		    str_ends(milter.where, STR("postern.sock")))
			wrong = milter.where;
	}
	if (!ours && wrong.n > 0)
		doctor_find(p->doctor, FINDING_BAD, "smtpd_milters",
			    "name it relative to the queue folder, and 'set listen' to that place",
			    "%s: '" STR_FMT "' is '%s' for this service%s, Postern listens at '%s'",
			    service->name, STR_ARG(wrong), seen_path(p, service, wrong),
			    service->chroot ? " (chrooted)" : "", p->doctor->listen);
	if (!ours)
		return;
	p->asking++;
	if (before.n > 0)
		doctor_find(p->doctor, FINDING_NOTE, "order",
			    "put Postern first, unless that is meant",
			    "%s: '" STR_FMT "' comes before Postern, which sees the message as it "
			    "came, and judges what that one let pass",
			    service->name, STR_ARG(before));
	if (after.n > 0)
		doctor_find(p->doctor, FINDING_FINE, "order", NULL,
			    "%s: '" STR_FMT "' comes after Postern; signers belong there",
			    service->name, STR_ARG(after));
}

/* ---- all services ---- */

static void look_services(struct postfix *p, bool filtered)
{
	const char *master = postconf(p->doctor, "-M", NULL);
	const char *overrides = postconf(p->doctor, "-Px", NULL);
	struct str usual = str_of(parameter(p, "smtpd_milters"));

	for (const char *line = master; line && *line;) {
		char name[100], type[20], private[10], unprivileged[10], chroot[10], program[100];
		const char *end = strchr(line, '\n');
		struct service service = {.milters = usual};

		if (sscanf(line, "%99s %19s %9s %9s %9s %*s %*s %99s", name, type, private,
			   unprivileged, chroot, program) == 6 &&
		    strcmp(program, "smtpd") == 0) {
			service.name = str_printf(p->doctor->arena, "%s/%s", name, type).s;
			service.chroot = chroot[0] == 'y';
			service.local = strstr(name, "127.0.0.1") || strstr(name, "localhost");
			value_of(overrides,
				 str_printf(p->doctor->arena, "%s/smtpd_milters", service.name).s,
				 &service.milters);
			if (filtered && service.local && service.milters.n > 0)
				doctor_find(p->doctor, FINDING_NOTE, "content_filter",
					    "say '-o smtpd_milters=' for the service that it comes "
					    "back by",
					    "%s: mail that comes back from the content filter is "
					    "asked about again, from loopback",
					    service.name);
			look_service(p, &service);
		}
		line = end ? end + 1 : NULL;
	}
}

void doctor_postfix(struct doctor *doctor)
{
	struct postfix p = {.doctor = doctor};
	const char *bare;

	p.parameters = postconf(doctor, "-x", NULL);
	if (!p.parameters) {
		doctor_find(doctor, FINDING_BAD, "postfix", "say --config-dir DIR",
			    "'" POSTCONF "%s%s' does not work here", doctor->config ? " -c " : "",
			    doctor->config ? doctor->config : "");
		return;
	}
	p.queue = parameter(&p, "queue_directory");
	p.owner = parameter(&p, "mail_owner");
	look_services(&p, *parameter(&p, "content_filter") != '\0');
	if (p.asking == 0)
		doctor_find(doctor, FINDING_BAD, "smtpd_milters",
			    "add it to main.cf, see contrib/postfix/main.cf",
			    "no SMTP service of this Postfix asks Postern at '%s'", doctor->listen);
	else if (str_starts(str_of(doctor->listen), STR("unix:")))
		doctor_socket(doctor, doctor->listen + strlen("unix:"), p.owner);
	if (doctor_seconds(str_of(parameter(&p, "milter_protocol")), 1) < 6)
		doctor_find(doctor, FINDING_NOTE, "milter_protocol", "say milter_protocol = 6",
			    "an old protocol: every step is asked about, needed or not");
	bare = parameter(&p, "smtpd_forbid_bare_newline");
	if (*bare == '\0' || strcmp(bare, "no") == 0)
		doctor_find(doctor, FINDING_BAD, "smtpd_forbid_bare_newline",
			    "say smtpd_forbid_bare_newline = normalize (Postfix 3.9), or yes",
			    "SMTP smuggling is possible, and no milter can see it");
	else
		doctor_find(doctor, FINDING_FINE, "smtpd_forbid_bare_newline", NULL,
			    "SMTP smuggling is stopped (%s)", bare);
}
