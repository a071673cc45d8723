/* SPDX-License-Identifier: BSD-2-Clause */
/* From what a session says to a record of it. */

#include "postern/record.h"

#include <time.h>

#include "postern/arena.h"
#include "postern/clock.h"
#include "postern/dns.h"
#include "postern/ip.h"
#include "postern/policy.h"
#include "postern/session.h"

/* Each of its own: the record has no other word for what was done. */
static const char *const edit_names[] = {
    [EDIT_REMOVE_HEADER] = "remove header",
    [EDIT_REPLACE_HEADER] = "replace header",
    [EDIT_ADD_HEADER] = "add header",
    [EDIT_INSERT_HEADER] = "insert header",
    [EDIT_REMOVE_RECIPIENT] = "remove recipient",
    [EDIT_ADD_RECIPIENT] = "add recipient",
    [EDIT_HOLD] = "hold",
};

struct making {
	struct arena *arena;
	VEC(struct record_fact) facts;
	VEC(struct record_rule) rules;
	VEC(struct record_question) questions;
};

static struct str text_or_empty(const char *text)
{
	return text ? str_of(text) : STR("");
}

/* An enumeration is kept by name: its numbers may differ in another version. */
static struct value keep_scalar(const struct type *type, const struct value *value)
{
	struct value kept = *value;

	if (type->base == TYPE_ENUM)
		kept.text = str_of(type->enumeration->values[value->number]);
	return kept;
}

/* False: it is too long to be kept. */
static bool keep_value(struct arena *arena, const struct type *type, const struct value *value,
		       struct value *kept_r)
{
	struct value *items;

	*kept_r = *value;
	if (value->state != FACT_PRESENT)
		return true;
	if (!type->list) {
		*kept_r = keep_scalar(type, value);
		return kept_r->text.n <= RECORD_TEXT_MOST;
	}
	if (value->count > RECORD_ITEMS_MOST)
		return false;
	items = arena_array(arena, value->count, sizeof(*items));
	for (size_t i = 0; i < value->count; i++) {
		items[i] = keep_scalar(type, &value->items[i]);
		if (items[i].text.n > RECORD_TEXT_MOST)
			return false;
	}
	kept_r->items = items;
	return true;
}

static void make_fact(void *ctx, const struct slot *slot, const struct value *value, int recipient)
{
	struct making *m = ctx;
	struct value kept;

	if (recipient >= RECORD_RECIPIENTS_MOST || m->facts.count >= RECORD_FACTS_MOST ||
	    !keep_value(m->arena, &slot->def->type, value, &kept))
		return;
	*vec_push(m->arena, &m->facts) = (struct record_fact){
	    .name = slot->text,
	    .recipient = recipient,
	    .base = slot->def->type.base,
	    .list = slot->def->type.list,
	    .value = kept,
	};
}

static void make_rule(void *ctx, const struct plan_rule *rule, const char *state)
{
	struct making *m = ctx;

	if (m->rules.count >= RECORD_RULES_MOST)
		return;
	*vec_push(m->arena, &m->rules) = (struct record_rule){
	    .name = rule->name,
	    .line = (uint32_t)rule->line,
	    .observed = rule->observe,
	    .verdict = rule->decisive ? str_of(verdict_name(rule->verdict)) : STR(""),
	    .state = str_of(state),
	};
}

/* The first record of an answer as people write it. */
static struct str answer_text(struct arena *arena, enum dns_type type,
			      const struct dns_record *first)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	char text[IP_TEXT_MAX];
	struct ip ip;

	if (type == DNS_A && first->data.n == 4) {
		memcpy(ip.bytes, mapped, sizeof(mapped));
		memcpy(ip.bytes + sizeof(mapped), first->data.s, 4);
		return str_dup(arena, str_of(ip_text(&ip, text)));
	}
	if (type == DNS_AAAA && first->data.n == sizeof(ip.bytes)) {
		memcpy(ip.bytes, first->data.s, sizeof(ip.bytes));
		return str_dup(arena, str_of(ip_text(&ip, text)));
	}
	if (type == DNS_MX)
		return str_printf(arena, "%u " STR_FMT, first->preference, STR_ARG(first->data));
	return first->data;
}

