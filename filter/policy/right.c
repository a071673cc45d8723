/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One value on the right of a comparison, read as the type of the fact on the left. It stands
 * apart because a set's items are read like the value of `is`. What does not fit is reported with
 * the way to write what is meant.
 */

#include "filter/policy/right.h"

#include "postern/pattern.h"

bool right_is_text(enum type_base base)
{
	return base == TYPE_TEXT || base == TYPE_DOMAIN || base == TYPE_ADDRESS;
}

bool right_is_number(enum type_base base)
{
	return base == TYPE_NUMBER || base == TYPE_DURATION || base == TYPE_SIZE;
}

struct str right_type(struct loader *loader, const struct type *type)
{
	struct type scalar = *type;

	scalar.list = false;
	return type_phrase(loader, &scalar);
}

static void wrong_type(struct loader *loader, const struct operand *right,
		       const struct fact_def *def)
{
	static const char *const phrases[] = {
	    [OPERAND_WORD] = "a name",
	    [OPERAND_STRING] = "a text",
	    [OPERAND_ADDRESS] = "an address",
	    [OPERAND_PATTERN] = "a pattern",
	    [OPERAND_NUMBER] = "a number",
	    [OPERAND_DURATION] = "a duration",
	    [OPERAND_SIZE] = "a size",
	    [OPERAND_CODE] = "an enhanced status code",
	    [OPERAND_IP] = "an IP address or network",
	    [OPERAND_SET] = "several values",
	};

	loader_error(loader, right->span, "'%s' is " STR_FMT ", it cannot be compared with %s",
		     def->name, STR_ARG(right_type(loader, &def->type)), phrases[right->kind]);
}

static void no_value(struct loader *loader, struct span span, const struct fact_def *def,
		     struct str word)
{
	const char *const *values = def->type.enumeration->values;
	struct buf list = {.arena = loader->arena};
	size_t count = 0;
	struct str meant;

	for (; values[count]; count++)
		buf_printf(&list, "%s%s", count > 0 ? " " : "", values[count]);
	meant = loader_meant(loader, word, values, count);
	loader_error(loader, span, "'" STR_FMT "' is no value of '%s' (" STR_FMT ")" STR_FMT,
		     STR_ARG(word), def->name, STR_ARG(buf_str(&list)), STR_ARG(meant));
}

static bool right_fact(struct loader *loader, const struct operand *right,
		       const struct fact_def *def, struct cond *cond)
{
	const struct type *type = &def->type, *other;
	int slot = slot_of_operand(loader, right, false);

	if (slot < 0)
		return false;
	other = &loader->slots.items[slot].def->type;
	if (other->list) {
		loader_error(loader, right->span, "'%s' is a list, write 'any " STR_FMT " is %s'",
			     loader->slots.items[slot].def->name,
			     STR_ARG(loader->slots.items[slot].text), def->name);
		return false;
	}
	if ((other->base != type->base || other->enumeration != type->enumeration) &&
	    !(right_is_text(other->base) && right_is_text(type->base))) {
		loader_error(loader, right->span, "'%s' is " STR_FMT ", '%s' is " STR_FMT,
			     def->name, STR_ARG(right_type(loader, type)),
			     loader->slots.items[slot].def->name,
			     STR_ARG(right_type(loader, other)));
		return false;
	}
	cond->right_kind = RIGHT_SLOT;
	cond->right = (unsigned)slot;
	return true;
}

/* A bare word after `is`: a value of the enumeration, true or false, or another fact. */
static bool right_word(struct loader *loader, const struct operand *right,
		       const struct fact_def *def, struct cond *cond)
{
	const struct loader_name *name = loader_find(loader, right->word);
	enum type_base base = def->type.base;
	const char *why;

	if (!right->called && (base == TYPE_ENUM || base == TYPE_BOOLEAN) &&
	    value_parse(loader->arena, &def->type, right->word, &cond->value, &why)) {
		cond->right_kind = RIGHT_VALUE;
		return true;
	}
	if (name && name->kind == NAME_TABLE && !right->called) {
		loader_error(loader, right->span,
			     "'" STR_FMT "' is a %s, write '%s %s " STR_FMT "%s'",
			     STR_ARG(right->word), membership_is_map(name) ? "map" : "table",
			     def->name, cond->op == OP_IS_NOT ? "not in" : "in",
			     STR_ARG(right->word), membership_is_map(name) ? "(KEY)" : "");
		return false;
	}
	if (name || loader_fact(right->word) || right->called)
		return right_fact(loader, right, def, cond);
	if (base == TYPE_ENUM)
		no_value(loader, right->span, def, right->word);
	else if (base == TYPE_BOOLEAN)
		loader_error(loader, right->span, "'%s' is true or false, not '" STR_FMT "'",
			     def->name, STR_ARG(right->word));
	else if (right_is_text(base))
		loader_unknown_text(loader, right->span, right->word);
	else
		loader_unknown(loader, right->span, right->word);
	return false;
}

