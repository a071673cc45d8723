/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Values for proofs: all that a fact is compared with, their neighbours where there is an order,
 * and one that nothing names. Between them they show every way in which the tests of the fact can
 * turn out; where they might not, a test is left free.
 */

#include "filter/policy/prove.h"
#include "postern/mail.h"

void candidate_add(struct candidates *candidates, struct value value, bool fresh)
{
	*vec_push(candidates->arena, &candidates->items) =
	    (struct candidate){.value = value, .fresh = fresh};
}

static bool is_number(enum type_base base)
{
	return base == TYPE_NUMBER || base == TYPE_DURATION || base == TYPE_SIZE;
}

/* Its neighbours too; but for the score, which is none of these facts, numbers are whole. */
static void add_numbers(struct candidates *candidates, enum type_base base, int64_t number)
{
	static const int64_t steps[] = {0, 1, -1, 2};
	int64_t unit = base == TYPE_NUMBER ? 1000 : 1, first = number - number % unit;

	for (size_t i = 0; i < 4; i++)
		if (first + steps[i] * unit >= 0 || number < 0)
			candidate_add(candidates, value_number(first + steps[i] * unit), false);
}

static void add_ip(struct candidates *candidates, struct ip ip, int step)
{
	int carry = step;

	for (int i = 15; i >= 0 && carry != 0; i--) {
		int byte = ip.bytes[i] + carry;

		carry = byte < 0 ? -1 : byte > 255 ? 1 : 0;
		ip.bytes[i] = (uint8_t)byte;
	}
	if (carry == 0)
		candidate_add(candidates, value_ip(&ip), true);
}

static void add_table(const struct prover *p, const struct cond *test,
		      struct candidates *candidates)
{
	const struct str *texts;
	const struct ip *ips;
	size_t count;

	(void)p;
	if (table_kind(test->table) == TABLE_NETWORKS) {
		if (!table_ranges(test->table, candidates->arena, PROVE_ITEMS, &ips, &count))
			return;
		for (size_t i = 0; i + 1 < count; i += 2) {
			/* Not the network's own address, which no client has. */
			add_ip(candidates, ips[i], memcmp(&ips[i], &ips[i + 1], 16) != 0);
			add_ip(candidates, ips[i], 0);
			add_ip(candidates, ips[i + 1], 0);
			add_ip(candidates, ips[i], -1);
			add_ip(candidates, ips[i + 1], 1);
		}
		return;
	}
	if (!table_texts(test->table, candidates->arena, PROVE_ITEMS, &texts, &count))
		return;
	for (size_t i = 0; i < count; i++) {
		struct str text = texts[i];
		bool below = test->base == TYPE_DOMAIN && text.n > 0 && text.s[0] == '.';
		bool at = test->base == TYPE_ADDRESS && text.n > 0 && text.s[0] == '@';

		if (below || at)
			text = str_printf(candidates->arena, "%s" STR_FMT, at ? "user" : "host",
					  STR_ARG(text));
		candidate_add(candidates, value_text(text), below || at);
	}
}

/* A text that has this part where the operator looks for it. */
static void add_part(const struct cond *test, struct candidates *candidates)
{
	struct str part = test->value.text, text = part, domain;

	if (test->base == TYPE_TEXT) {
		candidate_add(candidates, value_text(text), false);
		return;
	}
	if (test->op == OP_ENDS_WITH && part.n > 0 && part.s[0] == '.')
		text = str_printf(candidates->arena, "%s" STR_FMT,
				  test->base == TYPE_DOMAIN ? "host" : "user@host", STR_ARG(part));
	else if (test->op == OP_ENDS_WITH && part.n > 0 && part.s[0] == '@')
		text = str_printf(candidates->arena, "user" STR_FMT, STR_ARG(part));
	else if (test->op == OP_STARTS_WITH)
		text = str_printf(candidates->arena, STR_FMT "%s", STR_ARG(part),
				  test->base == TYPE_DOMAIN ? "x.example"
				  : str_chr(part, '@') >= 0 ? ".example"
							    : "@outside.example");
	else if (test->op == OP_CONTAINS)
		text = test->base == TYPE_DOMAIN
			   ? str_printf(candidates->arena, "x" STR_FMT "x.example", STR_ARG(part))
			   : str_printf(candidates->arena, "x" STR_FMT "x@outside.example",
					STR_ARG(part));
	if (test->base == TYPE_DOMAIN && domain_normal(candidates->arena, text, &domain))
		candidate_add(candidates, value_text(domain), false);
	/* "example.org" at the end is not only that domain. */
	text = str_printf(candidates->arena, "x" STR_FMT, STR_ARG(part));
	if (test->base == TYPE_DOMAIN && test->op == OP_ENDS_WITH &&
	    domain_normal(candidates->arena, text, &domain))
		candidate_add(candidates, value_text(domain), false);
	if (test->base == TYPE_ADDRESS && str_chr(text, '@') > 0)
		candidate_add(candidates, value_text(text), false);
}

