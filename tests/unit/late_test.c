/* SPDX-License-Identifier: BSD-2-Clause */
/* Facts with a late input: known early where they can do without it, later where they cannot. */

#include "postern/arena.h"
#include "postern/engine.h"
#include "tests/unit/unit.h"

#define TYPE_OF(base)                                                                              \
	{                                                                                          \
		base, false, NULL                                                                  \
	}

/* True if quick is, else what slow says. */
static enum fact_state either_provide(const struct fact_call *call, struct value *value_r)
{
	const struct value *quick = call->inputs[0], *slow = call->inputs[1];

	if (quick->number) {
		*value_r = value_boolean(true);
		return FACT_PRESENT;
	}
	if (slow->state == FACT_UNKNOWN)
		return fact_wait_late(call);
	*value_r = value_boolean(slow->state == FACT_PRESENT && slow->number);
	return FACT_PRESENT;
}

static enum fact_state same_provide(const struct fact_call *call, struct value *value_r)
{
	*value_r = *call->inputs[0];
	return FACT_PRESENT;
}

#define ROW .type = TYPE_OF(TYPE_BOOLEAN), .scope = SCOPE_MESSAGE, .help = "Made up."

static const struct fact_def facts[] = {
    {.name = "quick", ROW, .stage = STAGE_MAIL},
    {.name = "slow.base", ROW, .stage = STAGE_MESSAGE},
    {.name = "slow",
     ROW,
     .stage = STAGE_MESSAGE,
     .cost = COST_DNS,
     .inputs = NAMES("slow.base"),
     .provide = same_provide,
     .on_failure = FAILURE_DEFER},
    {.name = "either",
     ROW,
     .stage = STAGE_MAIL,
     .inputs = NAMES("quick"),
     .late = NAMES("slow"),
     .provide = either_provide},
    {.name = "either.asked",
     ROW,
     .stage = STAGE_MAIL,
     .cost = COST_DNS,
     .inputs = NAMES("quick"),
     .late = NAMES("slow"),
     .provide = either_provide},
    {.name = "either.set",
     ROW,
     .stage = STAGE_MAIL,
     .inputs = NAMES("quick"),
     .late = NAMES("slow"),
     .late_if = "slowly",
     .provide = either_provide},
    {.name = "follows",
     ROW,
     .stage = STAGE_RCPT,
     .inputs = NAMES("either.set"),
     .provide = same_provide},
    {.name = "lasting",
     .type = TYPE_OF(TYPE_BOOLEAN),
     .scope = SCOPE_CONNECTION,
     .stage = STAGE_CONNECT,
     .help = "Made up."},
    {.name = "shorter",
     .type = TYPE_OF(TYPE_BOOLEAN),
     .scope = SCOPE_CONNECTION,
     .stage = STAGE_CONNECT,
     .inputs = NAMES("lasting"),
     .late = NAMES("slow"),
     .late_if = "slowly",
     .provide = either_provide,
     .help = "Made up."},
    {.name = NULL},
};
static const struct setting_def settings[] = {
    {.name = "slowly", .type = TYPE_OF(TYPE_TEXT), .help = "Made up."}, {.name = NULL}};
static const struct family family_made_up = {
    .name = "made-up", .facts = facts, .settings = settings};
extern const struct family family_verdict;
const struct family *const families[] = {&family_made_up, &family_verdict, NULL};

static struct policy *policy;
static struct arena *arena;
static struct view view;
static char lookups;

static void begin(const char *text)
{
	struct source source = {"late.policy", str_of(text)};

	arena = arena_new(NULL);
	policy = policy_compile(&source, ".", NULL, diag_new(arena));
	CHECK(policy != NULL);
	view = (struct view){.policy = policy, .stage = STAGE_MAIL};
	for (int i = 0; i < SCOPE_COUNT; i++) {
		view.arenas[i] = arena;
		view.cells[i] = arena_array(arena, policy->cells[i] + 1, sizeof(struct cell));
	}
}

static void end(void)
{
	arena_free(&arena);
	policy_free(&policy);
}

static unsigned slot(const char *name)
{
	int n = policy_slot(policy, name);

	CHECK(n >= 0);
	return n < 0 ? 0 : (unsigned)n;
}

static enum fact_state state(const char *name)
{
	return view_value(&view, slot(name))->state;
}

static unsigned bits(unsigned a, unsigned b)
{
	return 1u << a | 1u << b;
}

