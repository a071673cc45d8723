/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The definition, written down a second time and as simply as it can be: a condition over what is
 * known is the set of what it may be; the first decisive rule that is true wins. It works on the
 * rules as they were made up, not on what the engine compiled. Over 600 lines because a definition
 * is read in one piece.
 */

#include <stdio.h>
#include <string.h>

#include "tests/policy/property.h"

enum { NO = 1, YES = 2, DEFERS = 4, SKIPS = 8, FAILS = DEFERS | SKIPS };

/* ---- what is known ---- */

static struct worth text_worth(const char *text)
{
	return (struct worth){.state = text ? FACT_PRESENT : FACT_ABSENT, .text = text};
}

static struct worth recipients_worth(const struct moment *m, int fact)
{
	struct worth w = {.state = m->stage >= STAGE_DATA ? FACT_PRESENT : FACT_GROWING};
	const int *list = fact == F_ATTEMPTED ? m->attempted : m->recipients;

	w.count = fact == F_ATTEMPTED ? m->attempted_count : m->recipient_count;
	w.number = w.count * 1000;
	for (int i = 0; i < w.count && i < 8; i++)
		w.items[i] = fact == F_DOMAINS ? address_domains[list[i]] : addresses[list[i]];
	if (fact == F_COUNT)
		w.count = 0;
	return w;
}

static struct worth known(const struct moment *m, int fact);

/* What the first settles already is told without the second. */
static struct worth soon(const struct worth *first, const struct worth *second)
{
	struct worth w = {.state = first->state, .number = 1};

	if (first->state != FACT_ABSENT)
		return w;
	w.state = second->state == FACT_UNKNOWN ? FACT_UNKNOWN : FACT_PRESENT;
	w.number = second->state == FACT_PRESENT && second->number == 0;
	return w;
}

static struct worth computed(const struct moment *m, int fact)
{
	const struct fact_row *row = &fact_rows[fact];
	struct worth in[2] = {{.state = FACT_ABSENT}, {.state = FACT_ABSENT}}, w = {0};

	for (int i = 0; i < 2 && row->inputs[i] >= 0; i++)
		in[i] = known(m, row->inputs[i]);
	if (fact == F_SOON)
		return soon(&in[0], &in[1]);
	if (in[0].state == FACT_UNKNOWN || in[1].state == FACT_UNKNOWN)
		return w;
	w.state = FACT_FAILED;
	if (in[0].state == FACT_FAILED || in[1].state == FACT_FAILED)
		return w;
	w.state = FACT_PRESENT;
	if (fact == F_PAIR)
		w.number = in[0].state == FACT_PRESENT && in[1].state == FACT_PRESENT;
	else if (fact != F_LATE)
		return in[0];
	else if (in[0].state == FACT_ABSENT || in[1].state == FACT_ABSENT)
		w.state = FACT_ABSENT;
	else
		w.number = in[0].number == in[1].number;
	return w;
}

static struct worth header_worth(const struct gen_mail *mail, int fact)
{
	struct worth w = {.state = FACT_PRESENT, .count = mail->xa_count};

	if (fact == F_SUBJECT)
		return text_worth(mail->subject);
	for (int i = 0; i < w.count; i++)
		w.items[i] = mail->xa[i];
	w.number = w.count * 1000;
	if (fact == F_HEADER_COUNT)
		w.count = 0;
	return w;
}

/* ---- scores ---- */

/* What a sum is sure to be, and what it may be, above a rule. */
struct interval {
	long least, most;
};
enum { SUMS = F_SCORE_BULK - F_SCORE + 1 };

/* Above the rule that is looked at: what is in force, and with what is observed. */
static struct interval sums[2][SUMS];
static bool sees_observed;
/* The enumeration that is assumed to be of some worth; -1: none is. */
static int assumed = -1;
static struct worth assumed_worth;

static struct worth score_worth(int fact)
{
	struct interval sum = sums[sees_observed][fact - F_SCORE];
	struct worth w = {.state = FACT_UNKNOWN};

	if (sum.least == sum.most)
		w = (struct worth){.state = FACT_PRESENT, .number = sum.least};
	return w;
}

