/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Comparisons become tests: a fact on the left, what it is compared with on the right, both of
 * one type. Every mixture that has no meaning is reported with the way to write what is meant.
 */

#include "filter/policy/loader.h"
#include "filter/policy/pattern.h"

static bool is_text(enum type_base base)
{
	return base == TYPE_TEXT || base == TYPE_DOMAIN || base == TYPE_ADDRESS;
}

static bool is_number(enum type_base base)
{
	return base == TYPE_NUMBER || base == TYPE_DURATION || base == TYPE_SIZE;
}

static struct str type_of(struct loader *loader, const struct type *type)
{
	struct type scalar = *type;

	scalar.list = false;
	return type_text(loader->arena, &scalar);
}

bool template_of(struct loader *loader, const struct text *text, struct template *template_r)
{
	bool ok = true;

	template_r->pieces = arena_array(loader->arena, text->pieces.count, sizeof(*template_r->pieces));
	template_r->count = text->pieces.count;
	for (size_t i = 0; i < text->pieces.count; i++) {
		const struct text_piece *piece = &text->pieces.items[i];
		int slot;

		if (!piece->fact) {
			template_r->pieces[i].literal = piece->literal;
			continue;
		}
		slot = slot_of_operand(loader, piece->fact, false);
		if (slot < 0)
			ok = false;
		template_r->pieces[i].is_slot = true;
		template_r->pieces[i].slot = slot < 0 ? 0 : (unsigned)slot;
	}
	return ok;
}

static void wrong_type(struct loader *loader, const struct operand *right, const struct fact_def *def)
{
	diag_error(loader->diag, right->span, "'%s' is a " STR_FMT ", and this is none", def->name,
	    STR_ARG(type_of(loader, &def->type)));
}

/* A bare word after `is`: a value of the enumeration, true or false, or another fact. */
static bool right_word(struct loader *loader, const struct operand *right,
    const struct fact_def *def, struct cond *cond)
{
	const struct loader_name *name;
	const struct type *type = &def->type;
	const char *why;
	int slot;

	if (!right->called && (type->base == TYPE_ENUM || type->base == TYPE_BOOLEAN) &&
	    value_parse(loader->arena, type, right->word, &cond->value, &why)) {
		cond->right_kind = RIGHT_VALUE;
		return true;
	}
	if (type->base == TYPE_ENUM && (right->called || !registry_fact(right->word))) {
		size_t count = 0;
		const char *nearest;

		while (type->enumeration->values[count])
			count++;
		nearest = diag_nearest(right->word, type->enumeration->values, count);
		diag_error(loader->diag, right->span, "'" STR_FMT "' is not a value of '%s', which is " STR_FMT,
		    STR_ARG(right->word), def->name, STR_ARG(type_of(loader, type)));
		if (nearest)
			diag_note(loader->diag, right->span, "is '%s' meant?", nearest);
		return false;
	}
	name = loader_find(loader, right->word);
	if (name && name->kind == NAME_TABLE) {
		diag_error(loader->diag, right->span, "'" STR_FMT "' is a table: write '%s in " STR_FMT "'",
		    STR_ARG(right->word), def->name, STR_ARG(right->word));
		return false;
	}
	slot = slot_of_operand(loader, right, false);
	if (slot < 0)
		return false;
	const struct type *other = &loader->slots.items[slot].def->type;

	if (other->list) {
		diag_error(loader->diag, right->span, "'%s' is a list: write 'any %s is ...' on the left",
		    loader->slots.items[slot].def->name, loader->slots.items[slot].def->name);
		return false;
	}
	if (other->base != type->base && !(is_text(other->base) && is_text(type->base))) {
		diag_error(loader->diag, right->span, "'%s' is a " STR_FMT ", '%s' a " STR_FMT, def->name,
		    STR_ARG(type_of(loader, type)), loader->slots.items[slot].def->name,
		    STR_ARG(type_of(loader, other)));
		return false;
	}
	cond->right_kind = RIGHT_SLOT;
	cond->right = (unsigned)slot;
	return true;
}

static bool right_string(struct loader *loader, const struct operand *right,
    const struct fact_def *def, struct cond *cond)
{
	const char *why = "not a value of this type";
	struct type as = def->type;
	struct str text;

	if (!item_text(right, &text)) {
		if (!is_text(def->type.base)) {
			wrong_type(loader, right, def);
			return false;
		}
		cond->right_kind = RIGHT_TEMPLATE;
		return template_of(loader, &right->text, &cond->template);
	}
	/* Part of a domain or of an address is a text. */
	if (cond->op == OP_CONTAINS || cond->op == OP_STARTS_WITH || cond->op == OP_ENDS_WITH)
		as = (struct type){.base = TYPE_TEXT};
	cond->right_kind = RIGHT_VALUE;
	if (value_parse(loader->arena, &as, text, &cond->value, &why))
		return true;
	diag_error(loader->diag, right->span, "'%s' is a " STR_FMT ": %s", def->name,
	    STR_ARG(type_of(loader, &def->type)), why);
	return false;
}

