/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The upstream: one thread owns a libevent base and a libunbound context on it, and is the only
 * one to touch either. Other threads hand questions over in a list and wake it by an eventfd.
 * libunbound is used for what is hard: retransmission, TCP, answers that do not fit the question.
 * Deadlines are not left to it: they belong to messages, and a late answer still fills the cache.
 */

#include "filter/dns/upstream.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <unbound.h>
#include <unbound-event.h>

#include "filter/dns/reply.h"

struct upstream {
	struct event_base *base;
	struct event *wake;
	struct ub_ctx *context;
	int wake_fd;
	pthread_t thread;
	bool running;

	pthread_mutex_t lock; /* of what follows */
	struct errand *first, **last;
	bool stopping;
};

/*
 * Everything is forwarded, also the names that libunbound would answer by itself: the server
 * that we ask knows what they are here (a zone for tests, the reverse zone of a private network).
 */
static const char *const forwarded_zones[] = {
    "localhost.",
    "test.",
    "invalid.",
    "onion.",
    "home.arpa.",
    "resolver.arpa.",
    "service.arpa.",
    "127.in-addr.arpa.",
    "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa."};

static const struct {
	const char *name, *value;
} options[] = {
    {"unblock-lan-zones:", "yes"},
    {"do-not-query-localhost:", "no"},
    /* Our own cache stands in front: see keep_no_failures(). */
    {"msg-cache-size:", "0"},
    /*
     * A recursive server may need a second for a name it does not know yet. Asking it again
     * every 50 ms, libunbound's default, would only throw away the answer on its way.
     */
    {"infra-cache-min-rtt:", "1000"},
    {"unknown-server-time-limit:", "1000"},
    /* A server that was down, or restarted, is asked again after seconds, not 15 minutes. */
    {"infra-host-ttl:", "2"},
    {"infra-keep-probing:", "yes"},
    /* Asked after 0, 1, 2 and 4 s and given up after 7; after SERVFAIL asked once more. */
    {"outbound-msg-retry:", "2"},
    /* One question a connection: none waits behind another that gets no answer. */
    {"outgoing-num-tcp:", "128"},
    {"max-reuse-tcp-queries:", "1"},
};

/*
 * Each question on its way has a socket; without one left it waits. So there should be enough
 * for all that may be in flight, but half of the descriptors remain for the sessions.
 */
#define SOCKETS_MIN 16
#define SOCKETS_MAX 4096

static bool set_option(struct ub_ctx *context, const char *name, const char *value)
{
	return ub_ctx_set_option(context, name, value) == 0;
}

static bool set_options(struct ub_ctx *context)
{
	struct rlimit files;
	unsigned long sockets = SOCKETS_MIN;
	char text[32];
	bool good;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur / 2 > sockets)
		sockets = files.rlim_cur / 2 < SOCKETS_MAX ? (unsigned long)files.rlim_cur / 2
							   : SOCKETS_MAX;
	snprintf(text, sizeof(text), "%lu", sockets);
	good = set_option(context, "outgoing-range:", text);
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		good = good && set_option(context, options[i].name, options[i].value);
	for (size_t i = 0; i < sizeof(forwarded_zones) / sizeof(forwarded_zones[0]); i++) {
		char zone[128];

		snprintf(zone, sizeof(zone), "%s transparent", forwarded_zones[i]);
		good = good && set_option(context, "local-zone:", zone);
	}
	return good;
}

/*
 * libunbound's cache would keep failures for five seconds, which are to be tried afresh for the
 * next message. Only a configuration file can turn it off, so it reads a pipe as one, before it
 * is told a server. Its parser has global variables. Where there is no /dev/fd the cache stays,
 * with room for a single answer.
 */
static void keep_no_failures(struct ub_ctx *context)
{
	static pthread_mutex_t parser = PTHREAD_MUTEX_INITIALIZER;
	static const char text[] = "forward-zone:\n name: \".\"\n forward-no-cache: yes\n";
	char path[32];
	int fds[2];
	bool sent;

	if (pipe2(fds, O_CLOEXEC) != 0)
		return;
	sent = write(fds[1], text, sizeof(text) - 1) == (ssize_t)sizeof(text) - 1;
	close(fds[1]);
	if (sent) {
		snprintf(path, sizeof(path), "/dev/fd/%d", fds[0]);
		pthread_mutex_lock(&parser);
		ub_ctx_config(context, path);
		pthread_mutex_unlock(&parser);
	}
	close(fds[0]);
}

