/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a message is made of: its size, its lines, the names and types of its parts. Each costs
 * only where a policy uses it.
 */

#include "postern/arena.h"
#include "postern/fact.h"
#include "postern/meter.h"
#include "postern/mime.h"
#include "postern/policy.h"

/* ---- the bytes of the message ---- */

struct content {
	bool measure;      /* some rule rests on the size or the lines */
	struct mime *mime; /* NULL: no rule rests on the parts */
	bool cut;          /* the message costs too much: the parts behind are not known */
	int64_t size;
	int64_t line, longest; /* octets of this line so far, and of the longest before it */
	bool after_cr;
};

static void *stream_open(struct arena *arena, const struct policy *policy,
			 const struct clock *clock)
{
	struct content *content = arena_new_of(arena, struct content);

	(void)clock;
	content->measure =
	    policy_slot(policy, "size") >= 0 || policy_slot(policy, "line.longest") >= 0;
	if (policy_slot(policy, "content.parts") >= 0)
		content->mime = mime_new(arena);
	return content;
}

static void stream_header(void *stream, struct str name, struct str value)
{
	struct content *content = stream;

	/* Name, colon, the value with its leading blank, CRLF; folds are CRLF too. */
	content->size += (int64_t)(name.n + value.n + 3);
	for (size_t i = 0; i < value.n; i++)
		content->size += value.s[i] == '\n' && (i == 0 || value.s[i - 1] != '\r');
	if (content->mime)
		mime_header(content->mime, name, value);
}

static void stream_eoh(void *stream, struct lookups *lookups)
{
	struct content *content = stream;

	(void)lookups;
	content->size += 2;
	if (content->mime)
		mime_eoh(content->mime);
}

static void measure(struct content *content, struct str chunk)
{
	content->size += (int64_t)chunk.n;
	while (chunk.n > 0) {
		ptrdiff_t end = str_chr(chunk, '\n');
		size_t n = end < 0 ? chunk.n : (size_t)end;

		content->line += (int64_t)n;
		if (n > 0)
			content->after_cr = chunk.s[n - 1] == '\r';
		if (end < 0)
			return;
		content->line -= content->after_cr;
		if (content->line > content->longest)
			content->longest = content->line;
		content->line = 0;
		content->after_cr = false;
		chunk = str_sub(chunk, n + 1, chunk.n);
	}
}

static bool stream_wants_body(const void *stream)
{
	const struct content *content = stream;

	return content->measure ||
	       (content->mime && !content->cut && mime_wants_body(content->mime));
}

static bool stream_body(void *stream, struct str chunk)
{
	struct content *content = stream;

	if (content->measure)
		measure(content, chunk);
	content->cut |= content->mime && mime_wants_body(content->mime) && meter_over();
	if (content->mime && !content->cut)
		mime_body(content->mime, chunk);
	return stream_wants_body(content);
}

static const struct stream_def stream = {
    .fact = "content.stream",
    .open = stream_open,
    .header = stream_header,
    .eoh = stream_eoh,
    .body = stream_body,
    .wants_body = stream_wants_body,
};

/* ---- facts ---- */

static enum fact_state size_provide(const struct fact_call *call, struct value *value_r)
{
	const struct content *content = call->inputs[0]->opaque;

	*value_r = (struct value){.state = FACT_PRESENT, .number = content->size};
	return FACT_PRESENT;
}

static enum fact_state longest_provide(const struct fact_call *call, struct value *value_r)
{
	const struct content *content = call->inputs[0]->opaque;
	int64_t longest = content->line > content->longest ? content->line : content->longest;

	*value_r = value_number(longest * 1000);
	return FACT_PRESENT;
}

static enum fact_state parts_provide(const struct fact_call *call, struct value *value_r)
{
	const struct content *content = call->inputs[0]->opaque;

	struct mime_parts *parts = arena_new_of(call->arena, struct mime_parts);

	/* Inputs come as const; the stream is the one thing that its provider moves on. */
	*parts = *mime_finish(content->mime);
	if (content->cut)
		parts->trouble = "the message costs too much to check";
	*value_r = (struct value){.state = FACT_PRESENT, .opaque = parts};
	return FACT_PRESENT;
}

/* Where parts may be hidden the list is incomplete, and decides only by what it holds. */
static enum fact_state list_of(const struct fact_call *call, const struct str *texts, size_t count,
			       struct value *value_r)
{
	const struct mime_parts *parts = call->inputs[0]->opaque;
	struct value *items = arena_array(call->arena, count, sizeof(*items));

	for (size_t i = 0; i < count; i++)
		items[i] = value_text(texts[i]);
	*value_r = value_list(items, count);
	value_r->incomplete = parts->trouble != NULL;
	return FACT_PRESENT;
}

static enum fact_state name_provide(const struct fact_call *call, struct value *value_r)
{
	const struct mime_parts *parts = call->inputs[0]->opaque;

	return list_of(call, parts->names, parts->name_count, value_r);
}

static enum fact_state type_provide(const struct fact_call *call, struct value *value_r)
{
	const struct mime_parts *parts = call->inputs[0]->opaque;

	return list_of(call, parts->types, parts->type_count, value_r);
}

static enum fact_state extension_provide(const struct fact_call *call, struct value *value_r)
{
	const struct mime_parts *parts = call->inputs[0]->opaque;
	VEC(struct str) found = {0};

	for (size_t i = 0; i < parts->name_count; i++) {
		struct str extension = mime_extension(call->arena, parts->names[i]);

		if (extension.n > 0)
			*vec_push(call->arena, &found) = extension;
	}
	return list_of(call, found.items, found.count, value_r);
}

#define CONTENT .stage = STAGE_MESSAGE, .scope = SCOPE_MESSAGE, .cost = COST_CPU
#define PARTS CONTENT, .inputs = NAMES("content.parts"), .on_failure = FAILURE_DEFER

static const struct fact_def facts[] = {
    {.name = "content.stream",
     .type = {TYPE_OPAQUE, false, NULL},
     CONTENT,
     .internal = true,
     .help = "The bytes of the message, measured and taken apart."},
    {.name = "content.parts",
     .type = {TYPE_OPAQUE, false, NULL},
     CONTENT,
     .inputs = NAMES("content.stream"),
     .provide = parts_provide,
     .internal = true,
     .help = "The names and types of all parts."},
    {.name = "size",
     .always = true,
     .type = {TYPE_SIZE, false, NULL},
     CONTENT,
     .inputs = NAMES("content.stream"),
     .provide = size_provide,
     .help = "Octets of the message, header and body, as the filter saw it."},
    {.name = "line.longest",
     .always = true,
     .type = {TYPE_NUMBER, false, NULL},
     CONTENT,
     .inputs = NAMES("content.stream"),
     .provide = longest_provide,
     .help = "Octets of the longest line of the body, without its end."},
    {.name = "attachment.name",
     .type = {TYPE_TEXT, true, NULL},
     PARTS,
     .provide = name_provide,
     .trust = TRUST_FORGEABLE,
     .help = "File names of the message's parts, decoded."},
    {.name = "attachment.extension",
     .type = {TYPE_TEXT, true, NULL},
     PARTS,
     .provide = extension_provide,
     .trust = TRUST_FORGEABLE,
     .help = "What follows the last dot of each file name, in lower case."},
    {.name = "attachment.type",
     .type = {TYPE_TEXT, true, NULL},
     PARTS,
     .provide = type_provide,
     .trust = TRUST_FORGEABLE,
     .help = "Type and subtype of each part that is no multipart, in lower case."},
    {.name = NULL},
};

const struct family family_content = {.name = "content", .facts = facts, .stream = &stream};
