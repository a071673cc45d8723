/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libmilter's callbacks: each finds its connection, tells the session, and hands on the answer.
 * A peer may leave out, repeat or reorder everything, so every callback does without connection
 * and session. One connection's callbacks come one after the other, from different threads.
 */

#include "filter/milter/conn.h"

#include <netinet/in.h>
#include <string.h>

#include "postern/log.h"

/* ---- callbacks, in the order of a session ---- */

static sfsistat on_negotiate(SMFICTX *ctx, unsigned long actions, unsigned long steps,
			     unsigned long f2, unsigned long f3, unsigned long *actions_r,
			     unsigned long *steps_r, unsigned long *f2_r, unsigned long *f3_r)
{
	struct agreement agreement;
	struct conn *conn = conn_of(ctx);

	(void)f2;
	(void)f3;
	if (!conn && !(conn = conn_new(ctx)))
		return SMFIS_REJECT;
	agreement_make(&conn->generation->needs, actions, steps, &agreement);
	if (agreement.missing != 0)
		log_line(
		    LOG_LEVEL_ERROR,
		    "the MTA does not offer edits that the policy needs (actions 0x%lx): its mail "
		    "is deferred",
		    agreement.missing);
	conn->refusing = conn->crowded || agreement.missing != 0;
	conn->steps = agreement.steps;
	if (agreement.actions & SMFIF_SETSYMLIST)
		agreement_macros(ctx, &conn->generation->macros);
	*actions_r = agreement.actions;
	*steps_r = agreement.steps;
	*f2_r = *f3_r = 0;
	return SMFIS_CONTINUE;
}

/* False: not a client with an IP address. */
static bool client_address(const struct sockaddr *address, struct ip *ip_r, unsigned *port_r)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	*port_r = 0;
	if (!address)
		return false;
	if (address->sa_family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, address, sizeof(in));
		memcpy(ip_r->bytes, mapped, sizeof(mapped));
		memcpy(ip_r->bytes + sizeof(mapped), &in.sin_addr, 4);
		*port_r = ntohs(in.sin_port);
		return true;
	}
	if (address->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;

		memcpy(&in6, address, sizeof(in6));
		memcpy(ip_r->bytes, &in6.sin6_addr, sizeof(ip_r->bytes));
		*port_r = ntohs(in6.sin6_port);
		return true;
	}
	return false;
}

static sfsistat on_connect(SMFICTX *ctx, char *name, _SOCK_ADDR *address)
{
	struct conn *conn = conn_of(ctx);
	int64_t begun = conn_step_begin();
	struct reply reply;
	struct ip ip;
	unsigned port;
	bool has_ip;

	/* An MTA may end a session and begin another without negotiating again. */
	if (!conn) {
		conn = conn_new(ctx);
		if (!conn)
			return SMFIS_TEMPFAIL;
		/* libmilter's own pool: what was agreed on is forgotten. */
		conn->refusing = true;
	}
	if (conn->session) {
		conn_abort(conn);
		session_free(&conn->session);
	}
	has_ip = client_address(address, &ip, &port);
	judgement_client(&conn->judgement, has_ip ? &ip : NULL);
	if (!conn->crowded)
		conn->session = session_new(conn->generation->served.policy, &conn->env);
	if (conn_deferral(conn, &reply)) {
		conn_step_end(conn, STAGE_CONNECT, begun);
		return reply_answer(conn, STEP_CONNECT, reply);
	}
	reply = session_connect(conn->session, str_of(name), has_ip ? &ip : NULL, port);
	conn_step_end(conn, STAGE_CONNECT, begun);
	return reply_answer(conn, STEP_CONNECT, reply);
}

static sfsistat on_helo(SMFICTX *ctx, char *name)
{
	struct conn *conn = conn_of(ctx);
	int64_t begun = conn_step_begin();
	struct reply reply;

	if (!conn)
		return SMFIS_TEMPFAIL;
	if (conn->in_message)
		conn_abort(conn);
	if (!conn_deferral(conn, &reply))
		reply = session_helo(conn->session, str_of(name));
	conn_step_end(conn, STAGE_HELO, begun);
	return reply_answer(conn, STEP_HELO, reply);
}

static sfsistat on_mail(SMFICTX *ctx, char **arguments)
{
	struct conn *conn = conn_of(ctx);
	int64_t begun = conn_step_begin();
	struct reply reply;

	if (!conn)
		return SMFIS_TEMPFAIL;
	if (conn->in_message)
		conn_abort(conn);
	conn->failed = false;
	if (!conn_enter(conn)) {
		reply = reply_deferral("4.3.2", "Service shutting down");
		return reply_answer(conn, STEP_MAIL, reply);
	}
	judgement_mail(&conn->judgement, arguments);
	if (!conn_deferral(conn, &reply))
		reply =
		    session_mail(conn->session, str_of(arguments[0]),
				 (const char *const *)(arguments[0] ? arguments + 1 : arguments));
	conn_step_end(conn, STAGE_MAIL, begun);
	return conn_answer(conn, STEP_MAIL, reply);
}

/*
 * With SMFIP_RCPT_REJ, which is asked for only where the policy needs rejected recipients, the
 * session tells them by the macro rcpt_mailer, "error". The MTA has answered them already.
 */
static sfsistat on_rcpt(SMFICTX *ctx, char **arguments)
{
	struct conn *conn = conn_of(ctx);
	const char *mailer;
	int64_t begun = conn_step_begin();
	struct reply reply;

	if (!conn)
		return SMFIS_TEMPFAIL;
	judgement_rcpt(&conn->judgement, arguments);
	if (!conn_deferral(conn, &reply))
		reply =
		    session_rcpt(conn->session, str_of(arguments[0]),
				 (const char *const *)(arguments[0] ? arguments + 1 : arguments));
	conn_step_end(conn, STAGE_RCPT, begun);
	if (conn->steps & SMFIP_RCPT_REJ) {
		mailer = conn_macro(conn, "rcpt_mailer");
		if (mailer && strcmp(mailer, "error") == 0)
			reply = (struct reply){.kind = REPLY_CONTINUE};
	}
	return conn_answer(conn, STEP_RCPT, reply);
}

