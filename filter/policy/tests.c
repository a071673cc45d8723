/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests from the tree to what can be run: values of the right type, files with their paths. What
 * is expected of the outcome is in expectations.c.
 */

#include "filter/policy/loader.h"
#include "postern/mail.h"

#define SECONDS_MOST (INT64_MAX / 2000)

/* A literal's text; false: reported. */
static bool literal(struct loader *loader, const struct operand *operand, struct str *text_r)
{
	if (item_text(operand, text_r))
		return true;
	loader_error(loader, operand->span, "a text without facts in it is wanted here");
	return false;
}

bool test_text(struct loader *loader, const struct operand *operand, const char **text_r)
{
	struct str text;

	if (!literal(loader, operand, &text))
		return false;
	*text_r = str_dup(loader->arena, text).s;
	return true;
}

const char *test_path(struct loader *loader, const struct operand *operand)
{
	return str_printf(loader->arena, "<" STR_FMT ">", STR_ARG(operand->word)).s;
}

const char *test_file(struct loader *loader, const struct operand *operand)
{
	struct str text;

	if (item_text(operand, &text) && text.n > 0)
		return loader_path(loader, operand->span.source, text);
	loader_error(loader, operand->span, "the name of a file is wanted here");
	return NULL;
}

/* ---- what is given ---- */

/* A test while it is made. */
struct draft {
	struct policy_test *test;
	VEC(const char *) recipients;
	VEC(struct policy_override) macros, settings;
	VEC(struct field) fields;
	VEC(const char *) record_files;
	VEC(struct test_fact) facts;
	struct buf body, records;
	struct span once[GIVEN_FACT + 1]; /* where what is said once was said */
};

static void set_client(struct loader *loader, struct draft *d, const struct test_given *given)
{
	const struct operand *ip = &given->values.items[0];

	d->test->has_client = ip_parse(ip->word, &d->test->client);
	if (!d->test->has_client)
		loader_error(loader, ip->span, "this is a network, a client has one address");
	if (given->values.count > 1)
		test_text(loader, &given->values.items[1], &d->test->client_name);
}

static void add_recipient(struct loader *loader, struct draft *d, const struct operand *address)
{
	*vec_push(loader->arena, &d->recipients) = test_path(loader, address);
}

static void add_macro(struct loader *loader, struct draft *d, const struct test_given *given)
{
	struct policy_override macro;

	if (test_text(loader, &given->values.items[0], &macro.name) &&
	    test_text(loader, &given->values.items[1], &macro.value))
		*vec_push(loader->arena, &d->macros) = macro;
}

static void add_header(struct loader *loader, struct draft *d, const struct operand *operand)
{
	struct str text;
	ptrdiff_t colon;

	if (!literal(loader, operand, &text))
		return;
	colon = str_chr(text, ':');
	if (colon <= 0 || !field_name_ok(str_sub(text, 0, (size_t)colon))) {
		loader_error(loader, operand->span,
			     "a field has a name and a value, write \"Name: value\"");
		return;
	}
	*vec_push(loader->arena, &d->fields) = (struct field){
	    .name = str_sub(text, 0, (size_t)colon),
	    .value = str_sub(text, (size_t)colon + 1, text.n),
	};
}

static void add_line(struct loader *loader, struct buf *lines, const struct operand *operand,
		     const char *end)
{
	struct str text;

	if (!literal(loader, operand, &text))
		return;
	buf_add(lines, text);
	buf_puts(lines, end);
}

static void add_setting(struct loader *loader, struct draft *d, const struct test_given *given)
{
	struct set set = {.span = given->span, .name_span = given->values.items[0].span};
	const struct operand *value = &given->values.items[1];
	struct policy_override setting;

	if (value->kind == OPERAND_SET) {
		loader_error(loader, value->span, "a test sets one value");
		return;
	}
	set.name = given->values.items[0].word;
	*vec_push(loader->arena, &set.values) = *value;
	if (!setting_try(loader, &set) || !test_text(loader, value, &setting.value))
		return;
	setting.name = str_dup(loader->arena, set.name).s;
	*vec_push(loader->arena, &d->settings) = setting;
}

static void add_fact(struct loader *loader, struct draft *d, const struct test_given *given)
{
	struct test_fact fact = {given->values.items[0], given->values.items[1]};
	struct given unused;

	if (given_resolve(loader, &fact.fact, &fact.value, &unused) >= 0)
		*vec_push(loader->arena, &d->facts) = fact;
}

static void set_time(struct loader *loader, struct draft *d, const struct operand *number)
{
	d->test->time = number->number / 1000;
	if (number->number % 1000 != 0 || d->test->time <= 0 || d->test->time > SECONDS_MOST)
		loader_error(loader, number->span,
			     "a time is a whole number of seconds since 1970");
}

