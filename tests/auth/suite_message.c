/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads and splits the message files of the outside suites. */

#include "tests/auth/suite_message.h"

#include <stdio.h>
#include <stdlib.h>

#include "postern/arena.h"

struct str suite_read(struct arena *arena, const char *path)
{
	FILE *file = fopen(path, "rb");
	struct buf out = {.arena = arena};
	char piece[4096];
	size_t n;

	if (!file) {
		perror(path);
		exit(2);
	}
	buf_puts(&out, "");
	while ((n = fread(piece, 1, sizeof(piece), file)) > 0)
		buf_add(&out, (struct str){piece, n});
	fclose(file);
	return buf_str(&out);
}

/* As the MTA passes a field on: with LF in its folds. */
static struct str lf_only(struct arena *arena, struct str text)
{
	struct buf out = {.arena = arena};

	buf_puts(&out, "");
	for (size_t i = 0; i < text.n; i++)
		if (text.s[i] != '\r' || i + 1 == text.n || text.s[i + 1] != '\n')
			buf_putc(&out, text.s[i]);
	return buf_str(&out);
}

struct str suite_header(struct arena *arena, struct str message, bool lf,
			void (*field_fn)(void *ctx, struct str name, struct str value), void *ctx)
{
	size_t at = 0;

	while (at < message.n && message.s[at] != '\r' && message.s[at] != '\n') {
		size_t end = at;
		struct str field, name, value;
		ptrdiff_t colon;

		do {
			ptrdiff_t line = str_chr(str_sub(message, end, message.n), '\n');

			end = line < 0 ? message.n : end + (size_t)line + 1;
		} while (end < message.n && (message.s[end] == ' ' || message.s[end] == '\t'));
		field = str_sub(message, at, end - at);
		at = end;
		while (field.n > 0 &&
		       (field.s[field.n - 1] == '\n' || field.s[field.n - 1] == '\r'))
			field.n--;
		colon = str_chr(field, ':');
		if (colon < 0)
			continue;
		name = str_sub(field, 0, (size_t)colon);
		value = str_sub(field, (size_t)colon + 1, field.n);
		field_fn(ctx, name, lf ? lf_only(arena, value) : value);
	}
	if (at < message.n && message.s[at] == '\r')
		at++;
	if (at < message.n && message.s[at] == '\n')
		at++;
	return str_sub(message, at, message.n);
}
