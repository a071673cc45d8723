/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs the tests of a policy, one after the other. */

#include "filter/command/testrun.h"

#include <fnmatch.h>
#include <stdlib.h>

#include "filter/command/coverage.h"
#include "filter/command/dialogue.h"
#include "filter/command/eml.h"
#include "filter/command/explain.h"
#include "postern/diag.h"
#include "postern/dkim.h"
#include "postern/mime.h"
#include "postern/spf.h"

#define DNS_FILE_MOST (64u << 20)

/* A policy in another form: with settings of a test, or another one that should do the same. */
struct variant {
	const char *path;
	struct str settings;
	struct policy *policy; /* NULL: it has mistakes */
	const char *mistakes;
	struct variant *next;
};

/* The tests of one policy while they run. */
struct runner {
	struct testrun *run;
	struct arena *arena; /* of all of them */
	const struct policy *policy;
	struct variant *variants;
};

/* One test while it runs. */
struct play {
	struct runner *runner;
	struct arena *arena;
	const struct policy_test *test;
	struct dialogue dialogue;
	struct resolver *resolver;
	struct eml eml;
	VEC(struct session *) sessions;
};

bool testrun_begin(void)
{
	const char *why = NULL;

	spf_init();
	mime_init();
	if (dkim_verifier_init(&why) == 0)
		return true;
	fprintf(stderr, "postern: libopendkim does not start: %s\n", why);
	return false;
}

/* ---- policies ---- */

static const char *mistakes_of(struct arena *arena, const struct diag *diag)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	const char *copy = "it has mistakes";

	if (out) {
		diag_print(diag, out);
		fclose(out);
		copy = str_dup(arena, str_trim((struct str){text, size})).s;
	}
	free(text);
	return copy;
}

static struct str settings_text(struct arena *arena, const struct policy_test *test)
{
	struct buf out = {.arena = arena};

	for (const struct policy_override *o = test->settings; o->name; o++)
		buf_printf(&out, "%s=%s\n", o->name, o->value);
	return buf_str(&out);
}

/* The policy of a file with the settings of a test; each is loaded once. NULL: *why_r says why. */
static const struct policy *variant(struct runner *runner, const char *path,
				    const struct policy_test *test, const char **why_r)
{
	struct str settings = settings_text(runner->arena, test);
	struct diag *diag;
	struct variant *v;

	for (v = runner->variants; v; v = v->next)
		if (strcmp(v->path, path) == 0 && str_eq(v->settings, settings))
			break;
	if (!v) {
		v = arena_new_of(runner->arena, struct variant);
		diag = diag_new(runner->arena);
		*v = (struct variant){.path = path, .settings = settings};
		v->policy = policy_load(path, test->settings, diag);
		if (!v->policy)
			v->mistakes = mistakes_of(runner->arena, diag);
		v->next = runner->variants;
		runner->variants = v;
	}
	*why_r = v->mistakes;
	return v->policy;
}

/* ---- what a test brings ---- */

static const char *cannot_read(struct play *play, const char *path, const char *why)
{
	return str_printf(play->arena, "cannot read '%s': %s", path, why).s;
}

/* The records of the test and of its files, as one file. */
static const char *open_records(struct play *play)
{
	const struct policy_test *test = play->test;
	struct source *records = arena_new_of(play->arena, struct source), *file;
	struct buf all = {.arena = play->arena};
	struct diag *diag = diag_new(play->arena);
	const char *why = NULL;

	buf_add(&all, test->records);
	for (size_t i = 0; i < test->record_file_count; i++) {
		const char *path = test->record_files[i];

		if (!source_read(play->arena, path, DNS_FILE_MOST, &file, &why))
			return cannot_read(play, path, why);
		buf_add(&all, file->text);
		buf_putc(&all, '\n');
	}
	records->name = "dns";
	records->text = buf_str(&all);
	if (resolver_from_source(records, &play->dialogue.clock, diag, &play->resolver) < 0)
		return mistakes_of(play->arena, diag);
	return NULL;
}

/* The fields of the test stand above those of its file. */
static const char *open_message(struct play *play)
{
	const struct policy_test *test = play->test;
	struct eml file = {.body = test->body};
	VEC(struct field) fields = {0};
	const char *why = NULL;

	if (test->message && !eml_read(play->arena, test->message, &file, &why))
		return cannot_read(play, test->message, why);
	for (size_t i = 0; i < test->field_count; i++) {
		*vec_push(play->arena, &fields) = test->fields[i];
		file.utf8 |= eml_8bit(test->fields[i].value);
	}
	for (size_t i = 0; i < file.field_count; i++)
		*vec_push(play->arena, &fields) = file.fields[i];
	file.fields = fields.items;
	file.field_count = fields.count;
	play->eml = file;
	return NULL;
}

