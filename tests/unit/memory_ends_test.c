/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory ends at each of the first 2,000 allocations that our own code makes, from the policy's
 * loading on and through libmilter's callbacks: no crash, and every message is judged as it would
 * have been, or deferred. The linker puts the allocators below in the place of the real ones, for
 * our own objects only; libmilter's functions that the callbacks use are played here as well.
 */

#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <arpa/inet.h>

#include "filter/milter/conn.h"
#include "postern/observe.h"
#include "tests/unit/memory_ends.h"
#include "tests/unit/unit.h"

#define ALLOCATIONS 2000

/* ---- allocators, one of whose answers is NULL ---- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

static unsigned long allocations;
static unsigned long first_failure, last_failure; /* 0: none */

static bool ends_now(void)
{
	allocations++;
	return allocations >= first_failure && allocations <= last_failure;
}

void *__wrap_malloc(size_t size)
{
	return ends_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return ends_now() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
	return ends_now() ? NULL : __real_realloc(memory, size);
}

/* ---- libmilter's end: what it is told goes to a transcript ---- */

#define TRANSCRIPT_MOST 8192
/* Every step of a message is sent, and none of the replies is waived. */
#define STEPS SMFIP_HDR_LEADSPC

static struct {
	void *conn;
	char text[TRANSCRIPT_MOST]; /* of the message: answers and edits */
	size_t size;
	char results[TRANSCRIPT_MOST]; /* Authentication-Results, apart */
	bool deferred;                 /* the message, or one of its recipients */
} mta;

static void __attribute__((format(printf, 1, 2))) told(const char *format, ...)
{
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vsnprintf(mta.text + mta.size, sizeof(mta.text) - mta.size, format, arguments);
	va_end(arguments);
	if (n > 0 && (size_t)n < sizeof(mta.text) - mta.size)
		mta.size += (size_t)n;
}

void *smfi_getpriv(SMFICTX *ctx)
{
	(void)ctx;
	return mta.conn;
}

int smfi_setpriv(SMFICTX *ctx, void *private)
{
	(void)ctx;
	mta.conn = private;
	return MI_SUCCESS;
}

char *smfi_getsymval(SMFICTX *ctx, char *name)
{
	(void)ctx;
	return strcmp(name, "i") == 0 ? (char *)"4XyZ" : NULL;
}

int smfi_setreply(SMFICTX *ctx, char *code, char *enhanced, char *text)
{
	(void)ctx;
	told("(%s %s %s) ", code, enhanced, text);
	return MI_SUCCESS;
}

int smfi_setsymlist(SMFICTX *ctx, int stage, char *macros)
{
	(void)ctx;
	(void)stage;
	(void)macros;
	return MI_SUCCESS;
}

int smfi_progress(SMFICTX *ctx)
{
	(void)ctx;
	return MI_SUCCESS;
}

int smfi_addheader(SMFICTX *ctx, char *name, char *value)
{
	(void)ctx;
	told("add %s:%s ", name, value);
	return MI_SUCCESS;
}

int smfi_insheader(SMFICTX *ctx, int index, char *name, char *value)
{
	(void)ctx;
	if (strcmp(name, "Authentication-Results") == 0)
		snprintf(mta.results, sizeof(mta.results), "%s", value);
	else
		told("insert %d %s:%s ", index, name, value);
	return MI_SUCCESS;
}

int smfi_chgheader(SMFICTX *ctx, char *name, int index, char *value)
{
	(void)ctx;
	told("change %d %s:%s ", index, name, value ? value : "-");
	return MI_SUCCESS;
}

int smfi_addrcpt(SMFICTX *ctx, char *recipient)
{
	(void)ctx;
	told("join %s ", recipient);
	return MI_SUCCESS;
}

int smfi_delrcpt(SMFICTX *ctx, char *recipient)
{
	(void)ctx;
	told("drop %s ", recipient);
	return MI_SUCCESS;
}

int smfi_quarantine(SMFICTX *ctx, char *reason)
{
	(void)ctx;
	told("hold %s ", reason);
	return MI_SUCCESS;
}

/* ---- a connection, and four messages that are judged differently ---- */

struct letter {
	const char *sender, *recipients[4], *head[8]; /* name, value, ... */
	const char *body;
};

