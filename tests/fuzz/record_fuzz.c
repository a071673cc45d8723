/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a record of the journal: refused, or read; then they are written as they were read,
 * and what is told of their facts can be printed. And as what the process that writes it is asked.
 */

#include "filter/observe/recorder.h"
#include "postern/arena.h"
#include "postern/record.h"

#include "tests/fuzz/input.h"

static void question(struct arena *arena, struct str bytes)
{
	struct journal_entry *entries, *again;
	struct buf out = {.arena = arena};
	size_t count, same, most;
	int64_t now;

	if (recorder_get_entries(arena, bytes, &entries, &count)) {
		recorder_put_entries(&out, entries, count);
		require(buf_str(&out).n <= bytes.n);
		require(recorder_get_entries(arena, buf_str(&out), &again, &same) && same == count);
		for (size_t i = 0; i < count; i++)
			require(again[i].time == entries[i].time &&
				again[i].recipient_count == entries[i].recipient_count &&
				str_eq(again[i].bytes, entries[i].bytes));
	}
	(void)recorder_get_expiry(bytes, &now, &most);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str bytes = {(const char *)data, size}, once, again;
	struct arena *arena = arena_new(NULL);
	struct record read, back;

	if (record_decode(arena, bytes, &read)) {
		for (size_t i = 0; i < read.fact_count; i++) {
			struct str text = record_print(arena, &read.facts[i]);

			for (size_t j = 0; j < text.n; j++)
				require((unsigned char)text.s[j] >= ' ' && text.s[j] != 0x7f);
		}
		once = record_encode(arena, &read);
		require(once.n <= bytes.n && record_decode(arena, once, &back));
		again = record_encode(arena, &back);
		require(str_eq(once, again));
	}
	question(arena, bytes);
	arena_free(&arena);
	return 0;
}