static void test_stages(void)
{
	begin("reject \"x\" when either or either.set or follows");
	CHECK_INT(policy->slots[slot("either")].stage, STAGE_MAIL);
	CHECK_INT(policy->slots[slot("either")].stages, bits(STAGE_MAIL, STAGE_MESSAGE));
	/* What exists only with a setting brings nothing without it. */
	CHECK_INT(policy->slots[slot("either.set")].stages, 1u << STAGE_MAIL);
	CHECK_INT(policy->slots[slot("either.set")].late_count, 0);
	CHECK_INT(policy->slots[slot("follows")].stages, 1u << STAGE_RCPT);
	CHECK(!policy->slots[slot("follows")].may_defer);
	end();
	/* The setting may stand below the rule. */
	begin("reject \"x\" when follows  set slowly \"yes\"");
	CHECK_INT(policy->slots[slot("follows")].stage, STAGE_RCPT);
	CHECK_INT(policy->slots[slot("follows")].stages, bits(STAGE_RCPT, STAGE_MESSAGE));
	/* And so may a failure of the late input reach what is computed from it. */
	CHECK(policy->slots[slot("follows")].may_defer);
	end();
	begin("reject \"x\" when shorter");
	CHECK_INT(policy->slots[slot("shorter")].scope, SCOPE_CONNECTION);
	end();
	begin("reject \"x\" when shorter  set slowly \"yes\"");
	CHECK_INT(policy->slots[slot("shorter")].scope, SCOPE_MESSAGE);
	end();
	CHECK_INT(registry_stages(&facts[5]), bits(STAGE_MAIL, STAGE_MESSAGE));
	CHECK_INT(registry_stages(&facts[0]), 1u << STAGE_MAIL);
}

static void test_known_without_the_late_input(void)
{
	begin("reject \"x\" when either");
	view_set(&view, "quick", value_boolean(true));
	CHECK(state("either") == FACT_PRESENT);
	end();
}

static void test_waits_for_the_late_input(void)
{
	begin("reject \"x\" when either");
	view_set(&view, "quick", value_boolean(false));
	CHECK(state("either") == FACT_UNKNOWN);
	view.stage = STAGE_MESSAGE;
	CHECK(state("either") == FACT_UNKNOWN);
	view_set(&view, "slow", value_boolean(true));
	CHECK(state("either") == FACT_PRESENT);
	end();
}

/* A late input may have failed: that is the provider's to judge. */
static void test_a_failed_late_input(void)
{
	begin("reject \"x\" when either");
	view_set(&view, "quick", value_boolean(false));
	view_set(&view, "slow", value_failed("no answer"));
	CHECK(state("either") == FACT_PRESENT);
	end();
}

static void test_absent_without_the_setting(void)
{
	begin("reject \"x\" when either.set");
	view_set(&view, "quick", value_boolean(false));
	CHECK(state("either.set") == FACT_PRESENT);
	end();
}

/* Waiting helps while a lookup may tell; never for want of what the stage does not show. */
static void test_awaitable(void)
{
	struct decision d;

	begin("reject \"x\" when either.asked");
	view.lookups = (struct lookups *)(uintptr_t)&lookups; /* there, and never asked */
	view_set(&view, "quick", value_boolean(false));
	CHECK(view_awaitable(&view, slot("either.asked")));
	CHECK(!view_start(&view, slot("either.asked")));
	CHECK(!view_awaitable(&view, slot("either.asked")));
	engine_decide(&view, arena, NULL, NULL, &d);
	CHECK(!d.certain && !d.worth_waiting);
	CHECK_INT(d.needed_count, 0);
	CHECK_INT(d.open_count, 1);
	view.stage = STAGE_MESSAGE;
	view_set(&view, "slow.base", value_boolean(true));
	/* The late input is asked for only now that it is wanted. */
	CHECK(view_awaitable(&view, slot("either.asked")));
	CHECK(view_start(&view, slot("either.asked")));
	engine_decide(&view, arena, NULL, NULL, &d);
	CHECK(d.certain && d.verdict == VERDICT_REJECT);
	end();
}

static void test_a_late_input_that_is_not_wanted_is_not_asked(void)
{
	begin("reject \"x\" when either.asked");
	view.stage = STAGE_MESSAGE;
	view.lookups = (struct lookups *)(uintptr_t)&lookups;
	view_set(&view, "quick", value_boolean(true));
	view_set(&view, "slow.base", value_boolean(true));
	CHECK(view_start(&view, slot("either.asked")));
	CHECK(!view.cells[SCOPE_MESSAGE][policy->slots[slot("slow")].index].started);
	end();
}

int main(void)
{
	RUN(test_stages);
	RUN(test_known_without_the_late_input);
	RUN(test_waits_for_the_late_input);
	RUN(test_a_failed_late_input);
	RUN(test_absent_without_the_setting);
	RUN(test_awaitable);
	RUN(test_a_late_input_that_is_not_wanted_is_not_asked);
	return unit_done();
}
