/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The resolver: the answer cache in front, then the table of questions in flight, in which
 * every question stands once however many messages wait for it, then the upstream. One lock
 * guards the table and every delivery; who finds the answer in the cache never takes it.
 */

#include "filter/dns/resolver.h"

#include <stdlib.h>
#include <sys/random.h>

#include "filter/dns/cache.h"
#include "filter/dns/script.h"
#include "filter/dns/upstream.h"

#define CACHE_BYTES_DEFAULT ((size_t)16 << 20)
#define BUCKETS 1024
/* A dead name server holds a question for 7 s, and each takes 11 KB in libunbound. */
#define IN_FLIGHT_MAX 4096

struct query {
	struct errand errand; /* first: an errand is its query */
	struct query *chain;
	struct resolver *resolver;
	struct waiter *waiters;
	struct dns_key key;
};

struct resolver {
	atomic_uint refs;
	uint64_t seed[2];
	struct script *script; /* answers from a file; then nothing below is used but the lock */
	struct clock *clock;   /* of the script */
	int64_t latency;       /* of the script's answers, in nanoseconds */
	struct query late;     /* whose waiters have their answers, which come at their time */
	struct cache *cache;
	struct upstream *upstream;
	struct dns_counts *counts; /* or NULL */

	pthread_mutex_t lock; /* of what follows, and of the delivery to waiters */
	struct query *in_flight[BUCKETS];
	size_t in_flight_count;
	bool stopped;
};

static struct resolver *resolver_alloc(void)
{
	struct resolver *resolver = calloc(1, sizeof(*resolver));

	if (!resolver)
		return NULL;
	atomic_init(&resolver->refs, 1);
	pthread_mutex_init(&resolver->lock, NULL);
	return resolver;
}

int resolver_new(const struct resolver_config *config, struct resolver **resolver_r,
		 const char **why_r)
{
	struct resolver *resolver = resolver_alloc();
	size_t bytes = config->cache_bytes > 0 ? config->cache_bytes : CACHE_BYTES_DEFAULT;

	*why_r = "out of memory";
	if (!resolver)
		return -1;
	resolver->cache = cache_new(bytes);
	if (!resolver->cache)
		goto failed;
	if (getrandom(resolver->seed, sizeof(resolver->seed), 0) != sizeof(resolver->seed)) {
		*why_r = "no random numbers";
		goto failed;
	}
	if (upstream_new(config->address, &resolver->upstream, why_r) != 0)
		goto failed;
	*resolver_r = resolver;
	return 0;
failed:
	resolver_free(&resolver);
	return -1;
}

int resolver_from_source(const struct source *source, struct clock *clock, struct diag *diag,
			 struct resolver **resolver_r)
{
	struct resolver *resolver;
	struct script *script = script_new(source, diag);

	if (!script)
		return -1;
	resolver = resolver_alloc();
	if (!resolver) {
		script_free(&script);
		return -1;
	}
	resolver->script = script;
	resolver->clock = clock;
	*resolver_r = resolver;
	return 0;
}

void resolver_count_in(struct resolver *resolver, struct dns_counts *counts)
{
	resolver->counts = counts;
}

void resolver_count(const struct resolver *resolver, const struct answer *answer, int64_t waited)
{
	struct dns_counts *counts = resolver->counts;
	bool failed = answer->public.status == DNS_FAILED;

	if (!counts)
		return;
	atomic_fetch_add_explicit(&counts->outcomes[answer_outcome(answer)], 1,
				  memory_order_relaxed);
	if (waited < 0 && !failed && !resolver->script)
		atomic_fetch_add_explicit(&counts->cached, 1, memory_order_relaxed);
	else
		histogram_add(&counts->waits, waited);
}

void resolver_delay(struct resolver *resolver, int64_t nanoseconds)
{
	resolver->latency = nanoseconds;
}

struct resolver *resolver_hold(struct resolver *resolver)
{
	atomic_fetch_add_explicit(&resolver->refs, 1, memory_order_relaxed);
	return resolver;
}

