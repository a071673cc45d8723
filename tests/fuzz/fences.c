/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Linked with every target by --wrap, in front of what no byte of an input may reach. libspf2's
 * compiler of records is given names of our own alone; a line of the log is printable ASCII before
 * the log's own cleaning.
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/log.h"

int __real_SPF_record_compile(void *server, void *response, void **record_r, const char *text);
int __wrap_SPF_record_compile(void *server, void *response, void **record_r, const char *text);

static const char *compiler_digits(const char *at)
{
	size_t n = strspn(at, "0123456789");

	if (n == 0 || n > 3)
		abort();
	return at + n;
}

/* A term: " -include:a12-3.x", " +a:a0-1.x/24", " ?all". */
static const char *compiler_term(const char *at)
{
	static const char *const words[] = {"include:", "a:", "mx:", "exists:", "redirect="};
	size_t i = 0;

	if (*at++ != ' ')
		abort();
	at += strspn(at, "+-~?") > 0;
	if (strncmp(at, "all", 3) == 0)
		return at + 3;
	while (i < 5 && strncmp(at, words[i], strlen(words[i])) != 0)
		i++;
	if (i == 5 || at[strlen(words[i])] != 'a')
		abort();
	at = compiler_digits(at + strlen(words[i]) + 1);
	if (*at++ != '-')
		abort();
	at = compiler_digits(at);
	if (strncmp(at, ".x", 2) != 0)
		abort();
	at += 2;
	return *at == '/' ? compiler_digits(at + strspn(at, "/")) : at;
}

int __wrap_SPF_record_compile(void *server, void *response, void **record_r, const char *text)
{
	const char *at = text;

	if (strncmp(at, "v=spf1", 6) != 0)
		abort();
	at += 6;
	while (*at != '\0')
		at = compiler_term(at);
	return __real_SPF_record_compile(server, response, record_r, text);
}

void __wrap_log_line(enum log_level level, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

void __wrap_log_line(enum log_level level, const char *fmt, ...)
{
	char *line = NULL;
	va_list args;

	(void)level;
	va_start(args, fmt);
	if (vasprintf(&line, fmt, args) < 0)
		abort();
	va_end(args);
	for (const char *c = line; *c != '\0'; c++)
		if (*c < ' ' || *c > '~')
			abort();
	free(line);
}
