/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Patterns through PCRE2. Bytes are matched, not characters: mail is not always valid UTF-8. The
 * match limit bounds what a hostile text can cost; beyond it the answer is "could not tell".
 *
 * They are interpreted, unless `set jit on`: machine code wants memory that can be written and
 * executed in the process that faces strangers. Its answers are the same; only where the limit of
 * a match is may differ, for fewer steps are counted there.
 */

#define PCRE2_CODE_UNIT_WIDTH 8
#include "postern/pattern.h"

#include <pcre2.h>
#include <pthread.h>
#include <string.h>

#include "postern/meter.h"

/* About 10 ms at the most on the reference machine; ordinary matches take a few hundred steps. */
#define MATCH_LIMIT 200000
#define HEAP_LIMIT_KB 4096
#define SUBJECT_MOST 65536

/* Enough to tell most texts; a longer one would make the search for it, without case, slower. */
#define BEGINNING_MOST 16

/*
 * Of machine code, for what it may have to go back to: with this much it can tell wherever the
 * interpreter can with its heap. What is not needed is not touched.
 */
#define STACK_FIRST 32768
#define STACK_MOST (1024 * 1024)

struct pattern {
	pcre2_code *code;
	pcre2_match_context *context;
	struct str text, flags;
	struct str beginning; /* a text that is nowhere within cannot match; empty: not known */
	bool no_case;
	bool machine; /* it is machine code */
};

static void pattern_free(void *handle)
{
	struct pattern *pattern = handle;

	pcre2_match_context_free(pattern->context);
	pcre2_code_free(pattern->code);
}

static bool plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/*
 * The letters and digits that every match begins with. The last of them is left out unless nothing
 * follows it: what does may say how often it is there.
 */
static struct str beginning_of(struct str text, struct str flags)
{
	size_t n = 0;

	if (str_chr(text, '|') >= 0 || str_chr(flags, 'x') >= 0)
		return STR("");
	while (n < text.n && plain(text.s[n]))
		n++;
	if (n < text.n && n > 0)
		n--;
	return str_sub(text, 0, n < BEGINNING_MOST ? n : BEGINNING_MOST);
}

/* Most texts hold no match, and to search for a few letters is cheaper than to interpret. */
static bool may_match(const struct pattern *pattern, struct str text)
{
	struct str beginning = pattern->beginning;

	if (beginning.n == 0 || text.n < beginning.n)
		return beginning.n == 0;
	if (!pattern->no_case)
		return memmem(text.s, text.n, beginning.s, beginning.n) != NULL;
	/* A set bit more makes small letters of capital ones and leaves digits as they are. */
	for (size_t i = 0; i + beginning.n <= text.n; i++)
		if ((text.s[i] | 0x20) == (beginning.s[0] | 0x20) &&
		    str_casestarts(str_sub(text, i, text.n), beginning))
			return true;
	return false;
}

struct pattern *pattern_new(struct arena *arena, struct str text, struct str flags,
			    const char **why_r, size_t *at_r)
{
	struct pattern *pattern = arena_new_of(arena, struct pattern);
	uint32_t options = PCRE2_NEVER_BACKSLASH_C | PCRE2_NO_AUTO_CAPTURE;
	PCRE2_SIZE at = 0;
	int error;

	*at_r = 0;
	pattern->text = text;
	pattern->flags = flags;
	pattern->beginning = beginning_of(text, flags);
	for (size_t i = 0; i < flags.n; i++) {
		if (flags.s[i] == 'i') {
			options |= PCRE2_CASELESS;
			pattern->no_case = true;
		} else if (flags.s[i] == 'x') {
			options |= PCRE2_EXTENDED;
		} else {
			*why_r = "a pattern's flags are 'i' (no case) and 'x' (extended)";
			return NULL;
		}
	}
	arena_cleanup(arena, pattern_free, pattern);
	pattern->code = pcre2_compile((PCRE2_SPTR)text.s, text.n, options, &error, &at, NULL);
	if (!pattern->code) {
		char *message = arena_alloc(arena, 200);

		pcre2_get_error_message(error, (PCRE2_UCHAR *)message, 200);
		*why_r = message;
		*at_r = at;
		return NULL;
	}
	pattern->context = pcre2_match_context_create(NULL);
	if (!pattern->context) {
		*why_r = "out of memory";
		return NULL;
	}
	pcre2_set_match_limit(pattern->context, MATCH_LIMIT);
	pcre2_set_heap_limit(pattern->context, HEAP_LIMIT_KB);
	return pattern;
}

/* What one match may cost is bounded by its limits, what all those of a message cost by the meter.
 */
int pattern_matches(const struct pattern *pattern, struct str text)
{
	pcre2_match_data *data;
	int result;

	if (text.n > SUBJECT_MOST || meter_over())
		return -1;
	/* Machine code searches as fast. */
	if (!pattern->machine && !may_match(pattern, text))
		return 0;
	data = pcre2_match_data_create(1, NULL);
	if (!data)
		return -1;
	result =
	    pcre2_match(pattern->code, (PCRE2_SPTR)text.s, text.n, 0, 0, data, pattern->context);
	pcre2_match_data_free(data);
	if (result == PCRE2_ERROR_NOMATCH)
		return 0;
	return result < 0 ? -1 : 1;
}

