/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A counterexample as a dialogue: addresses and names become options of `postern explain`, other
 * facts are given. It is played before it is shown (counterplay.c); what does not come out as
 * proved is said to be so.
 */

#include "filter/command/dialogue.h"
#include "filter/command/proofs.h"

#define OUTSIDER "203.0.113.9"

struct counter {
	struct arena *arena;
	const struct policy *policy;
	const struct witness *witness;
	struct dialogue dialogue;
	struct buf command;
	const char *recipient; /* the one that is spoken of */
	struct str why;        /* what could not be made concrete; empty: nothing */
};

static const struct witness_fact *fact(const struct counter *c, const struct witness_fact *facts,
				       size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(c->policy->slots[facts[i].slot].def->name, name) == 0)
			return &facts[i];
	return NULL;
}

static const struct value *own(const struct counter *c, const char *name)
{
	const struct witness_fact *one = fact(c, c->witness->facts, c->witness->count, name);

	return one ? &one->value : NULL;
}

static bool present(const struct value *value)
{
	return value && value->state == FACT_PRESENT;
}

static void vague(struct counter *c, const char *what)
{
	if (c->why.n == 0)
		c->why = str_printf(c->arena, "no value is known for '%s'", what);
}

/* ---- the command line ---- */

static void option(struct counter *c, const char *name, struct str value)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789@%_+=:,./-";
	bool quote = value.n == 0;

	for (size_t i = 0; i < value.n; i++)
		quote |= value.s[i] == 0 || !strchr(plain, value.s[i]);
	buf_printf(&c->command, " %s ", name);
	if (!quote) {
		buf_add(&c->command, value);
		return;
	}
	buf_putc(&c->command, '\'');
	for (size_t i = 0; i < value.n; i++) {
		if (value.s[i] == '\'')
			buf_puts(&c->command, "'\\''");
		else
			buf_putc(&c->command, value.s[i]);
	}
	buf_putc(&c->command, '\'');
}

/* ---- addresses ---- */

/* A local part as it stands in a command (RFC 5321 4.1.2). */
static struct str quoted_local(struct arena *arena, struct str local)
{
	struct buf out = {.arena = arena};
	bool quote = local.n == 0 || local.s[0] == '.' || local.s[local.n - 1] == '.';

	for (size_t i = 0; i < local.n; i++)
		quote |= local.s[i] == 0 || strchr("()<>[]:;@\\,\" \t", local.s[i]) != NULL;
	if (!quote)
		return local;
	buf_putc(&out, '"');
	for (size_t i = 0; i < local.n; i++) {
		if (local.s[i] == '"' || local.s[i] == '\\')
			buf_putc(&out, '\\');
		buf_putc(&out, local.s[i]);
	}
	buf_putc(&out, '"');
	return buf_str(&out);
}

/* The address whose parts are in the witness, in angle brackets. */
static const char *address(const struct counter *c, const struct witness_fact *facts, size_t count,
			   const char *name, const char *host)
{
	struct str local = STR("user"), domain = str_of(host);
	char part[64];
	const struct witness_fact *one;
	bool routed = false, ours = false;

	if ((one = fact(c, facts, count, name))) {
		ptrdiff_t at = str_rchr(one->value.text, '@');

		if (one->value.state == FACT_ABSENT)
			return "<not an address>";
		if (one->value.state == FACT_PRESENT && at < 0)
			return "<>";
		if (one->value.state == FACT_PRESENT) {
			local = str_sub(one->value.text, 0, (size_t)at);
			domain = str_sub(one->value.text, (size_t)at + 1, one->value.text.n);
		}
	}
	snprintf(part, sizeof(part), "%s.tag", name);
	if ((one = fact(c, facts, count, part)) && present(&one->value))
		local = str_printf(c->arena, "user+" STR_FMT, STR_ARG(one->value.text));
	snprintf(part, sizeof(part), "%s.local", name);
	if ((one = fact(c, facts, count, part))) {
		if (one->value.state == FACT_ABSENT)
			return "<>";
		if (present(&one->value))
			local = one->value.text;
	}
	snprintf(part, sizeof(part), "%s.domain", name);
	if ((one = fact(c, facts, count, part))) {
		if (one->value.state == FACT_ABSENT)
			return "<>";
		if (present(&one->value))
			domain = one->value.text;
		ours = one->value.ours;
	}
	if (ours)
		return "<postmaster>";
	snprintf(part, sizeof(part), "%s.routed", name);
	if ((one = fact(c, facts, count, part)) && present(&one->value))
		routed = one->value.number != 0 && str_chr(local, '%') < 0 &&
			 str_chr(local, '!') < 0 && str_chr(local, '@') < 0;
	return str_printf(c->arena, "<%s" STR_FMT "@" STR_FMT ">",
			  routed ? "@elsewhere.example:" : "",
			  STR_ARG(quoted_local(c->arena, local)), STR_ARG(domain))
	    .s;
}

