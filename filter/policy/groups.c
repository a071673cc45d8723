/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Facts that are parts of one thing: an envelope address with its local part, domain and tag; the
 * client's address and network. Their cases are worked out together, so that no counterexample
 * has an address at one domain and another domain beside it.
 */

#include "filter/policy/prove.h"
#include "postern/mail.h"

/* So many addresses are all looked at, alike or not. */
#define FEW 4000

enum part { PART_WHOLE, PART_LOCAL, PART_DOMAIN, PART_TAG, PART_ROUTED };

static const struct group_part {
	const char *fact, *group;
	enum part part;
} parts[] = {
    {"recipient", "recipient", PART_WHOLE},
    {"recipient.local", "recipient", PART_LOCAL},
    {"recipient.domain", "recipient", PART_DOMAIN},
    {"recipient.tag", "recipient", PART_TAG},
    {"recipient.routed", "recipient", PART_ROUTED},
    {"sender", "sender", PART_WHOLE},
    {"sender.local", "sender", PART_LOCAL},
    {"sender.domain", "sender", PART_DOMAIN},
    {"client.ip", "client", PART_WHOLE},
    {"client.net", "client", PART_DOMAIN},
    {"origin.ip", "client", PART_LOCAL},
};

static const struct group_part *part_of(const struct slot *slot)
{
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (strcmp(parts[i].fact, slot->def->name) == 0)
			return &parts[i];
	return NULL;
}

/* Behind relays the origin is not the client: then it rests on more than the client's address. */
static bool is_client(const struct slot *slot)
{
	return slot->stages == 1u << STAGE_CONNECT;
}

const char *group_of(const struct slot *slot)
{
	const struct group_part *part = part_of(slot);

	if (!part || (strcmp(part->fact, "origin.ip") == 0 && !is_client(slot)))
		return NULL;
	return part->group;
}

/* ---- addresses ---- */

struct address {
	struct candidate local, domain;
	bool routed, told; /* told: it is a fact of its own whether it is */
};

static bool has_part(const struct prover *p, const struct subject *subject, enum part part)
{
	for (size_t i = 0; i < subject->slots.count; i++)
		if (part_of(&p->policy->slots[subject->slots.items[i]])->part == part)
			return true;
	return false;
}

static bool is_routed(struct str local)
{
	return str_chr(local, '%') >= 0 || str_chr(local, '!') >= 0 || str_chr(local, '@') >= 0;
}

/* A local part as it stands in an address: with quotes if it needs them. */
static struct str written(struct arena *arena, struct str local)
{
	struct buf quoted = {.arena = arena};
	struct path path;
	const char *why;

	buf_putc(&quoted, '"');
	for (size_t i = 0; i < local.n; i++)
		buf_printf(&quoted, "%s%c", local.s[i] == '"' || local.s[i] == '\\' ? "\\" : "",
			   local.s[i]);
	buf_puts(&quoted, "\"@a.example");
	if (!path_parse(arena, buf_str(&quoted), true, &path, &why))
		return local;
	return str_sub(path.text, 0, (size_t)str_rchr(path.text, '@'));
}

static struct candidate whole_of(struct arena *arena, const struct address *address)
{
	struct str local = written(arena, address->local.value.text);
	struct candidate whole = {
	    .value = value_text(str_printf(arena, STR_FMT "@" STR_FMT, STR_ARG(local),
					   STR_ARG(address->domain.value.text))),
	    .fresh = address->local.fresh || address->domain.fresh || address->local.stands ||
		     address->domain.stands,
	    .loose = address->local.loose,
	};

	return whole;
}

static struct candidate tag_of(const struct address *address)
{
	struct str local = address->local.value.text;
	ptrdiff_t plus = str_chr(local, '+');
	struct candidate tag = address->local;

	tag.value = plus < 0 || (size_t)plus + 1 == local.n
			? value_absent()
			: value_text(str_sub(local, (size_t)(plus + 1), local.n));
	return tag;
}

static void add_address(struct prover *p, struct subject *subject, const struct address *address)
{
	struct candidate *made = arena_array(p->arena, subject->slots.count, sizeof(*made));
	bool routed = address->routed || is_routed(address->local.value.text);

	for (size_t i = 0; i < subject->slots.count; i++) {
		switch (part_of(&p->policy->slots[subject->slots.items[i]])->part) {
		case PART_WHOLE:
			made[i] = whole_of(p->arena, address);
			break;
		case PART_LOCAL:
			made[i] = address->local;
			made[i].plain = address->told && !routed;
			break;
		case PART_DOMAIN:
			made[i] = address->domain;
			break;
		case PART_TAG:
			made[i] = tag_of(address);
			break;
		case PART_ROUTED:
			made[i].value = value_boolean(routed);
			break;
		}
	}
	subject_add(p, subject, made);
}