/* State UNKNOWN where it is not known yet. */
static struct worth known(const struct moment *m, int fact)
{
	static const char *const helos[HELOS] = {"red", "green", "mail.red"};
	const struct fact_row *row = &fact_rows[fact];
	const struct gen_mail *mail = &m->place.c->mails[m->place.mail];
	struct worth nothing = {.state = FACT_UNKNOWN};

	if ((row->early ? row->early : row->stage) > m->stage ||
	    (row->scope == SCOPE_RECIPIENT && m->place.rcpt < 0))
		return nothing;
	if (fact >= F_SCORE)
		return score_worth(fact);
	if (fact >= MADE_UP_COUNT && fact < F_CLIENT_IP)
		return computed(m, fact);
	switch (fact) {
	case F_CLIENT_IP:
		return text_worth("192.0.2.7");
	case F_HELO_NAME:
		return text_worth(m->place.helo < 0 ? NULL : helos[m->place.helo % HELOS]);
	case F_SENDER_DOMAIN:
		return text_worth(mail->domain);
	case F_RECIPIENT:
		return text_worth(addresses[m->place.rcpt]);
	case F_RECIPIENT_DOMAIN:
		return text_worth(address_domains[m->place.rcpt]);
	case F_RECIPIENTS:
	case F_DOMAINS:
	case F_COUNT:
	case F_ATTEMPTED:
		return recipients_worth(m, fact);
	case F_HEADER:
	case F_HEADER_COUNT:
	case F_SUBJECT:
		return header_worth(mail, fact);
	default:
		break;
	}
	if (row->dns && (m->offline || (!m->waits && m->place.c->delays[fact] > 0)))
		return nothing;
	return *place_value(&m->place, fact);
}

/* What a fact's failure makes of a condition, and what it may make of it while it is not known. */
static int failure(int fact)
{
	return fact_rows[fact].defers ? DEFERS : SKIPS;
}

static int may_fail(int fact)
{
	return (fact_rows[fact].defers ? DEFERS : 0) | (fact_rows[fact].skips ? SKIPS : 0);
}

/* ---- texts ---- */

static void render(const struct moment *m, int fact, char *out, size_t size)
{
	struct worth w = known(m, fact);
	size_t n = 0;

	snprintf(out, size, "-");
	if (w.state != FACT_PRESENT)
		return;
	switch (fact_rows[fact].kind) {
	case BOOL:
		snprintf(out, size, "%s", w.number ? "true" : "false");
		break;
	case ENUM:
		snprintf(out, size, "%s", colors[w.number]);
		break;
	case NUM:
		n = w.number < 0;
		w.number = w.number < 0 ? -w.number : w.number;
		snprintf(out, size, w.number % 1000 ? "%s%ld.%ld" : "%s%ld", n ? "-" : "",
			 w.number / 1000, w.number % 1000 / 100);
		break;
	case LIST:
	case ADDRESSES:
	case DOMAINS:
		for (int i = 0; i < w.count && n < size; i++)
			n += (size_t)snprintf(out + n, size - n, i ? " %s" : "%s", w.items[i]);
		break;
	default:
		snprintf(out, size, "%s", w.text);
		break;
	}
}

static void sums_above(const struct moment *m, int rule);

const char *oracle_text(const struct moment *m, const struct act_row *act)
{
	const struct gen_rule *rules = m->place.c->policy.rules;
	static char ring[8][400];
	static int turn;
	char *out = ring[turn++ % 8], part[200];
	size_t n = (size_t)snprintf(out, 400, "%s", act->text);

	sums_above(m, (int)(((const char *)act - (const char *)rules) / (long)sizeof(*rules)));
	for (int i = 0; i < 2; i++) {
		if (act->facts[i] < 0)
			continue;
		render(m, act->facts[i], part, sizeof(part));
		n += (size_t)snprintf(out + n, 400 - n, "-%s", part);
	}
	if (act->act == ACT_PREFIX)
		snprintf(out + n, 400 - n, " ");
	return out;
}

/* ---- comparisons ---- */

static bool text_is(const struct test *t, const char *left, const char *right)
{
	size_t l = strlen(left), r = strlen(right);

	switch (t->op) {
	case OP_CONTAINS:
	case OP_MATCHES:
		return strstr(left, right) != NULL;
	case OP_STARTS_WITH:
		return strncmp(left, right, r) == 0;
	case OP_ENDS_WITH:
		return l >= r && strcmp(left + l - r, right) == 0;
	default:
		return strcmp(left, right) == 0;
	}
}