/* The one value on the right of is, <, contains and their like. */
static bool right_value(struct loader *loader, const struct operand *right,
    const struct fact_def *def, struct cond *cond)
{
	enum type_base base = def->type.base;
	const char *why = "not a value of this type";

	cond->right_kind = RIGHT_VALUE;
	switch (right->kind) {
	case OPERAND_WORD:
		return right_word(loader, right, def, cond);
	case OPERAND_STRING:
		return right_string(loader, right, def, cond);
	case OPERAND_NUMBER:
	case OPERAND_DURATION:
	case OPERAND_SIZE:
		cond->value = value_number(right->number);
		if ((right->kind == OPERAND_NUMBER && base == TYPE_NUMBER) ||
		    (right->kind == OPERAND_DURATION && base == TYPE_DURATION) ||
		    (right->kind == OPERAND_SIZE && base == TYPE_SIZE))
			return true;
		if (is_number(base)) {
			diag_error(loader->diag, right->span, "'%s' is a " STR_FMT ": write it with %s",
			    def->name, STR_ARG(type_of(loader, &def->type)),
			    base == TYPE_NUMBER     ? "no unit"
			    : base == TYPE_DURATION ? "a unit of time (ms s m h d w)"
			                            : "a unit of size (B KB MB GB)");
			return false;
		}
		break;
	case OPERAND_ADDRESS:
		if (base != TYPE_ADDRESS)
			break;
		if (value_parse(loader->arena, &def->type, right->word.n ? right->word : STR("<>"),
			&cond->value, &why))
			return true;
		diag_error(loader->diag, right->span, "not an address: %s", why);
		return false;
	case OPERAND_IP:
		if (base != TYPE_IP && base != TYPE_NETWORK)
			break;
		if (base == TYPE_IP && str_chr(right->word, '/') >= 0) {
			diag_error(loader->diag, right->span, "this is a network: write '%s in { " STR_FMT " }'",
			    def->name, STR_ARG(right->word));
			return false;
		}
		if (value_parse(loader->arena, &def->type, right->word, &cond->value, &why))
			return true;
		diag_error(loader->diag, right->span, "%s", why);
		return false;
	case OPERAND_SET:
		diag_error(loader->diag, right->span, "several values in braces: write '%s in { ... }'",
		    def->name);
		return false;
	case OPERAND_PATTERN:
		diag_error(loader->diag, right->span, "a pattern: write '%s matches /.../'", def->name);
		return false;
	case OPERAND_CODE:
		break;
	}
	wrong_type(loader, right, def);
	return false;
}

static int table_kind_for(enum type_base base)
{
	switch (base) {
	case TYPE_IP:
		return TABLE_NETWORKS;
	case TYPE_DOMAIN:
		return TABLE_DOMAINS;
	case TYPE_ADDRESS:
		return TABLE_ADDRESSES;
	case TYPE_TEXT:
		return TABLE_STRINGS;
	default:
		return -1;
	}
}

static bool right_table(struct loader *loader, const struct operand *right,
    const struct fact_def *def, struct cond *cond)
{
	const struct loader_name *name = loader_find(loader, right->word);
	int kind = table_kind_for(def->type.base);

	if (!name || name->kind != NAME_TABLE || right->called) {
		const struct fact_def *fact = registry_fact(right->word);

		if (fact && fact->type.list)
			diag_error(loader->diag, right->span, "'%s' is a list: write 'any %s is ...'",
			    fact->name, fact->name);
		else if (fact || name)
			diag_error(loader->diag, right->span, "'" STR_FMT "' is not a table", STR_ARG(right->word));
		else
			loader_unknown(loader, right->span, right->word);
		return false;
	}
	if (!name->table)
		return false; /* its definition was wrong, and was reported */
	if (kind < 0 || table_kind(name->table) != (enum table_kind)kind) {
		diag_error(loader->diag, right->span, "'" STR_FMT "' is a table of %s, '%s' is a " STR_FMT,
		    STR_ARG(right->word), table_kind_name(table_kind(name->table)), def->name,
		    STR_ARG(type_of(loader, &def->type)));
		diag_note(loader->diag, name->span, "defined here");
		return false;
	}
	cond->right_kind = RIGHT_TABLE;
	cond->table = name->table;
	return true;
}

static bool right_set(struct loader *loader, const struct operand *right,
    const struct fact_def *def, struct cond *cond)
{
	int kind = table_kind_for(def->type.base);

	if (right->items.count == 0) {
		diag_error(loader->diag, right->span, "nothing stands between these braces");
		return false;
	}
	if (kind >= 0) {
		cond->right_kind = RIGHT_TABLE;
		cond->table = table_inline(loader, (enum table_kind)kind, right);
		return cond->table != NULL;
	}
	cond->right_kind = RIGHT_SET;
	cond->set = arena_array(loader->arena, right->items.count, sizeof(*cond->set));
	cond->set_count = right->items.count;
	for (size_t i = 0; i < right->items.count; i++) {
		struct cond one = {.op = OP_IS};

		if (!right_value(loader, &right->items.items[i], def, &one))
			return false;
		if (one.right_kind != RIGHT_VALUE) {
			diag_error(loader->diag, right->items.items[i].span, "a literal is wanted here");
			return false;
		}
		cond->set[i] = one.value;
	}
	return true;
}

