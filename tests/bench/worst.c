/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Plays the worst messages of 10 MB to policies within this process, and prints what each costs:
 * milliseconds of CPU time (the best of three), and the most memory that the session and the
 * libraries below it took for it at once.
 *
 *   worst [--only WORD] POLICY...    the table, or the messages of it with that word in the name
 *   worst --check                    a test: each stays below the limit of memory, and has a clear
 * verdict
 *
 * A test cannot hold a limit of time, since a machine may be slow or busy; the table says so with
 * an '!'.
 */

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "filter/session/private.h"
#include "postern/mime.h"
#include "postern/policy.h"
#include "postern/record.h"
#include "postern/spf.h"
#include "tests/bench/worst.h"
#include "tests/unit/unit.h"

#define CHUNK 65535 /* of a body, as MTAs send it */
#define ROUNDS 3

struct expense {
	double ms;
	size_t bytes; /* of memory */
	bool answered;
	char dkim[16], arc[16]; /* results: what is not verified costs nothing */
};

static const char *macro(void *ctx, const char *name)
{
	(void)ctx;
	return strcmp(name, "i") == 0 ? "4Xk2Lq0Jz9" : strcmp(name, "j") == 0 ? "mx.example" : NULL;
}

/* As the daemon does for its journal. */
static void settled(void *ctx, const struct session *session)
{
	struct arena *arena = arena_new(session_report(session)->arena);
	struct record record;

	(void)ctx;
	record_make(arena, session, &record);
	arena_free(&arena);
}