static void on_answer(void *arg, int rcode, void *packet, int size, int secure, char *why_bogus,
		      int ratelimited)
{
	struct errand *errand = arg;
	const struct answer *answer;

	(void)why_bogus;
	(void)ratelimited;
	if (secure == 1)
		answer = answer_failed(PROBLEM_BOGUS);
	else if (rcode != 0 || !packet || size < 0)
		answer = reply_error(rcode != 0 ? (unsigned)rcode : 2);
	else
		answer = reply_read(errand->key, packet, (size_t)size, secure == 2);
	errand->done(errand, answer);
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
	struct upstream *upstream = arg;
	struct errand *errand, *next;
	eventfd_t count;
	bool stopping;

	(void)what;
	(void)eventfd_read(fd, &count);
	pthread_mutex_lock(&upstream->lock);
	errand = upstream->first;
	upstream->first = NULL;
	upstream->last = &upstream->first;
	stopping = upstream->stopping;
	pthread_mutex_unlock(&upstream->lock);
	if (stopping) {
		event_base_loopbreak(upstream->base);
		return;
	}
	for (; errand; errand = next) {
		char name[NAME_TEXT_MAX + 1];
		size_t n = name_text(&errand->key->name, name).n;

		next = errand->next;
		/* With a final dot no text is a relative name. */
		name[n] = '.';
		name[n + 1] = '\0';
		if (ub_resolve_event(upstream->context, name, (int)errand->key->type, 1, errand,
				     on_answer, NULL) != 0)
			errand->done(errand, answer_failed(PROBLEM_UPSTREAM));
	}
}

static void *run(void *arg)
{
	struct upstream *upstream = arg;

	event_base_dispatch(upstream->base);
	return NULL;
}

/* The thread takes no signals: they belong to whoever waits for them. */
static bool start_thread(struct upstream *upstream)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	upstream->running = pthread_create(&upstream->thread, NULL, run, upstream) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return upstream->running;
}

/* Returns NULL or what is wrong. */
static const char *set_server(struct ub_ctx *context, const char *address)
{
	if (address)
		return ub_ctx_set_fwd(context, address) == 0
			   ? NULL
			   : "not the address of a resolver: ADDRESS or ADDRESS@PORT is meant";
	return ub_ctx_resolvconf(context, NULL) == 0 ? NULL : "/etc/resolv.conf cannot be read";
}

bool resolver_address_ok(const char *address, const char **why_r)
{
	struct ub_ctx *context = ub_ctx_create();

	*why_r = context ? set_server(context, address) : "libunbound cannot be started";
	ub_ctx_delete(context);
	return !*why_r;
}

static const char *start(struct upstream *upstream, const char *address)
{
	const char *why;

	upstream->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (upstream->wake_fd < 0)
		return strerror(errno);
	upstream->base = event_base_new();
	if (!upstream->base)
		return "the event loop cannot be started";
	upstream->wake =
	    event_new(upstream->base, upstream->wake_fd, EV_READ | EV_PERSIST, on_wake, upstream);
	if (!upstream->wake || event_add(upstream->wake, NULL) != 0)
		return "out of memory";
	upstream->context = ub_ctx_create_event(upstream->base);
	if (!upstream->context)
		return "libunbound cannot be started";
	/* libunbound's own complaints would quote strangers' names on stderr. */
	ub_ctx_debugout(upstream->context, NULL);
	if (!set_options(upstream->context))
		return "this libunbound lacks an option that is needed";
	keep_no_failures(upstream->context);
	why = set_server(upstream->context, address);
	if (why)
		return why;
	return start_thread(upstream) ? NULL : "the resolver's thread cannot be started";
}

int upstream_new(const char *address, struct upstream **upstream_r, const char **why_r)
{
	struct upstream *upstream = calloc(1, sizeof(*upstream));

	*why_r = "out of memory";
	if (!upstream)
		return -1;
	pthread_mutex_init(&upstream->lock, NULL);
	upstream->last = &upstream->first;
	*why_r = start(upstream, address);
	if (*why_r) {
		upstream_free(&upstream);
		return -1;
	}
	*upstream_r = upstream;
	return 0;
}

void upstream_send(struct upstream *upstream, struct errand *errand)
{
	bool idle;

	errand->next = NULL;
	pthread_mutex_lock(&upstream->lock);
	idle = !upstream->first;
	*upstream->last = errand;
	upstream->last = &errand->next;
	pthread_mutex_unlock(&upstream->lock);
	if (idle)
		(void)eventfd_write(upstream->wake_fd, 1);
}

void upstream_free(struct upstream **upstream_p)
{
	struct upstream *upstream = *upstream_p;

	if (!upstream)
		return;
	*upstream_p = NULL;
	if (upstream->running) {
		pthread_mutex_lock(&upstream->lock);
		upstream->stopping = true;
		pthread_mutex_unlock(&upstream->lock);
		(void)eventfd_write(upstream->wake_fd, 1);
		pthread_join(upstream->thread, NULL);
	}
	if (upstream->context)
		ub_ctx_delete(upstream->context);
	if (upstream->wake)
		event_free(upstream->wake);
	if (upstream->base)
		event_base_free(upstream->base);
	if (upstream->wake_fd >= 0)
		close(upstream->wake_fd);
	pthread_mutex_destroy(&upstream->lock);
	free(upstream);
}
