/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POSTERN_SERVICE_H
#define POSTERN_SERVICE_H

/*
 * The service manager: what it is told (sd_notify(3)), how often it wants to hear that all is well
 * (sd_watchdog_enabled(3)), and the socket that it may have opened for us (sd_listen_fds(3)). The
 * protocol is three variables of the environment and a datagram, documented and stable; libsystemd
 * would bring compression and cryptography into the process for it.
 */

#include <stdint.h>

/*
 * Lines "NAME=value", such as "READY=1". Without a manager that listens nothing happens. Never
 * waits.
 */
void service_tell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Nanoseconds within which it wants to be told WATCHDOG=1; 0: it does not. */
int64_t service_watchdog(void);
/*
 * A listening stream socket that was passed, made not to block and not to be inherited. -1: none
 * was passed; -2: what was passed is none, and *why_r says so. Call once.
 */
int service_socket(const char **why_r);

#endif
