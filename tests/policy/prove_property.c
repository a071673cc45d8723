/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is proved holds: random policies with random assertions, and for each that is proved many
 * random messages, played to a session; none may break it. For each that is refuted the values of
 * the counterexample are decided by the engine, where they are complete.
 *
 *   prove_property [SEED [CASES]]
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "filter/policy/evaluate.h"
#include "postern/arena.h"
#include "postern/dns.h"
#include "postern/mail.h"
#include "postern/prove.h"
#include "postern/session.h"
#include "tests/policy/prove_words.h"

#define CASES 3000
#define MESSAGES 60
#define RECIPIENTS_MOST 3

static uint64_t state;

static unsigned below(unsigned n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state >> 33) % n;
}

#define PICK(list) (list)[below(sizeof(list) / sizeof((list)[0]))]

/* ---- a policy ---- */

static const char *const declarations = "table ours networks { 192.0.2.0/24 127.0.0.0/8 ::1 }\n"
					"table wide networks { 0.0.0.0/1 2001:db8::/32 }\n"
					"table local domains { a.example .b.example }\n"
					"table other domains { b.example .c.b.example }\n"
					"table top domains { .example }\n"
					"table people addresses { a@a.example @b.example }\n"
					"table inner networks { 10.0.0.0/8 }\n"
					"table folk strings { a ab c }\n"
					"table odd patterns { /^a/ /b$/ }\n"
					"table logins map { \"a b\" \"b a@a.example\" }\n";

/* `scores`: it may ask for them, as rules can and assertions cannot. */
static void add_condition(struct buf *out, int depth, bool scores)
{
	static const char *const sums[] = {"score >= 5", "score < 3", "score is 4", "score.bad > 1",
					   "score in { 2 5 }"};
	static const char *const joints[] = {" and ", " or "};
	const char *joint = PICK(joints);
	unsigned count = depth == 0 ? 1 : 1 + below(3);

	for (unsigned i = 0; i < count; i++) {
		if (i > 0)
			buf_puts(out, joint);
		if (below(4) == 0)
			buf_puts(out, "not ");
		if (depth > 0 && below(4) == 0) {
			buf_puts(out, "(");
			add_condition(out, depth - 1, scores);
			buf_puts(out, ")");
		} else {
			buf_puts(out, "(");
			buf_puts(out, scores && below(12) == 0 ? PICK(sums) : PICK(tests));
			buf_puts(out, ")");
		}
	}
}

static void add_clauses(struct buf *out, int depth, bool scores)
{
	buf_puts(out, " when ");
	add_condition(out, depth, scores);
	if (below(3) == 0) {
		buf_puts(out, " unless ");
		add_condition(out, 0, scores);
	}
	buf_puts(out, "\n");
}

static void add_rule(struct buf *out)
{
	static const char *const actions[] = {"accept",
					      "accept",
					      "reject \"No\"",
					      "reject \"No\"",
					      "reject \"No\"",
					      "defer \"Later\"",
					      "discard \"gone\"",
					      "hold \"held\"",
					      "add header \"X-A: b\"",
					      "remove recipient",
					      "redirect <c@a.example>",
					      "add header \"X-B: b\", accept",
					      "score 3",
					      "score -2",
					      "score bad 2",
					      "observe reject \"No\"",
					      "observe score 9",
					      "reject \"No ${client.name}\"",
					      "defer \"Later ${client.name}\"",
					      "add recipient <c@b.example>"};

	buf_puts(out, PICK(actions));
	if (below(8) != 0)
		add_clauses(out, 2, true);
	else
		buf_puts(out, "\n");
}

static const char *const outcomes[] = {"accept", "reject",  "defer",    "discard",
				       "hold",   "refused", "delivered"};

static void add_assertion(struct buf *out)
{
	static const char *const stages[] = {"mail", "rcpt", "data", "headers", "message"};

	buf_printf(out, "assert %s%s", below(2) ? "not " : "", PICK(outcomes));
	if (below(5) == 0)
		buf_printf(out, " by %s", PICK(stages));
	add_clauses(out, 1, false);
}

static struct str policy_make(struct arena *arena)
{
	static const char *const mixed[] = {"", "set submitters inner\n", "set mixed first\n",
					    "set mixed message\n"};
	struct buf out = {.arena = arena};
	unsigned rules = 1 + below(6);

	buf_puts(&out, PICK(mixed));
	buf_puts(&out, declarations);
	buf_puts(&out, "score 2 when header.count(\"X\") > 1\nscore bad 1 when hops > 10\n");
	for (unsigned i = 0; i < rules; i++)
		add_rule(&out);
	for (unsigned i = 0; i < 3; i++)
		add_assertion(&out);
	return buf_str(&out);
}

/* ---- a message ---- */

