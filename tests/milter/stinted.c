/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Preloaded into a daemon under test: no thread can be had while the first byte of the file STINTED
 * is not 0.
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

typedef int create_fn(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
		      void *handle);

static const volatile char *stinted;

__attribute__((constructor)) static void begin(void)
{
	int fd = open(getenv("STINTED"), O_RDONLY | O_CLOEXEC);
	void *map = mmap(NULL, 1, PROT_READ, MAP_SHARED, fd, 0);

	if (fd < 0 || map == MAP_FAILED)
		abort();
	close(fd);
	stinted = map;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
		   void *handle)
{
	create_fn *real = NULL;

	*(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
	return stinted && *stinted ? EAGAIN : real(thread, attributes, run, handle);
}