static bool number_is(enum compare_op op, long left, long right)
{
	switch (op) {
	case OP_LT:
		return left < right;
	case OP_LE:
		return left <= right;
	case OP_GT:
		return left > right;
	case OP_GE:
		return left >= right;
	default:
		return left == right;
	}
}

static bool in_table(enum kind kind, const char *text)
{
	switch (kind) {
	case ADDRESS:
	case ADDRESSES:
		return strcmp(text, "a0@one.example") == 0 || strcmp(text, "a3@two.example") == 0;
	case DOMAIN:
	case DOMAINS:
		return strcmp(text, "one.example") == 0;
	case ADDRESS_OF_IP:
		return true;
	default:
		return strcmp(text, "red") == 0 || strcmp(text, "blue") == 0;
	}
}

/* One value on the left; `right` is what the fact or text on the right is worth. */
static bool holds(const struct test *t, const char *text, long number, const struct worth *right)
{
	enum kind kind = fact_rows[t->left].kind;
	bool numeric = kind == BOOL || kind == ENUM || kind == NUM, is = false;

	if (t->right == RIGHT_IS_TABLE) {
		is = in_table(kind, text);
	} else if (t->right == RIGHT_IS_FACT || t->right == RIGHT_IS_TEXT) {
		is = right->state == FACT_PRESENT &&
		     (numeric ? number_is(t->op, number, right->number)
			      : text_is(t, text, right->text));
	} else {
		for (int i = 0; i < t->count; i++) {
			if (numeric)
				is |= number_is(t->op, number, t->numbers[i]);
			else if (kind == ADDRESS_OF_IP)
				is |= strcmp(t->texts[i], "192.0.2.0/24") == 0;
			else
				is |= text_is(t, text, t->texts[i]);
		}
	}
	return is != t->negated;
}

/* ---- conditions ---- */

static int list_set(const struct test *t, const struct worth *left, const struct worth *right)
{
	bool some = false, all = true, settled;

	for (int i = 0; i < left->count; i++) {
		if (holds(t, left->items[i], 0, right))
			some = true;
		else
			all = false;
	}
	settled = t->quantifier == QUANT_EVERY ? !all : some;
	if (!settled && left->state == FACT_GROWING)
		return NO | YES;
	if (!settled && left->incomplete)
		return DEFERS;
	if (t->quantifier == QUANT_ANY)
		return some ? YES : NO;
	if (t->quantifier == QUANT_NO)
		return some ? NO : YES;
	return all && left->count > 0 ? YES : NO;
}

/* A count that may still grow. */
static int growing_set(const struct test *t, long count, long right)
{
	bool now = number_is(t->op, count, right), later = false;

	for (long n = count; n <= count + 20000; n += 500)
		later |= number_is(t->op, n, right) != now;
	if (later)
		return NO | YES;
	return now != t->negated ? YES : NO;
}

static int growing_any(const struct test *t, long count, const struct worth *right)
{
	bool yes = false, no = false;

	if (t->right != RIGHT_IS_SET) {
		long to = t->right == RIGHT_IS_FACT ? right->number : t->numbers[0];

		if (t->right == RIGHT_IS_FACT && right->state != FACT_PRESENT)
			return t->negated ? YES : NO;
		return growing_set(t, count, to);
	}
	for (long n = count; n <= count + 20000; n += 500) {
		if (holds(t, NULL, n, right))
			yes = true;
		else
			no = true;
	}
	return (yes ? YES : 0) | (no ? NO : 0);
}

static int presence_set(const struct test *t, const struct worth *left)
{
	bool list = fact_rows[t->left].kind == LIST;
	bool present = left->state != FACT_ABSENT && (!list || left->count > 0);

	if (list && left->incomplete && left->count == 0)
		return DEFERS;
	return present != t->negated ? YES : NO;
}

static bool is_open_score(int fact)
{
	return fact >= F_SCORE && score_worth(fact).state == FACT_UNKNOWN;
}

