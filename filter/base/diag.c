/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Collects what is wrong with a text and prints it with the line and carets. Reports are kept in
 * the order in which they were made and printed in the order of their places.
 */

#include "postern/diag.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "postern/arena.h"
#include "postern/sandbox.h"

#define TEXT_MOST 2000
#define LINE_MOST 160

struct report {
	struct diag_report what;
	size_t order;         /* of making: keeps equal places stable */
	struct report *notes; /* those that belong to this one, in order */
	struct report *next_note;
};

struct diag {
	struct arena *arena;
	VEC(struct report) reports;
	VEC(const char *) silenced;
	size_t errors, warnings;
	bool strict, silent; /* warnings are printed as errors; none are kept */
	bool last_dropped;   /* notes of a report that was not kept go with it */
};

struct diag *diag_new(struct arena *arena)
{
	struct diag *diag = arena_new_of(arena, struct diag);

	diag->arena = arena;
	return diag;
}

static struct str format(struct diag *diag, const char *fmt, va_list args)
{
	char text[TEXT_MOST];
	int n = vsnprintf(text, sizeof(text), fmt, args);
	struct buf out = {.arena = diag->arena};

	for (int i = 0; i < n && i < TEXT_MOST - 1; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c >= ' ' && c != 0x7f)
			buf_putc(&out, text[i]);
		else
			buf_printf(&out, "\\x%02X", c);
	}
	return buf_str(&out);
}

static bool same(const struct diag_report *a, const struct diag_report *b)
{
	return a->level == b->level && a->span.source == b->span.source &&
	       a->span.from == b->span.from && str_eq(a->text, b->text);
}

/* False: the same was said of the same place before. */
static bool add(struct diag *diag, enum diag_level level, const char *name, struct span span,
		const char *fmt, va_list args)
{
	struct report *report;

	diag->last_dropped = diag->reports.count >= DIAG_LIMIT;
	if (diag->last_dropped)
		return true;
	report = vec_push(diag->arena, &diag->reports);
	*report = (struct report){.what = {.level = level, .name = name, .span = span},
				  .order = diag->reports.count};
	report->what.text = format(diag, fmt, args);
	for (size_t i = 0; i + 1 < diag->reports.count && !diag->last_dropped; i++)
		diag->last_dropped = same(&diag->reports.items[i].what, &report->what);
	diag->reports.count -= diag->last_dropped;
	return !diag->last_dropped;
}

void diag_error(struct diag *diag, struct span span, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	diag->errors += add(diag, DIAG_ERROR, NULL, span, fmt, args);
	va_end(args);
}

static bool silenced(const struct diag *diag, const char *name)
{
	for (size_t i = 0; name && i < diag->silenced.count; i++)
		if (strcmp(diag->silenced.items[i], name) == 0)
			return true;
	return diag->silent;
}

static void warn(struct diag *diag, const char *name, struct span span, const char *fmt,
		 va_list args)
{
	if (silenced(diag, name)) {
		diag->last_dropped = true;
		return;
	}
	diag->warnings += add(diag, DIAG_WARNING, name, span, fmt, args);
}

void diag_warning(struct diag *diag, struct span span, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	warn(diag, NULL, span, fmt, args);
	va_end(args);
}

void diag_warn(struct diag *diag, const char *name, struct span span, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	warn(diag, name, span, fmt, args);
	va_end(args);
}

void diag_silence(struct diag *diag, const char *name)
{
	if (name)
		*vec_push(diag->arena, &diag->silenced) = name;
	else
		diag->silent = true;
}

void diag_strict(struct diag *diag)
{
	diag->strict = true;
}

void diag_note(struct diag *diag, struct span span, const char *fmt, ...)
{
	struct report *note, **last;
	va_list args;

	if (diag->last_dropped || diag->reports.count == 0)
		return;
	note = arena_new_of(diag->arena, struct report);
	note->what.level = DIAG_NOTE;
	note->what.span = span;
	va_start(args, fmt);
	note->what.text = format(diag, fmt, args);
	va_end(args);
	last = &diag->reports.items[diag->reports.count - 1].notes;
	while (*last)
		last = &(*last)->next_note;
	*last = note;
}

size_t diag_errors(const struct diag *diag)
{
	return diag->errors;
}

size_t diag_warnings(const struct diag *diag)
{
	return diag->warnings;
}

bool diag_within(const struct diag *diag, struct span span)
{
	for (size_t i = 0; i < diag->reports.count; i++) {
		const struct diag_report *report = &diag->reports.items[i].what;

		if (report->level == DIAG_ERROR && report->span.source == span.source &&
		    span.source && report->span.from >= span.from && report->span.from < span.to)
			return true;
	}
	return false;
}

static void free_kept(void *handle)
{
	struct arena *arena = handle;

	arena_free(&arena);
}

void diag_keep(struct diag *diag, struct arena *arena)
{
	arena_cleanup(diag->arena, free_kept, arena);
}

struct span span_join(struct span a, struct span b)
{
	return (struct span){a.source, a.from, b.to > a.from ? b.to : a.to};
}

void span_place(struct span span, size_t *line_r, size_t *column_r)
{
	struct str before = str_sub(span.source->text, 0, span.from);
	size_t line = 1, start = 0;
	const char *end;

	while (start < before.n &&
	       (end = memchr(before.s + start, '\n', before.n - start)) != NULL) {
		line++;
		start = (size_t)(end - before.s) + 1;
	}
	*line_r = line;
	*column_r = span.from - start + 1;
}

