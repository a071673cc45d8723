/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_COMMAND_ACCOUNT_H
#define FILTER_COMMAND_ACCOUNT_H

/* Users and groups of this machine, apart from all else: <grp.h> has a struct group of its own. */

#include <stdbool.h>

bool account_user(const char *name);
bool account_group(const char *name);

#endif
