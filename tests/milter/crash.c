/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * LD_PRELOAD: a libopendkim that crashes at the end of a message. CRASH_CALLS counts how often: it
 * is opened while there is no sandbox yet.
 */

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

int dkim_eom(void *dkim, _Bool *key_tested);

static int calls = -1;

__attribute__((constructor)) static void open_calls(void)
{
	calls = open(getenv("CRASH_CALLS"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

int dkim_eom(void *dkim, _Bool *key_tested)
{
	(void)dkim;
	(void)key_tested;
	if (write(calls, "x", 1) != 1)
		return 0;
	raise(SIGKILL);
	return 0;
}
