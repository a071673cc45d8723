/* SPDX-License-Identifier: BSD-2-Clause */
/* Names to numbers: what was put in is found, nothing else is, and thousands stay fast. */

#include "postern/dict.h"

#include "postern/arena.h"
#include "tests/unit/unit.h"

static struct arena *arena;

static void test_empty(void)
{
	struct dict dict = {0};
	size_t number = 7;

	CHECK(!dict_find(&dict, STR(""), &number) && !dict_find(&dict, STR("a"), &number));
	CHECK_INT(number, 7);
}

/* Keys are bytes: case and NUL tell them apart. */
static void test_keys(void)
{
	struct dict dict = {0};
	size_t number = 0;

	dict_add(arena, &dict, STR("name"), 1);
	dict_add(arena, &dict, STR("NAME"), 2);
	dict_add(arena, &dict, STR("na\0me"), 3);
	dict_add(arena, &dict, STR(""), 4);
	CHECK(dict_find(&dict, STR("name"), &number) && number == 1);
	CHECK(dict_find(&dict, STR("NAME"), &number) && number == 2);
	CHECK(dict_find(&dict, STR("na\0me"), &number) && number == 3);
	CHECK(dict_find(&dict, STR(""), &number) && number == 4);
	CHECK(!dict_find(&dict, STR("Name"), &number) && !dict_find(&dict, STR("nam"), &number));
	CHECK_INT(dict.used, 4);
}

static void test_many(void)
{
	struct dict dict = {0};
	size_t number = 0, wrong = 0;

	for (size_t i = 0; i < 100000; i++)
		dict_add(arena, &dict, str_printf(arena, "n%zu", i), i);
	for (size_t i = 0; i < 100000; i++) {
		if (!dict_find(&dict, str_printf(arena, "n%zu", i), &number) || number != i)
			wrong++;
		wrong += dict_find(&dict, str_printf(arena, "m%zu", i), &number);
	}
	CHECK_INT(wrong, 0);
	CHECK(dict.size >= 2 * dict.used);
}

int main(void)
{
	arena = arena_new(NULL);
	RUN(test_empty);
	RUN(test_keys);
	RUN(test_many);
	arena_free(&arena);
	return unit_done();
}
