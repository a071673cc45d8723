/* SPDX-License-Identifier: BSD-2-Clause */
/* Values of facts: literals to values, values to texts that are safe to send, comparisons. */

#include "postern/value.h"

#include "postern/arena.h"
#include "tests/unit/unit.h"

static struct arena *arena;

static const char *const colours[] = {"red", "green", "blue", NULL};
static const struct enum_def colour = {"colour", colours};

static const struct type boolean = {TYPE_BOOLEAN, false, NULL}, number = {TYPE_NUMBER, false, NULL},
			 text = {TYPE_TEXT, false, NULL}, address = {TYPE_ADDRESS, false, NULL},
			 domain = {TYPE_DOMAIN, false, NULL}, ip = {TYPE_IP, false, NULL},
			 network = {TYPE_NETWORK, false, NULL}, paint = {TYPE_ENUM, false, &colour},
			 texts = {TYPE_TEXT, true, NULL}, ips = {TYPE_IP, true, NULL},
			 duration = {TYPE_DURATION, false, NULL}, size = {TYPE_SIZE, false, NULL};

static struct str print(const struct type *type, struct value value)
{
	return value_print(arena, type, &value);
}

/* A literal, read and printed again; "!" where it is none. */
static struct str again(const struct type *type, const char *literal)
{
	struct value value = {0};
	const char *why = NULL;

	if (!value_parse(arena, type, str_of(literal), &value, &why)) {
		CHECK(why != NULL);
		return STR("!");
	}
	CHECK_INT(value.state, FACT_PRESENT);
	return print(type, value);
}

static void test_names_of_types(void)
{
	static const struct type paints = {TYPE_ENUM, true, &colour};

	CHECK_STR(type_text(arena, &number), "number");
	CHECK_STR(type_text(arena, &texts), "list of text");
	CHECK_STR(type_text(arena, &ips), "list of IP address");
	CHECK_STR(type_text(arena, &paint), "one of red green blue");
	CHECK_STR(type_text(arena, &paints), "list of one of red green blue");
}

static void test_literals(void)
{
	CHECK_STR(again(&boolean, "true"), "true");
	CHECK_STR(again(&boolean, "no"), "false");
	CHECK_STR(again(&boolean, "maybe"), "!");
	CHECK_STR(again(&text, "Any Text"), "Any Text");
	CHECK_STR(again(&domain, "EXAMPLE.org"), "example.org");
	CHECK_STR(again(&domain, "b\xC3\xBC"
				 "cher.example"),
		  "xn--bcher-kva.example");
	CHECK_STR(again(&domain, "[IPv6:2001:DB8::1]"), "[ipv6:2001:db8::1]");
	CHECK_STR(again(&domain, "a b"), "!");
	CHECK_STR(again(&domain, ""), "!");
	CHECK_STR(again(&address, "Alice@Example.ORG"), "Alice@example.org");
	CHECK_STR(again(&address, "not an address"), "!");
	CHECK_STR(again(&ip, "::ffff:192.0.2.1"), "192.0.2.1");
	CHECK_STR(again(&ip, "192.0.2.0/24"), "!");
	CHECK_STR(again(&network, "192.0.2.0/24"), "192.0.2.0/24");
	CHECK_STR(again(&network, "192.0.2.1/24"), "!");
	CHECK_STR(again(&paint, "blue"), "blue");
	CHECK_STR(again(&paint, "Blue"), "!");
	CHECK_STR(again(&number, "5"), "!");
}

static void test_null_address(void)
{
	CHECK_STR(print(&address, value_text(STR(""))), "<>");
}

static void test_numbers(void)
{
	CHECK_STR(print(&number, value_number(0)), "0");
	CHECK_STR(print(&number, value_number(1500)), "1.5");
	CHECK_STR(print(&number, value_number(-1250)), "-1.25");
	CHECK_STR(print(&number, value_number(1)), "0.001");
	CHECK_STR(print(&number, value_number(-10)), "-0.01");
	CHECK_STR(print(&number, value_number(INT64_MAX)), "9223372036854775.807");
	CHECK_STR(print(&number, value_number(INT64_MIN)), "-9223372036854775.808");
	CHECK_STR(print(&duration, value_number(1500)), "1.5s");
	CHECK_STR(print(&size, value_number(1048576)), "1048576");
}

