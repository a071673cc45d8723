/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads a session script: lines to moves. What a line may say stands in script.h. */

#include "tests/session/script.h"

#include <stdio.h>

#include "postern/clock.h"

#define FILE_MOST ((size_t)4 << 20)

static const char *const verbs[] = {"connect", "helo",    "mail",    "rcpt",   "data",     "header",
				    "eoh",     "body",    "eom",     "abort",  "close",    "macro",
				    "wait",    "refuse",  "told",    "logged", "observed", "score",
				    "problem", "settled", "lookups", "rounds", "progress"};
static const char *const edit_verbs[] = {"remove", "replace", "add", "insert",
					 "drop",   "join",    "hold"};

struct reader {
	struct arena *arena;
	const char *path;
	struct str rest;
	size_t line;
	struct buf policy, records;
	struct script *script;
};

static bool fault(const struct reader *r, const char *what)
{
	printf("%s:%zu: %s\n", r->path, r->line, what);
	return false;
}

static bool next_line(struct reader *r, struct str *line_r)
{
	ptrdiff_t end = str_chr(r->rest, '\n');

	if (r->rest.n == 0)
		return false;
	*line_r = str_sub(r->rest, 0, end < 0 ? r->rest.n : (size_t)end);
	r->rest = str_sub(r->rest, line_r->n + 1, r->rest.n);
	r->line++;
	return true;
}

/* Cuts the first word off. */
static struct str word(struct str *rest)
{
	struct str first;
	size_t n = 0;

	*rest = str_trim(*rest);
	while (n < rest->n && rest->s[n] != ' ' && rest->s[n] != '\t')
		n++;
	first = str_sub(*rest, 0, n);
	*rest = str_trim(str_sub(*rest, n, rest->n));
	return first;
}

/* Cuts off what stands behind a mark; false if the mark is not there. */
static bool cut(struct str *text, const char *mark, struct str *behind_r)
{
	size_t length = strlen(mark);

	for (size_t i = text->n; i-- > 0;) {
		if (!str_starts(str_sub(*text, i, text->n), str_of(mark)))
			continue;
		*behind_r = str_trim(str_sub(*text, i + length, text->n));
		text->n = i;
		return true;
	}
	return false;
}

static int hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static struct str bytes(struct arena *arena, struct str text)
{
	struct buf out = {.arena = arena};

	for (size_t i = 0; i < text.n; i++) {
		char next = i + 1 < text.n ? text.s[i + 1] : '\0';

		if (text.s[i] != '\\') {
			buf_putc(&out, text.s[i]);
		} else if (next == 'x' && i + 3 < text.n && hex(text.s[i + 2]) >= 0 &&
			   hex(text.s[i + 3]) >= 0) {
			buf_putc(&out, (char)(hex(text.s[i + 2]) * 16 + hex(text.s[i + 3])));
			i += 3;
		} else {
			buf_putc(&out, next == 'n'   ? '\n'
				       : next == 'r' ? '\r'
				       : next == 't' ? '\t'
						     : next);
			i++;
		}
	}
	return str_dup(arena, buf_str(&out));
}

static bool read_connect(struct reader *r, struct move *move, struct str rest)
{
	struct str address, port;
	ptrdiff_t colon;

	move->name = bytes(r->arena, word(&rest));
	address = word(&rest);
	move->number = 25252;
	if (rest.n > 0)
		return fault(r, "connect NAME IP[:PORT]");
	if (address.n > 1 && address.s[0] == '[') {
		ptrdiff_t end = str_chr(address, ']');

		if (end < 0)
			return fault(r, "an address in brackets");
		port = str_sub(address, (size_t)end + 1, address.n);
		address = str_sub(address, 1, (size_t)end - 1);
	} else {
		colon =
		    str_chr(address, ':') == str_rchr(address, ':') ? str_chr(address, ':') : -1;
		port = str_sub(address, colon < 0 ? address.n : (size_t)colon, address.n);
		address.n -= port.n;
	}
	if (port.n > 0 && !str_uint(str_sub(port, 1, port.n), 65535, &move->number))
		return fault(r, "a port is a number");
	move->has_ip = ip_parse(address, &move->ip);
	if (!move->has_ip && !str_eq(address, STR("-")))
		return fault(r, "an IP address, or -");
	if (!move->has_ip)
		move->number = 0;
	return true;
}