static const struct letter letters[] = {
    {"<a@example.net>",
     {"<nobody@example.org>", "<team@example.org>"},
     {"From", " A <a@example.net>", "Subject", " =?utf-8?q?hello?= you", "To", " b@example.org"},
     "some text\r\n"},
    {"<b@example.net>",
     {"<b@example.org>"},
     {"From", " b@example.net", "Content-Type", " multipart/mixed; boundary=\"b 1\"",
      "DKIM-Signature",
      " v=1; a=rsa-sha256; d=example.net; s=s1; h=from; bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIk"
      "fJVOzv8=; b=dGVzdA=="},
     "--b 1\r\nContent-Type: application/octet-stream; name=\"a.exe\"\r\n\r\nMZ\r\n--b 1--\r\n"},
    {"<c@forged.example>", {"<b@example.org>", "<c@example.org>"}, {"From", " c@x"}, "text\r\n"},
    {"<d@example.net>",
     {"<b@example.org>"},
     {"From", " d@example.net", "Subject", " the best casino"},
     "text\r\n"},
};
#define LETTERS (sizeof(letters) / sizeof(letters[0]))

/* How they are judged while there is memory. */
static char judged[LETTERS][TRANSCRIPT_MOST], results[LETTERS][TRANSCRIPT_MOST];
static struct smfiDesc callbacks;

static bool answered(const char *step, sfsistat status)
{
	static const char *const names[] = {[SMFIS_CONTINUE] = "continue",
					    [SMFIS_REJECT] = "reject",
					    [SMFIS_DISCARD] = "discard",
					    [SMFIS_ACCEPT] = "accept",
					    [SMFIS_TEMPFAIL] = "defer"};

	told("%s %s\n", step,
	     status == SMFIS_SKIP                                               ? "continue"
	     : status >= 0 && (size_t)status < sizeof(names) / sizeof(names[0]) ? names[status]
										: "nothing");
	if (status == SMFIS_TEMPFAIL)
		mta.deferred = true;
	return status == SMFIS_CONTINUE || status == SMFIS_SKIP;
}

static bool envelope(const struct letter *letter)
{
	char *arguments[] = {(char *)letter->sender, (char *)"SIZE=1000", NULL};
	bool any = false;

	if (!answered("mail", callbacks.xxfi_envfrom(NULL, arguments)))
		return false;
	for (size_t i = 0; letter->recipients[i]; i++) {
		char *recipient[] = {(char *)letter->recipients[i], NULL};

		any |= answered("rcpt", callbacks.xxfi_envrcpt(NULL, recipient));
	}
	return any && answered("data", callbacks.xxfi_data(NULL));
}

/* One message as an MTA goes through it; the transcript says how it was judged. */
static void send_letter(const struct letter *letter)
{
	mta.size = 0;
	mta.text[0] = mta.results[0] = '\0';
	mta.deferred = false;
	if (!envelope(letter)) {
		callbacks.xxfi_abort(NULL);
		return;
	}
	for (size_t i = 0; letter->head[i]; i += 2)
		if (!answered("header", callbacks.xxfi_header(NULL, (char *)letter->head[i],
							      (char *)letter->head[i + 1])))
			return;
	if (answered("eoh", callbacks.xxfi_eoh(NULL)) &&
	    answered("body", callbacks.xxfi_body(NULL, (unsigned char *)letter->body,
						 strlen(letter->body))))
		answered("end", callbacks.xxfi_eom(NULL));
}

/* False: the connection was refused, temporarily, or there is none. */
static bool open_connection(void)
{
	struct sockaddr_in client = {.sin_family = AF_INET, .sin_port = htons(40000)};
	unsigned long actions, steps, rest;

	inet_pton(AF_INET, "203.0.113.9", &client.sin_addr);
	if (callbacks.xxfi_negotiate(NULL, SMFI_CURR_ACTS, STEPS, 0, 0, &actions, &steps, &rest,
				     &rest) == SMFIS_REJECT)
		return false;
	return answered("connect", callbacks.xxfi_connect(NULL, (char *)"client.example",
							  (_SOCK_ADDR *)&client)) &&
	       answered("helo", callbacks.xxfi_helo(NULL, (char *)"client.example"));
}

static void close_connection(void)
{
	callbacks.xxfi_close(NULL);
}

/* Is it judged as it should be, or deferred? */
static bool letter_is_safe(size_t i)
{
	send_letter(&letters[i]);
	if (mta.deferred ||
	    (strcmp(mta.text, judged[i]) == 0 && strcmp(mta.results, results[i]) == 0))
		return true;
	printf("message %zu, memory ends at %lu:\n%s-- and not\n%s", i, first_failure, mta.text,
	       judged[i]);
	printf("results:%s\n-- and not:%s\n", mta.results, results[i]);
	return false;
}

/* Everything of one more connection as it should be, with no deferral? */
static bool connection_is_sound(void)
{
	bool ok = open_connection();

	for (size_t i = 0; i < LETTERS && ok; i++)
		ok = letter_is_safe(i) && !mta.deferred;
	close_connection();
	if (!ok)
		printf("memory ended at %lu, and the next connection suffers\n", first_failure);
	return ok;
}

