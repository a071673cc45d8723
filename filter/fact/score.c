/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The score: actions that add to it, and the facts that are its sums. What a sum is depends on the
 * rule that asks, so that no provider can tell it: the engine does (filter/policy/sums.c).
 */

#include "postern/fact.h"

static const struct fact_def facts[] = {
    {.name = "score",
     .type = {TYPE_NUMBER, false, NULL},
     .stage = STAGE_CONNECT,
     .scope = SCOPE_CONNECTION,
     .sum = true,
     .help = "Sum of all score actions above the rule that apply."},
    {.name = "score.NAME",
     .type = {TYPE_NUMBER, false, NULL},
     .stage = STAGE_CONNECT,
     .scope = SCOPE_CONNECTION,
     .sum = true,
     .help = "Sum of those with this name."},
    {.name = NULL},
};

static const struct action_def actions[] = {
    {.name = "score",
     .class = ACTION_SCORE,
     .parameters = PARAMETERS_SCORE,
     .help = "Add to 'score', and to 'score.NAME': [NAME] NUMBER."},
    {.name = NULL},
};

const struct family family_score = {.name = "score", .facts = facts, .actions = actions};
