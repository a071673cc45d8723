/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whom a message came from: the client, or, where the client is a relay of ours (`set relays`), the
 * first host that is none, by the Received fields that the relays wrote. Each server puts its field
 * on top, so the topmost one is the client's, the next one is of the host named in it, and so on;
 * below the field that names a stranger, nothing is believed.
 */

#include "postern/arena.h"
#include "postern/fact.h"
#include "postern/mail.h"
#include "postern/policy.h"
#include "postern/table.h"

struct origin {
	bool relayed;        /* else it is the client */
	const char *problem; /* why the relays' fields do not tell; NULL: they do */
	struct ip ip;
	struct str helo; /* lower case; empty: not told */
};

/* A relay that speaks to itself, as through a content scanner, wrote the next field as well. */
static bool is_ours(const struct table *relays, const struct ip *ip)
{
	return ip_is_loopback(ip) || table_has_ip(relays, ip);
}

/* By the relays' fields, from the top. */
static void trace(struct arena *arena, const struct table *relays, const struct fields *fields,
		  struct origin *origin)
{
	for (size_t i = 0; i < fields->count; i++) {
		struct received received;
		const char *why;

		if (!str_caseeq(fields->items[i].name, STR("Received")))
			continue;
		why = received_parse(fields->items[i].value, &received);
		if (why) {
			origin->problem =
			    str_printf(arena, "the Received field of a relay: %s", why).s;
			return;
		}
		if (is_ours(relays, &received.ip))
			continue;
		origin->ip = received.ip;
		origin->helo = str_lower(arena, received.helo);
		return;
	}
	origin->problem = "no Received field says whom our relay had it from";
}

static enum fact_state hop_provide(const struct fact_call *call, struct value *value_r)
{
	const struct table *relays = policy_setting_table(call->policy, "relays");
	const struct value *client = call->inputs[0], *fields = call->inputs[1];
	struct origin *origin;

	if (relays && client->state == FACT_PRESENT && table_has_ip(relays, &client->network.ip)) {
		if (fields->state == FACT_UNKNOWN)
			return fact_wait_late(call);
		origin = arena_new_of(call->arena, struct origin);
		origin->relayed = true;
		trace(call->arena, relays, fields->opaque, origin);
	} else {
		origin = arena_new_of(call->arena, struct origin);
	}
	*value_r = (struct value){.state = FACT_PRESENT, .opaque = origin};
	return FACT_PRESENT;
}

static enum fact_state ip_provide(const struct fact_call *call, struct value *value_r)
{
	const struct origin *origin = call->inputs[0]->opaque;

	*value_r = origin->relayed ? value_ip(&origin->ip) : *call->inputs[1];
	return origin->problem ? FACT_ABSENT : value_r->state;
}

static enum fact_state helo_provide(const struct fact_call *call, struct value *value_r)
{
	const struct origin *origin = call->inputs[0]->opaque;

	if (!origin->relayed) {
		*value_r = *call->inputs[1];
		return value_r->state;
	}
	*value_r = value_text(origin->helo);
	return origin->helo.n > 0 ? FACT_PRESENT : FACT_ABSENT;
}

static enum fact_state problem_provide(const struct fact_call *call, struct value *value_r)
{
	const struct origin *origin = call->inputs[0]->opaque;

	if (!origin->problem)
		return FACT_ABSENT;
	*value_r = value_text(str_of(origin->problem));
	return FACT_PRESENT;
}

static const struct fact_def facts[] = {
    {.name = "origin.hop",
     .type = {TYPE_OPAQUE, false, NULL},
     .stage = STAGE_CONNECT,
     .scope = SCOPE_CONNECTION,
     .cost = COST_TABLE,
     .inputs = NAMES("client.ip"),
     .late = NAMES("message.fields"),
     .late_if = "relays",
     .provide = hop_provide,
     .internal = true,
     .help = "Who brought the message to us or to the first of our relays."},
    {.name = "origin.ip",
     .type = {TYPE_IP, false, NULL},
     .stage = STAGE_CONNECT,
     .scope = SCOPE_CONNECTION,
     .inputs = NAMES("origin.hop", "client.ip"),
     .provide = ip_provide,
     .trust = TRUST_PROVED,
     .help = "Address that the message came from: the client's, or that of the client of our first "
	     "relay."},
    {.name = "origin.helo",
     .type = {TYPE_TEXT, false, NULL},
     .stage = STAGE_HELO,
     .scope = SCOPE_HELO,
     .inputs = NAMES("origin.hop", "helo.name"),
     .provide = helo_provide,
     .trust = TRUST_FORGEABLE,
     .vouched = NAMES("spf.helo"),
     .help = "HELO name that the message came with: of the host that 'origin.ip' is of."},
    {.name = "origin.problem",
     .type = {TYPE_TEXT, false, NULL},
     .stage = STAGE_CONNECT,
     .scope = SCOPE_CONNECTION,
     .inputs = NAMES("origin.hop"),
     .provide = problem_provide,
     .internal = true,
     .help = "Why the relays' fields do not tell whom the message came from."},
    {.name = NULL},
};

const struct family family_origin = {.name = "origin", .facts = facts};