static bool read_path(struct reader *r, struct move *move, struct str rest)
{
	VEC(const char *) parameters = {0};

	move->text = bytes(r->arena, word(&rest));
	while (rest.n > 0)
		*vec_push(r->arena, &parameters) = bytes(r->arena, word(&rest)).s;
	*vec_push(r->arena, &parameters) = NULL;
	move->parameters = parameters.items;
	return true;
}

static bool read_header(struct reader *r, struct move *move, struct str rest)
{
	ptrdiff_t colon = str_chr(rest, ':');

	if (colon < 0)
		return fault(r, "header NAME:VALUE");
	move->name = bytes(r->arena, str_sub(rest, 0, (size_t)colon));
	move->text = bytes(r->arena, str_sub(rest, (size_t)colon + 1, rest.n));
	return true;
}

static bool read_arguments(struct reader *r, struct move *move, struct str rest)
{
	switch (move->kind) {
	case MOVE_CONNECT:
		return read_connect(r, move, rest);
	case MOVE_MAIL:
	case MOVE_RCPT:
		return read_path(r, move, rest);
	case MOVE_HEADER:
		return read_header(r, move, rest);
	case MOVE_BODY:
		move->text = str_printf(r->arena, STR_FMT "\r\n", STR_ARG(bytes(r->arena, rest)));
		return true;
	case MOVE_MACRO:
		move->name = str_dup(r->arena, word(&rest));
		move->text = bytes(r->arena, rest);
		return true;
	case MOVE_WAIT:
	case MOVE_REFUSE:
	case MOVE_SETTLED:
	case MOVE_LOOKUPS:
	case MOVE_ROUNDS:
	case MOVE_PROGRESS:
		return str_uint(str_trim(rest), 1000000000, &move->number) || fault(r, "a number");
	default:
		move->text = bytes(r->arena, str_trim(rest));
		return true;
	}
}

/* The names that a record makes known: its own, and the one that an alias leads to. */
static bool read_record(struct reader *r, struct str record)
{
	struct str rest = record, name = word(&rest), type = word(&rest);
	struct script *script = r->script;

	if (name.n > 1 && name.s[name.n - 1] == '.')
		name.n--;
	*vec_push(r->arena, &script->names) = str_lower(r->arena, name);
	if (str_eq(type, STR("CNAME")))
		*vec_push(r->arena, &script->names) = str_lower(r->arena, rest);
	if (!str_eq(type, STR("NXDOMAIN"))) {
		buf_add(&r->records, record);
		buf_putc(&r->records, '\n');
	}
	return true;
}

static void begin_policy(struct reader *r, struct str text)
{
	if (!str_has(text, STR("set authserv")))
		buf_puts(&r->policy, "set authserv \"mx.example.org\" ");
	buf_add(&r->policy, text);
}

static bool read_policy(struct reader *r, struct str what)
{
	const char *slash = strrchr(r->path, '/'), *why = NULL;
	struct buf text = {.arena = r->arena};
	struct source *source;
	struct str line;

	if (str_eq(what, STR("{"))) {
		while (next_line(r, &line) && !str_eq(line, STR("}"))) {
			buf_add(&text, line);
			buf_putc(&text, '\n');
		}
		begin_policy(r, buf_str(&text));
		return true;
	}
	buf_add(&text, str_sub(str_of(r->path), 0, slash ? (size_t)(slash + 1 - r->path) : 0));
	buf_add(&text, what);
	if (!source_read(r->arena, buf_str(&text).s, FILE_MOST, &source, &why))
		return fault(r, why);
	begin_policy(r, source->text);
	return true;
}

/* "remove NAME N..M" is an edit for each number. */
static void add_edit(struct reader *r, struct move *move, struct str line)
{
	struct str rest = line, verb = word(&rest), name = word(&rest), numbers = rest, last;
	uint64_t from, to;

	if (!str_eq(verb, STR("remove")) || !cut(&numbers, "..", &last) ||
	    !str_uint(numbers, 1000000, &from) || !str_uint(last, 1000000, &to)) {
		*vec_push(r->arena, &move->edits) = str_dup(r->arena, line);
		return;
	}
	for (;;) {
		*vec_push(r->arena, &move->edits) = str_printf(
		    r->arena, "remove " STR_FMT " %llu", STR_ARG(name), (unsigned long long)from);
		if (from == to)
			return;
		from += from < to ? 1 : (uint64_t)-1;
	}
}

