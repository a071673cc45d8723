/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a session takes of memory: in proportion to what the message shows, nothing that stays for
 * the next one; and what it says when memory ends in the middle of an event.
 */

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "filter/session/private.h"
#include "postern/dns.h"
#include "postern/policy.h"
#include "tests/unit/unit.h"

static struct arena *arena;
static struct clock now = {.manual = true, .wall = 1600000000, .monotonic = NS_PER_S};
static struct resolver *resolver;
static size_t hunger;          /* bytes that it asks for; 0: more than there are */
static struct session *hungry; /* the session whose memory ends at the next question */

static const char *get_macro(void *ctx, const char *name)
{
	(void)ctx;
	(void)name;
	if (hungry && hunger > 0)
		arena_alloc(hungry->message_arena, hunger);
	else if (hungry)
		arena_array(hungry->message_arena, SIZE_MAX / 2, 3);
	return NULL;
}

static struct policy *policy_of(const char *text)
{
	struct diag *diag = diag_new(arena);
	struct source *source = arena_new_of(arena, struct source);
	struct policy *policy;

	*source = (struct source){"policy", str_of(text)};
	policy = policy_compile(source, ".", NULL, diag);
	diag_print(diag, stdout);
	if (!policy)
		exit(1);
	return policy;
}

static struct session *session_of(const struct policy *policy)
{
	struct session_env env = {.resolver = resolver, .clock = &now, .macro = get_macro};
	struct session *s = session_new(policy, &env);
	struct ip ip;

	CHECK(ip_parse(STR("203.0.113.9"), &ip));
	session_connect(s, STR("unknown"), &ip, 25252);
	session_helo(s, STR("a.example"));
	return s;
}

static size_t size_with_recipients(const struct policy *policy, int count)
{
	struct session *s = session_of(policy);
	char path[64];
	size_t size;

	session_mail(s, STR("<a@example.net>"), NULL);
	for (int i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "<b%d@example.org>", i);
		CHECK(session_rcpt(s, str_of(path), NULL).kind == REPLY_CONTINUE);
	}
	session_data(s);
	size = arena_size(s->message_arena);
	session_free(&s);
	return size;
}

/* Postfix takes 1000 recipients: twice as many may not cost four times as much. */
static void test_recipients(void)
{
	struct policy *policy = policy_of("reject \"no\" when subject is \"s\"");
	size_t half = size_with_recipients(policy, 500), whole = size_with_recipients(policy, 1000);

	CHECK(whole < 3 * half);
	CHECK(whole < 1000 * 4096);
	policy_free(&policy);
}

/* Those that are refused count, too: so many questions, and the next ones are not asked. */
static void test_refused_recipients(void)
{
	struct policy *policy = policy_of("reject 550 \"no\" when recipient.local is \"x\"");
	struct session *s = session_of(policy);
	int refused = 0;

	session_mail(s, STR("<a@example.net>"), NULL);
	while (session_rcpt(s, STR("<x@example.org>"), NULL).code == 550)
		refused++;
	CHECK_INT(refused, LIMIT_RECIPIENTS);
	CHECK_INT(session_rcpt(s, STR("<b@example.org>"), NULL).code, 452);
	session_mail(s, STR("<a@example.net>"), NULL);
	CHECK_INT(session_rcpt(s, STR("<x@example.org>"), NULL).code, 550);
	session_free(&s);
	policy_free(&policy);
}

static size_t size_with_fields(const struct policy *policy, int count)
{
	struct session *s = session_of(policy);
	size_t size;

	session_mail(s, STR("<a@example.net>"), NULL);
	session_rcpt(s, STR("<b@example.org>"), NULL);
	session_data(s);
	for (int i = 0; i < count; i++)
		session_header(s, STR("X-Filler"), STR(" some text of a usual length"));
	session_eoh(s);
	size = arena_size(s->message_arena);
	session_free(&s);
	return size;
}

/* Beyond the limits nothing more is kept. */
static void test_fields(void)
{
	struct policy *policy = policy_of("reject \"no\" when subject is \"s\"");
	size_t most = size_with_fields(policy, LIMIT_FIELDS);

	CHECK(most < 2 * LIMIT_FIELD_BYTES + (1 << 20));
	CHECK(size_with_fields(policy, 100 * LIMIT_FIELDS) < most + 65536);
	policy_free(&policy);
}

static void deliver(struct session *s)
{
	struct edits edits;

	session_mail(s, STR("<a@example.net>"), NULL);
	session_rcpt(s, STR("<b@example.org>"), NULL);
	session_data(s);
	session_header(s, STR("Subject"), STR(" hello"));
	session_eoh(s);
	session_body(s, STR("text\r\n"));
	CHECK(session_eom(s, &edits).kind == REPLY_CONTINUE);
	CHECK_INT(edits.count, 1);
	session_committed(s);
}

/* Ten thousand messages leave as much behind as ten. */
static void test_messages(void)
{
	struct policy *policy = policy_of("add header \"X-To: ${recipient} ${subject}\"");
	struct session *s = session_of(policy);
	size_t before;

	for (int i = 0; i < 10; i++)
		deliver(s);
	before = arena_size(s->arena);
	for (int i = 0; i < 10000; i++)
		deliver(s);
	CHECK_INT(arena_size(s->arena), before);
	session_free(&s);
	policy_free(&policy);
}

