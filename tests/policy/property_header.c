/* SPDX-License-Identifier: BSD-2-Clause */
/* A message's header: as it came, as the policy wants it, and as an MTA leaves it. */

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "postern/session.h"
#include "tests/policy/property.h"

static void line_put(struct header *h, int at, const char *name, const char *value)
{
	if (h->count == HEADER_MOST)
		return;
	memmove(&h->lines[at + 1], &h->lines[at], sizeof(h->lines[0]) * (size_t)(h->count - at));
	snprintf(h->lines[at].name, sizeof(h->lines[at].name), "%s", name);
	snprintf(h->lines[at].value, sizeof(h->lines[at].value), "%s", value);
	h->count++;
}

static void line_drop(struct header *h, int at)
{
	h->count--;
	memmove(&h->lines[at], &h->lines[at + 1], sizeof(h->lines[0]) * (size_t)(h->count - at));
}

void header_of(const struct gen_mail *mail, struct header *header_r)
{
	header_r->count = 0;
	line_put(header_r, 0, "From", "author@one.example");
	for (int i = 0; i < mail->xa_count; i++)
		line_put(header_r, header_r->count, "X-A", mail->xa[i]);
	line_put(header_r, header_r->count, "Subject", mail->subject);
	for (int i = 0; i < mail->xb_count; i++)
		line_put(header_r, header_r->count, "X-B", mail->xb[i]);
}

/* The part of the header that came, while edits are made around and in it. */
struct middle {
	struct header came, top, bottom;
	bool removed[HEADER_MOST];
};

static void edit_make(struct middle *mid, const struct act_row *act, const char *text)
{
	bool found = false;
	char both[400];

	if (act->act == ACT_ADD)
		line_put(&mid->bottom, mid->bottom.count, act->name, text);
	if (act->act == ACT_INSERT)
		line_put(&mid->top, 0, act->name, text);
	for (int i = 0; i < mid->came.count; i++) {
		struct header_line *line = &mid->came.lines[i];

		if (act->act == ACT_PREFIX && strcmp(line->name, "Subject") == 0) {
			snprintf(both, sizeof(both), "%.190s%.200s", text, line->value);
			memcpy(line->value, both, sizeof(both));
		}
		if (strcmp(line->name, act->name) != 0)
			continue;
		/* Removed for good: no replacement brings it back. */
		if (act->act == ACT_REMOVE || (act->act == ACT_REPLACE && found))
			mid->removed[i] = true;
		else if (act->act == ACT_REPLACE)
			snprintf(line->value, sizeof(line->value), "%s", text);
		found = true;
	}
}

void header_expected(const struct moment *m, const struct final *final, struct header *header)
{
	const struct gen_policy *p = &m->place.c->policy;
	struct middle mid = {.came = *header};

	for (int i = 0; i < p->rule_count; i++) {
		for (int a = 0; final->applies[i] && a < p->rules[i].count; a++)
			if (act_edits(p->rules[i].acts[a].act))
				edit_make(&mid, &p->rules[i].acts[a],
					  oracle_text(m, &p->rules[i].acts[a]));
	}
	*header = mid.top;
	for (int i = 0; i < mid.came.count; i++)
		if (!mid.removed[i])
			line_put(header, header->count, mid.came.lines[i].name,
				 mid.came.lines[i].value);
	for (int i = 0; i < mid.bottom.count; i++)
		line_put(header, header->count, mid.bottom.lines[i].name,
			 mid.bottom.lines[i].value);
}

static int line_find(const struct header *h, const char *name, int index)
{
	for (int i = 0; i < h->count; i++)
		if (strcasecmp(h->lines[i].name, name) == 0 && --index == 0)
			return i;
	return -1;
}

bool header_apply(struct header *header, const struct edits *edits)
{
	for (size_t i = 0; i < edits->count; i++) {
		const struct edit *edit = &edits->items[i];
		int at = 0;

		if (edit->kind == EDIT_REMOVE_HEADER || edit->kind == EDIT_REPLACE_HEADER)
			at = line_find(header, edit->name, edit->index);
		if (at < 0)
			return false;
		switch (edit->kind) {
		case EDIT_REMOVE_HEADER:
			line_drop(header, at);
			break;
		case EDIT_REPLACE_HEADER:
			snprintf(header->lines[at].value, sizeof(header->lines[at].value), "%s",
				 edit->value);
			break;
		case EDIT_ADD_HEADER:
			line_put(header, header->count, edit->name, edit->value);
			break;
		case EDIT_INSERT_HEADER:
			line_put(header, 0, edit->name, edit->value);
			break;
		default:
			break;
		}
	}
	return true;
}

bool header_equal(const struct header *a, const struct header *b)
{
	if (a->count != b->count)
		return false;
	for (int i = 0; i < a->count; i++)
		if (strcmp(a->lines[i].name, b->lines[i].name) != 0 ||
		    strcmp(a->lines[i].value, b->lines[i].value) != 0)
			return false;
	return true;
}

void header_print(const struct header *header)
{
	for (int i = 0; i < header->count; i++)
		printf("      %s: %s\n", header->lines[i].name, header->lines[i].value);
}
