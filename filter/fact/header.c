/* SPDX-License-Identifier: BSD-2-Clause */
/* The header's fields, as a person or a pattern reads them. */

#include "postern/arena.h"
#include "postern/fact.h"
#include "postern/mail.h"

static const struct fields *fields_of(const struct fact_call *call)
{
	return call->inputs[0]->opaque;
}

static struct str readable(const struct fact_call *call, const struct field *field)
{
	return field_decode(call->arena, field->value);
}

/* Most names differ in length, and then there is nothing to call. */
static bool named(const struct field *field, struct str name)
{
	return field->name.n == name.n && str_caseeq(field->name, name);
}

static enum fact_state header_provide(const struct fact_call *call, struct value *value_r)
{
	const struct fields fields = *fields_of(call);
	struct str name = call->arguments[0]->text;
	VEC(struct value) found = {0};

	for (size_t i = 0; i < fields.count; i++)
		if (named(&fields.items[i], name))
			*vec_push(call->arena, &found) =
			    value_text(readable(call, &fields.items[i]));
	*value_r = value_list(found.items, found.count);
	return FACT_PRESENT;
}

static int64_t count_of(const struct fields *fields, struct str name)
{
	int64_t count = 0;

	for (size_t i = 0; i < fields->count; i++)
		count += named(&fields->items[i], name);
	return count;
}

static enum fact_state count_provide(const struct fact_call *call, struct value *value_r)
{
	*value_r = value_number(count_of(fields_of(call), call->arguments[0]->text) * 1000);
	return FACT_PRESENT;
}

static enum fact_state hops_provide(const struct fact_call *call, struct value *value_r)
{
	*value_r = value_number(count_of(fields_of(call), STR("Received")) * 1000);
	return FACT_PRESENT;
}

static const struct field *first(const struct fields *fields, const char *name)
{
	for (size_t i = 0; i < fields->count; i++)
		if (named(&fields->items[i], str_of(name)))
			return &fields->items[i];
	return NULL;
}

static enum fact_state first_provide(const struct fact_call *call, const char *name,
				     struct value *value_r)
{
	const struct field *field = first(fields_of(call), name);

	if (!field)
		return FACT_ABSENT;
	*value_r = value_text(readable(call, field));
	return FACT_PRESENT;
}

static enum fact_state subject_provide(const struct fact_call *call, struct value *value_r)
{
	return first_provide(call, "Subject", value_r);
}

static enum fact_state id_provide(const struct fact_call *call, const char *name,
				  struct value *value_r)
{
	const struct field *field = first(fields_of(call), name);
	struct str id = field ? field_id(field_unfold(call->arena, field->value)) : STR("");

	if (id.n == 0)
		return FACT_ABSENT;
	*value_r = value_text(id);
	return FACT_PRESENT;
}

static enum fact_state message_id_provide(const struct fact_call *call, struct value *value_r)
{
	return id_provide(call, "Message-ID", value_r);
}

static enum fact_state list_id_provide(const struct fact_call *call, struct value *value_r)
{
	return id_provide(call, "List-Id", value_r);
}

/* RFC 5322 3.6: these stand at most once. */
static enum fact_state trouble_provide(const struct fact_call *call, struct value *value_r)
{
	static const char *const once[] = {"Date",    "Sender",       "Reply-To",     "To",
					   "Cc",      "Message-ID",   "In-Reply-To",  "References",
					   "Subject", "Content-Type", "MIME-Version", NULL};
	const struct fields *fields = fields_of(call);

	if (fields->trouble) {
		*value_r = value_text(str_of(fields->trouble));
		return FACT_PRESENT;
	}
	for (const char *const *name = once; *name; name++) {
		if (count_of(fields, str_of(*name)) > 1) {
			*value_r = value_text(str_printf(call->arena, "several %s fields", *name));
			return FACT_PRESENT;
		}
	}
	for (size_t i = 0; i < fields->count; i++) {
		if (!field_name_ok(fields->items[i].name)) {
			*value_r = value_text(STR("a field with a bad name"));
			return FACT_PRESENT;
		}
	}
	return FACT_ABSENT;
}

static const struct type name_parameter[] = {{TYPE_TEXT, false, NULL}, {TYPE_OPAQUE, false, NULL}};

#define HEADERS                                                                                    \
	.stage = STAGE_HEADERS, .scope = SCOPE_MESSAGE, .cost = COST_CPU,                          \
	.inputs = NAMES("message.fields")

static const struct fact_def facts[] = {
    {.name = "message.fields",
     .type = {TYPE_OPAQUE, false, NULL},
     .stage = STAGE_HEADERS,
     .scope = SCOPE_MESSAGE,
     .internal = true,
     .help = "The fields of the header as they came."},
    {.name = "header",
     .type = {TYPE_TEXT, true, NULL},
     HEADERS,
     .parameters = name_parameter,
     .provide = header_provide,
     .trust = TRUST_FORGEABLE,
     .help = "Values of all fields of a name, unfolded and decoded."},
    {.name = "header.count",
     .always = true,
     .type = {TYPE_NUMBER, false, NULL},
     HEADERS,
     .parameters = name_parameter,
     .provide = count_provide,
     .trust = TRUST_FORGEABLE,
     .help = "Number of fields of a name."},
    {.name = "header.trouble",
     .type = {TYPE_TEXT, false, NULL},
     HEADERS,
     .provide = trouble_provide,
     .help = "What is wrong with the header as a whole; absent: nothing."},
    {.name = "subject",
     .type = {TYPE_TEXT, false, NULL},
     HEADERS,
     .provide = subject_provide,
     .trust = TRUST_FORGEABLE,
     .help = "The Subject, unfolded and decoded."},
    {.name = "message.id",
     .type = {TYPE_TEXT, false, NULL},
     HEADERS,
     .provide = message_id_provide,
     .reported = true,
     .trust = TRUST_FORGEABLE,
     .help = "The Message-ID, without angle brackets."},
    {.name = "list.id",
     .type = {TYPE_TEXT, false, NULL},
     HEADERS,
     .provide = list_id_provide,
     .trust = TRUST_FORGEABLE,
     .help = "The List-Id (RFC 2919), without angle brackets."},
    {.name = "hops",
     .always = true,
     .type = {TYPE_NUMBER, false, NULL},
     HEADERS,
     .provide = hops_provide,
     .trust = TRUST_FORGEABLE,
     .help = "Number of Received fields."},
    {.name = NULL},
};

const struct family family_header = {.name = "header", .facts = facts};
