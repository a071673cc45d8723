/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SPF through libspf2. libspf2 keeps the order of the mechanisms, the qualifiers, includes and
 * redirects, and matches addresses of a and mx. What it compiles are records rewritten with
 * names of our own ("a:a0-3.x" is term 3 of record 0), what it looks up are those; it never sees
 * a byte from the DNS, the sender or the client's HELO. Its hooks only read the tree of what is
 * known: what is missing they name and stop, it is fetched, and libspf2 begins anew.
 */

#include "postern/spf.h"

#include <netinet/in.h>
#include <spf2/spf.h>
#include <stdio.h>

#include "filter/auth/spfjudge.h"

/* libspf2's own limits count per record and would be wrong; ours act first. */
#define LIBRARY_LIMIT 1000
/* SPF_TERMS + 1 terms like "?include:a65-10.x". */
#define REWRITTEN_MAX 512

#define START_ALIAS "start.x"

void spf_init(void)
{
	SPF_warning_handler = NULL;
	SPF_info_handler = NULL;
	SPF_debug_handler = NULL;
}

static void stop(struct spf_judge *judge, enum spf_result result, struct str problem)
{
	judge->stopped = true;
	judge->result = result;
	judge->problem = problem;
}

/* A number behind a sign. False if it is not there. */
static bool read_number(const char **at, char sign, size_t *number_r)
{
	const char *p = *at;
	size_t number = 0;

	if (*p++ != sign || *p < '0' || *p > '9')
		return false;
	for (; *p >= '0' && *p <= '9' && number < SIZE_MAX / 20; p++)
		number = number * 10 + (size_t)(*p - '0');
	*number_r = number;
	*at = p;
	return true;
}

/* The term that an alias stands for, and which of its hosts; NULL for an alias never given out. */
static struct spftree_term *alias_term(struct spf_judge *judge, const char *alias, size_t *host_r)
{
	struct spftree *tree = judge->tree;
	size_t number, index;

	*host_r = SPF_HOSTS;
	if (strcmp(alias, START_ALIAS) == 0)
		return &tree->start;
	if (!read_number(&alias, 'a', &number) || !read_number(&alias, '-', &index) ||
	    number >= tree->nodes.count || index >= tree->nodes.items[number]->record.count)
		return NULL;
	read_number(&alias, '-', host_r);
	return &tree->nodes.items[number]->terms[index];
}

/* Counts a term that looks up. False: one too many. */
static bool count_term(struct spf_judge *judge)
{
	if (++judge->terms <= SPF_TERMS)
		return true;
	stop(judge, SPF_PERMERROR_, STR("more than 10 terms need lookups"));
	return false;
}

/* Counts the *terms* whose lookups found nothing, as 4.6.4 has it. False: one too many. */
static bool count_void(struct spf_judge *judge, const struct spftree_term *term)
{
	if (judge->voided == term)
		return true;
	judge->voided = term;
	if (++judge->voids <= SPF_VOIDS)
		return true;
	stop(judge, SPF_PERMERROR_, STR("the lookups of more than 2 terms found nothing"));
	return false;
}

/* Is the answer one to go on with? */
static bool usable(struct spf_judge *judge, const struct spftree_term *term, struct str name,
		   enum dns_type type, const struct dns_answer *answer)
{
	if (answer->status == DNS_FAILED) {
		stop(judge, SPF_TEMPERROR_, STR(""));
		judge->failed = answer;
		judge->failed_name = name;
		judge->failed_type = type;
		return false;
	}
	return !spftree_is_void(answer) || count_void(judge, term);
}

static void reply_add(struct spf_judge *judge, SPF_dns_rr_t *reply, const void *data, size_t n)
{
	if (SPF_dns_rr_buf_realloc(reply, reply->num_rr, n) != SPF_E_SUCCESS) {
		stop(judge, SPF_TEMPERROR_, STR("out of memory"));
		return;
	}
	memcpy(reply->rr[reply->num_rr++], data, n);
}

/*
 * The addresses of an a, or of one host of an mx. libspf2 takes the length 0 for none: there any
 * address stands for the client's own.
 */
static void reply_addresses(struct spf_judge *judge, SPF_dns_rr_t *reply,
			    const struct spftree_term *term, const struct dns_answer *answer)
{
	bool v4 = judge->tree->address_type == DNS_A;
	size_t size = v4 ? 4 : 16;

	if (term->source->prefix == 0 && answer->count > 0) {
		reply_add(judge, reply, judge->tree->ip.bytes + (v4 ? 12 : 0), size);
		return;
	}
	for (size_t i = 0; i < answer->count; i++)
		if (answer->records[i].data.n == size)
			reply_add(judge, reply, answer->records[i].data.s, size);
}

/* exists and ptr stand as exists of an alias: any address is a match. */
static void reply_match(struct spf_judge *judge, SPF_dns_rr_t *reply)
{
	static const struct in_addr any;

	reply_add(judge, reply, &any, sizeof(any));
}

