/* SPDX-License-Identifier: BSD-2-Clause */
/* Lookup tables: which items hold what, mistakes in files by line, and that large ones are fast. */

#include "postern/table.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "postern/arena.h"
#include "tests/unit/unit.h"

static struct arena *arena;

static struct table *table(enum table_kind kind, const char *const *items)
{
	struct table *t = table_new(arena, kind, NULL);
	const char *why = "";

	for (; *items; items++)
		if (!table_add(t, str_of(*items), &why)) {
			printf("'%s': %s\n", *items, why);
			CHECK(false);
		}
	table_finish(t);
	return t;
}

#define TABLE(kind, ...) table((kind), (const char *const[]){__VA_ARGS__, NULL})

static bool has(const struct table *t, const char *text)
{
	return table_has_text(t, str_of(text));
}

static bool holds(const struct table *t, const char *address)
{
	struct ip ip;

	CHECK(ip_parse(str_of(address), &ip));
	return table_has_ip(t, &ip);
}

static bool takes(enum table_kind kind, const char *item)
{
	const char *why = NULL;
	bool taken = table_add(table_new(arena, kind, NULL), str_of(item), &why);

	CHECK(taken || why != NULL);
	return taken;
}

static void test_kinds(void)
{
	for (int kind = 0; kind < TABLE_KINDS; kind++)
		CHECK_INT(table_kind_of(str_of(table_kind_name((enum table_kind)kind))), kind);
	CHECK_INT(table_kind_of(STR("Networks")), -1);
	CHECK_INT(table_kind_of(STR("")), -1);
	CHECK(table_kind(table_new(arena, TABLE_ADDRESSES, NULL)) == TABLE_ADDRESSES);
}

static void test_empty(void)
{
	struct table *t = table_new(arena, TABLE_DOMAINS, NULL),
		     *n = table_new(arena, TABLE_NETWORKS, NULL);

	table_finish(t);
	table_finish(n);
	CHECK(!has(t, "example.org") && !has(t, "") && !holds(n, "192.0.2.1") && !holds(n, "::1"));
	CHECK_INT(table_count(t), 0);
}

static void test_domains(void)
{
	struct table *t = TABLE(TABLE_DOMAINS, "Example.ORG", ".sub.example.net",
				"b\xC3\xBC"
				"cher.example",
				"[192.0.2.1]", ".org");

	CHECK(has(t, "example.org"));
	CHECK(has(t, "xn--bcher-kva.example"));
	CHECK(has(t, "[192.0.2.1]") && !has(t, "[192.0.2.2]"));
	/* A leading dot means its subdomains, not the name itself. */
	CHECK(!has(t, "sub.example.net"));
	CHECK(has(t, "a.sub.example.net") && has(t, "b.a.sub.example.net"));
	CHECK(!has(t, "asub.example.net") && !has(t, "example.net"));
	CHECK(has(t, "other.org") && !has(t, "org"));
	CHECK(!has(t, "") && !has(t, "."));
	CHECK_INT(table_count(t), 5);

	t = TABLE(TABLE_DOMAINS, "example.org");
	CHECK(!has(t, "www.example.org") && !has(t, "ample.org"));
	CHECK(!takes(TABLE_DOMAINS, "") && !takes(TABLE_DOMAINS, "."));
	CHECK(!takes(TABLE_DOMAINS, "a..b") && !takes(TABLE_DOMAINS, "..a.example"));
	CHECK(!takes(TABLE_DOMAINS, "a b") && !takes(TABLE_DOMAINS, "*.example.org"));
	CHECK(!takes(TABLE_DOMAINS, "user@example.org"));
}

static void test_addresses(void)
{
	struct table *t =
	    TABLE(TABLE_ADDRESSES, "Alice@Example.org", "@shop.example", "\"b c\"@example.org");

	CHECK(has(t, "alice@example.org") && has(t, "ALICE@example.org"));
	CHECK(!has(t, "alice@example.com") && !has(t, "bob@example.org"));
	CHECK(has(t, "anybody@shop.example") && !has(t, "anybody@www.shop.example"));
	CHECK(has(t, "\"a@b\"@shop.example"));
	CHECK(has(t, "\"b c\"@example.org"));
	CHECK(!has(t, "") && !has(t, "shop.example") && !has(t, "alice"));
	CHECK(!takes(TABLE_ADDRESSES, "alice") && !takes(TABLE_ADDRESSES, "@") &&
	      !takes(TABLE_ADDRESSES, "a@b@example.org") && !takes(TABLE_ADDRESSES, "@a b"));
}

