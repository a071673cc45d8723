/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engine against the definition: random policies and dialogues, every reply and outcome
 * compared with a second evaluator. A case that fails is made as small as it can be and printed.
 *
 *   property_test [SEED [CASES]]      PROPERTY_SEED, PROPERTY_CASES in the environment
 *
 * `make check` plays 10,000 cases, contrib/check 100,000.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/arena.h"
#include "tests/policy/property.h"

#define CASES 10000
#define FAILURES_SHOWN 3

static struct gen_case kept, tried;
static char kept_why[1024];

/* Is the smaller case as wrong as the one before? A policy that does not compile is another fault.
 */
static bool still_fails(void)
{
	const char *why = case_run(&tried, false);

	if (!why || strncmp(why, kept_why, 4) != 0)
		return false;
	kept = tried;
	snprintf(kept_why, sizeof(kept_why), "%s", why);
	return true;
}

/* Changes `tried` and keeps the change if it fails all the same. */
#define TRY(change)                                                                                \
	do {                                                                                       \
		tried = kept;                                                                      \
		change;                                                                            \
		if (memcmp(&tried, &kept, sizeof(kept)) != 0 && still_fails())                     \
			progress = true;                                                           \
	} while (0)

static bool shrink_rules(void)
{
	bool progress = false;

	for (int i = kept.policy.rule_count - 1; i >= 0; i--) {
		TRY(tried.policy.rules[i].off = true);
		if (kept.policy.rules[i].off)
			continue;
		TRY(tried.policy.rules[i].group = -1);
		TRY(tried.policy.rules[i].observe = false);
		TRY(tried.policy.rules[i].clause.when = -1);
		for (int k = 0; k < 2; k++)
			TRY(tried.policy.rules[i].clause.unless[k] = -1);
		for (int k = 0; k + 1 < kept.policy.rules[i].count; k++)
			TRY(tried.policy.rules[i].acts[k] = tried.policy.rules[i].acts[k + 1];
			    tried.policy.rules[i].acts[k + 1] = tried.policy.rules[i].acts[2];
			    tried.policy.rules[i].count--);
		for (int k = 0; k < kept.policy.rules[i].count; k++) {
			TRY(tried.policy.rules[i].acts[k].facts[0] = -1);
			TRY(tried.policy.rules[i].acts[k].facts[1] = -1);
		}
	}
	for (int i = 0; i < kept.policy.group_count; i++) {
		for (int k = 0; k < 2; k++)
			TRY(tried.policy.groups[i].clause.unless[k] = -1);
	}
	return progress;
}

static bool shrink_conditions(void)
{
	bool progress = false;

	for (int i = 0; i < kept.policy.expr_count; i++) {
		struct node_expr *e = &tried.policy.exprs[i];
		const struct node_expr *was = &kept.policy.exprs[i];

		if (was->node == NODE_TEST)
			continue;
		if (was->node == NODE_DEFINE) {
			TRY(*e = tried.policy.exprs[tried.policy.defines[e->parts[0]]]);
			continue;
		}
		for (int k = 0; k < was->count && was->node != NODE_TEST; k++)
			TRY(*e = tried.policy.exprs[e->parts[k]]);
		if (was->node != NODE_TEST && was->count > 2)
			TRY(e->count--);
	}
	return progress;
}

static bool shrink_dialogue(void)
{
	bool progress = false;

	for (int i = kept.mail_count - 1; i >= 0 && kept.mail_count > 1; i--)
		TRY(memmove(&tried.mails[i], &tried.mails[i + 1],
			    sizeof(tried.mails[0]) * (size_t)(tried.mail_count - i - 1));
		    tried.mail_count--);
	for (int i = 0; i < kept.mail_count; i++) {
		struct gen_mail *m = &tried.mails[i];

		for (int k = kept.mails[i].rcpt_count - 1; k >= 0 && kept.mails[i].rcpt_count > 1;
		     k--)
			TRY(memmove(&m->rcpts[k], &m->rcpts[k + 1],
				    sizeof(int) * (size_t)(m->rcpt_count - k - 1));
			    m->rcpt_count--);
		TRY(m->helo = false);
		TRY(m->helo_again = false);
		TRY(m->abort_after = 0);
		TRY(m->one_by_one = false);
		TRY(m->brings_deferred = false);
		TRY(m->hides_data = false);
	}
	for (int f = 0; f < MADE_UP_COUNT; f++)
		TRY(tried.delays[f] = 0);
	TRY(tried.policy.early = false);
	TRY(tried.policy.observe = false);
	TRY(tried.policy.mixed = NULL);
	return progress;
}

static void failure_show(const struct gen_case *c, const char *why)
{
	unsigned late = drive_late;
	bool progress = true;
	int rounds = 0;

	kept = *c;
	snprintf(kept_why, sizeof(kept_why), "%s", why);
	while (progress && ++rounds < 20) {
		progress = shrink_rules();
		progress |= shrink_conditions();
		progress |= shrink_dialogue();
	}
	printf("PROPERTY_SEED=%llu fails: %s\n", (unsigned long long)c->seed, kept_why);
	case_print(&kept);
	printf("  dialogue:\n");
	case_run(&kept, true);
	drive_late = late;
	fflush(stdout);
}

static unsigned long long number(const char *text, unsigned long long fallback)
{
	return text ? strtoull(text, NULL, 10) : fallback;
}

int main(int argc, char **argv)
{
	static struct gen_case c;
	unsigned long long seed = number(getenv("PROPERTY_SEED"), 1);
	unsigned long long cases = number(getenv("PROPERTY_CASES"), CASES);
	unsigned long long passed = 0, wrong = 0;
	struct arena *arena = arena_new(NULL);
	const char *fault = registry_check(arena);

	/* A seed that is named is one case, as a failure prints it. */
	if (argc > 1 || getenv("PROPERTY_SEED"))
		cases = number(argc > 2 ? argv[2] : getenv("PROPERTY_CASES"), 1);
	if (argc > 1)
		seed = number(argv[1], 1);
	if (fault)
		printf("the registry: %s\n", fault);
	drive_begin();
	for (unsigned long long i = 0; i < cases && !fault; i++) {
		const char *why;

		case_make(&c, seed + i);
		why = case_run(&c, false);
		if (!why) {
			passed++;
		} else if (wrong++ < FAILURES_SHOWN) {
			failure_show(&c, why);
		} else if (wrong < 60) {
			printf("PROPERTY_SEED=%llu fails: %s\n", seed + i, why);
		}
	}
	drive_end();
	printf("%u verdicts late after a slow lookup\n", drive_late);
	if (drive_late > 10 + cases / 500) {
		printf("that is too many\n");
		wrong++;
	}
	arena_free(&arena);
	printf("%llu passed, %llu failed\n", passed, wrong + (fault ? 1 : 0));
	return wrong > 0 || fault;
}
