/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The edits of the envelope: each recipient has its own, whatever kind it is of. What they make of
 * the recipients is worked out for the whole message, so that one who leaves and is added again
 * stays, nobody is added twice, and an edit that fails leaves everything as it was.
 */

#include "filter/session/private.h"

/* RFC 5321 4.5.3.1.3, without the angle brackets. */
#define ADDRESS_MOST 254

struct envelope {
	struct arena *arena; /* of the message */
	struct dict staying; /* addresses that the message is for in the end, in lower case */
	struct dict added;
	VEC(struct str) adds; /* in their order, each once */
	bool removed, passed; /* the recipient that is looked at goes; somebody came for it */
};

void envelope_remove(struct envelope *envelope)
{
	envelope->removed = true;
}

void envelope_add(struct envelope *envelope, struct str address)
{
	struct str key = str_lower(envelope->arena, address);
	size_t at;

	envelope->passed = true;
	if (dict_find(&envelope->added, key, &at))
		return;
	dict_add(envelope->arena, &envelope->added, key, envelope->adds.count);
	*vec_push(envelope->arena, &envelope->adds) = address;
}

static void stay(struct envelope *envelope, struct str address)
{
	struct str key = str_lower(envelope->arena, address);
	size_t at;

	if (!dict_find(&envelope->staying, key, &at))
		dict_add(envelope->arena, &envelope->staying, key, 0);
}

static bool stays(const struct envelope *envelope, struct str address)
{
	size_t at;

	return dict_find(&envelope->staying, str_lower(envelope->arena, address), &at);
}

static void note(struct session *s, const struct plan_rule *rule, struct str why)
{
	s->report.problem = str_printf(s->message_arena, "edit '" STR_FMT "' skipped: " STR_FMT,
				       STR_ARG(rule->name), STR_ARG(why))
				.s;
}

/* ---- the addresses that an action gives ---- */

struct addresses {
	struct str *items;
	size_t count;
};

/* A piece as it stands in an address: raw, but a local part with its quotes if it needs them. */
static struct str piece_text(struct session *s, const struct recipient *recipient, unsigned slot)
{
	if (strcmp(s->policy->slots[slot].def->name, "recipient.local") == 0)
		return str_sub(recipient->address, 0, (size_t)str_rchr(recipient->address, '@'));
	return view_value(&s->view, slot)->text;
}

/* The texts of a template: none where a piece is absent, several where a map has several values. */
static struct addresses expand(struct session *s, const struct recipient *recipient,
			       const struct template *text)
{
	struct addresses out = {NULL, 1};
	const struct value *several = NULL;

	for (size_t i = 0; i < text->count; i++) {
		const struct value *value;

		if (!text->pieces[i].is_slot)
			continue;
		value = view_value(&s->view, text->pieces[i].slot);
		if (value->state != FACT_PRESENT)
			return (struct addresses){NULL, 0};
		if (s->policy->slots[text->pieces[i].slot].def->type.list)
			several = value;
	}
	if (several)
		out.count = several->count;
	out.items = arena_array(s->message_arena, out.count, sizeof(*out.items));
	for (size_t n = 0; n < out.count; n++) {
		struct buf one = {.arena = s->message_arena};

		for (size_t i = 0; i < text->count; i++) {
			const struct template_piece *piece = &text->pieces[i];

			if (!piece->is_slot)
				buf_add(&one, piece->literal);
			else if (s->policy->slots[piece->slot].def->type.list)
				buf_add(&one, several->items[n].text);
			else
				buf_add(&one, piece_text(s, recipient, piece->slot));
		}
		out.items[n] = buf_str(&one);
	}
	return out;
}

/* NULL, with the canonical address, or what is wrong with it. */
static const char *read_address(struct arena *arena, struct str text, bool utf8,
				struct str *address_r)
{
	struct path path;
	const char *why = NULL;

	if (!path_parse(arena, text, false, &path, &why))
		return why;
	if (path.null)
		return "no address";
	if (path.routed)
		return "it asks for a detour";
	if (path.text.n > ADDRESS_MOST)
		return "too long";
	for (size_t i = 0; !utf8 && i < path.text.n; i++)
		if ((unsigned char)path.text.s[i] > 0x7f)
			return "not ASCII, which the message does not allow";
	*address_r = path.text;
	return NULL;
}

/* All of them must be good: half an alias would lose mail. False: noted. */
static bool make_addresses(struct session *s, const struct plan_rule *rule,
			   struct addresses *addresses)
{
	for (size_t i = 0; i < addresses->count; i++) {
		struct str *text = &addresses->items[i];
		const char *why =
		    read_address(s->message_arena, *text, s->message_fields.utf8, text);

		if (!why)
			continue;
		note(s, rule,
		     str_printf(s->message_arena, "'" STR_FMT "' is no address: %s",
				STR_ARG(str_clean(s->message_arena, *text, 100)), why));
		return false;
	}
	return true;
}

/* ---- the edits ---- */

static void commit_action(struct session *s, struct envelope *envelope,
			  const struct recipient *recipient, const struct plan_rule *rule,
			  const struct plan_action *action)
{
	struct action_call call = {
	    .arena = s->message_arena,
	    .policy = s->policy,
	    .envelope = envelope,
	};
	struct addresses addresses = {NULL, 0};

	if (action->def->parameters == PARAMETERS_ADDRESS) {
		addresses = expand(s, recipient, &action->text);
		if (addresses.count == 0 || !make_addresses(s, rule, &addresses))
			return;
		if (envelope->adds.count + addresses.count > LIMIT_RECIPIENTS_ADDED) {
			note(s, rule, STR("too many recipients would be added"));
			return;
		}
	}
	call.addresses = addresses.items;
	call.address_count = addresses.count;
	action->def->commit(&call);
}