static int index_of(struct str text, const char *const *texts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (str_eq(text, str_of(texts[i])))
			return (int)i;
	return -1;
}

static bool read_move(struct reader *r, struct str verb, struct str rest)
{
	struct move move = {.line = r->line, .repeat = 1};
	size_t count = sizeof(verbs) / sizeof(*verbs);
	struct str comment;
	int kind;

	if (str_eq(verb, STR("repeat"))) {
		if (!str_uint(word(&rest), 1000000, &move.repeat))
			return fault(r, "repeat N STEP");
		verb = word(&rest);
	}
	kind = index_of(verb, verbs, count);
	if (kind < 0)
		return fault(r, "no such step");
	move.kind = (enum move_kind)kind;
	if (move.kind != MOVE_HEADER && move.kind != MOVE_BODY)
		cut(&rest, "  #", &comment);
	if (cut(&rest, "->", &move.expected))
		rest = move.kind == MOVE_HEADER ? rest : str_trim(rest);
	else if (move.kind < MOVE_ABORT && move.kind != MOVE_BODY)
		move.expected = STR("continue");
	if (!read_arguments(r, &move, rest))
		return false;
	*vec_push(r->arena, &r->script->moves) = move;
	return true;
}

static bool read_line(struct reader *r, struct str line)
{
	struct str rest = line, verb = word(&rest);
	size_t count = sizeof(edit_verbs) / sizeof(*edit_verbs), moves = r->script->moves.count;
	uint64_t seconds, milliseconds;

	if (str_eq(verb, STR("policy")))
		return read_policy(r, rest);
	if (str_eq(verb, STR("dns")))
		return read_record(r, rest);
	if (str_eq(verb, STR("only")))
		return str_eq(rest, STR("in-process")) || fault(r, "only in-process");
	if (str_eq(verb, STR("latency"))) {
		if (!str_uint(rest, 1000, &milliseconds))
			return fault(r, "latency MILLISECONDS");
		r->script->latency = (int64_t)milliseconds * NS_PER_MS;
		return true;
	}
	if (str_eq(verb, STR("clock"))) {
		if (!str_uint(rest, INT32_MAX, &seconds))
			return fault(r, "clock SECONDS");
		r->script->clock = (int64_t)seconds;
		return true;
	}
	if (index_of(verb, edit_verbs, count) < 0)
		return read_move(r, verb, rest);
	if (moves == 0 || r->script->moves.items[moves - 1].kind != MOVE_EOM)
		return fault(r, "an edit stands behind an eom");
	add_edit(r, &r->script->moves.items[moves - 1], str_trim(line));
	return true;
}

static struct source *source_of(struct arena *arena, const char *name, const struct buf *text)
{
	struct source *source = arena_new_of(arena, struct source);

	*source = (struct source){name, buf_str(text)};
	return source;
}

bool script_read(struct arena *arena, const char *path, struct script *script_r)
{
	struct reader r = {.arena = arena,
			   .path = path,
			   .script = script_r,
			   .policy = {.arena = arena},
			   .records = {.arena = arena}};
	struct source *source;
	const char *why = NULL;
	struct str line;

	*script_r = (struct script){.clock = 1600000000};
	if (!source_read(arena, path, FILE_MOST, &source, &why))
		return fault(&r, why);
	r.rest = source->text;
	while (next_line(&r, &line)) {
		if (str_trim(line).n == 0 || str_trim(line).s[0] == '#')
			continue;
		if (!read_line(&r, line))
			return false;
	}
	if (r.policy.n == 0)
		return fault(&r, "no policy");
	script_r->policy = source_of(arena, "policy", &r.policy);
	script_r->records = source_of(arena, "dns", &r.records);
	return true;
}

bool script_match(struct str expected, struct str text)
{
	size_t i = 0, j = 0, star = SIZE_MAX, back = 0;

	while (j < text.n) {
		if (i < expected.n && expected.s[i] == '*') {
			star = i++;
			back = j;
		} else if (i < expected.n && expected.s[i] == text.s[j]) {
			i++;
			j++;
		} else if (star != SIZE_MAX) {
			i = star + 1;
			j = ++back;
		} else {
			return false;
		}
	}
	while (i < expected.n && expected.s[i] == '*')
		i++;
	return i == expected.n;
}
