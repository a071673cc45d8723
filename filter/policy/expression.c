/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Expressions become conditions: and, or, not over tests. A define stands for its expression
 * wherever it is named.
 */

#include "filter/policy/loader.h"
#include "filter/policy/parse.h"

struct cond *cond_new(struct loader *loader, enum cond_kind kind)
{
	struct cond *cond = arena_new_of(loader->arena, struct cond);

	cond->kind = kind;
	cond->number = loader->policy->cond_count++;
	return cond;
}

struct cond *cond_negate(struct loader *loader, struct cond *cond)
{
	struct cond *negated;

	if (!cond)
		return NULL;
	negated = cond_new(loader, COND_NOT);
	negated->parts = arena_array(loader->arena, 1, sizeof(*negated->parts));
	negated->parts[0] = cond;
	negated->count = 1;
	return negated;
}

struct cond *cond_join(struct loader *loader, struct cond **parts, size_t count)
{
	struct cond *all = NULL, *only = NULL;
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		if (!parts[i])
			continue;
		only = parts[i];
		kept++;
	}
	if (kept <= 1)
		return only;
	all = cond_new(loader, COND_AND);
	all->parts = arena_array(loader->arena, kept, sizeof(*all->parts));
	for (size_t i = 0; i < count; i++)
		if (parts[i])
			all->parts[all->count++] = parts[i];
	return all;
}

/* A bare word that is no condition by any name: perhaps an item of a list without braces. */
static bool is_no_condition(struct loader *loader, const struct expr *part)
{
	return part->kind == EXPR_BOOLEAN && !part->left.called &&
	       !loader_find(loader, part->left.word) && !loader_fact(part->left.word) &&
	       !later_fact(part->left.word);
}

static bool is_value_of(const struct fact_def *fact, struct str word)
{
	if (!fact || fact->type.base != TYPE_ENUM)
		return false;
	for (const char *const *value = fact->type.enumeration->values; *value; value++)
		if (str_eq(word, str_of(*value)))
			return true;
	return false;
}

/* "spf is fail or softfail": how many parts from `at` on are values; what was meant in *meant_r. */
static size_t values(struct loader *loader, const struct expr *list, size_t at, struct str *meant_r)
{
	const struct expr *part = list->parts.items[at];
	size_t count = 0;

	if (at == 0 || !is_no_condition(loader, part))
		return 0;
	*meant_r = expr_meant_set(loader->arena, list, at, &count);
	if (meant_r->n == 0)
		return 0;
	/* A misspelt name is not taken for a value. */
	return is_value_of(registry_fact(list->parts.items[at - 1]->left.word), part->left.word) ||
		       loader_near(loader, part->left.word).n == 0
		   ? count
		   : 0;
}

static struct cond *several(struct loader *loader, const struct expr *expr, enum cond_kind kind)
{
	struct cond *cond = cond_new(loader, kind);

	cond->span = expr->span;
	cond->parts = arena_array(loader->arena, expr->parts.count, sizeof(*cond->parts));
	for (size_t i = 0; i < expr->parts.count; i++) {
		struct cond *part;
		struct str meant;
		size_t count = values(loader, expr, i, &meant);

		if (count > 0) {
			loader_error(loader, expr->parts.items[i]->span,
				     "'" STR_FMT "' is no condition, write '" STR_FMT "'",
				     STR_ARG(expr->parts.items[i]->left.word), STR_ARG(meant));
			i += count - 1;
			continue;
		}
		part = expression(loader, expr->parts.items[i]);
		if (part)
			cond->parts[cond->count++] = part;
	}
	return cond->count == expr->parts.count ? cond : NULL;
}

static struct cond *define_value(struct loader *loader, struct loader_name *name, struct span span)
{
	struct cond *cond;

	if (name->busy) {
		loader_error(loader, span, "the define '" STR_FMT "' rests on itself",
			     STR_ARG(name->name));
		loader_note(loader, name->span, "defined here");
		return NULL;
	}
	if (!name->define->value || name->wrong)
		return NULL;
	name->busy = true;
	cond = expression(loader, name->define->value);
	name->busy = false;
	name->wrong = !cond;
	return cond;
}