/* The source line, cut around the place if it is long, and the carets under the span. */
static void print_line(struct span span, size_t line, size_t column, FILE *out)
{
	struct str text = span.source->text;
	size_t start = span.from - (column - 1), end = start, from = start, to;

	if (start > text.n)
		return;
	while (end < text.n && text.s[end] != '\n' && text.s[end] != '\r')
		end++;
	if (span.from > start + LINE_MOST / 2)
		from = span.from - LINE_MOST / 2;
	to = end > from + LINE_MOST ? from + LINE_MOST : end;
	fprintf(out, "%5zu | %s", line, from > start ? "..." : "");
	for (size_t i = from; i < to; i++) {
		unsigned char c = (unsigned char)text.s[i];

		fputc((c < ' ' && c != '\t') || c >= 0x7f ? '?' : c, out);
	}
	fprintf(out, "%s\n      | %s", to < end ? "..." : "", from > start ? "   " : "");
	for (size_t i = from; i < span.from; i++)
		fputc(i < text.n && text.s[i] == '\t' ? '\t' : ' ', out);
	fputc('^', out);
	for (size_t i = span.from + 1; i < span.to && i < to; i++)
		fputc('~', out);
	fputc('\n', out);
}

static void print_report(void *ctx, const struct diag_report *report)
{
	static const char *const levels[] = {"error", "warning", "note"};
	size_t line = 0, column = 0;
	FILE *out = ctx;

	if (report->span.source) {
		span_place(report->span, &line, &column);
		fprintf(out, "%s:%zu:%zu: ", report->span.source->name, line, column);
	}
	fprintf(out, "%s: " STR_FMT, levels[report->level], STR_ARG(report->text));
	if (report->name)
		fprintf(out, " [%s]", report->name);
	fputc('\n', out);
	if (report->span.source)
		print_line(report->span, line, column, out);
}

static int by_place(const void *va, const void *vb)
{
	const struct report *a = *(const struct report *const *)va;
	const struct report *b = *(const struct report *const *)vb;
	const struct span *x = &a->what.span, *y = &b->what.span;

	if (x->source != y->source) {
		if (!x->source || !y->source)
			return x->source ? 1 : -1;
		return strcmp(x->source->name, y->source->name);
	}
	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

void diag_each(const struct diag *diag, void (*fn)(void *ctx, const struct diag_report *report),
	       void *ctx)
{
	size_t count = diag->reports.count;
	const struct report **sorted = arena_array(diag->arena, count + 1, sizeof(*sorted));

	for (size_t i = 0; i < count; i++)
		sorted[i] = &diag->reports.items[i];
	qsort(sorted, count, sizeof(*sorted), by_place);
	for (size_t i = 0; i < count; i++) {
		struct diag_report what = sorted[i]->what;

		if (diag->strict && what.level == DIAG_WARNING)
			what.level = DIAG_ERROR;
		fn(ctx, &what);
		for (const struct report *note = sorted[i]->notes; note; note = note->next_note)
			fn(ctx, &note->what);
	}
}

void diag_print(const struct diag *diag, FILE *out)
{
	size_t all = diag->errors + diag->warnings;

	diag_each(diag, print_report, out);
	if (all > diag->reports.count)
		fprintf(out, "and %zu more\n", all - diag->reports.count);
}

static char fold(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Edit distance with two rows, in either case; names are short. */
static size_t distance(struct str a, struct str b)
{
	size_t row[64];

	if (a.n >= 64 || b.n >= 64)
		return SIZE_MAX;
	for (size_t j = 0; j <= b.n; j++)
		row[j] = j;
	for (size_t i = 1; i <= a.n; i++) {
		size_t corner = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b.n; j++) {
			size_t best = corner + (fold(a.s[i - 1]) != fold(b.s[j - 1]));

			corner = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[b.n];
}

const char *diag_nearest(struct str name, const char *const *names, size_t count)
{
	size_t limit = name.n < 3 ? 1 : (name.n + 2) / 3, best = limit + 1;
	const char *nearest = NULL;

	for (size_t i = 0; i < count; i++) {
		size_t d = distance(name, str_of(names[i]));

		if (d < best && d < name.n) {
			best = d;
			nearest = names[i];
		}
	}
	return nearest;
}

static void close_file(void *handle)
{
	FILE **file = handle;

	if (*file)
		fclose(*file);
}

bool source_read(struct arena *arena, const char *path, size_t limit, struct source **source_r,
		 const char **why_r)
{
	struct buf text = {.arena = arena};
	char block[16384];
	struct arena *scratch = arena_new(arena);
	FILE **handle = arena_alloc(scratch, sizeof(FILE *)), *file;
	struct source *source;
	struct stat status;
	bool ok;
	size_t n;

	arena_cleanup(scratch, close_file, handle);
	file = *handle = fopen(path, "rb");
	if (!file) {
		*why_r = errno == EACCES && !sandbox_reads(path)
			     ? "the sandbox was not told of this folder: that takes a restart"
			     : str_dup(arena, str_of(strerror(errno))).s;
		arena_free(&scratch);
		return false;
	}
	/* Of a file whose size is told, nothing is copied while it grows. */
	if (fstat(fileno(file), &status) == 0 && status.st_size > 0 &&
	    (uintmax_t)status.st_size <= limit) {
		text.size = (size_t)status.st_size + 1;
		text.s = arena_alloc(arena, text.size);
	}
	errno = 0;
	while ((n = fread(block, 1, sizeof(block), file)) > 0 && text.n <= limit)
		buf_add(&text, (struct str){block, n});
	ok = !ferror(file) && text.n <= limit;
	if (text.n > limit)
		*why_r = str_printf(arena, "larger than %zu bytes", limit).s;
	else if (!ok)
		*why_r = str_dup(arena, str_of(strerror(errno))).s;
	arena_free(&scratch);
	if (!ok)
		return false;
	source = arena_new_of(arena, struct source);
	source->name = str_dup(arena, str_of(path)).s;
	source->text = buf_str(&text);
	*source_r = source;
	return true;
}
