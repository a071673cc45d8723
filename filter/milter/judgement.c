/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The message that a connection has judged, as the parent learns of it in a crash: its fingerprint,
 * sharper from stage to stage, stands in the shared page while a callback is at work on it.
 */

#include "filter/milter/conn.h"

#include <string.h>
#include <strings.h>

#include "postern/ip.h"
#include "postern/log.h"

static struct suspects *suspects; /* set before threads start */

void judgement_set(struct suspects *shared)
{
	suspects = shared;
}

static void add(uint64_t *hash, const char *text)
{
	*hash = suspects_hash(suspects, *hash, text, strlen(text));
}

void judgement_client(struct judgement *j, const struct ip *ip)
{
	*j = (struct judgement){.place = -1};
	j->client = ip ? suspects_hash(suspects, 0, ip->bytes, sizeof(ip->bytes)) : 0;
}

void judgement_over(struct judgement *j)
{
	judgement_leave(j);
	j->fingerprint = j->header = j->message_id = 0;
	memset(j->beginnings, 0, sizeof(j->beginnings));
	j->has_recipient = j->has_header = j->postponed = false;
}

/* The parameters too: they tell a message of a mailing list from the next. */
void judgement_mail(struct judgement *j, char *const *arguments)
{
	judgement_over(j);
	j->fingerprint = j->client;
	for (; *arguments; arguments++)
		add(&j->fingerprint, *arguments);
	if (j->fingerprint == 0)
		j->fingerprint = 1;
}

void judgement_rcpt(struct judgement *j, char *const *arguments)
{
	if (!j->has_recipient && j->fingerprint != 0 && *arguments) {
		j->beginnings[0] = j->fingerprint;
		add(&j->fingerprint, *arguments);
	}
	j->has_recipient = true;
}

void judgement_header(struct judgement *j, const char *name, const char *value)
{
	if (j->fingerprint == 0 || j->has_header || !name || !value)
		return;
	if (strcasecmp(name, "Message-ID") == 0)
		add(&j->message_id, value);
	add(&j->header, name);
	add(&j->header, value);
}

void judgement_header_over(struct judgement *j)
{
	uint64_t header = j->message_id != 0 ? j->message_id : j->header;

	if (j->fingerprint != 0 && !j->has_header && header != 0) {
		j->beginnings[1] = j->fingerprint;
		j->fingerprint = suspects_hash(suspects, j->fingerprint, &header, sizeof(header));
	}
	j->has_header = true;
}

bool judgement_enter(struct judgement *j)
{
	bool first;
	enum suspicion suspicion = suspects_suspicion(suspects, j->fingerprint, &first);

	/* Nothing is known of a message beyond its header. */
	j->postponed = suspicion == SUSPICION_POSTPONE && !j->has_header;
	if (suspicion == SUSPICION_DEFER) {
		if (first)
			log_line(LOG_LEVEL_ERROR,
				 "message %016llx was being judged in %d crashes: deferred",
				 (unsigned long long)j->fingerprint, SUSPECT_CRASHES);
		return false;
	}
	judgement_leave(j);
	j->place = suspects_enter(suspects, j->fingerprint, j->beginnings);
	return true;
}

void judgement_leave(struct judgement *j)
{
	suspects_leave(suspects, j->place);
	j->place = -1;
}
