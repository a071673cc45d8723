/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asks a resolver, for tests: ask ADDRESS@PORT, then a command a line on stdin.
 *
 *   ask NAME TYPE ...          one message with these questions, all at once
 *   crowd N NAME TYPE ...      N such messages at the same time, a thread each
 *   leave NAME TYPE ...        a message that ends without waiting
 *   hot NAME TYPE              the time of an answer from the cache, in nanoseconds
 *   end NAME TYPE ...          frees the resolver under a message that waits, and ends
 *
 * An answer is printed as "NAME TYPE STATUS MILLISECONDS DETAIL", the detail being the problem or
 * the records; a line "done" ends a command's output.
 */

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/arena.h"
#include "postern/dns.h"
#include "postern/ip.h"

#define QUESTIONS_MAX 64
#define CROWD_MAX 200

struct question {
	struct str name;
	enum dns_type type;
	int64_t took; /* -1: pending */
};

struct message {
	struct resolver *resolver;
	struct question questions[QUESTIONS_MAX];
	size_t count;
	bool quiet;
};

static pthread_mutex_t out = PTHREAD_MUTEX_INITIALIZER;

static enum dns_type type_of(const char *text)
{
	static const enum dns_type types[] = {DNS_A, DNS_AAAA, DNS_CNAME, DNS_MX, DNS_PTR, DNS_TXT};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(text, dns_type_name(types[i])) == 0)
			return types[i];
	fprintf(stderr, "ask: unknown type %s\n", text);
	exit(2);
}

static void print_data(struct arena *arena, enum dns_type type, const struct dns_record *record)
{
	char text[IP_TEXT_MAX];
	struct ip ip = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}};

	if (type == DNS_A || type == DNS_AAAA) {
		memcpy(ip.bytes + 16 - record->data.n, record->data.s, record->data.n);
		printf(" %s", ip_text(&ip, text));
		return;
	}
	if (type == DNS_MX)
		printf(" %u", record->preference);
	printf(" \"" STR_FMT "\"", STR_ARG(str_clean(arena, record->data, 100)));
}

static void print_answer(struct arena *arena, const struct question *q,
			 const struct dns_answer *answer)
{
	static const char *const statuses[] = {[DNS_FOUND] = "FOUND",
					       [DNS_NODATA] = "NODATA",
					       [DNS_NXDOMAIN] = "NXDOMAIN",
					       [DNS_FAILED] = "FAILED"};

	printf(STR_FMT " %s %s %lld", STR_ARG(str_clean(arena, q->name, 300)),
	       dns_type_name(q->type), statuses[answer->status], (long long)(q->took / NS_PER_MS));
	if (answer->status == DNS_FAILED)
		printf(" %s", answer->problem);
	for (size_t i = 0; i < answer->count; i++)
		print_data(arena, q->type, &answer->records[i]);
	printf("\n");
}

static void *run(void *arg)
{
	const struct message *given = arg;
	struct message m = *given;
	struct arena *arena = arena_new(NULL);
	struct lookups *lookups = lookups_new(arena, m.resolver, &clock_system);
	int64_t start = clock_now(&clock_system);
	size_t left;

	for (size_t i = 0; i < m.count; i++)
		m.questions[i].took = -1;
	do {
		left = 0;
		for (size_t i = 0; i < m.count; i++) {
			struct question *q = &m.questions[i];
			bool there = lookups_get(lookups, q->name, q->type, LOOKUP_OTHER) != NULL;

			if (there && q->took < 0)
				q->took = clock_now(&clock_system) - start;
			left += !there;
		}
	} while (left > 0 && lookups_wait(lookups, start + 30 * NS_PER_S));
	pthread_mutex_lock(&out);
	for (size_t i = 0; i < m.count && !m.quiet && left == 0; i++)
		print_answer(
		    arena, &m.questions[i],
		    lookups_get(lookups, m.questions[i].name, m.questions[i].type, LOOKUP_OTHER));
	pthread_mutex_unlock(&out);
	arena_free(&arena);
	return NULL;
}

static void crowd(struct message *m, size_t n)
{
	pthread_t threads[CROWD_MAX];

	for (size_t i = 0; i < n; i++)
		pthread_create(&threads[i], NULL, run, m);
	for (size_t i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
}

static void leave(const struct message *m)
{
	struct arena *arena = arena_new(NULL);
	struct lookups *lookups = lookups_new(arena, m->resolver, &clock_system);

	for (size_t i = 0; i < m->count; i++)
		lookups_get(lookups, m->questions[i].name, m->questions[i].type, LOOKUP_OTHER);
	arena_free(&arena);
}

static void hot(const struct message *m)
{
	int64_t start;
	int rounds = 200000;

	run(&(struct message){m->resolver, {m->questions[0]}, 1, true});
	start = clock_now(&clock_system);
	for (int i = 0; i < rounds; i++)
		leave(m);
	printf("message %lld ns\n", (long long)((clock_now(&clock_system) - start) / rounds));
}

static void *free_soon(void *arg)
{
	struct resolver *resolver = arg;

	nanosleep(&(struct timespec){0, 200000000}, NULL);
	resolver_free(&resolver);
	return NULL;
}

static void end(struct message *m)
{
	pthread_t thread;

	pthread_create(&thread, NULL, free_soon, m->resolver);
	run(m);
	pthread_join(thread, NULL);
}

static size_t read_number(char **save)
{
	const char *word = strtok_r(NULL, " \n", save);
	size_t n = word ? strtoul(word, NULL, 10) : 0;

	return n < CROWD_MAX ? n : CROWD_MAX;
}

static void read_questions(struct message *m, char **save)
{
	char *name, *type;

	while (m->count < QUESTIONS_MAX && (name = strtok_r(NULL, " \n", save)) &&
	       (type = strtok_r(NULL, " \n", save)))
		m->questions[m->count++] = (struct question){str_of(name), type_of(type), -1};
}

int main(int argc, char **argv)
{
	struct resolver_config config = {.address = argc > 1 ? argv[1] : NULL};
	struct resolver *resolver;
	const char *why;
	static char line[65536];
	bool over = false;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (resolver_new(&config, &resolver, &why) != 0) {
		fprintf(stderr, "ask: %s\n", why);
		return 1;
	}
	while (!over && fgets(line, sizeof(line), stdin)) {
		static struct message m;
		char *save = NULL;
		const char *command = strtok_r(line, " \n", &save);
		size_t n;

		if (!command)
			continue;
		m = (struct message){.resolver = resolver};
		n = strcmp(command, "crowd") == 0 ? read_number(&save) : 0;
		read_questions(&m, &save);
		over = strcmp(command, "end") == 0;
		if (n > 0)
			crowd(&m, n);
		else if (over)
			end(&m);
		else if (strcmp(command, "leave") == 0)
			leave(&m);
		else if (strcmp(command, "hot") == 0)
			hot(&m);
		else
			run(&m);
		printf("done\n");
	}
	if (!over)
		resolver_free(&resolver);
	return 0;
}
