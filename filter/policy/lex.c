/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cuts a policy into tokens, one at a time, at a place and in a mode that the parser names.
 * Nothing unclosed reaches past its line, so one slip spoils one line at most.
 */

#include "filter/policy/lex.h"

/* How deep strings and facts may stand inside each other: "${a("${b("x")}")}" is four. */
#define STRING_DEPTH 8
/* An address in SMTP has at most 256 bytes (RFC 5321, 4.5.3.1.3); this leaves room for errors. */
#define ADDRESS_MOST 1024
/* More letters behind a pattern are no flags but the rest of a path. */
#define FLAGS_MOST 3

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_name(char c)
{
	return is_letter(c) || is_digit(c) || c == '_' || c == '-' || c == '.';
}

static bool is_hex(char c)
{
	return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

static struct str whole(const struct lex *lex)
{
	return (struct str){lex->source->text.s, lex->limit};
}

/* Does the line end at `i`, where its CR LF or LF stands, or the text? */
static bool line_ends(struct str text, size_t i)
{
	return i >= text.n || text.s[i] == '\n' ||
	       (text.s[i] == '\r' && i + 1 < text.n && text.s[i + 1] == '\n');
}

static size_t line_end(const struct lex *lex, size_t at)
{
	while (!line_ends(whole(lex), at))
		at++;
	return at;
}

static size_t skip_blanks(const struct lex *lex, size_t at, bool *first_r)
{
	struct str text = whole(lex);
	size_t n;

	*first_r = at == 0;
	if (at == 0 && str_starts(text, STR("\xef\xbb\xbf")))
		at = 3;
	while (at < text.n) {
		if (text.s[at] == '#' && !lex->inside)
			at = line_end(lex, at);
		else if (is_blank(text.s[at]))
			*first_r = text.s[at++] == '\n' || *first_r;
		else if ((n = lex_unfit(text, at)) > 0)
			at += n;
		else
			break;
	}
	return at;
}

static void close_token(struct token *token, size_t from, size_t to, size_t end)
{
	token->text = str_sub(token->span.source->text, from, to - from);
	token->span.to = end;
}

static void set_problem(struct token *token, enum lex_problem problem, size_t at)
{
	token->problem = problem;
	token->problem_at = at;
}

/*
 * "..." with ${fact("...")} inside. An even depth is inside a string, an odd one inside ${}.
 */
static void lex_string(const struct lex *lex, struct token *token)
{
	struct str text = whole(lex);
	size_t at = token->span.from, i = at + 1, end, depth = 0, fact_at = 0;
	unsigned parens[STRING_DEPTH] = {0};

	token->kind = TOKEN_STRING;
	for (; !line_ends(text, i); i++) {
		char c = text.s[i], next = i + 1 < text.n ? text.s[i + 1] : '\0';

		if (c == '\\') {
			i += !line_ends(text, i + 1);
		} else if (depth % 2 == 0) {
			if (c == '"' && depth == 0) {
				close_token(token, at + 1, i, i + 1);
				return;
			}
			if (c == '"') {
				depth--;
			} else if (c == '$' && next == '$') {
				i++;
			} else if (c == '$' && next == '{') {
				if (depth == 0)
					fact_at = i;
				if (++depth >= STRING_DEPTH) {
					set_problem(token, LEX_FACT_DEEP, fact_at);
					break;
				}
				parens[depth] = 0;
				i++;
			}
		} else if (c == '"' && parens[depth] > 0) {
			depth++;
		} else if (c == '"') {
			/* A string can only be an argument: this one closes, ${ is left open. */
			set_problem(token, LEX_FACT_OPEN, fact_at);
			if (depth > 1)
				break;
			close_token(token, at + 1, i, i + 1);
			return;
		} else if (c == '}') {
			depth--;
		} else if (c == '(') {
			parens[depth]++;
		} else if (c == ')' && parens[depth] > 0) {
			parens[depth]--;
		}
	}
	if (token->problem == LEX_FINE)
		set_problem(token, depth > 0 ? LEX_FACT_OPEN : LEX_STRING_OPEN, fact_at);
	end = line_end(lex, i);
	close_token(token, at + 1, end, end);
}

/* Does the text begin with one of the quotation marks that editors make? They are U+2018 to 201F.
 */
static bool is_curly(struct str text, size_t at)
{
	return at + 2 < text.n && (unsigned char)text.s[at] == 0xe2 &&
	       (unsigned char)text.s[at + 1] == 0x80 && (unsigned char)text.s[at + 2] >= 0x98 &&
	       (unsigned char)text.s[at + 2] <= 0x9f;
}

/* 'text' or a string in typographic quotes: not ours, but it is plain what is meant. */
static void lex_quotes(const struct lex *lex, struct token *token)
{
	struct str text = whole(lex);
	size_t at = token->span.from, mark = is_curly(text, at) ? 3 : 1, i = at + mark;

	token->kind = TOKEN_STRING;
	set_problem(token, LEX_QUOTES, at);
	while (!line_ends(text, i) && !(mark == 3 ? is_curly(text, i) : text.s[i] == '\''))
		i++;
	close_token(token, at + mark, i, line_ends(text, i) ? i : i + mark);
}

/* <a@b>. A '<' that is not closed is still taken for one unless '=' follows: then it compares. */
static bool lex_address(const struct lex *lex, struct token *token)
{
	struct str text = whole(lex);
	size_t at = token->span.from, end = at + 1, i = at + 1, odd = 0;
	bool quoted = false, at_sign = false;

	while (end < at + ADDRESS_MOST && !line_ends(text, end))
		end++;
	if (i >= end || is_blank(text.s[i]))
		return false;
	token->kind = TOKEN_ADDRESS;
	for (; i < end && (quoted || text.s[i] != '>'); i++) {
		if (quoted && text.s[i] == '\\')
			i++;
		else if (text.s[i] == '"')
			quoted = !quoted;
		else if (!quoted && odd == 0 &&
			 (is_blank(text.s[i]) || str_starts(str_sub(text, i, end), STR("${"))))
			odd = i;
		else if (text.s[i] == '@' && !quoted && odd > 0)
			at_sign = true;
	}
	if (i < end && (odd == 0 || at_sign || text.s[odd] == '$')) {
		if (odd > 0)
			set_problem(token,
				    text.s[odd] == '$' ? LEX_ADDRESS_FACT : LEX_ADDRESS_BLANK, odd);
		close_token(token, at + 1, i, i + 1);
		return true;
	}
	if (text.s[at + 1] == '=')
		return false;
	for (i = at + 1; i < end && !is_blank(text.s[i]);)
		i++;
	while (i > at + 2 && strchr(",)}", text.s[i - 1]))
		i--;
	set_problem(token, LEX_ADDRESS_OPEN, at);
	close_token(token, at + 1, i, i);
	return true;
}

static void lex_pattern(const struct lex *lex, struct token *token)
{
	struct str text = whole(lex);
	size_t at = token->span.from, i = at + 1, close;
	bool path = false;

	token->kind = TOKEN_PATTERN;
	for (; !line_ends(text, i) && text.s[i] != '/'; i++)
		if (text.s[i] == '\\')
			i += !line_ends(text, i + 1);
	if (line_ends(text, i) || i == at + 1) {
		set_problem(token, line_ends(text, i) ? LEX_PATTERN_OPEN : LEX_PATTERN_EMPTY, at);
		close_token(token, at + 1, i, line_end(lex, i));
		return;
	}
	close = i++;
	for (; i < text.n && (is_name(text.s[i]) || text.s[i] == '/'); i++)
		path = path || !is_letter(text.s[i]);
	if (path || i - close > FLAGS_MOST + 1) {
		token->kind = TOKEN_STRING;
		set_problem(token, LEX_PATH, at);
		close_token(token, at, i, i);
		return;
	}
	token->flags = str_sub(text, close + 1, i - close - 1);
	close_token(token, at + 1, close, i);
}

/* An IPv6 address or network where an operand may start; at least two colons tell it. */
static bool lex_ip6(const struct lex *lex, struct token *token)
{
	struct str text = whole(lex);
	size_t at = token->span.from, i = at, problem_at;
	enum lex_problem problem;

	while (i < text.n && (is_hex(text.s[i]) || text.s[i] == ':' || text.s[i] == '.'))
		i++;
	if (i < text.n && text.s[i] == '/')
		for (i++; i < text.n && is_digit(text.s[i]);)
			i++;
	if (i < text.n && is_name(text.s[i]))
		return false;
	if (literal_classify(str_sub(text, at, i - at), &token->number, &problem, &problem_at) !=
	    TOKEN_IP)
		return false;
	token->kind = TOKEN_IP;
	close_token(token, at, i, i);
	return true;
}

/* Gives a number outside of braces its kind, or its problem. */
static void settle_number(struct token *token)
{
	enum lex_problem problem;
	const char *unit;
	size_t at;

	token->kind = literal_classify(token->text, &token->number, &problem, &at);
	if (token->kind != TOKEN_WORD)
		return;
	set_problem(token, problem, token->span.from + at);
	unit = problem == LEX_UNIT ? literal_unit(str_sub(token->text, at, token->text.n)) : NULL;
	token->kind = !unit ? TOKEN_WRONG : strchr(unit, 'B') ? TOKEN_SIZE : TOKEN_DURATION;
}

static bool is_stray(char c)
{
	return (unsigned char)c >= 0x80 || (c != '\0' && strchr("@+*%$?'\\`^~", c));
}

/* A name, a number, or a run of letters and signs that is neither. */
static void lex_run(const struct lex *lex, struct token *token)
{
	struct str text = whole(lex);
	size_t at = token->span.from, i = at;
	bool number = is_digit(text.s[at]) ||
		      (text.s[at] == '-' && at + 1 < text.n && is_digit(text.s[at + 1]));
	bool stray = !is_letter(text.s[at]) && text.s[at] != '_', mail = false, sign = true;

	for (; i < text.n; i++) {
		char c = text.s[i];

		if (!is_name(c) && !(number && (c == ':' || c == '/')) &&
		    !(is_stray(c) && lex_unfit(text, i) == 0 && !is_curly(text, i)))
			break;
		stray = stray || !is_name(c) || (c == '.' && i > at && text.s[i - 1] == '.');
		mail = mail || c == '@';
		sign = sign && (is_stray(c) || c == '-' || c == '.') && (unsigned char)c < 0x80;
		i += lex_utf8(text.s + i, text.n - i) - 1;
	}
	if (i == at)
		i++;
	close_token(token, at, i, i);
	if (sign) {
		token->kind = TOKEN_WRONG;
		set_problem(token, LEX_SIGN, at);
	} else if (mail) {
		token->kind = TOKEN_ADDRESS;
		set_problem(token, LEX_ADDRESS_BARE, at);
	} else if (number) {
		settle_number(token);
	} else if (stray) {
		token->kind = TOKEN_STRING;
		set_problem(token, LEX_NAME, at);
	} else {
		token->kind = TOKEN_WORD;
		if (text.s[i - 1] == '.') {
			set_problem(token, LEX_NAME, at);
			token->text.n--;
		}
	}
}

/* A bare word inside braces, where whatever is no number is text. */
static void lex_item(const struct lex *lex, struct token *token)
{
	struct str text = whole(lex);
	size_t at = token->span.from, i = at, problem_at;
	enum lex_problem problem;

	while (i < text.n && !is_blank(text.s[i]) && lex_unfit(text, i) == 0 &&
	       !strchr("{}(),;\"#<>\\`", text.s[i]))
		i += lex_utf8(text.s + i, text.n - i);
	if (i == at) {
		token->kind = TOKEN_WRONG;
		set_problem(token, LEX_SIGN, at);
		i++;
	} else {
		token->kind = literal_classify(str_sub(text, at, i - at), &token->number, &problem,
					       &problem_at);
	}
	close_token(token, at, i, i);
}

/* ${fact} that stands in no string. */
static void lex_dollar(const struct lex *lex, struct token *token)
{
	struct str text = whole(lex);
	size_t at = token->span.from, i = at + 2;

	while (i < text.n && is_name(text.s[i]))
		i++;
	token->kind = i > at + 2 ? TOKEN_WORD : TOKEN_WRONG;
	set_problem(token, LEX_FACT_OUTSIDE, at);
	close_token(token, at + 2, i, i < text.n && text.s[i] == '}' ? i + 1 : i);
}

static bool lex_mark(const struct lex *lex, struct token *token, enum lex_mode mode)
{
	static const char *const pairs[] = {"<=", ">=", "==", "!=", "=~", "!~",
					    "&&", "||", "<>", "=<", "=>"};
	struct str rest = str_sub(whole(lex), token->span.from, 2);
	size_t n = 0;

	if (mode == LEX_ITEM) {
		n = rest.s[0] && strchr("{}(),;<>", rest.s[0]) ? 1 : 0;
	} else {
		n = rest.s[0] && strchr("(){}[],:;<>=!&|", rest.s[0]) ? 1 : 0;
		for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
			if (str_eq(rest, str_of(pairs[i])))
				n = 2;
	}
	if (n == 0)
		return false;
	token->kind = TOKEN_MARK;
	close_token(token, token->span.from, token->span.from + n, token->span.from + n);
	return true;
}

struct token lex_token(const struct lex *lex, size_t at, enum lex_mode mode)
{
	struct str text = whole(lex);
	struct token token = {.kind = TOKEN_END};
	char c, next;

	at = skip_blanks(lex, at, &token.first);
	token.span = (struct span){lex->source, at, at};
	if (at >= text.n)
		return token;
	c = text.s[at];
	next = at + 1 < text.n ? text.s[at + 1] : '\0';
	if (c == '"') {
		lex_string(lex, &token);
	} else if (c == '\'' || is_curly(text, at)) {
		lex_quotes(lex, &token);
	} else if (c == '<' && mode != LEX_PLAIN && lex_address(lex, &token)) {
		return token;
	} else if (c == '/' && mode == LEX_PLAIN) {
		size_t end = next == '/' || next == '*' ? line_end(lex, at) : at + 1;

		token.kind = TOKEN_WRONG;
		set_problem(&token, end > at + 1 ? LEX_COMMENT : LEX_SIGN, at);
		close_token(&token, at, end, end);
	} else if (c == '/') {
		lex_pattern(lex, &token);
	} else if (mode == LEX_OPERAND && (is_hex(c) || c == ':') && lex_ip6(lex, &token)) {
		return token;
	} else if (lex_mark(lex, &token, mode)) {
		return token;
	} else if (mode == LEX_ITEM) {
		lex_item(lex, &token);
	} else if (c == '$' && next == '{') {
		lex_dollar(lex, &token);
	} else {
		lex_run(lex, &token);
	}
	return token;
}