/* ---- machine code ---- */

static bool never; /* set before there are threads */

void pattern_jit_never(void)
{
	never = true;
}

const char *pattern_jit_missing(void)
{
	static const PCRE2_UCHAR probe[] = "a";
	uint32_t offered = 0;
	PCRE2_SIZE at;
	int result;
	pcre2_code *code;

	if (never)
		return "the daemon was started without 'set jit on': that takes a restart";
	if (pcre2_config(PCRE2_CONFIG_JIT, &offered) < 0 || offered == 0)
		return "this machine's PCRE2 has no JIT";
	code = pcre2_compile(probe, 1, 0, &result, &at, NULL);
	result = code ? pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) : PCRE2_ERROR_NOMEMORY;
	pcre2_code_free(code);
	return result == 0 ? NULL
			   : "no memory can be written and executed here (systemd: a drop-in with "
			     "'MemoryDenyWriteExecute=no' lets it)";
}

static pthread_key_t stacks;
static bool stacks_kept;

static void stack_free(void *stack)
{
	pcre2_jit_stack_free(stack);
}

static void stacks_begin(void)
{
	stacks_kept = pthread_key_create(&stacks, stack_free) == 0;
}

/* The calling thread's own, until it ends. NULL: 32 KB of its ordinary stack do. */
static pcre2_jit_stack *stack_of_thread(void *unused)
{
	pcre2_jit_stack *stack;

	(void)unused;
	if (!stacks_kept)
		return NULL;
	stack = pthread_getspecific(stacks);
	if (stack)
		return stack;
	stack = pcre2_jit_stack_create(STACK_FIRST, STACK_MOST, NULL);
	if (stack && pthread_setspecific(stacks, stack) != 0) {
		pcre2_jit_stack_free(stack);
		return NULL;
	}
	return stack;
}

bool pattern_jit(struct pattern *pattern)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	size_t size = 0;

	if (never || pcre2_jit_compile(pattern->code, PCRE2_JIT_COMPLETE) != 0 ||
	    pcre2_pattern_info(pattern->code, PCRE2_INFO_JITSIZE, &size) != 0)
		return false;
	/* Of one that begins with '(*NO_JIT)' there is none, as it asks. */
	if (size == 0)
		return true;
	pthread_once(&once, stacks_begin);
	pcre2_jit_stack_assign(pattern->context, stack_of_thread, NULL);
	pattern->machine = true;
	return true;
}

bool pattern_same(const struct pattern *a, const struct pattern *b)
{
	return str_eq(a->text, b->text) && str_eq(a->flags, b->flags);
}

/* Behind the ']' or '}' that closes what begins at `at`, or, of '|', before the group's ')'. */
static size_t skip_to(struct str text, size_t at, char end)
{
	size_t depth = 0;

	for (; at < text.n; at++) {
		if (text.s[at] == '\\')
			at++;
		else if (text.s[at] == end && depth == 0)
			return at;
		else if (end == ')' && text.s[at] == '(')
			depth++;
		else if (end == ')' && text.s[at] == ')')
			depth--;
	}
	return text.n;
}

static void add_escaped(struct buf *out, char c)
{
	switch (c) {
	case 'd':
		buf_putc(out, '0');
		break;
	case 'w':
	case 'S':
	case 'D':
		buf_putc(out, 'a');
		break;
	case 's':
	case 'W':
		buf_putc(out, ' ');
		break;
	case 'b':
	case 'B':
	case 'A':
	case 'z':
		break;
	default:
		buf_putc(out, c);
		break;
	}
}

struct str pattern_example(struct arena *arena, const struct pattern *pattern)
{
	struct str text = pattern->text;
	struct buf out = {.arena = arena};

	buf_puts(&out, "");
	for (size_t i = 0; i < text.n; i++) {
		switch (text.s[i]) {
		case '\\':
			if (++i < text.n)
				add_escaped(&out, text.s[i]);
			break;
		case '|':
			i = skip_to(text, i, ')') - 1;
			break;
		case '[':
			if (i + 1 < text.n && text.s[i + 1] != '^')
				buf_putc(&out, text.s[i + 1] == '\\' && i + 2 < text.n
						   ? text.s[i + 2]
						   : text.s[i + 1]);
			else
				buf_putc(&out, '_');
			i = skip_to(text, i + 2, ']');
			break;
		case '{':
			i = skip_to(text, i, '}');
			break;
		case '.':
			buf_putc(&out, 'x');
			break;
		case '(':
			if (i + 2 < text.n && text.s[i + 1] == '?')
				i += 2; /* "(?:" and its like */
			break;
		case ')':
		case '^':
		case '$':
		case '*':
		case '+':
		case '?':
			break;
		default:
			buf_putc(&out, text.s[i]);
			break;
		}
	}
	return buf_str(&out);
}
