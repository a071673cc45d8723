/* SPDX-License-Identifier: BSD-2-Clause */
/* postern doctor: looks at an installation and says what will bite. */

#include "filter/command/doctor.h"

#include <errno.h>
#include <getopt.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <unistd.h>

#include "filter/command/command.h"
#include "filter/command/json.h"
#include "postern/clock.h"
#include "postern/diag.h"
#include "postern/dns.h"
#include "postern/pattern.h"
#include "postern/policy.h"
#include "postern/sandbox.h"

/* A domain that is there, and one whose DNSSEC signatures are wrong on purpose. */
#define PROBE_NAME "example.com"
#define PROBE_BOGUS "dnssec-failed.org"
/* A busy server has a thousand sessions, each with two descriptors, and the lookups'. */
#define DESCRIPTORS_LEAST 4096
#define OUTPUT_MOST (1u << 20)
#define DEFAULT_USER "postern"

void doctor_find(struct doctor *doctor, enum finding_level level, const char *subject,
		 const char *mend, const char *fmt, ...)
{
	char text[1000];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	*vec_push(doctor->arena, &doctor->findings) = (struct finding){
	    .level = level,
	    .subject = subject,
	    .mend = mend,
	    .text = str_clean(doctor->arena, str_of(text), sizeof(text)).s,
	};
}

long doctor_seconds(struct str text, long unit)
{
	static const struct {
		char letter;
		long seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};
	char letter = text.n > 0 ? text.s[text.n - 1] : '0';
	uint64_t count;

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (letter != units[i].letter)
			continue;
		unit = units[i].seconds;
		text = str_sub(text, 0, text.n - 1);
	}
	return str_uint(text, 1000000, &count) ? (long)count * unit : -1;
}