static void add_value(const struct cond *test, const struct value *value,
		      struct candidates *candidates)
{
	if (test->op == OP_CONTAINS || test->op == OP_STARTS_WITH || test->op == OP_ENDS_WITH)
		add_part(test, candidates);
	else if (is_number(test->base))
		add_numbers(candidates, test->base, value->number);
	else
		candidate_add(candidates, *value, false);
	if (test->base == TYPE_IP) {
		add_ip(candidates, value->network.ip, 1);
		add_ip(candidates, value->network.ip, -1);
	}
}

static void add_matching(const struct cond *test, struct candidates *candidates)
{
	struct value value = value_text(pattern_example(candidates->arena, test->pattern));
	struct str domain;

	if (pattern_matches(test->pattern, value.text) != 1)
		return;
	if (test->base == TYPE_TEXT ||
	    (test->base == TYPE_DOMAIN && domain_normal(candidates->arena, value.text, &domain) &&
	     str_eq(domain, value.text)) ||
	    (test->base == TYPE_ADDRESS && str_chr(value.text, '@') > 0))
		candidate_add(candidates, value, false);
}

void candidates_of_test(const struct prover *p, const struct cond *test,
			struct candidates *candidates)
{
	if (test->op == OP_IS_PRESENT)
		return;
	*vec_push(candidates->arena, &candidates->tests) = test;
	if (test->right_kind == RIGHT_VALUE)
		add_value(test, &test->value, candidates);
	if (test->right_kind == RIGHT_SET)
		for (size_t i = 0; i < test->set_count; i++)
			add_value(test, &test->set[i], candidates);
	if (test->right_kind == RIGHT_TABLE)
		add_table(p, test, candidates);
	if (test->right_kind == RIGHT_PATTERN)
		add_matching(test, candidates);
}

static void add_outside(struct candidates *candidates, const char *text)
{
	candidate_add(candidates, value_text(str_of(text)), true);
	candidates->items.items[candidates->items.count - 1].outside = true;
}

static void add_fresh_ip(struct candidates *candidates, const char *text)
{
	struct ip ip;

	ip_parse(str_of(text), &ip);
	candidate_add(candidates, value_ip(&ip), true);
}

