/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A body of any bytes below a multipart: the same parts whatever the chunks are, within the limits,
 * and each part that stands plainly before the first oddity is found.
 */

#include "postern/arena.h"
#include "postern/limits.h"
#include "postern/mime.h"

#include "tests/fuzz/input.h"

static const struct mime_parts *parts_of(struct arena *arena, struct str body, size_t step,
					 size_t grow)
{
	struct mime *m = mime_new(arena);

	mime_header(m, STR("Content-Type"), STR(" multipart/mixed; boundary=B"));
	mime_eoh(m);
	for (size_t at = 0; at < body.n; at += step, step += grow)
		if (!mime_body(m, str_sub(body, at, step)))
			break;
	return mime_finish(m);
}

static bool same(const struct str *a, size_t a_count, const struct str *b, size_t b_count)
{
	if (a_count != b_count)
		return false;
	for (size_t i = 0; i < a_count; i++)
		if (!str_eq(a[i], b[i]))
			return false;
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t steps[][2] = {{1, 0}, {2, 0}, {1, 1}, {17, 5}, {4096, 0}};
	static bool ready;
	struct arena *arena = arena_new(NULL);
	struct buf body = {.arena = arena};
	const struct mime_parts *whole;

	if (!ready)
		mime_init();
	ready = true;
	buf_puts(&body, "--B\r\nContent-Type: a/b; name=first.exe\r\n\r\n");
	buf_add(&body, (struct str){(const char *)data, size});
	whole = parts_of(arena, buf_str(&body), body.n, 0);
	require(whole->name_count >= 1 && str_eq(whole->names[0], STR("first.exe")));
	require(whole->type_count >= 1 && str_eq(whole->types[0], STR("a/b")));
	require(whole->name_count <= LIMIT_MIME_NAMES && whole->type_count <= LIMIT_MIME_NAMES);
	for (size_t i = 0; i < whole->name_count; i++)
		require(mime_extension(arena, whole->names[i]).n < whole->names[i].n);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		const struct mime_parts *parts =
		    parts_of(arena, buf_str(&body), steps[i][0], steps[i][1]);

		require(same(parts->names, parts->name_count, whole->names, whole->name_count));
		require(same(parts->types, parts->type_count, whole->types, whole->type_count));
		require(parts->trouble == whole->trouble);
	}
	arena_free(&arena);
	return 0;
}
