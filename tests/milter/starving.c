/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The whole program, in which memory ends on demand: linked with it, these stand in the place of
 * the allocators for all of our own code. STARVING names a file of three numbers that all of its
 * processes share: the allocations so far, and the first and last that fail.
 */

#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
char *__wrap_strdup(const char *text);

static struct {
	_Atomic uint64_t count, first, last;
} * shared;

static void __attribute__((constructor)) begin(void)
{
	const char *path = getenv("STARVING");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *memory = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (memory != MAP_FAILED)
		shared = memory;
	if (fd >= 0)
		close(fd);
}

static int ends_now(void)
{
	uint64_t number;

	if (!shared)
		return 0;
	number = atomic_fetch_add(&shared->count, 1) + 1;
	return number >= atomic_load(&shared->first) && number <= atomic_load(&shared->last);
}

void *__wrap_malloc(size_t size)
{
	return ends_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return ends_now() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
	return ends_now() ? NULL : __real_realloc(memory, size);
}

char *__wrap_strdup(const char *text)
{
	return ends_now() ? NULL : __real_strdup(text);
}