static const char *const ips[] = {"192.0.2.1", "192.0.2.200", "127.0.0.1",    "203.0.113.9",
				  "::1",       "2001:db8::5", "2a00:1450::7", "10.1.2.3"};
static const char *const words[] = {"a", "b", "ab", "A", "c", "B", ""};
static const char *const hosts[] = {"a.example", "b.example",  "x.b.example",   "x.c.b.example",
				    "c.example", "xb.example", "elsewhere.test"};
static const char *const paths[] = {
    "<a@a.example>",      "<b@a.example>", "<a+b@b.example>",        "<ab@x.b.example>",
    "<c@x.c.b.example>",  "<postmaster>",  "<a%b@a.example>",        "<@x.example:a@a.example>",
    "<a@elsewhere.test>", "<A@b.example>", "<postmaster@c.example>", "<a@xb.example>"};

struct world {
	struct arena *arena;
	const struct policy *policy;
	bool has_ip, local; /* local: handed in on this host itself */
	struct ip ip;
	const char *helo, *user, *sender;
	const char *recipients[RECIPIENTS_MOST];
	int recipient_count;
	struct value *values; /* by slot; UNKNOWN: the session's business */
	struct given *given;
	size_t given_count;
	struct clock clock;
};

static struct value random_scalar(const struct type *type)
{
	struct value value = {.state = FACT_PRESENT};
	int count = 0;

	switch (type->base) {
	case TYPE_BOOLEAN:
		return value_boolean(below(2));
	case TYPE_NUMBER:
		return value_number(below(24) * 1000);
	case TYPE_SIZE:
		return value_number(below(16) * 1024 + below(3) - 1);
	case TYPE_TEXT:
		return value_text(str_of(PICK(words)));
	case TYPE_DOMAIN:
		return value_text(str_of(PICK(hosts)));
	case TYPE_ENUM:
		while (type->enumeration->values[count])
			count++;
		return value_enum((int)below((unsigned)count));
	case TYPE_IP:
		ip_parse(below(2) ? STR("127.0.0.2") : STR("127.0.0.3"), &value.network.ip);
		value.network.prefix = 128;
		return value;
	default:
		return value_absent();
	}
}

static struct value random_value(struct world *w, const struct slot *slot)
{
	struct value *items, value;

	if ((slot->may_defer || slot->may_skip) && below(5) == 0)
		return value_failed("made up");
	if (!slot->def->always && !slot->def->type.list && below(4) == 0)
		return value_absent();
	if (!slot->def->type.list)
		return random_scalar(&slot->def->type);
	items = arena_array(w->arena, 3, sizeof(*items));
	for (int i = 0; i < 3; i++)
		items[i] = random_scalar(&slot->def->type);
	value = value_list(items, below(4));
	value.incomplete = slot->may_defer && below(6) == 0;
	return value;
}

static bool by_session(const struct fact_def *def)
{
	static const char *const names[] = {
	    "client.ip",        "client.net",      "origin.ip",         "helo.name",
	    "auth.user",        "sender",          "sender.local",      "sender.domain",
	    "recipient",        "recipient.local", "recipient.domain",  "recipient.tag",
	    "recipient.routed", "recipients",      "recipients.domain", "recipient.count",
	    "mta.name"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(def->name, names[i]) == 0)
			return true;
	return def->internal;
}

static const char *path_made(const struct world *w)
{
	static const char *const locals[] = {"a", "b", "ab", "a+b", "b+a", "A", "a%b", "c"};

	return str_printf(w->arena, "<%s@%s>", PICK(locals), PICK(hosts)).s;
}

static struct world world_make(struct arena *arena, const struct policy *policy)
{
	struct world w = {.arena = arena, .policy = policy, .clock = {.manual = true, .wall = 1}};

	w.has_ip = below(10) != 0;
	ip_parse(str_of(PICK(ips)), &w.ip);
	w.local = w.has_ip && below(4) == 0;
	w.helo = below(6) ? PICK(words) : NULL;
	if (w.helo && !*w.helo)
		w.helo = "a";
	w.user = !w.local && below(3) == 0 ? (below(2) ? "a" : "b") : NULL;
	w.sender = below(4) == 0 ? "<>" : below(2) ? PICK(paths) : path_made(&w);
	if (strcmp(w.sender, "<postmaster>") == 0)
		w.sender = "<a@c.example>";
	w.recipient_count = 1 + (int)below(RECIPIENTS_MOST);
	for (int i = 0; i < w.recipient_count; i++)
		w.recipients[i] = below(2) ? PICK(paths) : path_made(&w);
	w.values = arena_array(arena, policy->all_slot_count, sizeof(*w.values));
	w.given = arena_array(arena, policy->all_slot_count, sizeof(*w.given));
	for (size_t i = 0; i < policy->all_slot_count; i++) {
		if (by_session(policy->slots[i].def))
			continue;
		w.values[i] = random_value(&w, &policy->slots[i]);
		if (i < policy->slot_count)
			w.given[w.given_count++] =
			    (struct given){.slot = (unsigned)i, .value = w.values[i]};
	}
	return w;
}

