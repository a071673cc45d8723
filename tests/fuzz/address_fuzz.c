/* SPDX-License-Identifier: BSD-2-Clause */
/* A From field of any bytes: an address that was read is read the same again, by both parsers. */

#include "postern/arena.h"
#include "postern/limits.h"
#include "postern/mail.h"

#include "tests/fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new(NULL);
	struct mailboxes list = {0}, again = {0};
	struct path path;
	const char *why;

	if (!address_list_parse(arena, (struct str){(const char *)data, size}, &list)) {
		require(list.count > 0 && list.count <= LIMIT_ADDRESSES);
		for (size_t i = 0; i < list.count; i++) {
			struct mailbox box = list.items[i];

			require(!address_list_parse(arena, box.text, &again) && again.count == 1);
			require(str_eq(again.items[0].text, box.text));
			require(path_parse(arena, box.text, false, &path, &why));
			require(str_eq(path.text, box.text) && str_eq(path.local, box.local));
			require(str_eq(path.domain, box.domain));
		}
	}
	arena_free(&arena);
	return 0;
}
