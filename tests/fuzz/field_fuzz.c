/* SPDX-License-Identifier: BSD-2-Clause */
/* A field of any bytes: what is decoded has no control character and is UTF-8. */

#include "postern/arena.h"
#include "postern/mail.h"

#include "filter/mail/scan.h"

#include "tests/fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new(NULL);
	struct str text = {(const char *)data, size};
	struct str unfolded = field_unfold(arena, text), decoded = field_decode(arena, text);
	struct str id = field_id(unfolded);

	require(unfolded.n <= size);
	require(scan_trouble(decoded) == NULL);
	require(str_chr(decoded, '\n') < 0 && str_chr(decoded, '\r') < 0);
	require(str_chr(id, '<') < 0 && str_chr(id, '>') < 0 && str_chr(id, ' ') < 0);
	field_name_ok(text);
	arena_free(&arena);
	return 0;
}
