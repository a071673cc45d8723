/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Maps: a key and its values on a line, words with blanks between them. A word in double quotes
 * may have blanks in it; there a backslash stands before a quote or another backslash. What is an
 * envelope address is kept in its canonical form, as facts are.
 */

#include "filter/table/store.h"
#include "postern/mail.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The end of the quoted word that begins at `at`; 0: it is not closed. */
static size_t quoted_end(struct str line, size_t at)
{
	for (size_t i = at + 1; i < line.n; i++) {
		if (line.s[i] == '"')
			return i + 1;
		if (line.s[i] == '\\')
			i++;
	}
	return 0;
}

size_t map_comment(struct str line)
{
	size_t i = 0;

	while (i < line.n) {
		if (line.s[i] == '#')
			return i;
		if (line.s[i] == '"' && quoted_end(line, i) > 0)
			i = quoted_end(line, i);
		while (i < line.n && !is_blank(line.s[i]))
			i++;
		while (i < line.n && is_blank(line.s[i]))
			i++;
	}
	return line.n;
}

static const char *quoted_word(struct arena *scratch, struct str line, size_t *at, struct str *word)
{
	struct buf out = {.arena = scratch};
	size_t end = quoted_end(line, *at);

	if (end == 0)
		return "the quote is not closed, write '\"' behind the word";
	for (size_t i = *at + 1; i + 1 < end; i++) {
		if (line.s[i] == '\\')
			i++;
		if (line.s[i - 1] == '\\' && line.s[i] != '"' && line.s[i] != '\\')
			return "a backslash stands before '\"' and '\\' only, write '\\\\' for one";
		buf_putc(&out, line.s[i]);
	}
	*word = buf_str(&out);
	*at = end;
	return end < line.n && !is_blank(line.s[end]) ? "a blank stands behind a quoted word"
						      : NULL;
}

/* NULL, with *word, and *at moved past it and the blanks behind; else what is wrong. */
static const char *take_word(struct arena *scratch, struct str line, size_t *at, bool key,
			     struct str *word)
{
	const char *why = NULL, *none;
	struct path path;
	size_t from = *at;

	if (line.s[from] == '"') {
		why = quoted_word(scratch, line, at, word);
	} else {
		while (*at < line.n && !is_blank(line.s[*at]))
			(*at)++;
		*word = str_sub(line, from, *at - from);
		if (str_chr(*word, '"') >= 0)
			why =
			    "a quote stands at the beginning of a word, and '\\\"' in a quoted one";
		else if (key && str_ends(*word, STR(":")))
			why = "a key has no ':' behind it, write 'key value value ...'";
		else if (!key && str_ends(*word, STR(",")))
			why = "values have blanks between them and no ',', write 'key value value "
			      "...'";
	}
	if (!why && word->n == 0)
		why = key ? "the key is empty" : "a value is empty";
	if (why)
		return why;
	while (*at < line.n && is_blank(line.s[*at]))
		(*at)++;
	if (str_chr(*word, '@') >= 0 && path_parse(scratch, *word, false, &path, &none))
		*word = path.text;
	return NULL;
}

static void put_number(struct buf *out, size_t number)
{
	buf_putc(out, (char)(number >> 8));
	buf_putc(out, (char)(number & 0xff));
}

bool map_add(struct arena *arena, struct arena *scratch, struct texts *texts, struct str line,
	     const char **why_r)
{
	struct buf values = {.arena = scratch}, with = {.arena = scratch};
	struct str key = {0}, value;
	size_t at = 0, count = 0;

	line = str_trim(line);
	*why_r = line.n == 0 ? "the key is empty" : take_word(scratch, line, &at, true, &key);
	while (!*why_r && at < line.n) {
		*why_r = take_word(scratch, line, &at, false, &value);
		if (*why_r)
			break;
		put_number(&values, value.n);
		buf_add(&values, value);
		count++;
	}
	if (*why_r)
		return false;
	if (count == 0) {
		*why_r =
		    str_printf(scratch,
			       "the key '" STR_FMT "' has no value, write 'key value value ...'",
			       STR_ARG(key))
			.s;
		return false;
	}
	put_number(&with, count);
	buf_add(&with, buf_str(&values));
	if (texts_add(arena, texts, key, buf_str(&with)))
		return true;
	*why_r = str_printf(scratch,
			    "the key '" STR_FMT
			    "' is there already, write all its values behind the first",
			    STR_ARG(key))
		     .s;
	return false;
}

static size_t take_number(const char **at)
{
	const unsigned char *bytes = (const unsigned char *)*at;

	*at += 2;
	return (size_t)bytes[0] << 8 | bytes[1];
}

struct value map_values(const char *with, struct arena *arena)
{
	size_t count = take_number(&with);
	struct value *items = arena_array(arena, count, sizeof(*items));

	for (size_t i = 0; i < count; i++) {
		size_t n = take_number(&with);

		items[i] = value_text((struct str){with, n});
		with += n;
	}
	return value_list(items, count);
}
