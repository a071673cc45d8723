/* SPDX-License-Identifier: BSD-2-Clause */
/* The order in which an MTA is asked for the edits of a message, and what their values may hold. */

#include "filter/session/private.h"
#include "tests/unit/unit.h"

static struct arena *arena;
static VEC(struct field) list;
static struct fields fields;
static struct edit_list *edits;

static void begin(void)
{
	memset(&list, 0, sizeof(list));
}

static void field(const char *name, const char *value)
{
	int index = 1;

	for (size_t i = 0; i < list.count; i++)
		index += str_caseeq(list.items[i].name, str_of(name));
	*vec_push(arena, &list) = (struct field){str_of(name), str_of(value), index};
}

static void collect(void)
{
	fields = (struct fields){.items = list.items, .count = list.count};
	edits = edits_new(arena, &fields);
}

/* All edits as one text, one a line. */
static struct str finished(void)
{
	static const char *const kinds[] = {"remove", "replace",   "add", "insert",
					    "drop",   "recipient", "hold"};
	struct edits all = edits_finish(edits, arena);
	struct buf out = {.arena = arena};

	for (size_t i = 0; i < all.count; i++) {
		const struct edit *edit = &all.items[i];

		buf_printf(&out, "%s", kinds[edit->kind]);
		if (edit->name)
			buf_printf(&out, " %s", edit->name);
		if (edit->index > 0)
			buf_printf(&out, " %d", edit->index);
		if (edit->value)
			buf_printf(&out, ": %s", edit->value);
		buf_putc(&out, '\n');
	}
	return buf_str(&out);
}

static void test_nothing(void)
{
	begin();
	collect();
	CHECK_STR(finished(), "");
	CHECK(!edits_too_many(edits));
	CHECK(edit_fields(edits) == &fields);
}

/* Postfix renumbers the fields below one that is removed. */
static void test_removals_go_up(void)
{
	begin();
	for (int i = 0; i < 3; i++) {
		field("X-A", " a");
		field("x-b", " b");
	}
	collect();
	edit_remove(edits, &fields.items[0]);
	edit_remove(edits, &fields.items[4]);
	edit_remove(edits, &fields.items[3]);
	edit_remove(edits, &fields.items[0]);
	CHECK_STR(finished(), "remove X-A 3\nremove x-b 2\nremove X-A 1\n");
}

/* Numbers of replacements are those before any removal, so they come first. */
static void test_replacements_come_first(void)
{
	begin();
	field("Subject", " one");
	field("Subject", " two");
	field("Subject", " three");
	collect();
	edit_remove(edits, &fields.items[0]);
	edit_replace(edits, &fields.items[2], STR("3"));
	edit_replace(edits, &fields.items[1], STR("2"));
	CHECK_STR(finished(), "replace Subject 2: 2\nreplace Subject 3: 3\nremove Subject 1\n");
}

static void test_last_replacement_wins(void)
{
	begin();
	field("Subject", " one");
	collect();
	CHECK_STR(edit_current(edits, &fields.items[0]), " one");
	edit_replace(edits, &fields.items[0], STR("two"));
	CHECK_STR(edit_current(edits, &fields.items[0]), "two");
	edit_replace(edits, &fields.items[0], STR(""));
	CHECK_STR(edit_current(edits, &fields.items[0]), "");
	CHECK_STR(finished(), "replace Subject 1: \n");
}

static void test_removal_wins_over_replacement(void)
{
	begin();
	field("Subject", " one");
	field("Subject", " two");
	collect();
	edit_remove(edits, &fields.items[0]);
	edit_replace(edits, &fields.items[0], STR("x"));
	edit_replace(edits, &fields.items[1], STR("y"));
	edit_remove(edits, &fields.items[1]);
	CHECK_STR(finished(), "remove Subject 2\nremove Subject 1\n");
}

static void test_whole_order(void)
{
	begin();
	field("A", " 1");
	field("B", " 2");
	collect();
	edits_hold(edits, STR("reason"));
	edits_remove_recipient(edits, STR("<x@example.org>"));
	edit_insert(edits, STR("authentication-results"), STR("ours"));
	edit_insert(edits, STR("X-Top"), STR("1"));
	edit_add(edits, STR("X-Bottom"), STR("1"));
	edit_insert(edits, STR("X-Top"), STR("2"));
	edit_add(edits, STR("X-Bottom"), STR("2"));
	edit_remove(edits, &fields.items[1]);
	edit_replace(edits, &fields.items[0], STR("new"));
	edits_remove_recipient(edits, STR("<y@example.org>"));
	CHECK_STR(finished(),
		  "replace A 1: new\nremove B 1\nadd X-Bottom: 1\nadd X-Bottom: 2\n"
		  "insert X-Top: 1\ninsert X-Top: 2\ninsert authentication-results: ours\n"
		  "drop: <x@example.org>\ndrop: <y@example.org>\nhold: reason\n");
}

static void test_hold_without_a_reason(void)
{
	begin();
	collect();
	edits_hold(edits, STR(""));
	CHECK_STR(finished(), "hold: held\n");
}

/* No byte that ends a line reaches the MTA, but for a fold. */
static void test_values_are_safe(void)
{
	begin();
	field("A", " 1");
	collect();
	edit_add(edits, STR("X"), (struct str){"a\r\nB: c\0d\n", 10});
	edit_insert(edits, STR("Y"), STR("fold\n\tand\r\n again\n\nend\n"));
	edit_replace(edits, &fields.items[0], STR("\nC: d"));
	CHECK_STR(finished(),
		  "replace A 1:  C: d\nadd X: a B: cd \ninsert Y: fold\n\tand\n again  end \n");
}

static void test_too_many_removals(void)
{
	begin();
	for (int i = 0; i < LIMIT_REMOVALS + 1; i++)
		*vec_push(arena, &list) = (struct field){STR("X"), STR(" 1"), i + 1};
	collect();
	for (int i = 0; i < LIMIT_REMOVALS; i++) {
		edit_remove(edits, &fields.items[i]);
		edit_remove(edits, &fields.items[i]);
	}
	CHECK(!edits_too_many(edits));
	CHECK_INT(edits_finish(edits, arena).count, LIMIT_REMOVALS);
	edit_remove(edits, &fields.items[LIMIT_REMOVALS]);
	CHECK(edits_too_many(edits));
}

int main(void)
{
	arena = arena_new(NULL);
	RUN(test_nothing);
	RUN(test_removals_go_up);
	RUN(test_replacements_come_first);
	RUN(test_last_replacement_wins);
	RUN(test_removal_wins_over_replacement);
	RUN(test_whole_order);
	RUN(test_hold_without_a_reason);
	RUN(test_values_are_safe);
	RUN(test_too_many_removals);
	arena_free(&arena);
	return unit_done();
}
