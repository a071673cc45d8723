/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The author: what a reader's mail program would show as the sender, or the reason why the From
 * field cannot be trusted to name one.
 */

#include "postern/arena.h"
#include "postern/author.h"
#include "postern/fact.h"

static void add_domain(struct author *author, struct str domain)
{
	for (size_t i = 0; i < author->domain_count; i++)
		if (str_eq(author->domains[i], domain))
			return;
	if (author->domain_count == AUTHOR_DOMAINS_MOST) {
		author->trouble = "too many author domains";
		author->domain_count = 0;
		return;
	}
	author->domains[author->domain_count++] = domain;
}

void author_read(struct arena *arena, struct str value, struct author *author)
{
	*author = (struct author){0};
	author->trouble = address_list_parse(arena, value, &author->mailboxes);
	if (author->trouble)
		author->mailboxes.count = 0;
	else if (author->mailboxes.count == 0)
		author->trouble = "no address";
	for (size_t i = 0; i < author->mailboxes.count && !author->trouble; i++)
		add_domain(author, author->mailboxes.items[i].domain);
}

static enum fact_state author_provide(const struct fact_call *call, struct value *value_r)
{
	const struct fields *fields = call->inputs[0]->opaque;
	struct author *author = arena_new_of(call->arena, struct author);
	const struct field *from = NULL;
	size_t count = 0;

	for (size_t i = 0; i < fields->count; i++) {
		if (str_caseeq(fields->items[i].name, STR("From"))) {
			from = &fields->items[i];
			count++;
		}
	}
	if (count == 0)
		author->trouble = fields->trouble ? fields->trouble : "no From field";
	else if (count > 1)
		author->trouble = "several From fields";
	else if (fields->trouble)
		author->trouble =
		    fields->trouble; /* another From may stand where we did not look */
	else
		author_read(call->arena, from->value, author);
	*value_r = (struct value){.state = FACT_PRESENT, .opaque = author};
	return FACT_PRESENT;
}

static enum fact_state from_provide(const struct fact_call *call, struct value *value_r)
{
	const struct fields *fields = call->inputs[0]->opaque;

	for (size_t i = 0; i < fields->count; i++) {
		if (!str_caseeq(fields->items[i].name, STR("From")))
			continue;
		*value_r = value_text(field_decode(call->arena, fields->items[i].value));
		return FACT_PRESENT;
	}
	return FACT_ABSENT;
}

static enum fact_state address_provide(const struct fact_call *call, struct value *value_r)
{
	const struct author *author = call->inputs[0]->opaque;
	struct value *items = arena_array(call->arena, author->mailboxes.count, sizeof(*items));

	for (size_t i = 0; i < author->mailboxes.count; i++)
		items[i] = value_text(author->mailboxes.items[i].text);
	*value_r = value_list(items, author->mailboxes.count);
	return FACT_PRESENT;
}

static enum fact_state domain_provide(const struct fact_call *call, struct value *value_r)
{
	const struct author *author = call->inputs[0]->opaque;

	if (author->trouble || author->domain_count != 1)
		return FACT_ABSENT;
	*value_r = value_text(author->domains[0]);
	return FACT_PRESENT;
}

static enum fact_state trouble_provide(const struct fact_call *call, struct value *value_r)
{
	const struct author *author = call->inputs[0]->opaque;

	if (!author->trouble)
		return FACT_ABSENT;
	*value_r = value_text(str_of(author->trouble));
	return FACT_PRESENT;
}

#define AUTHOR .stage = STAGE_HEADERS, .scope = SCOPE_MESSAGE, .inputs = NAMES("from.author")

static const struct fact_def facts[] = {
    {.name = "from.author",
     .type = {TYPE_OPAQUE, false, NULL},
     .stage = STAGE_HEADERS,
     .scope = SCOPE_MESSAGE,
     .cost = COST_CPU,
     .inputs = NAMES("message.fields"),
     .provide = author_provide,
     .internal = true,
     .reported = true,
     .help = "The From field, parsed."},
    {.name = "from",
     .type = {TYPE_TEXT, false, NULL},
     .stage = STAGE_HEADERS,
     .scope = SCOPE_MESSAGE,
     .cost = COST_CPU,
     .inputs = NAMES("message.fields"),
     .provide = from_provide,
     .trust = TRUST_FORGEABLE,
     .vouched = NAMES("dkim.aligned", "dmarc"),
     .help = "The first From field, unfolded and decoded."},
    {.name = "from.address",
     .type = {TYPE_ADDRESS, true, NULL},
     AUTHOR,
     .provide = address_provide,
     .trust = TRUST_FORGEABLE,
     .vouched = NAMES("dkim.aligned", "dmarc"),
     .help = "Addresses of the author; none where it cannot be trusted."},
    {.name = "from.domain",
     .type = {TYPE_DOMAIN, false, NULL},
     AUTHOR,
     .provide = domain_provide,
     .reported = true,
     .trust = TRUST_FORGEABLE,
     .vouched = NAMES("dkim.aligned", "dmarc"),
     .help = "The author's domain; absent where there are several or none that can be trusted."},
    {.name = "from.trouble",
     .type = {TYPE_TEXT, false, NULL},
     AUTHOR,
     .provide = trouble_provide,
     .help = "Why From cannot be trusted to name an author; absent where it can."},
    {.name = NULL},
};

const struct family family_from = {.name = "from", .facts = facts};
