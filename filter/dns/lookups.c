/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The lookups of one message: every question once, in the order in which they were asked, within
 * the budgets and the deadlines. An answer that a message has once got is the one it keeps, also
 * if that was a failure.
 */

#include "filter/dns/resolver.h"

#include "postern/arena.h"

#define QUERY_TIME (LIMIT_QUERY_SECONDS * NS_PER_S)
#define MESSAGE_TIME (LIMIT_DNS_SECONDS * NS_PER_S)

struct question {
	struct dns_key key;
	struct str name; /* as it was asked for */
	int64_t asked, deadline;
	const struct answer *answer; /* NULL while pending */
	bool fresh;                  /* answered after the caller was told "pending" */
	struct waiter waiter;
};

struct lookups {
	struct arena *arena;
	struct resolver *resolver;
	const struct clock *clock;
	struct mailbox mailbox;
	VEC(struct question *) questions;
	size_t asked[2]; /* for each purpose */
	size_t pending, fresh;
	/*
	 * The message's time is counted while a question is pending: what a slow client takes to
	 * send its message is not the DNS's.
	 */
	int64_t busy_since, spent;
	int64_t latest;   /* when the last answer came, or was given up */
	int64_t earliest; /* deadline of those pending */
};

static void lookups_end(void *handle)
{
	struct lookups *lookups = handle;

	if (!lookups->resolver)
		return;
	for (size_t i = 0; i < lookups->questions.count; i++) {
		struct question *q = lookups->questions.items[i];

		if (!q->answer) {
			resolver_withdraw(lookups->resolver, &q->waiter);
			answer_drop(q->waiter.answer);
		}
		answer_drop(q->answer);
	}
	mailbox_end(lookups->resolver, &lookups->mailbox);
	resolver_drop(lookups->resolver);
}

struct lookups *lookups_new(struct arena *arena, struct resolver *resolver,
			    const struct clock *clock)
{
	struct lookups *lookups = arena_new_of(arena, struct lookups);

	arena_cleanup(arena, lookups_end, lookups);
	lookups->arena = arena;
	lookups->clock = clock;
	mailbox_start(&lookups->mailbox);
	lookups->resolver = resolver_hold(resolver);
	return lookups;
}

static void question_settle(struct lookups *lookups, struct question *q,
			    const struct answer *answer, int64_t when)
{
	q->answer = answer;
	q->fresh = true;
	lookups->fresh++;
	lookups->pending--;
	resolver_count(lookups->resolver, answer, when > q->asked ? when - q->asked : 0);
	if (when > lookups->latest)
		lookups->latest = when;
}

/* Takes an answer that was delivered. */
static bool question_take(struct lookups *lookups, struct question *q, int64_t now)
{
	if (!atomic_load(&q->waiter.delivered))
		return false;
	atomic_fetch_sub(&lookups->mailbox.count, 1);
	/* Deliveries go by the machine's clock, which ours may be behind. */
	question_settle(lookups, q, q->waiter.answer, q->waiter.at < now ? q->waiter.at : now);
	return true;
}

/* Takes what was delivered and gives up what is past its deadline. */
static void lookups_settle(struct lookups *lookups, int64_t now)
{
	if (lookups->pending == 0 ||
	    (atomic_load(&lookups->mailbox.count) == 0 && now < lookups->earliest))
		return;
	lookups->earliest = INT64_MAX;
	for (size_t i = 0; i < lookups->questions.count; i++) {
		struct question *q = lookups->questions.items[i];

		if (q->answer || question_take(lookups, q, now))
			continue;
		if (now >= q->deadline) {
			resolver_withdraw(lookups->resolver, &q->waiter);
			/* It may have come just now. */
			if (!question_take(lookups, q, now))
				question_settle(lookups, q, answer_failed(PROBLEM_TIMEOUT),
						q->deadline);
		} else if (q->deadline < lookups->earliest) {
			lookups->earliest = q->deadline;
		}
	}
	if (lookups->pending == 0 && lookups->latest > lookups->busy_since)
		lookups->spent += lookups->latest - lookups->busy_since;
}

static struct question *lookups_find(const struct lookups *lookups, const struct dns_key *key)
{
	for (size_t i = 0; i < lookups->questions.count; i++) {
		struct question *q = lookups->questions.items[i];

		if (dns_key_eq(&q->key, key))
			return q;
	}
	return NULL;
}

