/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Comparisons become tests: a fact on the left, what it is compared with on the right, both of
 * one type. Every mixture that has no meaning is reported with the way to write what is meant.
 */

#include "filter/policy/loader.h"
#include "postern/pattern.h"

static bool is_text(enum type_base base)
{
	return base == TYPE_TEXT || base == TYPE_DOMAIN || base == TYPE_ADDRESS;
}

static bool is_number(enum type_base base)
{
	return base == TYPE_NUMBER || base == TYPE_DURATION || base == TYPE_SIZE;
}

/* "an IP address", also of a list's elements. */
static struct str type_of(struct loader *loader, const struct type *type)
{
	struct type scalar = *type;

	scalar.list = false;
	return type_phrase(loader, &scalar);
}

bool template_of(struct loader *loader, const struct text *text, struct template *template_r)
{
	bool ok = true;

	template_r->pieces =
	    arena_array(loader->arena, text->pieces.count, sizeof(*template_r->pieces));
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
		     def->name, STR_ARG(type_of(loader, &def->type)), phrases[right->kind]);
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
	    !(is_text(other->base) && is_text(type->base))) {
		loader_error(loader, right->span, "'%s' is " STR_FMT ", '%s' is " STR_FMT,
			     def->name, STR_ARG(type_of(loader, type)),
			     loader->slots.items[slot].def->name, STR_ARG(type_of(loader, other)));
		return false;
	}
	cond->right_kind = RIGHT_SLOT;
	cond->right = (unsigned)slot;
	return true;
}

