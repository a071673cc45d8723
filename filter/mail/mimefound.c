/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of a message are found to be, within the limits of how much is kept of them. It
 * stands apart from the reading because one list serves the message and all those that are
 * decoded from it, however deep.
 */

#include "filter/mail/mimefound.h"

#include "postern/limits.h"

void mimefound_trouble(struct mimefound *found, const char *what)
{
	if (!found->trouble)
		found->trouble = what;
}

void mimefound_give_up(struct mimefound *found, const char *what)
{
	mimefound_trouble(found, what);
	found->stop = true;
}

void mimefound_part(struct mimefound *found)
{
	if (found->parts++ >= LIMIT_MIME_PARTS)
		mimefound_give_up(found, "too many parts");
}

bool mimefound_field(struct mimefound *found, size_t bytes)
{
	found->field_bytes += bytes;
	if (found->field_bytes <= LIMIT_MIME_FIELDS_BYTES)
		return true;
	mimefound_give_up(found, "too much header in parts");
	return false;
}

void mimefound_type(struct mimefound *found, struct str type)
{
	if (found->types.count >= LIMIT_MIME_NAMES)
		mimefound_give_up(found, "too many parts");
	else
		*vec_push(found->arena, &found->types) = type;
}

void mimefound_name(struct mimefound *found, size_t first, struct str name)
{
	for (size_t i = first; i < found->names.count; i++)
		if (str_eq(found->names.items[i], name))
			return;
	if (found->names.count - first >= LIMIT_MIME_PART_NAMES)
		mimefound_trouble(found, "a part with too many names");
	else if (found->names.count >= LIMIT_MIME_NAMES ||
		 (found->name_bytes += name.n) > LIMIT_MIME_FIELDS_BYTES)
		mimefound_give_up(found, "too many names");
	else
		*vec_push(found->arena, &found->names) = name;
}

const struct mime_parts *mimefound_result(struct mimefound *found)
{
	found->result = (struct mime_parts){.names = found->names.items,
					    .name_count = found->names.count,
					    .types = found->types.items,
					    .type_count = found->types.count,
					    .trouble = found->trouble};
	return &found->result;
}

/* ---- what a name says ---- */

static bool dropped(char c)
{
	return c == '.' || c == '"' || c == '\'' || c == '/' || c == '\\' ||
	       (c >= '\0' && c <= ' ');
}

struct str mime_extension(struct arena *arena, struct str name)
{
	ptrdiff_t dot;

	while (name.n > 0 && dropped(name.s[name.n - 1]))
		name.n--;
	dot = str_rchr(name, '.');
	for (size_t i = (size_t)(dot + 1); i < name.n; i++)
		if (name.s[i] == '/' || name.s[i] == '\\')
			return STR("");
	return dot < 0 ? STR("") : str_lower(arena, str_sub(name, (size_t)dot + 1, name.n));
}
