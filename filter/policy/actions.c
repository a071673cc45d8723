/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Actions: their arguments checked against the registry's row, replies against SMTP. What an MTA
 * would refuse to send is found here, not when a message waits.
 */

#include "filter/policy/loader.h"
#include "postern/mail.h"

/* A reply line is 512 bytes in RFC 5321 4.5.3.1.5; MTAs and libmilter take up to 980. */
#define REPLY_MOST 900

static bool digits(struct str s, size_t least, size_t most)
{
	if (s.n < least || s.n > most)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.s[i] < '0' || s.s[i] > '9')
			return false;
	return true;
}

/* "5.7.1": class, subject, detail (RFC 3463 2). */
static bool enhanced_ok(struct str code)
{
	ptrdiff_t first = str_chr(code, '.'), last = str_rchr(code, '.');

	return first == 1 && last > first + 1 && (code.s[0] == '4' || code.s[0] == '5') &&
	       digits(str_sub(code, 2, (size_t)(last - 2)), 1, 3) &&
	       digits(str_sub(code, (size_t)last + 1, code.n), 1, 3);
}

static bool reply_code(struct loader *loader, const struct operand *operand,
		       const struct action_def *def, struct plan_action *action_r)
{
	int64_t code = operand->number / 1000;
	bool permanent = def->code >= 500;

	if (operand->number % 1000 != 0 || code < 400 || code > 599) {
		loader_error(loader, operand->span, "a reply code is a number from %d to %d",
			     permanent ? 500 : 400, permanent ? 599 : 499);
		return false;
	}
	if ((code >= 500) != permanent) {
		loader_error(loader, operand->span, "%lld is a %s failure, write '%s %lld'",
			     (long long)code, permanent ? "temporary" : "permanent",
			     permanent ? "defer" : "reject", (long long)code);
		return false;
	}
	if (code == 421) {
		loader_error(loader, operand->span,
			     "421 closes the connection, write '450' or '451'");
		return false;
	}
	action_r->code = (int)code;
	return true;
}

static bool reply_enhanced(struct loader *loader, const struct operand *operand,
			   struct plan_action *action_r)
{
	if (!enhanced_ok(operand->word)) {
		loader_error(loader, operand->span,
			     "'" STR_FMT "' is not an enhanced status code such as 5.7.1",
			     STR_ARG(operand->word));
		return false;
	}
	if (operand->word.s[0] - '0' != action_r->code / 100) {
		loader_error(loader, operand->span,
			     "'" STR_FMT "' does not fit '%s %d', write '%d" STR_FMT "'",
			     STR_ARG(operand->word), action_r->def->name, action_r->code,
			     action_r->code / 100,
			     STR_ARG(str_sub(operand->word, 1, operand->word.n)));
		return false;
	}
	action_r->enhanced = str_dup(loader->arena, operand->word);
	return true;
}

static bool text_ok(struct loader *loader, const struct operand *operand)
{
	size_t length = 0;

	for (size_t i = 0; i < operand->text.pieces.count; i++) {
		struct str s = operand->text.pieces.items[i].literal;

		length += operand->text.pieces.items[i].fact ? 1 : s.n;
		for (size_t j = 0; j < s.n; j++) {
			unsigned char c = (unsigned char)s.s[j];

			if (c < ' ' || c == 0x7f) {
				loader_error(loader, operand->span,
					     "a text is one line, without control characters");
				return false;
			}
			if (c > 0x7f) {
				loader_error(loader, operand->span,
					     "replies, header fields and log lines are ASCII");
				return false;
			}
		}
	}
	if (length <= REPLY_MOST)
		return true;
	loader_error(loader, operand->span, "a text has at most %d bytes, this one %zu", REPLY_MOST,
		     length);
	return false;
}

static bool text_argument(struct loader *loader, const struct operand *operand,
			  struct plan_action *action_r)
{
	if (operand->kind != OPERAND_STRING) {
		loader_error(loader, operand->span, "a text in double quotes is wanted here");
		return false;
	}
	return text_ok(loader, operand) && template_of(loader, &operand->text, &action_r->text);
}

