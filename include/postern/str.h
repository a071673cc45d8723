/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POSTERN_STR_H
#define POSTERN_STR_H

/*
 * Counted strings. A struct str borrows its bytes; the arena (or the literal) they stand in owns
 * them. Bytes may hold anything, NUL included. A builder grows in an arena and is always
 * NUL-terminated, so that what it made may also be handed to C libraries.
 */

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct arena;

struct str {
	const char *s;
	size_t n;
};

/* A struct str of a string literal; STR_FMT and STR_ARG print one with printf. */
#define STR(literal) ((struct str){(literal), sizeof(literal) - 1})
#define STR_FMT "%.*s"
#define STR_ARG(x) (int)(x).n, (x).s

/* The string of a NUL-terminated one; NULL gives the empty string. Borrows. */
struct str str_of(const char *s);

bool str_eq(struct str a, struct str b);
/* ASCII case-insensitive, as SMTP and header field names want it. */
bool str_caseeq(struct str a, struct str b);
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
bool str_casestarts(struct str s, struct str prefix);
/* Does `s` contain `part`? The empty string is contained in every string. */
bool str_has(struct str s, struct str part);
/* Equal for strings that str_caseeq() finds equal (FNV-1a of the lower case). */
uint64_t str_hash(struct str s);
/* <0, 0, >0 by bytes, a shorter prefix first. */
int str_cmp(struct str a, struct str b);
/* Index of byte `c` in `s`, or -1; str_rchr from the end. */
ptrdiff_t str_chr(struct str s, char c);
ptrdiff_t str_rchr(struct str s, char c);
/* The part of `s` from `from` (at most its length) of at most `n` bytes. Borrows. */
struct str str_sub(struct str s, size_t from, size_t n);
/* Without blanks, tabs, CR and LF at both ends. Borrows. */
struct str str_trim(struct str s);

/* Copies into the arena; the copy is NUL-terminated. */
struct str str_dup(struct arena *arena, struct str s);
/* ASCII lower case, copied into the arena, NUL-terminated. */
struct str str_lower(struct arena *arena, struct str s);
struct str str_printf(struct arena *arena, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/*
 * Makes bytes from the wire safe for a log line or a terminal: printable ASCII stays, all else
 * (and backslash) becomes \xHH; cut to at most `max` bytes of output with "..." at the end.
 */
struct str str_clean(struct arena *arena, struct str s, size_t max);

/* An unsigned decimal number that fills the whole of `s` and is at most `max`. */
bool str_uint(struct str s, uint64_t max, uint64_t *value_r);

/* A growing string. Zero-initialise with the arena set: struct buf b = {.arena = arena}; */
struct buf {
	struct arena *arena;
	char *s;
	size_t n, size;
};

void buf_add(struct buf *buf, struct str s);
void buf_puts(struct buf *buf, const char *s);
void buf_putc(struct buf *buf, char c);
void buf_printf(struct buf *buf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* What was built so far; stays valid until the next addition. */
struct str buf_str(const struct buf *buf);

#endif
