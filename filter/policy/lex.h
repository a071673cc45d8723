/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_POLICY_LEX_H
#define FILTER_POLICY_LEX_H

/*
 * The words and signs of a policy. What a byte means depends on where it stands: '<' begins an
 * address where an operand may start and compares elsewhere; inside braces nearly everything is
 * a bare word. So the lexer keeps no state: the parser asks for the token at a place, in a mode.
 * A token with a problem is still the best guess at what was meant; whoever takes it for good
 * reports the problem, so that looking ahead says nothing twice.
 */

#include "postern/diag.h"
#include "postern/str.h"

enum token_kind {
	TOKEN_END,
	TOKEN_WORD,
	TOKEN_STRING,   /* text: what stands between the quotes, nothing undone */
	TOKEN_ADDRESS,  /* text: what stands between < and > */
	TOKEN_PATTERN,  /* text: what stands between the slashes, nothing undone; flags */
	TOKEN_NUMBER,   /* number in thousandths */
	TOKEN_DURATION, /* number in milliseconds */
	TOKEN_SIZE,     /* number in bytes */
	TOKEN_CODE,
	TOKEN_IP,
	TOKEN_MARK,  /* ( ) { } [ ] , : ; and the signs of operators, known or foreign */
	TOKEN_WRONG, /* what cannot stand here */
};

enum lex_mode {
	LEX_PLAIN,   /* names, signs, strings, numbers */
	LEX_OPERAND, /* besides: <addresses>, /patterns/, IPv6 addresses */
	LEX_ITEM,    /* inside braces: bare words too */
};

enum lex_problem {
	LEX_FINE,
	LEX_STRING_OPEN,
	LEX_FACT_OPEN,    /* "${..." without its brace; problem_at says where */
	LEX_FACT_DEEP,    /* strings inside ${...} inside strings ... */
	LEX_FACT_OUTSIDE, /* ${...} that stands in no string */
	LEX_QUOTES,       /* other quotation marks than "..." */
	LEX_ADDRESS_OPEN,
	LEX_ADDRESS_BLANK,
	LEX_ADDRESS_FACT, /* ${...} in < > */
	LEX_ADDRESS_BARE, /* a@b without < > */
	LEX_PATTERN_OPEN,
	LEX_PATTERN_EMPTY,
	LEX_PATH, /* /a/b, which is meant as the name of a file */
	LEX_NAME, /* a word with signs that no name has */
	LEX_NUMBER,
	LEX_UNIT,      /* problem_at says where the unit begins */
	LEX_PRECISION, /* so too, if there is one */
	LEX_RANGE,
	LEX_COMMENT,
	LEX_SIGN, /* a byte or letter that begins nothing */
};

struct token {
	enum token_kind kind;
	struct span span;
	struct str text;
	struct str flags;
	int64_t number;
	bool first; /* nothing but blanks stands before it on its line */
	enum lex_problem problem;
	size_t problem_at;
};

/* Part of a source, from its start up to `limit`. */
struct lex {
	const struct source *source;
	size_t limit;
	bool inside; /* a string, where '#' starts no comment */
};

/* The token at or after the byte `at`. TOKEN_END at the limit. */
struct token lex_token(const struct lex *lex, size_t at, enum lex_mode mode);
/* Reports every control character and everything that is not UTF-8, comments included. */
void lex_bytes(const struct source *source, struct diag *diag);
/* How an error calls the token: a literal's kind, or its text in single quotes. */
const char *token_describe(const struct token *token, char *buf, size_t size);

/* Bytes of the well-formed UTF-8 sequence at the start of `s`; 0 if there is none. */
size_t lex_utf8(const char *s, size_t n);
/*
 * A byte or character at `at` that no policy may hold, even in a comment: controls, broken UTF-8
 * and the marks that make text read in another order than it stands (U+202A to 202E, U+2066 to
 * 2069). Its length, or 0 if it is fine. CR is fine before LF.
 */
size_t lex_unfit(struct str text, size_t at);

/* Reports the token's problem, if it has one. */
void token_report(const struct token *token, struct diag *diag);
bool token_is_word(const struct token *token, const char *word);
bool token_is_mark(const struct token *token, const char *mark);

/* The unit that is meant by one in the wrong case ("mb"), or NULL. */
const char *literal_unit(struct str name);
/*
 * Numbers, durations, sizes, codes and addresses by their look: TOKEN_WORD where the text is
 * none of them, and then problem_r says why (at is an offset in the text).
 */
enum token_kind literal_classify(struct str text, int64_t *number_r, enum lex_problem *problem_r,
				 size_t *at_r);

#endif
