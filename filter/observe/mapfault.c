/* SPDX-License-Identifier: BSD-2-Clause */
/* A way out of SIGBUS, for the thread that has asked for one; any other ends as it would. */

#include "filter/observe/mapfault.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>

static _Thread_local sigjmp_buf *volatile way_out;

void mapfault_leave(void)
{
	if (way_out)
		siglongjmp(*way_out, 1);
}

static void on_fault(int number)
{
	mapfault_leave();
	signal(number, SIG_DFL);
	raise(number);
}

static void watch(void)
{
	/* Not blocked while it is handled, since the handler does not return. */
	struct sigaction action = {.sa_handler = on_fault, .sa_flags = SA_NODEFER};

	sigaction(SIGBUS, &action, NULL);
}

bool mapfault_run(void (*call)(void *ctx), void *ctx)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	sigjmp_buf out;
	volatile bool whole = false;

	pthread_once(&once, watch);
	if (sigsetjmp(out, 0) == 0) {
		way_out = &out;
		call(ctx);
		whole = true;
	}
	way_out = NULL;
	return whole;
}