/* "Name: value" becomes the name and a template of the value. */
static bool field_argument(struct loader *loader, const struct operand *operand,
			   struct plan_action *action_r)
{
	struct template_piece *first;
	ptrdiff_t colon;

	if (!text_argument(loader, operand, action_r))
		return false;
	first = action_r->text.count > 0 ? &action_r->text.pieces[0] : NULL;
	colon = first && !first->is_slot ? str_chr(first->literal, ':') : -1;
	if (colon < 0) {
		loader_error(loader, operand->span,
			     "a header field is wanted here, write \"Name: value\"");
		return false;
	}
	action_r->name = str_sub(first->literal, 0, (size_t)colon);
	first->literal = str_sub(first->literal, (size_t)colon + 1, first->literal.n);
	while (first->literal.n > 0 && first->literal.s[0] == ' ')
		first->literal = str_sub(first->literal, 1, first->literal.n);
	if (field_name_ok(action_r->name))
		return true;
	loader_error(loader, operand->span, "'" STR_FMT "' is not the name of a header field",
		     STR_ARG(action_r->name));
	return false;
}

static bool name_argument(struct loader *loader, const struct operand *operand,
			  struct plan_action *action_r)
{
	if (operand->kind == OPERAND_STRING && item_text(operand, &action_r->name) &&
	    field_name_ok(action_r->name))
		return true;
	loader_error(loader, operand->span,
		     "the name of a header field is wanted here, in double quotes");
	return false;
}

/* A fact that may stand in an address: what it is like, or NULL where it may not. */
static const char *sample_of(const struct fact_def *def)
{
	static const char *const samples[][2] = {{"recipient", "user@example.org"},
						 {"recipient.local", "user"},
						 {"recipient.domain", "example.org"},
						 {"recipient.tag", "tag"}};

	if (def->table)
		return "";
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++)
		if (strcmp(def->name, samples[i][0]) == 0)
			return samples[i][1];
	return NULL;
}

/* With facts in it, it must at least give an address if they are what they mostly are. */
static bool address_text(struct loader *loader, const struct operand *operand,
			 struct plan_action *action_r)
{
	struct buf sample = {.arena = loader->arena};
	const char *why = NULL;
	size_t maps = 0;
	struct path path;

	for (size_t i = 0; i < action_r->text.count; i++) {
		const struct template_piece *piece = &action_r->text.pieces[i];
		const struct operand *fact = operand->text.pieces.items[i].fact;
		const struct slot *slot;
		const char *like;

		if (!piece->is_slot) {
			buf_add(&sample, piece->literal);
			continue;
		}
		slot = &loader->slots.items[piece->slot];
		like = sample_of(slot->def);
		if (!like) {
			loader_error(loader, fact->span,
				     "'" STR_FMT "' does not stand in an address: only parts of "
				     "the recipient and results of maps do",
				     STR_ARG(slot->text));
			return false;
		}
		if (slot->def->table && maps++ > 0) {
			loader_error(loader, fact->span,
				     "one map stands in an address, not two: each may have "
				     "several values");
			return false;
		}
		buf_puts(&sample, like);
	}
	if (maps > 0)
		return true;
	if (path_parse(loader->arena, buf_str(&sample), false, &path, &why) && !path.null &&
	    !path.routed)
		return true;
	loader_error(loader, operand->span, "not an address: %s",
		     why         ? why
		     : path.null ? "write 'user@example.org'"
				 : "it asks for a detour, write where it ends");
	return false;
}

/* <a@b>, or a text that gives an address. */
static bool address_argument(struct loader *loader, const struct operand *operand,
			     struct plan_action *action_r)
{
	struct operand literal = {.kind = OPERAND_STRING, .span = operand->span};

