/* SPDX-License-Identifier: BSD-2-Clause */
/* What a line of the log looks like: no raw byte, and JSON that is JSON. Lines go to a pipe. */

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "postern/log.h"
#include "tests/unit/unit.h"

static int reader, before;

/* Standard error is a pipe from here on. */
static void divert(bool json)
{
	int ends[2];

	fflush(stderr);
	if (pipe(ends) != 0)
		abort();
	before = dup(STDERR_FILENO);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	reader = ends[0];
	log_open(&(struct log_config){.json = json});
}

/* What was written meanwhile. */
static const char *diverted(void)
{
	static char text[70000];
	size_t n = 0;
	ssize_t got;

	fcntl(reader, F_SETFL, O_NONBLOCK);
	while ((got = read(reader, text + n, sizeof(text) - 1 - n)) > 0)
		n += (size_t)got;
	text[n] = '\0';
	dup2(before, STDERR_FILENO);
	close(before);
	close(reader);
	return text;
}

static const char *after(const char *text, const char *what)
{
	const char *at = strstr(text, what);

	return at ? at + strlen(what) : "";
}

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static void test_text(void)
{
	const char *text;

	divert(false);
	log_line(LOG_LEVEL_WARNING, "a %s b", "\x1b[2J\n\xe9");
	log_line(LOG_LEVEL_INFO, "second");
	text = diverted();
	CHECK(begins(text, "postern["));
	CHECK(begins(after(text, "]: "), "warning: a \\x1B[2J\\x0A\\xE9 b\n"));
	CHECK(strcmp(after(text, "b\npostern["), "") != 0);
	CHECK(strcmp(text + strlen(text) - 8, " second\n") == 0);
}

static void test_json(void)
{
	const char *text;

	divert(true);
	CHECK(log_is_json());
	log_line(LOG_LEVEL_ERROR, "say \"%s\" \\", "\n");
	log_object(LOG_LEVEL_INFO, STR("\"id\":\"x\",\"n\":1"));
	text = diverted();
	CHECK(begins(text, "{\"time\":\"20"));
	CHECK(*after(text, ",\"level\":\"error\",\"pid\":") >= '1');
	CHECK(begins(after(text, "\"message\":"), "\"say \\\"\\\\x0A\\\" \\\\\"}\n"));
	CHECK(strcmp(after(text, "\"id\":"), "\"x\",\"n\":1}\n") == 0);
}

/* A line that is too long is cut, an object that is too long is dropped whole. */
static void test_long(void)
{
	static char text[LOG_OBJECT_MOST + 2];
	struct log_counts counts = {0};
	const char *said;

	log_count_in(&counts);
	memset(text, 'x', sizeof(text) - 1);
	divert(false);
	log_line(LOG_LEVEL_INFO, "%s", text);
	said = diverted();
	CHECK(strlen(said) > 3000 && strlen(said) <= 4096 && said[strlen(said) - 1] == '\n');
	divert(true);
	log_object(LOG_LEVEL_INFO, str_of(text));
	CHECK(strcmp(diverted(), "") == 0);
	CHECK_INT(atomic_load(&counts.written), 1);
	CHECK_INT(atomic_load(&counts.dropped), 1);
}

/* Nobody reads: what does not fit is dropped soon, and told when there is room again. */
static void test_full_pipe(void)
{
	static struct log_counts counts;
	const char *text;

	log_count_in(&counts);
	divert(false);
	fcntl(reader, F_SETPIPE_SZ, 4096);
	for (int i = 0; i < 100; i++)
		log_line(LOG_LEVEL_INFO, "%0200d", i);
	CHECK(atomic_load(&counts.dropped) > 50);
	fcntl(reader, F_SETPIPE_SZ, 65536);
	log_line(LOG_LEVEL_INFO, "again");
	text = diverted();
	CHECK(begins(after(text, "again\n"), "postern["));
	CHECK(strstr(text, " log lines were dropped: the log did not take them\n") != NULL);
}

int main(void)
{
	RUN(test_text);
	RUN(test_json);
	RUN(test_long);
	RUN(test_full_pipe);
	return unit_done();
}
