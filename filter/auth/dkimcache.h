/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_AUTH_DKIMCACHE_H
#define FILTER_AUTH_DKIMCACHE_H

/*
 * The memory of decoded keys behind libopendkim. It works by being linked in; the function is
 * what makes sure that it is.
 */

/* Forgets all keys. */
void dkimcache_clear(void);

#endif
