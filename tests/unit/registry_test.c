/* SPDX-License-Identifier: BSD-2-Clause */
/* The registry's check of itself, with families that promise what they cannot keep. */

#include "postern/arena.h"
#include "postern/fact.h"
#include "tests/unit/unit.h"

static struct family one, two;

const struct family *const families[] = {&one, &two, NULL};

static struct arena *arena;

static enum fact_state provide(const struct fact_call *call, struct value *value_r)
{
	(void)call;
	(void)value_r;
	return FACT_ABSENT;
}

#define BASE(fact, at, for_)                                                                       \
	{                                                                                          \
		.name = fact, .type = {TYPE_TEXT, false, NULL}, .stage = at, .scope = for_,        \
		.help = "."                                                                        \
	}
#define DERIVED(fact, at, for_, ...)                                                               \
	{                                                                                          \
		.name = fact, .type = {TYPE_TEXT, false, NULL}, .stage = at, .scope = for_,        \
		.inputs = NAMES(__VA_ARGS__), .provide = provide, .help = "."                      \
	}
#define END                                                                                        \
	{                                                                                          \
		.name = NULL                                                                       \
	}

static const struct fact_def good[] = {
    BASE("a", STAGE_MAIL, SCOPE_MESSAGE),
    BASE("c", STAGE_CONNECT, SCOPE_CONNECTION),
    DERIVED("b", STAGE_MAIL, SCOPE_MESSAGE, "a", "c"),
    {.name = "z", .internal = true},
    END,
};

/* What the check says of these facts beside the good ones. */
static struct str fault(const struct fact_def *facts)
{
	static const struct setting_def settings[] = {{.name = "s"}, END};

	one = (struct family){.name = "one", .facts = good};
	two = (struct family){.name = "two", .facts = facts, .settings = settings};
	return str_of(registry_check(arena));
}

#define FAULT(...) fault((const struct fact_def[]){__VA_ARGS__, END})

static void test_good_families(void)
{
	CHECK_STR(fault(NULL), "");
	CHECK_STR(FAULT(DERIVED("d", STAGE_RCPT, SCOPE_RECIPIENT, "b")), "");
	/* The order of rows and files does not matter. */
	CHECK_STR(FAULT(DERIVED("d", STAGE_MAIL, SCOPE_MESSAGE, "e"),
			DERIVED("e", STAGE_MAIL, SCOPE_MESSAGE, "a")),
		  "");
}

static void test_a_fact_twice(void)
{
	CHECK_STR(FAULT(BASE("d", STAGE_MAIL, SCOPE_MESSAGE), BASE("d", STAGE_MAIL, SCOPE_MESSAGE)),
		  "'d' is registered twice");
	CHECK_STR(FAULT(BASE("a", STAGE_MAIL, SCOPE_MESSAGE)), "'a' is registered twice");
}

static void test_inputs(void)
{
	CHECK_STR(FAULT(DERIVED("d", STAGE_MAIL, SCOPE_MESSAGE, "a", "missing")),
		  "fact 'd': no fact 'missing'");
	CHECK_STR(FAULT(DERIVED("d", STAGE_HELO, SCOPE_MESSAGE, "a")),
		  "fact 'd' is promised at helo, its input 'a' at mail");
	CHECK_STR(FAULT(DERIVED("d", STAGE_MAIL, SCOPE_CONNECTION, "a")),
		  "fact 'd' lives for a connection, its input 'a' for a message");
	CHECK_STR(FAULT(DERIVED("d", STAGE_MAIL, SCOPE_HELO, "a")),
		  "fact 'd' lives for a helo, its input 'a' for a message");
}

