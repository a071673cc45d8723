/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One SPF check (RFC 7208 section 4) from request to outcome: judge by what is known, fetch what
 * that lacked, judge again; then the explanation; and the deadline over all of it.
 */

#include "postern/spf.h"

#include "filter/auth/spfexplain.h"
#include "filter/auth/spfjudge.h"
#include "filter/auth/spfpath.h"
#include "postern/arena.h"
#include "postern/limits.h"
#include "postern/mail.h"

/* The longest value of a macro that the client chooses; a name that DNS can hold is shorter. */
#define VALUE_MAX 512

struct spf_check {
	struct spftree *tree;
	int64_t deadline; /* set with the first step, in lookups_time() */
	bool started, judged, done;
	struct spftree_term *want;          /* what judging lacks */
	const struct spftree_node *decider; /* the record that gave the result */
	struct spf_outcome outcome;
};

const char *spf_result_name(enum spf_result result)
{
	static const char *const names[] = {"none",     "neutral",   "pass",     "fail",
					    "softfail", "temperror", "permerror"};

	return names[result];
}

/* RFC 7208 4.3: an empty or long label, one label alone, an address literal give `none`. */
static bool is_checkable(struct str domain)
{
	for (size_t i = 0; i < domain.n; i++)
		if (domain.s[i] <= ' ' || domain.s[i] > '~')
			return false;
	return spftree_can_ask(domain) && str_chr(domain, '.') > 0 && domain.s[0] != '[';
}

/* The i macro: the address dotted, or its nibbles (7.3). */
static struct str dotted(struct arena *arena, const struct ip *ip)
{
	struct buf out = {.arena = arena};
	char text[IP_TEXT_MAX];

	if (ip_is_v4(ip))
		return str_dup(arena, str_of(ip_text(ip, text)));
	for (size_t i = 0; i < 16; i++)
		buf_printf(&out, "%s%X.%X", i > 0 ? "." : "", ip->bytes[i] >> 4,
			   ip->bytes[i] & 0xfU);
	return buf_str(&out);
}

/* The h macro: what the client said, a name with U-labels as its A-labels (RFC 8616 section 4). */
static struct str helo_value(struct arena *arena, struct str helo)
{
	struct str name;

	bool ascii = true;

	for (size_t i = 0; i < helo.n; i++)
		ascii = ascii && (unsigned char)helo.s[i] <= 0x7f;
	if (!ascii && domain_normal(arena, helo, &name))
		return name;
	return str_dup(arena, str_sub(helo, 0, VALUE_MAX));
}

struct spf_check *spf_check_new(struct arena *arena, const struct spf_request *request,
				const struct clock *clock)
{
	struct spf_check *check = arena_new_of(arena, struct spf_check);
	struct spfmacro_values values = {0};
	struct str domain = request->domain, local = request->local;
	char text[IP_TEXT_MAX];

	if (str_ends(domain, STR(".")))
		domain.n--;
	check->outcome.domain = domain = str_dup(arena, domain);
	if (!is_checkable(domain)) {
		check->outcome.problem = STR("not a domain name that can have a record");
		check->done = true;
		return check;
	}
	if (local.n == 0 || request->helo_scope)
		local = STR("postmaster");
	local = str_sub(local, 0, VALUE_MAX);
	values.of['l' - 'a'] = str_dup(arena, local);
	values.of['o' - 'a'] = domain;
	values.of['s' - 'a'] =
	    str_printf(arena, STR_FMT "@" STR_FMT, STR_ARG(local), STR_ARG(domain));
	values.of['i' - 'a'] = dotted(arena, &request->ip);
	values.of['c' - 'a'] = str_dup(arena, str_of(ip_text(&request->ip, text)));
	values.of['v' - 'a'] = ip_is_v4(&request->ip) ? STR("in-addr") : STR("ip6");
	values.of['h' - 'a'] = helo_value(arena, request->helo);
	values.of['r' - 'a'] =
	    request->receiver.n > 0 ? str_dup(arena, request->receiver) : STR("unknown");
	values.of['t' - 'a'] = str_printf(arena, "%lld", (long long)clock_time(clock));
	check->tree = spftree_new(arena, &request->ip, domain, &values);
	check->want = &check->tree->start;
	return check;
}

static void conclude(struct spf_check *check, const struct spf_judge *judge)
{
	struct arena *arena = check->tree->arena;

	check->judged = true;
	check->decider = judge->decider;
	check->outcome.result = judge->result;
	check->outcome.problem = judge->problem;
	if (judge->failed)
		check->outcome.problem = str_printf(
		    arena, "cannot look up %s %s: %s", str_clean(arena, judge->failed_name, 80).s,
		    dns_type_name(judge->failed_type), judge->failed->problem);
}

/* Judges, fetches what that lacked, judges again. False: all that is lacking is pending. */
static bool advance(struct spf_check *check, struct lookups *lookups)
{
	while (!check->judged) {
		struct spf_judge judge = {.tree = check->tree};
		struct spftree_term *pending;

		/* What was wanted may also come in while asking ahead. */
		if (!spftree_supply(check->tree, lookups, check->want) &&
		    !spftree_ahead(check->tree, lookups))
			return false;
		pending = spfpath_follow(check->tree, lookups);
		if (pending) {
			check->want = pending;
			continue;
		}
		spf_judge_run(&judge);
		if (judge.want)
			check->want = judge.want;
		else
			conclude(check, &judge);
	}
	return true;
}

enum step spf_check_step(struct spf_check *check, struct lookups *lookups,
			 const struct spf_outcome **outcome_r)
{
	struct spf_outcome *outcome = &check->outcome;
	bool late;

	*outcome_r = outcome;
	if (check->done)
		return STEP_DONE;
	if (!check->started)
		check->deadline = lookups_time(lookups) + LIMIT_SPF_SECONDS * NS_PER_S;
	check->started = true;
	late = lookups_time(lookups) >= check->deadline;
	if (!advance(check, lookups)) {
		if (!late)
			return STEP_PENDING;
		outcome->result = SPF_TEMPERROR_;
		outcome->problem = STR("the lookups took too long");
	} else if (outcome->result == SPF_FAIL_) {
		/* A fail without its explanation is better than none. */
		if (spfexplain_step(check->tree, check->decider, lookups, &outcome->explanation) ==
			STEP_PENDING &&
		    !late)
			return STEP_PENDING;
	}
	check->done = true;
	return STEP_DONE;
}
