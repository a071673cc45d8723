/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the DNS says of addresses and domains: block lists (RFC 5782), and whether a domain is
 * there and takes mail (RFC 7505). All ask, say that they wait, and are called again.
 */

#include "postern/arena.h"
#include "postern/dns.h"
#include "postern/fact.h"
#include "postern/mail.h"

static enum fact_state failed(const struct dns_answer *answer, struct value *value_r)
{
	*value_r = value_failed(answer->problem ? answer->problem : "lookup failed");
	return FACT_FAILED;
}

/* ---- block lists ---- */

/* RFC 5782 2.1: entries are in 127.0.0.0/8. By custom, 127.255.255.0/24 says why there is none. */
static bool entry(const struct dns_record *record)
{
	const uint8_t *b = (const uint8_t *)record->data.s;

	return record->data.n == 4 && b[0] == 127 && !(b[1] == 255 && b[2] == 255);
}

static enum fact_state no_entry(const struct fact_call *call, const struct dns_record *record,
				struct value *value_r)
{
	const uint8_t *b = (const uint8_t *)record->data.s;

	if (record->data.n != 4)
		*value_r = value_failed("the block list gave a malformed answer");
	else if (b[0] == 127)
		*value_r = value_failed(str_printf(call->arena,
						   "the block list refused to answer: 127.%u.%u.%u",
						   b[1], b[2], b[3])
					    .s);
	else
		*value_r = value_failed(
		    str_printf(call->arena,
			       "the block list answered %u.%u.%u.%u, which is not in 127.0.0.0/8",
			       b[0], b[1], b[2], b[3])
			.s);
	return FACT_FAILED;
}

static enum fact_state listed(const struct fact_call *call, struct str name, struct value *value_r)
{
	const struct dns_answer *answer = lookups_get(call->lookups, name, DNS_A, LOOKUP_OTHER);
	struct value *items;

	if (!answer)
		return FACT_UNKNOWN;
	if (answer->status == DNS_FAILED)
		return failed(answer, value_r);
	items = arena_array(call->arena, answer->count, sizeof(*items));
	for (size_t i = 0; i < answer->count; i++) {
		struct ip ip = {.bytes = {[10] = 0xff, [11] = 0xff}};

		if (!entry(&answer->records[i]))
			return no_entry(call, &answer->records[i], value_r);
		memcpy(ip.bytes + 12, answer->records[i].data.s, 4);
		items[i] = value_ip(&ip);
	}
	*value_r = value_list(items, answer->count);
	return FACT_PRESENT;
}

static bool is_literal(struct str domain)
{
	return domain.n > 0 && domain.s[0] == '[';
}

static struct str below(const struct fact_call *call, struct str labels, struct str zone)
{
	return str_printf(call->arena, STR_FMT "." STR_FMT, STR_ARG(labels), STR_ARG(zone));
}

/* RFC 5782 2.1 and 2.4: the labels are those of the reverse tree, above its last two. */
static enum fact_state dnsbl_provide(const struct fact_call *call, struct value *value_r)
{
	struct str labels, zone = call->arguments[0]->text;
	const struct ip *ip = &call->inputs[0]->network.ip;

	if (call->inputs[0]->state != FACT_PRESENT)
		return call->inputs[0]->state;
	*value_r = value_list(NULL, 0);
	if (is_literal(zone))
		return FACT_PRESENT;
	labels = dns_reverse_name(call->arena, ip);
	labels.n -= strlen(ip_is_v4(ip) ? ".in-addr.arpa" : ".ip6.arpa");
	return listed(call, below(call, labels, zone), value_r);
}

static enum fact_state rhsbl_provide(const struct fact_call *call, struct value *value_r)
{
	struct str zone = call->arguments[0]->text, domain = call->arguments[1]->text;

	*value_r = value_list(NULL, 0);
	if (is_literal(zone) || is_literal(domain) || domain.n == 0)
		return FACT_PRESENT;
	return listed(call, below(call, domain, zone), value_r);
}

/* ---- domains ---- */

/* RFC 7505 3: such a record stands alone. */
static bool is_null_mx(const struct dns_answer *mx)
{
	return mx->count == 1 && mx->records[0].preference == 0 && mx->records[0].data.n == 0;
}

static enum fact_state answered(bool answer, struct value *value_r)
{
	*value_r = value_boolean(answer);
	return FACT_PRESENT;
}

/*
 * MX is asked first: a null MX counts whatever else there is, any other one is enough, and a name
 * that does not exist has no addresses either (RFC 8020).
 */
static enum fact_state resolves_provide(const struct fact_call *call, struct value *value_r)
{
	static const enum dns_type address_types[] = {DNS_A, DNS_AAAA};
	const struct value *domain = call->arguments[0];
	const struct dns_answer *mx, *trouble;
	bool pending = false;

