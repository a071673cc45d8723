/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processor time and memory of the daemons under test. The processor time comes from each
 * process's own clock: nanoseconds, ended threads included, unlike the 10 ms of /proc/PID/stat.
 */
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

/* The parent of a process; 0: none, or it has ended. */
static pid_t usage_parent(pid_t pid)
{
	char path[64], line[512], *after;
	FILE *file;
	long parent = 0;

	snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	file = fopen(path, "r");
	if (!file)
		return 0;
	/* The name stands in parentheses and may itself hold blanks and parentheses. */
	if (fgets(line, sizeof(line), file) && (after = strrchr(line, ')')) != NULL &&
	    sscanf(after + 1, " %*c %ld", &parent) != 1)
		parent = 0;
	fclose(file);
	return (pid_t)parent;
}

static bool usage_descends(pid_t pid, const pid_t *pids, size_t count)
{
	for (int depth = 0; pid > 1 && depth < 64; depth++) {
		for (size_t i = 0; i < count; i++)
			if (pids[i] == pid)
				return true;
		pid = usage_parent(pid);
	}
	return false;
}

typedef double usage_fn(pid_t pid);

static double usage_sum(const pid_t *pids, size_t count, usage_fn *measure)
{
	DIR *directory = opendir("/proc");
	struct dirent *entry;
	double sum = 0;

	if (!directory)
		load_die("/proc cannot be read");
	while ((entry = readdir(directory)) != NULL) {
		pid_t pid = (pid_t)atol(entry->d_name);

		if (isdigit((unsigned char)*entry->d_name) && usage_descends(pid, pids, count))
			sum += measure(pid);
	}
	closedir(directory);
	return sum;
}

static double usage_process_seconds(pid_t pid)
{
	struct timespec spent;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &spent) != 0)
		return 0;
	return (double)spent.tv_sec + (double)spent.tv_nsec / 1e9;
}

static double usage_process_bytes(pid_t pid)
{
	char path[64];
	FILE *file;
	unsigned long pages = 0;

	snprintf(path, sizeof(path), "/proc/%ld/statm", (long)pid);
	file = fopen(path, "r");
	if (!file)
		return 0;
	if (fscanf(file, "%*u %lu", &pages) != 1)
		pages = 0;
	fclose(file);
	return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

double usage_cpu_seconds(const pid_t *pids, size_t count)
{
	return count ? usage_sum(pids, count, usage_process_seconds) : 0;
}

size_t usage_resident_bytes(const pid_t *pids, size_t count)
{
	return count ? (size_t)usage_sum(pids, count, usage_process_bytes) : 0;
}