static void reply_ptr(struct spf_judge *judge, SPF_dns_rr_t *reply, const struct spftree_term *term)
{
	const struct spftree *tree = judge->tree;

	if (spftree_client_void(tree) && !count_void(judge, term))
		return;
	for (size_t i = 0; i < tree->client.count; i++) {
		const struct spftree_host *host = &tree->client.items[i];

		if (spftree_below(host->name, term->name) && spftree_confirms(tree, host)) {
			reply_match(judge, reply);
			return;
		}
	}
}

static void reply_mx(struct spf_judge *judge, SPF_dns_rr_t *reply, const struct spftree_term *term,
		     const char *alias)
{
	char host[64];

	if (!term->hosts) {
		stop(judge, SPF_PERMERROR_, STR("an mx has more than 10 hosts"));
		return;
	}
	for (size_t i = 0; i < term->hosts->count; i++) {
		int n =
		    snprintf(host, sizeof(host), "%.*s-%zu.x", (int)strcspn(alias, "."), alias, i);

		reply_add(judge, reply, host, (size_t)n + 1);
	}
}

/* Fills in what a term's own question, not that of one of its hosts, found. */
static void reply_term(struct spf_judge *judge, SPF_dns_rr_t *reply, struct spftree_term *term,
		       const char *alias)
{
	if (!count_term(judge))
		return;
	if (term->source->kind == SPFRECORD_PTR ? !term->named : !term->answer) {
		judge->want = term;
		return;
	}
	if (term->barred)
		return;
	if (term->asks_client && spftree_client_void(judge->tree) && !count_void(judge, term))
		return;
	if (term->source->kind == SPFRECORD_PTR) {
		reply_ptr(judge, reply, term);
		return;
	}
	if (!usable(judge, term, term->name, (enum dns_type)reply->rr_type, term->answer))
		return;
	if (term->source->kind == SPFRECORD_MX)
		reply_mx(judge, reply, term, alias);
	else if (term->source->kind == SPFRECORD_A)
		reply_addresses(judge, reply, term, term->answer);
	else if (term->answer->count > 0)
		reply_match(judge, reply);
}

static void reply_host(struct spf_judge *judge, SPF_dns_rr_t *reply, struct spftree_term *term,
		       size_t index)
{
	const struct spftree_host *host = &term->hosts->items[index];

	if (!host->addresses)
		judge->want = term;
	else if (usable(judge, term, host->name, judge->tree->address_type, host->addresses))
		reply_addresses(judge, reply, term, host->addresses);
}

static SPF_dns_rr_t *on_lookup(SPF_dns_server_t *dns, const char *alias, ns_type type, int cache)
{
	struct spf_judge *judge = dns->hook;
	SPF_dns_rr_t *reply = SPF_dns_rr_new_init(dns, alias, type, 0, NETDB_SUCCESS);
	size_t host;
	struct spftree_term *term = alias_term(judge, alias, &host);

	(void)cache;
	if (!reply)
		return NULL;
	if (!term)
		stop(judge, SPF_TEMPERROR_, STR("libspf2 asked for an unknown name"));
	else if (term->hosts && host < term->hosts->count)
		reply_host(judge, reply, term, host);
	else
		reply_term(judge, reply, term, alias);
	if (judge->want || judge->stopped)
		reply->herrno = TRY_AGAIN; /* the one answer at which libspf2 stops at once */
	else if (reply->num_rr == 0)
		reply->herrno = NO_DATA;
	return reply;
}

/* Writes the record as libspf2 gets it. */
static void rewrite(const struct spftree *tree, const struct spftree_node *node, char *text,
		    size_t size)
{
	static const char *const names[] = {
	    [SPFRECORD_ALL] = "all",
	    [SPFRECORD_INCLUDE] = "include:",
	    [SPFRECORD_A] = "a:",
	    [SPFRECORD_MX] = "mx:",
	    [SPFRECORD_PTR] = "exists:",
	    [SPFRECORD_EXISTS] = "exists:",
	    [SPFRECORD_REDIRECT] = "redirect=",
	};
	const char *slashes = tree->address_type == DNS_A ? "/" : "//";
	unsigned all_bits = tree->address_type == DNS_A ? 32 : 128;
	size_t n = (size_t)snprintf(text, size, "v=spf1");

	for (size_t i = 0; i < node->record.count && n < size; i++) {
		const struct spfrecord_term *term = &node->record.terms[i];
		int qualified = term->kind != SPFRECORD_REDIRECT;

		n += (size_t)snprintf(text + n, size - n, " %.*s%s", qualified, &term->qualifier,
				      names[term->kind]);
		if (term->kind != SPFRECORD_ALL && n < size)
			n += (size_t)snprintf(text + n, size - n, "a%zu-%zu.x", node->number, i);
		if (term->prefix > 0 && term->prefix < all_bits && n < size)
			n += (size_t)snprintf(text + n, size - n, "%s%u", slashes, term->prefix);
	}
}

