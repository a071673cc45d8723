/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The edits at the end of a message, in the session's order: it deletes fields of one name from
 * the last to the first, as Postfix renumbers them. Where the MTA was asked to keep the leading
 * space of values (SMFIP_HDR_LEADSPC) it adds none of its own either, so ours bring one.
 */

#include "filter/milter/conn.h"

#include <stdlib.h>
#include <string.h>

#include "postern/log.h"

#define SCRATCH_FIRST 1024

/*
 * The place of a field that is to be the last: past the end, which both MTAs take for it. Asked to
 * add one, Sendmail puts it above the first field of that name.
 */
#define BELOW_ALL_FIELDS (1 << 30)

char *conn_blank_before(struct conn *conn, const char *value)
{
	size_t n = strlen(value), size = conn->scratch_size ? conn->scratch_size : SCRATCH_FIRST;
	char *bigger;

	while (size < n + 2)
		size *= 2;
	if (size != conn->scratch_size) {
		bigger = realloc(conn->scratch, size);
		if (!bigger)
			return NULL;
		conn->scratch = bigger;
		conn->scratch_size = size;
	}
	conn->scratch[0] = ' ';
	memcpy(conn->scratch + 1, value, n + 1);
	return conn->scratch;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* A value as the MTA must get it to write "Name: value"; NULL: memory ended. */
static char *value_for_mta(struct conn *conn, const char *value)
{
	bool ours = (conn->steps & SMFIP_HDR_LEADSPC) != 0;

	if (!value)
		value = "";
	/* An empty value would delete the field. */
	if (value[0] == '\0')
		return (char *)" ";
	if (ours && !is_blank(value[0]) && value[0] != '\n')
		return conn_blank_before(conn, value);
	if (!ours && value[0] == ' ' && value[1] != '\0')
		return (char *)value + 1;
	return (char *)value;
}

static bool edit_make(struct conn *conn, const struct edit *edit)
{
	char *name = (char *)edit->name, *value = (char *)edit->value;

	switch (edit->kind) {
	case EDIT_REMOVE_HEADER:
		return smfi_chgheader(conn->ctx, name, edit->index, NULL) == MI_SUCCESS;
	case EDIT_REPLACE_HEADER:
		value = value_for_mta(conn, value);
		return value && smfi_chgheader(conn->ctx, name, edit->index, value) == MI_SUCCESS;
	case EDIT_ADD_HEADER:
		value = value_for_mta(conn, value);
		return value &&
		       smfi_insheader(conn->ctx, BELOW_ALL_FIELDS, name, value) == MI_SUCCESS;
	case EDIT_INSERT_HEADER:
		value = value_for_mta(conn, value);
		return value && smfi_insheader(conn->ctx, 0, name, value) == MI_SUCCESS;
	case EDIT_REMOVE_RECIPIENT:
		return smfi_delrcpt(conn->ctx, value) == MI_SUCCESS;
	case EDIT_ADD_RECIPIENT:
		return smfi_addrcpt(conn->ctx, value) == MI_SUCCESS;
	case EDIT_HOLD:
		/* libmilter wants a reason. */
		if (!value || value[0] == '\0')
			value = (char *)"held by the policy";
		return smfi_quarantine(conn->ctx, value) == MI_SUCCESS;
	}
	return false;
}

const struct edit *edits_make(struct conn *conn, const struct edits *edits)
{
	for (size_t i = 0; i < edits->count; i++) {
		const struct edit *edit = &edits->items[i];

		if (!edit_make(conn, edit)) {
			log_line(LOG_LEVEL_ERROR,
				 "an edit was refused ('%s'): the message is deferred",
				 edit->name    ? edit->name
				 : edit->value ? edit->value
					       : "");
			return edit;
		}
	}
	return NULL;
}
