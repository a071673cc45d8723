#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Sessions that wait for dead name servers hold up no other: 200 of them at once, all of whose
commands come in the same moment, and mail that needs no DNS among them. No stopwatch says so but
the order of the answers: whoever needs no DNS is done before the first of the others hears anything.
"""

import os
import select
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "lib"), os.path.join(HERE, "..", "dns")]

import faulty  # noqa: E402
from commandkit import Folder  # noqa: E402
from daemon import Postern, program  # noqa: E402
from milterpeer import STEPS_V2, Milter, deliver  # noqa: E402
from mta import wait_until  # noqa: E402
from report import Tests, contains, equal, true  # noqa: E402

tests = Tests()
SESSIONS = 200
IDLE_MOST = 32      # threads without work that a daemon keeps
EVERY = 12          # one in so many needs no DNS
BUDGET = 8          # seconds, of a command
SLACK = 2           # what a busy machine may add
POLICY = """
set resolver "127.0.0.1@%d"
known: accept when sender.domain is "friend.example"
no:    reject 550 5.7.23 "SPF" when spf is fail
"""


class Session(Milter):
    """One that has had its HELO, and every command of which is answered."""

    def __init__(self, where, number):
        super().__init__(where, steps=STEPS_V2, timeout=30)
        self.stuck = number % EVERY != 5
        self.domain = "drop%d.example" % number if self.stuck else "friend.example"
        self.negotiate()
        self.connect("host.example", "192.0.2.%d" % (number % 250 + 1))
        self.helo("host.example")

    def begin(self):
        self.packet(b"M", b"<a@%s>\0" % self.domain.encode())


def threads(daemon):
    """Of the filter process."""
    pid = daemon.process.pid
    with open("/proc/%d/task/%d/children" % (pid, pid), encoding="ascii") as file:
        return len(os.listdir("/proc/%s/task" % file.read().split()[0]))


def answers(sessions, seconds):
    """[(session, reply, seconds since now)] in the order in which they come."""
    begun = time.monotonic()
    poll, waiting, heard = select.poll(), {}, []
    for session in sessions:
        waiting[session.socket.fileno()] = session
        poll.register(session.socket, select.POLLIN)
    while waiting and time.monotonic() < begun + seconds:
        # What is there at once came in no order that could be told; the quick ones go first.
        ready = [waiting[fd] for fd, _ in poll.poll(100)]
        for session in sorted(ready, key=lambda s: s.stuck):
            poll.unregister(session.socket)
            del waiting[session.socket.fileno()]
            heard.append((session, session.reply(), time.monotonic() - begun))
    return heard


@tests.test
def sessions_that_wait_hold_up_no_others():
    server = faulty.Server()
    with Folder() as folder:
        path = os.path.join(folder.path, "filter.sock")
        where = "unix:" + path
        with Postern(folder.path, path, POLICY % server.port) as daemon:
            sessions = [Session(where, number) for number in range(SESSIONS)]
            time.sleep(0.5)     # all threads are idle now, and few
            for session in sessions:
                session.begin()
            # A client that comes now, with a message of its own.
            late = deliver(where, "<a@friend.example>", ["<b@here.example>"], client="192.0.2.1")
            equal(late.verdict, "accept", "a message amid sessions that wait")
            equal(select.select([s.socket for s in sessions if s.stuck], [], [], 0)[0], [],
                  "sessions that waited, answered before that message was through")
            heard = answers(sessions, 30)
            equal(len(heard), SESSIONS, "sessions that were answered")
            quick = [place for place, (session, _, _) in enumerate(heard) if not session.stuck]
            equal(quick, list(range(len(quick))), "places of those that need no DNS")
            for session, reply, took in heard:
                equal(reply.kind, "accept", session.domain)
                true(took < BUDGET + SLACK, "%s: answered after %.1f s" % (session.domain, took))
            for session in sessions:
                session.close()
            # The threads that waited go again.
            wait_until(lambda: threads(daemon) < SESSIONS // 2, 20)
            equal(deliver(where, "<a@friend.example>", ["<b@here.example>"]).verdict, "accept",
                  "a message afterwards")


@tests.test
def without_threads_sessions_wait_and_that_is_said():
    server = faulty.Server()
    with Folder() as folder:
        path = os.path.join(folder.path, "filter.sock")
        where = "unix:" + path
        shim = os.path.join(folder.path, "stinted.so")
        subprocess.run(["cc", "-shared", "-fPIC", "-o", shim, os.path.join(HERE, "stinted.c")],
                       check=True, timeout=60)
        stinted = folder.file("stinted", b"\0")
        command = ["env", "LD_PRELOAD=" + shim, "STINTED=" + stinted,
                   "ASAN_OPTIONS=" + os.environ.get("ASAN_OPTIONS", "") +
                   ":verify_asan_link_order=0", program()]
        with Postern(folder.path, path, POLICY % server.port, command=command) as daemon:
            sessions = [Session(where, 2 * number) for number in range(IDLE_MOST + 8)]
            quick = Session(where, 5)
            with open(stinted, "r+b", buffering=0) as file:
                file.write(b"\1")
            # As many as had a thread that was idle, and one more.
            begun = []
            for session in sessions:
                session.begin()
                begun.append(session)
                if wait_until(lambda: "no more threads" in daemon.log(), 0.05):
                    break
            contains(daemon.log(), "TasksMax=", "what is to be done")
            quick.begin()
            with open(stinted, "r+b", buffering=0) as file:
                file.write(b"\0")
            heard = answers(begun + [quick], 4 * BUDGET)
            equal([reply.kind for _, reply, _ in heard], ["accept"] * (len(begun) + 1), "replies")
            equal(daemon.log().count("no more threads"), 1, "said once")
            equal(deliver(where, "<a@friend.example>", ["<b@here.example>"]).verdict, "accept",
                  "a message afterwards")
            for session in begun + [quick]:
                session.close()


tests.finish()