static void test_strings(void)
{
	struct table *t = TABLE(TABLE_STRINGS, "Alice", "a b", ".dotted", "");

	CHECK(has(t, "alice") && has(t, "ALICE") && has(t, "A B") && has(t, ".dotted") &&
	      has(t, ""));
	/* A dot or an @ means nothing here. */
	CHECK(!has(t, "a.dotted") && !has(t, "ali") && !has(t, "alice "));
	CHECK(!has(t, "\xC3\x84") && !has(t, "alic\xE9"));
	CHECK(!table_has_text(t, (struct str){"alice\0", 6}));
}

static void test_networks(void)
{
	struct table *t =
	    TABLE(TABLE_NETWORKS, "10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "192.0.2.1", "192.0.2.3",
		  "2001:db8::/32", "2001:db8:1::/48", "::1", "255.255.255.255", "0.0.0.0");

	CHECK(holds(t, "10.0.0.0") && holds(t, "10.255.255.255") && holds(t, "10.1.2.3"));
	CHECK(holds(t, "10.1.2.4") && holds(t, "10.2.0.0"));
	CHECK(!holds(t, "9.255.255.255") && !holds(t, "11.0.0.0"));
	CHECK(holds(t, "192.0.2.1") && !holds(t, "192.0.2.2") && holds(t, "192.0.2.3"));
	CHECK(holds(t, "::ffff:10.1.2.3"));
	CHECK(holds(t, "2001:db8:ffff::") && !holds(t, "2001:db9::") && holds(t, "::1"));
	CHECK(!holds(t, "::") && !holds(t, "::2"));
	CHECK(holds(t, "255.255.255.255") && holds(t, "0.0.0.0") && !holds(t, "0.0.0.1"));
	CHECK_INT(table_count(t), 10);
}

/* The inner network comes first in the list, or begins where the outer one does. */
static void test_nested_networks(void)
{
	struct table *t = TABLE(TABLE_NETWORKS, "10.0.0.0/24", "10.0.0.0/8", "10.0.0.0",
				"10.0.0.0/16", "10.0.0.0/8");

	CHECK(holds(t, "10.0.0.0") && holds(t, "10.0.1.0") && holds(t, "10.1.0.0"));
	CHECK(holds(t, "10.255.255.255") && !holds(t, "11.0.0.0"));
	t = TABLE(TABLE_NETWORKS, "2001:db8::1", "2001:db8::/64", "2001:db8::/32",
		  "2001:db8:0:1::/64");
	CHECK(holds(t, "2001:db8::1") && holds(t, "2001:db8:0:1::5") && holds(t, "2001:db8:5::"));
}

static void test_whole_families(void)
{
	struct table *six = TABLE(TABLE_NETWORKS, "::/0"),
		     *four = TABLE(TABLE_NETWORKS, "0.0.0.0/0");

	CHECK(holds(six, "2001:db8::1") && holds(six, "::") && !holds(six, "192.0.2.1"));
	CHECK(!holds(four, "2001:db8::1") && holds(four, "192.0.2.1") && !holds(four, "::1"));
	CHECK(!takes(TABLE_NETWORKS, "192.0.2.0/33") && !takes(TABLE_NETWORKS, "192.0.2.1/24") &&
	      !takes(TABLE_NETWORKS, "1.2.3.400") && !takes(TABLE_NETWORKS, "") &&
	      !takes(TABLE_NETWORKS, "example.org"));
}

/* -1: failed; 0: not there, or false; 1: true, or a list that is left in found. */
static struct value found;

static int look(const struct table *t, const char *key)
{
	struct value text = value_text(str_of(key));
	void *task = NULL;
	struct table_look with = {.key = &text, .arena = arena, .task = &task};

	found = (struct value){0};
	switch (table_type_of(t)->look(t, &with, &found)) {
	case FACT_FAILED:
		return -1;
	case FACT_PRESENT:
		return table_kind(t) == TABLE_MAP || found.number != 0;
	default:
		return 0;
	}
}