static void test_what_is_not_there(void)
{
	CHECK_STR(print(&text, value_absent()), "-");
	CHECK_STR(print(&text, value_failed("timed out")), "-");
	CHECK_STR(print(&number, (struct value){0}), "-");
	CHECK_STR(print(&texts, value_list(NULL, 0)), "-");
	CHECK(value_known(&(struct value){.state = FACT_FAILED}));
	CHECK(!value_known(&(struct value){.state = FACT_GROWING}));
	CHECK(!value_known(&(struct value){.state = FACT_UNKNOWN}));
}

static void test_lists(void)
{
	struct value items[] = {value_text(STR("a")), value_text(STR("b c")),
				value_text(STR("\n"))};
	struct value list = value_list(items, 3);

	CHECK_STR(value_print(arena, &texts, &list), "a b c \\x0A");
	list.state = FACT_GROWING;
	CHECK_STR(value_print(arena, &texts, &list), "a b c \\x0A");
}

static bool safe(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.s[i] < ' ' || s.s[i] > '~')
			return false;
	return true;
}

static void test_printed_values_are_safe(void)
{
	char bytes[1000];
	struct value many[500];
	size_t bad = 0;

	CHECK_STR(print(&text, value_text((struct str){"a\r\nb\0\xff\\", 7})),
		  "a\\x0D\\x0Ab\\x00\\xFF\\x5C");
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)i;
	for (size_t n = 0; n <= sizeof(bytes); n += 7) {
		struct value value = value_text((struct str){bytes, n});
		struct str out = value_print(arena, &text, &value);

		bad += out.n > 300 || !safe(out);
		out = value_print(arena, &address, &value);
		bad += out.n > 300 || !safe(out);
		for (size_t i = 0; i < 500; i++)
			many[i] = value_text((struct str){bytes, n % 50});
		value = value_list(many, 500);
		out = value_print(arena, &texts, &value);
		bad += out.n > 300 || !safe(out);
	}
	CHECK_INT(bad, 0);
}

static int compare(enum type_base base, struct value a, struct value b)
{
	int order = value_compare(base, &a, &b), other = value_compare(base, &b, &a);

	CHECK((order < 0) == (other > 0) && (order == 0) == (other == 0));
	return order;
}

static void test_comparisons(void)
{
	struct ip one = {{0}}, two = {{0}};

	CHECK(compare(TYPE_NUMBER, value_number(-1), value_number(1)) < 0);
	CHECK(compare(TYPE_NUMBER, value_number(INT64_MIN), value_number(INT64_MAX)) < 0);
	CHECK(compare(TYPE_NUMBER, value_number(7), value_number(7)) == 0);
	CHECK(compare(TYPE_TEXT, value_text(STR("ABC")), value_text(STR("abc"))) == 0);
	CHECK(compare(TYPE_TEXT, value_text(STR("ab")), value_text(STR("abc"))) < 0);
	CHECK(compare(TYPE_TEXT, value_text(STR("a")), value_text(STR("B"))) < 0);
	CHECK(compare(TYPE_TEXT, value_text((struct str){"a\0b", 3}), value_text(STR("a"))) > 0);
	CHECK(compare(TYPE_TEXT, value_text((struct str){NULL, 0}), value_text(STR(""))) == 0);
	CHECK(compare(TYPE_TEXT, value_text(STR("\xC4")), value_text(STR("\xE4"))) != 0);
	CHECK(compare(TYPE_ADDRESS, value_text(STR("A@b.c")), value_text(STR("a@b.c"))) == 0);
	CHECK(compare(TYPE_ENUM, value_enum(1), value_enum(2)) < 0);
	CHECK(compare(TYPE_BOOLEAN, value_boolean(true), value_boolean(true)) == 0);
	CHECK(ip_parse(STR("192.0.2.1"), &one) && ip_parse(STR("::ffff:c000:201"), &two));
	CHECK(compare(TYPE_IP, value_ip(&one), value_ip(&two)) == 0);
	CHECK(ip_parse(STR("192.0.2.2"), &two));
	CHECK(compare(TYPE_IP, value_ip(&one), value_ip(&two)) < 0);
}

int main(void)
{
	arena = arena_new(NULL);
	RUN(test_names_of_types);
	RUN(test_literals);
	RUN(test_null_address);
	RUN(test_numbers);
	RUN(test_what_is_not_there);
	RUN(test_lists);
	RUN(test_printed_values_are_safe);
	RUN(test_comparisons);
	arena_free(&arena);
	return unit_done();
}
