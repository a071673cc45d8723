/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads rules: label, "observe", actions with their arguments, "when" and "unless". Arguments
 * end where a comma, a clause or another item begins; what an action wants is not known here.
 */

#include "filter/policy/parse.h"

/* As other programs call it. */
static const char *translated(struct str word)
{
	static const char *const words[][2] = {
	    {"allow", "accept"},  {"block", "reject"},   {"deny", "reject"},
	    {"ok", "accept"},     {"permit", "accept"},  {"quarantine", "hold"},
	    {"refuse", "reject"}, {"tempfail", "defer"},
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (str_caseeq(word, str_of(words[i][0])))
			return words[i][1];
	return NULL;
}

const char *parse_nearest(struct parser *p, const struct token *t, struct str *written_r)
{
	struct token next = cursor_after(p, t, LEX_PLAIN);
	size_t from = t->span.from, to = next.span.to;
	const char *nearest = translated(t->text);

	*written_r = t->text;
	if (nearest)
		return nearest;
	if (next.kind == TOKEN_WORD && !next.first) {
		*written_r =
		    str_printf(p->arena, STR_FMT " " STR_FMT, STR_ARG(t->text), STR_ARG(next.text));
		nearest = diag_nearest(*written_r, p->actions, p->action_count);
		if (nearest && strchr(nearest, ' ')) {
			*written_r = str_sub(p->lex.source->text, from, to - from);
			return nearest;
		}
	}
	*written_r = t->text;
	nearest = diag_nearest(t->text, (const char *const *)p->starters, p->starter_count);
	/* "add" alone: the first of the actions that begin so. */
	for (size_t i = 0; i < p->action_count && !(nearest && strchr(nearest, ' ')); i++) {
		struct str name = str_of(p->actions[i]);

		if (name.n > t->text.n && str_starts(name, t->text) && name.s[t->text.n] == ' ')
			nearest = p->actions[i];
	}
	return nearest;
}

/* The name of an action; NULL, after a report, if there is none or no known one is near it. */
static const char *parse_action_name(struct parser *p, struct span *span_r, bool *found_r)
{
	struct token t = cursor_peek(p, LEX_PLAIN), next = cursor_after(p, &t, LEX_PLAIN);
	struct str written;
	const char *name;
	int words = 1;

	*found_r = false;
	name = cursor_action(p, &t, &words);
	if (!name &&
	    (t.kind != TOKEN_WORD || cursor_is_clause(p, &t) || cursor_looks_item(p, &t))) {
		cursor_missing(p, "an action");
		return NULL;
	}
	*found_r = true;
	t = cursor_take(p, LEX_PLAIN);
	if (!name) {
		name = parse_nearest(p, &t, &written);
		words = written.n > t.text.n ? 2 : 1;
	}
	*span_r = t.span;
	if (words == 2) {
		cursor_take(p, LEX_PLAIN);
		*span_r = span_join(t.span, next.span);
	}
	if (!cursor_action(p, &t, &words)) {
		written = str_sub(p->lex.source->text, span_r->from, span_r->to - span_r->from);
		if (name)
			diag_error(p->diag, *span_r, "unknown action '" STR_FMT "', write '%s'",
				   STR_ARG(written), name);
		else if (str_caseeq(written, STR("dunno")))
			diag_error(p->diag, *span_r,
				   "unknown action 'dunno'; leave the rule out, or name in "
				   "'unless' of those below what it is to spare");
		else
			diag_error(p->diag, *span_r, "unknown action '" STR_FMT "'",
				   STR_ARG(written));
	}
	/* Of "observe" nothing but the spelling is known to be wrong. */
	return name && cursor_known(p, name) ? name : NULL;
}

/*
 * A text is the last argument of what has one. A word that stands behind it like the first of
 * another item is one, then, even if it is near no known word.
 */
static bool at_unknown_item(struct parser *p, const struct action *action, const struct token *t)
{
	size_t count = action->arguments.count;
	struct token next = cursor_after(p, t, LEX_PLAIN);

	return count > 0 && action->arguments.items[count - 1].kind == OPERAND_STRING &&
	       cursor_outdented(p, t) && !next.first;
}

/* The name of a score, whatever word it is: a number follows, and nothing that a reply has. */
static bool at_score_name(struct parser *p, const struct action *action, const struct token *t)
{
	struct token next = cursor_after(p, t, LEX_OPERAND), last;

	if (!str_eq(action->name, STR("score")) || p->at != action->name_span.to ||
	    t->kind != TOKEN_WORD || next.kind != TOKEN_NUMBER)
		return false;
	last = cursor_after(p, &next, LEX_OPERAND);
	return last.kind != TOKEN_CODE && last.kind != TOKEN_STRING;
}

static void parse_action_arguments(struct parser *p, struct action *action)
{
	for (;;) {
		struct token t = cursor_peek(p, LEX_OPERAND);

		if (at_score_name(p, action, &t)) {
			t = cursor_take(p, LEX_OPERAND);
			parse_literal(p, &t, vec_push(p->arena, &action->arguments));
			continue;
		}
		if (t.kind == TOKEN_END || token_is_mark(&t, ",") || cursor_at_stop(p) ||
		    cursor_is_clause(p, &t) || at_unknown_item(p, action, &t) ||
		    (token_is_mark(&t, "{") && cursor_begins_body(p, &t)))
			return;
		if (token_is_word(&t, "and")) {
			diag_error(p->diag, t.span, "actions stand with commas between, write ','");
			return;
		}
		if (t.kind == TOKEN_MARK && !token_is_mark(&t, "{")) {
			cursor_unexpected(p, LEX_OPERAND, "an argument");
			cursor_sync(p, SYNC_COMMA | SYNC_CLAUSE);
			return;
		}
		if (t.kind == TOKEN_WRONG) {
			cursor_take(p, LEX_OPERAND);
			continue;
		}
		if (!parse_operand(p, vec_push(p->arena, &action->arguments), "an argument")) {
			action->arguments.count--;
			cursor_sync(p, SYNC_COMMA | SYNC_CLAUSE);
			return;
		}
	}
}

/* One action; false if none was there. */
static bool parse_action(struct parser *p, struct rule *rule)
{
	struct action action = {.name = STR("")};
	bool found;
	const char *name = parse_action_name(p, &action.name_span, &found);

	if (!found)
		return false;
	if (name)
		action.name = str_of(name);
	parse_action_arguments(p, &action);
	action.span = cursor_since(p, action.name_span);
	if (name)
		*vec_push(p->arena, &rule->actions) = action;
	return true;
}

static void parse_actions(struct parser *p, struct rule *rule)
{
	while (parse_action(p, rule)) {
		struct token t = cursor_peek(p, LEX_PLAIN);

		if (!cursor_mark(p, ",") && !token_is_word(&t, "and"))
			return;
		if (token_is_word(&t, "and"))
			p->at = t.span.to;
		t = cursor_peek(p, LEX_PLAIN);
		if (token_is_word(&t, "observe")) {
			diag_error(p->diag, t.span, "'observe' stands before the first action");
			p->at = t.span.to;
		}
	}
	cursor_sync(p, SYNC_CLAUSE);
}

void parse_clauses(struct parser *p, struct clauses *clauses)
{
	for (;;) {
		struct token t = cursor_peek(p, LEX_PLAIN);
		struct expr *expr;

		if (!cursor_is_clause(p, &t))
			return;
		if (token_is_word(&t, "unless")) {
			cursor_take(p, LEX_PLAIN);
			expr = parse_condition(p);
			*vec_push(p->arena, &clauses->unless) = expr;
		} else {
			cursor_take(p, LEX_PLAIN);
			if (clauses->when)
				diag_error(p->diag, t.span, "a second 'when', write 'and'");
			else if (clauses->unless.count > 0)
				diag_error(p->diag, t.span, "'when' stands before 'unless'");
			expr = parse_condition(p);
			if (!clauses->when)
				clauses->when = expr;
		}
	}
}

/* A label and what stands behind it; false if that is no rule. */
static bool parse_label(struct parser *p, struct rule *rule)
{
	struct token t = cursor_peek(p, LEX_PLAIN);
	size_t from = t.span.from;
	int words;

	if (!cursor_is_label(p, &t))
		return true;
	rule->label = t.text;
	rule->label_span = t.span;
	cursor_take(p, LEX_PLAIN);
	cursor_take(p, LEX_PLAIN);
	t = cursor_peek(p, LEX_PLAIN);
	if (cursor_is_label(p, &t)) {
		cursor_missing(p, "an action");
		return false;
	}
	if (cursor_looks_item(p, &t) && !token_is_word(&t, "observe") &&
	    !cursor_action(p, &t, &words)) {
		diag_error(p->diag, rule->label_span,
			   "a label stands before a rule, not before '" STR_FMT "'",
			   STR_ARG(t.text));
		return false;
	}
	if (t.first)
		p->margin = cursor_column(&t);
	else
		p->margin += t.span.from - from;
	return true;
}

struct item *parse_rule(struct parser *p)
{
	struct token t = cursor_peek(p, LEX_PLAIN);
	struct item *item = parse_new_item(p, ITEM_RULE);
	struct rule *rule = &item->rule;
	struct clauses clauses = {0};

	if (!parse_label(p, rule))
		return NULL;
	rule->observe = cursor_word(p, "observe");
	parse_actions(p, rule);
	parse_clauses(p, &clauses);
	rule->when = clauses.when;
	vec_move(&rule->unless, &clauses.unless);
	rule->span = cursor_since(p, t.span);
	item->span = rule->span;
	return item;
}