/* There is one of most things; an error names the second place. */
static void check_once(struct loader *loader, struct draft *d, const struct test_given *given)
{
	static const bool several[] = {
	    [GIVEN_RECIPIENT] = true, [GIVEN_MACRO] = true, [GIVEN_HEADER] = true,
	    [GIVEN_BODY] = true,      [GIVEN_DNS] = true,   [GIVEN_DNS_FILE] = true,
	    [GIVEN_SET] = true,       [GIVEN_FACT] = true,
	};
	struct span *first = &d->once[given->kind];

	if (!several[given->kind] && first->source) {
		loader_error(loader, given->span, "'%s' is given twice in this test",
			     test_given_word(given->kind));
		loader_note(loader, *first, "first given here");
	}
	*first = given->span;
}

static void add_given(struct loader *loader, struct draft *d, const struct test_given *given)
{
	const struct operand *value = &given->values.items[0];
	const char *path;

	check_once(loader, d, given);
	switch (given->kind) {
	case GIVEN_CLIENT:
		set_client(loader, d, given);
		break;
	case GIVEN_HELO:
		test_text(loader, value, &d->test->helo);
		break;
	case GIVEN_SENDER:
		d->test->sender = test_path(loader, value);
		break;
	case GIVEN_RECIPIENT:
		add_recipient(loader, d, value);
		break;
	case GIVEN_AUTH: {
		struct policy_override login = {.name = "auth_authen"};

		if (test_text(loader, value, &login.value))
			*vec_push(loader->arena, &d->macros) = login;
		break;
	}
	case GIVEN_MACRO:
		add_macro(loader, d, given);
		break;
	case GIVEN_HEADER:
		add_header(loader, d, value);
		break;
	case GIVEN_BODY:
		add_line(loader, &d->body, value, "\r\n");
		break;
	case GIVEN_MESSAGE:
		d->test->message = test_file(loader, value);
		break;
	case GIVEN_DNS:
		add_line(loader, &d->records, value, "\n");
		break;
	case GIVEN_DNS_FILE:
		path = test_file(loader, value);
		if (path)
			*vec_push(loader->arena, &d->record_files) = path;
		break;
	case GIVEN_SET:
		add_setting(loader, d, given);
		break;
	case GIVEN_TIME:
		set_time(loader, d, value);
		break;
	case GIVEN_FACT:
		add_fact(loader, d, given);
		break;
	}
}

void test_add(struct loader *loader, const struct test_block *tree)
{
	struct policy_test *test;
	struct operand name = {.kind = OPERAND_STRING, .span = tree->name_span, .text = tree->name};
	struct draft d = {
	    .body = {.arena = loader->arena},
	    .records = {.arena = loader->arena},
	};
	size_t column;

	if (!tree->name_span.source)
		return; /* it has no name, which the parser reported */
	test = d.test = vec_push(loader->arena, &loader->tests);
	*test = (struct policy_test){.file = tree->name_span.source->name};
	span_place(tree->name_span, &test->line, &column);
	test_text(loader, &name, &test->name);
	for (size_t i = 0; i < tree->givens.count; i++)
		add_given(loader, &d, &tree->givens.items[i]);
	if (d.once[GIVEN_BODY].source && d.once[GIVEN_MESSAGE].source)
		loader_error(loader, d.once[GIVEN_BODY],
			     "the message is a file, which has a body already");
	*vec_push(loader->arena, &d.macros) = (struct policy_override){NULL, NULL};
	*vec_push(loader->arena, &d.settings) = (struct policy_override){NULL, NULL};
	test->recipients = d.recipients.items;
	test->recipient_count = d.recipients.count;
	test->macros = d.macros.items;
	test->settings = d.settings.items;
	test->fields = d.fields.items;
	test->field_count = d.fields.count;
	test->body = buf_str(&d.body);
	test->records = buf_str(&d.records);
	test->record_files = d.record_files.items;
	test->record_file_count = d.record_files.count;
	test->facts = d.facts.items;
	test->fact_count = d.facts.count;
	expectations_add(loader, tree, test);
}

const struct given *policy_test_given(const struct policy *policy, struct arena *arena,
				      const struct policy_test *test, struct diag *diag,
				      size_t *count_r)
{
	struct loader loader = {.arena = arena, .diag = diag};
	struct given *given = arena_array(arena, test->fact_count + 1, sizeof(*given));
	bool ok = true;

	given_begin(&loader, policy);
	*count_r = 0;
	for (size_t i = 0; i < test->fact_count; i++) {
		int found = given_resolve(&loader, &test->facts[i].fact, &test->facts[i].value,
					  &given[*count_r]);

		ok = ok && found >= 0;
		*count_r += found > 0;
	}
	return ok ? given : NULL;
}
