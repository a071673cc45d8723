/* SPDX-License-Identifier: BSD-2-Clause */
/* The families of the program, as the build lists them: their rows are sound and say what they are.
 */

#include "postern/arena.h"
#include "postern/fact.h"
#include "tests/unit/unit.h"

static struct arena *arena;

static void test_the_registry_checks_itself(void)
{
	CHECK_STR(str_of(registry_check(arena)), "");
}

/* Each row can be explained to a person: a sentence. */
static void told(const char *name, const char *help)
{
	bool sentence = help && *help >= 'A' && *help <= 'z' && str_ends(str_of(help), STR("."));

	if (!sentence)
		printf("%s: '%s' is no sentence\n", name, help ? help : "");
	CHECK(sentence);
}

static void test_every_row_has_help(void)
{
	for (const struct family *const *f = families; *f; f++) {
		CHECK((*f)->name != NULL);
		for (const struct fact_def *d = (*f)->facts; d && d->name; d++)
			told(d->name, d->help);
		for (const struct action_def *d = (*f)->actions; d && d->name; d++)
			told(d->name, d->help);
		for (const struct setting_def *d = (*f)->settings; d && d->name; d++)
			told(d->name, d->help);
	}
}

static void check_fact(const struct fact_def *d)
{
	/* What is looked up may fail, unless its failure is a value of it. */
	CHECK(d->cost < COST_DNS || d->provide);
	CHECK(!d->macro || !d->provide);
	CHECK(d->type.base != TYPE_ENUM || d->type.enumeration);
	CHECK(d->type.base != TYPE_OPAQUE || d->internal);
	/* Who asks the DNS says how often, for the sum that a policy may cost. */
	CHECK((d->cost == COST_DNS) ==
	      (d->lookups || d->lookups_spf || d->lookups_signature || d->walks));
	CHECK(!d->plural ||
	      (registry_fact(str_of(d->plural)) && registry_fact(str_of(d->plural))->type.list));
}

static void check_action(const struct action_def *d)
{
	CHECK((d->class == ACTION_EDIT || d->class == ACTION_ENVELOPE) == (d->commit != NULL));
	CHECK((d->parameters == PARAMETERS_REPLY) == (d->code != 0));
	CHECK((d->parameters == PARAMETERS_REPLY) == (d->enhanced != NULL));
	if (d->enhanced)
		CHECK_INT(d->enhanced[0] - '0', d->code / 100);
}

static void test_rows(void)
{
	for (const struct family *const *f = families; *f; f++) {
		for (const struct fact_def *d = (*f)->facts; d && d->name; d++)
			check_fact(d);
		for (const struct action_def *d = (*f)->actions; d && d->name; d++)
			check_action(d);
		if ((*f)->stream)
			CHECK(registry_fact(str_of((*f)->stream->fact)) != NULL);
	}
}

/* The names that policies and tests rely on. */
static void test_the_vocabulary(void)
{
	static const char *const facts[] = {"client.ip",
					    "client.net",
					    "client.name",
					    "helo.name",
					    "tls.version",
					    "auth.user",
					    "sender",
					    "sender.domain",
					    "recipient",
					    "recipient.domain",
					    "recipient.routed",
					    "recipient.count",
					    "attempted",
					    "spf",
					    "spf.helo",
					    "header",
					    "header.count",
					    "header.trouble",
					    "from",
					    "from.address",
					    "from.domain",
					    "from.trouble",
					    "subject",
					    "message.id",
					    "list.id",
					    "hops",
					    "dkim",
					    "dkim.domain",
					    "dkim.aligned"};
	static const char *const actions[] = {"accept",
					      "reject",
					      "defer",
					      "discard",
					      "hold",
					      "log",
					      "add header",
					      "insert header",
					      "replace header",
					      "remove header",
					      "prefix subject",
					      "add authentication-results",
					      "remove authentication-results"};

	for (size_t i = 0; i < sizeof(facts) / sizeof(*facts); i++)
		CHECK(registry_fact(str_of(facts[i])) != NULL);
	for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++)
		CHECK(registry_action(str_of(actions[i])) != NULL);
}

int main(void)
{
	arena = arena_new(NULL);
	RUN(test_the_registry_checks_itself);
	RUN(test_every_row_has_help);
	RUN(test_rows);
	RUN(test_the_vocabulary);
	arena_free(&arena);
	return unit_done();
}
