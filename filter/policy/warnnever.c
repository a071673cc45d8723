/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Values that a fact never has, as other programs write them: a star for anything, a dot before an
 * extension, "unknown" for a client without a name. Such a comparison is false for ever.
 */

#include "filter/policy/warn.h"

static bool is_one_of(const char *fact, const char *const *facts)
{
	for (; *facts; facts++)
		if (strcmp(fact, *facts) == 0)
			return true;
	return false;
}

/* What to write instead, if a star in the text seems to stand for anything. */
static const char *star_mend(struct str text)
{
	if (str_starts(text, STR("*.")) || str_starts(text, STR("*@")))
		return "a '*' stands for itself, write 'ends with' and what follows it";
	if (str_ends(text, STR("/*")))
		return "a '*' stands for itself, write 'starts with' and what precedes it";
	return NULL;
}

static const char *mend_of(const char *fact, struct str text, bool whole)
{
	static const char *const names[] = {"client.name", "client.ptr", NULL};
	static const char *const users[] = {"auth.user",   "auth.method", "helo.name",
					    "tls.version", "tls.cipher",  NULL};
	const char *star = star_mend(text);

	if (star || !whole)
		return star;
	if (strcmp(fact, "attachment.extension") == 0 && str_chr(text, '.') >= 0)
		return "it is what follows the last dot, without one";
	if (is_one_of(fact, names) && str_caseeq(text, STR("unknown")))
		return "where there is none it is absent, write 'is absent'";
	if (is_one_of(fact, users) && text.n == 0)
		return "where there is none it is absent, write 'is absent'";
	return NULL;
}

static bool is_text(enum type_base base)
{
	return base == TYPE_TEXT || base == TYPE_DOMAIN || base == TYPE_ADDRESS;
}

static void check_value(struct checker *checker, const struct cond *test, const struct value *value)
{
	const char *fact = warn_slot(checker, test->left)->def->name, *mend = NULL;
	bool whole = test->op == OP_IS || test->op == OP_IS_NOT || test->op == OP_IN ||
		     test->op == OP_NOT_IN;

	if (is_text(test->base) && (whole || test->op == OP_ENDS_WITH))
		mend = mend_of(fact, value->text, whole);
	if (mend)
		warn_at(checker, "never", test->right_span, "'%s' is never \"" STR_FMT "\": %s",
			fact, STR_ARG(value->text), mend);
	if (strcmp(fact, "client.net") == 0 && whole &&
	    value->network.prefix != (ip_is_v4(&value->network.ip) ? 120 : 64))
		warn_at(checker, "never", test->right_span,
			"'client.net' is the client's own /24, or /64 of IPv6, which is never this "
			"network: write 'client.ip in ...'");
	if (strcmp(fact, "time.hour") == 0 && whole &&
	    (value->number < 0 || value->number > INT64_C(23000)))
		warn_at(checker, "never", test->right_span, "'time.hour' is from 0 to 23");
}

/* The first thousand say enough. */
static void check_items(struct checker *checker, const struct cond *test)
{
	const struct str *texts;
	size_t count;

	if (table_kind(test->table) == TABLE_NETWORKS ||
	    !table_texts(test->table, checker->arena, 1000, &texts, &count))
		return;
	for (size_t i = 0; i < count; i++) {
		struct value value = value_text(texts[i]);

		check_value(checker, test, &value);
	}
}

/* RFC 5322 2.2: printable ASCII without a colon. */
static bool is_field_name(struct str text)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.s[i] <= ' ' || text.s[i] > '~' || text.s[i] == ':')
			return false;
	return text.n > 0;
}

static void check_field(struct checker *checker, const struct cond *test)
{
	static const char *const facts[] = {"header", "header.count", NULL};
	const struct slot *slot = warn_slot(checker, test->left);

	if (is_one_of(slot->def->name, facts) && !slot->arguments[0].is_slot &&
	    !is_field_name(slot->arguments[0].value.text))
		warn_at(checker, "never", test->span,
			"no field has the name \"" STR_FMT "\", write it without colon and blanks",
			STR_ARG(slot->arguments[0].value.text));
}

static void check_test(void *ctx, const struct cond *test, bool holds)
{
	struct checker *checker = ctx;

	(void)holds;
	check_field(checker, test);
	if (test->right_kind == RIGHT_VALUE)
		check_value(checker, test, &test->value);
	for (size_t i = 0; test->right_kind == RIGHT_SET && i < test->set_count; i++)
		check_value(checker, test, &test->set[i]);
	if (test->right_kind == RIGHT_TABLE)
		check_items(checker, test);
}

void warn_never(struct checker *checker)
{
	for (size_t i = 0; i < checker->policy->rule_count; i++)
		warn_tests(checker->policy->rules[i].cond, true, check_test, checker);
}