/* The domain's own lack of a record is `none`, that of an include or redirect permerror. */
static void stop_at(struct spf_judge *judge, const struct spftree_node *node, bool start)
{
	if (node->state == SPFTREE_FAILED)
		stop(judge, SPF_TEMPERROR_, node->problem);
	else if (node->state == SPFTREE_NONE && start)
		stop(judge, SPF_NONE_, node->problem);
	else
		stop(judge, SPF_PERMERROR_, node->problem);
}

/* An error from here ends the run; `stopped` or `want` then says why. */
static SPF_errcode_t on_get_spf(SPF_server_t *server, SPF_request_t *request,
				SPF_response_t *response, SPF_record_t **record_r)
{
	struct spf_judge *judge = server->resolver->hook;
	char text[REWRITTEN_MAX];
	size_t host;
	struct spftree_term *term = alias_term(judge, request->cur_dom, &host);
	bool start = term == &judge->tree->start;
	const struct spftree_node *node;

	if (!term || (!start && !count_term(judge)))
		return SPF_E_DNS_ERROR;
	node = term->target;
	if (!node) {
		judge->want = term;
		return SPF_E_DNS_ERROR;
	}
	if (!start && term->asks_client && spftree_client_void(judge->tree) &&
	    !count_void(judge, term))
		return SPF_E_DNS_ERROR;
	if (node->state != SPFTREE_RECORD) {
		stop_at(judge, node, start);
		return SPF_E_DNS_ERROR;
	}
	/* A redirect inside an include does not give the result of the whole (6.2). */
	if (term->source->kind == SPFRECORD_REDIRECT && judge->decider == term->node)
		judge->decider = node;
	rewrite(judge->tree, node, text, sizeof(text));
	if (SPF_record_compile(server, response, record_r, text) != SPF_E_SUCCESS ||
	    (*record_r)->num_mech != node->record.count) {
		stop(judge, SPF_TEMPERROR_, STR("libspf2 did not take the record"));
		return SPF_E_DNS_ERROR;
	}
	return SPF_E_SUCCESS;
}

static void set_client(SPF_request_t *request, const struct ip *ip)
{
	struct in_addr v4;
	struct in6_addr v6;

	memcpy(&v4, ip->bytes + 12, sizeof(v4));
	memcpy(&v6, ip->bytes, sizeof(v6));
	if (ip_is_v4(ip))
		SPF_request_set_ipv4(request, v4);
	else
		SPF_request_set_ipv6(request, v6);
}

/* Not SPF_request_query_mailfrom(): it lets 127/8 and ::1 pass without a look at the record. */
static SPF_result_t run_library(SPF_server_t *server, SPF_request_t *request,
				SPF_response_t *response, const struct ip *ip)
{
	SPF_record_t *record = NULL;

	set_client(request, ip);
	/* Without these two libspf2 aborts the process; no macro of theirs is ever expanded. */
	if (SPF_request_set_helo_dom(request, START_ALIAS) != SPF_E_SUCCESS ||
	    SPF_request_set_env_from(request, "postmaster@" START_ALIAS) != SPF_E_SUCCESS)
		return SPF_RESULT_INVALID;
	request->cur_dom = START_ALIAS;
	if (SPF_server_get_record(server, request, response, &record) == SPF_E_SUCCESS) {
		response->spf_record_exp = record;
		SPF_record_interpret(record, request, response, 0);
	}
	if (record)
		SPF_record_free(record);
	return SPF_response_result(response);
}

/* The results that are libspf2's to give; errors are found and named here, before it sees them. */
static bool result_of(SPF_result_t result, enum spf_result *result_r)
{
	switch (result) {
	case SPF_RESULT_PASS:
		*result_r = SPF_PASS_;
		return true;
	case SPF_RESULT_FAIL:
		*result_r = SPF_FAIL_;
		return true;
	case SPF_RESULT_SOFTFAIL:
		*result_r = SPF_SOFTFAIL_;
		return true;
	case SPF_RESULT_NEUTRAL:
		*result_r = SPF_NEUTRAL_;
		return true;
	default:
		return false;
	}
}

void spf_judge_run(struct spf_judge *judge)
{
	SPF_dns_server_t dns = {
	    .lookup = on_lookup, .get_spf = on_get_spf, .name = "postern", .hook = judge};
	SPF_server_t *server = SPF_server_new_dns(&dns, 0);
	SPF_request_t *request = server ? SPF_request_new(server) : NULL;
	SPF_response_t *response = request ? SPF_response_new(request) : NULL, *messages = NULL;
	SPF_result_t result = SPF_RESULT_INVALID;

	if (response) {
		SPF_server_set_explanation(server, "none", &messages);
		SPF_server_set_max_dns_mech(server, LIBRARY_LIMIT);
		SPF_server_set_max_dns_mx(server, LIBRARY_LIMIT);
		result = run_library(server, request, response, &judge->tree->ip);
	}
	if (!judge->stopped && !result_of(result, &judge->result))
		stop(judge, SPF_TEMPERROR_, STR("libspf2 came to no result"));
	if (messages)
		SPF_response_free(messages);
	if (response)
		SPF_response_free(response);
	if (request)
		SPF_request_free(request);
	if (server)
		SPF_server_free(server);
}
