/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Edits of the envelope. They are of one recipient each, and change nothing of what rules see:
 * who is added does not pass the policy.
 */

#include "postern/fact.h"

static void add_commit(const struct action_call *call)
{
	for (size_t i = 0; i < call->address_count; i++)
		envelope_add(call->envelope, call->addresses[i]);
}

static void remove_commit(const struct action_call *call)
{
	envelope_remove(call->envelope);
}

static void redirect_commit(const struct action_call *call)
{
	add_commit(call);
	remove_commit(call);
}

static const struct action_def actions[] = {
    {.name = "add recipient",
     .class = ACTION_ENVELOPE,
     .parameters = PARAMETERS_ADDRESS,
     .commit = add_commit,
     .help = "Deliver to this address as well."},
    {.name = "remove recipient",
     .class = ACTION_ENVELOPE,
     .parameters = PARAMETERS_NONE,
     .commit = remove_commit,
     .help = "Do not deliver to this recipient; a message without any is discarded."},
    {.name = "redirect",
     .class = ACTION_ENVELOPE,
     .parameters = PARAMETERS_ADDRESS,
     .commit = redirect_commit,
     .help = "Deliver to this address in place of the recipient."},
    {.name = NULL},
};

const struct family family_recipient = {.name = "recipient", .actions = actions};