static const char *world_macro(void *ctx, const char *name)
{
	const struct world *w = ctx;

	return strcmp(name, "auth_authen") == 0 ? w->user : NULL;
}

/* What the assertion's condition makes of one recipient; what only a session knows stays open. */
static void put(const struct policy *policy, struct value *values, const char *fact,
		struct value value)
{
	for (size_t i = 0; i < policy->all_slot_count; i++)
		if (policy->slots[i].argument_count == 0 &&
		    strcmp(policy->slots[i].def->name, fact) == 0)
			values[i] = value;
}

static struct value text_or_absent(bool absent, struct str text)
{
	return absent ? value_absent() : value_text(text);
}

static cond_set condition_of(const struct world *w, const char *recipient, const struct cond *cond)
{
	struct value *values = arena_array(w->arena, w->policy->all_slot_count, sizeof(*values));
	struct view view = {.policy = w->policy, .stage = STAGE_MESSAGE, .clock = &w->clock};
	struct path path;
	const char *why;
	struct value net = value_ip(&w->ip), domain;

	memcpy(values, w->values, w->policy->all_slot_count * sizeof(*values));
	net.network.prefix = ip_is_v4(&w->ip) ? 120 : 64;
	for (unsigned i = net.network.prefix / 8; i < 16; i++)
		net.network.ip.bytes[i] = 0;
	put(w->policy, values, "client.ip", w->has_ip ? value_ip(&w->ip) : value_absent());
	put(w->policy, values, "client.net", w->has_ip ? net : value_absent());
	put(w->policy, values, "helo.name", w->helo ? value_text(str_of(w->helo)) : value_absent());
	put(w->policy, values, "auth.user", w->user ? value_text(str_of(w->user)) : value_absent());
	if (path_parse(w->arena, str_of(w->sender), false, &path, &why)) {
		put(w->policy, values, "sender", value_text(path.text));
		put(w->policy, values, "sender.local", text_or_absent(path.null, path.local));
		put(w->policy, values, "sender.domain", text_or_absent(path.null, path.domain));
	}
	if (path_parse(w->arena, str_of(recipient), true, &path, &why)) {
		domain = value_text(path.domain.n ? path.domain : STR("localhost"));
		domain.ours = path.domain.n == 0;
		put(w->policy, values, "recipient",
		    value_text(str_printf(w->arena, STR_FMT "@" STR_FMT, STR_ARG(path.local),
					  STR_ARG(domain.text))));
		put(w->policy, values, "recipient.local", value_text(path.local));
		put(w->policy, values, "recipient.domain", domain);
		put(w->policy, values, "recipient.tag", text_or_absent(path.tag.n == 0, path.tag));
		put(w->policy, values, "recipient.routed", value_boolean(path.routed));
	}
	view.given = values;
	for (int scope = 0; scope < SCOPE_COUNT; scope++) {
		view.arenas[scope] = w->arena;
		view.cells[scope] =
		    arena_array(w->arena, w->policy->cells[scope] + 1, sizeof(struct cell));
	}
	return evaluate(&view, cond, NULL).possible;
}

/* ---- does it hold? ---- */

static bool is_outcome(const struct report_outcome *o, enum outcome outcome)
{
	switch (outcome) {
	case OUTCOME_REFUSED:
		return o->verdict == VERDICT_REJECT || o->verdict == VERDICT_DEFER;
	case OUTCOME_DELIVERED:
		return o->verdict == VERDICT_ACCEPT || o->verdict == VERDICT_HOLD;
	case OUTCOME_ACCEPT:
		return o->verdict == VERDICT_ACCEPT;
	case OUTCOME_REJECT:
		return o->verdict == VERDICT_REJECT;
	case OUTCOME_DEFER:
		return o->verdict == VERDICT_DEFER;
	case OUTCOME_DISCARD:
		return o->verdict == VERDICT_DISCARD;
	case OUTCOME_HOLD:
		break;
	}
	return o->verdict == VERDICT_HOLD;
}

static bool holds(const struct plan_assertion *a, const struct report_outcome *o, bool local)
{
	bool put_off = o->verdict == VERDICT_DEFER && o->enhanced &&
		       (strcmp(o->enhanced, "4.4.3") == 0 || strcmp(o->enhanced, "4.5.3") == 0);

	if (put_off && (a->outcome != OUTCOME_ACCEPT || a->negated))
		return true;
	return is_outcome(o, a->outcome) != a->negated && (!a->by || local || o->stage <= a->stage);
}