/* A score that may still be all that lies between its ends: much of it is tried. */
static int score_set(const struct test *t, const struct worth *left, const struct worth *right)
{
	struct interval a = {left->number, left->number}, b = {right->number, right->number};
	bool yes = false, no = false;

	if (is_open_score(t->left))
		a = sums[sees_observed][t->left - F_SCORE];
	if (t->right == RIGHT_IS_FACT && is_open_score(t->fact))
		b = sums[sees_observed][t->fact - F_SCORE];
	for (long x = a.least; x <= a.most; x += 250)
		for (long y = b.least; y <= b.most; y += 250) {
			struct worth w = {.state = FACT_PRESENT, .number = y};

			if (holds(t, NULL, x, &w))
				yes = true;
			else
				no = true;
		}
	return (yes ? YES : 0) | (no ? NO : 0);
}

/* Is it settled by what the fact on its left turns out to be? */
static bool plain(const struct test *t)
{
	return t->op == OP_IS_PRESENT || t->right == RIGHT_IS_VALUE || t->right == RIGHT_IS_SET;
}

static int test_set(const struct moment *m, const struct test *t)
{
	struct worth left = known(m, t->left), right = {.state = FACT_PRESENT};
	enum kind kind = fact_rows[t->left].kind;
	bool list = kind == LIST || kind == ADDRESSES || kind == DOMAINS;
	bool other =
	    t->op != OP_IS_PRESENT && (t->right == RIGHT_IS_FACT || t->right == RIGHT_IS_TEXT);
	char text[256];
	int set;

	if (other)
		right = known(m, t->fact);
	if (assumed == t->left && plain(t))
		left = assumed_worth;
	if (t->op == OP_IS_PRESENT && is_open_score(t->left))
		return t->negated ? NO : YES;
	if ((is_open_score(t->left) && (t->right != RIGHT_IS_FACT || right.state == FACT_PRESENT ||
					is_open_score(t->fact))) ||
	    (left.state == FACT_PRESENT && t->right == RIGHT_IS_FACT && other &&
	     is_open_score(t->fact)))
		return score_set(t, &left, &right);
	if (left.state == FACT_FAILED)
		return failure(t->left);
	if (left.state == FACT_UNKNOWN) {
		set = NO | YES | may_fail(t->left);
		if (other && right.state == FACT_UNKNOWN)
			set |= may_fail(t->fact);
		if (other && right.state == FACT_FAILED)
			set |= failure(t->fact);
		return set;
	}
	if (t->op == OP_IS_PRESENT)
		return presence_set(t, &left);
	if (left.state == FACT_ABSENT)
		return (list ? t->quantifier == QUANT_NO : t->negated) ? YES : NO;
	if (right.state == FACT_FAILED)
		return failure(t->fact);
	if (right.state == FACT_UNKNOWN || (other && right.state == FACT_GROWING))
		return NO | YES | may_fail(t->fact) | (left.incomplete ? DEFERS : 0);
	if (t->right == RIGHT_IS_TEXT) {
		render(m, t->fact, text, sizeof(text) - 4);
		strcat(text, t->suffix);
		right = text_worth(text);
	}
	if (list)
		return list_set(t, &left, &right);
	if (left.state == FACT_GROWING)
		return growing_any(t, left.number, &right);
	return holds(t, left.text, left.number, &right) ? YES : NO;
}

static int both(int a, int b)
{
	if (a == NO || b == NO)
		return NO;
	if (a == YES)
		return b;
	return b == YES || a == b ? a : DEFERS;
}

static int negative(int a)
{
	return a == YES ? NO : a == NO ? YES : a;
}

static int set_both(int a, int b)
{
	int set = 0;

	for (int i = NO; i <= SKIPS; i *= 2)
		for (int j = NO; j <= SKIPS; j *= 2)
			if (a & i && b & j)
				set |= both(i, j);
	return set;
}

static int set_not(int a)
{
	int set = 0;

	for (int i = NO; i <= SKIPS; i *= 2)
		if (a & i)
			set |= negative(i);
	return set;
}

static int expr_set(const struct moment *m, int n)
{
	const struct gen_policy *p = &m->place.c->policy;
	const struct node_expr *e = &p->exprs[n];
	int set = YES;

	switch (e->node) {
	case NODE_TEST:
		return test_set(m, &e->test);
	case NODE_DEFINE:
		return expr_set(m, p->defines[e->parts[0]]);
	case NODE_NOT:
		return set_not(expr_set(m, e->parts[0]));
	case NODE_AND:
		for (int i = 0; i < e->count; i++)
			set = set_both(set, expr_set(m, e->parts[i]));
		return set;
	case NODE_OR:
		/* a or b is not (not a and not b) */
		for (int i = 0; i < e->count; i++)
			set = set_both(set, set_not(expr_set(m, e->parts[i])));
		return set_not(set);
	}
	return set;
}

