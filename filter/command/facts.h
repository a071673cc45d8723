/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_COMMAND_FACTS_H
#define FILTER_COMMAND_FACTS_H

/*
 * The vocabulary, written for other programs: what follows from the registry is made from it, so
 * that it cannot be out of date.
 */

#include "postern/arena.h"
#include "postern/fact.h"
#include "postern/table.h"

/* Sections of the language's manual, in mdoc. */
void facts_mdoc(struct arena *arena);
/* A syntax file for Vim. */
void facts_vim(struct arena *arena);
/* Completion for bash: commands, their options, and names from the registry. */
void facts_bash(struct arena *arena);

#endif