/* A late input may be known later than the fact, and nothing else. */
static void test_late_inputs(void)
{
#define LATE(for_, input, setting)                                                                 \
	{.name = "d",                                                                              \
	 .stage = STAGE_HELO,                                                                      \
	 .scope = for_,                                                                            \
	 .inputs = NAMES("c"),                                                                     \
	 .late = NAMES(input),                                                                     \
	 .late_if = setting,                                                                       \
	 .provide = provide,                                                                       \
	 .help = "."}

	CHECK_STR(FAULT(LATE(SCOPE_MESSAGE, "a", NULL)), "");
	CHECK_STR(FAULT(LATE(SCOPE_MESSAGE, "missing", NULL)), "fact 'd': no fact 'missing'");
	CHECK_STR(FAULT(LATE(SCOPE_HELO, "a", NULL)),
		  "fact 'd' lives for a helo, its input 'a' for a message");
	/* Where it exists only with a setting, the fact lives as long as it then can. */
	CHECK_STR(FAULT(LATE(SCOPE_HELO, "a", "s")), "");
	CHECK_STR(FAULT(LATE(SCOPE_MESSAGE, "a", "missing")), "fact 'd': no setting 'missing'");
	/* What is computed from it is promised at its earliest. */
	CHECK_STR(
	    FAULT(LATE(SCOPE_MESSAGE, "a", NULL), DERIVED("e", STAGE_HELO, SCOPE_MESSAGE, "d")),
	    "");
	CHECK_INT(registry_stages(registry_fact(STR("e"))), 1 << STAGE_HELO | 1 << STAGE_MAIL);
	CHECK_STR(FAULT(DERIVED("d", STAGE_MAIL, SCOPE_MESSAGE, "c", "c", "c", "c", "c", "c", "c",
				"c", "c", "c", "c", "c", "c", "c", "c", "c", "c")),
		  "fact 'd' has too many inputs");
}

static void test_provider_and_inputs(void)
{
	CHECK(FAULT({.name = "d", .stage = STAGE_MAIL, .scope = SCOPE_MESSAGE, .provide = provide})
		  .n > 0);
	CHECK(
	    FAULT({.name = "d", .stage = STAGE_MAIL, .scope = SCOPE_MESSAGE, .inputs = NAMES("a")})
		.n > 0);
}

static void test_vouching(void)
{
	CHECK_STR(FAULT({.name = "d", .trust = TRUST_FORGEABLE, .vouched = NAMES("a")}), "");
	CHECK_STR(FAULT({.name = "d", .trust = TRUST_PROVED, .vouched = NAMES("a")}),
		  "fact 'd' is vouched for, but not forgeable");
}

static const struct action_def blind[] = {{.name = "x", .inputs = NAMES("a", "nothing")}, END};

static void test_actions_and_settings(void)
{
	static const struct action_def twice[] = {{.name = "x"}, {.name = "x"}, END};
	static const struct setting_def same[] = {{.name = "s"}, END};

	one = (struct family){.name = "one", .facts = good};
	two = (struct family){.name = "two", .actions = twice};
	CHECK_STR(str_of(registry_check(arena)), "'x' is registered twice");
	two = (struct family){.name = "two", .actions = blind};
	CHECK_STR(str_of(registry_check(arena)), "action 'x': no fact 'nothing'");
	one.settings = same;
	two = (struct family){.name = "two", .settings = same};
	CHECK_STR(str_of(registry_check(arena)), "'s' is registered twice");
}

static void test_looking_up(void)
{
	static const struct action_def actions[] = {{.name = "y"}, {.name = "x"}, END};
	static const struct setting_def settings[] = {{.name = "s"}, END};
	const char *const *names;
	size_t count;

	one = (struct family){.name = "one", .facts = good};
	two = (struct family){.name = "two", .actions = actions, .settings = settings};
	CHECK(registry_fact(STR("b")) == &good[2]);
	/* What is no word has neither bytes nor length; a word may hold a NUL. */
	CHECK(registry_fact((struct str){0}) == NULL);
	CHECK(registry_fact(STR("b\0b")) == NULL);
	CHECK(registry_fact(STR("B")) == NULL && registry_fact(STR("")) == NULL);
	CHECK(registry_action(STR("x")) == &actions[1] && registry_action(STR("b")) == NULL);
	CHECK(registry_setting(STR("s")) == &settings[0] && registry_setting(STR("x")) == NULL);
	/* Sorted, and without what no policy can name. */
	names = registry_fact_names(arena, &count);
	CHECK_INT(count, 3);
	CHECK_STR(str_of(names[0]), "a");
	CHECK_STR(str_of(names[1]), "b");
	CHECK_STR(str_of(names[2]), "c");
	CHECK(names[3] == NULL);
	names = registry_action_names(arena, &count);
	CHECK(count == 2 && strcmp(names[0], "x") == 0 && strcmp(names[1], "y") == 0 && !names[2]);
	names = registry_setting_names(arena, &count);
	CHECK(count == 1 && strcmp(names[0], "s") == 0 && !names[1]);
}

int main(void)
{
	arena = arena_new(NULL);
	RUN(test_good_families);
	RUN(test_a_fact_twice);
	RUN(test_inputs);
	RUN(test_late_inputs);
	RUN(test_provider_and_inputs);
	RUN(test_vouching);
	RUN(test_actions_and_settings);
	RUN(test_looking_up);
	arena_free(&arena);
	return unit_done();
}
