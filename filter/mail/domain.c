/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Domain names in the one form in which they are compared and looked up: lower-case A-labels.
 * Names of plain ASCII, nearly all, never meet libidn2; this file is the only one that does.
 */

#include "postern/mail.h"

#include <idn2.h>

#include "filter/mail/scan.h"

#define LABEL_MAX 63
#define NAME_MAX_BYTES 253
/* A name of 253 bytes has at most that many code points, each of at most 4 bytes. */
#define INPUT_MAX (4 * NAME_MAX_BYTES)
#define IDN_FLAGS (IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT)

/* A name being put together; `overflow` once it is longer than a name can be. */
struct name {
	char text[NAME_MAX_BYTES + 1];
	size_t n;
	bool overflow;
};

static void name_add(struct name *name, struct str piece)
{
	if (piece.n > NAME_MAX_BYTES - name->n) {
		name->overflow = true;
		return;
	}
	for (size_t i = 0; i < piece.n; i++) {
		char c = piece.s[i];

		name->text[name->n++] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
	}
}

/* The first label of *rest, which is moved past it and its dot. */
static struct str label_take(struct str *rest, bool *more_r)
{
	ptrdiff_t dot = str_chr(*rest, '.');
	struct str label = str_sub(*rest, 0, dot < 0 ? rest->n : (size_t)dot);

	*more_r = dot >= 0;
	*rest = str_sub(*rest, label.n + 1, rest->n);
	return label;
}

/* Visible, no control character or blank, well-formed; *ascii_r: nothing but ASCII. */
static bool readable(struct str text, bool *ascii_r)
{
	uint32_t code;

	*ascii_r = true;
	for (size_t at = 0, length; at < text.n; at += length) {
		length = scan_utf8(str_sub(text, at, 4), &code);
		if (length == 0 || code <= ' ' || code == 0x7f || scan_invisible(code))
			return false;
		if (code > 0x7f)
			*ascii_r = false;
	}
	return true;
}

/* UTS 46 maps a label with other than ASCII; its full stops may make several of one. */
static bool label_map(struct str label, struct name *name)
{
	char input[INPUT_MAX + 1];
	uint8_t *mapped = NULL;

	memcpy(input, label.s, label.n);
	input[label.n] = '\0';
	if (idn2_lookup_u8((const uint8_t *)input, &mapped, IDN_FLAGS) != IDN2_OK)
		return false;
	name_add(name, str_of((const char *)mapped));
	idn2_free(mapped);
	return true;
}

/* Does an A-label stand for a U-label that gives the same A-label again? (RFC 5891 5.4) */
static bool alabel_ok(struct str label)
{
	char input[LABEL_MAX + 1], *decoded = NULL;
	uint8_t *again = NULL;
	bool ok;

	memcpy(input, label.s, label.n);
	input[label.n] = '\0';
	ok = idn2_to_unicode_8z8z(input, &decoded, 0) == IDN2_OK &&
	     idn2_lookup_u8((const uint8_t *)decoded, &again, IDN_FLAGS) == IDN2_OK &&
	     str_eq(label, str_of((const char *)again));
	idn2_free(again);
	idn2_free(decoded);
	return ok;
}

static bool label_ok(struct str label)
{
	if (label.n == 0 || label.n > LABEL_MAX || label.s[0] == '-' || label.s[label.n - 1] == '-')
		return false;
	for (size_t i = 0; i < label.n; i++) {
		char c = label.s[i];

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
			return false;
	}
	return !str_starts(label, STR("xn--")) || alabel_ok(label);
}

bool domain_normal(struct arena *arena, struct str text, struct str *domain_r)
{
	struct name name = {.n = 0};
	struct str rest;
	bool ascii, more;

	if (text.n > 1 && text.s[text.n - 1] == '.')
		text.n--;
	if (text.n == 0 || text.n > INPUT_MAX || !readable(text, &ascii))
		return false;
	rest = text;
	if (ascii) {
		name_add(&name, text);
	} else {
		do {
			struct str label = label_take(&rest, &more);
			bool plain;

			if (!readable(label, &plain))
				return false;
			if (plain)
				name_add(&name, label);
			else if (!label_map(label, &name))
				return false;
			if (more)
				name_add(&name, STR("."));
		} while (more && !name.overflow);
	}
	if (name.overflow)
		return false;
	rest = (struct str){name.text, name.n};
	do {
		if (!label_ok(label_take(&rest, &more)))
			return false;
	} while (more);
	*domain_r = str_dup(arena, (struct str){name.text, name.n});
	return true;
}

bool domain_within(struct str domain, struct str parent)
{
	if (parent.n == 0 || !str_ends(domain, parent))
		return false;
	return domain.n == parent.n || domain.s[domain.n - parent.n - 1] == '.';
}

struct str domain_parent(struct str domain)
{
	bool more;

	label_take(&domain, &more);
	return domain;
}

struct str domain_display(struct arena *arena, struct str domain)
{
	char buf[INPUT_MAX + 1], *decoded = NULL;
	struct str shown, again;

	if (domain.n > NAME_MAX_BYTES || !str_has(domain, STR("xn--")) ||
	    str_chr(domain, '\0') >= 0)
		return domain;
	memcpy(buf, domain.s, domain.n);
	buf[domain.n] = '\0';
	if (idn2_to_unicode_8z8z(buf, &decoded, 0) != IDN2_OK)
		return domain;
	shown = str_of(decoded);
	if (shown.n > INPUT_MAX)
		shown.n = 0;
	/* Freed before memory is asked for: an arena that ends does not return here. */
	memcpy(buf, shown.s, shown.n);
	idn2_free(decoded);
	shown = str_dup(arena, (struct str){buf, shown.n});
	return domain_normal(arena, shown, &again) && str_eq(again, domain) ? shown : domain;
}
