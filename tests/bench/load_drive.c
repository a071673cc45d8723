/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All sessions together: the event loop, and what is measured. Measuring begins when the
 * warm-up's last message has its verdict and ends with the last message's, so that it sees the
 * sessions at work at once all the time but for the very end.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include "load_session.h"

#define DRIVE_EVENTS 256

static double drive_own_cpu(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void drive_sample(struct series *series, uint64_t from, uint64_t to)
{
	if (series->count == series->capacity) {
		series->capacity = series->capacity * 2 + 1024;
		series->values =
		    load_resize(series->values, series->capacity * sizeof(*series->values));
	}
	series->values[series->count++] = (double)(to - from) / 1e6;
}

static void drive_begin(struct drive *drive)
{
	const struct plan *plan = drive->plan;

	drive->measuring = true;
	drive->cpu_before = usage_cpu_seconds(plan->pids, plan->pid_count);
	drive->own_cpu_before = drive_own_cpu();
	drive->began_at = load_now();
}

static void drive_end(struct drive *drive)
{
	const struct plan *plan = drive->plan;
	struct result *result = drive->result;

	result->seconds = (double)(load_now() - drive->began_at) / 1e9;
	result->own_cpu_seconds = drive_own_cpu() - drive->own_cpu_before;
	result->cpu_seconds = usage_cpu_seconds(plan->pids, plan->pid_count) - drive->cpu_before;
	result->resident_bytes = usage_resident_bytes(plan->pids, plan->pid_count);
	drive->measuring = false;
}

void drive_count_setup(struct drive *drive, const struct session *session)
{
	if (drive->measuring)
		drive_sample(&drive->result->setup_ms, session->opened_at, session->mail_at);
}

void drive_count_reply(struct drive *drive, uint64_t asked_at)
{
	if (drive->measuring)
		drive_sample(&drive->result->reply_ms, asked_at, load_now());
}

void drive_count_message(struct drive *drive, const struct session *session, enum verdict verdict)
{
	struct result *result = drive->result;
	const struct edit *edit = &session->edit;

	drive->finished++;
	if (drive->measuring) {
		result->verdicts[verdict]++;
		if (verdict != VERDICT_BROKEN)
			drive_sample(&result->message_ms, session->mail_at, load_now());
		result->recipients_refused += session->recipients_refused;
		result->fields_added += edit->added;
		result->fields_changed += edit->changed;
		result->other_edits += edit->others;
		for (size_t i = 0; i < drive->plan->text_count; i++)
			result->texts[i] += edit->texts[i];
		if (++result->measured == drive->plan->messages)
			drive_end(drive);
	} else if (drive->finished == drive->plan->warmup) {
		drive_begin(drive);
	}
}

static void drive_open_again(struct drive *drive)
{
	uint64_t now = load_now();

	drive->unopened = 0;
	for (size_t i = 0; i < drive->plan->connections; i++) {
		struct session *s = &drive->sessions[i];

		if (s->unopened && now < s->pause_until) {
			drive->unopened++;
		} else if (s->unopened) {
			s->unopened = false;
			if (s->links[0].fd < 0 && drive->plan->pause > 0)
				s->opened_at = now;
			session_run(s);
		}
	}
}

static void drive_event(const struct epoll_event *event)
{
	struct link *link = event->data.ptr;
	struct session *s = link->owner;

	if (link->fd < 0) /* closed by an event before this one */
		return;
	if (event->events & EPOLLOUT && link->blocked) {
		link_flush(link);
		session_run(s);
	}
	if (link->fd >= 0 && event->events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		session_readable(s, link);
	session_run(s);
}

static void drive_loop(struct drive *drive)
{
	struct epoll_event events[DRIVE_EVENTS];
	uint64_t answered_at = load_now();

	while (drive->live > 0 && !*drive->plan->stop) {
		int count =
		    epoll_wait(drive->poll, events, DRIVE_EVENTS, drive->unopened ? 1 : 1000);

		if (count < 0 && errno != EINTR)
			load_die("epoll_wait: %s", strerror(errno));
		if (count > 0)
			answered_at = load_now();
		else if (load_now() - answered_at > drive->plan->timeout * UINT64_C(1000000000))
			load_die("no answer for %u seconds", drive->plan->timeout);
		for (int i = 0; i < count; i++)
			drive_event(&events[i]);
		drive_open_again(drive);
	}
}

void drive_run(const struct plan *plan, const struct mail *mail, struct result *result)
{
	struct drive drive = {.plan = plan, .mail = mail, .result = result};

	memset(result, 0, sizeof(*result));
	drive.poll = epoll_create1(EPOLL_CLOEXEC);
	if (drive.poll < 0)
		load_die("epoll_create1: %s", strerror(errno));
	drive.sessions = calloc(plan->connections, sizeof(*drive.sessions));
	if (!drive.sessions)
		load_die("out of memory");
	drive.live = plan->connections;
	if (plan->warmup == 0)
		drive_begin(&drive);
	for (size_t i = 0; i < plan->connections; i++) {
		struct session *s = &drive.sessions[i];

		s->drive = &drive;
		for (size_t k = 0; k < LOAD_MILTERS_MAX; k++) {
			s->links[k].fd = -1;
			s->links[k].owner = s;
		}
		session_next(s);
		/* Not all at once. */
		s->pause_until -= plan->pause / plan->connections * i;
		session_run(s);
	}
	drive_loop(&drive);
	if (drive.measuring)
		drive_end(&drive);
	for (size_t i = 0; i < plan->connections; i++) {
		for (size_t k = 0; k < LOAD_MILTERS_MAX; k++)
			link_free(&drive.sessions[i].links[k]);
		edit_free(&drive.sessions[i].edit);
	}
	free(drive.sessions);
}
