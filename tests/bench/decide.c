/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Plays one message to a policy, again and again, within this process: what the rules themselves
 * cost, without a mail server, libmilter or the DNS. Prints microseconds of CPU time a message,
 * the milliseconds that loading took, and the kilobytes that the loaded policy holds.
 *
 *   decide POLICY [MESSAGES]
 */

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "postern/diag.h"
#include "postern/policy.h"
#include "postern/session.h"

#define FIELDS 16

static char names[FIELDS][32];

static const char *macro(void *ctx, const char *name)
{
	(void)ctx;
	return strcmp(name, "i") == 0 ? "4Xk2Lq0Jz9" : NULL;
}

static double cpu(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static long anonymous_kilobytes(void)
{
	char line[200];
	long kilobytes = 0;
	FILE *file = fopen("/proc/self/status", "r");

	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, "RssAnon:", 8) == 0)
			kilobytes = atol(line + 8);
	if (file)
		fclose(file);
	return kilobytes;
}

/* False where the message was answered before its end: then less was decided than is measured. */
static bool play(struct session *s)
{
	static const char *const parameters[] = {"SIZE=4096", NULL};
	struct edits edits = {0};
	bool whole =
	    session_mail(s, STR("<news@sender.example>"), parameters).kind == REPLY_CONTINUE;

	whole &= session_rcpt(s, STR("<you@example.org>"), NULL).kind == REPLY_CONTINUE;
	whole &= session_data(s).kind == REPLY_CONTINUE;
	session_header(s, STR("From"), STR(" News <news@sender.example>"));
	session_header(s, STR("Subject"), STR(" What the week has brought"));
	for (int i = 0; i < FIELDS; i++)
		session_header(s, str_of(names[i]), STR(" an ordinary value of some length"));
	whole &= session_eoh(s).kind == REPLY_CONTINUE;
	session_body(s, STR("Hello.\r\n"));
	whole &= session_eom(s, &edits).kind == REPLY_CONTINUE;
	session_committed(s);
	return whole;
}

int main(int argc, char **argv)
{
	long count = argc > 2 ? atol(argv[2]) : 20000;
	struct session_env env = {.clock = &clock_system, .macro = macro};
	struct ip ip = {{[10] = 0xff, [11] = 0xff, [12] = 203, [14] = 113, [15] = 9}};
	struct arena *arena = arena_new(NULL);
	struct diag *diag = diag_new(arena);
	long memory = anonymous_kilobytes();
	double start = cpu(), loaded;
	struct policy *policy = argc > 1 ? policy_load(argv[1], NULL, diag) : NULL;
	struct session *s;
	bool whole = true;

	loaded = cpu() - start;
	memory = anonymous_kilobytes() - memory;

	if (!policy) {
		diag_print(diag, stderr);
		fprintf(stderr, "usage: decide POLICY [MESSAGES]\n");
		return 2;
	}
	for (int i = 0; i < FIELDS; i++)
		snprintf(names[i], sizeof(names[i]), "X-Field-%d", i);
	s = session_new(policy, &env);
	session_connect(s, STR("mail.sender.example"), &ip, 25252);
	session_helo(s, STR("mail.sender.example"));
	for (long i = 0; i < count / 10; i++)
		whole &= play(s);
	start = cpu();
	for (long i = 0; i < count; i++)
		whole &= play(s);
	printf("%.2f %.1f %ld%s\n", (cpu() - start) / (double)count, loaded / 1e3, memory,
	       whole ? "" : " answered early");
	session_free(&s);
	policy_free(&policy);
	arena_free(&arena);
	return whole ? 0 : 1;
}