static void add_recipient(struct counter *c, const char *recipient)
{
	for (size_t i = 0; i < c->dialogue.recipients.count; i++)
		if (strcmp(c->dialogue.recipients.items[i], recipient) == 0)
			return;
	*vec_push(c->arena, &c->dialogue.recipients) = recipient;
	option(c, "--recipient", str_of(recipient));
}

/* The others that must be among the recipients for what is wanted of all of them. */
static void add_listed(struct counter *c, const char *name, bool domains)
{
	const struct value *list = own(c, name);
	struct str mine = str_of(c->recipient);

	for (size_t i = 0; list && list->state == FACT_PRESENT && i < list->count; i++) {
		struct str one = list->items[i].text;
		struct str whole =
		    str_printf(c->arena, "%s" STR_FMT ">", domains ? "<user@" : "<", STR_ARG(one));

		if (domains ? !str_ends(mine, str_sub(whole, 5, whole.n)) : !str_eq(mine, whole))
			add_recipient(c, whole.s);
	}
}

static void envelope(struct counter *c, bool shared)
{
	const struct witness *w = c->witness;
	const struct value *ip = own(c, "client.ip"), *helo = own(c, "helo.name"),
			   *user = own(c, "auth.user");
	const char *client = w->local ? "127.0.0.1" : OUTSIDER;
	char text[IP_TEXT_MAX];

	if (present(ip))
		client = str_dup(c->arena, str_of(ip_text(&ip->network.ip, text))).s;
	if (!ip || present(ip)) {
		c->dialogue.has_ip = ip_parse(str_of(client), &c->dialogue.ip);
		option(c, "--client", str_of(client));
	}
	if (!helo || present(helo)) {
		c->dialogue.helo =
		    helo ? str_dup(c->arena, helo->text).s : "host.elsewhere.example";
		option(c, "--helo", str_of(c->dialogue.helo));
	}
	c->dialogue.sender = address(c, w->facts, w->count, "sender", "elsewhere.example");
	option(c, "--sender", str_of(c->dialogue.sender));
	/* Where recipients share a fate it may be because the client has logged in. */
	if (present(user) || (shared && !user && !w->local)) {
		const char *name = user ? str_dup(c->arena, user->text).s : "user";

		*vec_push(c->arena, &c->dialogue.macros) =
		    (struct policy_override){"auth_authen", name};
		option(c, "--auth", str_of(name));
	}
	/* A client on loopback without a port is how the MTA shows mail of this host itself. */
	if (w->local) {
		*vec_push(c->arena, &c->dialogue.given) = "client.port=absent";
		option(c, "--given", STR("client.port=absent"));
	}
	c->recipient = address(c, w->facts, w->count, "recipient", "outside.example");
	if (shared)
		add_recipient(c,
			      address(c, w->other, w->other_count, "recipient", "outside.example"));
	add_listed(c, "recipients", false);
	add_listed(c, "recipients.domain", true);
	add_recipient(c, c->recipient);
}

/* ---- facts that are given ---- */

