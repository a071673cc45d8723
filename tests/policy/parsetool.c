/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * parsetool FILE: parses a policy, prints its tree to standard output and what is wrong with it
 * to standard error. Status 0 if nothing is, 1 if something is, 2 if the file cannot be read.
 */

#include <stdio.h>

#include "postern/arena.h"
#include "postern/diag.h"
#include "postern/tree.h"

#include "tests/policy/words.h"

int main(int argc, char **argv)
{
	struct arena *arena = arena_new(NULL);
	struct diag *diag = diag_new(arena);
	struct source *source;
	const char *why = "one argument is wanted";
	int status = 2;

	if (argc == 2 && source_read(arena, argv[1], 1 << 24, &source, &why)) {
		tree_print(tree_parse(arena, source, &test_words, diag), stdout);
		diag_print(diag, stderr);
		status = diag_errors(diag) > 0;
	} else {
		fprintf(stderr, "parsetool: %s\n", why);
	}
	arena_free(&arena);
	return status;
}