static bool is_map(const struct loader_name *name)
{
	return name->table && table_kind(name->table) == TABLE_MAP;
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
			     STR_ARG(right->word), is_map(name) ? "map" : "table", def->name,
			     cond->op == OP_IS_NOT ? "not in" : "in", STR_ARG(right->word),
			     is_map(name) ? "(KEY)" : "");
		return false;
	}
	if (name || loader_fact(right->word) || right->called)
		return right_fact(loader, right, def, cond);
	if (base == TYPE_ENUM)
		no_value(loader, right->span, def, right->word);
	else if (base == TYPE_BOOLEAN)
		loader_error(loader, right->span, "'%s' is true or false, not '" STR_FMT "'",
			     def->name, STR_ARG(right->word));
	else if (is_text(base))
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
	else if (is_number(as.base))
		wrong_type(loader, right, def);
	else if (text.n == 0)
		loader_error(loader, right->span, "nothing is empty here, write '%s is %s'",
			     def->name, as.base == TYPE_ADDRESS ? "<>" : "absent");
	else
		loader_error(loader, right->span, "'%s' is " STR_FMT ", and this is %s", def->name,
			     STR_ARG(type_of(loader, &def->type)), why);
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
	if (is_number(base))
		loader_error(loader, right->span, "'%s' is " STR_FMT ", write it with %s",
			     def->name, STR_ARG(type_of(loader, &def->type)),
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

/* The one value on the right of is, <, contains and their like. */
static bool right_value(struct loader *loader, const struct operand *right,
			const struct fact_def *def, struct cond *cond)
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
		if (!is_text(def->type.base))
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

/* What is compared is no longer the fact on the left but the look that it is the key of. */
static bool right_look(struct loader *loader, const struct loader_name *name,
		       const struct fact_def *def, struct cond *cond)
{
	if (!is_text(def->type.base))
		return false;
	cond->left = slot_of_slot(loader, def->type.list ? name->each : name->fact, cond->left);
	cond->base = TYPE_BOOLEAN;
	cond->op = cond->op == OP_IN ? OP_IS : OP_IS_NOT;
	cond->right_kind = RIGHT_VALUE;
	cond->value = value_boolean(true);
	return true;
}

/* "FACT in map(KEY)": any of the values is that of the fact. */
static bool right_map(struct loader *loader, const struct operand *right,
		      const struct fact_def *def, struct cond *cond)
{
	int slot = slot_of_operand(loader, right, false);

	if (slot < 0)
		return false;
	if (def->type.list || !is_text(def->type.base)) {
		loader_error(loader, right->span,
			     "a map's values are texts, and are compared with one text, address or "
			     "domain: '%s' is " STR_FMT,
			     def->name, STR_ARG(type_phrase(loader, &def->type)));
		return false;
	}
	cond->right = cond->left;
	cond->right_kind = RIGHT_SLOT;
	cond->left = (unsigned)slot;
	cond->quantifier = QUANT_ANY;
	cond->base = TYPE_TEXT;
	cond->op = cond->op == OP_IN ? OP_IS : OP_IS_NOT;
	return true;
}

static bool right_table(struct loader *loader, const struct operand *right,
			const struct fact_def *def, struct cond *cond)
{
	const struct loader_name *name = loader_find(loader, right->word);
	int kind = table_kind_for(def->type.base);

	if (tablefact_map(loader, right))
		return right_map(loader, right, def, cond);
	if (!name || name->kind != NAME_TABLE || right->called) {
		const struct fact_def *fact = loader_fact(right->word);

		if (fact && !fact->internal)
			loader_error(loader, right->span,
				     "'%s' is a fact, not a table, write '%s%s is %s'", fact->name,
				     fact->type.list ? "any " : "",
				     fact->type.list ? fact->name : def->name,
				     fact->type.list ? def->name : fact->name);
		else if (name)
			loader_error(loader, right->span, "'" STR_FMT "' is a %s",
				     STR_ARG(right->word),
				     name->kind == NAME_TABLE
					 ? "table without keys, write it without '(...)'"
					 : "define, not a table");
		else
			loader_unknown(loader, right->span, right->word);
		return false;
	}
	if (!name->table)
		return false; /* its definition was wrong, and was reported */
	if (is_map(name)) {
		loader_error(loader, right->span,
			     "'" STR_FMT "' is a map, write '%s in " STR_FMT "(KEY)'",
			     STR_ARG(right->word), def->name, STR_ARG(right->word));
		loader_note(loader, name->span, "defined here");
		return false;
	}
	if (name->fact && right_look(loader, name, def, cond))
		return true;
	if (def->type.base == TYPE_NETWORK && table_kind(name->table) == TABLE_NETWORKS) {
		loader_error(loader, right->span,
			     "'%s' is a network, tables of networks hold addresses "
			     "such as 'client.ip'",
			     def->name);
		return false;
	}
	if (kind < 0 || table_kind(name->table) != (enum table_kind)kind) {
		loader_error(loader, right->span,
			     "'" STR_FMT "' is a table of %s, '%s' is " STR_FMT,
			     STR_ARG(right->word), table_kind_name(table_kind(name->table)),
			     def->name, STR_ARG(type_of(loader, &def->type)));
		loader_note(loader, name->span, "defined here");
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
	bool ok = true;

	if (right->items.count == 0) {
		loader_error(loader, right->span, "nothing stands between these braces");
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
		struct cond one = {.op = OP_IN};
		const struct operand *item = &right->items.items[i];

		if (!right_value(loader, item, def, &one)) {
			ok = false;
		} else if (one.right_kind != RIGHT_VALUE) {
			loader_error(loader, item->span, "a literal is wanted here");
			ok = false;
		}
		cond->set[i] = one.value;
	}
	return ok;
}

static bool right_in(struct loader *loader, const struct operand *right, const struct fact_def *def,
		     struct cond *cond)
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

/* Is the comparison one that the type of the left side has? */
static bool operator_fits(struct loader *loader, const struct expr *expr,
			  const struct fact_def *def)
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
	loader_error(loader, expr->op_span, "'%s' is " STR_FMT ", which '%s' cannot compare",
		     def->name, STR_ARG(type_of(loader, &def->type)), compare_op_name(expr->op));
	return false;
}

static bool quantifier_fits(struct loader *loader, const struct expr *expr, const struct slot *slot)
{
	bool presence = expr->op == OP_IS_PRESENT || expr->op == OP_IS_ABSENT;

	if (presence && expr->left.quantifier != QUANT_NONE) {
		loader_error(
		    loader, expr->left.span, "'%s' takes no quantifier, write '" STR_FMT " %s'",
		    compare_op_name(expr->op), STR_ARG(slot->text), compare_op_name(expr->op));
		return false;
	}
	if (slot->def->type.list && expr->left.quantifier == QUANT_NONE && !presence) {
		loader_error(loader, expr->left.span,
			     "'%s' is a list, write 'any " STR_FMT "', 'every " STR_FMT
			     "' or 'no " STR_FMT "'",
			     slot->def->name, STR_ARG(slot->text), STR_ARG(slot->text),
			     STR_ARG(slot->text));
		return false;
	}
	if (!slot->def->type.list && expr->left.quantifier != QUANT_NONE) {
		loader_error(loader, expr->left.span,
			     "'%s' is one value, not a list, write it without "
			     "'any', 'every' or 'no'",
			     slot->def->name);
		return false;
	}
	return true;
}

/* What the whole test negates. */
static enum compare_op positive(enum compare_op op)
{
	return op == OP_IS_NOT ? OP_IS : op == OP_NOT_IN ? OP_IN : OP_IS_PRESENT;
}

struct cond *comparison(struct loader *loader, const struct expr *expr)
{
	/* Of a list, each element is compared so; of one value, the whole test is negated. */
	bool each = expr->left.quantifier != QUANT_NONE;
	bool negate =
	    expr->op == OP_IS_ABSENT || (!each && (expr->op == OP_IS_NOT || expr->op == OP_NOT_IN));
	const struct loader_name *name;
	const struct fact_def *def;
	struct cond *cond;
	bool fits, ok;
	int slot;

	if (expr->left.kind != OPERAND_WORD) {
		loader_error(loader, expr->left.span, "a fact stands on the left of a comparison");
		return NULL;
	}
	name = loader_find(loader, expr->left.word);
	if (name && name->kind == NAME_DEFINE && !expr->left.called) {
		loader_error(loader, expr->left.span,
			     "'" STR_FMT "' is a define, true or false by itself",
			     STR_ARG(name->name));
		loader_note(loader, name->span, "defined here");
		return NULL;
	}
	slot = slot_of_operand(loader, &expr->left, expr->left.quantifier != QUANT_NONE);
	if (slot < 0)
		return NULL;
	def = loader->slots.items[slot].def;
	if (!operator_fits(loader, expr, def))
		return NULL;
	fits = quantifier_fits(loader, expr, &loader->slots.items[slot]);
	cond = cond_new(loader, COND_TEST);
	cond->span = expr->span;
	cond->right_span = expr->right.span;
	cond->left = (unsigned)slot;
	cond->quantifier = expr->left.quantifier;
	cond->base = def->type.base;
	cond->op = expr->op;
	switch (expr->op) {
	case OP_IS_PRESENT:
	case OP_IS_ABSENT:
		ok = true;
		break;
	case OP_IN:
	case OP_NOT_IN:
		ok = right_in(loader, &expr->right, def, cond);
		break;
	case OP_MATCHES:
		ok = right_pattern(loader, &expr->right, cond);
		break;
	default:
		ok = right_value(loader, &expr->right, def, cond);
		break;
	}
	if (negate)
		cond->op = positive(cond->op);
	if (!ok || !fits)
		return NULL;
	return negate ? cond_negate(loader, cond) : cond;
}
