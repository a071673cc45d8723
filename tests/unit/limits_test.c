/* SPDX-License-Identifier: BSD-2-Clause */
/* Limits that are tested nowhere else: to the limit, and one beyond. */

#include "postern/limits.h"

#include <stdlib.h>

#include "filter/milter/process.h"
#include "filter/session/private.h"
#include "postern/dns.h"
#include "postern/policy.h"
#include "tests/unit/unit.h"

static struct arena *arena;
static struct resolver *resolver;

static void test_sessions(void)
{
	CHECK(crowd_admits(1));
	CHECK(crowd_admits(LIMIT_SESSIONS));
	CHECK_INT(milter_sessions_refused(), 0);
	CHECK(!crowd_admits(LIMIT_SESSIONS + 1));
	CHECK_INT(milter_sessions_refused(), 1);
	crowd_closed(LIMIT_SESSIONS - 1);
	CHECK(crowd_admits(LIMIT_SESSIONS));
}

#define ALIASES 100 /* of one name: an item of a table is short */

static struct policy *alias_of(size_t count)
{
	struct buf text = {.arena = arena};
	struct diag *diag = diag_new(arena);
	struct source *source = arena_new_of(arena, struct source);
	struct policy *policy;

	buf_puts(&text, "table aliases map {");
	for (size_t i = 0; i < count; i++) {
		if (i % ALIASES == 0)
			buf_printf(&text, "%s\"all%zu@example.org", i > 0 ? "\" " : " ",
				   i / ALIASES);
		buf_printf(&text, " u%zu@example.org", i);
	}
	buf_puts(&text, "\" }\nalias: redirect \"${aliases(recipient)}\"\n");
	*source = (struct source){"policy", buf_str(&text)};
	policy = policy_compile(source, ".", NULL, diag);
	diag_print(diag, stdout);
	if (!policy)
		exit(1);
	return policy;
}

/* How many recipients a message to aliases of so many gets; *problem_r is set where it says one.
 */
static size_t added(size_t count, bool *problem_r)
{
	static const struct clock now = {.manual = true, .wall = 1600000000, .monotonic = NS_PER_S};
	struct session_env env = {.clock = &now, .resolver = resolver};
	struct policy *policy = alias_of(count);
	struct session *s = session_new(policy, &env);
	struct edits edits;
	size_t adds = 0;
	char path[64];

	session_connect(s, STR("unknown"), NULL, 0);
	session_mail(s, STR("<a@example.net>"), NULL);
	for (size_t i = 0; i < count; i += ALIASES) {
		snprintf(path, sizeof(path), "<all%zu@example.org>", i / ALIASES);
		CHECK(session_rcpt(s, str_of(path), NULL).kind == REPLY_CONTINUE);
	}
	CHECK(session_eom(s, &edits).kind == REPLY_CONTINUE);
	for (size_t i = 0; i < edits.count; i++)
		adds += edits.items[i].kind == EDIT_ADD_RECIPIENT;
	*problem_r = session_report(s)->problem != NULL;
	session_free(&s);
	policy_free(&policy);
	return adds;
}

/* The edit that would add one more is left out: that mail goes to whom it was for. */
static void test_recipients_added(void)
{
	bool problem;

	CHECK_INT(added(LIMIT_RECIPIENTS_ADDED, &problem), LIMIT_RECIPIENTS_ADDED);
	CHECK(!problem);
	CHECK_INT(added(LIMIT_RECIPIENTS_ADDED + 1, &problem), LIMIT_RECIPIENTS_ADDED);
	CHECK(problem);
}

int main(void)
{
	static const struct source records = {"dns", {"", 0}};
	static struct clock now = {.manual = true, .wall = 1600000000, .monotonic = NS_PER_S};

	arena = arena_new(NULL);
	if (resolver_from_source(&records, &now, diag_new(arena), &resolver) < 0)
		return 1;
	RUN(test_sessions);
	RUN(test_recipients_added);
	resolver_free(&resolver);
	arena_free(&arena);
	return unit_done();
}