static bool right_in(struct loader *loader, const struct operand *right,
    const struct fact_def *def, struct cond *cond)
{
	struct operand set = {.kind = OPERAND_SET, .span = right->span};

	if (right->kind == OPERAND_WORD)
		return right_table(loader, right, def, cond);
	if (right->kind == OPERAND_SET)
		return right_set(loader, right, def, cond);
	*vec_push(loader->arena, &set.items) = *right;
	return right_set(loader, &set, def, cond);
}

static bool right_pattern(struct loader *loader, const struct operand *right, struct cond *cond)
{
	const char *why = NULL;
	size_t at;
	struct span span = right->span;

	if (right->kind != OPERAND_PATTERN) {
		diag_error(loader->diag, right->span, "a pattern is wanted here: write '/.../'");
		return false;
	}
	cond->right_kind = RIGHT_PATTERN;
	cond->pattern = pattern_new(loader->arena, right->word, right->flags, &why, &at);
	if (cond->pattern)
		return true;
	if (span.from + 1 + at < span.to)
		span.from += 1 + at;
	diag_error(loader->diag, span, "%s", why);
	return false;
}

/* Is the comparison one that the type of the left side has? */
static bool operator_fits(struct loader *loader, const struct expr *expr, const struct fact_def *def)
{
	enum type_base base = def->type.base;

	switch (expr->op) {
	case OP_MATCHES:
	case OP_CONTAINS:
	case OP_STARTS_WITH:
	case OP_ENDS_WITH:
		if (is_text(base))
			return true;
		break;
	case OP_LT:
	case OP_LE:
	case OP_GT:
	case OP_GE:
		if (is_number(base))
			return true;
		break;
	default:
		return true;
	}
	diag_error(loader->diag, expr->op_span, "'%s' is a " STR_FMT ", which '%s' cannot compare",
	    def->name, STR_ARG(type_of(loader, &def->type)), compare_op_name(expr->op));
	return false;
}

static bool quantifier_fits(struct loader *loader, const struct expr *expr,
    const struct fact_def *def)
{
	bool presence = expr->op == OP_IS_PRESENT || expr->op == OP_IS_ABSENT;

	if (presence && expr->left.quantifier != QUANT_NONE) {
		diag_error(loader->diag, expr->left.span, "'%s' with a quantifier says nothing: write '%s %s'",
		    compare_op_name(expr->op), def->name, compare_op_name(expr->op));
		return false;
	}
	if (def->type.list && expr->left.quantifier == QUANT_NONE && !presence) {
		diag_error(loader->diag, expr->left.span,
		    "'%s' is a list: write 'any %s', 'every %s' or 'no %s'", def->name, def->name,
		    def->name, def->name);
		return false;
	}
	if (!def->type.list && expr->left.quantifier != QUANT_NONE) {
		diag_error(loader->diag, expr->left.span, "'%s' is one value, not a list: write it without "
		                                          "'any', 'every' or 'no'", def->name);
		return false;
	}
	return true;
}

struct cond *comparison(struct loader *loader, const struct expr *expr)
{
	/* Of a list, each element is compared so; of one value, the whole test is negated. */
	bool each = expr->left.quantifier != QUANT_NONE;
	bool negate = expr->op == OP_IS_ABSENT ||
	              (!each && (expr->op == OP_IS_NOT || expr->op == OP_NOT_IN));
	const struct fact_def *def;
	struct cond *cond;
	bool ok;
	int slot;

	if (expr->left.kind != OPERAND_WORD) {
		diag_error(loader->diag, expr->left.span, "a fact stands on the left of a comparison");
		return NULL;
	}
	slot = slot_of_operand(loader, &expr->left, expr->left.quantifier != QUANT_NONE);
	if (slot < 0)
		return NULL;
	def = loader->slots.items[slot].def;
	if (!quantifier_fits(loader, expr, def) || !operator_fits(loader, expr, def))
		return NULL;
	cond = cond_new(loader, COND_TEST);
	cond->left = (unsigned)slot;
	cond->quantifier = expr->left.quantifier;
	cond->base = def->type.base;
	cond->op = expr->op;
	switch (expr->op) {
	case OP_IS_PRESENT:
	case OP_IS_ABSENT:
		cond->op = OP_IS_PRESENT;
		ok = true;
		break;
	case OP_IN:
	case OP_NOT_IN:
		cond->op = each ? expr->op : OP_IN;
		ok = right_in(loader, &expr->right, def, cond);
		break;
	case OP_MATCHES:
		ok = right_pattern(loader, &expr->right, cond);
		break;
	case OP_IS_NOT:
		cond->op = each ? OP_IS_NOT : OP_IS;
		ok = right_value(loader, &expr->right, def, cond);
		break;
	default:
		ok = right_value(loader, &expr->right, def, cond);
		break;
	}
	if (!ok)
		return NULL;
	return negate ? cond_negate(loader, cond) : cond;
}