static bool by_option(const struct fact_def *def)
{
	static const char *const names[] = {
	    "client.ip",        "client.net",      "origin.ip",        "helo.name",
	    "auth.user",        "sender",          "sender.local",     "sender.domain",
	    "recipient",        "recipient.local", "recipient.domain", "recipient.tag",
	    "recipient.routed", "recipients",      "recipients.domain"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], def->name) == 0)
			return true;
	return false;
}

static bool literal(struct counter *c, struct buf *out, const struct type *type,
		    const struct value *value)
{
	struct type one = {.base = type->base, .enumeration = type->enumeration};

	switch (type->base) {
	case TYPE_TEXT:
		buf_putc(out, '"');
		for (size_t i = 0; i < value->text.n; i++) {
			char byte = value->text.s[i];

			if (byte < ' ' || byte > '~')
				return false;
			if (byte == '"' || byte == '\\')
				buf_putc(out, '\\');
			if (byte == '$')
				buf_putc(out, '$');
			buf_putc(out, byte);
		}
		buf_putc(out, '"');
		return true;
	case TYPE_ADDRESS:
		buf_printf(out, "<" STR_FMT ">", STR_ARG(value->text));
		return true;
	case TYPE_DURATION:
		buf_printf(out, "%lldms", (long long)value->number);
		return true;
	case TYPE_SIZE:
		buf_printf(out, "%lldB", (long long)value->number);
		return true;
	case TYPE_OPAQUE:
	case TYPE_PATTERN:
		return false;
	default:
		buf_add(out, value_print(c->arena, &one, value));
		return true;
	}
}

static void give(struct counter *c, const struct witness_fact *one)
{
	const struct slot *slot = &c->policy->slots[one->slot];
	struct buf text = {.arena = c->arena};
	const struct type *type = &slot->def->type;
	bool ok = !one->value.incomplete;

	if (slot->scope == SCOPE_RECIPIENT && c->witness->other_count > 0)
		ok = false;
	/* Whether a text is in a table is no fact that can be given. */
	if (slot->def->table && table_kind(slot->def->table) != TABLE_MAP)
		ok = false;
	buf_add(&text, slot->text);
	buf_putc(&text, '=');
	switch (one->value.state) {
	case FACT_ABSENT:
		buf_puts(&text, "absent");
		break;
	case FACT_FAILED:
		buf_puts(&text, "failed");
		break;
	case FACT_PRESENT:
		if (type->list)
			buf_puts(&text, "{");
		for (size_t i = 0; type->list && i < one->value.count; i++) {
			buf_putc(&text, ' ');
			ok &= literal(c, &text, type, &one->value.items[i]);
		}
		if (type->list)
			buf_puts(&text, " }");
		else
			ok &= literal(c, &text, type, &one->value);
		break;
	default:
		ok = false;
		break;
	}
	if (!ok) {
		vague(c, slot->text.s);
		return;
	}
	*vec_push(c->arena, &c->dialogue.given) = buf_str(&text).s;
	option(c, "--given", buf_str(&text));
}

static void facts(struct counter *c)
{
	for (size_t i = 0; i < c->witness->count; i++) {
		const struct witness_fact *one = &c->witness->facts[i];
		const struct slot *slot = &c->policy->slots[one->slot];

		if (one->matters && one->vague)
			vague(c, str_dup(c->arena, slot->text).s);
		if (one->matters && !by_option(slot->def))
			give(c, one);
	}
}

struct counterexample counter_show(struct arena *arena, const struct policy *policy,
				   const struct plan_assertion *assertion,
				   const struct proof_result *result, bool played)
{
	struct counter c = {.arena = arena,
			    .policy = policy,
			    .witness = &result->witness,
			    .dialogue = {.arena = arena, .name = "unknown"},
			    .command = {.arena = arena}};
	struct counterexample example = {0};

	buf_puts(&c.command, "postern explain");
	option(&c, "-c", str_of(policy->path));
	option(&c, "--dns", STR("/dev/null"));
	envelope(&c, result->witness.other_count > 0);
	facts(&c);
	example.command = buf_str(&c.command);
	example.why = c.why;
	if (c.why.n == 0 && played)
		counterplay(&c.dialogue, policy, assertion, result, &example);
	return example;
}
