/* SPDX-License-Identifier: BSD-2-Clause */
/* What proofs cost, in steps: 200 rules over 60 elementary conditions are far from the limit. */

#include "postern/arena.h"
#include "postern/prove.h"

#include "tests/unit/unit.h"

#define RULES 200
#define CONDITIONS 60
/* A fortieth of what a proof may cost: these policies must stay easy. */
#define STEPS (PROVE_STEPS / 40)

static uint64_t state;

static unsigned below(unsigned n)
{
	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(state >> 33) % n;
}

static void add_condition(struct buf *out, unsigned n)
{
	switch (n % 6) {
	case 0:
		buf_printf(out, "helo.name is \"h%u\"", n);
		break;
	case 1:
		buf_printf(out, "sender.domain is \"s%u.example\"", n);
		break;
	case 2:
		buf_printf(out, "client.ip in { 10.%u.0.0/16 }", n);
		break;
	case 3:
		buf_printf(out, "any header(\"X%u\") is \"a\"", n);
		break;
	case 4:
		buf_printf(out, "recipient.local is \"r%u\"", n);
		break;
	default:
		buf_printf(out, "resolves(\"d%u.example\")", n);
		break;
	}
}

static void add_conditions(struct buf *out, const char *joint, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		buf_printf(out, "%s%s(", i > 0 ? joint : "", below(2) ? "not " : "");
		add_condition(out, below(CONDITIONS));
		buf_puts(out, ")");
	}
}

static void add_rules(struct buf *out, unsigned count)
{
	static const char *const actions[] = {"accept", "reject \"No\"", "defer \"Later\"",
					      "hold \"x\"", "discard \"y\""};

	for (unsigned i = 0; i < count; i++) {
		/* One after the other: the order in which arguments are made is the compiler's. */
		const char *action = actions[below(5)];
		unsigned conditions = 2 + below(3);
		const char *joint = below(8) == 0 ? " or " : " and ";

		buf_printf(out, "%s when ", action);
		add_conditions(out, joint, conditions);
		buf_puts(out, "\n");
	}
}

/* The relay rule above all others, or below. */
static struct proof_result prove(uint64_t seed, bool above, size_t steps)
{
	static const char relay[] = "reject \"No\" when recipient.domain is \"far.example\"\n";
	struct arena *arena = arena_new(NULL);
	struct diag *diag = diag_new(arena);
	struct buf text = {.arena = arena};
	struct source source = {.name = "made-up"};
	struct proof_result result = {.proof = PROOF_UNDECIDED};
	struct policy *policy;

	state = seed;
	buf_puts(&text, above ? relay : "");
	add_rules(&text, RULES);
	buf_puts(&text, above ? "" : relay);
	buf_puts(&text, "assert not delivered when recipient.domain is \"far.example\"\n");
	source.text = buf_str(&text);
	policy = policy_compile(&source, ".", NULL, diag);
	diag_print(diag, stdout);
	if (policy)
		result = prove_assertion(prover_new(arena, policy), &policy->assertions[0], steps);
	policy_free(&policy);
	arena_free(&arena);
	return result;
}

static void large_policies_are_decided(void)
{
	size_t most = 0, count = 0;

	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct proof_result proved = prove(seed, true, STEPS);
		struct proof_result refuted = prove(seed, false, STEPS);

		CHECK_INT(proved.proof, PROOF_PROVED);
		CHECK(refuted.proof != PROOF_UNDECIDED);
		count += refuted.proof == PROOF_REFUTED;
		most = proved.steps > most ? proved.steps : most;
		most = refuted.steps > most ? refuted.steps : most;
	}
	CHECK(count >= 15);
	printf("at most %zu steps for %d rules over %d conditions\n", most, RULES, CONDITIONS);
}

/* Assertions about anything, most of which do not hold, some of which do. */
static void any_assertions_are_decided(void)
{
	static const char *const outcomes[] = {"not delivered", "not accept",  "refused",
					       "not reject",    "not discard", "delivered"};
	size_t most = 0, count[3] = {0};

	for (uint64_t seed = 1; seed <= 40; seed++) {
		struct arena *arena = arena_new(NULL);
		struct diag *diag = diag_new(arena);
		struct buf text = {.arena = arena};
		struct source source = {.name = "made-up"};
		struct policy *policy;
		struct prover *prover;

		state = seed;
		buf_puts(&text, seed % 3 == 0 ? "set mixed message\n" : "");
		/* Where few verdicts are left in the end, more is to be proved. */
		add_rules(&text, RULES - 1);
		buf_puts(&text, seed % 2 ? "reject \"No\"\n" : "accept\n");
		for (unsigned i = 0; i < 6; i++) {
			buf_printf(&text, "assert %s when ", outcomes[i]);
			add_conditions(&text, " and ", 6 + below(30));
			buf_puts(&text, "\n");
		}
		source.text = buf_str(&text);
		policy = policy_compile(&source, ".", NULL, diag);
		diag_print(diag, stdout);
		prover = prover_new(arena, policy);
		for (size_t i = 0; i < policy->assertion_count; i++) {
			struct proof_result result =
			    prove_assertion(prover, &policy->assertions[i], PROVE_STEPS);

			count[result.proof]++;
			most = result.steps > most ? result.steps : most;
		}
		policy_free(&policy);
		arena_free(&arena);
	}
	printf("%zu proved, %zu refuted, %zu undecided, in at most %zu steps\n",
	       count[PROOF_PROVED], count[PROOF_REFUTED], count[PROOF_UNDECIDED], most);
	CHECK(count[PROOF_PROVED] > 20);
	CHECK(count[PROOF_REFUTED] > 20);
	CHECK_INT(count[PROOF_UNDECIDED], 0);
}

/* As hard as conditions of three parts can be: neither few nor many ways through them. */
static void hard_policies_are_decided(void)
{
	size_t most = 0, count[3] = {0};

	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct arena *arena = arena_new(NULL);
		struct diag *diag = diag_new(arena);
		struct buf text = {.arena = arena};
		struct source source = {.name = "made-up"};
		struct policy *policy;
		struct proof_result result;

		state = seed;
		for (unsigned i = 0; i < 256; i++) {
			buf_puts(&text, "reject \"No\" when ");
			add_conditions(&text, " and ", 3);
			buf_puts(&text, "\n");
		}
		buf_puts(&text, "assert not accept when client.ip is present\n");
		source.text = buf_str(&text);
		policy = policy_compile(&source, ".", NULL, diag);
		result =
		    prove_assertion(prover_new(arena, policy), &policy->assertions[0], PROVE_STEPS);
		count[result.proof]++;
		most = result.steps > most ? result.steps : most;
		policy_free(&policy);
		arena_free(&arena);
	}
	printf("hard: %zu proved, %zu refuted, %zu undecided, in at most %zu steps\n",
	       count[PROOF_PROVED], count[PROOF_REFUTED], count[PROOF_UNDECIDED], most);
	CHECK_INT(count[PROOF_UNDECIDED], 0);
	CHECK(most < PROVE_STEPS / 4);
}

static void too_few_steps_decide_nothing(void)
{
	struct proof_result result = prove(1, false, 0);

	CHECK_INT(result.proof, PROOF_UNDECIDED);
	CHECK(result.steps < 5000);
}

int main(void)
{
	RUN(large_policies_are_decided);
	RUN(any_assertions_are_decided);
	RUN(hard_policies_are_decided);
	RUN(too_few_steps_decide_nothing);
	return unit_done();
}
