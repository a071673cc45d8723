/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Received-SPF (RFC 7208 9.1): the field that tells the result of SPF to those who do not read
 * Authentication-Results. What it names comes from the wire: all that is not a dot-atom is quoted,
 * and what no quotes can hold is written as '?'.
 */

#include "postern/spf.h"

#include "postern/arena.h"

/* Of a value: far above any domain or address that mail can be sent to. */
#define VALUE_MAX 400

static bool is_atext(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

static bool is_dot_atom(struct str text)
{
	bool after_dot = true;

	for (size_t i = 0; i < text.n; i++) {
		bool dot = text.s[i] == '.';

		if (dot ? after_dot : !is_atext(text.s[i]))
			return false;
		after_dot = dot;
	}
	return !after_dot;
}

static void add(struct buf *out, const char *key, struct str value)
{
	value = str_sub(value, 0, VALUE_MAX);
	buf_printf(out, "%s%s=", out->n > 0 && out->s[out->n - 1] == ';' ? "\n\t" : " ", key);
	if (is_dot_atom(value)) {
		buf_add(out, value);
	} else {
		buf_putc(out, '"');
		for (size_t i = 0; i < value.n; i++) {
			if (value.s[i] == '"' || value.s[i] == '\\')
				buf_putc(out, '\\');
			buf_putc(out, value.s[i] < ' ' || value.s[i] > '~' ? '?' : value.s[i]);
		}
		buf_putc(out, '"');
	}
	buf_putc(out, ';');
}

struct str spf_received_write(struct arena *arena, const struct spf_received *received)
{
	const struct spf_outcome *outcome = received->outcome;
	struct buf out = {.arena = arena};
	char ip[IP_TEXT_MAX];

	buf_puts(&out, spf_result_name(outcome->result));
	if (received->ip)
		add(&out, "client-ip", str_of(ip_text(received->ip, ip)));
	if (!received->helo_scope)
		add(&out, "envelope-from", received->sender);
	if (received->helo.n > 0)
		add(&out, "helo", received->helo);
	add(&out, "receiver", received->receiver);
	add(&out, "identity", received->helo_scope ? STR("helo") : STR("mailfrom"));
	if (outcome->problem.n > 0)
		add(&out, "problem", outcome->problem);
	out.n--; /* the last semicolon */
	return str_dup(arena, buf_str(&out));
}

bool spf_received_claims(struct arena *arena, struct str value, struct str receiver)
{
	struct buf plain = {.arena = arena};

	/* Quotes and quoted pairs, folds and blanks hide nothing. */
	for (size_t i = 0; i < value.n; i++)
		if (value.s[i] != '\0' && !strchr("\" \t\r\n\\", value.s[i]))
			buf_putc(&plain, value.s[i]);
	return str_has(str_lower(arena, buf_str(&plain)), str_lower(arena, receiver));
}
