/* SPDX-License-Identifier: BSD-2-Clause */
/* Arenas: memory that is zeroed and aligned, clean-ups in order, the way out when memory ends. */

#include "postern/arena.h"

#include <signal.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "postern/str.h"
#include "tests/unit/unit.h"

/* Memory that ends is what is tested: a sanitizer's malloc() must let it. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

static bool zeroed(const unsigned char *memory, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (memory[i] != 0)
			return false;
	return true;
}

static void test_memory_is_zeroed_and_aligned(void)
{
	struct arena *arena = arena_new(NULL);

	for (size_t size = 0; size < 5000; size += 7) {
		unsigned char *memory = arena_alloc(arena, size);

		CHECK(memory != NULL);
		CHECK_INT((uintptr_t)memory % 16, 0);
		CHECK(zeroed(memory, size));
		memset(memory, 0xff, size);
	}
	arena_free(&arena);
	CHECK(arena == NULL);
	arena_free(&arena);
}

static void test_pieces_do_not_overlap(void)
{
	struct arena *arena = arena_new(NULL);
	unsigned char *pieces[300];

	for (size_t i = 0; i < 300; i++) {
		pieces[i] = arena_alloc(arena, 1 + i * 13 % 700);
		memset(pieces[i], (int)i, 1 + i * 13 % 700);
	}
	for (size_t i = 0; i < 300; i++)
		for (size_t j = 0; j < 1 + i * 13 % 700; j++)
			CHECK(pieces[i][j] == (unsigned char)i);
	arena_free(&arena);
}

/* A large object must not waste what is left of the chunk before it. */
static void test_large_objects_stand_alone(void)
{
	struct arena *arena = arena_new(NULL);
	char *small = arena_alloc(arena, 16), *next;
	size_t before;

	memset(arena_alloc(arena, 1 << 20), 1, 1 << 20);
	before = arena_size(arena);
	CHECK(before >= 1 << 20);
	CHECK(before < (1 << 20) + 4096);
	next = arena_alloc(arena, 16);
	CHECK_INT(next - small, 16);
	CHECK_INT(arena_size(arena), before);
	arena_free(&arena);
}

static char order[16];

static void note(void *handle)
{
	strcat(order, handle);
}

static void test_cleanups_run_last_first(void)
{
	struct arena *arena = arena_new(NULL), *child = arena_new(arena);

	order[0] = '\0';
	arena_cleanup(arena, note, "a");
	arena_cleanup(arena, note, "b");
	arena_cleanup(child, note, "c");
	arena_free(&arena);
	CHECK_STR(str_of(order), "cba");
}

static void test_children_may_go_first(void)
{
	struct arena *parent = arena_new(NULL);
	struct arena *one = arena_new(parent), *two = arena_new(parent), *three = arena_new(parent);

	order[0] = '\0';
	arena_cleanup(one, note, "1");
	arena_cleanup(two, note, "2");
	arena_cleanup(three, note, "3");
	arena_free(&two);
	CHECK_STR(str_of(order), "2");
	arena_free(&three);
	arena_free(&one);
	CHECK_STR(str_of(order), "231");
	arena_new(arena_new(parent));
	arena_free(&parent);
	CHECK_STR(str_of(order), "231");
}

static size_t huge(void)
{
	static volatile size_t size = SIZE_MAX / 2;

	return size;
}

/* What is allocated, how: each must leave through the guard. */
static int way_out(struct arena *of, struct arena *in, int how)
{
	jmp_buf out;

	if (setjmp(out) != 0) {
		arena_guard(of, NULL);
		return 1;
	}
	arena_guard(of, &out);
	if (how == 0)
		arena_alloc(in, huge() * 2 + 1);
	else if (how == 1)
		arena_alloc(in, huge());
	else if (how == 2)
		arena_array(in, huge(), 3);
	arena_guard(of, NULL);
	return 0;
}

static void test_guard(void)
{
	struct arena *parent = arena_new(NULL), *child = arena_new(arena_new(parent));

	order[0] = '\0';
	arena_cleanup(child, note, "x");
	for (int how = 0; how < 3; how++) {
		CHECK_INT(way_out(parent, parent, how), 1);
		CHECK_INT(way_out(parent, child, how), 1);
		CHECK_INT(way_out(child, child, how), 1);
	}
	CHECK_INT(way_out(parent, child, 3), 0);
	/* The arena goes on as before. */
	CHECK(zeroed(arena_alloc(child, 100), 100));
	CHECK_STR(str_of(order), "");
	arena_free(&parent);
	CHECK_STR(str_of(order), "x");
}

