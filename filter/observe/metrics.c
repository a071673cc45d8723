/* SPDX-License-Identifier: BSD-2-Clause */
/* The metrics over HTTP. Who may ask is a matter of the socket; nothing but reading is offered. */

#include "postern/metrics.h"

#include <microhttpd.h>
#include <string.h>

#include "postern/arena.h"
#include "postern/counters.h"

/* A scraper and some people; each costs a buffer. */
#define CONNECTIONS_MOST 16
#define CONNECTION_BYTES 16384
#define IDLE_SECONDS 10

static struct {
	const struct counters *counters;
	void (*now)(void *ctx, struct metrics_now *now_r);
	void *ctx;
} room; /* set before the thread starts, constant from then on */

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *type,
			      struct str text)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
	    text.n, (void *)(uintptr_t)text.s, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result result;

	if (!response)
		return MHD_NO;
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

struct request {
	struct MHD_Connection *connection;
	enum MHD_Result result;
};

static void answer_metrics(void *ctx)
{
	struct request *request = ctx;
	struct metrics_now now = {.version = ""};
	struct arena *arena = arena_new(NULL);

	room.now(room.ctx, &now);
	request->result =
	    answer(request->connection, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8",
		   metrics_text(arena, room.counters, &now));
	arena_free(&arena);
}

static enum MHD_Result on_request(void *unused, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_size, void **state)
{
	struct request request = {.connection = connection, .result = MHD_NO};

	(void)unused;
	(void)version;
	(void)upload;
	(void)upload_size;
	(void)state;
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return answer(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "text/plain",
			      STR("Only GET and HEAD\n"));
	if (strcmp(url, "/metrics") != 0)
		return answer(connection, MHD_HTTP_NOT_FOUND, "text/plain", STR("See /metrics\n"));
	/* Without memory the connection is closed. */
	return arena_attempt(answer_metrics, &request) ? request.result : MHD_NO;
}

bool metrics_start(int listening, const struct counters *counters,
		   void (*now)(void *ctx, struct metrics_now *now_r), void *ctx)
{
	room.counters = counters;
	room.now = now;
	room.ctx = ctx;
	return MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL, 0, NULL, NULL,
				on_request, NULL, MHD_OPTION_LISTEN_SOCKET, (MHD_socket)listening,
				MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MOST,
				MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES,
				MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS,
				MHD_OPTION_END) != NULL;
}
