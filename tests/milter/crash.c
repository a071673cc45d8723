/* SPDX-License-Identifier: BSD-2-Clause */
/* LD_PRELOAD: a libopendkim that crashes at the end of a message; CRASH_CALLS counts how often. */

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

int dkim_eom(void *dkim, _Bool *key_tested);

int dkim_eom(void *dkim, _Bool *key_tested)
{
	int fd = open(getenv("CRASH_CALLS"), O_WRONLY | O_CREAT | O_APPEND, 0600);

	(void)dkim;
	(void)key_tested;
	if (fd >= 0 && write(fd, "x", 1) == 1)
		close(fd);
	raise(SIGKILL);
	return 0;
}
