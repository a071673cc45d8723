/* SPDX-License-Identifier: BSD-2-Clause */
/* A case as text: the policy that the engine compiles, and what a report says of the rest. */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tests/policy/property.h"

static char text[65536];
static size_t used;

static void put(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void put(const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text + used, sizeof(text) - used, fmt, ap);
	va_end(ap);
	used += (size_t)n;
	if (used >= sizeof(text))
		used = sizeof(text) - 1;
}

bool act_decisive(enum act act)
{
	return act <= ACT_HOLD;
}

long rule_points(const struct gen_rule *rule, int sum)
{
	long points = 0;

	for (int i = 0; i < rule->count; i++)
		if (rule->acts[i].act == ACT_SCORE && (sum == F_SCORE || rule->acts[i].sum == sum))
			points += rule->acts[i].points;
	return points;
}

bool act_edits(enum act act)
{
	return act > ACT_HOLD && act < ACT_LOG;
}

/* ---- conditions ---- */

static void put_number(long thousandths)
{
	long n = thousandths < 0 ? -thousandths : thousandths;

	put(n % 1000 ? "%s%ld.%ld" : "%s%ld", thousandths < 0 ? "-" : "", n / 1000, n % 1000 / 100);
}

static void put_literal(enum kind kind, const struct test *t, int i, bool part)
{
	switch (kind) {
	case BOOL:
		put("%s", t->numbers[i] ? "true" : "false");
		break;
	case ENUM:
		put("%s", colors[t->numbers[i]]);
		break;
	case NUM:
		put_number(t->numbers[i]);
		break;
	case ADDRESS:
	case ADDRESSES:
		put(part ? "\"%s\"" : "<%s>", t->texts[i]);
		break;
	case ADDRESS_OF_IP:
		put("%s", t->texts[i]);
		break;
	default:
		put("\"%s\"", t->texts[i]);
		break;
	}
}

static const char *table_of(enum kind kind)
{
	switch (kind) {
	case ADDRESS:
	case ADDRESSES:
		return "folk";
	case DOMAIN:
	case DOMAINS:
		return "ours";
	case ADDRESS_OF_IP:
		return "nets";
	default:
		return "hues";
	}
}

static const char *op_text(const struct test *t)
{
	switch (t->op) {
	case OP_IS:
		return t->negated ? "is not" : "is";
	case OP_IN:
		return t->negated ? "not in" : "in";
	case OP_IS_PRESENT:
		return t->negated ? "is absent" : "is present";
	default:
		return compare_op_name(t->op);
	}
}

static void put_test(const struct test *t)
{
	static const char *const quantifiers[] = {"", "any ", "every ", "no "};
	enum kind kind = fact_rows[t->left].kind;

	put("%s%s", quantifiers[t->quantifier], fact_rows[t->left].name);
	/* A boolean stands alone where it can. */
	if (kind == BOOL && t->op == OP_IS && t->right == RIGHT_IS_VALUE && t->numbers[0] &&
	    !t->negated)
		return;
	put(" %s", op_text(t));
	if (t->op == OP_IS_PRESENT)
		return;
	put(" ");
	if (t->op == OP_MATCHES) {
		put("/%s/", t->texts[0]);
		return;
	}
	switch (t->right) {
	case RIGHT_IS_VALUE:
		put_literal(kind, t, 0, t->op != OP_IS && t->op != OP_IN);
		break;
	case RIGHT_IS_FACT:
		put("%s", fact_rows[t->fact].name);
		break;
	case RIGHT_IS_TEXT:
		put("\"${%s}%s\"", fact_rows[t->fact].name, t->suffix);
		break;
	case RIGHT_IS_SET:
		put("{");
		for (int i = 0; i < t->count; i++) {
			put(" ");
			put_literal(kind, t, i, false);
		}
		put(" }");
		break;
	case RIGHT_IS_TABLE:
		put("%s", table_of(kind));
		break;
	}
}

static void put_expr(const struct gen_policy *p, int n, bool inside)
{
	const struct node_expr *e = &p->exprs[n];

	switch (e->node) {
	case NODE_TEST:
		put_test(&e->test);
		return;
	case NODE_DEFINE:
		put("d%d", e->parts[0]);
		return;
	case NODE_NOT:
		put("not (");
		put_expr(p, e->parts[0], false);
		put(")");
		return;
	default:
		break;
	}
	if (inside)
		put("(");
	for (int i = 0; i < e->count; i++) {
		if (i > 0)
			put(e->node == NODE_AND ? " and " : " or ");
		put_expr(p, e->parts[i], true);
	}
	if (inside)
		put(")");
}

