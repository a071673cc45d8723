/* SPDX-License-Identifier: BSD-2-Clause */
/* A record as bytes, and back. The first byte is the version; other versions are not read. */

#include "filter/observe/pack.h"
#include "postern/record.h"

#define VERSION 2

static void pack_outcome(struct buf *out, const struct record_outcome *outcome)
{
	pack_number(out, outcome->settled);
	pack_number(out, outcome->verdict);
	pack_number(out, outcome->stage);
	pack_text(out, outcome->rule);
	pack_number(out, (uint64_t)outcome->code);
	pack_text(out, outcome->enhanced);
	pack_text(out, outcome->text);
}

static void unpack_outcome(struct unpack *in, struct record_outcome *outcome_r)
{
	uint64_t verdict, stage, code;

	outcome_r->settled = unpack_number(in) != 0;
	verdict = unpack_number(in);
	stage = unpack_number(in);
	outcome_r->rule = unpack_text(in);
	code = unpack_number(in);
	outcome_r->enhanced = unpack_text(in);
	outcome_r->text = unpack_text(in);
	if (verdict > VERDICT_HOLD || stage > STAGE_MESSAGE || code > 999) {
		in->bad = true;
		return;
	}
	outcome_r->verdict = (enum verdict)verdict;
	outcome_r->stage = (enum stage)stage;
	outcome_r->code = (int)code;
}

/* ---- facts ---- */

static void pack_scalar(struct buf *out, enum type_base base, const struct value *value)
{
	switch (base) {
	case TYPE_BOOLEAN:
	case TYPE_NUMBER:
	case TYPE_DURATION:
	case TYPE_SIZE:
		pack_signed(out, value->number);
		break;
	case TYPE_IP:
	case TYPE_NETWORK:
		pack_text(out, (struct str){(const char *)value->network.ip.bytes,
					    sizeof(value->network.ip.bytes)});
		pack_number(out, value->network.prefix);
		break;
	default:
		pack_text(out, value->text);
		break;
	}
}

static void unpack_scalar(struct unpack *in, enum type_base base, struct value *value_r)
{
	struct str bytes;
	uint64_t prefix;

	*value_r = (struct value){.state = FACT_PRESENT};
	switch (base) {
	case TYPE_BOOLEAN:
	case TYPE_NUMBER:
	case TYPE_DURATION:
	case TYPE_SIZE:
		value_r->number = unpack_signed(in);
		break;
	case TYPE_IP:
	case TYPE_NETWORK:
		bytes = unpack_text(in);
		prefix = unpack_number(in);
		if (bytes.n != sizeof(value_r->network.ip.bytes) || prefix > 128) {
			in->bad = true;
			break;
		}
		memcpy(value_r->network.ip.bytes, bytes.s, bytes.n);
		value_r->network.prefix = (uint8_t)prefix;
		break;
	default:
		value_r->text = unpack_text(in);
		break;
	}
}

static void pack_fact(struct buf *out, const struct record_fact *fact)
{
	const struct value *value = &fact->value;

	pack_text(out, fact->name);
	pack_signed(out, fact->recipient);
	pack_number(out, fact->base);
	pack_number(out, fact->list);
	pack_number(out, value->state);
	if (value->state != FACT_PRESENT) {
		pack_text(out, value->text);
		return;
	}
	pack_number(out, (uint64_t)value->incomplete << 1 | value->ours);
	if (!fact->list) {
		pack_scalar(out, fact->base, value);
		return;
	}
	pack_number(out, value->count);
	for (size_t i = 0; i < value->count; i++)
		pack_scalar(out, fact->base, &value->items[i]);
}

static void unpack_fact(struct arena *arena, struct unpack *in, struct record_fact *fact_r)
{
	struct value *value = &fact_r->value;
	uint64_t base, state, flags;
	struct value *items;

	fact_r->name = unpack_text(in);
	fact_r->recipient = (int)unpack_signed(in);
	base = unpack_number(in);
	fact_r->list = unpack_number(in) != 0;
	state = unpack_number(in);
	if (base >= TYPE_OPAQUE || fact_r->recipient < -1 ||
	    (state != FACT_PRESENT && state != FACT_ABSENT && state != FACT_FAILED)) {
		in->bad = true;
		return;
	}
	fact_r->base = (enum type_base)base;
	value->state = (enum fact_state)state;
	if (value->state != FACT_PRESENT) {
		value->text = unpack_text(in);
		return;
	}
	flags = unpack_number(in);
	if (!fact_r->list) {
		unpack_scalar(in, fact_r->base, value);
	} else {
		value->count = unpack_count(in, RECORD_ITEMS_MOST);
		items = arena_array(arena, value->count, sizeof(*items));
		for (size_t i = 0; i < value->count; i++)
			unpack_scalar(in, fact_r->base, &items[i]);
		value->items = items;
	}
	value->incomplete = flags >> 1 & 1;
	value->ours = flags & 1;
}

/* ---- the whole ---- */

struct str record_encode(struct arena *arena, const struct record *record)
{
	struct buf out = {.arena = arena};