static int clause_set(const struct moment *m, const struct clause *c)
{
	int set = c->when < 0 ? YES : expr_set(m, c->when);

	for (int i = 0; i < 2; i++)
		if (c->unless[i] >= 0)
			set = set_both(set, set_not(expr_set(m, c->unless[i])));
	return set;
}

/* ---- which enumeration a rule waits for ---- */

static bool settled(int set)
{
	return (set & (set - 1)) == 0;
}

static int expr_waits(const struct moment *m, int n)
{
	const struct gen_policy *p = &m->place.c->policy;
	const struct node_expr *e = &p->exprs[n];
	int fact = -1;

	if (settled(expr_set(m, n)))
		return -1;
	if (e->node == NODE_TEST)
		return fact_rows[e->test.left].kind == ENUM && plain(&e->test) &&
			       known(m, e->test.left).state == FACT_UNKNOWN
			   ? e->test.left
			   : -1;
	if (e->node == NODE_DEFINE)
		return expr_waits(m, p->defines[e->parts[0]]);
	for (int i = 0; i < e->count && fact < 0; i++)
		fact = expr_waits(m, e->parts[i]);
	return fact;
}

static int clause_waits(const struct moment *m, const struct clause *c)
{
	int fact = c->when < 0 ? -1 : expr_waits(m, c->when);

	for (int i = 0; i < 2 && fact < 0; i++)
		if (c->unless[i] >= 0)
			fact = expr_waits(m, c->unless[i]);
	return fact;
}

static int group_set(const struct moment *m, int g)
{
	const struct gen_policy *p = &m->place.c->policy;
	int set = YES;

	for (; g >= 0; g = p->groups[g].parent)
		set = set_both(set, clause_set(m, &p->groups[g].clause));
	return set;
}

static int group_waits(const struct moment *m, int g)
{
	const struct gen_policy *p = &m->place.c->policy;
	int fact;

	if (g < 0 || settled(group_set(m, g)))
		return -1;
	fact = group_waits(m, p->groups[g].parent);
	return fact >= 0 ? fact : clause_waits(m, &p->groups[g].clause);
}

/* A rule that is true needs its texts: what failed cannot be written. */
static int rule_set(const struct moment *m, int n, bool *text_known_r)
{
	const struct gen_policy *p = &m->place.c->policy;
	const struct gen_rule *rule = &p->rules[n];
	int set, texts = YES;

	*text_known_r = true;
	sees_observed = rule->observe;
	set = set_both(group_set(m, rule->group), clause_set(m, &rule->clause));
	for (int a = 0; a < rule->count; a++) {
		for (int i = 0; i < 2; i++) {
			int fact = rule->acts[a].facts[i];
			struct worth w;

			/* The log of a rule that decides is no reason to decide otherwise. */
			if (fact < 0 || (rule->acts[a].act == ACT_LOG &&
					 act_decisive(rule->acts[rule->count - 1].act)))
				continue;
			w = known(m, fact);
			if (w.state == FACT_FAILED)
				texts = set_both(texts, failure(fact));
			if (w.state == FACT_UNKNOWN || w.state == FACT_GROWING) {
				*text_known_r = false;
				texts = set_both(texts, YES | may_fail(fact));
			}
		}
	}
	return set & YES ? (set & ~YES) | texts : set;
}

/* ---- sums ---- */

/* What a rule adds that may be this. */
static struct interval added(int set, long points)
{
	struct interval a = {0, 0};

	if (set & YES)
		a.least = a.most = points;
	if (set & YES && set & ~YES) {
		a.least = points < 0 ? points : 0;
		a.most = points < 0 ? 0 : points;
	}
	return a;
}

/* What those that wait for the same enumeration may add, for each of its states. */
enum { STATES = 7 };
static struct interval waiting[2][SUMS][FACTS][STATES];

static void assume(int fact, int state)
{
	static const enum fact_state states[] = {FACT_ABSENT, FACT_FAILED};

	assumed = fact;
	assumed_worth = (struct worth){.state = FACT_PRESENT, .number = state};
	if (state >= 5)
		assumed_worth.state = states[state - 5];
}