static void make_question(void *ctx, struct str name, enum dns_type type,
			  const struct dns_answer *answer)
{
	struct making *m = ctx;
	struct str text;

	if (m->questions.count >= RECORD_QUESTIONS_MOST)
		return;
	if (!answer)
		text = STR("not answered in time to matter");
	else if (answer->status == DNS_FOUND)
		text = answer_text(m->arena, type, &answer->records[0]);
	else
		text = answer->status == DNS_NXDOMAIN ? STR("no such name")
		       : answer->status == DNS_NODATA ? STR("no records")
						      : text_or_empty(answer->problem);
	*vec_push(m->arena, &m->questions) = (struct record_question){
	    .name = name,
	    .type = str_of(dns_type_name(type)),
	    .answer = str_sub(text, 0, RECORD_ANSWER_MOST),
	    .records = answer ? (uint32_t)answer->count : 0,
	};
}

static struct record_outcome make_outcome(const struct report_outcome *outcome)
{
	return (struct record_outcome){
	    .settled = outcome->settled,
	    .verdict = outcome->verdict,
	    .stage = outcome->stage,
	    .rule = text_or_empty(outcome->rule),
	    .code = outcome->code,
	    .enhanced = text_or_empty(outcome->enhanced),
	    .text = text_or_empty(outcome->text),
	};
}

static void make_recipients(struct arena *arena, const struct report *report, struct record *r)
{
	r->recipient_count = report->recipient_count < RECORD_RECIPIENTS_MOST
				 ? report->recipient_count
				 : RECORD_RECIPIENTS_MOST;
	r->refused = report->refused < (int)r->recipient_count ? report->refused : -1;
	r->recipients = arena_array(arena, r->recipient_count, sizeof(*r->recipients));
	for (size_t i = 0; i < r->recipient_count; i++) {
		r->recipients[i].address = report->recipients[i].address;
		r->recipients[i].outcome = make_outcome(&report->recipients[i].outcome);
	}
}

static void make_edits(struct arena *arena, const struct report *report, struct record *r)
{
	r->edit_count =
	    report->edits.count < RECORD_EDITS_MOST ? report->edits.count : RECORD_EDITS_MOST;
	r->edits = arena_array(arena, r->edit_count, sizeof(*r->edits));
	for (size_t i = 0; i < r->edit_count; i++) {
		const struct edit *edit = &report->edits.items[i];

		r->edits[i].edit = str_of(edit_names[edit->kind]);
		r->edits[i].name = text_or_empty(edit->name);
		r->edits[i].value = str_sub(text_or_empty(edit->value), 0, RECORD_TEXT_MOST);
	}
}

static int64_t microseconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void record_make(struct arena *arena, const struct session *session, struct record *record_r)
{
	const struct report *report = session_report(session);
	const struct value *id = session_value(session, "message.id");
	struct making m = {.arena = arena};

	session_each_fact(session, make_fact, &m);
	session_each_rule(session, make_rule, &m);
	if (session_lookups(session))
		lookups_each(session_lookups(session), make_question, &m);
	*record_r = (struct record){
	    .time = microseconds_now(),
	    .duration = session_duration(session) / 1000,
	    .queue_id = text_or_empty(report->queue_id),
	    .message_id = id && id->state == FACT_PRESENT ? id->text : STR(""),
	    .reference = text_or_empty(report->reference),
	    .policy = str_of(report->policy),
	    .sender = report->sender,
	    .problem = text_or_empty(report->problem),
	    .outcome = make_outcome(&report->outcome),
	    .lookups = report->lookups,
	    .facts = m.facts.items,
	    .fact_count = m.facts.count,
	    .questions = m.questions.items,
	    .question_count = m.questions.count,
	    .rules = m.rules.items,
	    .rule_count = m.rules.count,
	};
	make_recipients(arena, report, record_r);
	make_edits(arena, report, record_r);
}

struct str record_print(struct arena *arena, const struct record_fact *fact)
{
	struct type type = {.base = fact->base, .list = fact->list};

	/* An enumeration's value is there by name. */
	if (type.base == TYPE_ENUM)
		type.base = TYPE_TEXT;
	if (fact->value.state == FACT_FAILED)
		return fact->value.text.n == 0
			   ? STR("failed")
			   : str_printf(arena, "failed (" STR_FMT ")",
					STR_ARG(str_clean(arena, fact->value.text, 200)));
	if (fact->value.state == FACT_ABSENT)
		return STR("absent");
	return value_print(arena, &type, &fact->value);
}
