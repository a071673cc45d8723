/* SPDX-License-Identifier: BSD-2-Clause */
/* postern status, postern reload: what the running daemon says of itself, and a new policy for it.
 */

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "filter/command/json.h"
#include "filter/command/talk.h"

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static json_int_t number_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static void print_time(const char *label, json_int_t seconds)
{
	time_t when = (time_t)seconds;
	struct tm tm;
	char text[64] = "?";

	if (localtime_r(&when, &tm))
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	printf("%s%s", label, text);
}

static void print_uptime(json_int_t seconds)
{
	printf(", up ");
	if (seconds >= 86400)
		printf("%lld d ", (long long)(seconds / 86400));
	printf("%02lld:%02lld:%02lld", (long long)(seconds / 3600 % 24),
	       (long long)(seconds / 60 % 60), (long long)(seconds % 60));
}

/* Lines of what was said at a reload, moved in. */
static void print_text(const char *text)
{
	while (*text) {
		size_t n = strcspn(text, "\n");

		printf("           %.*s\n", (int)n, text);
		text += n + (text[n] == '\n');
	}
}

static void print_reloads(const json_t *reloads)
{
	const json_t *last = json_object_get(reloads, "last");

	printf("reloads    %lld taken, %lld refused\n", (long long)number_of(reloads, "good"),
	       (long long)number_of(reloads, "bad"));
	if (!json_is_object(last))
		return;
	print_time("last       ", number_of(last, "time"));
	printf(", %s\n", json_is_true(json_object_get(last, "ok")) ? "taken" : "refused");
	print_text(text_of(last, "text"));
}

static void print_journal(const json_t *journal)
{
	if (!json_is_object(journal)) {
		puts("journal    none");
		return;
	}
	printf("journal    %s, %lld written, %lld queued, %lld dropped\n", text_of(journal, "path"),
	       (long long)number_of(journal, "written"), (long long)number_of(journal, "queued"),
	       (long long)number_of(journal, "dropped"));
}

static int run_status(const struct command *self, int argc, char **argv)
{
	struct talk talk;
	int status = talk_options(self, argc, argv, &talk);
	const json_t *policy;
	json_t *object;

	if (status != EXIT_FINE)
		return status;
	object = talk_ask(self, &talk, "status");
	if (!object)
		return EXIT_NO;
	if (talk.json) {
		json_print(object);
		return EXIT_FINE;
	}
	policy = json_object_get(object, "policy");
	printf("postern    %s, filter process %lld\n", text_of(object, "version"),
	       (long long)number_of(object, "pid"));
	print_time("since      ", number_of(object, "started"));
	print_uptime(number_of(object, "uptime"));
	printf("\npolicy     %.8s of %s\n", text_of(policy, "id"), text_of(policy, "path"));
	printf("sessions   %lld\n", (long long)number_of(object, "sessions"));
	printf("resolver   %s\n", text_of(object, "resolver"));
	printf("sandbox    %s\n", text_of(object, "sandbox"));
	print_journal(json_object_get(object, "journal"));
	print_reloads(json_object_get(object, "reloads"));
	json_decref(object);
	return EXIT_FINE;
}

static int run_reload(const struct command *self, int argc, char **argv)
{
	struct talk talk;
	int status = talk_options(self, argc, argv, &talk);
	json_t *object;
	bool ok;

	if (status != EXIT_FINE)
		return status;
	object = talk_ask(self, &talk, "reload");
	if (!object)
		return EXIT_NO;
	ok = json_is_true(json_object_get(object, "ok"));
	if (talk.json) {
		json_print(object);
		return ok ? EXIT_FINE : EXIT_BROKEN;
	}
	fputs(text_of(object, "text"), stderr);
	if (ok)
		printf("reloaded: policy %.8s is in force\n", text_of(object, "policy"));
	else
		fprintf(stderr, "postern reload: not reloaded, policy %.8s stays in force\n",
			text_of(object, "policy"));
	json_decref(object);
	return ok ? EXIT_FINE : EXIT_BROKEN;
}

const struct command command_status = {
    .name = "status",
    .synopsis = "[-c POLICY | --control PATH] [--json]",
    .help = "what the running daemon serves, since when, and how its last reload went",
    .options = TALK_OPTIONS,
    .run = run_status,
};

const struct command command_reload = {
    .name = "reload",
    .synopsis = "[-c POLICY | --control PATH] [--json]",
    .help = "have the running daemon read its policy and tables again",
    .options = TALK_OPTIONS,
    .run = run_reload,
};