static void test_maps(void)
{
	struct table *t =
	    TABLE(TABLE_MAP, "alice  Alice@EXAMPLE.org\t\"Alice Cooper\"",
		  "\"bob \\\"b\\\" \\\\\" x", "User@Example.ORG  <c@example.org> @example.org a@",
		  "b\xC3\xBC@b\xC3\xBC"
		  "cher.example y");

	CHECK_INT(table_count(t), 4);
	CHECK(look(t, "ALICE") == 1 && found.count == 2);
	CHECK_STR(found.items[0].text, "Alice@example.org");
	CHECK_STR(found.items[1].text, "Alice Cooper");
	CHECK(look(t, "Bob \"b\" \\") == 1 && found.count == 1);
	CHECK_STR(found.items[0].text, "x");
	CHECK(look(t, "user@example.org") == 1 && found.count == 3);
	CHECK_STR(found.items[0].text, "c@example.org");
	CHECK_STR(found.items[1].text, "@example.org");
	CHECK_STR(found.items[2].text, "a@");
	CHECK(look(t, "b\xC3\xBC@xn--bcher-kva.example") == 1);
	CHECK(!look(t, "") && !look(t, "alic") && !look(t, "alice ") && !look(t, "Alice Cooper"));
	CHECK(!look(TABLE(TABLE_MAP, "a b"), "b") &&
	      !look(table(TABLE_MAP, (const char *[]){NULL}), "a"));
	CHECK(!takes(TABLE_MAP, "") && !takes(TABLE_MAP, "key") && !takes(TABLE_MAP, "key \"a") &&
	      !takes(TABLE_MAP, "\"\" a") && !takes(TABLE_MAP, "key \"\"") &&
	      !takes(TABLE_MAP, "\"a\"b c") && !takes(TABLE_MAP, "a: b") &&
	      !takes(TABLE_MAP, "a b,") && !takes(TABLE_MAP, "a b\"c") &&
	      !takes(TABLE_MAP, "a \"\\b\"") && !takes(TABLE_MAP, "\"") &&
	      !takes(TABLE_MAP, "\"\\"));
	CHECK(takes(TABLE_MAP, "\"a:\" \"b,\""));
}

/* Every value of a line as long as lines may be. */
static void test_wide_map(void)
{
	struct table *t = table_new(arena, TABLE_MAP, NULL);
	char line[4098];
	const char *why = NULL;

	for (size_t i = 0; i < 4096; i++)
		line[i] = i % 2 ? ' ' : 'x';
	line[4095] = '\0';
	CHECK(table_add(t, str_of(line), &why));
	line[4095] = 'x';
	line[4096] = 'x';
	line[4097] = '\0';
	CHECK(!table_add(t, str_of(line), &why));
	table_finish(t);
	CHECK(look(t, "x") == 1 && found.count == 2047);
}

