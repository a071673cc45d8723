/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A header that waits. A message that began like one which is to be deferred after crashes is
 * known by its whole header only; until then no library may see any of it, so DATA and the fields
 * are kept, and told to the session once the message has turned out to be another.
 */

#include "filter/milter/conn.h"

#include <stdlib.h>
#include <string.h>

#include "postern/limits.h"

#define BYTES_FIRST 4096

/* Room for n more bytes. */
static bool reserve(struct backlog *backlog, size_t n)
{
	size_t size = backlog->size > 0 ? backlog->size : BYTES_FIRST;
	char *bigger;

	if (n > LIMIT_BACKLOG - backlog->used)
		return false;
	while (size < backlog->used + n)
		size *= 2;
	if (size == backlog->size)
		return true;
	bigger = realloc(backlog->bytes, size);
	if (!bigger)
		return false;
	backlog->bytes = bigger;
	backlog->size = size;
	return true;
}

static void append(struct backlog *backlog, const char *text, size_t n)
{
	memcpy(backlog->bytes + backlog->used, text, n + 1);
	backlog->used += n + 1;
}

bool backlog_holds(const struct backlog *backlog)
{
	return backlog->data || backlog->used > 0;
}

bool backlog_add(struct backlog *backlog, const char *name, const char *value)
{
	size_t name_size = strlen(name), value_size = strlen(value);

	if (!reserve(backlog, name_size + value_size + 2))
		return false;
	append(backlog, name, name_size);
	append(backlog, value, value_size);
	return true;
}

struct reply backlog_tell(struct backlog *backlog, struct session *session)
{
	struct reply reply = {.kind = REPLY_CONTINUE};
	size_t at = 0;

	if (backlog->data)
		reply = session_data(session);
	while (at < backlog->used && reply.kind == REPLY_CONTINUE) {
		struct str name = str_of(backlog->bytes + at), value;

		at += name.n + 1;
		value = str_of(backlog->bytes + at);
		at += value.n + 1;
		session_header(session, name, value);
	}
	backlog_forget(backlog);
	return reply;
}

void backlog_forget(struct backlog *backlog)
{
	free(backlog->bytes);
	*backlog = (struct backlog){.data = false};
}
