# SPDX-License-Identifier: BSD-2-Clause
"""What healthy mail suffers from strangers' mail whose DNS is dead.

The name server answers until the cache has all that the healthy mail needs, and never again. Then
healthy mail goes through over 16 connections, alone and beside 184 connections of other domains,
of which every question dies: with cached answers and from clients that are believed, as fast as it
goes, and with a pause before each session, so that the daemon's threads are idle in between.
"""

import json
import os
import select
import signal
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from milterpeer import STEPS_V2, Milter  # noqa: E402

HEALTHY, DEAD = 16, 184
FIRST_DEAD = 40000
TEXTS = ["dkim=pass", "spf=pass", "dmarc=pass"]
PAUSE = 100         # milliseconds before each session, where there is little to do
LONGEST = 25        # seconds that a session may take to see that its DNS is dead


def threads(pid):
    """Of the daemon's processes."""
    total = 0
    with open("/proc/%d/task/%d/children" % (pid, pid), encoding="ascii") as file:
        for child in file.read().split():
            total += len(os.listdir("/proc/%s/task" % child))
    return total


def wait_threads(pid, good):
    until = time.monotonic() + LONGEST
    while time.monotonic() < until:
        if good(threads(pid)):
            return
        time.sleep(0.1)
    raise SystemExit("the daemon has %d threads" % threads(pid))


class Dying:
    """Connections whose DNS is dead, one message after the other."""

    def __init__(self, bench, pid, folder):
        self.pid = pid
        with open(bench.path("dying.json"), "wb") as out:
            self.process = subprocess.Popen(
                [bench.path("load"), "--json", "-s", "unix:" + bench.path("postern.sock"), "-l",
                 os.path.join(folder, "list"), "-c", str(DEAD), "-n", "1000000"], stdout=out)
        self.out = bench.path("dying.json")
        bench.daemons.append(self.process)
        wait_threads(pid, lambda count: count > DEAD // 2)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)
        wait_threads(self.pid, lambda count: count < DEAD // 4)
        with open(self.out, encoding="ascii") as file:
            return json.load(file)


def storm(where):
    """All connections speak in the same moment, when all threads are idle. Milliseconds until the
    healthy ones were answered, and until the others were."""
    sessions, waiting, times = [], {}, {True: [], False: []}
    for number in range(HEALTHY + DEAD):
        session = Milter(where, steps=STEPS_V2).negotiate()
        session.healthy = number % 12 == 5 and number < HEALTHY * 12
        session.left = 1 if session.healthy else 3
        sessions.append(session)
    time.sleep(0.5)
    poll = select.poll()
    for number, session in enumerate(sessions):
        address = b"198.%d.77.%d" % (19 if session.healthy else 18, number)
        session.packet(b"C", b"host.example\0" + b"4\0\0" + address + b"\0")
        if not session.healthy:
            session.packet(b"H", b"host.example\0")
            session.packet(b"M", b"<a@storm%d-%d.example>\0" % (number, time.monotonic_ns()))
        session.begun = time.monotonic()
        waiting[session.socket.fileno()] = session
        poll.register(session.socket, select.POLLIN)
    while waiting:
        for fd, _ in poll.poll(LONGEST * 1000):
            session = waiting[fd]
            more = True
            while more and session.left:
                session.reply()
                session.left -= 1
                more = session.pending()
            if session.left == 0:
                times[session.healthy].append((time.monotonic() - session.begun) * 1000)
                poll.unregister(fd)
                waiting.pop(fd).close()
    return times[True], times[False]


def believed(bench):
    """The list of healthy messages as they come from clients that are believed."""
    with open(os.path.join(bench.mail, "list"), encoding="ascii") as file:
        text = file.read().replace("\t198.18.", "\t198.19.")
    return bench.write("believed", text.replace("messages/", bench.mail + "/messages/"))


def measure(bench, start):
    arguments = bench.arguments
    seconds = 5 if arguments.quick else 15
    dead_mail = bench.make_folder(4096, "mixed", FIRST_DEAD)
    bench.make_mail(4096)
    server = bench.start_dns()
    pid = start()
    kinds = {
        "cached": (TEXTS, None, 0), "cached, calm": (TEXTS, None, PAUSE),
        "believed": ([], believed(bench), 0), "believed, calm": ([], believed(bench), PAUSE)}
    bench.load("postern", pid, HEALTHY, 400, TEXTS, warm=0)
    os.kill(server, signal.SIGSTOP)
    runs = {(kind, dead): [] for kind in kinds for dead in (0, DEAD)}
    dying, storms = [], []
    try:
        for turn in range(arguments.rounds):
            for dead in (0, DEAD) if turn % 2 == 0 else (DEAD, 0):
                beside = Dying(bench, pid, dead_mail) if dead else None
                for kind, (texts, listed, pause) in kinds.items():
                    runs[kind, dead].append(bench.load(
                        "postern", pid, HEALTHY, 10 ** 7, texts, listed=listed, seconds=seconds,
                        pause=pause))
                if beside:
                    dying.append(beside.stop())
            storms.append(storm("unix:" + bench.path("postern.sock")))
            print("round %d of %d done" % (turn + 1, arguments.rounds), flush=True)
    finally:
        os.kill(server, signal.SIGCONT)
    report(seconds, arguments.rounds, kinds, runs, dying)
    report_storms(storms)
    return [{"scenario": "dead", "mail": kind, "dead": dead, "runs": these}
            for (kind, dead), these in runs.items()] + [{"scenario": "storm", "runs": storms}]


def report_storms(storms):
    print("%d storms: all %d connections speak in the same moment" % (len(storms), HEALTHY + DEAD))
    for what, which in (("healthy", 0), ("dying", 1)):
        times = sorted(time for one in storms for time in one[which])
        print("%-7s  answered after p50 %.1f  p99 %.1f  max %.1f ms"
              % (what, times[len(times) // 2], times[len(times) * 99 // 100], times[-1]))


def report(seconds, rounds, kinds, runs, dying):
    def median(these, *keys):
        values = []
        for run in these:
            for key in keys:
                run = run[key]
            values.append(run)
        return statistics.median(values)

    print("dead: %d healthy connections, %d seconds a run, medians of %d rounds; ms are of single "
          "commands" % (HEALTHY, seconds, rounds))
    row = "%-15s  %5s  %10s  %8s  %8s  %8s  %8s  %11s"
    print(row % ("healthy mail", "dying", "messages/s", "of alone", "p50 ms", "p99 ms", "max ms",
                 "CPU ms/msg"))
    for kind in kinds:
        alone = median(runs[kind, 0], "rate")
        for dead in (0, DEAD):
            these = runs[kind, dead]
            rate = median(these, "rate")
            print(row % (kind, dead, "%.0f" % rate, "%.2f" % (rate / alone),
                         "%.2f" % median(these, "reply_ms", "p50"),
                         "%.2f" % median(these, "reply_ms", "p99"),
                         "%.2f" % median(these, "reply_ms", "max"),
                         "%.3f" % median(these, "cpu_ms")))
    print("longest command of a dying connection: %.1f s"
          % (max(run["reply_ms"]["max"] for run in dying) / 1000))
