/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads ARC's three fields and the structure of their sets. An older ARC-Message-Signature may be
 * as broken as it likes as long as its instance can be read: the chain does not rest on it.
 */

#include "filter/auth/arcset.h"

/* An instance: one or two digits, 1 to 50. NULL where it is one, else what is wrong with it. */
static const char *read_instance(struct str text, unsigned *instance_r)
{
	uint64_t number = 0;

	if (!str_uint(text, 999, &number) || number == 0 || (text.n > 2 && number < 100))
		return "i= is malformed";
	if (number > LIMIT_ARC_SETS)
		return "i= is over 50";
	*instance_r = (unsigned)number;
	return NULL;
}

/* Passes over white space and comments (RFC 5322 3.2.2). False where a comment has no end. */
static bool skip_comments(struct str *rest)
{
	size_t depth = 0;

	for (; rest->n > 0; *rest = str_sub(*rest, 1, rest->n)) {
		char c = rest->s[0];

		if (c == '(')
			depth++;
		else if (depth > 0 && c == ')')
			depth--;
		else if (depth > 0 && c == '\\')
			*rest = str_sub(*rest, 1, rest->n);
		else if (depth == 0 && c != ' ' && c != '\t' && c != '\r' && c != '\n')
			return true;
	}
	return depth == 0;
}

static bool take(struct str *rest, char c)
{
	if (!skip_comments(rest) || rest->n == 0 || rest->s[0] != c)
		return false;
	*rest = str_sub(*rest, 1, rest->n);
	return true;
}

/* ARC-Authentication-Results (4.1.1): "i=N;" and what Authentication-Results has. */
static const char *read_results(struct str value, unsigned *instance_r)
{
	struct str rest = value, number;
	const char *why;

	if (!take(&rest, 'i') || !take(&rest, '=') || !skip_comments(&rest))
		return "does not begin with i=";
	number.s = rest.s;
	number.n = 0;
	while (number.n < rest.n && rest.s[number.n] >= '0' && rest.s[number.n] <= '9')
		number.n++;
	rest = str_sub(rest, number.n, rest.n);
	why = read_instance(number, instance_r);
	if (why)
		return why;
	return take(&rest, ';') && skip_comments(&rest) && rest.n > 0 ? NULL
								      : "no result follows i=";
}

static const char *read_message(struct arena *arena, const struct dkimtag_list *tags, bool partial,
				int64_t now, struct arcset *set)
{
	const char *why = NULL;

	if (!dkimsig_read_arc_message(arena, tags, now, &set->message, &why))
		return why;
	set->message_b = *dkimtag_get(tags, "b");
	if (set->message.algorithm == DKIMSIG_RSA_SHA1)
		return "rsa-sha1 is not accepted";
	if (dkimsig_covers(&set->message, STR("ARC-Seal"))) /* 4.1.2 */
		return "h= names ARC-Seal";
	return set->message.partial && !partial ? "signs a part of the body only" : NULL;
}

static const char *read_seal(struct arena *arena, const struct dkimtag_list *tags,
			     struct arcset *set)
{
	const struct str *cv = dkimtag_get(tags, "cv");
	const char *why = NULL;

	if (!dkimsig_read_arc_seal(arena, tags, &set->seal, &why))
		return why;
	set->seal_b = *dkimtag_get(tags, "b");
	if (set->seal.algorithm == DKIMSIG_RSA_SHA1)
		return "rsa-sha1 is not accepted";
	if (dkimtag_get(tags, "h")) /* 4.1.3 */
		return "has an h=";
	if (!cv)
		return "cv= is missing";
	set->cv = *cv;
	return NULL;
}

/* One field into its set. NULL, or why the chain has failed. */
static const char *read_field(struct arena *arena, struct arcfield *field, bool partial,
			      int64_t now, struct arcset_chain *chain)
{
	struct dkimtag_list tags = {0};
	const struct str *i;
	const char *why = NULL;
	struct arcset *set;
	unsigned instance = 0;

	if (field->kind == ARCFIELD_RESULTS) {
		why = read_results(field->value, &instance);
	} else if (dkimsig_split(arena, field->value, &tags, &why)) {
		i = dkimtag_get(&tags, "i");
		why = i ? read_instance(*i, &instance) : "i= is missing";
	}
	if (why)
		return why;
	set = &chain->sets[instance];
	if (set->fields[field->kind])
		return "there are two of one instance";
	set->fields[field->kind] = field;
	if (instance > chain->instance)
		chain->instance = instance;
	if (field->kind == ARCFIELD_SEAL)
		return read_seal(arena, &tags, set);
	if (field->kind == ARCFIELD_MESSAGE)
		set->message_fault = read_message(arena, &tags, partial, now, set);
	return NULL;
}

static const char *incomplete(struct arena *arena, const struct arcset_chain *chain)
{
	for (unsigned i = chain->instance; i >= 1; i--)
		for (int kind = ARCFIELD_RESULTS; kind <= ARCFIELD_SEAL; kind++)
			if (!chain->sets[i].fields[kind])
				return str_printf(arena, "%s %u is missing",
						  arcfield_kind_name((enum arcfield_kind)kind), i)
				    .s;
	return NULL;
}

/* Step 3.C: what each sealer found, none at first and pass ever after. */
static const char *wrong_cv(struct arena *arena, const struct arcset_chain *chain)
{
	if (str_caseeq(chain->sets[chain->instance].cv, STR("fail"))) /* step 2 */
		return str_printf(arena, "ARC-Seal %u says fail", chain->instance).s;
	for (unsigned i = chain->instance; i >= 1; i--)
		if (!str_caseeq(chain->sets[i].cv, i == 1 ? STR("none") : STR("pass")))
			return str_printf(arena, "ARC-Seal %u: wrong cv=", i).s;
	return NULL;
}

bool arcset_read(struct arcfield_list *fields, bool partial, int64_t now,
		 struct arcset_chain *chain, const char **why_r)
{
	struct arena *arena = fields->arena;
	const char *why = NULL;

	for (size_t i = 0; i < fields->all.count; i++) {
		struct arcfield *field = &fields->all.items[i];
		const char *fault = NULL;

		if (field->kind != ARCFIELD_OTHER)
			fault = read_field(arena, field, partial, now, chain);
		if (fault && !why)
			why = str_printf(arena, "%s: %s", arcfield_kind_name(field->kind), fault).s;
	}
	if (!why)
		why = incomplete(arena, chain);
	if (!why)
		why = wrong_cv(arena, chain);
	if (!why && chain->sets[chain->instance].message_fault)
		why = str_printf(arena, "ARC-Message-Signature %u: %s", chain->instance,
				 chain->sets[chain->instance].message_fault)
			  .s;
	*why_r = why;
	return why == NULL;
}
