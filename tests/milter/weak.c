/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * LD_PRELOAD: a kernel whose sandbox is not what it seems. WEAK names what is so: "seccomp" and
 * "landlock" say yes and do nothing, "absent" has no landlock at all.
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define CREATE_RULESET 444
#define RESTRICT_SELF 446

int seccomp_load(void *filter);
long syscall(long number, ...);

static int weak(const char *what)
{
	const char *list = getenv("WEAK");

	return list && strstr(list, what) != NULL;
}

int seccomp_load(void *filter)
{
	int (*real)(void *) = (int (*)(void *))dlsym(RTLD_NEXT, "seccomp_load");

	return weak("seccomp") ? 0 : real(filter);
}

long syscall(long number, ...)
{
	long (*real)(long, ...) = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
	long a[6];
	va_list args;

	va_start(args, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	if (number == CREATE_RULESET && weak("absent")) {
		errno = ENOSYS;
		return -1;
	}
	if (number == RESTRICT_SELF && weak("landlock"))
		return 0;
	return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
