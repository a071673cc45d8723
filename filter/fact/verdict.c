/* SPDX-License-Identifier: BSD-2-Clause */
/* The decisive actions. */

#include "postern/fact.h"

static const struct action_def actions[] = {
    {.name = "accept",
     .class = ACTION_DECISIVE,
     .verdict = VERDICT_ACCEPT,
     .help = "Let it pass, with the edits gathered so far."},
    {.name = "reject",
     .class = ACTION_DECISIVE,
     .verdict = VERDICT_REJECT,
     .parameters = PARAMETERS_REPLY,
     .code = 550,
     .enhanced = "5.7.1",
     .help = "Refuse for good, with a reply: [CODE] [ENHANCED] \"text\"."},
    {.name = "defer",
     .class = ACTION_DECISIVE,
     .verdict = VERDICT_DEFER,
     .parameters = PARAMETERS_REPLY,
     .code = 451,
     .enhanced = "4.7.1",
     .help = "Refuse for now, with a reply: [CODE] [ENHANCED] \"text\"."},
    {.name = "discard",
     .class = ACTION_DECISIVE,
     .verdict = VERDICT_DISCARD,
     .parameters = PARAMETERS_TEXT,
     .help = "Take it and drop it; the reason is logged."},
    {.name = "hold",
     .class = ACTION_DECISIVE,
     .verdict = VERDICT_HOLD,
     .parameters = PARAMETERS_TEXT,
     .help = "Accept into the MTA's hold queue."},
    {.name = "log",
     .class = ACTION_LOG,
     .parameters = PARAMETERS_TEXT,
     .help = "A line in the log, when the outcome is settled."},
    {.name = NULL},
};

const struct family family_verdict = {.name = "verdict", .actions = actions};
