/* SPDX-License-Identifier: BSD-2-Clause */
/* What becomes of a body on its way: the same octets and flags however it was cut. */

#include "filter/auth/dkimbody.h"
#include "postern/arena.h"
#include "tests/unit/unit.h"

struct sink {
	struct buf octets;
	bool ended_on_cr;
};

static void take(void *ctx, const char *bytes, size_t n)
{
	struct sink *sink = ctx;

	buf_add(&sink->octets, (struct str){bytes, n});
	sink->ended_on_cr |= n == 0 || bytes[n - 1] == '\r';
}

static void test_bodies(void)
{
	static const struct {
		const char *in, *out;
		bool bare_cr, bare_lf, blank_cr;
	} cases[] = {
	    {"", "", false, false, false},
	    {"a", "a\r\n", false, false, false},
	    {"a\r\n", "a\r\n", false, false, false},
	    {"\r\n\r\n", "\r\n\r\n", false, false, false},
	    {"a\rb\r\n", "a\rb\r\n", true, false, false},
	    {"a\r\r\nb\r\n", "a\r\r\nb\r\n", true, false, false},
	    {"a\r\n\r\r\nb\r\n", "a\r\n\r\r\nb\r\n", true, false, true},
	    {"\r\ra\r\n", "\r\ra\r\n", true, false, true},
	    {"a\nb\r\n", "a\nb\r\n", false, true, false},
	    {"\n", "\n\r\n", false, true, false},
	    {"a\n", "a\n\r\n", false, true, false},
	    {"a\r", "a\r\r\n", true, false, false},
	    {"a\r\n\r", "a\r\n\r\r\n", true, false, true},
	    {"\r", "\r\r\n", true, false, true},
	    {"\r\r\r", "\r\r\r\r\n", true, false, true},
	    {"a\n\rb", "a\n\rb\r\n", true, true, false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct str in = str_of(cases[i].in);

		for (size_t chunk = 1; chunk <= in.n + 1; chunk++) {
			struct arena *arena = arena_new(NULL);
			struct sink sink = {.octets = {.arena = arena}};
			struct dkimbody body = {.watch_lf = true};

			buf_puts(&sink.octets, "");
			for (size_t at = 0; at < in.n; at += chunk)
				dkimbody_add(&body, str_sub(in, at, chunk), take, &sink);
			dkimbody_end(&body, take, &sink);
			CHECK_STR(buf_str(&sink.octets), cases[i].out);
			CHECK(!sink.ended_on_cr && !body.too_many_cr);
			CHECK_INT(body.bare_cr, cases[i].bare_cr);
			CHECK_INT(body.bare_lf, cases[i].bare_lf);
			CHECK_INT(body.blank_cr, cases[i].blank_cr);
			arena_free(&arena);
		}
	}
}

static void test_many_cr(void)
{
	struct arena *arena = arena_new(NULL);

	for (size_t n = 60; n < 70; n++) {
		struct sink sink = {.octets = {.arena = arena}};
		struct dkimbody body = {.watch_lf = true};

		for (size_t i = 0; i < n; i++)
			dkimbody_add(&body, STR("\r"), take, &sink);
		dkimbody_end(&body, take, &sink);
		CHECK(!sink.ended_on_cr);
		CHECK_INT(body.too_many_cr, n > DKIMBODY_CR_MAX);
	}
	arena_free(&arena);
}

/* What is too many does not rest on where the pieces of the body end. */
static void test_many_cr_in_pieces(void)
{
	struct arena *arena = arena_new(NULL);

	for (size_t n = 60; n < 70; n++) {
		struct str text = str_printf(arena, "a%*sb\r\n", (int)n, "");

		memset((char *)text.s + 1, '\r', n);
		for (size_t cut = 0; cut <= text.n; cut++) {
			struct sink sink = {.octets = {.arena = arena}};
			struct dkimbody body = {0};

			dkimbody_add(&body, str_sub(text, 0, cut), take, &sink);
			dkimbody_add(&body, str_sub(text, cut, text.n), take, &sink);
			CHECK_INT(body.too_many_cr, n > DKIMBODY_CR_MAX);
		}
	}
	arena_free(&arena);
}

int main(void)
{
	RUN(test_bodies);
	RUN(test_many_cr);
	RUN(test_many_cr_in_pieces);
	return unit_done();
}
