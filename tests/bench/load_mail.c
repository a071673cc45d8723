/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The messages that the load generator sends: read once, cut into fields and body in the form
 * in which an MTA hands them to a milter, and kept in memory.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

static char *mail_copy(const char *text, size_t length)
{
	char *copy = load_resize(NULL, length + 1);

	memcpy(copy, text, length);
	copy[length] = '\0';
	return copy;
}

static char *mail_read_file(const char *path, size_t *length_r)
{
	FILE *file = fopen(path, "rb");
	char *bytes = NULL;
	size_t length = 0, capacity = 0, got;

	if (!file)
		load_die("%s: %s", path, strerror(errno));
	do {
		if (capacity - length < 65536) {
			capacity += capacity / 2 + 65536;
			bytes = load_resize(bytes, capacity);
		}
		got = fread(bytes + length, 1, capacity - length - 1, file);
		length += got;
	} while (got);
	if (ferror(file))
		load_die("%s: %s", path, strerror(errno));
	fclose(file);
	bytes[length] = '\0';
	*length_r = length;
	return bytes;
}

/* The length of a line without its CRLF or LF; *next_r is where the next one begins. */
static size_t mail_line(const char *line, const char *end, const char **next_r)
{
	const char *newline = memchr(line, '\n', (size_t)(end - line));
	const char *stop = newline ? newline : end;

	*next_r = newline ? newline + 1 : end;
	if (stop > line && stop[-1] == '\r')
		stop--;
	return (size_t)(stop - line);
}

static const char *mail_fields(struct message *message, const char *at, const char *end,
			       const char *path)
{
	while (at < end) {
		const char *next, *colon;
		size_t length = mail_line(at, end, &next), capacity = message->field_count + 1,
		       used;
		struct field *field;
		char *value;

		if (length == 0)
			return next;
		colon = memchr(at, ':', length);
		if (!colon || colon == at)
			load_die("%s: no header field: '%.*s'", path, (int)length, at);
		message->fields = load_resize(message->fields, capacity * sizeof(*field));
		field = &message->fields[message->field_count++];
		field->name = mail_copy(at, (size_t)(colon - at));
		used = length - (size_t)(colon + 1 - at);
		value = mail_copy(colon + 1, used);
		while (next < end && (*next == ' ' || *next == '\t')) {
			at = next;
			length = mail_line(at, end, &next);
			value = load_resize(value, used + length + 2);
			value[used++] = '\n';
			memcpy(value + used, at, length);
			used += length;
			value[used] = '\0';
		}
		field->value = value;
		at = next;
	}
	return end;
}

static void mail_body(struct message *message, const char *at, const char *end)
{
	size_t lines = 1;

	for (const char *p = at; p < end; p++)
		lines += *p == '\n';
	message->body = load_resize(NULL, (size_t)(end - at) + lines + 2);
	while (at < end) {
		const char *next;
		size_t length = mail_line(at, end, &next);

		memcpy(message->body + message->body_length, at, length);
		message->body_length += length;
		memcpy(message->body + message->body_length, "\r\n", 2);
		message->body_length += 2;
		at = next;
	}
}

static char *mail_bracketed(const char *address)
{
	size_t length = strlen(address);
	char *text = load_resize(NULL, length + 3);

	snprintf(text, length + 3, *address == '<' ? "%s" : "<%s>", address);
	return text;
}

static void mail_recipients(struct message *message, char *list)
{
	char *rest = list, *address;

	while ((address = strsep(&rest, ", ")) != NULL) {
		size_t capacity = message->recipient_count + 1;

		if (!*address)
			continue;
		message->recipients =
		    load_resize(message->recipients, capacity * sizeof(*message->recipients));
		message->recipients[message->recipient_count++] = mail_bracketed(address);
	}
}

static void mail_add(struct mail *mail, char *line, const char *list)
{
	const char *slash = strrchr(list, '/');
	size_t folder = slash ? (size_t)(slash + 1 - list) : 0, length;
	char *columns[6], *rest = line, *path, *bytes;
	const char *body;
	struct message *message;

	for (size_t i = 0; i < 6; i++)
		if ((columns[i] = strsep(&rest, "\t")) == NULL || !*columns[i])
			load_die("%s: a line has fewer than 6 columns", list);
	if (*columns[0] == '/')
		folder = 0;
	length = folder + strlen(columns[0]) + 1;
	path = load_resize(NULL, length);
	snprintf(path, length, "%.*s%s", (int)folder, list, columns[0]);

	mail->messages = load_resize(mail->messages, (mail->count + 1) * sizeof(*message));
	message = &mail->messages[mail->count++];
	memset(message, 0, sizeof(*message));
	message->address = mail_copy(columns[1], strlen(columns[1]));
	message->name = mail_copy(columns[2], strlen(columns[2]));
	message->helo = mail_copy(columns[3], strlen(columns[3]));
	message->sender = mail_bracketed(columns[4]);
	mail_recipients(message, columns[5]);
	if (message->recipient_count == 0)
		load_die("%s: a line has no recipient", list);
	bytes = mail_read_file(path, &length);
	body = mail_fields(message, bytes, bytes + length, path);
	mail_body(message, body, bytes + length);
	free(bytes);
	free(path);
}

void mail_read(struct mail *mail, const char *list)
{
	FILE *file = fopen(list, "r");
	char *line = NULL;
	size_t capacity = 0;
	ssize_t length;

	memset(mail, 0, sizeof(*mail));
	if (!file)
		load_die("%s: %s", list, strerror(errno));
	while ((length = getline(&line, &capacity, file)) > 0) {
		line[strcspn(line, "\r\n")] = '\0';
		if (*line && *line != '#')
			mail_add(mail, line, list);
	}
	free(line);
	fclose(file);
	if (mail->count == 0)
		load_die("%s: names no message", list);
	for (size_t i = 0; i < mail->count; i++) {
		size_t next = i;

		do
			next = (next + 1) % mail->count;
		while (strcmp(mail->messages[next].address, mail->messages[i].address) != 0);
		mail->messages[i].next_of_client = next;
	}
}