void candidates_fresh(enum type_base base, const struct enum_def *enumeration,
		      struct candidates *candidates)
{
	switch (base) {
	case TYPE_BOOLEAN:
		candidate_add(candidates, value_boolean(false), false);
		candidate_add(candidates, value_boolean(true), false);
		break;
	case TYPE_ENUM:
		for (int i = 0; enumeration->values[i]; i++)
			candidate_add(candidates, value_enum(i), false);
		break;
	case TYPE_NUMBER:
		candidate_add(candidates, value_number(1000), false);
		break;
	case TYPE_DURATION:
	case TYPE_SIZE:
		candidate_add(candidates, value_number(2000), false);
		break;
	case TYPE_TEXT:
		add_outside(candidates, "outside");
		break;
	case TYPE_DOMAIN:
		add_outside(candidates, "outside.example");
		break;
	case TYPE_ADDRESS:
		add_outside(candidates, "user@outside.example");
		break;
	case TYPE_IP:
	case TYPE_NETWORK:
		add_fresh_ip(candidates, "203.0.113.9");
		add_fresh_ip(candidates, "2001:db8:9::9");
		add_fresh_ip(candidates, "0.0.0.0");
		add_fresh_ip(candidates, "255.255.255.255");
		add_fresh_ip(candidates, "::");
		add_fresh_ip(candidates, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
		break;
	case TYPE_PATTERN:
	case TYPE_OPAQUE:
		candidate_add(candidates, (struct value){.state = FACT_PRESENT}, true);
		break;
	}
}

/* Does a test find the text among those that it names? A table that is too long is left free. */
static bool is_found(struct prover *p, const struct candidates *candidates, struct str text)
{
	const struct value value = value_text(text);

	for (size_t i = 0; i < candidates->tests.count; i++) {
		const struct cond *test = candidates->tests.items[i];

		if (test->table && test->right_kind == RIGHT_TABLE &&
		    table_count(test->table) <= PROVE_ITEMS &&
		    compare_test(&p->plain, test, &value, &test->value) ==
			(test->op == OP_NOT_IN ? 0 : 1))
			return true;
	}
	return false;
}

static bool is_named(const struct candidates *candidates, struct str text)
{
	for (size_t i = 0; i < candidates->items.count; i++)
		if (!candidates->items.items[i].fresh &&
		    str_caseeq(candidates->items.items[i].value.text, text))
			return true;
	return false;
}

static bool has_pattern(const struct candidates *candidates)
{
	for (size_t i = 0; i < candidates->tests.count; i++)
		if (candidates->tests.items[i]->right_kind == RIGHT_PATTERN)
			return true;
	return false;
}

static void add_cased(struct candidates *candidates, struct str text, char first, char last, int by)
{
	struct buf out = {.arena = candidates->arena};

	for (size_t i = 0; i < text.n; i++)
		buf_putc(&out, (char)(text.s[i] >= first && text.s[i] <= last ? text.s[i] + by
									      : text.s[i]));
	if (!str_eq(buf_str(&out), text))
		candidate_add(candidates, value_text(buf_str(&out)), false);
}

static void add_spellings(struct candidates *candidates)
{
	size_t count = candidates->items.count;

	for (size_t i = 0; i < count; i++) {
		struct candidate other = candidates->items.items[i];

		if (other.fresh)
			continue;
		/* Those that can be shown come first. */
		add_cased(candidates, other.value.text, 'a', 'z', 'A' - 'a');
		add_cased(candidates, other.value.text, 'A', 'Z', 'a' - 'A');
		other.loose = true;
		*vec_push(candidates->arena, &candidates->items) = other;
	}
}

/* Every name below a table's ".example" is in it: what is in none has another last label. */
static struct str other_text(struct arena *arena, struct str text, bool whole)
{
	size_t at = whole ? (size_t)(str_rchr(text, '.') + 1) : 0;

	return str_printf(arena, STR_FMT "a" STR_FMT, STR_ARG(str_sub(text, 0, at)),
			  STR_ARG(str_sub(text, at, text.n)));
}

void candidates_apart(struct prover *p, struct candidates *candidates, enum type_base base)
{
	if (base != TYPE_TEXT && base != TYPE_DOMAIN && base != TYPE_ADDRESS)
		return;
	for (size_t i = 0; i < candidates->items.count; i++) {
		struct candidate *one = &candidates->items.items[i];

		while (one->fresh && (is_named(candidates, one->value.text) ||
				      (one->outside && is_found(p, candidates, one->value.text))))
			one->value.text =
			    other_text(candidates->arena, one->value.text, one->outside);
	}
	if (base != TYPE_DOMAIN && has_pattern(candidates))
		add_spellings(candidates);
}

/* Does the test look for a sign of a detour, which 'recipient.routed' is about as well? */
static bool asks_detour(const struct cond *test)
{
	struct str part = test->value.text;

	return test->right_kind == RIGHT_VALUE && test->op >= OP_CONTAINS &&
	       test->op <= OP_ENDS_WITH &&
	       (str_chr(part, '%') >= 0 || str_chr(part, '!') >= 0 || str_chr(part, '@') >= 0);
}

cond_set candidate_state(struct prover *p, const struct cond *test,
			 const struct candidate *candidate)
{
	cond_set may = elementary_may(p, test), open = COND_FALSE | COND_TRUE | may;
	bool listed = !test->table || table_count(test->table) <= PROVE_ITEMS;
	int holds;

	if (test->op == OP_IS_PRESENT)
		return COND_TRUE;
	if (test->right_kind == RIGHT_SLOT || test->right_kind == RIGHT_TEMPLATE)
		return open;
	if (candidate->loose && test->op == OP_MATCHES)
		return open;
	if (candidate->plain && asks_detour(test))
		return COND_FALSE;
	if (candidate->fresh && (!listed || test->op == OP_MATCHES || test->op == OP_CONTAINS ||
				 test->op == OP_STARTS_WITH || test->op == OP_ENDS_WITH))
		return open;
	holds = compare_test(&p->plain, test, &candidate->value, &test->value);
	if (holds < 0)
		return may | COND_FAILED_DEFER;
	return (cond_set)((holds ? COND_TRUE : COND_FALSE) |
			  (test->right_kind == RIGHT_PATTERN ? 0 : may));
}
