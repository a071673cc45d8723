/* SPDX-License-Identifier: BSD-2-Clause */
/* The Received-SPF field, with all that a client can bring into it; and who is named in one. */

#include "postern/arena.h"
#include "postern/spf.h"
#include "tests/unit/unit.h"

static struct arena *arena;

static struct str written(enum spf_result result, struct str sender, struct str helo,
			  const char *problem)
{
	struct spf_outcome outcome = {.result = result, .problem = str_of(problem)};
	struct ip ip;
	struct spf_received received = {.outcome = &outcome,
					.ip = ip_parse(STR("192.0.2.1"), &ip) ? &ip : NULL,
					.sender = sender,
					.helo = helo,
					.receiver = STR("mx.example.org")};

	return spf_received_write(arena, &received);
}

static void test_examples(void)
{
	struct spf_outcome outcome = {.result = SPF_NONE_};
	struct spf_received nobody = {
	    .outcome = &outcome, .receiver = STR("mx.example.org"), .helo_scope = true};

	CHECK_STR(written(SPF_PASS_, STR("a@example.net"), STR("mail.example.net"), ""),
		  "pass client-ip=192.0.2.1;\n\tenvelope-from=\"a@example.net\";\n\t"
		  "helo=mail.example.net;\n\treceiver=mx.example.org;\n\tidentity=mailfrom");
	CHECK_STR(written(SPF_PERMERROR_, STR("a@b"), STR(""), "two records; \"x\""),
		  "permerror client-ip=192.0.2.1;\n\tenvelope-from=\"a@b\";\n\t"
		  "receiver=mx.example.org;\n\tidentity=mailfrom;\n\tproblem=\"two records; "
		  "\\\"x\\\"\"");
	CHECK_STR(spf_received_write(arena, &nobody),
		  "none receiver=mx.example.org;\n\tidentity=helo");
}

/* Lines end where we end them, and nothing ends a quote early. */
static void test_hostile_values(void)
{
	static const char bytes[] = "x\r\nFrom: y\0\x80\x7f\\\"; z=\t1";
	struct str helo = {bytes, sizeof(bytes) - 1}, field, far;
	char high[256], *at = high;

	field = written(SPF_FAIL_, STR("a\"; b=\"@x"), helo, "");
	CHECK(str_has(field, STR("envelope-from=\"a\\\"; b=\\\"@x\";\n\t")));
	CHECK(str_has(field, STR("helo=\"x??From: y???\\\\\\\"; z=?1\";\n\t")));
	for (int c = 255; c >= 0; c--)
		*at++ = (char)c;
	field = written(SPF_FAIL_, (struct str){high, 256}, (struct str){high, 256}, "");
	for (size_t i = 0; i < field.n; i++)
		CHECK((field.s[i] >= ' ' && field.s[i] <= '~') ||
		      (field.s[i] == '\n' && field.s[i + 1] == '\t') || field.s[i] == '\t');
	/* RFC 5322 2.1.1: no line over 998 bytes, though every one of them is quoted. */
	far = (struct str){arena_alloc(arena, 4096), 4096};
	memset((char *)(uintptr_t)far.s, '"', far.n);
	field = written(SPF_FAIL_, far, far, "");
	while (field.n > 0) {
		ptrdiff_t line = str_chr(field, '\n');

		CHECK((line < 0 ? (ptrdiff_t)field.n : line) < 980);
		field = line < 0 ? STR("") : str_sub(field, (size_t)line + 1, field.n);
	}
}

static void test_who_is_named(void)
{
	static const struct {
		const char *value;
		bool ours;
	} cases[] = {
	    {"pass receiver=mx.example.org", true},
	    {"pass receiver=MX.Example.Org;", true},
	    {"pass (mx.example.org: fine) client-ip=1.2.3.4", true},
	    {"pass receiver=\"mx.exa\\mple.org\"", true},
	    {"pass receiver = \"mx.\n\texample.org\"", true},
	    {"pass receiver=below.mx.example.org", true},
	    {"pass receiver=mx.example.net", false},
	    {"pass", false},
	    {"", false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		CHECK_INT(spf_received_claims(arena, str_of(cases[i].value), STR("mx.example.org")),
			  cases[i].ours);
	CHECK(spf_received_claims(arena, (struct str){"pass mx.\0example.org", 20},
				  STR("mx.example.org")));
}

int main(void)
{
	arena = arena_new(NULL);
	RUN(test_examples);
	RUN(test_hostile_values);
	RUN(test_who_is_named);
	arena_free(&arena);
	return unit_done();
}
