/* SPDX-License-Identifier: BSD-2-Clause */
/* The fields of a message on their way to libopendkim, and what can be told of them before. */

#include "filter/auth/dkimfield.h"
#include "postern/limits.h"

static struct dkimfield *push(struct dkimfield_list *list)
{
	return vec_push(list->arena, &list->all);
}

void dkimfield_add(struct dkimfield_list *list, struct str name, struct str value)
{
	struct str trimmed = str_trim(name);
	struct dkimfield field = {.signature = str_caseeq(trimmed, STR("DKIM-Signature"))};
	char *text;

	if (list->all.count >= LIMIT_FIELDS ||
	    name.n + value.n + 1 > LIMIT_FIELD_BYTES - list->bytes) {
		list->overflow = true;
		if (field.signature && list->signatures < LIMIT_FIELDS) {
			field.lost = true;
			list->signatures++;
			*push(list) = field;
		}
		return;
	}
	if (str_chr(name, '\t') >= 0)
		name = trimmed; /* libopendkim leaves out a field with a tab before its colon */
	text = arena_alloc(list->arena, name.n + value.n + 1);
	if (name.n > 0)
		memcpy(text, name.s, name.n);
	text[name.n] = ':';
	if (value.n > 0)
		memcpy(text + name.n + 1, value.s, value.n);
	field.text = (struct str){text, name.n + value.n + 1};
	field.name = name.n;
	list->bytes += field.text.n;
	list->signatures += field.signature;
	*push(list) = field;
}

struct str dkimfield_name(const struct dkimfield *field)
{
	return str_trim(str_sub(field->text, 0, field->name));
}

struct str dkimfield_value(const struct dkimfield *field)
{
	return str_sub(field->text, field->name + 1, field->text.n);
}

void dkimfield_wire(const struct dkimfield *field, struct buf *out)
{
	struct str text = field->text;
	const char *end = text.s + text.n, *p = text.s, *fold;
	char *nul;

	out->n = 0;
	while (p < end && (fold = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		buf_add(out, (struct str){p, (size_t)(fold - p)});
		if (fold == text.s || fold[-1] != '\r')
			buf_putc(out, '\r');
		buf_putc(out, '\n');
		p = fold + 1;
	}
	buf_add(out, (struct str){p, (size_t)(end - p)});
	for (size_t i = 0; (nul = memchr(out->s + i, '\0', out->n - i)) != NULL;
	     i = (size_t)(nul - out->s))
		*nul = ' ';
}

struct str dkimfield_from(const struct dkimfield_list *list)
{
	for (size_t i = 0; i < list->all.count; i++)
		if (str_caseeq(dkimfield_name(&list->all.items[i]), STR("From")))
			return dkimfield_value(&list->all.items[i]);
	return (struct str){0};
}

/* NUL and what follows it, and white space that RFC 6376 does not count as such. */
static bool field_odd(const struct dkimfield *field)
{
	struct str s = field->text;

	for (size_t i = 0; i < s.n; i++) {
		char c = s.s[i], next;

		if ((unsigned char)c >= ' ')
			continue;
		next = i + 1 < s.n ? s.s[i + 1] : 0;
		if (c == '\0' || c == '\v' || c == '\f' || (c == '\r' && next != '\n') ||
		    (c == '\n' && next != ' ' && next != '\t'))
			return true;
	}
	return false;
}

bool dkimfield_odd_covered(const struct dkimfield_list *list, const struct dkimsig *signature)
{
	for (size_t i = 0; i < list->all.count; i++) {
		const struct dkimfield *field = &list->all.items[i];

		if (field_odd(field) && dkimsig_covers(signature, dkimfield_name(field)))
			return true;
	}
	return false;
}

/* Of this name: is there one above those signed that differs from the lowest? */
static bool added(const struct dkimfield_list *list, struct str name, size_t named)
{
	struct str lowest = STR("");
	size_t there = 0;

	for (size_t i = list->all.count; named > 0 && i > 0; i--) {
		const struct dkimfield *field = &list->all.items[i - 1];
		struct str value;

		if (!str_caseeq(dkimfield_name(field), name))
			continue;
		value = str_trim(dkimfield_value(field));
		if (there++ == 0)
			lowest = value;
		else if (there > named && !str_eq(value, lowest))
			return true;
	}
	return false;
}

bool dkimfield_added(const struct dkimfield_list *list, const struct dkimsig *signature)
{
	for (const char *const *once = dkimsig_once; *once; once++)
		if (added(list, str_of(*once), dkimsig_times(signature, str_of(*once))))
			return true;
	return false;
}
