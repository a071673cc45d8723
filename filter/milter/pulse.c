/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parent tells the service manager of the filter process: that it serves, that it
 * reloads, and, for the watchdog, that it answers. For that it speaks to its own socket as an MTA
 * would and waits for an answer, unless MTAs were answered meanwhile.
 */

#include "filter/milter/process.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "postern/clock.h"
#include "postern/service.h"

/* A filter that takes as long to negotiate is not well. */
#define PROBE_MS 10000
/* SMFIC_OPTNEG, version 6, all actions and steps of the year 2010; then SMFIC_QUIT. */
static const unsigned char hello[] = {0, 0,    0, 13,   'O',  0,    0, 0, 6, 0, 0,
				      1, 0xff, 0, 0x1f, 0xff, 0xff, 0, 0, 0, 1, 'Q'};

/* ---- shared by the processes ---- */

struct pulse *pulse_new(void)
{
	struct pulse *pulse =
	    mmap(NULL, sizeof(*pulse), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return pulse == MAP_FAILED ? NULL : pulse;
}

/* ---- in the filter process ---- */

static struct {
	struct pulse *pulse; /* set before threads start, constant from then on */
	pid_t parent;
	const struct nudge *nudge;
	int64_t interval;
} room;

void pulse_begin(struct pulse *pulse, pid_t parent)
{
	room.pulse = pulse;
	room.parent = parent;
}

static void news(atomic_uint *of)
{
	atomic_fetch_add(of, 1);
	kill(room.parent, PARENT_NEWS);
}

void pulse_serving(void)
{
	news(&room.pulse->serving);
}

void pulse_answered(void)
{
	atomic_fetch_add_explicit(&room.pulse->answers, 1, memory_order_relaxed);
}

void milter_reloading(bool over, bool refused)
{
	if (over)
		atomic_store(&room.pulse->refused, refused);
	news(over ? &room.pulse->reloads_over : &room.pulse->reloads_begun);
}

static bool ready(int fd, short events)
{
	struct pollfd at = {.fd = fd, .events = events};

	return poll(&at, 1, PROBE_MS) == 1 && (at.revents & events) != 0;
}

static void probe(void)
{
	char answer[1];
	int fd;

	/* Nobody new is answered for want of descriptors: that is not to die of. */
	if (atomic_load(&room.nudge->held)) {
		pulse_answered();
		return;
	}
	fd = nudge_connect(room.nudge);
	if (fd < 0)
		return;
	if (ready(fd, POLLOUT) &&
	    send(fd, hello, sizeof(hello), MSG_NOSIGNAL) == (ssize_t)sizeof(hello) &&
	    ready(fd, POLLIN) && recv(fd, answer, sizeof(answer), 0) == (ssize_t)sizeof(answer))
		pulse_answered();
	close(fd);
}

static void *pulse_run(void *unused)
{
	struct timespec pause = {.tv_sec = (time_t)(room.interval / NS_PER_S),
				 .tv_nsec = (long)(room.interval % NS_PER_S)};
	unsigned before = 0, now;

	(void)unused;
	for (;;) {
		now = atomic_load(&room.pulse->answers);
		if (now == before)
			probe();
		before = now;
		nanosleep(&pause, NULL);
	}
	return NULL;
}

bool pulse_start(const struct nudge *nudge, int64_t interval)
{
	pthread_t thread;

	room.nudge = nudge;
	room.interval = interval;
	if (pthread_create(&thread, NULL, pulse_run, NULL) != 0)
		return false;
	pthread_detach(thread);
	return true;
}

/* ---- in the parent ---- */

static void tell_state(const struct milter_config *config, void *ctx, const char *state,
		       bool refused)
{
	char status[256] = "serving";

	if (config->status)
		config->status(ctx, status, sizeof(status));
	service_tell("%sSTATUS=%s%s", state, status,
		     refused ? "; the last reload was refused, see the log" : "");
}

void pulse_tell(struct pulse *pulse, struct heard *heard, const struct milter_config *config,
		void *ctx)
{
	unsigned serving = atomic_load(&pulse->serving), begun = atomic_load(&pulse->reloads_begun),
		 over = atomic_load(&pulse->reloads_over), answers = atomic_load(&pulse->answers);

	if (begun != heard->begun)
		service_tell("RELOADING=1\nMONOTONIC_USEC=%lld\nSTATUS=reloading",
			     (long long)(clock_now(&clock_system) / 1000));
	if (serving != heard->serving || over != heard->over)
		tell_state(config, ctx, "READY=1\n", atomic_load(&pulse->refused));
	if (answers != heard->answers || serving != heard->serving)
		service_tell("WATCHDOG=1");
	*heard = (struct heard){serving, begun, over, answers};
}
