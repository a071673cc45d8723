/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stands before the C library's malloc() and counts what is in use, that of the libraries that
 * verify signatures and parse MIME included.
 */

#include "tests/bench/worst.h"

#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

static atomic_size_t in_use, most, marked;

void heap_mark(void)
{
	marked = in_use;
	most = in_use;
}

size_t heap_peak(void)
{
	return most - marked;
}

#ifdef SANITIZED

bool heap_counts(void)
{
	return false;
}

#else

/* The C library's own, under the names that it exports for this purpose. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *memory);

bool heap_counts(void)
{
	return true;
}

static void *taken(void *memory)
{
	size_t now, before;

	if (!memory)
		return NULL;
	now = atomic_fetch_add(&in_use, malloc_usable_size(memory)) + malloc_usable_size(memory);
	before = most;
	while (now > before && !atomic_compare_exchange_weak(&most, &before, now))
		;
	return memory;
}

static void given_back(void *memory)
{
	if (memory)
		atomic_fetch_sub(&in_use, malloc_usable_size(memory));
}

void *malloc(size_t size)
{
	return taken(__libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
	return taken(__libc_calloc(count, size));
}

void *realloc(void *memory, size_t size)
{
	void *moved;
	size_t before = memory ? malloc_usable_size(memory) : 0;

	moved = __libc_realloc(memory, size);
	if (moved || size == 0)
		atomic_fetch_sub(&in_use, before);
	return taken(moved);
}

void free(void *memory)
{
	given_back(memory);
	__libc_free(memory);
}

void *memalign(size_t alignment, size_t size)
{
	return taken(__libc_memalign(alignment, size));
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return memalign(alignment, size);
}

int posix_memalign(void **memory_r, size_t alignment, size_t size)
{
	void *memory = memalign(alignment, size);

	if (!memory)
		return ENOMEM;
	*memory_r = memory;
	return 0;
}

#endif
