/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looks names up in the families' tables, and checks those tables against each other once at
 * start: a row that promises what its inputs cannot keep is a fault of ours.
 */

#include "postern/fact.h"

#include <stdlib.h>

#include "postern/arena.h"

const char *stage_name(enum stage stage)
{
	static const char *const names[STAGE_COUNT] = {"connect", "helo",    "mail",   "rcpt",
						       "data",    "headers", "message"};

	return names[stage];
}

const char *scope_name(enum scope scope)
{
	static const char *const names[SCOPE_COUNT] = {"connection", "helo", "message",
						       "recipient"};

	return names[scope];
}

const char *cost_name(enum cost cost)
{
	static const char *const names[] = {"free", "cpu", "table", "dns", "heavy"};

	return names[cost];
}

const char *trust_name(enum trust trust)
{
	static const char *const names[] = {"none", "forgeable", "proved"};

	return names[trust];
}

const char *verdict_name(enum verdict verdict)
{
	static const char *const names[] = {"accept", "reject", "defer", "discard", "quarantine"};

	return names[verdict];
}

static bool is_named(struct str name, const char *row)
{
	return str_eq(name, str_of(row));
}

const struct fact_def *registry_fact(struct str name)
{
	for (const struct family *const *f = families; *f; f++)
		for (const struct fact_def *d = (*f)->facts; d && d->name; d++)
			if (is_named(name, d->name))
				return d;
	return NULL;
}

const struct action_def *registry_action(struct str name)
{
	for (const struct family *const *f = families; *f; f++)
		for (const struct action_def *d = (*f)->actions; d && d->name; d++)
			if (is_named(name, d->name))
				return d;
	return NULL;
}

const struct setting_def *registry_setting(struct str name)
{
	for (const struct family *const *f = families; *f; f++)
		for (const struct setting_def *d = (*f)->settings; d && d->name; d++)
			if (is_named(name, d->name))
				return d;
	return NULL;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

typedef VEC(const char *) names_vec;

static const char *const *sorted(struct arena *arena, names_vec *names, size_t *count_r)
{
	*vec_push(arena, names) = NULL;
	if (count_r)
		*count_r = names->count - 1;
	qsort(names->items, names->count - 1, sizeof(*names->items), by_name);
	return names->items;
}

const char *const *registry_fact_names(struct arena *arena, size_t *count_r)
{
	names_vec names = {0};

	for (const struct family *const *f = families; *f; f++)
		for (const struct fact_def *d = (*f)->facts; d && d->name; d++)
			if (!d->internal)
				*vec_push(arena, &names) = d->name;
	return sorted(arena, &names, count_r);
}

const char *const *registry_action_names(struct arena *arena, size_t *count_r)
{
	names_vec names = {0};

	for (const struct family *const *f = families; *f; f++)
		for (const struct action_def *d = (*f)->actions; d && d->name; d++)
			*vec_push(arena, &names) = d->name;
	return sorted(arena, &names, count_r);
}

const char *const *registry_setting_names(struct arena *arena, size_t *count_r)
{
	names_vec names = {0};

	for (const struct family *const *f = families; *f; f++)
		for (const struct setting_def *d = (*f)->settings; d && d->name; d++)
			*vec_push(arena, &names) = d->name;
	return sorted(arena, &names, count_r);
}

unsigned registry_stages(const struct fact_def *def)
{
	unsigned stages = 1u << def->stage, later = ~0u << def->stage;

	for (const char *const *input = def->inputs; input && *input; input++)
		stages |= registry_stages(registry_fact(str_of(*input))) & later;
	for (const char *const *input = def->late; input && *input; input++)
		stages |= registry_stages(registry_fact(str_of(*input))) & later;
	return stages;
}

static size_t count_of(const char *const *names)
{
	size_t count = 0;

	while (names && names[count])
		count++;
	return count;
}

static const char *check_inputs(struct arena *arena, const struct fact_def *d,
				const char *const *inputs)
{
	for (const char *const *input = inputs; input && *input; input++) {
		const struct fact_def *in = registry_fact(str_of(*input));

		if (!in)
			return str_printf(arena, "fact '%s': no fact '%s'", d->name, *input).s;
		if (in->stage > d->stage && inputs != d->late)
			return str_printf(
				   arena, "fact '%s' is promised at %s, its input '%s' at %s",
				   d->name, stage_name(d->stage), *input, stage_name(in->stage))
			    .s;
		if (in->scope > d->scope && !(inputs == d->late && d->late_if))
			return str_printf(
				   arena, "fact '%s' lives for a %s, its input '%s' for a %s",
				   d->name, scope_name(d->scope), *input, scope_name(in->scope))
			    .s;
	}
	return NULL;
}

/* Only what can be forged wants somebody to vouch for it. */
static const char *check_trust(struct arena *arena, const struct fact_def *d)
{
	if (!d->vouched || d->trust == TRUST_FORGEABLE)
		return NULL;
	return str_printf(arena, "fact '%s' is vouched for, but not forgeable", d->name).s;
}

static const char *check_unique(struct arena *arena, names_vec *names)
{
	sorted(arena, names, NULL);
	for (size_t i = 1; i + 1 < names->count; i++)
		if (strcmp(names->items[i - 1], names->items[i]) == 0)
			return str_printf(arena, "'%s' is registered twice", names->items[i]).s;
	return NULL;
}

const char *registry_check(struct arena *arena)
{
	names_vec facts = {0}, actions = {0}, settings = {0};
	const char *fault = NULL;

	for (const struct family *const *f = families; *f; f++) {
		for (const struct fact_def *d = (*f)->facts; d && d->name && !fault; d++) {
			*vec_push(arena, &facts) = d->name;
			fault = check_inputs(arena, d, d->inputs);
			if (!fault)
				fault = check_inputs(arena, d, d->late);
			if (!fault && d->late_if && !registry_setting(str_of(d->late_if)))
				fault = str_printf(arena, "fact '%s': no setting '%s'", d->name,
						   d->late_if)
					    .s;
			if (!fault && count_of(d->inputs) + count_of(d->late) > FACT_INPUTS_MOST)
				fault =
				    str_printf(arena, "fact '%s' has too many inputs", d->name).s;
			if (!fault)
				fault = check_trust(arena, d);
			if (!fault && (d->provide == NULL) != (d->inputs == NULL))
				fault = str_printf(arena,
						   "fact '%s' has inputs or a provider, "
						   "not both",
						   d->name)
					    .s;
		}
		for (const struct action_def *d = (*f)->actions; d && d->name && !fault; d++) {
			*vec_push(arena, &actions) = d->name;
			for (const char *const *in = d->inputs; in && *in && !fault; in++)
				if (!registry_fact(str_of(*in)))
					fault = str_printf(arena, "action '%s': no fact '%s'",
							   d->name, *in)
						    .s;
		}
		for (const struct setting_def *d = (*f)->settings; d && d->name; d++)
			*vec_push(arena, &settings) = d->name;
	}
	if (!fault)
		fault = check_unique(arena, &facts);
	if (!fault)
		fault = check_unique(arena, &actions);
	if (!fault)
		fault = check_unique(arena, &settings);
	return fault;
}
