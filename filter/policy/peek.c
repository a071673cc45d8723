/* SPDX-License-Identifier: BSD-2-Clause */
/* A look at one setting of a policy that may be in the middle of being edited. */

#include "filter/policy/loader.h"

const char *policy_peek(struct arena *arena, const char *path, const char *setting)
{
	const struct setting_def *def = registry_setting(str_of(setting));
	struct arena *scratch = arena_new(NULL);
	struct tree_words words = {loader_actions(scratch)};
	const char *why = NULL, *found = def->fallback;
	struct source *source;
	struct str text;

	if (source_read(scratch, path, POLICY_FILE_MOST, &source, &why)) {
		struct tree *tree = tree_parse(scratch, source, &words, diag_new(scratch));

		for (size_t i = 0; i < tree->items.count; i++) {
			const struct item *item = tree->items.items[i];

			if (item->kind == ITEM_SET && str_eq(item->set.name, str_of(setting)) &&
			    item->set.values.count == 1 &&
			    item_text(&item->set.values.items[0], &text))
				found = str_dup(arena, text).s;
		}
	}
	arena_free(&scratch);
	return found;
}