void define_check(struct loader *loader, const struct define *define)
{
	struct loader_name *name = loader_find(loader, define->name);

	if (name && name->define == define)
		define_value(loader, name, define->name_span);
	else if (define->value)
		expression(loader, define->value);
}

static struct cond *boolean(struct loader *loader, const struct expr *expr)
{
	const struct operand *left = &expr->left;
	struct loader_name *name = loader_find(loader, left->word);
	const struct fact_def *def;
	struct cond *cond;
	int slot;

	if (name && name->kind == NAME_DEFINE && !left->called)
		return define_value(loader, name, left->span);
	if (name && name->kind == NAME_TABLE && !left->called) {
		loader_error(loader, left->span,
			     "'" STR_FMT "' is a table, write 'FACT in " STR_FMT "'",
			     STR_ARG(left->word), STR_ARG(left->word));
		return NULL;
	}
	slot = slot_of_operand(loader, left, false);
	if (slot < 0)
		return NULL;
	def = loader->slots.items[slot].def;
	if (def->type.base != TYPE_BOOLEAN || def->type.list) {
		loader_error(loader, left->span,
			     "'%s' is " STR_FMT ", not true or false, compare it or write '" STR_FMT
			     " is present'",
			     def->name, STR_ARG(type_phrase(loader, &def->type)),
			     STR_ARG(loader->slots.items[slot].text));
		return NULL;
	}
	cond = cond_new(loader, COND_TEST);
	cond->span = expr->span;
	cond->left = (unsigned)slot;
	cond->op = OP_IS;
	cond->base = TYPE_BOOLEAN;
	cond->right_kind = RIGHT_VALUE;
	cond->value = value_boolean(true);
	return cond;
}

struct cond *expression(struct loader *loader, const struct expr *expr)
{
	/* What the parser did not understand has been reported. */
	if (expr->kind == EXPR_AND && expr->parts.count == 0)
		return NULL;
	switch (expr->kind) {
	case EXPR_AND:
		return several(loader, expr, COND_AND);
	case EXPR_OR:
		return several(loader, expr, COND_OR);
	case EXPR_NOT:
		return cond_negate(loader, expression(loader, expr->parts.items[0]));
	case EXPR_BOOLEAN:
		return boolean(loader, expr);
	case EXPR_COMPARE:
		break;
	}
	return comparison(loader, expr);
}

/* The stage by which a slot is known, whatever its late inputs are. */
static enum stage last_stage(const struct slot *slot)
{
	enum stage stage = slot->stage;

	for (unsigned later = slot->stages >> (stage + 1); later; later >>= 1)
		stage++;
	return stage;
}

static enum stage later_of(enum stage a, enum stage b)
{
	return a > b ? a : b;
}

static enum stage test_stage(const struct slot *slots, const struct cond *cond)
{
	enum stage stage = last_stage(&slots[cond->left]);

	if (cond->right_kind == RIGHT_SLOT)
		stage = later_of(stage, last_stage(&slots[cond->right]));
	for (size_t i = 0; cond->right_kind == RIGHT_TEMPLATE && i < cond->template.count; i++)
		if (cond->template.pieces[i].is_slot)
			stage = later_of(stage, last_stage(&slots[cond->template.pieces[i].slot]));
	return stage;
}

enum stage cond_stage(const struct policy *policy, const struct slot *slots,
		      const struct cond *cond, bool holds)
{
	bool earliest;
	enum stage stage;

	if (!cond)
		return STAGE_CONNECT;
	if (cond->kind == COND_TEST)
		return test_stage(slots, cond);
	if (cond->kind == COND_NOT)
		return cond_stage(policy, slots, cond->parts[0], !holds);
	/* One part settles an or that is true, and an and that is false; else all are needed. */
	earliest = (cond->kind == COND_OR) == holds;
	stage = earliest ? STAGE_MESSAGE : STAGE_CONNECT;
	for (size_t i = 0; i < cond->count; i++) {
		enum stage part = cond_stage(policy, slots, cond->parts[i], holds);

		if (earliest ? part < stage : part > stage)
			stage = part;
	}
	return stage;
}
