/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether this machine has a user or group. */

#include "filter/command/account.h"

#include <grp.h>
#include <pwd.h>
#include <stddef.h>

bool account_user(const char *name)
{
	return getpwnam(name) != NULL;
}

bool account_group(const char *name)
{
	return getgrnam(name) != NULL;
}