/* The null sender, or, without a text, one that could not be parsed. */
static void add_no_address(struct prover *p, struct subject *subject, bool null)
{
	struct candidate *made = arena_array(p->arena, subject->slots.count, sizeof(*made));

	for (size_t i = 0; i < subject->slots.count; i++) {
		enum part part = part_of(&p->policy->slots[subject->slots.items[i]])->part;

		made[i].value = null && part == PART_WHOLE ? value_text(STR("")) : value_absent();
	}
	subject_add(p, subject, made);
}

static void split(const struct candidate *address, struct candidates *locals,
		  struct candidates *domains)
{
	struct path path;
	const char *why;

	if (!path_parse(locals->arena, address->value.text, true, &path, &why))
		return;
	candidate_add(locals, value_text(path.local), address->fresh);
	candidate_add(domains, value_text(path.domain), false);
}

static bool same_text(const struct candidates *list, size_t count, const struct candidate *one)
{
	for (size_t i = 0; i < count; i++)
		if (str_eq(list->items.items[i].value.text, one->value.text) &&
		    list->items.items[i].fresh == one->fresh &&
		    list->items.items[i].loose == one->loose)
			return true;
	return false;
}

static void drop_equal(struct candidates *list)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->items.count; i++)
		if (!same_text(list, kept, &list->items.items[i]))
			list->items.items[kept++] = list->items.items[i];
	list->items.count = kept;
}

/* Patterns that look at the whole address see the spelling of its local part, too. */
static void locals_apart(struct prover *p, struct candidates *locals,
			 const struct candidates *whole)
{
	for (size_t i = 0; i < whole->tests.count; i++)
		if (whole->tests.items[i]->right_kind == RIGHT_PATTERN)
			*vec_push(p->arena, &locals->tests) = whole->tests.items[i];
	candidates_apart(p, locals, TYPE_TEXT);
}

static void gather(struct prover *p, const struct subject *subject, struct candidates *locals,
		   struct candidates *domains, struct candidates *whole)
{
	struct candidates tags = {.arena = p->arena};

	candidate_add(locals, value_text(STR("user")), true);
	candidates_fresh(TYPE_DOMAIN, NULL, domains);
	if (has_part(p, subject, PART_TAG))
		candidate_add(locals, value_text(STR("user+tag")), true);
	for (size_t i = 0; i < subject->conditions.count; i++) {
		const struct elementary *one = &p->elementary.items[subject->conditions.items[i]];
		enum part part = part_of(&p->policy->slots[one->slot])->part;

		if (!one->test || part == PART_ROUTED)
			continue;
		candidates_of_test(p, one->test,
				   part == PART_WHOLE    ? whole
				   : part == PART_LOCAL  ? locals
				   : part == PART_DOMAIN ? domains
							 : &tags);
	}
	for (size_t i = 0; i < tags.items.count; i++)
		candidate_add(locals,
			      value_text(str_printf(p->arena, "user+" STR_FMT,
						    STR_ARG(tags.items.items[i].value.text))),
			      true);
	for (size_t i = 0; i < whole->items.count; i++)
		split(&whole->items.items[i], locals, domains);
	locals_apart(p, locals, whole);
	candidates_apart(p, domains, TYPE_DOMAIN);
	drop_equal(locals);
	drop_equal(domains);
}

/*
 * Of several that no test of their part tells apart one is enough; those that an address names
 * stay, and stand for themselves alone, since with the other part they may be that address.
 */
static void drop_alike(struct prover *p, const struct subject *subject, enum part part,
		       struct candidates *list, const struct candidates *whole)
{
	size_t columns = subject->conditions.count, kept = 0;
	cond_set *states = arena_array(p->arena, (list->items.count + 1) * columns, 1);
	bool *names = arena_array(p->arena, list->items.count + 1, sizeof(*names));

	for (size_t i = 0; i < list->items.count; i++) {
		struct candidate *one = &list->items.items[i];
		cond_set *mine = states + kept * columns;
		bool alike = false, named = false;
		struct str mine_text =
		    part == PART_LOCAL ? written(p->arena, one->value.text) : one->value.text;

		memset(mine, 0, columns);
		for (size_t c = 0; c < columns; c++) {
			const struct elementary *e =
			    &p->elementary.items[subject->conditions.items[c]];
			enum part of = part_of(&p->policy->slots[e->slot])->part;

			/* Tags are read off local parts, which are few. */
			named |= of == PART_TAG && part == PART_LOCAL;
			if (e->test && of == part)
				mine[c] = candidate_state(p, e->test, one);
		}
		for (size_t w = 0; w < whole->items.count && !named; w++) {
			struct str text = whole->items.items[w].value.text, text_part;
			ptrdiff_t at = str_rchr(text, '@');

			text_part = part == PART_LOCAL ? str_sub(text, 0, (size_t)(at + 1))
						       : str_sub(text, (size_t)(at + 1), text.n);
			if (part == PART_LOCAL && at >= 0)
				text_part.n--;
			named = str_caseeq(text_part, mine_text);
		}
		named |= is_routed(one->value.text);
		for (size_t k = 0; k < kept && !alike && !named; k++) {
			alike = !names[k] && memcmp(states + k * columns, mine, columns) == 0 &&
				list->items.items[k].fresh == one->fresh &&
				list->items.items[k].loose == one->loose;
			/* Tests of the whole may tell them apart by a part of it. */
			list->items.items[k].stands |= alike;
		}
		names[kept] = named;
		if (!alike)
			list->items.items[kept++] = *one;
	}
	list->items.count = kept;
}

