/* SPDX-License-Identifier: BSD-2-Clause */
/* Records as bytes: what goes in comes out, and no bytes whatever do harm. */

#include "postern/arena.h"
#include "postern/record.h"
#include "tests/unit/unit.h"

static struct record sample(struct arena *arena)
{
	static const struct value domains[] = {{.state = FACT_PRESENT, .text = {"a.example", 9}},
					       {.state = FACT_PRESENT, .text = {"\0\xff", 2}}};
	struct ip ip = {{[10] = 0xff, 0xff, 192, 0, 2, 1}};
	struct record r = {
	    .time = 1795433846123456,
	    .duration = 12345,
	    .queue_id = STR("4Xk2Lq0Jz9"),
	    .message_id = STR("1@example.net"),
	    .reference = STR("d2112e5er00"),
	    .policy = STR("9e1c07aa00112233"),
	    .sender = STR("<a@example.net>"),
	    .outcome = {.settled = true, .verdict = VERDICT_HOLD, .stage = STAGE_MESSAGE},
	    .refused = 1,
	    .lookups = 300,
	    .recipient_count = 2,
	    .edit_count = 1,
	    .question_count = 1,
	    .fact_count = 6,
	    .rule_count = 1,
	};

	r.recipients = arena_array(arena, 2, sizeof(*r.recipients));
	r.recipients[0].address = STR("b@example.org");
	r.recipients[1] =
	    (struct record_recipient){.address = STR("c@example.org"),
				      .outcome = {true, VERDICT_REJECT, STAGE_RCPT, STR("relay"),
						  550, STR("5.7.1"), STR("no\r\n")}};
	r.questions = arena_array(arena, 1, sizeof(*r.questions));
	r.questions[0] =
	    (struct record_question){STR("example.net"), STR("TXT"), STR("v=spf1 -all"), 2};
	r.edits = arena_array(arena, 1, sizeof(*r.edits));
	r.edits[0] = (struct record_edit){STR("add header"), STR("X-A"), STR("b")};
	r.facts = arena_array(arena, 6, sizeof(*r.facts));
	r.facts[0] =
	    (struct record_fact){.name = STR("client.ip"), .recipient = -1, .base = TYPE_IP};
	r.facts[0].value = value_ip(&ip);
	r.facts[1] = (struct record_fact){.name = STR("spf"), .recipient = -1, .base = TYPE_ENUM};
	r.facts[1].value = value_text(STR("fail"));
	r.facts[2] = (struct record_fact){.name = STR("auth.user"), .recipient = -1};
	r.facts[2].base = TYPE_TEXT;
	r.facts[2].value = value_absent();
	r.facts[3] = (struct record_fact){.name = STR("resolves(\"x\")"), .recipient = 1};
	r.facts[3].value = value_failed("timed out");
	r.facts[4] =
	    (struct record_fact){.name = STR("dkim.domain"), .recipient = -1, .list = true};
	r.facts[4].base = TYPE_DOMAIN;
	r.facts[4].value = value_list(domains, 2);
	r.facts[4].value.incomplete = true;
	r.facts[5] =
	    (struct record_fact){.name = STR("hops"), .recipient = -1, .base = TYPE_NUMBER};
	r.facts[5].value = value_number(-1500);
	r.rules = arena_array(arena, 1, sizeof(*r.rules));
	r.rules[0] = (struct record_rule){STR("relay"), 17, false, STR("reject"), STR("true")};
	return r;
}

static void test_round_trip(void)
{
	struct arena *arena = arena_new(NULL);
	struct record from = sample(arena), to;
	struct str bytes = record_encode(arena, &from);

	CHECK(record_decode(arena, bytes, &to));
	CHECK(str_eq(record_encode(arena, &to), bytes));
	CHECK_INT(to.time, from.time);
	CHECK_INT(to.refused, 1);
	CHECK_INT(to.lookups, 300);
	CHECK(str_eq(to.queue_id, from.queue_id));
	CHECK_INT(to.recipients[1].outcome.code, 550);
	CHECK(str_eq(to.recipients[1].outcome.text, STR("no\r\n")));
	CHECK_INT(to.outcome.verdict, VERDICT_HOLD);
	CHECK(str_eq(record_print(arena, &to.facts[0]), STR("192.0.2.1")));
	CHECK(str_eq(record_print(arena, &to.facts[1]), STR("fail")));
	CHECK(str_eq(record_print(arena, &to.facts[2]), STR("absent")));
	CHECK(str_eq(record_print(arena, &to.facts[3]), STR("failed (timed out)")));
	CHECK(str_eq(record_print(arena, &to.facts[4]), STR("a.example \\x00\\xFF")));
	CHECK(to.facts[4].value.incomplete);
	CHECK_INT(to.facts[3].recipient, 1);
	CHECK_STR(to.questions[0].answer, "v=spf1 -all");
	CHECK_INT(to.questions[0].records, 2);
	CHECK(str_eq(record_print(arena, &to.facts[5]), STR("-1.5")));
	arena_free(&arena);
}

/* Cut off anywhere, it is no record. */
static void test_cut_off(void)
{
	struct arena *arena = arena_new(NULL);
	struct record from = sample(arena), to;
	struct str bytes = record_encode(arena, &from);
	size_t taken = 0;

	for (size_t n = 0; n < bytes.n; n++)
		taken += record_decode(arena, str_dup(arena, str_sub(bytes, 0, n)), &to);
	CHECK_INT(taken, 0);
	arena_free(&arena);
}

/* With every byte changed in turn it is read or refused; what is read can be written again. */
static void test_changed(void)
{
	struct arena *arena = arena_new(NULL);
	struct record from = sample(arena), to;
	struct str bytes = record_encode(arena, &from);
	size_t wrong = 0;

	for (size_t i = 0; i < bytes.n; i++) {
		for (int bit = 0; bit < 8; bit++) {
			struct arena *one = arena_new(NULL);
			struct str changed = str_dup(one, bytes);

			((char *)(uintptr_t)changed.s)[i] ^= (char)(1 << bit);
			if (record_decode(one, changed, &to)) {
				for (size_t f = 0; f < to.fact_count; f++)
					wrong += record_print(one, &to.facts[f]).n == 0 &&
						 to.facts[f].value.text.n != 0;
				wrong += record_encode(one, &to).n == 0;
			}
			arena_free(&one);
		}
	}
	CHECK_INT(wrong, 0);
	arena_free(&arena);
}

int main(void)
{
	RUN(test_round_trip);
	RUN(test_cut_off);
	RUN(test_changed);
	return unit_done();
}
