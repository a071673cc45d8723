/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tables read anew without a reload: the policy is built again from the texts that it was built
 * from, so that a file which is just being edited has no part in it.
 */

#include <malloc.h>
#include <sys/stat.h>

#include "filter/policy/loader.h"

const struct policy_source *source_kept(const struct loader *loader, const char *path)
{
	for (size_t i = 0; loader->kept && i < loader->kept->source_count; i++)
		if (loader->kept->sources[i].real &&
		    strcmp(loader->kept->sources[i].path, path) == 0)
			return &loader->kept->sources[i];
	return NULL;
}

static void mix(uint64_t *state, uint64_t number)
{
	*state = (*state ^ number) * UINT64_C(0x9e3779b97f4a7c15);
	*state ^= *state >> 29;
}

uint64_t file_state(const char *path)
{
	uint64_t state = 1;
	struct stat st;

	if (stat(path, &st) != 0)
		return 0;
	mix(&state, (uint64_t)st.st_ino);
	mix(&state, (uint64_t)st.st_size);
	mix(&state, (uint64_t)st.st_mtim.tv_sec);
	mix(&state, (uint64_t)st.st_mtim.tv_nsec);
	return state;
}

uint64_t files_state(const uint64_t *states, size_t count)
{
	uint64_t state = 0;

	for (size_t i = 0; i < count; i++)
		mix(&state, states[i] + i);
	return state;
}

uint64_t policy_tables_state(const struct policy *policy)
{
	uint64_t state = 0;

	for (size_t i = 0; i < policy->table_file_count; i++)
		mix(&state, file_state(policy->table_files[i]) + i);
	return state;
}

struct policy *policy_refresh(const struct policy *policy, struct diag *diag)
{
	struct arena *arena = arena_new(NULL);
	struct source *source = arena_new_of(arena, struct source);
	struct policy *fresh;

	source->name = str_dup(arena, str_of(policy->path)).s;
	source->text = str_dup(arena, policy->sources[0].text);
	fresh = load_compile(arena, source, str_dup(arena, str_of(policy->directory)).s, NULL,
			     policy, diag);
	malloc_trim(0);
	return fresh;
}
