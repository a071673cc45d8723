/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Replies: from the session's to libmilter's. What libmilter or the MTA would drop in silence (a
 * code of the wrong class, a single '%', a line that is too long) is mended here, so that at
 * worst a text is lost and never a verdict.
 */

#include "filter/milter/conn.h"

#include <stdio.h>
#include <string.h>

#include "postern/log.h"

void reply_text(const char *text, char *out)
{
	size_t n = 0;

	for (; *text; text++) {
		bool percent = *text == '%';

		if (n + 1 + percent > REPLY_TEXT_MAX)
			break;
		out[n++] = *text >= ' ' && *text <= '~' ? *text : '?';
		if (percent)
			out[n++] = '%';
	}
	out[n] = '\0';
}

/* RFC 3463: class, subject and detail, the latter two of one to three digits. */
static bool enhanced_ok(const char *code, char class)
{
	if (!code || code[0] != class)
		return false;
	code++;
	for (int part = 0; part < 2; part++) {
		size_t digits;

		if (*code++ != '.')
			return false;
		digits = strspn(code, "0123456789");
		if (digits < 1 || digits > 3)
			return false;
		code += digits;
	}
	return *code == '\0';
}

void reply_codes(const struct reply *reply, char code[4], const char **enhanced_r)
{
	bool temporary = reply->kind == REPLY_TEMPFAIL;
	int number = reply->code, class = temporary ? 4 : 5;

	if (number < class * 100 || number > class * 100 + 99)
		number = temporary ? 451 : 550;
	snprintf(code, 4, "%d", number);
	*enhanced_r = reply->enhanced;
	if (!enhanced_ok(reply->enhanced, (char)('0' + class)))
		*enhanced_r = temporary ? "4.7.1" : "5.7.1";
}

struct reply reply_deferral(const char *enhanced, const char *text)
{
	return (struct reply){
	    .kind = REPLY_TEMPFAIL, .code = 451, .enhanced = enhanced, .text = text};
}

/* The bit that says that the MTA waits for no reply to this step; 0: it always does. */
static unsigned long no_reply_bit(enum step step)
{
	static const unsigned long bits[] = {
	    [STEP_CONNECT] = SMFIP_NR_CONN,
	    [STEP_HELO] = SMFIP_NR_HELO,
	    [STEP_MAIL] = SMFIP_NR_MAIL,
	    [STEP_RCPT] = SMFIP_NR_RCPT,
	    [STEP_DATA] = SMFIP_NR_DATA,
	    [STEP_HEADER] = SMFIP_NR_HDR,
	    [STEP_EOH] = SMFIP_NR_EOH,
	    [STEP_BODY] = SMFIP_NR_BODY,
	    [STEP_EOM] = 0,
	    [STEP_UNKNOWN] = SMFIP_NR_UNKN,
	};

	return bits[step];
}

static bool before_mail(enum step step)
{
	return step == STEP_CONNECT || step == STEP_HELO;
}

static sfsistat refuse(struct conn *conn, enum step step, const struct reply *reply)
{
	sfsistat status = reply->kind == REPLY_TEMPFAIL ? SMFIS_TEMPFAIL : SMFIS_REJECT;
	char code[4], text[REPLY_TEXT_MAX + 1];
	const char *enhanced;

	/* The protocol has no text for a refusal at connect and HELO. */
	if (before_mail(step))
		return status;
	reply_codes(reply, code, &enhanced);
	reply_text(reply->text ? reply->text : "", text);
	if (smfi_setreply(conn->ctx, code, (char *)enhanced, text) != MI_SUCCESS)
		log_line(LOG_LEVEL_WARNING, "libmilter refuses the reply '%s %s %s'", code,
			 enhanced, text);
	return status;
}

/*
 * A verdict that cannot be told where it stands is no reason to let mail through: the message is
 * deferred at the next step that has an answer.
 */
static void owe(struct conn *conn, enum step step, enum reply_kind kind)
{
	if (kind == REPLY_CONTINUE || kind == REPLY_ACCEPT || kind == REPLY_SKIP)
		return;
	if (before_mail(step))
		conn->refusing = true;
	else
		conn->failed = true;
}

sfsistat reply_answer(struct conn *conn, enum step step, struct reply reply)
{
	if (conn->steps & no_reply_bit(step)) {
		owe(conn, step, reply.kind);
		return SMFIS_NOREPLY;
	}
	switch (reply.kind) {
	case REPLY_ACCEPT:
		/* At RCPT this would accept the message, whoever else it is for. */
		return step == STEP_RCPT ? SMFIS_CONTINUE : SMFIS_ACCEPT;
	case REPLY_REJECT:
	case REPLY_TEMPFAIL:
		return refuse(conn, step, &reply);
	case REPLY_DISCARD:
		/* Not valid there; at RCPT it would be for the whole message. */
		if (before_mail(step) || step == STEP_RCPT) {
			reply = reply_deferral("4.3.0", "Try again later");
			return refuse(conn, step, &reply);
		}
		return SMFIS_DISCARD;
	case REPLY_SKIP:
		return step == STEP_BODY && (conn->steps & SMFIP_SKIP) ? SMFIS_SKIP
								       : SMFIS_CONTINUE;
	case REPLY_CONTINUE:
		break;
	}
	return SMFIS_CONTINUE;
}

bool reply_is_final(enum step step, const struct reply *reply)
{
	if (step == STEP_EOM)
		return true;
	if (step == STEP_RCPT)
		return false;
	return reply->kind != REPLY_CONTINUE && reply->kind != REPLY_SKIP;
}
