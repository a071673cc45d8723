/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The header of the message in hand, as the milters of a chain leave it to the next: a copy of
 * pointers to the message's own fields, and the texts that edits brought in.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "load_session.h"

static void edit_reserve(struct edit *edit, size_t count)
{
	if (edit->capacity >= count)
		return;
	edit->capacity = count + 16;
	edit->fields = load_resize(edit->fields, edit->capacity * sizeof(*edit->fields));
}

static void edit_drop(struct edit *edit)
{
	while (edit->owned_count)
		free(edit->owned[--edit->owned_count]);
}

void edit_begin(struct edit *edit, const struct message *message)
{
	edit_drop(edit);
	edit_reserve(edit, message->field_count);
	memcpy(edit->fields, message->fields, message->field_count * sizeof(*edit->fields));
	edit->count = message->field_count;
	edit->added = edit->changed = edit->others = 0;
	memset(edit->texts, 0, sizeof(edit->texts));
}

void edit_free(struct edit *edit)
{
	edit_drop(edit);
	free(edit->owned);
	free(edit->fields);
}

static char *edit_own(struct edit *edit, const char *prefix, const char *text)
{
	size_t size = strlen(prefix) + strlen(text) + 1;
	char *copy = load_resize(NULL, size);

	snprintf(copy, size, "%s%s", prefix, text);
	edit->owned = load_resize(edit->owned, (edit->owned_count + 1) * sizeof(*edit->owned));
	edit->owned[edit->owned_count++] = copy;
	return copy;
}

static void edit_insert(struct edit *edit, size_t at, struct field field)
{
	if (at > edit->count)
		at = edit->count;
	edit_reserve(edit, edit->count + 1);
	memmove(edit->fields + at + 1, edit->fields + at, (edit->count - at) * sizeof(field));
	edit->fields[at] = field;
	edit->count++;
}

/* Changes, or with an empty value removes, the nth field of this name, counted from 1. */
static void edit_change(struct edit *edit, size_t nth, struct field field)
{
	size_t i = 0;

	while (i < edit->count && (strcasecmp(edit->fields[i].name, field.name) != 0 || nth-- > 1))
		i++;
	if (i < edit->count && *field.value) {
		edit->fields[i] = field;
	} else if (i < edit->count) {
		edit->count--;
		memmove(edit->fields + i, edit->fields + i + 1, (edit->count - i) * sizeof(field));
	} else if (*field.value) {
		edit_insert(edit, edit->count, field);
	}
}

bool edit_apply(struct edit *edit, const struct plan *plan, uint32_t steps, char command,
		const char *bytes, size_t length)
{
	size_t index = 0, name;
	const char *value;
	struct field field;

	if (command != SMFIR_ADDHEADER) {
		if (length < 4)
			return false;
		for (size_t i = 0; i < 4; i++)
			index = index << 8 | (unsigned char)bytes[i];
		bytes += 4;
		length -= 4;
	}
	name = strnlen(bytes, length);
	if (length < 2 || bytes[length - 1] != '\0' || name >= length - 1)
		return false;
	value = bytes + name + 1;
	if (command == SMFIR_CHGHEADER) {
		edit->changed++;
	} else {
		edit->added++;
		for (size_t i = 0; i < plan->text_count; i++)
			edit->texts[i] += strstr(value, plan->texts[i]) != NULL;
	}
	if (plan->milter_count == 1)
		return true;
	field.name = edit_own(edit, "", bytes);
	field.value = edit_own(edit, *value && !(steps & SMFIP_HDR_LEADSPC) ? " " : "", value);
	if (command == SMFIR_CHGHEADER)
		edit_change(edit, index, field);
	else if (command == SMFIR_ADDHEADER)
		edit_insert(edit, edit->count, field);
	else /* 1 is below the MTA's own Received field, which no milter is shown */
		edit_insert(edit, index - (index > 0), field);
	return true;
}
