/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * postern fmt: policies in canonical form, to standard output or back into their files. A file is
 * replaced in one step, and only by a text that has been written whole.
 */

#include "filter/command/command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "postern/arena.h"
#include "postern/diag.h"
#include "postern/format.h"

/* As much as a policy may have to be loaded. */
#define POLICY_FILE_MOST (16u << 20)

struct options {
	bool write, check;
};

static bool complain(const char *path, const char *why)
{
	fprintf(stderr, "postern fmt: %s: %s\n", path, why);
	return false;
}

static bool write_all(int fd, struct str text)
{
	while (text.n > 0) {
		ssize_t n = write(fd, text.s, text.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		text = str_sub(text, (size_t)n, text.n);
	}
	return true;
}

/* Gives the open file the mode and the owner of the one it is to replace, and the text. */
static bool fill(int fd, const struct stat *old, struct str text)
{
	struct stat own;

	if (fstat(fd, &own) != 0)
		return false;
	if ((own.st_uid != old->st_uid || own.st_gid != old->st_gid) &&
	    fchown(fd, old->st_uid, old->st_gid) != 0)
		return false;
	return fchmod(fd, old->st_mode & 07777) == 0 && write_all(fd, text) && fsync(fd) == 0;
}

/* A rename is safe on the disk once its folder is. */
static void sync_folder(struct arena *arena, const char *path)
{
	const char *slash = strrchr(path, '/');
	struct str folder = {path, slash == path ? 1 : (size_t)(slash - path)};
	int fd = open(str_dup(arena, folder).s, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	fsync(fd);
	close(fd);
}

/* `path` has no symbolic links, so that the file itself is replaced, not a link to it. */
static bool replace(struct arena *arena, const char *path, struct str text)
{
	size_t size = strlen(path) + sizeof(".XXXXXX");
	char *temporary = arena_alloc(arena, size);
	struct stat old;
	int fd, why = 0;

	snprintf(temporary, size, "%s.XXXXXX", path);
	if (stat(path, &old) != 0)
		return complain(path, strerror(errno));
	if (!S_ISREG(old.st_mode))
		return complain(path, "not a regular file");
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return complain(temporary, strerror(errno));
	if (!fill(fd, &old, text))
		why = errno;
	if (close(fd) != 0 && why == 0)
		why = errno;
	if (why == 0 && rename(temporary, path) != 0)
		why = errno;
	if (why != 0) {
		unlink(temporary);
		return complain(path, strerror(why));
	}
	sync_folder(arena, path);
	return true;
}

static bool write_back(struct arena *arena, const char *path, struct str text)
{
	char *real = realpath(path, NULL);

	if (!real)
		return complain(path, strerror(errno));
	arena_cleanup(arena, free, real);
	return replace(arena, real, text);
}

static bool print(struct str text)
{
	if (fwrite(text.s, 1, text.n, stdout) == text.n && fflush(stdout) == 0)
		return true;
	return complain("standard output", strerror(errno));
}

static bool format(struct arena *arena, const char *path, struct str *before_r, struct str *after_r)
{
	bool input = strcmp(path, "-") == 0;
	struct diag *diag = diag_new(arena);
	struct source *source;
	const char *why;

	if (!source_read(arena, input ? "/dev/stdin" : path, POLICY_FILE_MOST, &source, &why))
		return complain(path, why);
	source->name = input ? "standard input" : path;
	if (!format_policy(arena, source, diag, after_r)) {
		diag_print(diag, stderr);
		return false;
	}
	*before_r = source->text;
	return true;
}

static int fmt(const char *path, const struct options *options)
{
	struct arena *arena = arena_new(NULL);
	struct str before, after;
	int status = EXIT_FINE;

	if (!format(arena, path, &before, &after)) {
		status = EXIT_BROKEN;
	} else if (!options->write && !options->check) {
		status = print(after) ? EXIT_FINE : EXIT_BROKEN;
	} else if (!str_eq(before, after)) {
		if (options->check) {
			fprintf(stderr, "%s: not in canonical form\n", path);
			status = EXIT_NO;
		} else if (!write_back(arena, path, after)) {
			status = EXIT_BROKEN;
		}
	}
	arena_free(&arena);
	return status;
}

static int run(const struct command *self, int argc, char **argv)
{
	struct options options = {0};
	int status = EXIT_FINE, first = 1;

	for (; first < argc && argv[first][0] == '-' && argv[first][1]; first++) {
		if (strcmp(argv[first], "-w") == 0)
			options.write = true;
		else if (strcmp(argv[first], "--check") == 0)
			options.check = true;
		else if (strcmp(argv[first], "--") != 0)
			return command_usage(self, "no option '%s'", argv[first]);
		else if (first++)
			break;
	}
	if (first == argc)
		return command_usage(self, "which policy?");
	if (options.write && options.check)
		return command_usage(self, "-w and --check exclude each other");
	if (argc - first > 1 && !options.write && !options.check)
		return command_usage(self, "one policy at a time, or -w or --check");
	for (int i = first; options.write && i < argc; i++)
		if (strcmp(argv[i], "-") == 0)
			return command_usage(self, "-w wants files, not standard input");
	for (int i = first; i < argc; i++) {
		int one = fmt(argv[i], &options);

		status = one > status ? one : status;
	}
	return status;
}

const struct command command_fmt = {
    .name = "fmt",
    .synopsis = "POLICY | -w POLICY... | --check POLICY...",
    .help = "a policy in canonical form",
    .options = "  -w       write it back to its file, if that is not so already\n"
	       "  --check  only say, by status 1, that a policy is not in canonical form\n"
	       "  -        as POLICY: standard input\n",
    .run = run,
};
