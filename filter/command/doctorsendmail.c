/* SPDX-License-Identifier: BSD-2-Clause */
/* A Sendmail, as its sendmail.cf tells of it: which filters it asks, and what it does without them.
 */

#include "filter/command/doctor.h"

#include <string.h>

#include "postern/diag.h"

#define FOLDER "/etc/mail"
#define FILE_MOST (4u << 20)

struct filter {
	struct str name, where, flags, timeouts;
};

static struct str strip(struct str text)
{
	while (text.n > 0 && strchr(" \t", text.s[0]))
		text = str_sub(text, 1, text.n);
	while (text.n > 0 && strchr(" \t\r", text.s[text.n - 1]))
		text = str_sub(text, 0, text.n - 1);
	return text;
}

/* "Xname, S=local:/run/x.sock, F=T, T=S:10s;R:10s" */
static struct filter filter_parse(struct str line)
{
	struct filter f = {0};
	struct str rest = str_sub(line, 1, line.n);

	while (rest.n > 0) {
		ptrdiff_t comma = str_chr(rest, ',');
		struct str part = strip(str_sub(rest, 0, comma < 0 ? rest.n : (size_t)comma));

		if (f.name.n == 0)
			f.name = part;
		else if (str_starts(part, STR("S=")))
			f.where = str_sub(part, 2, part.n);
		else if (str_starts(part, STR("F=")))
			f.flags = str_sub(part, 2, part.n);
		else if (str_starts(part, STR("T=")))
			f.timeouts = str_sub(part, 2, part.n);
		rest = comma < 0 ? STR("") : str_sub(rest, (size_t)comma + 1, rest.n);
	}
	return f;
}

static bool is_ours(const struct doctor *doctor, struct str where)
{
	struct str listen = str_of(doctor->listen);

	if (str_starts(where, STR("local:")) || str_starts(where, STR("unix:")))
		return str_starts(listen, STR("unix:")) &&
		       str_eq(str_sub(where, (size_t)str_chr(where, ':') + 1, where.n),
			      str_sub(listen, strlen("unix:"), listen.n));
	return str_eq(where, listen);
}

static void look_flags(struct doctor *doctor, const struct filter *f)
{
	if (str_chr(f->flags, 'T') >= 0 || str_chr(f->flags, '4') >= 0)
		doctor_find(doctor, FINDING_FINE, "F", NULL,
			    STR_FMT ": mail is put off while Postern is away", STR_ARG(f->name));
	else if (str_chr(f->flags, 'R') >= 0)
		doctor_find(doctor, FINDING_BAD, "F", "say F=T",
			    STR_FMT ": mail is refused for good while Postern is away (F=R)",
			    STR_ARG(f->name));
	else
		doctor_find(doctor, FINDING_BAD, "F", "say F=T",
			    STR_FMT ": mail passes unchecked while Postern is away",
			    STR_ARG(f->name));
}

/* "C:5m;S:10s;R:10s;E:5m": one of them; its default where it is not said. */
static long timeout_of(struct str timeouts, char which, long usual)
{
	while (timeouts.n > 0) {
		ptrdiff_t end = str_chr(timeouts, ';');
		struct str one = strip(str_sub(timeouts, 0, end < 0 ? timeouts.n : (size_t)end));

		if (one.n > 2 && one.s[0] == which && one.s[1] == ':')
			return doctor_seconds(str_sub(one, 2, one.n), 60);
		timeouts = end < 0 ? STR("") : str_sub(timeouts, (size_t)end + 1, timeouts.n);
	}
	return usual;
}

static void look_timeouts(struct doctor *doctor, const struct filter *f)
{
	long reply = timeout_of(f->timeouts, 'R', 10), end = timeout_of(f->timeouts, 'E', 300);

	if (reply >= 0 && reply < DOCTOR_COMMAND_SECONDS)
		doctor_find(doctor, FINDING_BAD, "T", "say T=R:10s or more",
			    STR_FMT ": Sendmail gives up after %ld s, Postern may wait longer for "
				    "DNS",
			    STR_ARG(f->name), reply);
	if (end >= 0 && end < DOCTOR_MESSAGE_SECONDS)
		doctor_find(doctor, FINDING_BAD, "T", "say T=E:1m or more",
			    STR_FMT ": Sendmail gives up after %ld s at the end of a message",
			    STR_ARG(f->name), end);
}

/* Is a filter's name in the list of those that are asked? */
static bool listed(struct str list, struct str name)
{
	while (list.n > 0) {
		ptrdiff_t comma = str_chr(list, ',');

		if (str_eq(strip(str_sub(list, 0, comma < 0 ? list.n : (size_t)comma)), name))
			return true;
		list = comma < 0 ? STR("") : str_sub(list, (size_t)comma + 1, list.n);
	}
	return false;
}

static void look_filter(struct doctor *doctor, const struct filter *f, struct str asked)
{
	if (!listed(asked, f->name)) {
		doctor_find(doctor, FINDING_BAD, "InputMailFilters",
			    "say INPUT_MAIL_FILTER in place of MAIL_FILTER, or list it",
			    STR_FMT ": is defined, and not asked", STR_ARG(f->name));
		return;
	}
	look_flags(doctor, f);
	look_timeouts(doctor, f);
}

void doctor_sendmail(struct doctor *doctor)
{
	const char *path =
	    str_printf(doctor->arena, "%s/sendmail.cf", doctor->config ? doctor->config : FOLDER).s;
	struct str text, asked = {0};
	struct source *source;
	const char *why = NULL;
	VEC(struct filter) filters = {0};
	size_t ours = 0;

	if (!source_read(doctor->arena, path, FILE_MOST, &source, &why)) {
		doctor_find(doctor, FINDING_BAD, "sendmail", "say --config-dir DIR", "%s: %s", path,
			    why);
		return;
	}
	for (text = source->text; text.n > 0;) {
		ptrdiff_t end = str_chr(text, '\n');
		struct str line = str_sub(text, 0, end < 0 ? text.n : (size_t)end);

		if (line.n > 1 && line.s[0] == 'X')
			*vec_push(doctor->arena, &filters) = filter_parse(line);
		else if (str_starts(line, STR("O InputMailFilters=")))
			asked = str_sub(line, strlen("O InputMailFilters="), line.n);
		text = end < 0 ? STR("") : str_sub(text, (size_t)end + 1, text.n);
	}
	for (size_t i = 0; i < filters.count; i++) {
		if (!is_ours(doctor, filters.items[i].where))
			continue;
		ours++;
		look_filter(doctor, &filters.items[i], asked);
	}
	if (ours == 0)
		doctor_find(doctor, FINDING_BAD, "InputMailFilters",
			    "add contrib/sendmail/postern.mc to sendmail.mc",
			    "this Sendmail does not ask Postern at '%s'", doctor->listen);
	else if (str_starts(str_of(doctor->listen), STR("unix:")))
		doctor_socket(doctor, doctor->listen + strlen("unix:"), NULL);
}