static struct session *play(struct world *w)
{
	static const char *const none[] = {NULL};
	struct source nothing = {.name = "none", .text = STR("")};
	struct resolver *resolver = NULL;
	struct session_env env = {.clock = &w->clock,
				  .macro = world_macro,
				  .ctx = w,
				  .given = w->given,
				  .given_count = w->given_count};
	struct edits edits;
	struct session *s;
	int taken = 0;

	if (resolver_from_source(&nothing, &w->clock, diag_new(w->arena), &resolver) == 0)
		env.resolver = resolver;
	s = session_new(w->policy, &env);
	session_connect(s, STR("unknown"), w->has_ip ? &w->ip : NULL, w->local ? 0 : 25);
	if (w->helo)
		session_helo(s, str_of(w->helo));
	if (session_mail(s, str_of(w->sender), none).kind == REPLY_CONTINUE) {
		for (int i = 0; i < w->recipient_count; i++)
			taken +=
			    session_rcpt(s, str_of(w->recipients[i]), none).kind == REPLY_CONTINUE;
		if (taken > 0 && session_data(s).kind == REPLY_CONTINUE &&
		    session_eoh(s).kind == REPLY_CONTINUE &&
		    session_eom(s, &edits).kind == REPLY_CONTINUE)
			session_committed(s);
	}
	resolver_free(&resolver);
	return s;
}

static const char *break_it(const struct policy *policy, const struct plan_assertion *a)
{
	struct arena *arena = arena_new(NULL);
	struct world w = world_make(arena, policy);
	struct session *s = play(&w);
	const struct report *report = session_report(s);
	static char text[400];
	char ip[IP_TEXT_MAX];
	const char *why = NULL;

	for (int i = 0; i < w.recipient_count && !why; i++) {
		const struct report_outcome *o = &report->outcome;

		if (report->recipient_count == (size_t)w.recipient_count)
			o = &report->recipients[i].outcome;
		else if (report->recipient_count > 0)
			break;
		if (condition_of(&w, w.recipients[i], a->cond) != COND_TRUE || holds(a, o, w.local))
			continue;
		snprintf(text, sizeof(text),
			 "%s at %s by %s, recipient %d of %d, %s, client %s%s %s",
			 verdict_name(o->verdict), stage_name(o->stage), o->rule ? o->rule : "none",
			 i, w.recipient_count, w.recipients[i],
			 w.has_ip ? ip_text(&w.ip, ip) : "none", w.local ? " here" : "", w.sender);
		why = text;
	}
	session_free(&s);
	arena_free(&arena);
	return why;
}

int main(int argc, char **argv)
{
	unsigned long long seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
	unsigned long long cases = argc > 2 ? strtoull(argv[2], NULL, 10) : argc > 1 ? 1 : CASES;
	unsigned passed = 0, failed = 0, count[3] = {0};

	for (unsigned long long i = 0; i < cases; i++) {
		struct arena *arena = arena_new(NULL);
		struct diag *diag = diag_new(arena);
		struct source source = {.name = "made-up"};
		struct policy *policy;
		struct prover *prover;
		bool ok = true;

		state = (seed + i) * UINT64_C(0x9e3779b97f4a7c15) + 1;
		below(2);
		source.text = policy_make(arena);
		policy = policy_compile(&source, ".", NULL, diag);
		if (!policy) {
			diag_print(diag, stdout);
			failed++;
			arena_free(&arena);
			continue;
		}
		prover = prover_new(arena, policy);
		for (size_t n = 0; n < policy->assertion_count; n++) {
			const struct plan_assertion *a = &policy->assertions[n];
			struct proof_result r = prove_assertion(prover, a, PROVE_STEPS);

			count[r.proof]++;
			for (int m = 0; m < MESSAGES && r.proof == PROOF_PROVED && ok; m++) {
				const char *why = break_it(policy, a);

				if (!why)
					continue;
				printf(
				    "seed %llu, assertion %zu is proved, and broken: %s\n" STR_FMT
				    "\n",
				    seed + i, n + 1, why, STR_ARG(source.text));
				ok = false;
			}
		}
		passed += ok;
		failed += !ok;
		policy_free(&policy);
		arena_free(&arena);
	}
	printf("%u proved, %u refuted, %u undecided\n", count[PROOF_PROVED], count[PROOF_REFUTED],
	       count[PROOF_UNDECIDED]);
	if (cases >= CASES && (count[PROOF_PROVED] < cases / 10 || count[PROOF_REFUTED] < cases)) {
		printf("too few of one kind to mean anything\n");
		failed++;
	}
	printf("%u passed, %u failed\n", passed, failed);
	return failed > 0;
}