void resolver_drop(struct resolver *resolver)
{
	if (atomic_fetch_sub_explicit(&resolver->refs, 1, memory_order_acq_rel) != 1)
		return;
	cache_free(&resolver->cache);
	script_free(&resolver->script);
	pthread_mutex_destroy(&resolver->lock);
	free(resolver);
}

static struct query **find_in_flight(struct resolver *resolver, const struct dns_key *key)
{
	struct query **at = &resolver->in_flight[key->hash % BUCKETS];

	while (*at && !dns_key_eq(&(*at)->key, key))
		at = &(*at)->chain;
	return at;
}

static void waiter_link(struct waiter *waiter, struct query *query)
{
	waiter->mailbox->used = true;
	waiter->query = query;
	waiter->previous = NULL;
	waiter->next = query->waiters;
	if (waiter->next)
		waiter->next->previous = waiter;
	query->waiters = waiter;
}

static void waiter_unlink(struct waiter *waiter)
{
	if (waiter->previous)
		waiter->previous->next = waiter->next;
	else
		waiter->query->waiters = waiter->next;
	if (waiter->next)
		waiter->next->previous = waiter->previous;
	waiter->query = NULL;
}

/* The lock is held. */
static void deliver(struct waiter *waiter, const struct answer *answer, int64_t at)
{
	waiter_unlink(waiter);
	waiter->answer = answer;
	waiter->at = at;
	atomic_fetch_add(&waiter->mailbox->count, 1);
	atomic_store(&waiter->delivered, true);
	pthread_cond_signal(&waiter->mailbox->filled);
}

/* Takes the query out of the table and tells everybody. The lock is held. */
static void finish(struct resolver *resolver, struct query *query, const struct answer *answer)
{
	int64_t now = clock_now(&clock_system);

	*find_in_flight(resolver, &query->key) = query->chain;
	resolver->in_flight_count--;
	while (query->waiters)
		deliver(query->waiters, answer_hold(answer), now);
	free(query);
}

static void query_done(struct errand *errand, const struct answer *answer)
{
	struct query *query = (struct query *)(void *)errand;
	struct resolver *resolver = query->resolver;

	/* First into the cache: who no longer finds it in flight finds it there. */
	cache_put(resolver->cache, &query->key, answer, clock_now(&clock_system));
	pthread_mutex_lock(&resolver->lock);
	finish(resolver, query, answer);
	pthread_mutex_unlock(&resolver->lock);
	answer_drop(answer);
}

void resolver_free(struct resolver **resolver_p)
{
	struct resolver *resolver = *resolver_p;

	if (!resolver)
		return;
	*resolver_p = NULL;
	pthread_mutex_lock(&resolver->lock);
	resolver->stopped = true;
	pthread_mutex_unlock(&resolver->lock);
	upstream_free(&resolver->upstream);
	pthread_mutex_lock(&resolver->lock);
	for (size_t i = 0; i < BUCKETS; i++)
		while (resolver->in_flight[i])
			finish(resolver, resolver->in_flight[i], answer_failed(PROBLEM_STOPPED));
	pthread_mutex_unlock(&resolver->lock);
	resolver_drop(resolver);
}

void resolver_hash(const struct resolver *resolver, struct dns_key *key)
{
	dns_key_hash(key, resolver->seed);
}

/* The lock is held. Returns NULL if memory ended. */
static struct query *send_query(struct resolver *resolver, const struct dns_key *key)
{
	struct query *query = calloc(1, sizeof(*query));
	struct query **bucket = &resolver->in_flight[key->hash % BUCKETS];

	if (!query)
		return NULL;
	query->resolver = resolver;
	query->key = *key;
	query->errand.key = &query->key;
	query->errand.done = query_done;
	query->chain = *bucket;
	*bucket = query;
	resolver->in_flight_count++;
	upstream_send(resolver->upstream, &query->errand);
	return query;
}

static const struct answer *join_or_send(struct resolver *resolver, const struct dns_key *key,
					 struct waiter *waiter)
{
	struct query *query = *find_in_flight(resolver, key);
	const struct answer *answer;

