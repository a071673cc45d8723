/* SPDX-License-Identifier: BSD-2-Clause */
/* Tables in text files: an item a line, read when the policy is loaded. */

#include "filter/table/store.h"

#define FILE_MOST ((size_t)256 << 20)

/* The line without its comment. In a pattern or a quoted word a '#' is a byte like any other. */
static struct str content(const struct table *table, struct str line)
{
	ptrdiff_t comment = -1;

	line = str_trim(line);
	if (table_kind(table) == TABLE_MAP)
		comment = (ptrdiff_t)map_comment(line);
	else if (table_kind(table) != TABLE_PATTERNS || str_starts(line, STR("#")))
		comment = str_chr(line, '#');
	return comment < 0 ? line : str_trim(str_sub(line, 0, (size_t)comment));
}

static size_t count_lines(struct str text)
{
	size_t count = 1;

	for (const char *at = text.s; (at = memchr(at, '\n', (size_t)(text.s + text.n - at))); at++)
		count++;
	return count;
}

struct str table_read_file(struct table *table, struct arena *arena, const char *path,
			   struct span place, struct diag *diag)
{
	struct source *source;
	const char *why = NULL;
	size_t end;

	if (!source_read(arena, path, FILE_MOST, &source, &why)) {
		diag_error(diag, place, "cannot read the table's file '%s': %s", path, why);
		return STR("");
	}
	table_reserve(table, count_lines(source->text), source->text.n);
	for (size_t from = 0; from < source->text.n; from = end + 1) {
		struct str line = str_sub(source->text, from, source->text.n);
		ptrdiff_t newline = str_chr(line, '\n');
		struct span span;

		if (newline >= 0)
			line.n = (size_t)newline;
		end = from + line.n;
		line = content(table, line);
		if (line.n == 0)
			continue;
		span.source = source;
		span.from = (size_t)(line.s - source->text.s);
		span.to = span.from + line.n;
		if (line.n > ITEM_MOST)
			diag_error(diag, span, "a line has at most %d bytes", ITEM_MOST);
		else if (!table_add(table, line, &why))
			diag_error(diag, span, "%s", why);
	}
	return source->text;
}

static void file_open(struct table *table, struct table_call *call)
{
	call->text = table_read_file(table, call->scratch, call->path, call->place, call->diag);
}

const struct table_type table_type_file = {
    .name = "file",
    .cost = COST_TABLE,
    .reads_file = true,
    .open = file_open,
    .look = table_look,
};