	if (domain->ours || is_literal(domain->text))
		return answered(domain->ours, value_r);
	mx = lookups_get(call->lookups, domain->text, DNS_MX, LOOKUP_OTHER);
	if (!mx)
		return FACT_UNKNOWN;
	if (mx->status == DNS_FOUND || mx->status == DNS_NXDOMAIN)
		return answered(mx->status == DNS_FOUND && !is_null_mx(mx), value_r);
	trouble = mx->status == DNS_FAILED ? mx : NULL;
	for (size_t i = 0; i < 2; i++) {
		const struct dns_answer *address =
		    lookups_get(call->lookups, domain->text, address_types[i], LOOKUP_OTHER);

		if (!address)
			pending = true;
		else if (address->status == DNS_FOUND)
			return answered(true, value_r);
		else if (address->status == DNS_FAILED)
			trouble = address;
	}
	if (pending)
		return FACT_UNKNOWN;
	return trouble ? failed(trouble, value_r) : answered(false, value_r);
}

static enum fact_state nullmx_provide(const struct fact_call *call, struct value *value_r)
{
	const struct value *domain = call->arguments[0];
	const struct dns_answer *mx;

	if (domain->ours || is_literal(domain->text))
		return answered(false, value_r);
	mx = lookups_get(call->lookups, domain->text, DNS_MX, LOOKUP_OTHER);
	if (!mx)
		return FACT_UNKNOWN;
	if (mx->status == DNS_FAILED)
		return failed(mx, value_r);
	return answered(is_null_mx(mx), value_r);
}

/* RFC 3696 2: a top-level domain is not all digits, so that no address is taken for a name. */
static bool all_digits(struct str label)
{
	for (size_t i = 0; i < label.n; i++)
		if (label.s[i] < '0' || label.s[i] > '9')
			return false;
	return true;
}

static enum fact_state fqdn_provide(const struct fact_call *call, struct value *value_r)
{
	struct str name, rest, last;

	if (!domain_normal(call->arena, call->arguments[0]->text, &name))
		return answered(false, value_r);
	last = name;
	for (rest = domain_parent(name); rest.n > 0; rest = domain_parent(rest))
		last = rest;
	return answered(last.n < name.n && !all_digits(last), value_r);
}

/* ---- the rows ---- */

static const char *const no_inputs[] = {NULL};
static const struct type zone[] = {{TYPE_DOMAIN, false, NULL}, {TYPE_OPAQUE, false, NULL}};
static const struct type zone_and_domain[] = {
    {TYPE_DOMAIN, false, NULL}, {TYPE_DOMAIN, false, NULL}, {TYPE_OPAQUE, false, NULL}};
static const struct type domain[] = {{TYPE_DOMAIN, false, NULL}, {TYPE_OPAQUE, false, NULL}};
static const struct type text[] = {{TYPE_TEXT, false, NULL}, {TYPE_OPAQUE, false, NULL}};

/* Arguments that are facts make it later and its life shorter. */
#define ANY_TIME .stage = STAGE_CONNECT, .scope = SCOPE_CONNECTION

static const struct fact_def facts[] = {
    {.name = "dnsbl",
     .type = {TYPE_IP, true, NULL},
     ANY_TIME,
     .cost = COST_DNS,
     .inputs = NAMES("origin.ip"),
     .parameters = zone,
     .provide = dnsbl_provide,
     .on_failure = FAILURE_SKIP,
     .trust = TRUST_PROVED,
     .lookups = 1,
     .help = "What a block list of addresses has on the client; empty: it is not listed."},
    {.name = "rhsbl",
     .type = {TYPE_IP, true, NULL},
     ANY_TIME,
     .cost = COST_DNS,
     .inputs = no_inputs,
     .parameters = zone_and_domain,
     .provide = rhsbl_provide,
     .on_failure = FAILURE_SKIP,
     .lookups = 1,
     .help = "What a block list of domains has on a domain; empty: it is not listed."},
    {.name = "resolves",
     .type = {TYPE_BOOLEAN, false, NULL},
     ANY_TIME,
     .cost = COST_DNS,
     .inputs = no_inputs,
     .parameters = domain,
     .provide = resolves_provide,
     .on_failure = FAILURE_DEFER,
     .lookups = 3,
     .help = "A domain has MX, A or AAAA records, and no null MX."},
    {.name = "nullmx",
     .type = {TYPE_BOOLEAN, false, NULL},
     ANY_TIME,
     .cost = COST_DNS,
     .inputs = no_inputs,
     .parameters = domain,
     .provide = nullmx_provide,
     .on_failure = FAILURE_DEFER,
     .lookups = 1,
     .help = "A domain says that it takes no mail (RFC 7505)."},
    {.name = "fqdn",
     .type = {TYPE_BOOLEAN, false, NULL},
     ANY_TIME,
     .cost = COST_CPU,
     .inputs = no_inputs,
     .parameters = text,
     .provide = fqdn_provide,
     .help = "A text is a domain name of at least two labels, and no address."},
    {.name = NULL},
};

const struct family family_dns = {.name = "dns", .facts = facts};