static void put_clause(const struct gen_policy *p, const struct clause *c, const char *word)
{
	if (c->when >= 0) {
		put("%s", word);
		put_expr(p, c->when, false);
	}
	for (int i = 0; i < 2; i++) {
		if (c->unless[i] < 0)
			continue;
		put(" unless ");
		put_expr(p, c->unless[i], false);
	}
}

/* ---- rules ---- */

static void put_act(const struct act_row *a)
{
	static const char *const words[] = {
	    "accept",        "reject",         "defer",         "discard",
	    "hold",          "add header",     "insert header", "replace header",
	    "remove header", "prefix subject", "log",           "score"};

	put("%s", words[a->act]);
	if (a->act == ACT_ACCEPT)
		return;
	if (a->act == ACT_SCORE) {
		put(" %s", a->sum == F_SCORE ? "" : a->sum == F_SCORE_SPAM ? "spam " : "bulk ");
		put_number(a->points);
		return;
	}
	if (a->code)
		put(" %d", a->code);
	put(" \"");
	if (a->act >= ACT_ADD && a->act <= ACT_REMOVE)
		put(a->act == ACT_REMOVE ? "%s" : "%s: ", a->name);
	if (a->act != ACT_REMOVE) {
		put("%s", a->text);
		for (int i = 0; i < 2; i++)
			if (a->facts[i] >= 0)
				put("-${%s}", fact_rows[a->facts[i]].name);
	}
	put(a->act == ACT_PREFIX ? " \"" : "\"");
}

static void put_rule(const struct gen_policy *p, int n)
{
	const struct gen_rule *rule = &p->rules[n];

	/* Labels, or lines, tell rules apart in a report: so each has one. */
	put("r%d: %s", n, rule->observe ? "observe " : "");
	for (int i = 0; i < rule->count; i++) {
		if (i > 0)
			put(", ");
		put_act(&rule->acts[i]);
	}
	put_clause(p, &rule->clause, rule->labelled ? "\n    when " : " when ");
	put("\n");
}

static bool within(const struct gen_policy *p, int group, int outer)
{
	for (; group >= 0; group = p->groups[group].parent)
		if (group == outer)
			return true;
	return outer < 0;
}

static void open_groups(const struct gen_policy *p, int from, int to)
{
	if (to == from)
		return;
	open_groups(p, from, p->groups[to].parent);
	put_clause(p, &p->groups[to].clause, "if ");
	put(" {\n");
}

const char *policy_text(const struct gen_policy *p)
{
	int group = -1;

	used = 0;
	text[0] = '\0';
	if (p->early)
		put("set early connect\n");
	if (p->mixed)
		put("set mixed %s\n", p->mixed);
	if (p->observe)
		put("set mode observe\n");
	put("table hues strings { red blue }\ntable nets networks { 192.0.2.0/24 }\n"
	    "table ours domains { one.example }\n"
	    "table folk addresses { <a0@one.example> <a3@two.example> }\n");
	for (int i = 0; i < p->define_count; i++) {
		put("define d%d = ", i);
		put_expr(p, p->defines[i], false);
		put("\n");
	}
	for (int i = 0; i < p->rule_count; i++) {
		if (p->rules[i].off)
			continue;
		while (!within(p, p->rules[i].group, group)) {
			put("}\n");
			group = p->groups[group].parent;
		}
		open_groups(p, group, p->rules[i].group);
		group = p->rules[i].group;
		put_rule(p, i);
	}
	for (; group >= 0; group = p->groups[group].parent)
		put("}\n");
	/* Below all else it adds to nothing, but each name is one that can be asked for. */
	if (strstr(text, "score."))
		put("score spam 1, score bulk 1\n");
	return text;
}

/* ---- what it uses ---- */

static bool expr_uses(const struct gen_policy *p, int n, int fact)
{
	const struct node_expr *e = &p->exprs[n];
	const struct fact_row *row;

	if (e->node == NODE_DEFINE)
		return expr_uses(p, p->defines[e->parts[0]], fact);
	for (int i = 0; e->node != NODE_TEST && i < e->count; i++)
		if (expr_uses(p, e->parts[i], fact))
			return true;
	if (e->node != NODE_TEST)
		return false;
	for (int i = 0; i < 2; i++) {
		int one = i == 0 ? e->test.left : e->test.fact;

		if (one < 0)
			continue;
		row = &fact_rows[one];
		if (one == fact || row->inputs[0] == fact || row->inputs[1] == fact)
			return true;
	}
	return false;
}