/* Without a guard: a line on stderr and SIGABRT, nothing silent. */
static void test_no_guard(void)
{
	struct arena *arena = arena_new(NULL);
	int status = 0, pipes[2];
	char text[200] = "";
	pid_t child;

	CHECK(pipe(pipes) == 0);
	fflush(stdout);
	child = fork();
	if (child == 0) {
		struct rlimit none = {0, 0};

		setrlimit(RLIMIT_CORE, &none);
		signal(SIGABRT, SIG_DFL);
		dup2(pipes[1], 2);
		arena_array(arena, huge(), 3);
		_exit(0);
	}
	close(pipes[1]);
	CHECK(read(pipes[0], text, sizeof(text) - 1) > 0);
	close(pipes[0]);
	CHECK(waitpid(child, &status, 0) == child);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == ARENA_EXIT);
	CHECK(strstr(text, "out of memory") != NULL);
	arena_free(&arena);
}

static unsigned freed;

static void count_freed(void *handle)
{
	(void)handle;
	freed++;
}

struct trial {
	struct arena *left;
	bool exhausts, nested;
};

static void make_arenas(void *ctx)
{
	struct trial *trial = ctx;
	struct arena *inner;

	if (trial->nested) {
		struct trial own = {.exhausts = true};

		CHECK(!arena_attempt(make_arenas, &own));
		CHECK_INT(freed, 2);
		own.exhausts = false;
		CHECK(arena_attempt(make_arenas, &own));
	}
	trial->left = arena_new(NULL);
	arena_cleanup(trial->left, count_freed, NULL);
	inner = arena_try();
	CHECK(inner != NULL);
	arena_cleanup(inner, count_freed, NULL);
	if (trial->exhausts)
		arena_exhausted(NULL);
	arena_free(&inner);
}

static void test_attempt(void)
{
	struct trial trial = {.exhausts = false};

	freed = 0;
	CHECK(arena_attempt(make_arenas, &trial));
	CHECK_INT(freed, 1);
	/* What was left is a root of its own. */
	(void)arena_alloc(trial.left, 10);
	arena_free(&trial.left);
	CHECK_INT(freed, 2);

	freed = 0;
	trial.exhausts = true;
	CHECK(!arena_attempt(make_arenas, &trial));
	CHECK_INT(freed, 2);

	/* An attempt within one: what the inner one left goes with the outer one. */
	freed = 0;
	trial.nested = true;
	CHECK(!arena_attempt(make_arenas, &trial));
	CHECK_INT(freed, 6);
}

static bool fits(struct arena *arena, size_t size)
{
	struct arena *volatile held = arena;
	jmp_buf out;
	volatile bool fitted = false;

	if (setjmp(out) == 0) {
		arena_guard(arena, &out);
		arena_alloc(arena, size);
		fitted = true;
	}
	arena_guard(held, NULL);
	return fitted;
}

/* All that stands below an arena counts, until it is freed. */
static void test_limit(void)
{
	struct arena *root = arena_new(NULL), *child = arena_new(root), *below = arena_new(child);
	size_t empty = arena_total(root);

	CHECK_INT(arena_total(below), empty);
	arena_limit(root, empty + 100000);
	CHECK(fits(below, 60000));
	CHECK(!arena_limited(below));
	CHECK(!fits(root, 40016));
	CHECK(arena_limited(below));
	CHECK(fits(child, 40000));
	CHECK_INT(arena_total(root), empty + 100000);
	arena_free(&child);
	CHECK(arena_total(root) < empty);
	CHECK(fits(root, 100000));
	CHECK_INT(arena_total(root), arena_size(root));
	arena_limit(root, 0);
	CHECK(fits(root, 1000000));
	arena_free(&root);
}

static void test_vectors(void)
{
	struct arena *arena = arena_new(NULL);
	VEC(int) numbers = {0};

	for (int i = 0; i < 10000; i++)
		*vec_push(arena, &numbers) = i;
	CHECK_INT(numbers.count, 10000);
	for (int i = 0; i < 10000; i++)
		CHECK(numbers.items[i] == i);
	/* Doubling: old storage stays, but never more than as much again. */
	CHECK(arena_size(arena) < 6 * 10000 * sizeof(int));
	arena_free(&arena);
}

int main(void)
{
	RUN(test_memory_is_zeroed_and_aligned);
	RUN(test_pieces_do_not_overlap);
	RUN(test_large_objects_stand_alone);
	RUN(test_cleanups_run_last_first);
	RUN(test_children_may_go_first);
	RUN(test_guard);
	RUN(test_no_guard);
	RUN(test_attempt);
	RUN(test_limit);
	RUN(test_vectors);
	return unit_done();
}