	if (resolver->stopped)
		return answer_failed(PROBLEM_STOPPED);
	if (!query) {
		answer = cache_get(resolver->cache, key, clock_now(&clock_system));
		if (answer)
			return answer;
		if (resolver->in_flight_count >= IN_FLIGHT_MAX)
			return answer_failed(PROBLEM_CROWDED);
		query = send_query(resolver, key);
		if (!query)
			return answer_failed(PROBLEM_MEMORY);
	}
	waiter_link(waiter, query);
	return NULL;
}

static const struct answer *ask_script(struct resolver *resolver, const struct dns_key *key,
				       struct waiter *waiter)
{
	const struct answer *answer = script_answer(resolver->script, key);

	if (!answer || resolver->latency == 0)
		return answer;
	waiter->answer = answer;
	waiter->at = clock_now(resolver->clock) + resolver->latency;
	waiter_link(waiter, &resolver->late);
	return NULL;
}

/* Moves the script's clock on to the next answer, or to `until` if none comes before. */
static void wait_script(struct resolver *resolver, int64_t until)
{
	int64_t now = clock_now(resolver->clock), due = until;
	struct waiter *next;

	for (struct waiter *waiter = resolver->late.waiters; waiter; waiter = waiter->next)
		if (waiter->at < due)
			due = waiter->at;
	if (due > now)
		clock_advance(resolver->clock, due - now);
	for (struct waiter *waiter = resolver->late.waiters; waiter; waiter = next) {
		next = waiter->next;
		if (waiter->at <= due)
			deliver(waiter, waiter->answer, waiter->at);
	}
}

const struct answer *resolver_ask(struct resolver *resolver, const struct dns_key *key,
				  struct waiter *waiter)
{
	const struct answer *answer;

	if (resolver->script)
		return ask_script(resolver, key, waiter);
	answer = cache_get(resolver->cache, key, clock_now(&clock_system));
	if (answer)
		return answer;
	pthread_mutex_lock(&resolver->lock);
	answer = join_or_send(resolver, key, waiter);
	pthread_mutex_unlock(&resolver->lock);
	return answer;
}

void resolver_withdraw(struct resolver *resolver, struct waiter *waiter)
{
	pthread_mutex_lock(&resolver->lock);
	if (waiter->query == &resolver->late) {
		answer_drop(waiter->answer);
		waiter->answer = NULL;
	}
	if (waiter->query)
		waiter_unlink(waiter);
	pthread_mutex_unlock(&resolver->lock);
}

bool resolver_wait(struct resolver *resolver, struct mailbox *mailbox, const struct clock *clock,
		   int64_t until)
{
	int64_t left = until - clock_now(clock), end;
	struct timespec ts;

	if (resolver->script && resolver->clock->manual) {
		wait_script(resolver, until);
		return atomic_load(&mailbox->count) > 0 || clock_now(clock) >= until;
	}
	end = clock_now(&clock_system) + (left > 0 ? left : 0);
	ts = (struct timespec){.tv_sec = end / NS_PER_S, .tv_nsec = end % NS_PER_S};
	pthread_mutex_lock(&resolver->lock);
	while (atomic_load(&mailbox->count) == 0)
		if (pthread_cond_timedwait(&mailbox->filled, &resolver->lock, &ts) != 0)
			break;
	pthread_mutex_unlock(&resolver->lock);
	return atomic_load(&mailbox->count) > 0 || clock_now(clock) >= until;
}

void mailbox_start(struct mailbox *mailbox)
{
	pthread_condattr_t attributes;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&mailbox->filled, &attributes);
	pthread_condattr_destroy(&attributes);
	atomic_init(&mailbox->count, 0);
	mailbox->used = false;
}

void mailbox_end(struct resolver *resolver, struct mailbox *mailbox)
{
	/* A delivery that is under way still touches the condition: wait until it is over. */
	if (mailbox->used) {
		pthread_mutex_lock(&resolver->lock);
		pthread_mutex_unlock(&resolver->lock);
	}
	pthread_cond_destroy(&mailbox->filled);
}
