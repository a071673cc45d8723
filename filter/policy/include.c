/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Includes: the items of another policy file stand where the include does, in a group too. A file
 * is named relative to the one that includes it, and may not include itself, by whatever way.
 */

#include <limits.h>
#include <stdlib.h>

#include "filter/policy/loader.h"

/* An include needs a file each; nobody nests them deeper. */
#define DEPTH_MOST 16

/* The file whose items are being read, and those that led to it. */
struct frame {
	const struct frame *above;
	const char *path;  /* real */
	struct span place; /* of the include in the frame above */
	int depth;
};

typedef VEC(struct item *) item_vec;

static void expand(struct loader *loader, item_vec *items, const struct frame *frame);

const char *loader_path(struct loader *loader, const struct source *source, struct str name)
{
	const char *slash = strrchr(source->name, '/');
	const char *directory = loader->directory;

	if (name.s[0] == '/')
		return str_dup(loader->arena, name).s;
	if (source != loader->source)
		directory =
		    slash ? str_dup(loader->arena,
				    (struct str){source->name, (size_t)(slash - source->name)})
				.s
			  : ".";
	if (strcmp(directory, ".") == 0)
		return str_dup(loader->arena, name).s;
	return str_printf(loader->arena, "%s/" STR_FMT, directory, STR_ARG(name)).s;
}

static bool allowed(struct loader *loader, const struct frame *frame, const char *path,
		    struct span place)
{
	if (frame->depth >= DEPTH_MOST) {
		loader_error(loader, place, "includes nest at most %d deep", DEPTH_MOST);
		return false;
	}
	for (const struct frame *f = frame; f; f = f->above) {
		if (strcmp(f->path, path) != 0)
			continue;
		loader_error(loader, place, "this file includes itself");
		for (f = frame; f->above && strcmp(f->path, path) != 0; f = f->above)
			loader_note(loader, f->place, "by way of this include");
		return false;
	}
	return true;
}

/* The items of the file that an include names; none where it was wrong, which is reported. */
static item_vec read_items(struct loader *loader, const struct include *include,
			   const struct frame *above)
{
	struct operand name = {.kind = OPERAND_STRING, .text = include->path};
	struct frame frame = {.above = above, .place = include->span, .depth = above->depth + 1};
	item_vec items = {0};
	struct source *source;
	const struct policy_source *kept;
	const char *path, *why = NULL;
	char real[PATH_MAX];
	struct str text;
	struct tree *tree;

	if (!include->path.span.source)
		return items; /* missing, which the parser reported */
	if (!item_text(&name, &text) || text.n == 0) {
		loader_error(loader, include->path.span, "the name of a file is wanted here");
		return items;
	}
	path = loader_path(loader, include->span.source, text);
	kept = source_kept(loader, path);
	if (kept) {
		source = arena_new_of(loader->arena, struct source);
		source->name = path;
		source->text = str_dup(loader->arena, kept->text);
		snprintf(real, sizeof(real), "%s", kept->real);
	} else if (!realpath(path, real) ||
		   !source_read(loader->arena, path, POLICY_FILE_MOST, &source, &why)) {
		loader_error(loader, include->path.span, "cannot read '%s': %s", path,
			     why ? why : "no such file");
		return items;
	}
	if (!allowed(loader, above, real, include->path.span))
		return items;
	loader_id(loader, source->text);
	frame.path = str_dup(loader->arena, str_of(real)).s;
	*vec_push(loader->arena, &loader->sources) =
	    (struct policy_source){path, frame.path, source->text};
	tree = tree_parse(loader->arena, source, loader->words, loader->diag);
	if (tree->items.count == 0)
		diag_warn(loader->diag, "empty", include->span, "there is nothing in '%s'", path);
	for (size_t i = 0; i < tree->items.count; i++)
		*vec_push(loader->arena, &items) = tree->items.items[i];
	expand(loader, &items, &frame);
	return items;
}

static void expand_group(struct loader *loader, struct group *group, const struct frame *frame)
{
	item_vec items = {0};

	for (size_t i = 0; i < group->items.count; i++)
		*vec_push(loader->arena, &items) = group->items.items[i];
	expand(loader, &items, frame);
	group->items.items = items.items;
	group->items.count = items.count;
	group->items.room = items.room;
}

/* The parser bounds how deep groups nest, `allowed` how deep files do. */
static void expand(struct loader *loader, item_vec *items, const struct frame *frame)
{
	item_vec out = {0};

	for (size_t i = 0; i < items->count; i++) {
		struct item *item = items->items[i];
		item_vec more;

		if (item->kind == ITEM_GROUP)
			expand_group(loader, &item->group, frame);
		if (item->kind != ITEM_INCLUDE) {
			*vec_push(loader->arena, &out) = item;
			continue;
		}
		more = read_items(loader, &item->include, frame);
		for (size_t j = 0; j < more.count; j++)
			*vec_push(loader->arena, &out) = more.items[j];
	}
	*items = out;
}

void includes_expand(struct loader *loader, struct tree *tree)
{
	struct frame top = {.path = ""};
	item_vec items = {0};
	char real[PATH_MAX];

	if (realpath(tree->source->name, real))
		top.path = str_dup(loader->arena, str_of(real)).s;
	for (size_t i = 0; i < tree->items.count; i++)
		*vec_push(loader->arena, &items) = tree->items.items[i];
	expand(loader, &items, &top);
	tree->items.items = items.items;
	tree->items.count = items.count;
	tree->items.room = items.room;
}