static void test_patterns(void)
{
	struct table *t =
	    TABLE(TABLE_PATTERNS, "/\\bsale\\b/i  # comment", "/a\\/b#c/", "/^(a+)+$/");

	CHECK_INT(table_count(t), 3);
	CHECK(look(t, "a SALE today") == 1 && look(t, "xa/b#c") == 1 && look(t, "aaa") == 1);
	CHECK(look(t, "sales") == 0 && look(t, "A/B#C") == 0 && look(t, "") == 0);
	/* What cannot be told is not told; a match tells it all the same. */
	CHECK(look(t, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab") == -1);
	CHECK(look(t, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa sale") == 1);
	CHECK(!takes(TABLE_PATTERNS, "x") && !takes(TABLE_PATTERNS, "//") &&
	      !takes(TABLE_PATTERNS, "/x") && !takes(TABLE_PATTERNS, "/x\\/") &&
	      !takes(TABLE_PATTERNS, "/x/g") && !takes(TABLE_PATTERNS, "/x/ y") &&
	      !takes(TABLE_PATTERNS, "/(/") && !takes(TABLE_PATTERNS, ""));
	CHECK(!look(table(TABLE_PATTERNS, (const char *[]){NULL}), "a"));
}

/* Many that are slow, each within its limit: together they have one as well. */
static void test_many_slow_patterns(void)
{
	struct table *t = table_new(arena, TABLE_PATTERNS, NULL);
	const char *why = "";
	char text[40];
	clock_t start;

	for (int i = 0; i < 5000; i++) {
		snprintf(text, sizeof(text), "/^(a|a)+(x|y|%d)$/", i);
		CHECK(table_add(t, str_of(text), &why));
	}
	table_finish(t);
	start = clock();
	CHECK(look(t, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab") == -1);
	CHECK((double)(clock() - start) / CLOCKS_PER_SEC < 3);
}

static struct str printed(const struct diag *diag)
{
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);
	struct str copy;

	diag_print(diag, out);
	fclose(out);
	copy = str_dup(arena, (struct str){text, n});
	free(text);
	return copy;
}

static struct str read_file(struct table *t, const char *text, size_t n)
{
	char path[] = "/tmp/tableXXXXXX";
	struct diag *diag = diag_new(arena);
	int fd = mkstemp(path);

	CHECK(fd >= 0 && write(fd, text, n) == (ssize_t)n);
	close(fd);
	table_read_file(t, arena, path, (struct span){NULL, 0, 0}, diag);
	table_finish(t);
	unlink(path);
	return printed(diag);
}

static void test_file(void)
{
	static const char text[] =
	    "# local domains\n\nexample.org\r\n  .example.net  # and below\n\t\n"
	    "last.example";
	struct table *t = table_new(arena, TABLE_DOMAINS, NULL);

	CHECK_STR(read_file(t, text, sizeof(text) - 1), "");
	CHECK_INT(table_count(t), 3);
	CHECK(has(t, "example.org") && has(t, "a.example.net") && has(t, "last.example"));
}

static void test_file_with_mistakes(void)
{
	static const char text[] =
	    "192.0.2.0/24\nnot an ip\n10.0.0.0/8\n  192.0.2.0/99 # too long\n"
	    "1.2.3.4\0.5\n";
	struct table *t = table_new(arena, TABLE_NETWORKS, NULL);
	struct str out = read_file(t, text, sizeof(text) - 1);

	CHECK(str_has(
	    out, STR(":2:1: error: not an IP address\n    2 | not an ip\n      | ^~~~~~~~~\n")));
	CHECK(
	    str_has(out, STR(":4:3: error: the length of an IPv4 network is a number up to 32\n")));
	CHECK(str_has(out, STR(":5:1: error: not an IP address\n")));
	CHECK_INT(table_count(t), 2);
	CHECK(holds(t, "10.1.1.1"));
}

static void test_file_that_cannot_be_read(void)
{
	struct diag *diag = diag_new(arena);
	struct source policy = {"p", STR("table a domains file \"missing\"")};
	struct str out;

	table_read_file(table_new(arena, TABLE_DOMAINS, NULL), arena, "/nonexistent/missing",
			(struct span){&policy, 21, 30}, diag);
	out = printed(diag);
	CHECK_INT(diag_errors(diag), 1);
	CHECK(str_starts(out, STR("p:1:22: error: ")));
	CHECK(str_has(out, STR("'/nonexistent/missing': No such file or directory\n")));
}

static void test_file_with_long_lines(void)
{
	struct table *t = table_new(arena, TABLE_STRINGS, NULL);
	char *text = malloc(20000);
	struct str out;

	if (!text)
		abort();
	memset(text, 'x', 20000);
	text[4096] = '\n';
	text[4096 + 1 + 4097] = '\n';
	out = read_file(t, text, 4096 + 1 + 4097 + 1 + 5);
	CHECK(str_has(out, STR(":2:1: error: a line has at most 4096 bytes\n")));
	CHECK_INT(table_count(t), 2);
	CHECK(has(t, "xxxxx"));
	free(text);
}

static double seconds(void)
{
	return (double)clock() / CLOCKS_PER_SEC;
}

/* 100,000 items and as many looks: linear, so well below a second each even when sanitized. */
static void test_large_tables(void)
{
	struct table *names = table_new(arena, TABLE_DOMAINS, NULL),
		     *nets = table_new(arena, TABLE_NETWORKS, NULL);
	const char *why = "";
	char text[64];
	size_t hits = 0;
	double start = seconds();

	for (int i = 0; i < 100000; i++) {
		snprintf(text, sizeof(text), "%sd%d.example", i % 2 ? "." : "", i);
		CHECK(table_add(names, str_of(text), &why));
		snprintf(text, sizeof(text), "10.%d.%d.%d/31", i >> 16 & 255, i >> 8 & 255,
			 i & 254);
		CHECK(table_add(nets, str_of(text), &why));
	}
	table_finish(names);
	table_finish(nets);
	for (int i = 0; i < 100000; i++) {
		snprintf(text, sizeof(text), "%sd%d.example", i % 2 ? "www." : "", i);
		hits += has(names, text);
		snprintf(text, sizeof(text), "a.b.c.e%d.example", i);
		hits += has(names, text);
		snprintf(text, sizeof(text), "10.%d.%d.%d", i >> 16 & 255, i >> 8 & 255, i & 255);
		hits += holds(nets, text);
	}
	CHECK_INT(hits, 200000);
	CHECK_INT(table_count(names), 100000);
	CHECK(seconds() - start < 5);
}

/* A table in memory takes at most three times its text. */
static void test_size(void)
{
	static const struct {
		enum table_kind kind;
		const char *format;
	} tables[] = {{TABLE_DOMAINS, "d%d.example\n"},
		      {TABLE_STRINGS, "%07d\n"},
		      {TABLE_ADDRESSES, "u%d@example.org\n"},
		      {TABLE_MAP, "u%d a@example.org b@example.org\n"},
		      {TABLE_NETWORKS, "10.%d.0.0/24\n"}};

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		struct table *t = table_new(arena, tables[i].kind, NULL);
		struct buf text = {.arena = arena};
		char line[80];

		for (int n = 0; n < 50000; n++) {
			if (tables[i].kind == TABLE_NETWORKS)
				snprintf(line, sizeof(line), "10.%d.%d.0/24\n", n >> 8, n & 255);
			else
				snprintf(line, sizeof(line), tables[i].format, n);
			buf_puts(&text, line);
		}
		CHECK_STR(read_file(t, text.s, text.n), "");
		CHECK_INT(table_count(t), 50000);
		if (table_size(t) > 3 * text.n) {
			printf("%s: %zu bytes for %zu\n", table_kind_name(tables[i].kind),
			       table_size(t), text.n);
			CHECK(false);
		}
	}
}

static void test_map_file(void)
{
	static const char text[] = "# logins\nalice a@example.org # one\n\"#\" \"#\" # two\n"
				   "b a#b\n\nalice again\nlonely # none\n";
	struct table *t = table_new(arena, TABLE_MAP, NULL);
	struct str out = read_file(t, text, sizeof(text) - 1);

	CHECK(look(t, "alice") == 1 && found.count == 1);
	CHECK(look(t, "#") == 1 && found.count == 1);
	CHECK(look(t, "b") == 1 && str_eq(found.items[0].text, STR("a#b")));
	CHECK(str_has(out, STR(":6:1: error: the key 'alice' is there already")));
	CHECK(str_has(out, STR(":7:1: error: the key 'lonely' has no value")));
}

/* One item, however often it is said. */
static void test_repeated_items(void)
{
	struct table *t = table_new(arena, TABLE_STRINGS, NULL);
	const char *why = "";
	double start = seconds();

	for (int i = 0; i < 200000; i++)
		CHECK(table_add(t, STR("same"), &why));
	table_finish(t);
	CHECK(has(t, "SAME") && !has(t, "other"));
	CHECK(seconds() - start < 5);
}

int main(void)
{
	arena = arena_new(NULL);
	RUN(test_kinds);
	RUN(test_empty);
	RUN(test_domains);
	RUN(test_addresses);
	RUN(test_strings);
	RUN(test_networks);
	RUN(test_nested_networks);
	RUN(test_whole_families);
	RUN(test_maps);
	RUN(test_wide_map);
	RUN(test_patterns);
	RUN(test_many_slow_patterns);
	RUN(test_file);
	RUN(test_map_file);
	RUN(test_file_with_mistakes);
	RUN(test_file_that_cannot_be_read);
	RUN(test_file_with_long_lines);
	RUN(test_size);
	RUN(test_large_tables);
	RUN(test_repeated_items);
	arena_free(&arena);
	return unit_done();
}
