/* SPDX-License-Identifier: BSD-2-Clause */
/* The fields of a message for ARC: kept, found by name, and brought to canonical form. */

#include "filter/auth/arcfield.h"

#include <stdlib.h>

#include "postern/limits.h"

struct arcfield_group {
	struct str name;
	size_t first, count; /* in `sorted`, in the order of the message */
	size_t left;         /* not picked yet */
};

static const char *const kind_names[] = {
    [ARCFIELD_OTHER] = "",
    [ARCFIELD_RESULTS] = "ARC-Authentication-Results",
    [ARCFIELD_MESSAGE] = "ARC-Message-Signature",
    [ARCFIELD_SEAL] = "ARC-Seal",
};

const char *arcfield_kind_name(enum arcfield_kind kind)
{
	return kind_names[kind];
}

static enum arcfield_kind kind_of(struct str name)
{
	for (int i = ARCFIELD_RESULTS; i <= ARCFIELD_SEAL; i++)
		if (str_caseeq(name, str_of(kind_names[i])))
			return (enum arcfield_kind)i;
	return ARCFIELD_OTHER;
}

void arcfield_add(struct arcfield_list *list, struct str name, struct str value)
{
	struct arcfield field = {.kind = kind_of(str_trim(name))};

	if (field.kind != ARCFIELD_OTHER && list->arc++ >= LIMIT_ARC_FIELDS)
		return;
	if (list->all.count >= LIMIT_FIELDS || name.n + value.n > LIMIT_FIELD_BYTES - list->bytes) {
		list->overflow = true;
		return;
	}
	list->bytes += name.n + value.n;
	field.name = str_dup(list->arena, name);
	field.value = str_dup(list->arena, value);
	*vec_push(list->arena, &list->all) = field;
}

/* ---- by name ---- */

static int by_name(const void *a, const void *b)
{
	const struct arcfield *one = *(struct arcfield *const *)a;
	const struct arcfield *other = *(struct arcfield *const *)b;
	int order = str_cmp(one->lower, other->lower);

	return order != 0 ? order : (one > other) - (one < other);
}

static void sort(struct arcfield_list *list)
{
	size_t count = list->all.count;

	list->sorted = arena_array(list->arena, count + 1, sizeof(struct arcfield *));
	list->groups = arena_array(list->arena, count + 1, sizeof(*list->groups));
	for (size_t i = 0; i < count; i++) {
		struct arcfield *field = &list->all.items[i];

		field->lower = str_lower(list->arena, str_trim(field->name));
		list->sorted[i] = field;
	}
	if (count > 0)
		qsort(list->sorted, count, sizeof(struct arcfield *), by_name);
	for (size_t i = 0; i < count; i++) {
		struct arcfield_group *group = &list->groups[list->group_count];
		struct str name = list->sorted[i]->lower;

		if (list->group_count > 0 && str_eq(group[-1].name, name)) {
			group[-1].count++;
			continue;
		}
		*group = (struct arcfield_group){.name = name, .first = i, .count = 1};
		list->group_count++;
	}
}

static struct arcfield_group *find(const struct arcfield_list *list, struct str name)
{
	size_t low = 0, high = list->group_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = str_cmp(name, list->groups[middle].name);

		if (order == 0)
			return &list->groups[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

size_t arcfield_pick(struct arcfield_list *list, const struct str *names, size_t count,
		     const struct arcfield *self, struct arcfield **picked)
{
	size_t n = 0;

	if (!list->sorted)
		sort(list);
	for (size_t i = 0; i < list->group_count; i++)
		list->groups[i].left = list->groups[i].count;
	for (size_t i = 0; i < count; i++) {
		struct arcfield_group *group = find(list, str_lower(list->arena, names[i]));

		if (group && group->left > 0 &&
		    list->sorted[group->first + group->left - 1] == self)
			group->left--;
		if (group && group->left > 0)
			picked[n++] = list->sorted[group->first + --group->left];
	}
	return n;
}

bool arcfield_added(struct arcfield_list *list, const struct dkimsig *signature)
{
	if (!list->sorted)
		sort(list);
	for (const char *const *once = dkimsig_once; *once; once++) {
		struct str name = str_of(*once);
		size_t named = dkimsig_times(signature, name);
		const struct arcfield_group *group = find(list, str_lower(list->arena, name));
		struct arcfield *const *fields = group ? &list->sorted[group->first] : NULL;

		for (size_t i = 0; group && named > 0 && i + named < group->count; i++)
			if (!str_eq(str_trim(fields[i]->value),
				    str_trim(fields[group->count - 1]->value)))
				return true;
	}
	return false;
}

/* ---- canonical forms ---- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Is there a line end at `i` that a blank follows, which makes it a fold? Its length, or 0. */
static size_t fold_at(struct str s, size_t i)
{
	size_t n = s.s[i] == '\r' ? 2 : 1;

	if (s.s[i] != '\n' && (s.s[i] != '\r' || i + 1 >= s.n || s.s[i + 1] != '\n'))
		return 0;
	return i + n < s.n && is_blank(s.s[i + n]) ? n : 0;
}

static void put_relaxed(struct buf *out, struct str value)
{
	bool space = false, any = false;
	size_t fold;

	for (size_t i = 0; i < value.n; i++) {
		if ((fold = fold_at(value, i)) > 0) {
			i += fold - 1;
		} else if (is_blank(value.s[i])) {
			space = true;
		} else {
			if (space && any)
				buf_putc(out, ' ');
			buf_putc(out, value.s[i]);
			space = false;
			any = true;
		}
	}
}

/* Signed was CRLF, whatever the MTA makes of a fold. */
static void put_simple(struct buf *out, struct str value)
{
	for (size_t i = 0; i < value.n; i++) {
		if (value.s[i] == '\n' && (i == 0 || value.s[i - 1] != '\r'))
			buf_putc(out, '\r');
		buf_putc(out, value.s[i]);
	}
}

static struct str canon(struct arena *arena, struct str name, struct str value, bool relaxed)
{
	struct buf out = {.arena = arena};

	buf_add(&out, relaxed ? str_lower(arena, str_trim(name)) : name);
	buf_putc(&out, ':');
	if (relaxed)
		put_relaxed(&out, value);
	else
		put_simple(&out, value);
	return buf_str(&out);
}

struct str arcfield_canon(struct arena *arena, struct arcfield *field, bool relaxed)
{
	if (field->canon[relaxed].n == 0)
		field->canon[relaxed] = canon(arena, field->name, field->value, relaxed);
	return field->canon[relaxed];
}

struct str arcfield_canon_without(struct arena *arena, const struct arcfield *field, bool relaxed,
				  struct str value)
{
	size_t from = (size_t)(value.s - field->value.s), to = from + value.n;
	struct buf rest = {.arena = arena};

	while (from > 0 && field->value.s[from - 1] != '=')
		from--;
	while (to < field->value.n && field->value.s[to] != ';')
		to++;
	buf_add(&rest, str_sub(field->value, 0, from));
	buf_add(&rest, str_sub(field->value, to, field->value.n));
	return canon(arena, field->name, buf_str(&rest), relaxed);
}