/* Nothing below the resolver's answer may take memory of the arena: it would be lost. */
static struct question *lookups_ask(struct lookups *lookups, const struct dns_key *key,
				    struct str name, int64_t now)
{
	struct question *q = arena_new_of(lookups->arena, struct question);

	q->key = *key;
	q->name = str_dup(lookups->arena, name);
	q->waiter.mailbox = &lookups->mailbox;
	*vec_push(lookups->arena, &lookups->questions) = q;
	q->answer = resolver_ask(lookups->resolver, &q->key, &q->waiter);
	if (q->answer) {
		resolver_count(lookups->resolver, q->answer, -1);
		return q;
	}
	q->asked = now;
	if (lookups->pending++ == 0) {
		lookups->busy_since = lookups->latest = now;
		lookups->earliest = INT64_MAX;
	}
	q->deadline = lookups->busy_since + (MESSAGE_TIME - lookups->spent);
	if (q->deadline > now + QUERY_TIME)
		q->deadline = now + QUERY_TIME;
	if (q->deadline < lookups->earliest)
		lookups->earliest = q->deadline;
	return q;
}

/* A question that may not be asked. */
static const struct dns_answer *refused(const struct lookups *lookups, enum answer_problem problem)
{
	const struct answer *answer = answer_failed(problem);

	resolver_count(lookups->resolver, answer, -1);
	return &answer->public;
}

const struct dns_answer *lookups_get(struct lookups *lookups, struct str name, enum dns_type type,
				     enum lookup_for purpose)
{
	static const size_t budgets[] = {
	    [LOOKUP_SPF] = LIMIT_SPF_LOOKUPS, [LOOKUP_OTHER] = LIMIT_LOOKUPS};
	struct dns_key key = {.type = type};
	int64_t now = 0;
	struct question *q;

	if (!name_from_text(name, &key.name))
		return &answer_nxdomain()->public;
	resolver_hash(lookups->resolver, &key);
	if (lookups->pending > 0)
		lookups_settle(lookups, now = clock_now(lookups->clock));
	q = lookups_find(lookups, &key);
	if (!q) {
		if (lookups->asked[purpose] == budgets[purpose])
			return refused(lookups, PROBLEM_BUDGET);
		if (lookups->pending == 0 && lookups->spent >= MESSAGE_TIME)
			return refused(lookups, PROBLEM_TIMEOUT);
		if (now == 0)
			now = clock_now(lookups->clock);
		lookups->asked[purpose]++;
		q = lookups_ask(lookups, &key, name, now);
	}
	if (q->fresh) {
		q->fresh = false;
		lookups->fresh--;
	}
	/* Not a word about the name: to its policy the message would look like another. */
	if (q->answer == answer_failed(PROBLEM_MEMORY))
		arena_exhausted(lookups->arena);
	return q->answer ? &q->answer->public : NULL;
}

/* The caller goes through its questions again: what it does not ask for then is old. */
static void lookups_tell(struct lookups *lookups)
{
	for (size_t i = 0; i < lookups->questions.count; i++)
		lookups->questions.items[i]->fresh = false;
	lookups->fresh = 0;
}

bool lookups_wait(struct lookups *lookups, int64_t deadline)
{
	for (;;) {
		int64_t now = clock_now(lookups->clock), until;

		lookups_settle(lookups, now);
		if (lookups->fresh > 0) {
			lookups_tell(lookups);
			return true;
		}
		if (lookups->pending == 0 || now >= deadline)
			return false;
		until = lookups->earliest < deadline ? lookups->earliest : deadline;
		if (!resolver_wait(lookups->resolver, &lookups->mailbox, lookups->clock, until))
			return false;
	}
}

int64_t lookups_time(const struct lookups *lookups)
{
	if (lookups->pending == 0)
		return lookups->spent;
	return lookups->spent + clock_now(lookups->clock) - lookups->busy_since;
}

size_t lookups_pending(const struct lookups *lookups)
{
	return lookups->pending + lookups->fresh;
}

size_t lookups_asked(const struct lookups *lookups)
{
	return lookups->questions.count;
}

void lookups_each(const struct lookups *lookups,
		  void (*fn)(void *ctx, struct str name, enum dns_type type,
			     const struct dns_answer *answer),
		  void *ctx)
{
	for (size_t i = 0; i < lookups->questions.count; i++) {
		const struct question *q = lookups->questions.items[i];

		fn(ctx, q->name, q->key.type, q->answer ? &q->answer->public : NULL);
	}
}