	if (operand->kind == OPERAND_ADDRESS) {
		literal.text.span = operand->span;
		*vec_push(loader->arena, &literal.text.pieces) =
		    (struct text_piece){.literal = operand->word};
		operand = &literal;
	}
	return text_argument(loader, operand, action_r) && address_text(loader, operand, action_r);
}

static bool reply_arguments(struct loader *loader, const struct action *action,
			    struct plan_action *action_r)
{
	size_t count = action->arguments.count, at = 0;
	const struct operand *items = action->arguments.items;
	bool ok = true;

	action_r->code = action_r->def->code;
	action_r->enhanced = str_of(action_r->def->enhanced);
	if (at < count && items[at].kind == OPERAND_NUMBER)
		ok = reply_code(loader, &items[at++], action_r->def, action_r);
	if (at < count && items[at].kind == OPERAND_CODE && ok)
		ok = reply_enhanced(loader, &items[at++], action_r);
	else if (at < count && items[at].kind == OPERAND_CODE)
		at++; /* it may fit the code that is meant */
	if (at == count || (items[at].kind == OPERAND_STRING && items[at].text.pieces.count == 0)) {
		loader_error(loader, action->span,
			     "'%s' says why, write '%s %d " STR_FMT " \"text\"'",
			     action_r->def->name, action_r->def->name, action_r->code,
			     STR_ARG(action_r->enhanced));
		return false;
	}
	if (items[at].kind == OPERAND_STRING)
		ok &= text_argument(loader, &items[at++], action_r);
	if (at == count)
		return ok;
	loader_error(
	    loader, items[at].span,
	    "'%s' is followed by a code, an enhanced code and a text in quotes, in this order",
	    action_r->def->name);
	return false;
}

static bool arguments(struct loader *loader, const struct action *action,
		      struct plan_action *action_r)
{
	static const char *const wanted[] = {
	    [PARAMETERS_NONE] = "nothing",
	    [PARAMETERS_TEXT] = "a text in quotes",
	    [PARAMETERS_FIELD] = "a header field, \"Name: value\"",
	    [PARAMETERS_NAME] = "the name of a header field in quotes",
	    [PARAMETERS_ADDRESS] = "an address, <user@example.org> or a text that gives one",
	};
	const struct action_def *def = action_r->def;
	size_t count = def->parameters == PARAMETERS_NONE ? 0 : 1;

	if (def->parameters == PARAMETERS_REPLY)
		return reply_arguments(loader, action, action_r);
	if (def->parameters == PARAMETERS_SCORE)
		return score_arguments(loader, action, action_r);
	if (action->arguments.count != count) {
		loader_error(loader, action->span, "'%s' takes %s", def->name,
			     wanted[def->parameters]);
		return false;
	}
	switch (def->parameters) {
	case PARAMETERS_TEXT:
		return text_argument(loader, &action->arguments.items[0], action_r);
	case PARAMETERS_FIELD:
		return field_argument(loader, &action->arguments.items[0], action_r);
	case PARAMETERS_NAME:
		return name_argument(loader, &action->arguments.items[0], action_r);
	case PARAMETERS_ADDRESS:
		return address_argument(loader, &action->arguments.items[0], action_r);
	default:
		return true;
	}
}

bool action_resolve(struct loader *loader, const struct action *action,
		    struct plan_action *action_r)
{
	const struct action_def *def = registry_action(action->name);
	size_t count = 0;

	*action_r = (struct plan_action){.def = def};
	if (!def) {
		/* The parser takes no other words for actions. */
		loader_error(loader, action->name_span,
			     "the action '" STR_FMT "' is not supported by this version",
			     STR_ARG(action->name));
		return false;
	}
	while (def->inputs && def->inputs[count])
		count++;
	action_r->inputs = arena_array(loader->arena, count, sizeof(*action_r->inputs));
	action_r->input_count = count;
	for (size_t i = 0; i < count; i++)
		action_r->inputs[i] = slot_of_fact(loader, registry_fact(str_of(def->inputs[i])));
	return arguments(loader, action, action_r);
}
