/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What can be said of a token: whether it is a certain word, how a message calls it, and what is
 * wrong with it, with the mend.
 */

#include "filter/policy/lex.h"

/* How much of the author's text a message repeats. */
#define QUOTED_MOST 40

bool token_is_word(const struct token *token, const char *word)
{
	return token->kind == TOKEN_WORD && str_eq(token->text, str_of(word));
}

bool token_is_mark(const struct token *token, const char *mark)
{
	return token->kind == TOKEN_MARK && str_eq(token->text, str_of(mark));
}

/* At most QUOTED_MOST bytes, cut between characters. */
static struct str shorten(struct str text)
{
	size_t n = 0, length;

	while (n < text.n && (length = lex_utf8(text.s + n, text.n - n)) > 0 &&
	       n + length <= QUOTED_MOST)
		n += length;
	return str_sub(text, 0, n);
}

const char *token_describe(const struct token *token, char *buf, size_t size)
{
	struct str text;

	switch (token->kind) {
	case TOKEN_END:
		return "the end of the file";
	case TOKEN_STRING:
		return "a string";
	case TOKEN_ADDRESS:
		return "an address";
	case TOKEN_PATTERN:
		return "a pattern";
	default:
		text = str_sub(token->span.source->text, token->span.from,
			       token->span.to - token->span.from);
		text = shorten(text);
		snprintf(buf, size, "'" STR_FMT "'", STR_ARG(text));
		return buf;
	}
}

static void report_unit(const struct token *token, struct span span, struct diag *diag)
{
	size_t digits = span.from - token->span.from;
	struct str name = str_sub(token->text, digits, token->text.n - digits);
	const char *unit = literal_unit(name);

	if (unit)
		diag_error(diag, span, "'" STR_FMT "' is no unit, write '" STR_FMT "%s'",
			   STR_ARG(name), STR_ARG(str_sub(token->text, 0, digits)), unit);
	else
		diag_error(diag, span,
			   "'" STR_FMT "' is no unit, write one of ms s m h d w B KB MB GB",
			   STR_ARG(shorten(name)));
}

static void report_precision(const struct token *token, struct diag *diag)
{
	struct str text = shorten(token->text);

	if (token->problem_at == token->span.from)
		diag_error(diag, token->span, "'" STR_FMT "' has more than three decimals",
			   STR_ARG(text));
	else
		diag_error(diag, token->span, "'" STR_FMT "' is finer than a %s", STR_ARG(text),
			   str_ends(token->text, STR("B")) ? "byte" : "millisecond");
}

/* U+00A0, which looks like a blank and comes with what is copied from a web page. */
static bool has_hard_blank(struct str text)
{
	for (size_t i = 0; i + 1 < text.n; i++)
		if (text.s[i] == '\xc2' && text.s[i + 1] == '\xa0')
			return true;
	return false;
}

void token_report(const struct token *token, struct diag *diag)
{
	struct span span = token->span, place = {span.source, token->problem_at, span.to};
	struct str text = shorten(token->text);
	struct str written = str_sub(span.source->text, span.from, span.to - span.from);

	written = shorten(written);
	switch (token->problem) {
	case LEX_FINE:
		break;
	case LEX_STRING_OPEN:
		diag_error(diag, span,
			   "the string is not closed on its line, write '\"' where it ends");
		break;
	case LEX_FACT_OPEN:
		diag_error(diag, place, "'${' is not closed, write '}' behind the fact");
		break;
	case LEX_FACT_DEEP:
		diag_error(diag, place, "strings stand too deep inside each other");
		break;
	case LEX_FACT_OUTSIDE:
		diag_error(diag, span, "'${...}' stands in strings only, write '" STR_FMT "'",
			   STR_ARG(text));
		break;
	case LEX_QUOTES:
		diag_error(diag, span, "a string stands in double quotes, write '\"" STR_FMT "\"'",
			   STR_ARG(text));
		break;
	case LEX_ADDRESS_OPEN:
		diag_error(diag, span, "the address is not closed, write '>' behind it");
		break;
	case LEX_ADDRESS_BLANK:
		place.to = place.from + 1;
		diag_error(diag, place, "a blank in an address");
		break;
	case LEX_ADDRESS_FACT:
		diag_error(diag, place, "'${...}' stands in strings only, write '\"" STR_FMT "\"'",
			   STR_ARG(text));
		break;
	case LEX_ADDRESS_BARE:
		diag_error(diag, span, "'" STR_FMT "' is no name, write '<" STR_FMT ">'",
			   STR_ARG(text), STR_ARG(text));
		break;
	case LEX_PATTERN_OPEN:
		diag_error(
		    diag, span,
		    "the pattern is not closed on its line, write '/' behind it and '\\/' for a "
		    "slash in it");
		break;
	case LEX_PATTERN_EMPTY:
		diag_error(diag, span, "an empty pattern (a comment begins with '#')");
		break;
	case LEX_PATH:
	case LEX_NAME:
		if (has_hard_blank(written)) {
			diag_error(diag, span,
				   "a no-break space stands in this word, write a plain one");
			break;
		}
		diag_error(diag, span,
			   token->kind == TOKEN_WORD
			       ? "'" STR_FMT "' is no name, write '" STR_FMT "'"
			       : "'" STR_FMT "' is no name, write '\"" STR_FMT "\"'",
			   STR_ARG(written), STR_ARG(text));
		break;
	case LEX_NUMBER:
		diag_error(diag, span, "'" STR_FMT "' is no number, code or address",
			   STR_ARG(text));
		break;
	case LEX_UNIT:
		report_unit(token, place, diag);
		break;
	case LEX_PRECISION:
		report_precision(token, diag);
		break;
	case LEX_RANGE:
		diag_error(diag, span, "'" STR_FMT "' is too large", STR_ARG(text));
		break;
	case LEX_COMMENT:
		diag_error(diag, span, "a comment begins with '#'");
		break;
	case LEX_SIGN:
		diag_error(diag, span, "'" STR_FMT "' has no meaning here", STR_ARG(text));
		break;
	}
}
