/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SMTP sessions as the milters behind Postfix see them: a connection to each milter for each
 * session; each SMTP command to the first milter, then the next; at the end the whole message
 * to the first, its edits made, and the edited message to the next. What wants no reply stays
 * in the connection's buffer until something does, or until DATA, where Postfix hands the
 * connection from smtpd to cleanup. After each message, refused or not, comes an ABORT.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "load_session.h"

#define SESSION_CHUNK 65535 /* of a body, as in Postfix and Sendmail */
#define SESSION_BROKEN_MAX 100

static const struct event {
	char command;
	int macros;
	uint32_t unseen, unanswered;
} session_events[] = {
    [STAGE_CONNECT] = {SMFIC_CONNECT, SMFIM_CONNECT, SMFIP_NOCONNECT, SMFIP_NR_CONN},
    [STAGE_HELO] = {SMFIC_HELO, SMFIM_HELO, SMFIP_NOHELO, SMFIP_NR_HELO},
    [STAGE_MAIL] = {SMFIC_MAIL, SMFIM_ENVFROM, SMFIP_NOMAIL, SMFIP_NR_MAIL},
    [STAGE_RCPT] = {SMFIC_RCPT, SMFIM_ENVRCPT, SMFIP_NORCPT, SMFIP_NR_RCPT},
    [STAGE_DATA] = {SMFIC_DATA, SMFIM_DATA, SMFIP_NODATA, SMFIP_NR_DATA},
    [STAGE_HEADER] = {SMFIC_HEADER, SMFIM_EOH, SMFIP_NOHDRS, SMFIP_NR_HDR},
    [STAGE_EOH] = {SMFIC_EOH, SMFIM_EOH, SMFIP_NOEOH, SMFIP_NR_EOH},
    [STAGE_BODY] = {SMFIC_BODY, SMFIM_EOM, SMFIP_NOBODY, SMFIP_NR_BODY},
    [STAGE_END] = {SMFIC_BODYEOB, SMFIM_EOM, 0, 0},
};

/* ---- the message in hand ---- */

static void session_split(const char *bracketed, char address[256], char host[256])
{
	size_t length = strlen(bracketed);
	const char *at;

	snprintf(address, 256, "%.*s", (int)(length > 1 ? length - 2 : 0), bracketed + 1);
	at = strrchr(address, '@');
	snprintf(host, 256, "%s", at ? at + 1 : "");
}

static void session_take(struct session *s, size_t index)
{
	const struct message *message = &s->drive->mail->messages[index];

	s->message = message;
	s->recipient = s->recipients_taken = s->recipients_refused = s->field = s->offset = 0;
	edit_begin(&s->edit, message);
	snprintf(s->queue_id, sizeof(s->queue_id), "4%010zX", s->drive->started & 0xffffffffff);
	session_split(message->sender, s->mail_address, s->mail_host);
	s->drive->started++;
}

/* ---- the end of a message and of a session ---- */

static void session_close(struct session *s, bool polite)
{
	for (size_t i = 0; i < s->drive->plan->milter_count; i++) {
		struct link *link = &s->links[i];

		if (link->fd >= 0 && polite && !link->broken) {
			link_begin(link, SMFIC_ABORT);
			link_end(link);
			link_begin(link, SMFIC_QUIT);
			link_end(link);
			link_flush(link);
		}
		link_close(link);
	}
	s->served = 0;
}