/* ---- what serves them ---- */

static struct clock now = {.manual = true, .wall = 1600000000, .monotonic = NS_PER_S};
static struct drain drain;
static struct nudge nudge;

static void settled(void *ctx, const struct session *session)
{
	(void)ctx;
	logline_write(NULL, session);
}

static struct milter_service service = {.clock = &now, .settled = settled};

/* False: there is no service, and that was said. */
static bool start_service(void)
{
	if (!memory_ends_serve(&service.served, &now))
		return false;
	if (!generation_begin(&service, getpid()) || !drain_init(&drain))
		return false;
	pulse_begin(pulse_new(), getpid());
	conn_set(&service, &drain, &nudge, suspects_new());
	callbacks = callbacks_desc("test");
	return true;
}

static void learn(void)
{
	CHECK(open_connection());
	for (size_t i = 0; i < LETTERS; i++) {
		send_letter(&letters[i]);
		CHECK(!mta.deferred);
		memcpy(judged[i], mta.text, sizeof(judged[i]));
		memcpy(results[i], mta.results, sizeof(results[i]));
	}
	close_connection();
}

/* ---- failures, each in a process of its own ---- */

#define SAFE 0
#define UNSAFE 1
#define NOT_REACHED 2

/* What a process says that does `play` and whose memory ends at the n-th allocation from now. */
static int outcome_of(int (*play)(size_t number), size_t number, unsigned long n, bool for_good)
{
	int status = 0;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		first_failure = allocations + n;
		last_failure = for_good ? first_failure + ALLOCATIONS : first_failure;
		status = play(number);
		fflush(stdout);
		_exit(status);
	}
	CHECK(waitpid(child, &status, 0) == child);
	if (WIFSIGNALED(status))
		printf("%zu: signal %d when memory ends at %lu\n", number, WTERMSIG(status),
		       allocations + n);
	return WIFEXITED(status) ? WEXITSTATUS(status) : UNSAFE;
}

static bool reached(void)
{
	return allocations >= first_failure;
}

static void memory_returns(void)
{
	last_failure = 0;
}

/* The daemon starts: it ends with a word, or serves as it should. */
static int play_start(size_t number)
{
	bool serves = start_service();

	(void)number;
	if (!reached())
		return NOT_REACHED;
	if (!serves)
		return SAFE;
	memory_returns();
	return connection_is_sound() ? SAFE : UNSAFE;
}

/* A connection is opened, has one message, and goes. */
static int play_letter(size_t number)
{
	bool ok = true;

	if (open_connection())
		ok = letter_is_safe(number);
	close_connection();
	if (!reached())
		return NOT_REACHED;
	memory_returns();
	return ok && connection_is_sound() ? SAFE : UNSAFE;
}

/* All allocations of that, one by one; how many there were. */
static unsigned long starve(int (*play)(size_t number), size_t number, bool for_good)
{
	for (unsigned long n = 1;; n++) {
		int outcome = outcome_of(play, number, n, for_good);

		if (outcome == NOT_REACHED)
			return n - 1;
		CHECK(outcome == SAFE || outcome == ARENA_EXIT);
		CHECK(outcome != ARENA_EXIT || play == play_start);
		if (unit_bad > 10)
			return n;
	}
}

static unsigned long starts; /* allocations until the service is there */

static void test_start(void)
{
	starts = starve(play_start, 0, false);
	CHECK(starts > 10);
}

/* The service lives on, message after message, and loses an allocation now and then. */
static void test_messages(void)
{
	unsigned long tried = starts;

	for (size_t number = 0; tried < ALLOCATIONS && unit_bad == 0; number++) {
		unsigned long more = starve(play_letter, number % LETTERS, false);

		CHECK(more > 1);
		tried += more;
		CHECK_INT(play_letter(number % LETTERS), NOT_REACHED);
	}
	printf("memory ended at each of %lu allocations, %lu of them at the start\n", tried,
	       starts);
}

/* Memory ends, and does not come back while the connection lasts. */
static void test_for_good(void)
{
	for (size_t number = 0; number < LETTERS; number++)
		CHECK(starve(play_letter, number, true) > 1);
}

int main(void)
{
	first_failure = ~0UL;
	/* To know how all is judged: in a process whose pages the others share. */
	if (!memory_ends_begin() || !start_service())
		return 1;
	learn();
	RUN(test_start);
	RUN(test_messages);
	RUN(test_for_good);
	return unit_done();
}
