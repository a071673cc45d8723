#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Limits that show at the socket: how long a mail server waits while no name server answers, and
what becomes of sessions beyond the most that there may be."""

import os
import resource
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

from commandkit import Folder, answer  # noqa: E402
from daemon import Postern, seconds_used  # noqa: E402
from httpunix import get  # noqa: E402
from milterpeer import Milter, deliver  # noqa: E402
from mta import wait_until  # noqa: E402
from report import Tests, contains, equal, true  # noqa: E402

tests = Tests()
SOURCE = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..")
POLICY = """set resolver "127.0.0.1@%d"
listed:   reject "listed" when any dnsbl("list.example") is 127.0.0.2
spf-fail: reject "SPF" when spf is fail
bad-to:   reject "bad" when any rhsbl("list.example", recipient.domain) is 127.0.0.2
          add authentication-results
dmarc:    reject "DMARC" when dkim is temperror and dmarc.disposition is reject
sealed:   reject "sealed" when any arc.sealer is "sealer.example"
"""


def limits():
    """{name: number} of include/postern/limits.h, where it is a number."""
    found = {}
    with open(os.path.join(SOURCE, "include/postern/limits.h"), encoding="ascii") as header:
        for line in header:
            words = line.split()
            if len(words) == 3 and words[0] == "#define" and words[2].isdigit():
                found[words[1]] = int(words[2])
    return found


LIMITS = limits()
# What a busy machine may add to a second that somebody else counts.
SLACK = 1.0


class Timed(Milter):
    """Notes when each packet of the filter came."""

    def __init__(self, *arguments, **options):
        self.times = []
        super().__init__(*arguments, **options)

    def receive(self):
        packet = super().receive()
        self.times.append(time.monotonic())
        return packet


class DeadServer:
    """A name server that takes every question and answers none."""

    def __enter__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.questions = 0
        self.thread = threading.Thread(target=self.take, daemon=True)
        self.thread.start()
        return self

    def take(self):
        try:
            while self.socket.recv(4096):
                self.questions += 1
        except OSError:
            pass

    def __exit__(self, *exception):
        self.socket.close()


@tests.test
def every_step_is_answered_in_time_though_no_name_server_answers():
    with Folder() as folder, DeadServer() as dead, \
            Postern(folder.path, os.path.join(folder.path, "s"), POLICY % dead.port) as server, \
            Timed("unix:" + server.path, timeout=60) as m:
        m.negotiate()
        steps = [
            ("connect", lambda: m.connect("c.example", "198.51.100.9", 25000)),
            ("helo", lambda: m.helo("c.example")),
            ("mail", lambda: m.mail("<a@sender.example>")),
            ("rcpt", lambda: m.rcpt("<b@one.example>")),
            ("rcpt", lambda: m.rcpt("<c@one.example>")),
            ("data", m.data),
            ("header", lambda: m.header("From", " a@author.example")),
            ("header", lambda: m.header(
                "DKIM-Signature", " v=1; a=rsa-sha256; c=relaxed/relaxed; d=signer.example; s=s;"
                " h=From; bh=ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=; b=YWJj")),
            ("eoh", m.eoh),
            ("body", lambda: m.body(b"text\r\n")),
        ]
        waited = {}
        for name, step in steps:
            began = time.monotonic()
            reply = step()
            true(reply is None or reply.kind == "continue",
                 "%s is answered %r: %s" % (name, reply, server.log()))
            took = time.monotonic() - began
            waited[name] = max(took, waited.get(name, 0))
            true(took <= LIMITS["LIMIT_COMMAND_SECONDS"] + SLACK, "%s took %.1f s" % (name, took))
        began = time.monotonic()
        m.times = [began]
        reply = m.eom()
        took = time.monotonic() - began
        gaps = [b - a for a, b in zip(m.times, m.times[1:])]
        true(took <= LIMITS["LIMIT_MESSAGE_SECONDS"] + SLACK, "end of message took %.1f s" % took)
        true(max(gaps) <= 5 + SLACK, "no word for %.1f s" % max(gaps))
        if took > LIMITS["LIMIT_PROGRESS_SECONDS"] + SLACK / 2:
            true(reply.progress > 0, "there is word before the answer, after %.1f s" % took)
        else:
            raise AssertionError("nobody waited long enough at the end: %.1f s" % took)
        print("waited: " + ", ".join("%s %.1f" % item for item in waited.items()) +
              ", eom %.1f, longest silence %.1f s" % (took, max(gaps)))
        true(dead.questions > 0, "the server was asked")
        true(max(waited.values()) + took > 4, "somebody waited")
        equal((reply.kind, reply.code), ("tempfail", 451), "what is not known is no reason to accept")


# Each pattern gives up by itself, but not all of them together.
SLOW = "".join('add header "X-%d: y" when subject matches /^(a|a)+(x|y|%d)$/\n' % (n, n)
               for n in range(2000)) + 'reject "no" when subject matches /zz$/\n'


@tests.test
def a_message_that_costs_too_much_is_deferred():
    with Folder() as folder, \
            Postern(folder.path, os.path.join(folder.path, "s"), SLOW, dns="") as server:
        pid = answer("status", "-c", server.policy_path, "--json")["pid"]
        before = seconds_used(pid)
        outcome = deliver("unix:" + server.path, "<a@example.net>", ["<b@example.org>"],
                          b"Subject: " + 50 * b"a" + b"b\r\n\r\ntext\r\n", timeout=60)
        used = seconds_used(pid) - before
        equal((outcome.reply.code, outcome.reply.enhanced), (451, "4.3.0"), "the reply")
        true(wait_until(lambda: "it costs too much CPU time" in server.log(), 10), "the log says so")
        true(used < 3 * LIMITS["LIMIT_CPU_MS"] / 1000 + SLACK / 2, "it took %.2f s" % used)


def opened(server):
    m = Milter("unix:" + server.path)
    m.negotiate()
    m.connect("c.example", "198.51.100.9", 25000)
    return m


def mail_of(m):
    m.helo("c.example")
    reply = m.mail("<a@example.net>")
    if reply is None or reply.kind == "continue":
        reply = m.rcpt("<b@example.org>")
    return reply.kind


def descriptors(wanted):
    """Ours and those of the programs that we start; False: there cannot be so many."""
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
        return True
    except (ValueError, OSError):
        return False


@tests.test
def sessions_beyond_the_most_are_deferred():
    most = LIMITS["LIMIT_SESSIONS"]
    if not descriptors(2 * most):
        tests.skip("sessions: there cannot be %d descriptors" % (2 * most))
        return
    with Folder() as folder:
        metrics = os.path.join(folder.path, "metrics")
        server = Postern(folder.path, os.path.join(folder.path, "s"),
                         'set metrics "unix:%s"\nreject "no" when subject is "x"' % metrics, dns="")
        with server:
            held = [opened(server) for _ in range(most)]
            equal({mail_of(m) for m in held[:20]}, {"continue"}, "as many as there may be")
            beyond = [opened(server) for _ in range(3)]
            equal({mail_of(m) for m in beyond}, {"tempfail"}, "one more, and another")
            equal(server.log().count("%d sessions at once are all" % most), 1, "lines about it")
            contains(get(metrics), "postern_sessions_refused_total 3", "metrics")
            for m in beyond + held[most // 2:]:
                m.close()
            true(wait_until(lambda: "sessions are let in again" in server.log(), 10), "it is over")
            again = opened(server)
            equal(mail_of(again), "continue", "a new one")
            equal(mail_of(held[0]), "continue", "an old one")
            for m in held[:most // 2] + [again]:
                m.close()


tests.finish()