const char *doctor_run(struct arena *arena, const char *const *argv)
{
	struct buf out = {.arena = arena};
	char piece[4096];
	int ends[2], status;
	ssize_t n;
	pid_t child;

	if (pipe(ends) != 0)
		return NULL;
	child = fork();
	if (child == 0) {
		dup2(ends[1], STDOUT_FILENO);
		close(ends[0]);
		close(ends[1]);
		/* What it complains of is found out by its status. */
		close(STDERR_FILENO);
		execv(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	close(ends[1]);
	while (child > 0 && (n = read(ends[0], piece, sizeof(piece))) != 0) {
		if (n < 0 && errno != EINTR)
			break;
		if (n > 0 && out.n < OUTPUT_MOST)
			buf_add(&out, (struct str){piece, (size_t)n});
	}
	close(ends[0]);
	if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
		return NULL;
	return buf_str(&out).s;
}

/* ---- this host ---- */

static const struct dns_answer *ask(struct lookups *lookups, const char *name)
{
	int64_t deadline = clock_now(&clock_system) + (LIMIT_QUERY_SECONDS + 1) * NS_PER_S;
	const struct dns_answer *answer;

	while (!(answer = lookups_get(lookups, str_of(name), DNS_A, LOOKUP_OTHER)))
		if (!lookups_wait(lookups, deadline))
			return NULL;
	return answer;
}

static void look_resolver(struct doctor *doctor, const struct policy *policy)
{
	const struct value *address = policy_setting_named(policy, "resolver");
	struct resolver_config config = {0};
	const struct dns_answer *answer;
	struct arena *arena;
	struct resolver *resolver;
	struct lookups *lookups;
	const char *why = NULL;

	if (address->state == FACT_PRESENT)
		config.address = str_dup(doctor->arena, address->text).s;
	if (resolver_new(&config, &resolver, &why) != 0) {
		doctor_find(doctor, FINDING_BAD, "resolver", "look at 'set resolver'",
			    "it does not start: %s", why);
		return;
	}
	arena = arena_new(doctor->arena);
	lookups = lookups_new(arena, resolver, &clock_system);
	answer = ask(lookups, PROBE_NAME);
	if (!answer || answer->status == DNS_FAILED) {
		doctor_find(doctor, FINDING_BAD, "resolver",
			    "run a resolver on this host, and say 'set resolver'",
			    "asked for " PROBE_NAME ": %s",
			    answer ? answer->problem : "no answer in time");
	} else {
		doctor_find(doctor, FINDING_FINE, "resolver", NULL, "it answers");
		answer = ask(lookups, PROBE_BOGUS);
		if (answer && answer->status == DNS_FAILED)
			doctor_find(doctor, FINDING_FINE, "dnssec", NULL,
				    "forged answers are noticed");
		else
			doctor_find(doctor, FINDING_NOTE, "dnssec",
				    "let the resolver validate (unbound does)",
				    "answers are not validated: who can forge them forges mail");
	}
	arena_free(&arena);
	resolver_free(&resolver);
}

static void look_host(struct doctor *doctor)
{
	struct timex clock = {0};
	struct rlimit limit;
	char sandbox[100];

	if (adjtimex(&clock) == TIME_ERROR || clock.status & STA_UNSYNC)
		doctor_find(doctor, FINDING_NOTE, "clock", "run chrony or systemd-timesyncd",
			    "nobody keeps it right: signatures have a time at which they end");
	else
		doctor_find(doctor, FINDING_FINE, "clock", NULL, "it is kept right");
	doctor_find(doctor, sandbox_offered(sandbox, sizeof(sandbox)) ? FINDING_FINE : FINDING_NOTE,
		    "sandbox", "run a kernel with landlock and seccomp (Linux 5.13 or newer)",
		    "this kernel has: %s", sandbox);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max < DESCRIPTORS_LEAST)
		doctor_find(doctor, FINDING_BAD, "descriptors",
			    "raise the limit of files (LimitNOFILE, ulimit -Hn)",
			    "at most %llu: too few for a busy server",
			    (unsigned long long)limit.rlim_max);
}

/* Elsewhere than in the daemon's service, which may hold more back. */
static void look_jit(struct doctor *doctor, const struct policy *policy)
{
	const char *why;

	if (!str_eq(policy_setting_named(policy, "jit")->text, STR("on")))
		return;
	why = pattern_jit_missing();
	if (why)
		doctor_find(doctor, FINDING_NOTE, "jit", "leave 'set jit on' out, or mend that",
			    "patterns stay interpreted: %s", why);
	else
		doctor_find(doctor, FINDING_FINE, "jit", NULL,
			    "this shell lets patterns be machine code; systemd does with "
			    "MemoryDenyWriteExecute=no");
}

static void look_policy(struct doctor *doctor, const struct policy *policy, const char *path)
{
	const struct value *user = policy_setting_named(policy, "user");
	const char *name =
	    user->state == FACT_PRESENT ? str_dup(doctor->arena, user->text).s : DEFAULT_USER;

	doctor_find(doctor, FINDING_FINE, "policy", NULL, "'%s' has no mistakes", path);
	if (!getpwnam(name))
		doctor_find(doctor, FINDING_BAD, "user",
			    "adduser --system --group --no-create-home postern",
			    "there is no user '%s': as root, the daemon would stay root", name);
	look_jit(doctor, policy);
}

/* ---- what came of it ---- */

static int print_findings(const struct doctor *doctor, bool json)
{
	static const char *const words[] = {"fine", "note", "BAD"};
	json_t *list = json_array();
	int status = EXIT_FINE;

	for (size_t i = 0; i < doctor->findings.count; i++) {
		const struct finding *f = &doctor->findings.items[i];

		if (f->level == FINDING_BAD)
			status = EXIT_NO;
		if (json) {
			json_t *one = json_object();

			json_object_set_new(
			    one, "level",
			    json_text(f->level == FINDING_BAD ? "bad" : words[f->level]));
			json_object_set_new(one, "subject", json_text(f->subject));
			json_object_set_new(one, "text", json_text(f->text));
			json_object_set_new(one, "mend", json_text(f->mend));
			json_array_append_new(list, one);
			continue;
		}
		printf("%-4s  %s: %s\n", words[f->level], f->subject, f->text);
		if (f->mend && f->level != FINDING_FINE)
			printf("      %s\n", f->mend);
	}
	if (json)
		json_print(json_pack("{s:b,s:o}", "ok", status == EXIT_FINE, "findings", list));
	else
		json_decref(list);
	return status;
}

static int examine(struct doctor *doctor, const char *path, const char *mta, bool json)
{
	struct diag *diag = diag_new(doctor->arena);
	struct policy *policy = policy_load(path, NULL, diag);
	int status;

	if (!policy) {
		diag_print(diag, stderr);
		return EXIT_BROKEN;
	}
	doctor->listen = str_dup(doctor->arena, policy_setting_named(policy, "listen")->text).s;
	look_policy(doctor, policy, path);
	look_host(doctor);
	look_resolver(doctor, policy);
	if (strcmp(mta, "sendmail") == 0)
		doctor_sendmail(doctor);
	else
		doctor_postfix(doctor);
	status = print_findings(doctor, json);
	policy_free(&policy);
	return status;
}

static int run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = {{"policy", required_argument, NULL, 'c'},
						{"mta", required_argument, NULL, 'm'},
						{"config-dir", required_argument, NULL, 'd'},
						{"json", no_argument, NULL, 'j'},
						{NULL, 0, NULL, 0}};
	const char *path = DEFAULT_POLICY, *mta = "postfix";
	struct doctor doctor = {0};
	bool json = false;
	int option, status;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":c:", options, NULL)) != -1) {
		if (option == 'c')
			path = optarg;
		else if (option == 'm')
			mta = optarg;
		else if (option == 'd')
			doctor.config = optarg;
		else if (option == 'j')
			json = true;
		else if (option == ':')
			return command_usage(self, "'%s' wants a value", argv[optind - 1]);
		else
			return command_usage(self, "no option '%s'", argv[optind - 1]);
	}
	if (optind < argc)
		return command_usage(self, "'%s' is one word too many", argv[optind]);
	if (strcmp(mta, "postfix") != 0 && strcmp(mta, "sendmail") != 0)
		return command_usage(self, "'%s' is not known, say postfix or sendmail", mta);
	doctor.arena = arena_new(NULL);
	status = examine(&doctor, path, mta, json);
	arena_free(&doctor.arena);
	return status;
}

const struct command command_doctor = {
    .name = "doctor",
    .synopsis = "[-c POLICY] [--mta postfix|sendmail] [--config-dir DIR] [--json]",
    .help = "looks at the installation and says what will bite",
    .options = "  -c POLICY         default " DEFAULT_POLICY "\n"
	       "  --mta NAME        postfix (the default) or sendmail\n"
	       "  --config-dir DIR  of that mail server, if not the usual one\n"
	       "  --json            for programs\n",
    .run = run,
};
