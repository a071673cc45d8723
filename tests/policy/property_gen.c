/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cases at random: policies that compile, facts that may fail, dialogues in which anything that a
 * client may do happens. The same seed makes the same case.
 */

#include <string.h>

#include "tests/policy/property.h"

static uint64_t random_state;

static uint64_t random_next(void)
{
	/* splitmix64 */
	uint64_t z = (random_state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static int below(int n)
{
	return (int)(random_next() % (uint64_t)n);
}

static bool one_in(int n)
{
	return below(n) == 0;
}

static const char *const words[] = {"red", "green", "blue", "redder", "a"};
static const long numbers[] = {0, 1000, 2000, 3000, 1500};

static const char *word(void)
{
	return words[below(5)];
}

/* ---- values ---- */

static struct worth worth_make(int fact, bool may_fail)
{
	const struct fact_row *row = &fact_rows[fact];
	struct worth w = {.state = FACT_PRESENT};

	if (one_in(6))
		w.state = FACT_ABSENT;
	if (may_fail && (row->defers || row->skips) && one_in(4))
		w.state = FACT_FAILED;
	if (w.state != FACT_PRESENT)
		return w;
	w.number = row->kind == BOOL ? below(2) : row->kind == ENUM ? below(5) : numbers[below(5)];
	w.text = word();
	if (row->kind == LIST) {
		w.count = below(4);
		for (int i = 0; i < w.count; i++)
			w.items[i] = word();
		w.incomplete = row->defers && one_in(6);
	}
	return w;
}

static void values_make(struct gen_case *c)
{
	for (int f = 0; f < MADE_UP_COUNT; f++) {
		c->connection[f] = worth_make(f, true);
		c->again[f] = worth_make(f, true);
		for (int i = 0; i < HELOS; i++)
			c->helo[i][f] = worth_make(f, true);
		for (int i = 0; i < ADDRESSES_MOST; i++)
			c->user[i][f] =
			    i > 0 && one_in(2) ? c->user[below(i)][f] : worth_make(f, true);
		for (int i = 0; i < MAILS_MOST; i++)
			c->mails[i].values[f] = worth_make(f, true);
	}
	for (int slow = one_in(3) ? 1 + below(6) : 0; slow > 0; slow--) {
		int f = below(MADE_UP_COUNT);

		if (fact_rows[f].dns)
			c->delays[f] = 1 + one_in(6);
	}
}

/* ---- conditions ---- */

/* Does the policy in the making have scores, and rules that are only observed? */
static bool scored, tried;
/* What its scores are most about. */
static int favourite;

static int any_fact(void)
{
	if (scored && one_in(4))
		return one_in(2) ? favourite : one_in(2) ? F_SCORE : F_SCORE + below(3);
	/* What a policy is most about comes up most. */
	switch (below(10)) {
	case 0:
	case 1:
		return F_U_FLAG + below(F_U_BODY - F_U_FLAG + 1);
	case 2:
		return F_RECIPIENT + below(F_ATTEMPTED - F_RECIPIENT + 1);
	default:
		return below(scored ? FACTS : F_SCORE);
	}
}

static int fact_of(enum kind kind)
{
	int fact;

	do {
		fact = any_fact();
	} while (fact_rows[fact].kind != kind);
	return fact;
}

static const char *literal(enum kind kind)
{
	static const char *const domains[] = {"one.example", "two.example", "four.example"};

	switch (kind) {
	case ADDRESS:
	case ADDRESSES:
		return addresses[below(ADDRESSES_MOST)];
	case DOMAIN:
	case DOMAINS:
		return domains[below(3)];
	case ADDRESS_OF_IP:
		return one_in(2) ? "192.0.2.0/24" : "198.51.100.0/24";
	default:
		return word();
	}
}

static long number_literal(enum kind kind, int fact)
{
	if (fact >= F_SCORE)
		return 500 * (below(16) - 4);
	return kind == BOOL ? below(2) : kind == ENUM ? below(5) : numbers[below(5)];
}

static bool texts(enum kind kind)
{
	return kind != BOOL && kind != ENUM && kind != NUM && kind != ADDRESS_OF_IP;
}

static void test_right(struct test *t, enum kind kind)
{
	static const enum compare_op of_text[] = {OP_CONTAINS, OP_STARTS_WITH, OP_ENDS_WITH,
						  OP_MATCHES};
	static const enum compare_op of_numbers[] = {OP_LT, OP_LE, OP_GT, OP_GE};
	bool is_list = t->quantifier != QUANT_NONE;

	t->op = OP_IS;
	t->right = RIGHT_IS_VALUE;
	t->count = 1;
	if (kind == ADDRESS_OF_IP) {
		t->op = OP_IN;
		t->right = one_in(2) ? RIGHT_IS_TABLE : RIGHT_IS_SET;
	} else if (texts(kind) && one_in(4)) {
		t->op = of_text[below(4)];
	} else if (kind == NUM && !one_in(3)) {
		t->op = of_numbers[below(4)];
	} else if (texts(kind) && one_in(5)) {
		t->op = OP_IN;
		t->right = RIGHT_IS_TABLE;
	} else if (kind != BOOL && one_in(4)) {
		t->op = OP_IN;
		t->right = RIGHT_IS_SET;
		t->count = 1 + below(3);
	} else if ((kind == TEXT || kind == LIST) && one_in(4)) {
		t->right = RIGHT_IS_TEXT;
		t->fact = fact_of(one_in(3) ? NUM : TEXT);
		t->suffix = one_in(2) ? "" : "der";
	}
	if (t->right == RIGHT_IS_VALUE && !texts(kind) && kind != BOOL && one_in(4)) {
		t->right = RIGHT_IS_FACT;
		t->fact = fact_of(kind);
	} else if (t->right == RIGHT_IS_VALUE && (kind == TEXT || kind == LIST) &&
		   (t->op == OP_IS || t->op == OP_CONTAINS) && one_in(4)) {
		t->right = RIGHT_IS_FACT;
		t->fact = fact_of(TEXT);
	}
	for (int i = 0; i < t->count; i++) {
		t->numbers[i] = number_literal(kind, t->left);
		t->texts[i] = literal(kind);
	}
	if (t->op == OP_IS || t->op == OP_IN)
		t->negated = one_in(is_list ? 6 : 3);
}

static struct test test_make(void)
{
	struct test t = {.left = any_fact(), .fact = -1, .suffix = ""};
	enum kind kind = fact_rows[t.left].kind;
	bool list = kind == LIST || kind == ADDRESSES || kind == DOMAINS;

	if (one_in(8) && kind != ADDRESSES && kind != DOMAINS && t.left != F_COUNT) {
		t.op = OP_IS_PRESENT;
		t.negated = one_in(2);
		return t;
	}
	if (list)
		t.quantifier = QUANT_ANY + (enum quantifier)below(3);
	test_right(&t, kind);
	return t;
}

static int expr_new(struct gen_policy *p, struct node_expr e)
{
	p->exprs[p->expr_count] = e;
	return p->expr_count++;
}

static int expr_make(struct gen_policy *p, int depth)
{
	struct node_expr e = {.node = NODE_TEST};

	if (depth > 0 && p->expr_count < EXPRS_MOST - 60 && one_in(2)) {
		e.node = one_in(4) ? NODE_NOT : one_in(2) ? NODE_AND : NODE_OR;
		e.count = e.node == NODE_NOT ? 1 : 2 + one_in(3);
		for (int i = 0; i < e.count; i++)
			e.parts[i] = expr_make(p, depth - 1);
	} else if (p->define_count > 0 && one_in(10)) {
		e.node = NODE_DEFINE;
		e.parts[0] = below(p->define_count);
	} else {
		e.test = test_make();
	}
	return expr_new(p, e);
}

static struct clause clause_make(struct gen_policy *p, int depth, bool always)
{
	struct clause c = {-1, {-1, -1}};

	if (always || !one_in(6))
		c.when = expr_make(p, depth);
	for (int i = 0; i < 2 && one_in(4); i++)
		c.unless[i] = expr_make(p, depth - 1);
	return c;
}

/* ---- when a condition may be true at the earliest ---- */

/* A score is known when all that adds to it is, above the rule that asks. */
static enum stage fact_stage(const struct gen_policy *p, int at, int fact)
{
	enum stage stage = fact_rows[fact].stage;

	for (int i = 0; fact >= F_SCORE && i < at; i++) {
		const struct gen_rule *rule = &p->rules[i];
		bool gives = false;

		for (int a = 0; a < rule->count; a++)
			gives |= rule->acts[a].act == ACT_SCORE &&
				 (fact == F_SCORE || rule->acts[a].sum == fact);
		if (gives && !rule->observe && !act_decisive(rule->acts[rule->count - 1].act) &&
		    rule->latest > stage)
			stage = rule->latest;
	}
	return stage;
}

static enum stage test_first(const struct gen_policy *p, int at, const struct test *t)
{
	enum stage stage = fact_stage(p, at, t->left), other;

	if ((t->right == RIGHT_IS_FACT || t->right == RIGHT_IS_TEXT) && t->op != OP_IS_PRESENT &&
	    (other = fact_stage(p, at, t->fact)) > stage)
		stage = other;
	return stage;
}

static enum stage expr_latest(const struct gen_policy *p, int at, int n)
{
	const struct node_expr *e = &p->exprs[n];
	enum stage latest = STAGE_CONNECT, part;

	if (e->node == NODE_TEST)
		return test_first(p, at, &e->test);
	if (e->node == NODE_DEFINE)
		return expr_latest(p, at, p->defines[e->parts[0]]);
	for (int i = 0; i < e->count; i++)
		if ((part = expr_latest(p, at, e->parts[i])) > latest)
			latest = part;
	return latest;
}

static enum stage clause_latest(const struct gen_policy *p, int at, const struct clause *c)
{
	enum stage latest = c->when < 0 ? STAGE_CONNECT : expr_latest(p, at, c->when), part;

	for (int i = 0; i < 2; i++)
		if (c->unless[i] >= 0 && (part = expr_latest(p, at, c->unless[i])) > latest)
			latest = part;
	return latest;
}

static enum stage rule_latest(const struct gen_policy *p, int at)
{
	const struct gen_rule *rule = &p->rules[at];
	enum stage latest = clause_latest(p, at, &rule->clause), part;

	for (int g = rule->group; g >= 0; g = p->groups[g].parent)
		if ((part = clause_latest(p, at, &p->groups[g].clause)) > latest)
			latest = part;
	for (int a = 0; a < rule->count; a++)
		for (int i = 0; i < 2; i++)
			if (rule->acts[a].facts[i] >= 0 &&
			    (part = fact_stage(p, at, rule->acts[a].facts[i])) > latest)
				latest = part;
	return latest;
}

static enum stage expr_first(const struct gen_policy *p, int at, int n, bool holds)
{
	const struct node_expr *e = &p->exprs[n];
	bool one = (e->node == NODE_OR) == holds;
	enum stage first = one ? STAGE_MESSAGE : STAGE_CONNECT;

	switch (e->node) {
	case NODE_TEST:
		return test_first(p, at, &e->test);
	case NODE_DEFINE:
		return expr_first(p, at, p->defines[e->parts[0]], holds);
	case NODE_NOT:
		return expr_first(p, at, e->parts[0], !holds);
	default:
		break;
	}
	for (int i = 0; i < e->count; i++) {
		enum stage part = expr_first(p, at, e->parts[i], holds);

		if (one ? part < first : part > first)
			first = part;
	}
	return first;
}

static enum stage clause_first(const struct gen_policy *p, int at, const struct clause *c)
{
	enum stage first = c->when < 0 ? STAGE_CONNECT : expr_first(p, at, c->when, true), part;

	for (int i = 0; i < 2; i++)
		if (c->unless[i] >= 0 && (part = expr_first(p, at, c->unless[i], false)) > first)
			first = part;
	return first;
}

enum stage rule_first(const struct gen_policy *p, const struct gen_rule *rule)
{
	int at = (int)(rule - p->rules);
	enum stage first = clause_first(p, at, &rule->clause), part;

	for (int g = rule->group; g >= 0; g = p->groups[g].parent)
		if ((part = clause_first(p, at, &p->groups[g].clause)) > first)
			first = part;
	return first;
}

/* ---- rules ---- */

static struct act_row act_make(enum act act)
{
	static const char *const names[] = {"X-A", "X-B", "X-New"};
	static const char *const said[] = {"first", "second", "third", "no"};
	static const long points[] = {1000, 2000, -1000, 1500, 3000, -2000, 500};
	struct act_row a = {
	    .act = act, .name = names[below(3)], .text = said[below(4)], .facts = {-1, -1}};

	if (act == ACT_SCORE) {
		a.sum = one_in(2) ? F_SCORE : F_SCORE + below(3);
		a.points = points[below(7)];
	}
	/* A field that is not there and is replaced twice: left to the tests of edits. */
	if (act == ACT_REPLACE)
		a.name = names[below(2)];
	if (act == ACT_REJECT && one_in(2))
		a.code = one_in(2) ? 554 : 550;
	if (act == ACT_DEFER && one_in(2))
		a.code = one_in(2) ? 450 : 452;
	return a;
}

static void act_texts(const struct gen_policy *p, const struct gen_rule *rule, struct act_row *a)
{
	enum stage latest = act_decisive(a->act) ? rule_first(p, rule) : STAGE_MESSAGE;
	int at = (int)(rule - p->rules);

	if (a->act == ACT_ACCEPT || a->act == ACT_REMOVE || a->act == ACT_SCORE || !one_in(4))
		return;
	for (int i = 0; i < 1 + one_in(3); i++) {
		int fact = any_fact();

		if (fact_rows[fact].plain && fact_stage(p, at, fact) <= latest)
			a->facts[i] = fact;
	}
}

static void rule_make(struct gen_policy *p, int group)
{
	static const enum act decisive[] = {ACT_ACCEPT, ACT_ACCEPT,  ACT_REJECT, ACT_REJECT,
					    ACT_DEFER,  ACT_DISCARD, ACT_HOLD};
	struct gen_rule *rule = &p->rules[p->rule_count++];
	enum act last = decisive[below(7)];

	*rule = (struct gen_rule){.group = group, .labelled = one_in(2)};
	rule->observe = tried && one_in(3);
	if (scored && one_in(2)) {
		/* Short conditions: what excludes each other is to come up. */
		rule->clause = clause_make(p, below(3), false);
		for (int i = 0; i < 1 + one_in(3); i++)
			rule->acts[rule->count++] = act_make(ACT_SCORE);
		if (one_in(6))
			rule->acts[rule->count++] = act_make(one_in(2) ? ACT_LOG : ACT_ADD);
	} else if (one_in(3)) {
		rule->clause = clause_make(p, 3, false);
		rule->count = 1 + one_in(3);
		for (int i = 0; i < rule->count; i++)
			rule->acts[i] =
			    act_make(one_in(4) ? ACT_LOG : ACT_ADD + (enum act)below(5));
	} else {
		rule->clause = clause_make(p, 3, false);
		if (one_in(6))
			rule->acts[rule->count++] = act_make(
			    (last == ACT_ACCEPT || last == ACT_HOLD) && one_in(2) ? ACT_ADD
										  : ACT_LOG);
		rule->acts[rule->count++] = act_make(last);
	}
	if (scored && rule->count == 1 && (last == ACT_ACCEPT || last == ACT_HOLD) &&
	    rule->acts[0].act == last && one_in(6)) {
		rule->acts[0] = act_make(ACT_SCORE);
		rule->acts[rule->count++] = act_make(last);
	}
	for (int i = 0; i < rule->count; i++)
		act_texts(p, rule, &rule->acts[i]);
	rule->latest = rule_latest(p, (int)(rule - p->rules));
}

static struct test test_of(int fact)
{
	struct test t = {.left = fact, .fact = -1, .suffix = ""};

	test_right(&t, fact_rows[fact].kind);
	return t;
}

static int rule_about(struct gen_policy *p, struct test test)
{
	struct gen_rule *rule;

	rule_make(p, -1);
	rule = &p->rules[p->rule_count - 1];
	rule->clause = (struct clause){-1, {-1, -1}};
	rule->clause.when = expr_new(p, (struct node_expr){.node = NODE_TEST, .test = test});
	for (int i = 0; i < rule->count; i++)
		rule->acts[i].facts[0] = rule->acts[i].facts[1] = -1;
	rule->latest = rule_latest(p, p->rule_count - 1);
	return p->rule_count - 1;
}

/* What people write: points for this and that, and then what is done with the sum. */
static void scores_make(struct gen_policy *p)
{
	for (int i = 0, count = 2 + below(5); i < count; i++) {
		int about = one_in(4)   ? F_SCORE + below(3)
			    : one_in(3) ? fact_of(ENUM)
			    : one_in(3) ? fact_of(NUM)
					: favourite;
		int n = rule_about(p, test_of(about));

		p->rules[n].count = 1;
		p->rules[n].acts[0] = act_make(ACT_SCORE);
		p->rules[n].latest = rule_latest(p, n);
	}
	for (int i = 0, count = 1 + below(3); i < count; i++)
		rule_about(p, test_of(one_in(2) ? F_SCORE : F_SCORE + below(3)));
}

static void rules_make(struct gen_policy *p, int group, int count)
{
	while (count > 0 && p->rule_count < RULES_MOST) {
		if (p->group_count < GROUPS_MOST && one_in(5)) {
			int inner = p->group_count++, inside = 1 + below(count);

			p->groups[inner].parent = group;
			p->groups[inner].clause = clause_make(p, 1, true);
			rules_make(p, inner, inside);
			count -= inside;
		} else {
			rule_make(p, group);
			count--;
		}
	}
}

static void policy_make(struct gen_policy *p)
{
	scored = false;
	favourite = fact_of(ENUM);
	scored = one_in(2);
	tried = one_in(3);
	for (int i = 0, count = below(DEFINES_MOST + 1); i < count; i++) {
		p->defines[i] = expr_make(p, 2);
		p->define_count = i + 1;
	}
	if (scored && one_in(3))
		scores_make(p);
	else
		rules_make(p, -1, 1 + below(RULES_MOST));
	p->early = one_in(10);
	p->observe = one_in(12);
	p->mixed = one_in(8) ? one_in(2) ? "message" : "first" : NULL;
}

static void mail_make(struct gen_mail *mail)
{
	mail->helo = one_in(2);
	mail->helo_again = one_in(4);
	mail->rcpt_count = 1 + below(RCPTS_MOST);
	for (int i = 0; i < mail->rcpt_count; i++)
		mail->rcpts[i] = below(ADDRESSES_MOST);
	mail->abort_after = one_in(12) ? 1 + below(8) : 0;
	mail->one_by_one = one_in(3);
	mail->brings_deferred = one_in(3);
	mail->hides_data = one_in(8);
	mail->domain = one_in(6) ? NULL : one_in(2) ? "one.example" : "four.example";
	mail->subject = word();
	mail->xa_count = below(3);
	mail->xb_count = 1 + below(2);
	for (int i = 0; i < 2; i++) {
		mail->xa[i] = word();
		mail->xb[i] = word();
	}
	if (mail->xa_count == 0)
		mail->xa_count = 1;
}

void case_make(struct gen_case *c, uint64_t seed)
{
	memset(c, 0, sizeof(*c));
	c->seed = seed;
	random_state = seed * UINT64_C(0xd1342543de82ef95);
	policy_make(&c->policy);
	values_make(c);
	c->mail_count = 1 + below(MAILS_MOST);
	for (int i = 0; i < c->mail_count; i++)
		mail_make(&c->mails[i]);
	c->mails[0].helo |= !one_in(6);
}