static void check_refused(struct reply reply)
{
	CHECK_INT(reply.kind, REPLY_TEMPFAIL);
	CHECK_INT(reply.code, 451);
	CHECK_STR(str_of(reply.enhanced), "4.3.0");
}

/* As many as there is memory for, and for the next ones a reply that says to come again. */
static void test_recipients_without_end(void)
{
	struct policy *policy = policy_of("reject \"no\" when subject is \"s\"");
	struct session *s = session_of(policy);
	struct edits edits;
	struct reply reply;
	char path[LIMIT_PATH];
	size_t taken = 0;

	session_mail(s, STR("<a@example.net>"), NULL);
	do {
		snprintf(path, sizeof(path), "<b%zu@example.org>", taken);
		reply = session_rcpt(s, str_of(path), NULL);
	} while (reply.kind == REPLY_CONTINUE && ++taken <= LIMIT_RECIPIENTS);
	CHECK(taken > 1000);
	CHECK_INT(reply.code, 452);
	CHECK_STR(str_of(reply.enhanced), "4.5.3");
	CHECK(arena_total(s->arena) > LIMIT_SESSION_BYTES / 4 * 3);
	CHECK(session_eom(s, &edits).kind == REPLY_CONTINUE);
	CHECK(arena_total(s->arena) <= LIMIT_SESSION_BYTES);
	session_mail(s, STR("<a@example.net>"), NULL);
	CHECK(session_rcpt(s, STR("<b@example.org>"), NULL).kind == REPLY_CONTINUE);
	session_free(&s);
	policy_free(&policy);
}

/* The reply to MAIL where all but a little of a session's memory is taken, and it wants more. */
static struct reply reply_with(const struct policy *policy, size_t left, size_t wanted)
{
	struct session *s = session_of(policy);
	struct reply reply;

	arena_alloc(s->message_arena, LIMIT_SESSION_BYTES - arena_total(s->arena) - left);
	CHECK_INT(arena_total(s->arena), LIMIT_SESSION_BYTES - left);
	hungry = s;
	hunger = wanted;
	reply = session_mail(s, STR("<a@example.net>"), NULL);
	hungry = NULL;
	hunger = 0;
	session_free(&s);
	return reply;
}

/* A session never takes more than its limit, though the machine has more. */
static void test_limit(void)
{
	struct policy *policy = policy_of("accept when auth.user is present\n"
					  "reject \"no\" when subject is \"s\"");

	CHECK(reply_with(policy, 400000, 100000).kind == REPLY_CONTINUE);
	check_refused(reply_with(policy, 400000, 400001));
	policy_free(&policy);
}

/* The event is answered 451, and so is all that follows. */
static void test_memory_ends(void)
{
	struct policy *policy = policy_of("accept when auth.user is present\n"
					  "reject \"no\" when subject is \"s\"");
	struct session *s = session_of(policy);
	struct edits edits;

	hungry = s;
	check_refused(session_mail(s, STR("<a@example.net>"), NULL));
	hungry = NULL;
	check_refused(session_rcpt(s, STR("<b@example.org>"), NULL));
	check_refused(session_data(s));
	session_header(s, STR("Subject"), STR(" s"));
	check_refused(session_eoh(s));
	check_refused(session_body(s, STR("text")));
	check_refused(session_eom(s, &edits));
	CHECK_INT(edits.count, 0);
	session_committed(s);
	session_abort(s);
	check_refused(session_mail(s, STR("<a@example.net>"), NULL));
	session_free(&s);
	CHECK(s == NULL);
	session_free(&s);
	policy_free(&policy);
}

/* Does a call survive the end of memory? In a process of its own, for the answer may be no. */
static bool survives(struct session *s, const struct edits *edits, bool failed)
{
	int status = 0;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		struct rlimit none = {0, 0};

		setrlimit(RLIMIT_CORE, &none);
		signal(SIGABRT, SIG_DFL);
		hungry = s;
		if (failed)
			check_refused(session_edit_failed(s, &edits->items[0]));
		else
			session_committed(s);
		_exit(unit_bad > 0);
	}
	CHECK(waitpid(child, &status, 0) == child);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void test_memory_ends_behind_the_edits(void)
{
	struct policy *policy = policy_of("add header \"X-To: ${recipient}\"");
	struct session *s = session_of(policy);
	struct edits edits;

	session_mail(s, STR("<a@example.net>"), NULL);
	session_rcpt(s, STR("<b@example.org>"), NULL);
	CHECK(session_eom(s, &edits).kind == REPLY_CONTINUE);
	CHECK(survives(s, &edits, true));
	CHECK(survives(s, &edits, false));
	session_free(&s);
	policy_free(&policy);
}

int main(void)
{
	static const struct source records = {"dns", {"", 0}};

	arena = arena_new(NULL);
	if (resolver_from_source(&records, &now, diag_new(arena), &resolver) < 0)
		return 1;
	RUN(test_recipients);
	RUN(test_refused_recipients);
	RUN(test_fields);
	RUN(test_messages);
	RUN(test_recipients_without_end);
	RUN(test_limit);
	RUN(test_memory_ends);
	RUN(test_memory_ends_behind_the_edits);
	resolver_free(&resolver);
	arena_free(&arena);
	return unit_done();
}