static void sum_add(struct interval *sum, struct interval a)
{
	sum->least += a.least;
	sum->most += a.most;
}

/* From the least that one of the states gives to the most. */
static struct interval hull(const struct interval *states, bool fails)
{
	struct interval all = states[0];

	for (int i = 1; i < (fails ? STATES : STATES - 1); i++) {
		if (states[i].least < all.least)
			all.least = states[i].least;
		if (states[i].most > all.most)
			all.most = states[i].most;
	}
	return all;
}

static bool adds(const struct gen_rule *rule)
{
	for (int i = 0; i < rule->count; i++)
		if (rule->acts[i].act == ACT_SCORE)
			return true;
	return false;
}

/* The sums are those above the rule: it is added. */
static void rule_add(const struct moment *m, int n, struct interval (*base)[SUMS])
{
	const struct gen_rule *rule = &m->place.c->policy.rules[n];
	bool text_known;
	int set = rule_set(m, n, &text_known), fact = -1;

	if (!settled(set))
		fact = group_waits(m, rule->group);
	if (!settled(set) && fact < 0)
		fact = clause_waits(m, &rule->clause);
	for (int state = 0; state < (fact < 0         ? 1
				     : may_fail(fact) ? STATES
						      : STATES - 1);
	     state++) {
		if (fact >= 0) {
			assume(fact, state);
			set = rule_set(m, n, &text_known);
			assumed = -1;
		}
		for (int k = 0; k < SUMS; k++) {
			struct interval a = added(set, rule_points(rule, F_SCORE + k));

			for (int o = rule->observe; o < 2; o++)
				sum_add(fact < 0 ? &base[o][k] : &waiting[o][k][fact][state], a);
		}
	}
}

/* Puts into `sums` what the rules above one come to. */
static void sums_above(const struct moment *m, int rule)
{
	const struct gen_policy *p = &m->place.c->policy;
	struct interval base[2][SUMS] = {0};

	memset(waiting, 0, sizeof(waiting));
	memset(sums, 0, sizeof(sums));
	sees_observed = p->rules[rule].observe;
	for (int i = 0; i < rule; i++) {
		if (p->rules[i].off || act_decisive(p->rules[i].acts[p->rules[i].count - 1].act) ||
		    !adds(&p->rules[i]))
			continue;
		rule_add(m, i, base);
		memcpy(sums, base, sizeof(sums));
		for (int o = 0; o < 2; o++)
			for (int k = 0; k < SUMS; k++)
				for (int f = 0; f < FACTS; f++)
					if (fact_rows[f].kind == ENUM)
						sum_add(&sums[o][k],
							hull(waiting[o][k][f], may_fail(f)));
	}
	sees_observed = p->rules[rule].observe;
}

/* ---- verdicts ---- */

/* Is the rule there, and in force? */
static bool counts(const struct gen_rule *rule)
{
	return !rule->off && !rule->observe;
}

static int rule_now(const struct moment *m, int n, bool *text_known_r)
{
	sums_above(m, n);
	return rule_set(m, n, text_known_r);
}

static bool rule_decides(const struct gen_rule *rule, enum verdict *verdict_r)
{
	static const enum verdict verdicts[] = {VERDICT_ACCEPT, VERDICT_REJECT, VERDICT_DEFER,
						VERDICT_DISCARD, VERDICT_HOLD};
	enum act act = rule->acts[rule->count - 1].act;

	if (!act_decisive(act))
		return false;
	*verdict_r = verdicts[act];
	return true;
}

static bool rule_edits(const struct gen_rule *rule)
{
	for (int i = 0; i < rule->count; i++)
		if (act_edits(rule->acts[i].act) ||
		    (rule->acts[i].act == ACT_LOG &&
		     !act_decisive(rule->acts[rule->count - 1].act)))
			return true;
	return false;
}

static bool soft(enum verdict verdict)
{
	return verdict == VERDICT_ACCEPT || verdict == VERDICT_DISCARD || verdict == VERDICT_HOLD;
}

/* What a true rule comes to, where one that could not be judged may have let the message pass. */
static enum verdict after(enum verdict verdict, bool passed_over)
{
	bool harsh = verdict == VERDICT_REJECT || verdict == VERDICT_DISCARD;

	return harsh && passed_over ? VERDICT_DEFER : verdict;
}