void session_next(struct session *s)
{
	struct drive *drive = s->drive;
	bool more = drive->started < drive->plan->warmup + drive->plan->messages;

	s->turn = 0;
	if (more && s->served > 0 && s->served < drive->plan->per_session) {
		session_take(s, s->message->next_of_client);
		s->stage = STAGE_MAIL;
		s->mail_at = load_now();
		for (size_t i = 0; i < drive->plan->milter_count; i++)
			s->links[i].message_done = false;
		return;
	}
	if (s->served > 0)
		session_close(s, true);
	if (!more) {
		s->stage = STAGE_IDLE;
		drive->live--;
		return;
	}
	session_take(s, drive->started % drive->mail->count);
	s->port = (uint16_t)(32768 + drive->started % 28000);
	snprintf(s->via, sizeof(s->via), "%s [%s%s]", s->message->name,
		 strchr(s->message->address, ':') ? "IPv6:" : "", s->message->address);
	s->stage = STAGE_OPEN;
	s->opened_at = s->mail_at = load_now();
	s->pause_until = s->opened_at + drive->plan->pause;
	s->unopened = drive->plan->pause > 0;
	drive->unopened += s->unopened;
}

static void session_finish(struct session *s, enum verdict verdict)
{
	bool ends = s->stage < STAGE_MAIL;

	drive_count_message(s->drive, s, verdict);
	s->waiting = false;
	s->served++;
	for (size_t i = 0; i < s->drive->plan->milter_count && !ends; i++) {
		struct link *link = &s->links[i];

		if (!link->session_done) {
			link_begin(link, SMFIC_ABORT);
			link_end(link);
		}
	}
	if (ends)
		session_close(s, true);
	session_next(s);
}

static void session_break(struct session *s, const char *why)
{
	if (s->drive->broken++ < 5)
		fprintf(stderr, "load: a milter %s\n", why);
	if (s->drive->broken > SESSION_BROKEN_MAX)
		load_die("too many broken connections");
	drive_count_message(s->drive, s, VERDICT_BROKEN);
	s->waiting = false;
	session_close(s, false);
	session_next(s);
}

/* ---- what is sent ---- */

static const char *session_macro(const void *context, const char *name)
{
	const struct session *s = context;
	const struct {
		const char *name, *value;
		bool known;
	} macros[] = {
	    {"i", s->queue_id, s->stage > STAGE_RCPT || s->recipients_taken > 0},
	    {"j", "mx.example.net", true},
	    {"v", "Postfix 3.7.11", true},
	    {"_", s->via, true},
	    {"{daemon_name}", "mx.example.net", true},
	    {"{daemon_addr}", "198.18.255.25", true},
	    {"{daemon_port}", "25", true},
	    {"{client_addr}", s->message->address, true},
	    {"{client_name}", s->message->name, true},
	    {"{client_ptr}", s->message->name, true},
	    {"{mail_addr}", s->mail_address, s->stage == STAGE_MAIL},
	    {"{mail_host}", s->mail_host, s->stage == STAGE_MAIL},
	    {"{mail_mailer}", "smtp", s->stage == STAGE_MAIL},
	    {"{rcpt_addr}", s->rcpt_address, s->stage == STAGE_RCPT},
	    {"{rcpt_host}", s->rcpt_host, s->stage == STAGE_RCPT},
	    {"{rcpt_mailer}", "local", s->stage == STAGE_RCPT},
	};

	for (size_t i = 0; i < sizeof(macros) / sizeof(*macros); i++)
		if (strcmp(macros[i].name, name) == 0)
			return macros[i].known ? macros[i].value : NULL;
	return NULL;
}

static void session_arguments(struct session *s, struct link *link)
{
	const struct message *message = s->message;
	const struct field *field;
	uint16_t port = htons(s->port);
	size_t left;

	switch (s->stage) {
	case STAGE_CONNECT:
		link_add_text(link, message->name);
		link_add(link, strchr(message->address, ':') ? "6" : "4", 1);
		link_add(link, &port, sizeof(port));
		link_add_text(link, message->address);
		break;
	case STAGE_HELO:
		link_add_text(link, message->helo);
		break;
	case STAGE_MAIL:
		link_add_text(link, message->sender);
		break;
	case STAGE_RCPT:
		link_add_text(link, message->recipients[s->recipient]);
		break;
	case STAGE_HEADER:
		field = &s->edit.fields[s->field++];
		link_add_text(link, field->name);
		link_add_text(link, field->value + (*field->value == ' ' &&
						    !(link->steps & SMFIP_HDR_LEADSPC)));
		break;
	case STAGE_BODY:
		left = message->body_length - s->offset;
		left = left < SESSION_CHUNK ? left : SESSION_CHUNK;
		link_add(link, message->body + s->offset, left);
		s->offset += left;
		break;
	default:
		break;
	}
}

