/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One connection of an MTA from its beginning to its end: its session, the message that is in it,
 * what of it cannot be judged. It stands apart from the callbacks, which come and go on it, so
 * that what they leave behind is seen in one place.
 */

#include "filter/milter/conn.h"

#include <stdlib.h>
#include <string.h>

#include "postern/clock.h"
#include "postern/limits.h"

#define MACRO_NAME_MAX 64

static struct {
	const struct milter_service *service;
	struct drain *drain;
	struct nudge *_Atomic nudge; /* NULL for those who ask before */
} room;                              /* set before MTAs come, constant from then on */

void conn_set(const struct milter_service *service, struct drain *drain, struct nudge *nudge,
	      struct suspects *suspects)
{
	judgement_set(suspects);
	room.service = service;
	room.drain = drain;
	room.nudge = nudge;
}

unsigned milter_sessions(void)
{
	struct nudge *nudge = room.nudge;

	return nudge ? atomic_load(&nudge->sessions) : 0;
}

/* ---- what a session asks of its connection ---- */

const char *conn_macro(void *ctx, const char *name)
{
	struct conn *conn = ctx;
	char braced[MACRO_NAME_MAX + 3];
	size_t n = strlen(name);

	if (n == 0 || n > MACRO_NAME_MAX)
		return NULL;
	if (n == 1)
		return smfi_getsymval(conn->ctx, (char *)name);
	braced[0] = '{';
	memcpy(braced + 1, name, n);
	braced[n + 1] = '}';
	braced[n + 2] = '\0';
	return smfi_getsymval(conn->ctx, braced);
}

static void conn_progress(void *ctx)
{
	struct conn *conn = ctx;

	(void)smfi_progress(conn->ctx);
}

static void conn_settled(void *ctx, const struct session *session)
{
	(void)ctx;
	if (room.service->settled)
		room.service->settled(room.service->ctx, session);
}

/* ---- the connection ---- */

struct conn *conn_new(SMFICTX *ctx)
{
	struct conn *conn = calloc(1, sizeof(*conn));

	if (!conn)
		return NULL;
	conn->ctx = ctx;
	judgement_client(&conn->judgement, NULL);
	conn->generation = generation_take();
	conn->env = (struct session_env){.resolver = conn->generation->served.resolver,
					 .clock = room.service->clock,
					 .macro = conn_macro,
					 .progress = conn_progress,
					 .settled = conn_settled,
					 .references = room.service->references,
					 .cpu = LIMIT_CPU_MS * NS_PER_MS,
					 .ctx = conn};
	if (smfi_setpriv(ctx, conn) != MI_SUCCESS) {
		generation_release(conn->generation);
		free(conn);
		return NULL;
	}
	conn->crowded = conn->refusing = !crowd_admits(nudge_opened(room.nudge));
	return conn;
}

struct conn *conn_of(SMFICTX *ctx)
{
	return smfi_getpriv(ctx);
}

bool conn_enter(struct conn *conn)
{
	conn->in_message = drain_enter(room.drain);
	return conn->in_message;
}

void conn_message_over(struct conn *conn)
{
	if (conn->in_message)
		drain_leave(room.drain);
	conn->in_message = conn->failed = false;
	conn->body_time = 0;
	backlog_forget(&conn->backlog);
	judgement_over(&conn->judgement);
}

void conn_abort(struct conn *conn)
{
	(void)judgement_enter(&conn->judgement);
	if (conn->session)
		session_abort(conn->session);
	conn_message_over(conn);
}

bool conn_deferral(struct conn *conn, struct reply *reply_r)
{
	struct judgement *judgement = &conn->judgement;

	if (!conn->refusing && !conn->failed && conn->session) {
		if (judgement_enter(judgement)) {
			/* In order: nothing goes before what was kept back. */
			judgement->postponed |=
			    backlog_holds(&conn->backlog) && !judgement->has_header;
			session_postpone(conn->session, judgement->postponed);
			if (judgement->postponed || !judgement->has_header)
				return false;
			*reply_r = backlog_tell(&conn->backlog, conn->session);
			return reply_r->kind != REPLY_CONTINUE;
		}
		conn->failed = true;
	}
	*reply_r = reply_deferral("4.3.0", "Try again later");
	return true;
}

sfsistat conn_answer(struct conn *conn, enum step step, struct reply reply)
{
	bool failed = conn->failed;
	sfsistat status = reply_answer(conn, step, reply);

	judgement_leave(&conn->judgement);

	if (status == SMFIS_NOREPLY || !reply_is_final(step, &reply))
		return status;
	if (failed)
		conn_abort(conn);
	else
		conn_message_over(conn);
	return status;
}

void conn_end(SMFICTX *ctx)
{
	struct conn *conn = conn_of(ctx);

	if (!conn)
		return;
	generation_release(conn->generation);
	free(conn->scratch);
	free(conn);
	(void)smfi_setpriv(ctx, NULL);
	crowd_closed(nudge_closed(room.nudge));
}

/* ---- how long the MTA waits ---- */

int64_t conn_step_begin(void)
{
	return room.service->took ? clock_now(&clock_system) : 0;
}

void conn_step_end(struct conn *conn, enum stage stage, int64_t begun)
{
	pulse_answered();
	if (!room.service->took)
		return;
	room.service->took(room.service->ctx, stage,
			   clock_now(&clock_system) - begun + conn->body_time);
	conn->body_time = 0;
}

void conn_body_end(struct conn *conn, int64_t begun)
{
	if (room.service->took)
		conn->body_time += clock_now(&clock_system) - begun;
}
