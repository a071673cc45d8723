/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_BASE_CONFINE_H
#define FILTER_BASE_CONFINE_H

/*
 * The parts of the sandbox: what may be opened (landlock.c), what may be called (calls.c), and
 * trying what must fail (attempts.c).
 */

#include "postern/sandbox.h"

/* The runtimes of sanitizers read /proc, start a symbolizer and stop other threads. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
#define SANITIZED true
#endif
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

/* ---- landlock.c ---- */

/* The first version of the interface that knows of TCP. */
#define LANDLOCK_TCP 4

/* The version of its interface that the kernel has; 0: none. */
int landlock_version(void);
/* For the calling thread and all that it starts. False: errno says why not. */
bool landlock_enter(const struct sandbox *sandbox, int version);

/* ---- calls.c ---- */

/* Does the kernel filter calls? */
bool calls_offered(void);
/* For the whole process. How many calls are allowed; below 0: minus an errno. */
int calls_enter(const struct sandbox *sandbox);

/* ---- attempts.c ---- */

/* NULL, or what could be done though it must not. `calls`: they are filtered. */
const char *attempts_made(const struct sandbox *sandbox, int landlock, bool calls);

#endif