static bool right_string(struct loader *loader, const struct operand *right,
			 const struct fact_def *def, struct cond *cond)
{
	const char *why = "none";
	struct type as = def->type;
	struct str text;

	if (!item_text(right, &text)) {
		if (!right_is_text(def->type.base)) {
			wrong_type(loader, right, def);
			return false;
		}
		cond->right_kind = RIGHT_TEMPLATE;
		return template_of(loader, &right->text, &cond->template);
	}
	/* Part of a domain or of an address is a text. */
	if (cond->op == OP_CONTAINS || cond->op == OP_STARTS_WITH || cond->op == OP_ENDS_WITH)
		as = (struct type){.base = TYPE_TEXT};
	as.list = false;
	cond->right_kind = RIGHT_VALUE;
	if (value_parse(loader->arena, &as, text, &cond->value, &why))
		return true;
	if (as.base == TYPE_ENUM)
		no_value(loader, right->span, def, text);
	else if (as.base == TYPE_DOMAIN && text.n > 1 && text.s[0] == '.')
		loader_error(loader, right->span,
			     "for all names below it write '%s in { " STR_FMT " }'", def->name,
			     STR_ARG(text));
	else if (right_is_number(as.base))
		wrong_type(loader, right, def);
	else if (text.n == 0)
		loader_error(loader, right->span, "nothing is empty here, write '%s is %s'",
			     def->name, as.base == TYPE_ADDRESS ? "<>" : "absent");
	else
		loader_error(loader, right->span, "'%s' is " STR_FMT ", and this is %s", def->name,
			     STR_ARG(right_type(loader, &def->type)), why);
	return false;
}

static bool right_number(struct loader *loader, const struct operand *right,
			 const struct fact_def *def, struct cond *cond)
{
	enum type_base base = def->type.base;

	cond->value = value_number(right->number);
	if ((right->kind == OPERAND_NUMBER && base == TYPE_NUMBER) ||
	    (right->kind == OPERAND_DURATION && base == TYPE_DURATION) ||
	    (right->kind == OPERAND_SIZE && base == TYPE_SIZE))
		return true;
	if (right_is_number(base))
		loader_error(loader, right->span, "'%s' is " STR_FMT ", write it with %s",
			     def->name, STR_ARG(right_type(loader, &def->type)),
			     base == TYPE_NUMBER     ? "no unit"
			     : base == TYPE_DURATION ? "a unit of time (ms s m h d w)"
						     : "a unit of size (B KB MB GB)");
	else
		wrong_type(loader, right, def);
	return false;
}

/* <a@b>, or <> for the null sender. */
static bool right_address(struct loader *loader, const struct operand *right,
			  const struct fact_def *def, struct cond *cond)
{
	const char *why = "none";

	if (def->type.base != TYPE_ADDRESS) {
		wrong_type(loader, right, def);
		return false;
	}
	if (right->word.n == 0) {
		cond->value = value_text(STR(""));
		return true;
	}
	if (value_parse(loader->arena, &def->type, right->word, &cond->value, &why))
		return true;
	loader_error(loader, right->span, "not an address: %s", why);
	return false;
}

static bool right_ip(struct loader *loader, const struct operand *right, const struct fact_def *def,
		     struct cond *cond)
{
	enum type_base base = def->type.base;
	const char *why = "none";

	if (base != TYPE_IP && base != TYPE_NETWORK) {
		wrong_type(loader, right, def);
		return false;
	}
	if (base == TYPE_IP && str_chr(right->word, '/') >= 0) {
		loader_error(loader, right->span, "this is a network, write '%s %s " STR_FMT "'",
			     def->name, cond->op == OP_IS_NOT ? "not in" : "in",
			     STR_ARG(right->word));
		return false;
	}
	if (value_parse(loader->arena, &def->type, right->word, &cond->value, &why))
		return true;
	loader_error(loader, right->span, "%s", why);
	return false;
}

bool right_value(struct loader *loader, const struct operand *right, const struct fact_def *def,
		 struct cond *cond)
{
	cond->right_kind = RIGHT_VALUE;
	switch (right->kind) {
	case OPERAND_WORD:
		return right_word(loader, right, def, cond);
	case OPERAND_STRING:
		return right_string(loader, right, def, cond);
	case OPERAND_NUMBER:
	case OPERAND_DURATION:
	case OPERAND_SIZE:
		return right_number(loader, right, def, cond);
	case OPERAND_ADDRESS:
		return right_address(loader, right, def, cond);
	case OPERAND_IP:
		return right_ip(loader, right, def, cond);
	case OPERAND_SET:
		if (cond->op == OP_IS || cond->op == OP_IS_NOT)
			loader_error(loader, right->span,
				     "these are several values, write '%s %s { ... }'", def->name,
				     cond->op == OP_IS ? "in" : "not in");
		else
			loader_error(loader, right->span,
				     "'%s' takes one value, join several with 'or'",
				     compare_op_name(cond->op));
		return false;
	case OPERAND_PATTERN:
		if (!right_is_text(def->type.base))
			break;
		loader_error(loader, right->span, "this is a pattern, write '%s matches /.../'",
			     def->name);
		return false;
	case OPERAND_CODE:
		break;
	}
	wrong_type(loader, right, def);
	return false;
}

bool right_pattern(struct loader *loader, const struct operand *right, struct cond *cond)
{
	const char *why = NULL;
	size_t at;
	struct span span = right->span;

	if (right->kind != OPERAND_PATTERN) {
		loader_error(loader, right->span, "a pattern is wanted here, write '/.../'");
		return false;
	}
	cond->right_kind = RIGHT_PATTERN;
	cond->pattern = *vec_push(loader->arena, &loader->patterns) =
	    pattern_new(loader->arena, right->word, right->flags, &why, &at);
	if (cond->pattern)
		return true;
	if (span.from + 1 + at < span.to)
		span.from += 1 + at;
	loader_error(loader, span, "%s", why);
	return false;
}
