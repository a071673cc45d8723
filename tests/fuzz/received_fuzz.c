/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A Received field of any bytes; and one that a server wrote about a client whose HELO is any
 * bytes that servers let in: the address in it is the server's, whatever the client said.
 */

#include "postern/arena.h"
#include "postern/mail.h"

#include "tests/fuzz/input.h"

static void check_written(struct arena *arena, struct str helo)
{
	static const char *const forms[] = {
	    " from " STR_FMT " (unknown [192.0.2.1])\n\tby mx (Postfix) with SMTP id 1; x",
	    " from " STR_FMT " ([192.0.2.1] (may be forged))\n\tby mx (8.17) with SMTP id 1; x",
	    " from name.example ([192.0.2.1] helo=" STR_FMT ")\n\tby mx with smtp (Exim); x",
	    " from [192.0.2.1] (helo=" STR_FMT ")\n\tby mx with smtp (Exim); x",
	};
	struct received received;
	struct ip ip;

	require(ip_parse(STR("192.0.2.1"), &ip));
	for (size_t i = 0; i < helo.n; i++)
		if ((unsigned char)helo.s[i] <= ' ' || helo.s[i] == 0x7f || helo.s[i] == '(' ||
		    helo.s[i] == ')')
			return;
	for (size_t i = 0; helo.n > 0 && i < sizeof(forms) / sizeof(*forms); i++) {
		struct buf value = {.arena = arena};
		const char *at = strstr(forms[i], STR_FMT);

		buf_add(&value, (struct str){forms[i], (size_t)(at - forms[i])});
		buf_add(&value, helo);
		buf_puts(&value, at + strlen(STR_FMT));
		require(received_parse(buf_str(&value), &received) == NULL);
		require(ip_eq(&received.ip, &ip) && str_eq(received.helo, helo));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new(NULL);
	struct str text = {(const char *)data, size};
	struct received received;

	if (!received_parse(text, &received)) {
		require(received.helo.n <= text.n);
		require(received.helo.n == 0 ||
			(received.helo.s >= text.s && received.helo.s < text.s + text.n));
	}
	check_written(arena, text);
	arena_free(&arena);
	return 0;
}