static void add_bare_postmaster(struct prover *p, struct subject *subject)
{
	const struct value *authserv = policy_setting_named(p->policy, "authserv");

	struct address bare = {
	    .local.value = value_text(STR("postmaster")),
	    .domain.value =
		value_text(authserv->state == FACT_PRESENT ? authserv->text : STR("localhost")),
	};

	bare.domain.value.ours = true;
	add_address(p, subject, &bare);
	bare.local.loose = true;
	add_address(p, subject, &bare);
}

static void address_cases(struct prover *p, struct subject *subject, bool recipient)
{
	struct candidates locals = {.arena = p->arena}, domains = locals, whole = locals;
	bool routed = has_part(p, subject, PART_ROUTED);

	gather(p, subject, &locals, &domains, &whole);
	if (subject_too_large(subject, locals.items.count + domains.items.count))
		return; /* they stay free */
	if (locals.items.count * domains.items.count > FEW) {
		drop_alike(p, subject, PART_LOCAL, &locals, &whole);
		drop_alike(p, subject, PART_DOMAIN, &domains, &whole);
	}
	if (locals.items.count * domains.items.count > PROVE_CASES)
		return; /* they stay free */
	for (size_t l = 0; l < locals.items.count; l++) {
		for (size_t d = 0; d < domains.items.count; d++) {
			struct address address = {
			    .local = locals.items.items[l],
			    .domain = domains.items.items[d],
			    .told = routed,
			};

			if (address.domain.value.text.n == 0)
				continue;
			add_address(p, subject, &address);
			address.routed = true;
			if (routed)
				add_address(p, subject, &address);
		}
	}
	if (recipient) {
		add_bare_postmaster(p, subject);
	} else {
		add_no_address(p, subject, true);
		add_no_address(p, subject, false);
	}
}

/* ---- the client ---- */

static struct value network_of(struct value ip)
{
	ip.network.prefix = ip_is_v4(&ip.network.ip) ? 120 : 64;
	for (unsigned i = ip.network.prefix / 8; i < 16; i++)
		ip.network.ip.bytes[i] = 0;
	return ip;
}

static void add_client(struct prover *p, struct subject *subject, const struct value *ip,
		       bool fresh)
{
	struct candidate *made = arena_array(p->arena, subject->slots.count, sizeof(*made));

	for (size_t i = 0; i < subject->slots.count; i++) {
		enum part part = part_of(&p->policy->slots[subject->slots.items[i]])->part;

		made[i] = (struct candidate){.value = *ip, .fresh = fresh};
		if (part == PART_DOMAIN && ip->state == FACT_PRESENT)
			made[i].value = network_of(*ip);
	}
	subject_add(p, subject, made);
}

static void client_cases(struct prover *p, struct subject *subject)
{
	struct candidates ips = {.arena = p->arena};
	struct value absent = value_absent();

	candidates_fresh(TYPE_IP, NULL, &ips);
	for (size_t i = 0; i < subject->conditions.count; i++) {
		const struct elementary *one = &p->elementary.items[subject->conditions.items[i]];

		if (!one->test)
			continue;
		candidates_of_test(p, one->test, &ips);
	}
	if (subject_too_large(subject, ips.items.count))
		return;
	for (size_t i = 0; i < ips.items.count; i++) {
		struct value ip = ips.items.items[i].value, again;

		ip.network.prefix = 128;
		add_client(p, subject, &ip, ips.items.items[i].fresh);
		/* The networks' own addresses may be named by themselves as well. */
		again = network_of(ip);
		again.network.prefix = 128;
		again.network.ip.bytes[15] |= 1;
		if (has_part(p, subject, PART_DOMAIN))
			add_client(p, subject, &again, true);
	}
	add_client(p, subject, &absent, false);
}

bool group_cases(struct prover *p, struct subject *subject)
{
	const char *group = group_of(&p->policy->slots[subject->slots.items[0]]);

	if (!group)
		return false;
	if (strcmp(group, "client") == 0)
		client_cases(p, subject);
	else
		address_cases(p, subject, strcmp(group, "recipient") == 0);
	return true;
}
