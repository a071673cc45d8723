/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * LD_PRELOAD: libraries that crash over a message. CRASH_AT names the function that does, and
 * CRASH_CALLS the file to which a letter is added for each call of one of them: it is opened while
 * there is no sandbox yet.
 */

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int SPF_record_interpret(void *record, void *request, void *response, int depth);
int dkim_eoh(void *dkim);
int dkim_eom(void *dkim, _Bool *key_tested);

static int calls = -1;

__attribute__((constructor)) static void open_calls(void)
{
	calls = open(getenv("CRASH_CALLS"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static void *called(const char *name, const char *letter)
{
	if (write(calls, letter, 1) != 1)
		return NULL;
	if (strcmp(getenv("CRASH_AT"), name) == 0)
		raise(SIGKILL);
	return dlsym(RTLD_NEXT, name);
}

int SPF_record_interpret(void *record, void *request, void *response, int depth)
{
	int (*next)(void *, void *, void *, int) = called("SPF_record_interpret", "s");

	return next(record, request, response, depth);
}

int dkim_eoh(void *dkim)
{
	int (*next)(void *) = called("dkim_eoh", "h");

	return next(dkim);
}

int dkim_eom(void *dkim, _Bool *key_tested)
{
	int (*next)(void *, _Bool *) = called("dkim_eom", "e");

	return next(dkim, key_tested);
}