static sfsistat on_data(SMFICTX *ctx)
{
	struct conn *conn = conn_of(ctx);
	int64_t begun = conn_step_begin();
	struct reply reply = {.kind = REPLY_CONTINUE};

	if (!conn)
		return SMFIS_TEMPFAIL;
	if (!conn_deferral(conn, &reply)) {
		if (conn->judgement.postponed)
			conn->backlog.data = true;
		else
			reply = session_data(conn->session);
	}
	conn_step_end(conn, STAGE_DATA, begun);
	return conn_answer(conn, STEP_DATA, reply);
}

static sfsistat on_header(SMFICTX *ctx, char *name, char *value)
{
	const struct reply none = {.kind = REPLY_CONTINUE};
	struct conn *conn = conn_of(ctx);
	const char *whole = value;
	struct reply reply;

	if (!conn)
		return SMFIS_TEMPFAIL;
	/* Without that bit the MTA has eaten the space after the colon. */
	if (!(conn->steps & SMFIP_HDR_LEADSPC))
		whole = conn_blank_before(conn, value ? value : "");
	judgement_header(&conn->judgement, name, value);
	if (!whole)
		conn->failed = true;
	else if (!conn_deferral(conn, &reply)) {
		if (!conn->judgement.postponed)
			session_header(conn->session, str_of(name), str_of(whole));
		else if (!backlog_add(&conn->backlog, name ? name : "", whole))
			conn->failed = true;
	}
	judgement_leave(&conn->judgement);
	return reply_answer(conn, STEP_HEADER, none);
}

static sfsistat on_eoh(SMFICTX *ctx)
{
	struct conn *conn = conn_of(ctx);
	int64_t begun = conn_step_begin();
	struct reply reply;

	if (!conn)
		return SMFIS_TEMPFAIL;
	judgement_header_over(&conn->judgement);
	if (!conn_deferral(conn, &reply))
		reply = session_eoh(conn->session);
	conn_step_end(conn, STAGE_HEADERS, begun);
	return conn_answer(conn, STEP_EOH, reply);
}

static sfsistat on_body(SMFICTX *ctx, unsigned char *chunk, size_t size)
{
	struct conn *conn = conn_of(ctx);
	int64_t begun = conn_step_begin();
	struct reply reply;

	if (!conn)
		return SMFIS_TEMPFAIL;
	judgement_header_over(&conn->judgement);
	if (!conn_deferral(conn, &reply))
		reply = session_body(conn->session, (struct str){(const char *)chunk, size});
	conn_body_end(conn, begun);
	return conn_answer(conn, STEP_BODY, reply);
}

static sfsistat on_eom(SMFICTX *ctx)
{
	struct conn *conn = conn_of(ctx);
	const struct edit *refused;
	struct edits edits = {.items = NULL};
	int64_t begun = conn_step_begin();
	struct reply reply;

	if (!conn)
		return SMFIS_TEMPFAIL;
	judgement_header_over(&conn->judgement);
	if (conn_deferral(conn, &reply))
		return conn_answer(conn, STEP_EOM, reply);
	reply = session_eom(conn->session, &edits);
	if (reply.kind == REPLY_CONTINUE || reply.kind == REPLY_ACCEPT) {
		refused = edits_make(conn, &edits);
		if (refused)
			reply = session_edit_failed(conn->session, refused);
		else
			session_committed(conn->session);
	}
	conn_step_end(conn, STAGE_MESSAGE, begun);
	return conn_answer(conn, STEP_EOM, reply);
}

static sfsistat on_abort(SMFICTX *ctx)
{
	struct conn *conn = conn_of(ctx);

	if (conn)
		conn_abort(conn);
	return SMFIS_CONTINUE;
}

static sfsistat on_close(SMFICTX *ctx)
{
	struct conn *conn = conn_of(ctx);

	if (!conn)
		return SMFIS_CONTINUE;
	(void)judgement_enter(&conn->judgement);
	session_free(&conn->session);
	conn_message_over(conn);
	/* Another session may follow, under the same agreement: QUIT_NC looks the same here. */
	if (!dispatch_serves())
		conn_end(ctx);
	return SMFIS_CONTINUE;
}

static sfsistat on_unknown(SMFICTX *ctx, const char *command)
{
	const struct reply none = {.kind = REPLY_CONTINUE};
	struct conn *conn = conn_of(ctx);

	(void)command;
	return conn ? reply_answer(conn, STEP_UNKNOWN, none) : SMFIS_CONTINUE;
}

struct smfiDesc callbacks_desc(const char *name)
{
	return (struct smfiDesc){
	    .xxfi_name = (char *)name,
	    .xxfi_version = SMFI_VERSION,
	    .xxfi_flags = SMFIF_NONE,
	    .xxfi_connect = on_connect,
	    .xxfi_helo = on_helo,
	    .xxfi_envfrom = on_mail,
	    .xxfi_envrcpt = on_rcpt,
	    .xxfi_header = on_header,
	    .xxfi_eoh = on_eoh,
	    .xxfi_body = on_body,
	    .xxfi_eom = on_eom,
	    .xxfi_abort = on_abort,
	    .xxfi_close = on_close,
	    .xxfi_unknown = on_unknown,
	    .xxfi_data = on_data,
	    .xxfi_negotiate = on_negotiate,
	};
}