struct outcomes {
	int count;
	bool differ;
	enum verdict verdict;
	int edits;
};

static void outcome(struct outcomes *o, enum verdict verdict, int edits)
{
	if (verdict != VERDICT_ACCEPT && verdict != VERDICT_HOLD)
		edits = 0;
	if (o->count++ > 0 && (o->verdict != verdict || o->edits != edits))
		o->differ = true;
	o->verdict = verdict;
	o->edits = edits;
}

void oracle_now(const struct moment *m, struct said *said_r)
{
	const struct gen_policy *p = &m->place.c->policy;
	struct outcomes outcomes = {0};
	/* Ways to get this far: with nothing passed over that could not be judged, and with. */
	bool ways[2] = {true, false};
	int edits = 0;

	*said_r = (struct said){.rule = -1, .text_known = true};
	for (int i = 0; i < p->rule_count && (ways[0] || ways[1]); i++) {
		const struct gen_rule *rule = &p->rules[i];
		enum verdict verdict;
		bool text_known;
		int set = counts(rule) ? rule_now(m, i, &text_known) : NO;

		if (set == NO)
			continue;
		if (rule_edits(rule) && set & YES)
			edits++;
		if (!rule_decides(rule, &verdict))
			continue;
		for (int way = 0; way < 2; way++) {
			if (ways[way] && set & YES)
				outcome(&outcomes, after(verdict, way), edits);
			if (ways[way] && set & DEFERS)
				outcome(&outcomes, VERDICT_DEFER, edits);
		}
		if (set & SKIPS && soft(verdict))
			ways[1] = ways[1] || ways[0];
		if (!(set & NO) && !(set & SKIPS && !soft(verdict)))
			ways[0] = false;
		if (!(set & (NO | SKIPS)))
			ways[1] = false;
		if (ways[0] || ways[1])
			continue;
		said_r->rule = i;
		said_r->text_known = text_known;
		/* A failure has a text of its own. */
		said_r->text_known |=
		    outcomes.verdict == VERDICT_DEFER && (verdict != VERDICT_DEFER || !(set & YES));
	}
	if (ways[0] || ways[1])
		outcome(&outcomes, VERDICT_ACCEPT, edits);
	said_r->certain = !outcomes.differ;
	said_r->verdict = outcomes.verdict;
	said_r->pending = edits > 0;
}

void oracle_final(const struct moment *m, struct final *final_r)
{
	const struct gen_policy *p = &m->place.c->policy;
	bool passed_over = false, text_known;

	*final_r = (struct final){.verdict = VERDICT_ACCEPT, .rule = -1};
	for (int i = 0; i < p->rule_count; i++) {
		enum verdict verdict;
		int value = counts(&p->rules[i]) ? rule_now(m, i, &text_known) : NO;

		if (value == NO)
			continue;
		if (value == YES)
			final_r->score += rule_points(&p->rules[i], F_SCORE);
		if (!rule_decides(&p->rules[i], &verdict)) {
			final_r->applies[i] = value == YES;
			continue;
		}
		if (value == SKIPS) {
			passed_over |= soft(verdict);
			continue;
		}
		final_r->rule = i;
		final_r->applies[i] = value == YES;
		final_r->verdict = value == YES ? after(verdict, passed_over) : VERDICT_DEFER;
		final_r->failure = value != YES || final_r->verdict != verdict;
		return;
	}
}

bool oracle_true(const struct moment *m, int rule)
{
	bool text_known;

	return rule_now(m, rule, &text_known) == YES;
}

int oracle_value(const struct moment *m, int rule)
{
	bool text_known;
	int value = rule_now(m, rule, &text_known);

	return value == YES ? 1 : value == DEFERS ? -1 : value == SKIPS ? -2 : 0;
}

bool oracle_decides(const struct moment *m, int rule)
{
	bool text_known;
	int set = rule_now(m, rule, &text_known);

	return !(set & (NO | SKIPS));
}

bool oracle_fails(const struct moment *m)
{
	const struct gen_policy *p = &m->place.c->policy;
	enum verdict verdict;
	bool text_known;

	for (int i = 0; i < p->rule_count; i++)
		if (counts(&p->rules[i]) && rule_decides(&p->rules[i], &verdict) &&
		    rule_now(m, i, &text_known) & FAILS)
			return true;
	return false;
}
