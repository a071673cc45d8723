/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The double of filter/dns for tests of DKIM and the tree walk: a list of names, searched from
 * its front.
 */

#include "tests/auth/dkim_lookups.h"

#include <stdio.h>
#include <stdlib.h>

#include "postern/arena.h"

struct entry {
	struct str name;
	VEC(struct dns_record) records;
	struct dns_answer answer;
};

struct question {
	struct str name;
	bool answered;
};

struct lookups {
	struct arena *arena;
	bool pending;
	VEC(struct entry) entries;
	VEC(struct question) questions;
};

struct lookups *dkim_lookups_new(struct arena *arena, bool pending)
{
	struct lookups *l = arena_new_of(arena, struct lookups);

	l->arena = arena;
	l->pending = pending;
	return l;
}

static struct str without_dot(struct str name)
{
	return name.n > 0 && name.s[name.n - 1] == '.' ? str_sub(name, 0, name.n - 1) : name;
}

static struct entry *entry_of(struct lookups *l, struct str name, bool make)
{
	struct entry *entry;

	name = without_dot(name);
	for (size_t i = 0; i < l->entries.count; i++)
		if (str_caseeq(l->entries.items[i].name, name))
			return &l->entries.items[i];
	if (!make)
		return NULL;
	entry = vec_push(l->arena, &l->entries);
	*entry = (struct entry){.name = str_dup(l->arena, name)};
	entry->answer.status = DNS_NODATA;
	return entry;
}

void dkim_lookups_txt(struct lookups *l, const char *name, struct str text)
{
	struct entry *entry = entry_of(l, str_of(name), true);

	*vec_push(l->arena, &entry->records) = (struct dns_record){.data = str_dup(l->arena, text)};
	if (entry->answer.status == DNS_FAILED)
		return;
	entry->answer.status = DNS_FOUND;
	entry->answer.records = entry->records.items;
	entry->answer.count = entry->records.count;
}

void dkim_lookups_fail(struct lookups *l, const char *name, const char *problem)
{
	struct entry *entry = entry_of(l, str_of(name), true);

	entry->answer = (struct dns_answer){.status = DNS_FAILED, .problem = problem};
}

/* The strings of a TXT record, joined. */
static struct str strings(struct lookups *l, struct str text)
{
	struct buf out = {.arena = l->arena};
	bool quoted = false;

	buf_puts(&out, "");
	for (size_t i = 0; i < text.n; i++) {
		char c = text.s[i];

		if (c == '"') {
			quoted = !quoted;
		} else if (c == '\\' && i + 3 < text.n && text.s[i + 1] >= '0' &&
			   text.s[i + 1] <= '9') {
			buf_putc(&out, (char)atoi((char[]){text.s[i + 1], text.s[i + 2],
							   text.s[i + 3], 0}));
			i += 3;
		} else if (c == '\\' && i + 1 < text.n) {
			buf_putc(&out, text.s[++i]);
		} else if (quoted || (c != ' ' && c != '\t')) {
			buf_putc(&out, c);
		}
	}
	return buf_str(&out);
}

static struct str word(struct str *rest)
{
	struct str text = str_trim(*rest);
	size_t n = 0;

	while (n < text.n && text.s[n] != ' ' && text.s[n] != '\t')
		n++;
	*rest = str_trim(str_sub(text, n, text.n));
	return str_sub(text, 0, n);
}

void dkim_lookups_line(struct lookups *l, struct str line)
{
	struct str name = word(&line), type = word(&line);

	if (name.n == 0 || name.s[0] == '#' || name.s[0] == ';')
		return;
	name = str_dup(l->arena, name);
	if (str_eq(type, STR("TXT")))
		dkim_lookups_txt(l, name.s, strings(l, line));
	else if (str_eq(type, STR("TIMEOUT")) || str_eq(type, STR("SERVFAIL")) ||
		 str_eq(type, STR("BOGUS")))
		dkim_lookups_fail(l, name.s, str_lower(l->arena, type).s);
	else
		entry_of(l, name, true);
}

bool dkim_lookups_file(struct lookups *l, const char *path)
{
	FILE *file = fopen(path, "r");
	char *line = NULL;
	size_t size = 0;
	ssize_t n;

	if (!file)
		return false;
	while ((n = getline(&line, &size, file)) >= 0)
		dkim_lookups_line(l, (struct str){line, (size_t)n});
	free(line);
	fclose(file);
	return true;
}

const struct dns_answer *lookups_get(struct lookups *l, struct str name, enum dns_type type,
				     enum lookup_for purpose)
{
	static const struct dns_answer none = {.status = DNS_NXDOMAIN};
	struct question *question = NULL;
	const struct entry *entry;

	(void)type;
	(void)purpose;
	for (size_t i = 0; i < l->questions.count && !question; i++)
		if (str_caseeq(l->questions.items[i].name, name))
			question = &l->questions.items[i];
	if (!question) {
		question = vec_push(l->arena, &l->questions);
		*question = (struct question){str_dup(l->arena, name), !l->pending};
	}
	if (!question->answered)
		return NULL;
	entry = entry_of(l, name, false);
	return entry ? &entry->answer : &none;
}

bool lookups_wait(struct lookups *l, int64_t deadline)
{
	(void)deadline;
	for (size_t i = 0; i < l->questions.count; i++) {
		if (!l->questions.items[i].answered) {
			l->questions.items[i].answered = true;
			return true;
		}
	}
	return false;
}

size_t lookups_asked(const struct lookups *l)
{
	return l->questions.count;
}

void lookups_each(const struct lookups *l,
		  void (*fn)(void *ctx, struct str name, enum dns_type type,
			     const struct dns_answer *answer),
		  void *ctx)
{
	for (size_t i = 0; i < l->questions.count; i++)
		fn(ctx, l->questions.items[i].name, DNS_TXT, NULL);
}
