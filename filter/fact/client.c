/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The SMTP client: its address and its name. The name is forward-confirmed; where the MTA has
 * none, it is looked up here, so that a failure of the DNS is not taken for an absence.
 */

#include "postern/arena.h"
#include "postern/dns.h"
#include "postern/fact.h"
#include "postern/mail.h"

/* RFC 7208 4.6.4 takes as many PTR names; nobody honest has more. */
#define NAMES_MOST 10

static enum fact_state net_provide(const struct fact_call *call, struct value *value_r)
{
	if (call->inputs[0]->state != FACT_PRESENT)
		return call->inputs[0]->state;
	*value_r = *call->inputs[0];
	value_r->network.prefix = ip_is_v4(&value_r->network.ip) ? 120 : 64;
	for (unsigned i = value_r->network.prefix / 8; i < 16; i++)
		value_r->network.ip.bytes[i] = 0;
	return FACT_PRESENT;
}

/* The name that the MTA gave, if it vouches for it. */
static bool reported(const struct fact_call *call, struct str *name_r)
{
	const struct value *name = call->inputs[1], *resolve = call->inputs[2];

	if (name->state != FACT_PRESENT || name->text.n == 0 || name->text.s[0] == '[' ||
	    str_caseeq(name->text, STR("unknown")))
		return false;
	/* Sendmail passes a name that it could not confirm, and says so. */
	if (resolve->state == FACT_PRESENT && !str_caseeq(resolve->text, STR("OK")))
		return false;
	return domain_normal(call->arena, name->text, name_r);
}

static bool has_address(const struct dns_answer *answer, const struct ip *ip)
{
	size_t length = ip_is_v4(ip) ? 4 : 16;

	for (size_t i = 0; i < answer->count; i++)
		if (answer->records[i].data.n == length &&
		    memcmp(answer->records[i].data.s, ip->bytes + 16 - length, length) == 0)
			return true;
	return false;
}

static enum fact_state failed(const struct dns_answer *answer, struct value *value_r)
{
	*value_r = value_failed(answer->problem ? answer->problem : "lookup failed");
	return FACT_FAILED;
}

static enum fact_state name_provide(const struct fact_call *call, struct value *value_r)
{
	const struct ip *ip = &call->inputs[0]->network.ip;
	const struct dns_answer *names, *addresses, *trouble = NULL;
	bool pending = false;
	struct str name;

	if (reported(call, &name)) {
		*value_r = value_text(name);
		return FACT_PRESENT;
	}
	if (call->inputs[0]->state != FACT_PRESENT)
		return FACT_ABSENT;
	names =
	    lookups_get(call->lookups, dns_reverse_name(call->arena, ip), DNS_PTR, LOOKUP_OTHER);
	if (!names)
		return FACT_UNKNOWN;
	if (names->status == DNS_FAILED)
		return failed(names, value_r);
	for (size_t i = 0; i < names->count && i < NAMES_MOST; i++) {
		addresses = lookups_get(call->lookups, names->records[i].data,
					ip_is_v4(ip) ? DNS_A : DNS_AAAA, LOOKUP_OTHER);
		if (!addresses) {
			pending = true;
		} else if (addresses->status == DNS_FAILED) {
			trouble = addresses;
		} else if (!pending && has_address(addresses, ip) &&
			   domain_normal(call->arena, names->records[i].data, &name)) {
			*value_r = value_text(name);
			return FACT_PRESENT;
		}
	}
	if (pending)
		return FACT_UNKNOWN;
	return trouble ? failed(trouble, value_r) : FACT_ABSENT;
}

static const struct fact_def facts[] = {
    {.name = "client.ip",
     .type = {TYPE_IP, false, NULL},
     .stage = STAGE_CONNECT,
     .scope = SCOPE_CONNECTION,
     .reported = true,
     .trust = TRUST_PROVED,
     .help = "Address of the SMTP client."},
    {.name = "client.port",
     .type = {TYPE_NUMBER, false, NULL},
     .stage = STAGE_CONNECT,
     .scope = SCOPE_CONNECTION,
     .help = "Port of the SMTP client."},
    {.name = "client.reported-name",
     .type = {TYPE_TEXT, false, NULL},
     .stage = STAGE_CONNECT,
     .scope = SCOPE_CONNECTION,
     .internal = true,
     .help = "The client's name as the MTA says it."},
    {.name = "client.resolve",
     .type = {TYPE_TEXT, false, NULL},
     .stage = STAGE_CONNECT,
     .scope = SCOPE_CONNECTION,
     .macro = "client_resolve",
     .internal = true,
     .help = "Whether Sendmail could confirm the name."},
    {.name = "client.net",
     .type = {TYPE_NETWORK, false, NULL},
     .stage = STAGE_CONNECT,
     .scope = SCOPE_CONNECTION,
     .inputs = NAMES("client.ip"),
     .provide = net_provide,
     .trust = TRUST_PROVED,
     .help = "Network of the client: /24 of IPv4, /64 of IPv6."},
    {.name = "client.name",
     .type = {TYPE_DOMAIN, false, NULL},
     .stage = STAGE_CONNECT,
     .scope = SCOPE_CONNECTION,
     .cost = COST_DNS,
     .inputs = NAMES("client.ip", "client.reported-name", "client.resolve"),
     .provide = name_provide,
     .on_failure = FAILURE_DEFER,
     .trust = TRUST_PROVED,
     .lookups = 1 + NAMES_MOST,
     .help = "Name of the client, confirmed by a lookup forward and back."},
    {.name = "client.ptr",
     .type = {TYPE_TEXT, false, NULL},
     .stage = STAGE_CONNECT,
     .scope = SCOPE_CONNECTION,
     .macro = "client_ptr",
     .trust = TRUST_FORGEABLE,
     .help = "Name that the client's address points to, not confirmed."},
    {.name = NULL},
};

const struct family family_client = {.name = "client", .facts = facts};