static void session_wait(struct session *s, struct link *link)
{
	s->waiting = true;
	s->asked_at = load_now();
	link_flush(link);
}

/* Sends this stage's event to this milter. True: its reply is awaited. */
static bool session_event(struct session *s, struct link *link)
{
	const struct event *event = &session_events[s->stage];

	link_macros(link, event->macros, event->command, session_macro, s);
	if (link->steps & event->unseen)
		return false;
	link_begin(link, event->command);
	session_arguments(s, link);
	link_end(link);
	if (link->steps & event->unanswered)
		return false;
	session_wait(s, link);
	return true;
}

static void session_open(struct session *s, struct link *link)
{
	int opened;

	if (link->fd < 0) {
		opened = link_open(link, &s->drive->plan->milters[s->turn], s->drive->poll);
		if (opened < 0)
			load_die("connect to milter %zu: %s", s->turn + 1, strerror(errno));
		if (opened == 0) {
			s->unopened = true;
			s->drive->unopened++;
			return;
		}
	}
	link_offer(link);
	session_wait(s, link);
}

/* The milter has seen all it wants of the message; the next one's turn. */
static void session_next_milter(struct session *s)
{
	s->turn++;
	s->stage = STAGE_HEADER;
	s->field = s->offset = 0;
}

static void session_content(struct session *s, struct link *link)
{
	if (link->session_done || link->message_done)
		session_next_milter(s);
	else if (s->stage == STAGE_HEADER &&
		 (s->field == s->edit.count || link->steps & SMFIP_NOHDRS))
		s->stage = STAGE_EOH;
	else if (s->stage == STAGE_EOH && link->steps & SMFIP_NOEOH)
		s->stage = STAGE_BODY;
	else if (s->stage == STAGE_BODY &&
		 (s->offset == s->message->body_length || link->steps & SMFIP_NOBODY))
		s->stage = STAGE_END;
	else if (!session_event(s, link) && s->stage == STAGE_EOH)
		s->stage = STAGE_BODY;
}

/* All milters have had this stage. */
static void session_advance(struct session *s)
{
	s->turn = 0;
	switch (s->stage) {
	case STAGE_HELO:
		s->mail_at = load_now();
		drive_count_setup(s->drive, s);
		s->stage = STAGE_MAIL;
		break;
	case STAGE_RCPT:
		if (++s->recipient < s->message->recipient_count)
			break;
		if (s->recipients_taken == 0)
			session_finish(s, s->refusal);
		else
			s->stage = STAGE_DATA;
		break;
	case STAGE_HEADER:
		session_finish(s, VERDICT_ACCEPT);
		break;
	default:
		s->stage++;
		break;
	}
}

static void session_step(struct session *s)
{
	struct link *link = &s->links[s->turn];

	if (s->stage == STAGE_OPEN) {
		session_open(s, link);
	} else if (s->stage >= STAGE_HEADER) {
		session_content(s, link);
	} else if (link->session_done || (link->message_done && s->stage > STAGE_MAIL)) {
		s->turn++;
	} else if (!session_event(s, link)) {
		if (s->stage == STAGE_DATA)
			link_flush(link);
		s->turn++;
	}
	if (link->fd >= 0 && link->broken)
		session_break(s, "has closed its connection");
}