/* The rules that apply to the recipient being looked at. NULL: it stays, else what removed it. */
static const struct plan_rule *commit_recipient(struct session *s, struct envelope *envelope,
						const struct recipient *recipient, size_t end)
{
	const struct plan_rule *by = NULL;

	envelope->removed = envelope->passed = false;
	engine_rewind(&s->view);
	for (size_t i = 0; i < s->policy->rule_count && i <= end; i++) {
		const struct plan_rule *rule = &s->policy->rules[i];
		bool counts = rule->envelope && !rule->observe;
		cond_set state = counts ? engine_rule(&s->view, rule) : COND_FALSE;

		if (state & COND_FAILED)
			note(s, rule, STR("its condition could not be found out"));
		for (size_t j = 0; state == COND_TRUE && j < rule->action_count; j++)
			if (rule->actions[j].def->class == ACTION_ENVELOPE)
				commit_action(s, envelope, recipient, rule, &rule->actions[j]);
		if (envelope->removed && !by)
			by = rule;
	}
	return by;
}

/* What the MTA is to be asked for. Who was named twice is removed once, as it was named. */
static void finish(struct session *s, const struct envelope *envelope)
{
	struct dict named = {0}, gone = {0};
	size_t at;

	for (size_t i = 0; i < s->recipients.count; i++) {
		struct str address = str_lower(s->message_arena, s->recipients.items[i].address);

		if (!dict_find(&named, address, &at))
			dict_add(s->message_arena, &named, address, i);
	}
	for (size_t i = 0; i < envelope->adds.count; i++)
		if (!dict_find(&named, str_lower(s->message_arena, envelope->adds.items[i]), &at))
			edits_add_recipient(s->edits, envelope->adds.items[i]);
	for (size_t i = 0; i < s->recipients.count; i++) {
		const struct recipient *recipient = &s->recipients.items[i];

		if (stays(envelope, recipient->address) ||
		    dict_find(&gone, recipient->original, &at))
			continue;
		dict_add(s->message_arena, &gone, recipient->original, i);
		edits_remove_recipient(s->edits, recipient->original);
	}
}

static void remove_discarded(struct session *s)
{
	for (size_t i = 0; i < s->recipients.count; i++)
		if (s->recipients.items[i].discard)
			edits_remove_recipient(s->edits, s->recipients.items[i].original);
}

void envelope_try(struct session *s, struct edit_list *edits, const struct plan_rule *rule)
{
	struct envelope envelope = {.arena = s->message_arena};
	const struct recipient *recipient = NULL;

	for (size_t i = 0; i < s->recipients.count && !recipient; i++)
		if (s->recipients.items[i].cells == s->view.cells[SCOPE_RECIPIENT])
			recipient = &s->recipients.items[i];
	for (size_t i = 0; recipient && i < rule->action_count; i++)
		if (rule->actions[i].def->class == ACTION_ENVELOPE)
			commit_action(s, &envelope, recipient, rule, &rule->actions[i]);
	for (size_t i = 0; i < envelope.adds.count; i++)
		edits_add_recipient(edits, envelope.adds.items[i]);
	if (envelope.removed)
		edits_remove_recipient(edits, recipient->original);
}

/* Whoever was looked at is looked at again. */
static void look_back(struct session *s, const struct view *before)
{
	s->view.cells[SCOPE_RECIPIENT] = before->cells[SCOPE_RECIPIENT];
	s->view.arenas[SCOPE_RECIPIENT] = before->arenas[SCOPE_RECIPIENT];
	engine_rewind(&s->view);
}

bool envelope_commit(struct session *s, int64_t deadline, const struct plan_rule **by_r)
{
	struct envelope envelope = {.arena = s->message_arena};
	const struct view before = s->view;

	if (!s->policy->edits_recipients || s->recipients.count == 0) {
		remove_discarded(s);
		return true;
	}
	for (size_t i = 0; i < s->recipients.count; i++) {
		struct recipient *recipient = &s->recipients.items[i];
		const struct plan_rule *by = NULL;
		struct decision d;

		if (recipient->discard)
			continue;
		settle_recipient(s, recipient);
		settle(s, deadline, true, &d);
		if (d.certain && (d.verdict == VERDICT_ACCEPT || d.verdict == VERDICT_HOLD))
			by = commit_recipient(s, &envelope, recipient, d.end);
		if (!by)
			stay(&envelope, recipient->address);
		else
			*by_r = by;
		/* Nobody gets its copy: that is told as what it is. */
		if (by && !envelope.passed) {
			d = (struct decision){.verdict = VERDICT_DISCARD, .rule = by};
			tell_discarded(s, recipient->report, &d);
		}
	}
	for (size_t i = 0; i < envelope.adds.count; i++)
		stay(&envelope, envelope.adds.items[i]);
	finish(s, &envelope);
	look_back(s, &before);
	return envelope.staying.used > 0;
}

bool envelope_pending(struct session *s)
{
	struct decision d = {.pending = false};
	const struct view before = s->view;

	for (size_t i = 0; s->policy->edits_recipients && i < s->recipients.count; i++) {
		struct arena *scratch;

		if (s->recipients.items[i].discard)
			continue;
		scratch = arena_new(s->message_arena);
		settle_recipient(s, &s->recipients.items[i]);
		engine_decide(&s->view, scratch, NULL, NULL, &d);
		arena_free(&scratch);
		if (d.pending)
			break;
	}
	look_back(s, &before);
	return d.pending;
}
