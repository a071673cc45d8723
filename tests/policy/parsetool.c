/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * parsetool FILE...: parses policies, prints the tree of each to standard output and what is wrong
 * with it to standard error. Status 0 if nothing is, 1 if something is, 2 if a file cannot be read.
 * Of several files each tree is followed by a line of a form feed and its own status.
 */

#include <stdio.h>

#include "postern/arena.h"
#include "postern/diag.h"
#include "postern/tree.h"

#include "tests/policy/words.h"

static int parse(const char *path)
{
	struct arena *arena = arena_new(NULL);
	struct diag *diag = diag_new(arena);
	struct source *source;
	const char *why;
	int status = 2;

	if (source_read(arena, path, 1 << 24, &source, &why)) {
		tree_print(tree_parse(arena, source, &test_words, diag), stdout);
		diag_print(diag, stderr);
		status = diag_errors(diag) > 0;
	} else {
		fprintf(stderr, "parsetool: %s\n", why);
	}
	arena_free(&arena);
	return status;
}

int main(int argc, char **argv)
{
	int worst = 0;

	if (argc < 2) {
		fputs("parsetool: which file?\n", stderr);
		return 2;
	}
	for (int i = 1; i < argc; i++) {
		int status = parse(argv[i]);

		if (argc > 2)
			printf("\f%d\n", status);
		if (status > worst)
			worst = status;
	}
	return worst;
}
