/* SPDX-License-Identifier: BSD-2-Clause */
/* All warnings by name, and what the files that look for them share. */

#include "filter/policy/warn.h"

#include <stdarg.h>

const struct warning_def warnings[] = {
    {"account", "a user or group that this machine does not know"},
    {"duplicate", "an item that a table or a set holds already"},
    {"empty", "a table without items, an include without anything in it"},
    {"forgeable", "an exception that rests only on what a sender can forge"},
    {"forged-results", "mail that may be delivered with forged Authentication-Results"},
    {"impossible", "a rule whose condition cannot be true"},
    {"jit", "patterns that stay interpreted though 'set jit on'"},
    {"late", "a refusal that is held back by a rule above it"},
    {"lookups", "more DNS lookups than a message may cost"},
    {"never", "a comparison with what a fact never is"},
    {"no-effect", "a setting that changes nothing in this policy"},
    {"not-tried", "rules of which it was not tried whether they can apply"},
    {"outsider-relay", "an outsider who can relay, and no assertion that says so"},
    {"relay-bounce", "a refusal that a relay of our own would turn into a bounce"},
    {"shadow", "a table or define that has the name of a value"},
    {"shadowed", "a rule for which the rules above leave nothing"},
    {"split", "all recipients are asked about, where a message may be split"},
    {"table-in-braces", "an item in braces that is the name of a table"},
    {"temperror", "a result that may be temperror, which no rule names"},
    {"unknown-text", "a fact in a log line that may not be known yet"},
    {"unsent-text", "a reply that cannot be sent when it is given"},
    {"unused", "a table or define that nothing names"},
    {"wide-network", "a table that holds the whole internet, or every private address"},
    {NULL, NULL},
};

bool warn_at(struct checker *checker, const char *name, struct span span, const char *fmt, ...)
{
	char text[2000];
	va_list args;

	for (size_t i = 0; i < checker->warned.count; i++) {
		const struct span *other = &checker->warned.items[i];

		if (other->source == span.source && other->from == span.from &&
		    other->to == span.to && strcmp(checker->names.items[i], name) == 0)
			return false;
	}
	*vec_push(checker->arena, &checker->warned) = span;
	*vec_push(checker->arena, &checker->names) = name;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	diag_warn(checker->diag, name, span, "%s", text);
	return true;
}

const struct slot *warn_slot(const struct checker *checker, unsigned slot)
{
	return &checker->policy->slots[slot];
}

struct span warn_verdict_span(const struct plan_rule *rule)
{
	return rule->tree->actions.items[rule->tree->actions.count - 1].span;
}

void warn_tests(const struct cond *cond, bool holds,
		void (*fn)(void *ctx, const struct cond *test, bool holds), void *ctx)
{
	if (!cond)
		return;
	if (cond->kind == COND_TEST)
		fn(ctx, cond, holds != (cond->quantifier == QUANT_NO));
	for (size_t i = 0; i < cond->count; i++)
		warn_tests(cond->parts[i], holds != (cond->kind == COND_NOT), fn, ctx);
}

void warn_slots(const struct cond *cond, void (*fn)(void *ctx, unsigned slot), void *ctx)
{
	if (!cond)
		return;
	for (size_t i = 0; i < cond->count; i++)
		warn_slots(cond->parts[i], fn, ctx);
	if (cond->kind != COND_TEST)
		return;
	fn(ctx, cond->left);
	if (cond->right_kind == RIGHT_SLOT)
		fn(ctx, cond->right);
	for (size_t i = 0; cond->right_kind == RIGHT_TEMPLATE && i < cond->template.count; i++)
		if (cond->template.pieces[i].is_slot)
			fn(ctx, cond->template.pieces[i].slot);
}

bool warn_names_value(const struct policy *policy, const struct cond *test, const char *value)
{
	const struct type *type = &policy->slots[test->left].def->type;
	const char *const *values = type->base == TYPE_ENUM ? type->enumeration->values : NULL;

	if (!values || (test->op != OP_IS && test->op != OP_IN))
		return false;
	if (test->right_kind == RIGHT_VALUE)
		return strcmp(values[test->value.number], value) == 0;
	for (size_t i = 0; test->right_kind == RIGHT_SET && i < test->set_count; i++)
		if (strcmp(values[test->set[i].number], value) == 0)
			return true;
	return false;
}

bool warn_decides(const struct plan_rule *rule)
{
	return rule->decisive && !rule->tree->observe;
}

bool warn_stops(const struct plan_rule *rule)
{
	return rule->decisive && rule->verdict != VERDICT_ACCEPT;
}

void check_policy(const struct policy *policy, struct diag *diag)
{
	struct checker checker = {.policy = policy, .diag = diag, .arena = arena_new(NULL)};

	warn_forgeable(&checker);
	warn_results(&checker);
	warn_replies(&checker);
	warn_recipients(&checker);
	warn_late(&checker);
	warn_cost(&checker);
	warn_unused(&checker);
	warn_items(&checker);
	warn_never(&checker);
	arena_free(&checker.arena);
}