static bool clause_uses(const struct gen_policy *p, const struct clause *c, int fact)
{
	return (c->when >= 0 && expr_uses(p, c->when, fact)) ||
	       (c->unless[0] >= 0 && expr_uses(p, c->unless[0], fact)) ||
	       (c->unless[1] >= 0 && expr_uses(p, c->unless[1], fact));
}

bool policy_uses(const struct gen_policy *p, int fact)
{
	for (int i = 0; i < p->rule_count; i++) {
		const struct gen_rule *rule = &p->rules[i];

		if (rule->off)
			continue;
		if (clause_uses(p, &rule->clause, fact))
			return true;
		for (int g = rule->group; g >= 0; g = p->groups[g].parent)
			if (clause_uses(p, &p->groups[g].clause, fact))
				return true;
		for (int a = 0; a < rule->count; a++)
			for (int k = 0; k < 2; k++) {
				int one = rule->acts[a].facts[k];

				if (one >= 0 && (one == fact || fact_rows[one].inputs[0] == fact ||
						 fact_rows[one].inputs[1] == fact))
					return true;
			}
	}
	return false;
}

/* ---- a report ---- */

static void worth_print(const char *where, int fact, const struct worth *w)
{
	const struct fact_row *row = &fact_rows[fact];

	printf("    %s: %s ", where, row->name);
	if (w->state != FACT_PRESENT) {
		printf("%s\n", w->state == FACT_ABSENT ? "absent" : "failed");
		return;
	}
	switch (row->kind) {
	case BOOL:
		printf("%s\n", w->number ? "true" : "false");
		break;
	case ENUM:
		printf("%s\n", colors[w->number]);
		break;
	case NUM:
		printf("%ld/1000\n", w->number);
		break;
	case TEXT:
		printf("%s\n", w->text);
		break;
	default:
		printf("{");
		for (int i = 0; i < w->count; i++)
			printf(" %s", w->items[i]);
		printf(" }%s\n", w->incomplete ? " incomplete" : "");
		break;
	}
}

static void values_print(const struct gen_case *c, int fact)
{
	if (!policy_uses(&c->policy, fact))
		return;
	if (c->delays[fact])
		printf("    %s waits for %d slow answers\n", fact_rows[fact].name, c->delays[fact]);
	switch (fact_rows[fact].scope) {
	case SCOPE_CONNECTION:
		worth_print("connection", fact, &c->connection[fact]);
		if (c->connection[fact].state == FACT_FAILED)
			worth_print("later", fact, &c->again[fact]);
		break;
	case SCOPE_HELO:
		for (int i = 0; i < HELOS; i++)
			worth_print("a helo", fact, &c->helo[i][fact]);
		break;
	case SCOPE_MESSAGE:
		for (int i = 0; i < c->mail_count; i++)
			worth_print("mail", fact, &c->mails[i].values[fact]);
		break;
	default:
		for (int i = 0; i < ADDRESSES_MOST; i++)
			worth_print(addresses[i], fact, &c->user[i][fact]);
		break;
	}
}

void case_print(const struct gen_case *c)
{
	printf("  policy:\n%s  facts:\n", policy_text(&c->policy));
	for (int f = 0; f < MADE_UP_COUNT; f++)
		values_print(c, f);
	for (int i = 0; i < c->mail_count; i++) {
		const struct gen_mail *m = &c->mails[i];

		printf("  mail %d: sender domain %s, subject %s, X-A:", i,
		       m->domain ? m->domain : "-", m->subject);
		for (int k = 0; k < m->xa_count; k++)
			printf(" %s", m->xa[k]);
		printf("%s%s%s%s%s, recipients:", m->helo ? ", helo" : "",
		       m->helo_again ? ", helo again" : "", m->one_by_one ? ", one by one" : "",
		       m->brings_deferred ? ", brings the deferred" : "",
		       m->hides_data ? ", no DATA shown" : "");
		for (int k = 0; k < m->rcpt_count; k++)
			printf(" %s", addresses[m->rcpts[k]]);
		if (m->abort_after)
			printf("; given up after %d", m->abort_after);
		printf("\n");
	}
}
