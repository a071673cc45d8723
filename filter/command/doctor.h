/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_COMMAND_DOCTOR_H
#define FILTER_COMMAND_DOCTOR_H

/*
 * What `postern doctor` looks at: this host (doctor.c), a Postfix (doctorpostfix.c), a Sendmail
 * (doctorsendmail.c), the socket that both reach us by (doctorsocket.c). Each finding says what
 * will happen and how it is mended.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "postern/arena.h"
#include "postern/str.h"

enum finding_level { FINDING_FINE, FINDING_NOTE, FINDING_BAD };

struct finding {
	enum finding_level level;
	const char *subject; /* "socket", "milter_default_action", ... */
	const char *text;
	const char *mend; /* NULL: nothing to mend */
};

struct doctor {
	struct arena *arena;
	const char *listen; /* of the policy: unix:PATH, inet:PORT@HOST */
	const char *config; /* folder of the MTA's configuration; NULL: its own default */
	VEC(struct finding) findings;
};

void doctor_find(struct doctor *doctor, enum finding_level level, const char *subject,
		 const char *mend, const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* What an MTA must give us, seconds: our own limits, and a little for the way. */
#define DOCTOR_COMMAND_SECONDS 10
#define DOCTOR_MESSAGE_SECONDS 30

/* A time as MTAs write it ("30s", "5m", "1h"; a bare number is in `unit` seconds); -1: none. */
long doctor_seconds(struct str text, long unit);

void doctor_postfix(struct doctor *doctor);
void doctor_sendmail(struct doctor *doctor);

/* Can this user (a name; NULL: root) connect to a unix socket at `path`? */
void doctor_socket(struct doctor *doctor, const char *path, const char *user);

/* What a command prints, or NULL: it cannot be run, or fails. */
const char *doctor_run(struct arena *arena, const char *const *argv);

#endif
