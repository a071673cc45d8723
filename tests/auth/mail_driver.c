/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lets scripts call the parsers: one request a line on stdin, one answer a line on stdout. Bytes
 * are written in hexadecimal, "-" where there are none.
 *   address VALUE                     -> "ok" DOMAIN ...   |  "no" and why
 *   claim VALUE AUTHSERV              -> "foreign", "ours", "unclear"
 *   write UTF8 AUTHSERV { "result" METHOD RESULT REASON { PTYPE PROPERTY VALUE } }  -> the field
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/arena.h"
#include "postern/authres.h"
#include "postern/mail.h"

static struct str unhex(struct arena *arena, const char *word)
{
	struct buf out = {.arena = arena};
	unsigned byte;

	for (; sscanf(word, "%2x", &byte) == 1; word += 2)
		buf_putc(&out, (char)byte);
	return buf_str(&out);
}

static void print_hex(struct str text)
{
	if (text.n == 0)
		putchar('-');
	for (size_t i = 0; i < text.n; i++)
		printf("%02x", (unsigned char)text.s[i]);
}

static void address(struct arena *arena, struct str value)
{
	struct mailboxes list = {0};
	const char *why = address_list_parse(arena, value, &list);

	if (why) {
		printf("no %s\n", why);
		return;
	}
	printf("ok");
	for (size_t i = 0; i < list.count; i++) {
		putchar(' ');
		print_hex(list.items[i].domain);
	}
	putchar('\n');
}

static void claim(struct arena *arena, struct str value, struct str authserv)
{
	static const char *const names[] = {
	    [AUTHRES_FOREIGN] = "foreign", [AUTHRES_OURS] = "ours", [AUTHRES_UNCLEAR] = "unclear"};

	puts(names[authres_claim(arena, value, authserv)]);
}

static void write_field(struct arena *arena, const char *const *words, size_t count)
{
	VEC(struct authres_result) results = {0};
	VEC(struct authres_property) properties = {0};
	size_t at = 2;

	while (at + 3 < count && strcmp(words[at], "result") == 0) {
		struct authres_result *result = vec_push(arena, &results);

		*result = (struct authres_result){.method = words[at + 1], .result = words[at + 2]};
		result->reason = unhex(arena, words[at + 3]);
		properties.items = NULL;
		properties.count = properties.room = 0;
		for (at += 4; at + 2 < count && strcmp(words[at], "result") != 0; at += 3)
			*vec_push(arena, &properties) = (struct authres_property){
			    words[at], words[at + 1], unhex(arena, words[at + 2])};
		result->properties = properties.items;
		result->count = properties.count;
	}
	print_hex(authres_write(arena, unhex(arena, words[1]), results.items, results.count,
				strcmp(words[0], "1") == 0));
	putchar('\n');
}

int main(void)
{
	char *line = NULL, *rest;
	size_t size = 0;

	while (getline(&line, &size, stdin) > 0) {
		struct arena *arena = arena_new(NULL);
		VEC(const char *) words = {0};

		for (char *word = strtok_r(line, " \n", &rest); word;
		     word = strtok_r(NULL, " \n", &rest))
			*vec_push(arena, &words) = word;
		if (words.count == 2 && strcmp(words.items[0], "address") == 0)
			address(arena, unhex(arena, words.items[1]));
		else if (words.count == 3 && strcmp(words.items[0], "claim") == 0)
			claim(arena, unhex(arena, words.items[1]), unhex(arena, words.items[2]));
		else if (words.count >= 3 && strcmp(words.items[0], "write") == 0)
			write_field(arena, words.items + 1, words.count - 1);
		else
			puts("what?");
		fflush(stdout);
		arena_free(&arena);
	}
	free(line);
	return 0;
}