static void open_dialogue(struct play *play)
{
	const struct policy_test *test = play->test;
	struct dialogue *d = &play->dialogue;

	d->arena = play->arena;
	d->has_ip = test->has_client;
	d->ip = test->client;
	d->name = test->client_name ? test->client_name : "unknown";
	d->helo = test->helo;
	d->sender = test->sender ? test->sender : "<>";
	for (size_t i = 0; i < test->recipient_count; i++)
		*vec_push(d->arena, &d->recipients) = test->recipients[i];
	if (test->recipient_count == 0)
		*vec_push(d->arena, &d->recipients) = "<postmaster>";
	for (const struct policy_override *o = test->macros; o->name; o++)
		*vec_push(d->arena, &d->macros) = *o;
	d->clock.manual = true;
	d->clock.wall = test->time > 0 ? test->time : clock_time(&clock_system);
}

/* ---- one test ---- */

/* What a policy makes of the test's dialogue; the report lives as long as the play. */
static const struct report *play_policy(struct play *play, const struct policy *policy,
					const char **why_r)
{
	struct diag *diag = diag_new(play->arena);
	const struct given *given;
	struct session *s;
	size_t count;

	given = policy_test_given(policy, play->arena, play->test, diag, &count);
	if (!given) {
		*why_r = mistakes_of(play->arena, diag);
		return NULL;
	}
	s = dialogue_run(&play->dialogue, policy, play->resolver, &play->eml, given, count);
	if (!s) {
		*why_r = "memory ended";
		return NULL;
	}
	*vec_push(play->arena, &play->sessions) = s;
	return session_report(s);
}

static const struct report *play_other(void *ctx, const char *path, const char **why_r)
{
	struct play *play = ctx;
	const struct policy *policy = variant(play->runner, path, play->test, why_r);

	return policy ? play_policy(play, policy, why_r) : NULL;
}

/* Plays the test; NULL: *why_r says why it could not be. */
static const struct report *play_test(struct play *play, const char **why_r)
{
	const struct policy *policy = play->runner->policy;

	open_dialogue(play);
	*why_r = open_records(play);
	if (!*why_r)
		*why_r = open_message(play);
	if (!*why_r && play->test->settings->name)
		policy = variant(play->runner, policy->path, play->test, why_r);
	return *why_r ? NULL : play_policy(play, policy, why_r);
}

static void run_test(struct runner *runner, const struct policy_test *test)
{
	struct arena *arena = arena_new(NULL);
	struct play play = {.runner = runner, .arena = arena, .test = test};
	struct test_result result = {.arena = arena, .test = test};
	struct same_as same = {play_other, &play};
	const char *why = NULL;

	result.report = play_test(&play, &why);
	if (result.report)
		testexpect_check(&result, &same);
	else
		*vec_push(arena, &result.faults) = (struct test_fault){NULL, why};
	if (result.report && runner->run->coverage)
		coverage_add(runner->run->coverage, result.report);
	if (result.faults.count == 0)
		runner->run->passed++;
	else
		runner->run->failed++;
	runner->run->told(runner->run->ctx, &result);
	for (size_t i = 0; i < play.sessions.count; i++)
		session_free(&play.sessions.items[i]);
	resolver_free(&play.resolver);
	arena_free(&arena);
}

/* ---- all of them ---- */

/* A pattern without a sign of its own is a part of the name. */
static bool chosen(const char *pattern, const char *name)
{
	if (!pattern)
		return true;
	if (!strpbrk(pattern, "*?["))
		return strcasestr(name, pattern) != NULL;
	return fnmatch(pattern, name, FNM_CASEFOLD) == 0;
}

void testrun_policy(struct testrun *run, const struct policy *policy)
{
	struct runner runner = {.run = run, .arena = arena_new(NULL), .policy = policy};

	for (size_t i = 0; i < policy->test_count; i++)
		if (chosen(run->pattern, policy->tests[i].name))
			run_test(&runner, &policy->tests[i]);
	for (struct variant *v = runner.variants; v; v = v->next)
		policy_free(&v->policy);
	arena_free(&runner.arena);
}

void testrun_print(const struct test_result *result)
{
	const struct policy_test *test = result->test;

	printf("%s:%zu: test \"%s\" failed\n", test->file, test->line, test->name);
	for (size_t i = 0; i < result->faults.count; i++) {
		const struct test_fault *fault = &result->faults.items[i];

		if (fault->expectation)
			printf("expected   %s (line %zu)\ncame       %s\n",
			       fault->expectation->written + strlen("expect "),
			       fault->expectation->line, fault->came);
		else
			printf("not run    %s\n", fault->came);
	}
	if (result->report)
		explain_print(result->arena, result->report);
	putchar('\n');
}
