/* SPDX-License-Identifier: BSD-2-Clause */
/* Edits of the header. Facts are of the message as it came; edits never change them. */

#include "postern/arena.h"
#include "postern/fact.h"

static void add_commit(const struct action_call *call)
{
	edit_add(call->edits, call->name, call->text);
}

static void insert_commit(const struct action_call *call)
{
	edit_insert(call->edits, call->name, call->text);
}

static void remove_commit(const struct action_call *call)
{
	const struct fields *fields = edit_fields(call->edits);

	for (size_t i = 0; i < fields->count; i++)
		if (str_caseeq(fields->items[i].name, call->name))
			edit_remove(call->edits, &fields->items[i]);
}

/* The first field of the name gets the value, the others go; without one, it is added. */
static void replace_commit(const struct action_call *call)
{
	const struct fields *fields = edit_fields(call->edits);
	bool found = false;

	for (size_t i = 0; i < fields->count; i++) {
		if (!str_caseeq(fields->items[i].name, call->name))
			continue;
		if (found)
			edit_remove(call->edits, &fields->items[i]);
		else
			edit_replace(call->edits, &fields->items[i], call->text);
		found = true;
	}
	if (!found)
		edit_set(call->edits, call->name, call->text);
}

static void prefix_commit(const struct action_call *call)
{
	const struct fields *fields = edit_fields(call->edits);
	struct str value;

	for (size_t i = 0; i < fields->count; i++) {
		if (!str_caseeq(fields->items[i].name, STR("Subject")))
			continue;
		value = edit_current(call->edits, &fields->items[i]);
		if (value.n > 0 && value.s[0] == ' ')
			value = str_sub(value, 1, value.n);
		edit_replace(
		    call->edits, &fields->items[i],
		    str_printf(call->arena, STR_FMT STR_FMT, STR_ARG(call->text), STR_ARG(value)));
		return;
	}
	value = edit_set_value(call->edits, STR("Subject"));
	edit_set(call->edits, STR("Subject"),
		 str_printf(call->arena, STR_FMT STR_FMT, STR_ARG(call->text), STR_ARG(value)));
}

static const struct action_def actions[] = {
    {.name = "add header",
     .class = ACTION_EDIT,
     .parameters = PARAMETERS_FIELD,
     .commit = add_commit,
     .help = "Add a field at the bottom of the header: \"Name: value\"."},
    {.name = "insert header",
     .class = ACTION_EDIT,
     .parameters = PARAMETERS_FIELD,
     .commit = insert_commit,
     .help = "Add a field on top of the header: \"Name: value\"."},
    {.name = "replace header",
     .class = ACTION_EDIT,
     .parameters = PARAMETERS_FIELD,
     .commit = replace_commit,
     .help = "Leave one field of that name, with this value."},
    {.name = "remove header",
     .class = ACTION_EDIT,
     .parameters = PARAMETERS_NAME,
     .commit = remove_commit,
     .help = "Remove all fields of that name."},
    {.name = "prefix subject",
     .class = ACTION_EDIT,
     .parameters = PARAMETERS_TEXT,
     .commit = prefix_commit,
     .help = "Put a text before the Subject."},
    {.name = NULL},
};

const struct family family_edit = {.name = "edit", .actions = actions};
