/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The edits of one message, gathered from its actions and put into the order in which an MTA can
 * carry them out: replacements, then removals from the bottom up (Postfix renumbers the fields
 * below one that is removed), then additions, our Authentication-Results on top of all.
 */

#include "filter/session/private.h"

struct extra {
	struct str name, value;
	bool set; /* stands for the one field of its name */
};

struct edit_list {
	struct arena *arena;
	const struct fields *fields;
	bool *removed;
	struct str *replaced; /* .s is NULL where a field is as it came */
	size_t removals;
	VEC(struct extra) adds, inserts;
	VEC(struct str) recipients, added;
	struct str hold;
};

struct edit_list *edits_new(struct arena *arena, const struct fields *fields)
{
	struct edit_list *edits = arena_new_of(arena, struct edit_list);

	edits->arena = arena;
	edits->fields = fields;
	edits->removed = arena_array(arena, fields->count + 1, sizeof(*edits->removed));
	edits->replaced = arena_array(arena, fields->count + 1, sizeof(*edits->replaced));
	return edits;
}

const struct fields *edit_fields(const struct edit_list *edits)
{
	return edits->fields;
}

void edit_remove(struct edit_list *edits, const struct field *field)
{
	size_t i = (size_t)(field - edits->fields->items);

	edits->removals += !edits->removed[i];
	edits->removed[i] = true;
}

/* No byte that could end a line early reaches the MTA: folds are LF and a blank, all else is cut.
 */
static struct str safe_value(struct arena *arena, struct str value)
{
	struct buf out = {.arena = arena};
	size_t whole = 0;

	/* Most values are safe as they are, up to their first fold at least. */
	while (whole < value.n && (unsigned char)value.s[whole] >= ' ')
		whole++;
	buf_add(&out, str_sub(value, 0, whole));

	for (size_t i = whole; i < value.n; i++) {
		char c = value.s[i];

		if (c == '\0' || c == '\r')
			continue;
		if (c == '\n' &&
		    (i + 1 == value.n || (value.s[i + 1] != ' ' && value.s[i + 1] != '\t')))
			c = ' ';
		buf_putc(&out, c);
	}
	return str_dup(arena, buf_str(&out));
}

void edit_replace(struct edit_list *edits, const struct field *field, struct str value)
{
	edits->replaced[field - edits->fields->items] = safe_value(edits->arena, value);
}

struct str edit_current(const struct edit_list *edits, const struct field *field)
{
	const struct str *replaced = &edits->replaced[field - edits->fields->items];

	return replaced->s ? *replaced : field->value;
}

void edit_add(struct edit_list *edits, struct str name, struct str value)
{
	*vec_push(edits->arena, &edits->adds) =
	    (struct extra){name, safe_value(edits->arena, value), false};
}

static struct extra *set_before(struct edit_list *edits, struct str name)
{
	for (size_t i = 0; i < edits->adds.count; i++)
		if (edits->adds.items[i].set && str_caseeq(edits->adds.items[i].name, name))
			return &edits->adds.items[i];
	return NULL;
}

void edit_set(struct edit_list *edits, struct str name, struct str value)
{
	struct extra *extra = set_before(edits, name);

	if (!extra) {
		edit_add(edits, name, value);
		edits->adds.items[edits->adds.count - 1].set = true;
	} else {
		extra->value = safe_value(edits->arena, value);
	}
}

struct str edit_set_value(struct edit_list *edits, struct str name)
{
	const struct extra *extra = set_before(edits, name);

	return extra ? extra->value : STR("");
}

void edit_insert(struct edit_list *edits, struct str name, struct str value)
{
	*vec_push(edits->arena, &edits->inserts) =
	    (struct extra){name, safe_value(edits->arena, value), false};
}

void edits_add_recipient(struct edit_list *edits, struct str address)
{
	*vec_push(edits->arena, &edits->added) =
	    str_printf(edits->arena, "<" STR_FMT ">", STR_ARG(address));
}

void edits_remove_recipient(struct edit_list *edits, struct str address)
{
	*vec_push(edits->arena, &edits->recipients) = address;
}

void edits_hold(struct edit_list *edits, struct str reason)
{
	edits->hold = reason.n > 0 ? reason : STR("held");
}

bool edits_too_many(const struct edit_list *edits)
{
	return edits->removals > LIMIT_REMOVALS;
}

struct edits edits_finish(struct edit_list *edits, struct arena *arena)
{
	VEC(struct edit) out = {0};
	const struct field *fields = edits->fields->items;

	for (size_t i = 0; i < edits->fields->count; i++)
		if (edits->replaced[i].s && !edits->removed[i])
			*vec_push(arena, &out) =
			    (struct edit){EDIT_REPLACE_HEADER, str_dup(arena, fields[i].name).s,
					  edits->replaced[i].s, fields[i].index};
	for (size_t i = edits->fields->count; i-- > 0;)
		if (edits->removed[i])
			*vec_push(arena, &out) =
			    (struct edit){EDIT_REMOVE_HEADER, str_dup(arena, fields[i].name).s,
					  NULL, fields[i].index};
	for (size_t i = 0; i < edits->adds.count; i++)
		*vec_push(arena, &out) =
		    (struct edit){EDIT_ADD_HEADER, str_dup(arena, edits->adds.items[i].name).s,
				  edits->adds.items[i].value.s, 0};
	for (int ours = 0; ours < 2; ours++) {
		for (size_t i = 0; i < edits->inserts.count; i++) {
			const struct extra *extra = &edits->inserts.items[i];

			if (str_caseeq(extra->name, STR("Authentication-Results")) == (ours == 1))
				*vec_push(arena, &out) =
				    (struct edit){EDIT_INSERT_HEADER, str_dup(arena, extra->name).s,
						  extra->value.s, 0};
		}
	}
	for (size_t i = 0; i < edits->added.count; i++)
		*vec_push(arena, &out) =
		    (struct edit){EDIT_ADD_RECIPIENT, NULL, edits->added.items[i].s, 0};
	for (size_t i = 0; i < edits->recipients.count; i++)
		*vec_push(arena, &out) =
		    (struct edit){EDIT_REMOVE_RECIPIENT, NULL, edits->recipients.items[i].s, 0};
	if (edits->hold.s)
		*vec_push(arena, &out) =
		    (struct edit){EDIT_HOLD, NULL, str_dup(arena, edits->hold).s, 0};
	return (struct edits){out.items, out.count};
}
