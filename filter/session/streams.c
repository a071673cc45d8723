/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Those who must see the bytes of a message, and those who ask ahead when a field comes: only
 * where an undecided rule rests on what they will say.
 */

#include "filter/session/private.h"

/*
 * What the undecided rules rest on, whatever recipient is asked about: an array over all slots, of
 * the scratch arena.
 */
static const bool *what_matters(struct session *s, struct arena *scratch)
{
	bool *marks = arena_array(scratch, s->policy->slot_count, sizeof(*marks));

	settle_recipient(s, NULL);
	if (s->recipients.count == 0)
		settle_mark(s, marks);
	for (size_t i = 0; i < s->recipients.count; i++) {
		if (s->recipients.items[i].discard)
			continue;
		settle_recipient(s, &s->recipients.items[i]);
		settle_mark(s, marks);
		if (s->mixed != MIXED_MESSAGE && !s->policy->edits_recipients)
			break;
	}
	return marks;
}

static bool matters(const struct session *s, const bool *marks, const char *fact)
{
	int slot = policy_slot(s->policy, fact);

	return slot >= 0 && marks[slot];
}

static void *open_stream(struct session *s, const struct stream_def *def)
{
	struct open_stream *stream = vec_push(s->message_arena, &s->streams);

	stream->def = def;
	stream->stream = def->open(s->message_arena, s->policy, s->env.clock);
	return stream->stream;
}

/* Opens the streams on whose facts some undecided rule rests, and who asks ahead for such facts. */
void streams_open(struct session *s)
{
	struct arena *scratch;
	const bool *marks;

	if (!s->view.lookups)
		return;
	scratch = arena_new(s->arena);
	marks = what_matters(s, scratch);
	for (const struct family *const *f = families; *f; f++) {
		void *stream = NULL;

		if ((*f)->stream && matters(s, marks, (*f)->stream->fact))
			stream = open_stream(s, (*f)->stream);
		if ((*f)->ahead && matters(s, marks, (*f)->ahead->fact))
			*vec_push(s->message_arena, &s->aheads) =
			    (struct open_ahead){(*f)->ahead, stream, 0};
	}
	arena_free(&scratch);
}

void streams_ahead(struct session *s, struct str name, struct str value)
{
	for (size_t i = 0; i < s->aheads.count; i++) {
		struct open_ahead *ahead = &s->aheads.items[i];
		struct ahead_call call = {
		    .arena = s->message_arena,
		    .policy = s->policy,
		    .stream = ahead->stream,
		    .value = value,
		    .before = ahead->count,
		    .lookups = s->view.lookups,
		};

		if (!str_caseeq(str_trim(name), str_of(ahead->def->field)))
			continue;
		ahead->count++;
		ahead->def->ask(&call);
	}
}

void streams_header(struct session *s, struct str name, struct str value)
{
	for (size_t i = 0; i < s->streams.count; i++)
		s->streams.items[i].def->header(s->streams.items[i].stream, name, value);
}

void streams_eoh(struct session *s)
{
	struct arena *scratch;
	const bool *marks;

	if (s->streams.count == 0)
		return;
	scratch = arena_new(s->arena);
	marks = what_matters(s, scratch);
	for (size_t i = 0; i < s->streams.count; i++) {
		struct open_stream *stream = &s->streams.items[i];

		if (!matters(s, marks, stream->def->fact))
			continue;
		stream->def->eoh(stream->stream, s->view.lookups);
		stream->body = stream->def->wants_body(stream->stream);
		stream->relevant = true;
	}
	arena_free(&scratch);
}

bool streams_body(struct session *s, struct str chunk)
{
	bool wanted = false;

	for (size_t i = 0; i < s->streams.count; i++) {
		struct open_stream *stream = &s->streams.items[i];

		if (stream->body)
			stream->body = stream->def->body(stream->stream, chunk);
		wanted |= stream->body;
	}
	return wanted;
}

void streams_end(struct session *s)
{
	for (size_t i = 0; i < s->streams.count; i++) {
		struct value value = {.state = FACT_PRESENT, .opaque = s->streams.items[i].stream};

		if (s->streams.items[i].relevant)
			set_fact(s, s->streams.items[i].def->fact, value);
	}
}
