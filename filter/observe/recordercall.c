/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a recorder is asked, as bytes. It is a filter process that asks, and strangers may have
 * taken one over: nothing is believed of what comes.
 */

#include "filter/observe/recorder.h"

#include "filter/observe/pack.h"
#include "postern/record.h"

/* A batch has fewer. */
#define ENTRIES_MOST 65536

void recorder_put_entries(struct buf *out, const struct journal_entry *entries, size_t count)
{
	pack_number(out, count);
	for (size_t i = 0; i < count; i++) {
		const struct journal_entry *entry = &entries[i];

		pack_signed(out, entry->time);
		pack_text(out, entry->queue_id);
		pack_text(out, entry->message_id);
		pack_text(out, entry->reference);
		pack_number(out, entry->recipient_count);
		for (size_t j = 0; j < entry->recipient_count; j++)
			pack_text(out, entry->recipients[j]);
		pack_text(out, entry->bytes);
	}
}

static void get_entry(struct arena *arena, struct unpack *in, struct journal_entry *entry_r)
{
	struct str *recipients;

	*entry_r = (struct journal_entry){.time = unpack_signed(in)};
	entry_r->queue_id = unpack_text(in);
	entry_r->message_id = unpack_text(in);
	entry_r->reference = unpack_text(in);
	entry_r->recipient_count = unpack_count(in, RECORD_RECIPIENTS_MOST);
	recipients = arena_array(arena, entry_r->recipient_count, sizeof(*recipients));
	for (size_t i = 0; i < entry_r->recipient_count; i++)
		recipients[i] = unpack_text(in);
	entry_r->recipients = recipients;
	entry_r->bytes = unpack_text(in);
	in->bad = in->bad || entry_r->bytes.n > RECORD_BYTES_MOST;
}

bool recorder_get_entries(struct arena *arena, struct str bytes, struct journal_entry **entries_r,
			  size_t *count_r)
{
	struct unpack in = {.left = bytes};

	*count_r = unpack_count(&in, ENTRIES_MOST);
	*entries_r = arena_array(arena, *count_r, sizeof(**entries_r));
	for (size_t i = 0; i < *count_r && !in.bad; i++)
		get_entry(arena, &in, &(*entries_r)[i]);
	return !in.bad && in.left.n == 0;
}

void recorder_put_expiry(struct buf *out, int64_t now_us, size_t most)
{
	pack_signed(out, now_us);
	pack_number(out, most);
}

bool recorder_get_expiry(struct str bytes, int64_t *now_us_r, size_t *most_r)
{
	struct unpack in = {.left = bytes};

	*now_us_r = unpack_signed(&in);
	*most_r = unpack_number(&in);
	return !in.bad && in.left.n == 0;
}
