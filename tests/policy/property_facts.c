/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The made-up facts: rows of a family of their own, whose providers read the case's tables. Those
 * of cost dns really ask, so that they are pending for as many answers as the case says.
 */

#include <string.h>

#include "postern/arena.h"
#include "postern/dns.h"
#include "tests/policy/property.h"

const char *const colors[6] = {"red", "green", "blue", "black", "white", NULL};
const char *const addresses[ADDRESSES_MOST] = {"a0@one.example", "a1@two.example",
					       "a2@one.example", "a3@two.example",
					       "a4@one.example", "a5@three.example"};
const char *const address_domains[ADDRESSES_MOST] = {"one.example", "two.example", "one.example",
						     "two.example", "one.example", "three.example"};
struct place place_now;

#define ROW(id, text, k, at, in, c, failure)                                                       \
	[F_##id] = {text,                                                                          \
		    k,                                                                             \
		    STAGE_##at,                                                                    \
		    SCOPE_##in,                                                                    \
		    COST_##c == COST_DNS,                                                          \
		    FAILURE_##failure == FAILURE_DEFER,                                            \
		    FAILURE_##failure == FAILURE_SKIP,                                             \
		    {-1, -1},                                                                      \
		    true,                                                                          \
		    0},
#define REAL(id, text, k, at, in, is_plain)                                                        \
	[F_##id] = {text, k, STAGE_##at, SCOPE_##in, false, false, false, {-1, -1}, is_plain, 0}

const struct fact_row fact_rows[FACTS] = {
    MADE_UP(ROW)[F_PAIR] =
	{"pair", BOOL, STAGE_MAIL, SCOPE_MESSAGE, false, true, false, {F_M_TEXT, F_H_NUM}, true, 0},
    [F_LATE] = {"late",
		BOOL,
		STAGE_HEADERS,
		SCOPE_RECIPIENT,
		false,
		false,
		false,
		{F_U_FLAG, F_E_FLAG},
		true,
		0},
    [F_SOON] = {"soon",
		BOOL,
		STAGE_MESSAGE,
		SCOPE_MESSAGE,
		false,
		false,
		true,
		{F_D_TEXT, F_B_COLOR},
		true,
		STAGE_HEADERS},
    [F_ECHO_MAIL] = {"echo(mail.text)",
		     TEXT,
		     STAGE_MAIL,
		     SCOPE_MESSAGE,
		     false,
		     true,
		     false,
		     {F_M_TEXT, -1},
		     true,
		     0},
    [F_ECHO_USER] = {"echo(user.text)",
		     TEXT,
		     STAGE_RCPT,
		     SCOPE_RECIPIENT,
		     false,
		     false,
		     true,
		     {F_U_TEXT, -1},
		     true,
		     0},
    [F_ECHO_DATA] = {"echo(data.text)",
		     TEXT,
		     STAGE_DATA,
		     SCOPE_MESSAGE,
		     false,
		     false,
		     true,
		     {F_D_TEXT, -1},
		     true,
		     0},
    REAL(CLIENT_IP, "client.ip", ADDRESS_OF_IP, CONNECT, CONNECTION, true),
    REAL(HELO_NAME, "helo.name", TEXT, HELO, HELO, true),
    REAL(SENDER_DOMAIN, "sender.domain", DOMAIN, MAIL, MESSAGE, true),
    REAL(RECIPIENT, "recipient", ADDRESS, RCPT, RECIPIENT, true),
    REAL(RECIPIENT_DOMAIN, "recipient.domain", DOMAIN, RCPT, RECIPIENT, true),
    REAL(RECIPIENTS, "recipient", ADDRESSES, RCPT, MESSAGE, false),
    REAL(DOMAINS, "recipient.domain", DOMAINS, RCPT, MESSAGE, false),
    REAL(COUNT, "recipient.count", NUM, RCPT, MESSAGE, false),
    REAL(ATTEMPTED, "attempted", ADDRESSES, RCPT, MESSAGE, false),
    REAL(HEADER, "header(\"X-A\")", LIST, HEADERS, MESSAGE, true),
    REAL(HEADER_COUNT, "header.count(\"X-A\")", NUM, HEADERS, MESSAGE, true),
    REAL(SUBJECT, "subject", TEXT, HEADERS, MESSAGE, true),
    REAL(SCORE, "score", NUM, CONNECT, CONNECTION, true),
    REAL(SCORE_SPAM, "score.spam", NUM, CONNECT, CONNECTION, true),
    REAL(SCORE_BULK, "score.bulk", NUM, CONNECT, CONNECTION, true),
};

const struct worth *place_value(const struct place *place, int fact)
{
	const struct gen_case *c = place->c;

	switch (fact_rows[fact].scope) {
	case SCOPE_CONNECTION:
		/* What failed is tried afresh for the next message. */
		if (c->connection[fact].state == FACT_FAILED && place->transaction > 0)
			return &c->again[fact];
		return &c->connection[fact];
	case SCOPE_HELO:
		return &c->helo[place->helo < 0 ? 0 : place->helo % HELOS][fact];
	case SCOPE_MESSAGE:
		return &c->mails[place->mail].values[fact];
	default:
		return &c->user[place->rcpt][fact];
	}
}

/* ---- the family ---- */

static int address_index(struct str text)
{
	for (int i = 0; i < ADDRESSES_MOST; i++)
		if (str_eq(text, str_of(addresses[i])))
			return i;
	return 0;
}

/* Asks for as many answers as the fact waits for, one after the other. */
static bool pending(const struct fact_call *call, int fact)
{
	if (!fact_rows[fact].dns)
		return false;
	if (place_now.c->delays[fact] == 0)
		return !lookups_get(call->lookups, STR("here.example"), DNS_A, LOOKUP_OTHER);
	for (int i = 0; i < place_now.c->delays[fact]; i++) {
		struct str name = str_printf(call->arena, "q%d-%d.slow.example", fact, i);

		if (!lookups_get(call->lookups, name, DNS_A, LOOKUP_OTHER))
			return true;
	}
	return false;
}

static enum fact_state provide(int fact, const struct fact_call *call, struct value *value_r)
{
	struct place place = place_now;
	const struct worth *worth;
	struct value *items;

	if (fact_rows[fact].scope == SCOPE_RECIPIENT)
		place.rcpt = address_index(call->inputs[0]->text);
	if (pending(call, fact))
		return FACT_UNKNOWN;
	worth = place_value(&place, fact);
	switch (fact_rows[fact].kind) {
	case BOOL:
		*value_r = value_boolean(worth->number != 0);
		break;
	case ENUM:
		*value_r = value_enum((int)worth->number);
		break;
	case NUM:
		*value_r = value_number(worth->number);
		break;
	case TEXT:
		*value_r = value_text(str_of(worth->text));
		break;
	default:
		items = arena_array(call->arena, (size_t)worth->count, sizeof(*items));
		for (int i = 0; i < worth->count; i++)
			items[i] = value_text(str_of(worth->items[i]));
		*value_r = value_list(items, (size_t)worth->count);
		value_r->incomplete = worth->incomplete;
		break;
	}
	return worth->state;
}

#define PROVIDER(id, ...)                                                                          \
	static enum fact_state provide_##id(const struct fact_call *call, struct value *value_r)   \
	{                                                                                          \
		return provide(F_##id, call, value_r);                                             \
	}
MADE_UP(PROVIDER)

static enum fact_state provide_pair(const struct fact_call *call, struct value *value_r)
{
	*value_r = value_boolean(call->inputs[0]->state == FACT_PRESENT &&
				 call->inputs[1]->state == FACT_PRESENT);
	return FACT_PRESENT;
}

static enum fact_state provide_late(const struct fact_call *call, struct value *value_r)
{
	if (call->inputs[0]->state != FACT_PRESENT || call->inputs[1]->state != FACT_PRESENT)
		return FACT_ABSENT;
	*value_r = value_boolean(call->inputs[0]->number == call->inputs[1]->number);
	return FACT_PRESENT;
}

static enum fact_state provide_soon(const struct fact_call *call, struct value *value_r)
{
	bool present = call->inputs[0]->state == FACT_PRESENT;

	if (!present && call->inputs[1]->state == FACT_UNKNOWN)
		return fact_wait_late(call);
	*value_r = value_boolean(
	    present || (call->inputs[1]->state == FACT_PRESENT && call->inputs[1]->number == 0));
	return FACT_PRESENT;
}

static enum fact_state provide_echo(const struct fact_call *call, struct value *value_r)
{
	*value_r = value_text(call->arguments[0]->text);
	return FACT_PRESENT;
}

static const struct enum_def color = {.name = "color", .values = colors};
static const char *const no_inputs[] = {NULL}, *const the_recipient[] = {"recipient", NULL};
static const struct type text_parameter[] = {{TYPE_TEXT, false, NULL}, {TYPE_OPAQUE, false, NULL}};

#define TYPE_OF_BOOL                                                                               \
	{                                                                                          \
		TYPE_BOOLEAN, false, NULL                                                          \
	}
#define TYPE_OF_ENUM                                                                               \
	{                                                                                          \
		TYPE_ENUM, false, &color                                                           \
	}
#define TYPE_OF_NUM                                                                                \
	{                                                                                          \
		TYPE_NUMBER, false, NULL                                                           \
	}
#define TYPE_OF_TEXT                                                                               \
	{                                                                                          \
		TYPE_TEXT, false, NULL                                                             \
	}
#define TYPE_OF_LIST                                                                               \
	{                                                                                          \
		TYPE_TEXT, true, NULL                                                              \
	}
#define DEFINITION(id, text, k, at, in, c, failure)                                                \
	{.name = text,                                                                             \
	 .type = TYPE_OF_##k,                                                                      \
	 .stage = STAGE_##at,                                                                      \
	 .scope = SCOPE_##in,                                                                      \
	 .cost = COST_##c,                                                                         \
	 .inputs = SCOPE_##in == SCOPE_RECIPIENT ? the_recipient : no_inputs,                      \
	 .provide = provide_##id,                                                                  \
	 .on_failure = FAILURE_##failure,                                                          \
	 .help = "Made up."},

static const struct fact_def facts[] = {
    MADE_UP(DEFINITION){.name = "pair",
			.type = TYPE_OF_BOOL,
			.stage = STAGE_MAIL,
			.scope = SCOPE_MESSAGE,
			.inputs = NAMES("mail.text", "helo.number"),
			.provide = provide_pair,
			.help = "Made up."},
    {.name = "late",
     .type = TYPE_OF_BOOL,
     .stage = STAGE_HEADERS,
     .scope = SCOPE_RECIPIENT,
     .inputs = NAMES("user.flag", "headers.flag"),
     .provide = provide_late,
     .help = "Made up."},
    {.name = "soon",
     .type = TYPE_OF_BOOL,
     .stage = STAGE_HEADERS,
     .scope = SCOPE_MESSAGE,
     .inputs = NAMES("data.text"),
     .late = NAMES("message.color"),
     .provide = provide_soon,
     .help = "Made up."},
    {.name = "echo",
     .type = TYPE_OF_TEXT,
     .stage = STAGE_CONNECT,
     .scope = SCOPE_CONNECTION,
     .inputs = no_inputs,
     .parameters = text_parameter,
     .provide = provide_echo,
     .help = "Made up."},
    {.name = NULL},
};
static const struct family family_made_up = {.name = "made-up", .facts = facts};

extern const struct family family_client, family_edit, family_envelope, family_header, family_helo,
    family_score, family_server, family_verdict;
const struct family *const families[] = {
    &family_client, &family_edit,   &family_envelope, &family_header,  &family_helo,
    &family_score,  &family_server, &family_verdict,  &family_made_up, NULL};