static double cpu(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static struct resolver *resolver_of(struct arena *arena, const struct letter *letter,
				    struct clock *clock)
{
	struct diag *diag = diag_new(arena);
	struct source *source = arena_new_of(arena, struct source);
	struct buf text = {.arena = arena};
	struct resolver *resolver;

	buf_puts(&text, "sender.example. TXT \"v=spf1 ip4:203.0.113.0/24 -all\"\n"
			"_dmarc.sender.example. TXT \"v=DMARC1; p=reject\"\n");
	for (size_t i = 0; i < letter->zone.count; i++) {
		buf_add(&text, letter->zone.items[i]);
		buf_puts(&text, "\n");
	}
	*source = (struct source){"zone", buf_str(&text)};
	if (resolver_from_source(source, clock, diag, &resolver) == 0)
		return resolver;
	diag_print(diag, stderr);
	exit(1);
}

/* True: the message has a verdict, and it was told. */
static bool deliver(struct session *s, const struct letter *letter)
{
	struct edits edits = {0};
	struct reply reply;
	char path[64];

	session_mail(s, STR("<news@sender.example>"), NULL);
	for (size_t i = 0; i < letter->recipients; i++) {
		snprintf(path, sizeof(path), "<you+%zu@localhost>", i);
		if (session_rcpt(s, str_of(path), NULL).kind != REPLY_CONTINUE)
			return false;
	}
	if (session_data(s).kind != REPLY_CONTINUE)
		return true;
	for (size_t i = 0; i < letter->fields.count; i++)
		for (size_t j = 0; j < letter->fields.items[i].times; j++)
			session_header(s, letter->fields.items[i].name,
				       letter->fields.items[i].value);
	if (session_eoh(s).kind != REPLY_CONTINUE)
		return true;
	for (size_t at = 0; at < letter->body.n; at += CHUNK)
		if (session_body(s, str_sub(letter->body, at, CHUNK)).kind != REPLY_CONTINUE)
			break;
	reply = session_eom(s, &edits);
	if (reply.kind == REPLY_CONTINUE)
		session_committed(s);
	return session_report(s)->outcome.settled;
}

static struct expense play(const struct policy *policy, const struct letter *letter)
{
	struct arena *arena = arena_new(NULL);
	struct clock clock = {.manual = true, .wall = 1600000000, .monotonic = NS_PER_S};
	struct session_env env = {
	    .resolver = resolver_of(arena, letter, &clock),
	    .clock = &clock,
	    .macro = macro,
	    .settled = settled,
	    .references = true,
	};
	struct ip ip = {{[10] = 0xff, [11] = 0xff, [12] = 203, [14] = 113, [15] = 9}};
	struct expense cost;
	struct session *s;

	heap_mark();
	cost.ms = cpu();
	s = session_new(policy, &env);
	session_connect(s, STR("mail.sender.example"), &ip, 25252);
	session_helo(s, STR("mail.sender.example"));
	cost.answered = deliver(s, letter);
	cost.ms = cpu() - cost.ms;
	cost.bytes = heap_peak();
	snprintf(cost.dkim, sizeof(cost.dkim), "%s", session_fact(s, arena, "dkim").s);
	snprintf(cost.arc, sizeof(cost.arc), "%s", session_fact(s, arena, "arc").s);
	session_free(&s);
	resolver_free(&env.resolver);
	arena_free(&arena);
	return cost;
}

static struct policy *policy_of(const char *path)
{
	struct arena *arena = arena_new(NULL);
	struct diag *diag = diag_new(arena);
	struct policy *policy = policy_load(path, NULL, diag);

	if (!policy) {
		diag_print(diag, stderr);
		exit(2);
	}
	arena_free(&arena);
	return policy;
}

static void print_table(const char *path, const char *only)
{
	struct policy *policy = policy_of(path);
	struct letter letter;

	printf("%s\n%-28s %8s %8s %9s %9s\n", path, "", "CPU ms", "MB", "dkim", "arc");
	for (size_t i = 0; letter_make(i, only, &letter); i++) {
		struct expense cost;

		if (!letter.arena)
			continue;
		cost = play(policy, &letter);
		for (int round = 1; round < ROUNDS; round++) {
			struct expense again = play(policy, &letter);

			if (again.ms < cost.ms)
				cost.ms = again.ms;
		}
		printf("%-28s %8.1f %8.2f %9s %9s%s\n", letter.name, cost.ms,
		       (double)cost.bytes / (1 << 20), cost.dkim, cost.arc,
		       cost.ms > LIMIT_CPU_MS || cost.bytes > LIMIT_SESSION_BYTES ? " !" : "");
		fflush(stdout);
		letter_free(&letter);
	}
	policy_free(&policy);
}

/* ---- the test ---- */

static const struct policy *checked;

static void test_memory(void)
{
	struct letter letter;

	if (!heap_counts())
		SKIP("what the worst messages take of memory: a sanitizer has the heap");
	for (size_t i = 0; letter_make(i, NULL, &letter); i++) {
		struct expense cost = play(checked, &letter);
		bool good = cost.answered && cost.bytes <= LIMIT_SESSION_BYTES;

		if (!good)
			printf("%s: %zu bytes, %s\n", letter.name, cost.bytes,
			       cost.answered ? "answered" : "no verdict");
		CHECK(good);
		letter_free(&letter);
	}
}

/* Or the messages would not be the worst. */
static void test_every_fact(void)
{
	for (const struct family *const *f = families; *f; f++) {
		for (const struct fact_def *def = (*f)->facts; def && def->name; def++) {
			bool asked = def->internal || def->sum;

			for (size_t i = 0; i < checked->slot_count; i++)
				asked |= checked->slots[i].def == def;
			if (!asked)
				printf("tests/bench/worst.policy does not ask '%s'\n", def->name);
			CHECK(asked);
		}
	}
}

static int check(void)
{
	struct policy *policy;
	const char *source = getenv("SOURCE");
	char path[4096];

	snprintf(path, sizeof(path), "%s/tests/bench/worst.policy", source ? source : ".");
	policy = policy_of(path);
	checked = policy;
	RUN(test_every_fact);
	RUN(test_memory);
	policy_free(&policy);
	return unit_done();
}

int main(int argc, char **argv)
{
	const char *only = NULL;
	int status = 0, first = 1;

	if (argc > 2 && strcmp(argv[1], "--only") == 0) {
		only = argv[2];
		first = 3;
	}
	spf_init();
	mime_init();
	if (!letters_begin())
		return 1;
	if (argc == 2 && strcmp(argv[1], "--check") == 0)
		status = check();
	else
		for (int i = first; i < argc; i++)
			print_table(argv[i], only);
	letters_end();
	return status;
}