void session_run(struct session *s)
{
	while (!s->waiting && !s->unopened && s->stage != STAGE_IDLE) {
		if (s->turn == s->drive->plan->milter_count) {
			if (s->stage == STAGE_RCPT)
				s->recipients_taken++;
			session_advance(s);
			continue;
		}
		if (s->stage == STAGE_RCPT)
			session_split(s->message->recipients[s->recipient], s->rcpt_address,
				      s->rcpt_host);
		if (s->links[s->turn].fd >= 0 && s->links[s->turn].blocked)
			return;
		session_step(s);
	}
}

/* ---- what comes back ---- */

static void session_refused(struct session *s, enum verdict verdict)
{
	if (s->stage != STAGE_RCPT || verdict == VERDICT_DISCARD) {
		session_finish(s, verdict);
		return;
	}
	s->recipients_refused++;
	s->refusal = verdict;
	s->waiting = false;
	session_advance(s);
}

static void session_continued(struct session *s)
{
	s->waiting = false;
	if (s->stage < STAGE_HEADER)
		s->turn++;
	else if (s->stage == STAGE_EOH)
		s->stage = STAGE_BODY;
	else if (s->stage == STAGE_END)
		session_next_milter(s);
}

static void session_accepted(struct session *s, struct link *link)
{
	s->waiting = false;
	if (s->stage < STAGE_MAIL)
		link->session_done = true;
	else
		link->message_done = true;
	if (s->stage < STAGE_HEADER)
		s->turn++;
}

/* False: nonsense. */
static bool session_reply(struct session *s, struct link *link, char command, const char *bytes,
			  size_t length)
{
	if (s->stage == STAGE_OPEN) {
		if (command != SMFIC_OPTNEG || !link_accept_choice(link, bytes, length))
			return false;
		session_continued(s);
		return true;
	}
	switch (command) {
	case SMFIR_PROGRESS:
		return true;
	case SMFIR_CONTINUE:
		session_continued(s);
		return true;
	case SMFIR_SKIP:
		if (s->stage != STAGE_BODY)
			return false;
		s->offset = s->message->body_length;
		s->waiting = false;
		return true;
	case SMFIR_ACCEPT:
		session_accepted(s, link);
		return true;
	case SMFIR_DISCARD:
		session_refused(s, VERDICT_DISCARD);
		return true;
	case SMFIR_REJECT:
		session_refused(s, VERDICT_REJECT);
		return true;
	case SMFIR_TEMPFAIL:
		session_refused(s, VERDICT_TEMPFAIL);
		return true;
	case SMFIR_REPLYCODE:
		if (length < 5 || (*bytes != '4' && *bytes != '5'))
			return false;
		session_refused(s, *bytes == '5' ? VERDICT_REJECT : VERDICT_TEMPFAIL);
		return true;
	case SMFIR_ADDHEADER:
	case SMFIR_INSHEADER:
	case SMFIR_CHGHEADER:
		return s->stage == STAGE_END &&
		       edit_apply(&s->edit, s->drive->plan, link->steps, command, bytes, length);
	case SMFIR_ADDRCPT:
	case SMFIR_ADDRCPT_PAR:
	case SMFIR_DELRCPT:
	case SMFIR_REPLBODY:
	case SMFIR_CHGFROM:
	case SMFIR_QUARANTINE:
		s->edit.others++;
		return s->stage == STAGE_END;
	default:
		return false;
	}
}

void session_readable(struct session *s, struct link *link)
{
	bool open = link_fill(link);
	const char *bytes;
	size_t length;
	char command;

	while (link->fd >= 0 && link_packet(link, &command, &bytes, &length)) {
		uint64_t asked_at = s->asked_at;

		if (!s->waiting || link != &s->links[s->turn] ||
		    !session_reply(s, link, command, bytes, length)) {
			session_break(s, "sent what no MTA understands");
			return;
		}
		if (!s->waiting) {
			uint64_t opened_at = s->opened_at;

			drive_count_reply(s->drive, asked_at);
			session_run(s);
			if (s->opened_at != opened_at)
				return;
		}
	}
	if (link->fd >= 0 && (!open || link->broken))
		session_break(s, "has closed its connection");
}
