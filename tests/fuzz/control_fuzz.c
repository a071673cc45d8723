/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes on the control socket of a filter whose policy has vanished: no answer, or one line of
 * JSON, and the connection is over.
 */

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "filter/command/server.h"
#include "filter/milter/process.h"
#include "postern/arena.h"
#include "postern/counters.h"
#include "postern/diag.h"
#include "postern/policy.h"

#include "tests/fuzz/input.h"

/* Longer than the socket waits for a client. */
#define PATIENCE_SECONDS 20

/* As in filter/milter/conn.h, whose `enum step` is another than that of the DNS. */
struct suspects;
void conn_set(const struct milter_service *service, struct drain *drain, struct nudge *nudge,
	      struct suspects *suspects);

static struct sockaddr_un address;
static socklen_t address_size = sizeof(address);

static void start(void)
{
	static struct server server = {.path = "/nonexistent/postern.policy"};
	static struct milter_service service = {.control = -1};
	static struct drain drain;
	static struct nudge nudge;
	struct milter_policy *served = &service.served;
	struct arena *arena = arena_new(NULL);
	struct diag *diag = diag_new(arena);
	struct source source = {"policy", STR("accept\n")};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	served->policy = policy_compile(&source, ".", NULL, diag);
	require(served->policy != NULL);
	server.counters = counters_new();
	require(server.counters != NULL);
	counters_begin(server.counters);
	reload_begin(&server, served);
	/* It is its own parent, and wants no news. */
	signal(PARENT_NEWS, SIG_IGN);
	pulse_begin(pulse_new(), getpid());
	conn_set(&service, &drain, &nudge, NULL);
	address.sun_family = AF_UNIX;
	/* The system chooses a name that no file has. */
	require(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(sa_family_t)) == 0);
	require(getsockname(fd, (struct sockaddr *)&address, &address_size) == 0);
	require(listen(fd, 4) == 0 && control_start(&server, fd));
	arena_free(&arena);
}

static struct str answer(struct arena *arena, const uint8_t *data, size_t size)
{
	struct timeval limit = {.tv_sec = PATIENCE_SECONDS};
	struct buf text = {.arena = arena};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char block[4096];
	ssize_t n;

	require(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	/* The fuzzer's own clock interrupts. */
	while (connect(fd, (struct sockaddr *)&address, address_size) != 0)
		require(errno == EINTR);
	/* The filter may have read enough, and be gone. */
	(void)!send(fd, data, size, MSG_NOSIGNAL);
	shutdown(fd, SHUT_WR);
	while ((n = recv(fd, block, sizeof(block), 0)) > 0 || (n < 0 && errno == EINTR))
		buf_add(&text, (struct str){block, n > 0 ? (size_t)n : 0});
	require(n == 0 || errno == ECONNRESET);
	close(fd);
	return buf_str(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool started;
	struct arena *arena = arena_new(NULL);
	struct str text;

	if (!started)
		start();
	started = true;
	text = answer(arena, data, size);
	if (text.n > 0) {
		json_t *object = json_loadb(text.s, text.n, 0, NULL);

		require(json_is_object(object) && str_chr(text, '\n') == (ptrdiff_t)text.n - 1);
		json_decref(object);
	}
	arena_free(&arena);
	return 0;
}