	buf_putc(&out, VERSION);
	pack_signed(&out, record->time);
	pack_signed(&out, record->duration);
	pack_text(&out, record->queue_id);
	pack_text(&out, record->message_id);
	pack_text(&out, record->reference);
	pack_text(&out, record->policy);
	pack_text(&out, record->sender);
	pack_text(&out, record->problem);
	pack_outcome(&out, &record->outcome);
	pack_signed(&out, record->refused);
	pack_number(&out, record->lookups);
	pack_number(&out, record->recipient_count);
	for (size_t i = 0; i < record->recipient_count; i++) {
		pack_text(&out, record->recipients[i].address);
		pack_outcome(&out, &record->recipients[i].outcome);
	}
	pack_number(&out, record->edit_count);
	for (size_t i = 0; i < record->edit_count; i++) {
		pack_text(&out, record->edits[i].edit);
		pack_text(&out, record->edits[i].name);
		pack_text(&out, record->edits[i].value);
	}
	pack_number(&out, record->fact_count);
	for (size_t i = 0; i < record->fact_count; i++)
		pack_fact(&out, &record->facts[i]);
	pack_number(&out, record->question_count);
	for (size_t i = 0; i < record->question_count; i++) {
		pack_text(&out, record->questions[i].name);
		pack_text(&out, record->questions[i].type);
		pack_text(&out, record->questions[i].answer);
		pack_number(&out, record->questions[i].records);
	}
	pack_number(&out, record->rule_count);
	for (size_t i = 0; i < record->rule_count; i++) {
		pack_text(&out, record->rules[i].name);
		pack_number(&out, record->rules[i].line);
		pack_number(&out, record->rules[i].observed);
		pack_text(&out, record->rules[i].verdict);
		pack_text(&out, record->rules[i].state);
	}
	return buf_str(&out);
}

static void unpack_lists(struct arena *arena, struct unpack *in, struct record *r)
{
	r->recipient_count = unpack_count(in, RECORD_RECIPIENTS_MOST);
	r->recipients = arena_array(arena, r->recipient_count, sizeof(*r->recipients));
	for (size_t i = 0; i < r->recipient_count; i++) {
		r->recipients[i].address = unpack_text(in);
		unpack_outcome(in, &r->recipients[i].outcome);
	}
	r->edit_count = unpack_count(in, RECORD_EDITS_MOST);
	r->edits = arena_array(arena, r->edit_count, sizeof(*r->edits));
	for (size_t i = 0; i < r->edit_count; i++) {
		r->edits[i].edit = unpack_text(in);
		r->edits[i].name = unpack_text(in);
		r->edits[i].value = unpack_text(in);
	}
	r->fact_count = unpack_count(in, RECORD_FACTS_MOST);
	r->facts = arena_array(arena, r->fact_count, sizeof(*r->facts));
	for (size_t i = 0; i < r->fact_count; i++)
		unpack_fact(arena, in, &r->facts[i]);
	r->question_count = unpack_count(in, RECORD_QUESTIONS_MOST);
	r->questions = arena_array(arena, r->question_count, sizeof(*r->questions));
	for (size_t i = 0; i < r->question_count; i++) {
		r->questions[i].name = unpack_text(in);
		r->questions[i].type = unpack_text(in);
		r->questions[i].answer = unpack_text(in);
		r->questions[i].records = (uint32_t)unpack_number(in);
	}
	r->rule_count = unpack_count(in, RECORD_RULES_MOST);
	r->rules = arena_array(arena, r->rule_count, sizeof(*r->rules));
	for (size_t i = 0; i < r->rule_count; i++) {
		r->rules[i].name = unpack_text(in);
		r->rules[i].line = (uint32_t)unpack_number(in);
		r->rules[i].observed = unpack_number(in) != 0;
		r->rules[i].verdict = unpack_text(in);
		r->rules[i].state = unpack_text(in);
	}
}

bool record_decode(struct arena *arena, struct str bytes, struct record *record_r)
{
	struct unpack in = {.left = bytes};

	*record_r = (struct record){0};
	if (bytes.n == 0 || bytes.n > RECORD_BYTES_MOST || bytes.s[0] != VERSION)
		return false;
	in.left = str_sub(bytes, 1, bytes.n);
	record_r->time = unpack_signed(&in);
	record_r->duration = unpack_signed(&in);
	record_r->queue_id = unpack_text(&in);
	record_r->message_id = unpack_text(&in);
	record_r->reference = unpack_text(&in);
	record_r->policy = unpack_text(&in);
	record_r->sender = unpack_text(&in);
	record_r->problem = unpack_text(&in);
	unpack_outcome(&in, &record_r->outcome);
	record_r->refused = (int)unpack_signed(&in);
	record_r->lookups = unpack_number(&in);
	unpack_lists(arena, &in, record_r);
	if (record_r->refused < -1 ||
	    (record_r->refused >= 0 && (size_t)record_r->refused >= record_r->recipient_count))
		in.bad = true;
	return !in.bad && in.left.n == 0;
}
